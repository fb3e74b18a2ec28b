"""How seconds and memory grow: what the benchmark takes the time of, and what its file says."""

import pytest

from benchmarks import scale
from benchmarks.speed import SIZES, by_sweep
from collabkit import BayesianMF
from collabkit.results import load
from tests.tables import random_ratings

STORED = load("scale")
ROWS = {(scale.named(row), row["ratings"]): row for row in STORED["rows"]}


@pytest.mark.filterwarnings("ignore:the chain has not settled")
def test_a_sweep_is_timed_from_its_beginning_to_the_next():
    model = BayesianMF(1, n_samples=3, burn_in=2)
    spent = by_sweep(lambda: model.fit(random_ratings()))
    assert len(spent) == 1 + len(model.trace_) + 1
    assert all(clock > 0 and processor >= 0 for clock, processor in spent)


def test_an_exponent_is_that_of_the_rows_from_a_million_on():
    rows = [{"ratings": n, "once_cpu": 3e-6 * n**1.1} for n in SIZES]
    rows[0]["once_cpu"] *= 50
    assert scale.slope(rows, "once_cpu") == pytest.approx(1.1, abs=0.001)


@pytest.mark.parametrize("name", ["BayesianMF", "BayesianMF with features", "ALS"])
def test_sweeps_are_near_linear(name):
    assert 0.8 < STORED["exponents"][name]["once_cpu"] < 1.15


def test_features_are_never_expanded_to_rating_rows():
    """In float32, a row of columns for each rating alone would be more than all that the process ever held."""
    for n in SIZES:
        row = ROWS["BayesianMF with features", n]
        expanded = row["ratings"] * row["columns"] * 4 / 2**20
        assert n < 1_000_000 or row["mb"] < expanded


def test_films_of_the_made_up_tables_have_years_and_genres():
    ratings = random_ratings()
    made = scale.films(ratings)
    assert made.films["genres"].str.count(r"\|").eq(1).all()
    assert made.films["year"].between(1920, 2019).all()
    assert (made.user == ratings.user).all()
