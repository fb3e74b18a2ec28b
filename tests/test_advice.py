"""Which models: what was measured on samples decides, as far as it reaches, and counts are no stars."""

import warnings

import numpy as np
import pandas as pd
import pytest

from benchmarks import small_tables
from collabkit import ALS, ImplicitALS, MeanBaseline, Ratings, evaluate, load_movielens, random_split, which_models
from collabkit.advice import OF_STARS, PENALTY, SPREAD, Measured, _measured, _row
from collabkit.results import load

STORED = load("small_tables")
MODELS = ["MeanBaseline", "DotProductBias", "ALS", "BayesianMF", "ImplicitALS"]


def of_shape(n: int, n_users: int, n_items: int, scale=(1, 10)) -> Ratings:
    rng = np.random.default_rng(0)
    cell = rng.permutation(np.unique(rng.integers(0, n_users * n_items, 2 * n)))[:n]
    assert len(cell) == n
    df = pd.DataFrame({"user": cell // n_items, "item": cell % n_items, "rating": 1 + cell % 10})
    return Ratings.from_frame(df, scale=scale)


def verdicts(ratings: Ratings) -> dict[str, str]:
    return which_models(ratings)["verdict"].to_dict()


def test_a_large_and_warm_table_is_worth_every_model():
    advice = which_models(load_movielens())
    assert advice["verdict"].to_dict() == dict.fromkeys(MODELS, "worth it") | {"MeanBaseline": "baseline"}
    assert advice.loc["ALS", "beat"] == "MeanBaseline(damping=4)"
    assert advice.loc["ImplicitALS", "beat"] == "PopularityBaseline()"
    assert "on 100,000 ratings, 10.3 a row" in advice.loc["ALS", "why"]
    numbers = advice.attrs
    assert numbers["ratings"] == 100_004
    assert numbers["per_row"] == pytest.approx(100_004 / (671 + 9_066))
    assert 0.02 < numbers["cold"] < 0.05


def test_a_tiny_table_is_worth_none():
    assert set(verdicts(of_shape(300, 60, 200)).values()) == {"baseline", "not worth it"}


def test_a_cold_table_is_not_worth_the_recipe_however_large():
    """Twenty thousand users of five ratings each: there the recipe is worse than damped means."""
    runs = STORED["tables"]["five_each"]["100000"]
    assert np.min(np.subtract(runs["RECIPE"], runs["damped means"])) > 0
    found = verdicts(of_shape(60_000, 15_000, 9_000))
    assert found["DotProductBias"] == "not worth it"


def test_beyond_what_was_measured_it_says_so():
    advice = which_models(of_shape(150_000, 60_000, 60_000))  # larger than all samples, and colder than most
    assert advice.loc["BayesianMF", "verdict"] == "measure it"
    assert advice.loc["BayesianMF", "why"].startswith("nothing measured decides; nearest: ")


def measured(ahead: bool, ratings: int, per_row: float) -> Measured:
    return Measured(ratings, per_row, 0.04 if ahead else 0.002, 0.001)


@pytest.mark.parametrize(
    ("shapes", "verdict", "nearest"),
    [
        ([(True, 900, 2), (True, 100, 2)], "worth it", 900),
        ([(True, 900, 4)], "measure it", 900),  # ahead where it is warmer decides nothing
        ([(True, 2_000, 2)], "measure it", 2_000),
        ([(False, 2_000, 4), (False, 9_000, 4)], "not worth it", 2_000),
        ([(False, 2_000, 2)], "measure it", 2_000),  # not ahead where it is colder decides nothing
        ([(False, 900, 4)], "measure it", 900),
        ([(False, 2_000, 4), (True, 900, 2)], "measure it", 900),  # they disagree
    ],
)
def test_smaller_and_colder_speaks_for_it_larger_and_warmer_against(shapes, verdict, nearest):
    found, baseline, why = _row("means", [measured(*one) for one in shapes], n=1_000, per_row=3)
    assert (found, baseline) == (verdict, "means")
    assert f" on {nearest:,} ratings" in why


def test_ahead_is_more_than_three_standard_errors():
    assert Measured(10, 1, gain=0.031, error=0.01).ahead
    assert not Measured(10, 1, gain=0.029, error=0.01).ahead
    assert str(Measured(10_000, 2.44, -0.0312, 0.004)) == "-3.1% ± 0.4% on 10,000 ratings, 2.4 a row"


@pytest.mark.parametrize("model", OF_STARS.values())
def test_gains_are_those_of_the_file(model):
    shapes = _measured("tables", "damped means", model, sign=-1)
    assert len(shapes) == len(small_tables.MEASURED) * len(small_tables.SIZES)
    best = max(shapes)  # of 100,000 ratings, the fullest
    runs = STORED["tables"]["movielens"]["100000"]
    assert best.gain == pytest.approx(1 - np.mean(runs[model]) / np.mean(runs["damped means"]), abs=0.005)


def test_more_of_the_held_out_is_found_where_lists_are_ahead():
    best = max(_measured("lists", "popularity", "ImplicitALS"))
    assert best.ahead
    assert best.gain > 0.3


def test_counts_are_no_stars():
    plays = of_shape(3_000, 100, 300, scale=None).frame
    plays["rating"] = np.random.default_rng(0).lognormal(4.5, 1.4, len(plays)).round()
    with pytest.warns(UserWarning, match="are these counts"):
        ratings = Ratings.from_frame(plays)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        advice = which_models(ratings)
    assert (advice["verdict"][:-1] == "wrong").all()
    assert (advice[["build", "beat"]][:-1] == "").all(axis=None)
    assert advice["why"].iloc[0].startswith("no stars: this column has half of its values at or below ")
    assert advice.loc["ImplicitALS", "beat"] == "PopularityBaseline()"
    assert advice.loc["ImplicitALS", "verdict"] != "wrong"


def test_a_scale_that_was_never_said():
    with pytest.warns(UserWarning, match="given no scale, so that any number passes") as caught:
        which_models(of_shape(300, 60, 200, scale=None))
    assert caught[0].filename == __file__


def test_a_code_inside_the_scale_that_was_said():
    """Book-Crossing: its description says 0 to 10, and six in ten are 0, for 'implicit'."""
    books = of_shape(3_000, 100, 300).frame
    books.loc[:1_800, "rating"] = 0
    books.loc[1_801:, "rating"] = np.random.default_rng(0).binomial(9, 0.75, 1_199) + 1
    with pytest.warns(UserWarning, match=r"ratings has 0 in 60% of its rows.*'not rated'"):
        which_models(Ratings.from_frame(books, scale=(0, 10)))


def test_a_part_of_a_table_is_judged_by_its_own_users_and_items():
    ratings = load_movielens()
    part = ratings.take(np.arange(2_000))
    frame = part.frame
    assert which_models(part).attrs["per_row"] == 2_000 / (frame["user"].nunique() + frame["item"].nunique())


def test_one_rating():
    advice = which_models(Ratings.from_frame(pd.DataFrame({"user": ["a"], "item": ["b"], "rating": [3]}), scale=(1, 5)))
    assert advice.attrs["cold"] == 1
    assert (advice["verdict"][1:] == "not worth it").all()


@pytest.mark.parametrize("scale", [(1, 5), None])
@pytest.mark.filterwarnings("ignore:these ratings were given no scale")
def test_ratings_that_are_all_equal_are_no_stars(scale):
    likes = of_shape(300, 60, 200).frame.assign(rating=4)
    advice = which_models(Ratings.from_frame(likes, scale=scale))
    assert (advice["verdict"][:-1] == "wrong").all() and (advice["build"][:-1] == "").all()
    assert advice["why"].iloc[0] == "no stars: this column has one value, 4, and tells none from another"
    assert advice.loc["ImplicitALS", ["verdict", "build"]].tolist() != ["wrong", ""]


def test_who_did_not_click_did_not_choose():
    clicks = of_shape(300, 60, 200).frame
    clicks["rating"] = np.arange(300) % 2
    ratings = Ratings.from_frame(clicks, scale=(0, 1))
    build = which_models(ratings).loc["ImplicitALS", "build"]
    assert build == "ImplicitALS(at_least=1)"
    chosen = ratings.take(ratings.rating == 1)
    advised, alone, default = (
        model.fit(table).as_module().item_factors.weight.detach().numpy()
        for model, table in ((eval(build), ratings), (ImplicitALS(), chosen), (ImplicitALS(), ratings))
    )
    assert np.allclose(advised, alone)
    assert not np.allclose(advised, default)


def test_als_is_built_for_the_spread_of_the_ratings():
    """Its penalty is in their units: the default that suits five stars lets factors run free on twenty."""
    ratings = load_movielens()
    assert ratings.rating.std(dtype="float64") == pytest.approx(SPREAD, abs=0.005)
    assert ALS().penalty == PENALTY
    assert which_models(ratings).loc["ALS", "build"] == "ALS(penalty=14)"
    few = ratings.frame.sample(20_000, random_state=0)
    wide = Ratings.from_frame(few.assign(rating=few["rating"] * 4), scale=(2, 20))
    split = random_split(wide)
    build = which_models(wide).loc["ALS", "build"]
    assert build == "ALS(penalty=56)"
    advised, default, means = (
        evaluate(model.fit(split.train), split)["rmse"] for model in (eval(build), ALS(), MeanBaseline(damping=4))
    )
    assert advised < means < default


def test_the_range_of_the_sigmoid_ends_a_ninth_above_the_scale():
    assert which_models(load_movielens()).loc["DotProductBias", "build"].endswith("9066, 50, y_range=(0.5, 5.5))")
    assert which_models(of_shape(300, 60, 200)).loc["DotProductBias", "build"].endswith("y_range=(1, 11))")
