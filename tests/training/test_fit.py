"""A recipe in one call: the loop that the chapters write out, to the bit."""

from functools import partial

import pytest
import torch

from collabkit import EmbeddingNet, collab_dataloaders, random_split, rating_learner
from collabkit.models import DotProductBias
from collabkit.recipe import Recipe
from collabkit.training.fit import fit_recipe
from tests.tables import random_ratings

RECIPE = Recipe(bs=20_000, epochs=2, lr=0.02, wd=0.3, n_factors=4)  # batches shrink with the table
NET = partial(EmbeddingNet, y_range=(0, 5.5), layers=(6,), embedding_dropout=0.5)


@pytest.fixture(scope="module")
def split():
    return random_split(random_ratings(), seed=0)


def by_hand(split, seed=0, **how):
    sized = RECIPE.sized(len(split.train))
    torch.manual_seed(seed)
    model = NET(split.train.n_users, split.train.n_items, RECIPE.n_factors)
    learn = rating_learner(collab_dataloaders(split, bs=sized.bs, seed=seed, **how), model, wd=sized.wd)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(RECIPE.epochs, RECIPE.lr)
    return learn.recorder.values


@pytest.mark.parametrize("how", [{}, {"replacement": True}])
def test_it_is_the_loop_of_the_chapters(split, how):
    scores = fit_recipe(split, NET, RECIPE, seed=3, **how).recorder.values
    assert scores == by_hand(split, seed=3, **how)
    assert len(scores) == RECIPE.epochs


@pytest.mark.parametrize("setting", RECIPE._fields)
def test_every_setting_of_the_recipe_counts(split, setting):
    other = RECIPE._replace(**{setting: 2 * getattr(RECIPE, setting)})
    assert fit_recipe(split, NET, RECIPE).recorder.values != fit_recipe(split, NET, other).recorder.values


def test_random_numbers_of_the_caller_are_left_alone(split):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit_recipe(split, NET, RECIPE)
    assert torch.equal(torch.rand(3), expected)


def test_the_learner_is_told_the_rest(split):
    learn = fit_recipe(split, DotProductBias, RECIPE, decay_biases=True)
    assert [hyper["wd"] for hyper in learn.opt.hypers] == [learn.wd, learn.wd]
    assert learn.model.user_factors.weight.shape == (split.train.n_users, RECIPE.n_factors)
