"""The recipe and BayesianMF on tables of few ratings: as good as damped means, on ratings of people and made-up."""

import numpy as np
import pytest

from benchmarks import small_tables
from collabkit import BayesianMF, MeanBaseline, Ratings, random_split
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


def nearly_all_one_star(n: int, seed: int) -> Ratings:
    df = small_tables.whole_users(n, seed).frame
    half_more = np.random.default_rng(seed).random(n) < 0.02
    return Ratings.from_frame(df.assign(rating=np.where(half_more, 1.5, 1.0)), scale=(0.5, 5))


@pytest.mark.filterwarnings("ignore:the chain has not settled")
@pytest.mark.parametrize("made", [small_tables.whole_users, small_tables.the_busiest, nearly_all_one_star])
def test_the_sampler_is_no_worse_than_damped_means(made):
    splits = [random_split(made(500, seed), seed=seed) for seed in small_tables.SEEDS]
    sampled = [small_tables.predictor(BayesianMF(seed=seed), split) for seed, split in enumerate(splits)]
    damped = [small_tables.predictor(MeanBaseline(damping=small_tables.DAMPING), split) for split in splits]
    worse, error = difference(sampled, damped)
    assert worse <= error


@pytest.mark.parametrize("table", ["movielens", "whole_users"])
def test_every_sample_that_was_measured_says_the_same(table):
    for n, models in STORED["tables"][table].items():
        assert all(len(set(runs)) == len(small_tables.SEEDS) for runs in models.values()), n
        mean, error = difference(models["RECIPE"], models["damped means"])
        assert mean <= error, f"{n} ratings"


def test_on_many_users_of_five_ratings_each_it_is_worse():
    """What `which_models` warns of: the decay goes by the size of the table, and not by the ratings in a row."""
    cold, whole = (STORED["tables"][table]["100000"] for table in ("five_each", "movielens"))
    assert np.min(np.subtract(cold["RECIPE"], cold["damped means"])) > 0.02
    assert np.max(np.subtract(cold["ALS"], cold["damped means"])) < 0
    assert np.max(np.subtract(whole["RECIPE"], whole["damped means"])) < 0


@pytest.mark.parametrize("table", small_tables.MEASURED)
@pytest.mark.parametrize("n", [500, 2_000])
def test_samples_have_the_size_and_the_shape_that_the_file_says(table, n):
    samples = [small_tables.TABLES[table](n, seed) for seed in small_tables.SEEDS]
    assert {len(one) for one in samples} == {n}
    per_row = np.mean([n / (one.n_users + one.n_items) for one in samples])
    assert STORED["shapes"][table][str(n)]["per row"] == pytest.approx(per_row, abs=0.005)


def test_nobody_has_more_than_five_each():
    ratings = small_tables.five_each(5_000, seed=0)
    assert np.bincount(ratings.user).max() == 5
    assert ratings.n_users > 1_000 > small_tables.movielens(5_000, seed=0).n_users


def test_the_busiest_have_many():
    busy, all_over = small_tables.the_busiest(2_000, seed=0), small_tables.movielens(2_000, seed=0)
    assert np.median(np.bincount(busy.user)) > 5 * np.median(np.bincount(all_over.user))
    assert np.median(np.bincount(busy.item)) > 5 * np.median(np.bincount(all_over.item))
