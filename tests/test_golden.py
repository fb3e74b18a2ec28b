"""Two fits on the embedded ratings that give the numbers they always gave: what moves them moves every score.

Measured with torch 2.13.0 on an x86 processor. With and without its vector instructions, on one thread or two, they
agree to 1e-7. A change of ours that moves them is meant, and `make bands` has run again, or it is a fault. When an
update of torch does it: check that the last commit with the torch of before still gives the old number, run
`make bands`, whose spread shows whether only the draws are others, and put the new one here.
"""

import pytest
import torch

from collabkit import (
    RECIPE,
    BayesianMF,
    DotProductBias,
    collab_dataloaders,
    evaluate,
    load_movielens,
    random_split,
    rating_learner,
)

CLOSE = 2e-5  # in squared stars: a rate of 7.6e-3 instead of 7.5e-3 changes more


@pytest.fixture(scope="module")
def split():
    return random_split(load_movielens(), seed=0)


def test_the_course_recipe(split):
    torch.manual_seed(0)
    model = DotProductBias(split.train.n_users, split.train.n_items, RECIPE.n_factors, y_range=(0, 5.5))
    learn = rating_learner(collab_dataloaders(split, device="cpu", seed=0), model)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(RECIPE.epochs)
        assert learn.validate()[0] == pytest.approx(0.746206, abs=CLOSE)


def test_a_short_chain(split):
    model = BayesianMF(n_factors=8, n_samples=10, burn_in=10, seed=0, device="cpu", progress=False)
    assert evaluate(model.fit(split.train), split)["rmse"] ** 2 == pytest.approx(0.738114, abs=CLOSE)
