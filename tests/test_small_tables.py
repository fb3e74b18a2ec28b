"""The recipe on tables of few ratings: as good as damped means, on ratings of people and on made-up ones."""

import numpy as np
import pytest

from benchmarks import small_tables
from collabkit import MeanBaseline, random_split
from collabkit.results import load

pytestmark = pytest.mark.usefixtures("read_once")
STORED = load("small_tables")


def difference(recipe, damped) -> tuple[float, float]:
    """Mean by which the recipe is worse, over samples, and the standard error of that mean."""
    worse = np.subtract(recipe, damped)
    return worse.mean(), worse.std(ddof=1) / len(worse) ** 0.5


CASES = [("movielens", 500), ("movielens", 5_000), ("three_to_five", 6_000), ("only_noise", 2_000)]


@pytest.mark.parametrize(("table", "n"), CASES)
def test_the_recipe_is_no_worse_than_damped_means(table, n):
    recipe, damped, mean = [], [], []
    for seed in range(3):
        split = random_split(small_tables.TABLES[table](n, seed), seed=seed)
        recipe.append(small_tables.recipe(split, seed))
        damped.append(small_tables.predictor(MeanBaseline(damping=small_tables.DAMPING), split))
        mean.append(small_tables.predictor(MeanBaseline(()), split))
    worse, error = difference(recipe, damped)
    assert worse <= error
    assert table == "only_noise" or np.mean(recipe) < np.mean(mean)


@pytest.mark.parametrize("table", STORED["tables"])
def test_every_sample_that_was_measured_says_the_same(table):
    for n, models in STORED["tables"][table].items():
        assert all(len(set(runs)) == len(small_tables.SEEDS) for runs in models.values()), n
        mean, error = difference(models["RECIPE"], models["damped means"])
        assert mean <= error, f"{n} ratings"
