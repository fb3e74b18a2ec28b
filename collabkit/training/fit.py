"""Fit: a recipe from start to end, in one call and in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from collabkit.learner import RatingLearner, rating_learner
from collabkit.loaders import collab_dataloaders
from collabkit.recipe import RECIPE, Recipe
from collabkit.splits import Split

Model = Callable[[int, int, int], nn.Module]  # a class of models, or what else builds one from U, I and K


def fit_recipe(
    split: Split, model: Model, recipe: Recipe = RECIPE, seed: int = 0, replacement: bool = False, **learner: Any
) -> RatingLearner:
    """Fit a new model to the training part of a split, as the chapters do it step by step; returns its learner.

    Args:
        model: called with the number of users, the number of items, and the factors of the recipe.
        recipe: taken for as many ratings as the split trains on (:meth:`collabkit.recipe.Recipe.sized`).
        seed: of the start, the batches and the dropout. The random numbers of the caller are left alone.
        replacement: draw each batch with replacement; see :func:`collabkit.collab_dataloaders`.
        learner: what else :func:`collabkit.rating_learner` takes, such as ``decay_biases`` or ``cbs``.
    """
    train, recipe = split.train, recipe.sized(len(split.train))
    dls = collab_dataloaders(split, bs=recipe.bs, seed=seed, replacement=replacement)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        learn = rating_learner(dls, model(train.n_users, train.n_items, recipe.n_factors), wd=recipe.wd, **learner)
        with learn.no_bar(), learn.no_logging():
            learn.fit_one_cycle(recipe.epochs, recipe.lr)
    return learn
