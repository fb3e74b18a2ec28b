"""BayesianMF on ten small made-up shapes: as good as damped means, and a warning only where predictions move."""

import numpy as np
import pytest

from benchmarks import shapes
from benchmarks.shapes import SHAPES, compared, five_stars, worse
from collabkit import random_split
from collabkit.chains import FELT
from collabkit.results import load

pytestmark = pytest.mark.filterwarnings("ignore:column .rating. has 0 in")  # who played once, as a logarithm
STORED = load("shapes")["shapes"]
QUICK = ["all the same star", "nearly all the same star", "two users", "long tail, new users and items"]


def on_seeds(split, n_seeds=4):
    return [compared(split(seed), seed) for seed in range(n_seeds)]


@pytest.mark.parametrize("name", QUICK)
def test_it_is_no_worse_than_damped_means(name):
    by, error = worse(on_seeds(SHAPES[name].split))
    assert by <= error


def test_users_of_a_few_ratings_that_are_all_five_stars_do_not_decide():
    """With a noise of their own for each of them it was worse."""
    by, error = worse(on_seeds(lambda seed: random_split(five_stars(3_000, np.random.default_rng(seed)), seed=seed)))
    assert by <= error


@pytest.mark.parametrize("name", SHAPES)
def test_it_was_no_worse_on_all_samples(name):
    by, error = worse(STORED[name]["runs"])
    assert by <= error


@pytest.mark.parametrize("name", SHAPES)
def test_where_it_warned_predictions_did_move(name):
    for run in STORED[name]["runs"]:
        assert run["moved"] is None or run["moved"] > FELT / 4 * run["BayesianMF"]


def test_the_stored_samples_are_these():
    """The means, which have no chance in them, come out as they did."""
    for name, stored in STORED.items():
        split = SHAPES[name].split(0)
        assert (stored["ratings"], len(stored["runs"])) == (SHAPES[name].n, len(shapes.SEEDS))
        assert len(split.train) + len(split.valid) == SHAPES[name].n
        means = shapes.error(shapes.DAMPED.fit(split.train), split)
        assert stored["runs"][0]["damped means"] == pytest.approx(means, abs=1e-5)
