"""Fit: a recipe from start to end, in one call and in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from collabkit import checks
from collabkit.bpr import BPR
from collabkit.learner import RankingLoss, RatingLearner, ranking_learner, rating_learner
from collabkit.loaders import collab_dataloaders
from collabkit.ratings import Ratings, rated
from collabkit.recipe import RANKING, RECIPE, Recipe
from collabkit.softmax import SampledSoftmax
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


def fit_ranking(
    train: Ratings,
    at_least: float | None = 4.0,
    loss: Callable[..., RankingLoss] = SampledSoftmax,
    recipe: Recipe = RANKING,
    seed: int = 0,
    model: Model = BPR,
) -> Any:
    """Fit a new :class:`collabkit.BPR` to what users chose, as chapter 15 does it step by step; returns the model.

    Args:
        train: ratings; nothing is held out.
        at_least: stars from which one is a choice; ``None`` takes them all. The others are as if they were not there.
        loss: called with the choices and ``seed=…``: ``SampledSoftmax``, ``BPRLoss``, or a ``partial`` of either.
        recipe: taken for as many choices as there are (:meth:`collabkit.recipe.Recipe.sized`).
        seed: of the start, the batches and the draws. The random numbers of the caller are left alone.
        model: called with the number of users, the number of items, and the factors of the recipe: any module
            ``(B, 2) -> (B, 1)``, such as a ``partial`` of :class:`collabkit.TwoTower`.

    Raises: ``ValueError`` when no rating reaches ``at_least``; what the loss raises.
    """
    rated(train, "train")
    chosen = train if at_least is None else train.take(train.rating >= checks.number("at_least", at_least))
    if not len(chosen):
        raise ValueError(f"no rating reaches at_least={at_least} stars: nothing is left to learn from.")
    recipe = recipe.sized(len(chosen))
    split = Split(chosen, chosen.take([0]))  # fastai measures after every epoch: here on one row, which takes no time
    dls = collab_dataloaders(split, bs=recipe.bs, seed=seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        new = model(train.n_users, train.n_items, recipe.n_factors)
        learn = ranking_learner(dls, new, loss(chosen, seed=seed), wd=recipe.wd, lr=recipe.lr)
        with learn.no_bar(), learn.no_logging():
            learn.fit_one_cycle(recipe.epochs, recipe.lr)
    return new
