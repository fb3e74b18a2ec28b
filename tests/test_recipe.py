import numpy as np
import pytest

from collabkit import (
    BPR,
    QUICK,
    RANKING,
    RECIPE,
    BPRLoss,
    collab_dataloaders,
    random_split,
    ranking_learner,
    rating_learner,
)
from collabkit.models import DotProduct
from collabkit.recipe import SETTLED_ON
from tests.tables import random_ratings


@pytest.mark.parametrize("recipe", [RECIPE, QUICK, RANKING])
def test_the_recipe_is_as_it_was_settled_on_tables_of_that_size_and_larger(recipe):
    assert recipe.sized(SETTLED_ON) == recipe.sized(20_000_000) == recipe


def test_a_smaller_table_keeps_the_steps_of_an_epoch_and_decays_more():
    steps = SETTLED_ON / RECIPE.bs
    for n in (2_000, 10_000, 40_000):
        sized = RECIPE.sized(n)
        assert n / sized.bs == pytest.approx(steps, rel=0.1)
        assert sized.wd == pytest.approx(max(1, min(10, SETTLED_ON / n)) * RECIPE.wd)
        assert sized[1:3] == RECIPE[1:3]  # epochs and rate


def test_no_table_is_too_small_for_a_batch():
    assert RECIPE.sized(0).bs == RECIPE.sized(1).bs == 1


def test_the_recipe_is_what_loader_and_learner_use_by_default():
    split = random_split(random_ratings(), seed=0)
    dls, sized = collab_dataloaders(split), RECIPE.sized(len(split.train))
    learn = rating_learner(dls, DotProduct(40, 60, 5))
    assert (dls.train.bs, learn.wd, learn.lr) == (sized.bs, sized.wd, RECIPE.lr)
    learn = rating_learner(collab_dataloaders(split, bs=64), DotProduct(40, 60, 5), wd=0)
    assert (learn.dls.train.bs, learn.wd) == (64, 0)


def test_a_learner_for_lists_has_its_own():
    split = random_split(random_ratings(), seed=0)
    dls, sized = collab_dataloaders(split), RANKING.sized(len(split.train))
    learn = ranking_learner(dls, BPR(40, 60, 5), BPRLoss(split.train))
    assert (learn.wd, learn.lr) == (sized.wd, RANKING.lr)
    assert ranking_learner(dls, BPR(40, 60, 5), BPRLoss(split.train), wd=0, lr=1).wd == 0


def test_a_table_has_a_number_of_ratings():
    assert RECIPE.sized(np.int64(8_000)) == RECIPE.sized(8_000)
    for bad in (-1, 2.5, float("nan"), float("inf"), "8000", None):
        with pytest.raises((ValueError, TypeError), match="^n_ratings=.*: choose a whole number of at least 0"):
            RECIPE.sized(bad)
