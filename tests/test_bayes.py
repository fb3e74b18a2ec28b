import warnings
from functools import cache
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from collabkit import BayesianMF, MeanBaseline, Ratings, evaluate, random_split, rmse
from tests.contracts import EstimatorContract, PredictorContract
from tests.tables import random_ratings, tiny_ratings


@pytest.mark.filterwarnings("ignore:the chain has not settled")
class TestBayesianMF(PredictorContract):
    def make(self):
        return BayesianMF(n_factors=2, n_samples=20, burn_in=10)


@pytest.mark.filterwarnings("ignore:the chain has not settled")
class TestShortBayesianMF(EstimatorContract):
    ask = ("predict", "predict_codes")
    settings: ClassVar = {
        "n_factors": ([0, np.int64(1), np.uint8(2), 2.0, torch.tensor(2)], [-1, 2.5]),
        "n_samples": ([1, np.int64(2)], [0, -1, 2.5]),
        "seed": ([np.int64(3), 2**63 - 1], [-1, 2.5, 2**63]),
        "burn_in": ([0, np.int64(2)], [-1, 2.5]),
        "noise_df": ([2.001, 1e9, np.float32(3)], [2, -1, 1e300]),
        "overrelaxation": ([0, 0.99, np.float32(0.5)], [-0.1, 1.0]),
        "likelihood": (["gaussian"], ["probit", "Gaussian"]),
        "device": (["cpu", torch.device("cpu")], ["processor", -1]),
    }

    def make(self, **settings):
        return BayesianMF(**{"n_factors": 2, "n_samples": 2, "burn_in": 1, "progress": False} | settings)


@pytest.mark.filterwarnings("ignore:the chain has not settled")
class TestBayesianMFWithoutFactors(PredictorContract):
    def make(self):
        return BayesianMF(n_factors=0, n_samples=20, burn_in=10, noise_df=1e6)


def planted(n_users=80, n_items=100, n=4000, noise=0.3, seed=0, item_factors=None) -> Ratings:
    """Stars from biases and two factors; not rounded, and wide enough not to be cut."""
    rng = np.random.default_rng(seed)
    cells = rng.choice(n_users * n_items, size=n, replace=False)
    user, item = cells // n_items, cells % n_items
    P = rng.normal(0, 0.8, (n_users, 2))
    Q = rng.normal(0, 0.8, (n_items, 2)) if item_factors is None else item_factors
    stars = 3 + rng.normal(0, 0.3, n_users)[user] + (P[user] * Q[item]).sum(axis=1) + rng.normal(0, noise, n)
    return Ratings.from_frame(pd.DataFrame({"user": user, "item": item, "rating": stars}))


@pytest.fixture(scope="module")
def split():
    return random_split(planted(), seed=0)


@pytest.fixture(scope="module")
def fitted(split):
    return BayesianMF(n_factors=2, n_samples=60).fit(split.train)


def test_it_finds_planted_structure_down_to_the_noise(split, fitted):
    baseline = MeanBaseline().fit(split.train)
    assert evaluate(fitted, split)["rmse"] < 0.4 < 0.5 * evaluate(baseline, split)["rmse"]


def test_needless_factors_do_little_harm(split, fitted):
    many = BayesianMF(n_factors=8, n_samples=60).fit(split.train)
    assert evaluate(many, split)["rmse"] < evaluate(fitted, split)["rmse"] + 0.03


def test_the_standard_deviation_is_calibrated(split, fitted):
    rows = split.valid.frame
    stars, deviation = fitted.predict(rows["user"], rows["item"], return_std=True)
    z = (split.valid.rating - stars) / deviation
    assert (deviation > 0).all()
    assert 0.85 < z.std() < 1.15
    assert 0.92 < (np.abs(z) < 1.96).mean() < 0.98
    assert np.array_equal(stars, fitted.predict(rows["user"], rows["item"]))


def test_overrelaxed_it_draws_from_the_same_posterior_with_less_noise(split, fitted):
    """Two seeds agree better, in as many sweeps; the answer and its doubt are those of plain draws."""
    rows = split.valid.frame
    apart = []
    for rho in (0.0, 0.9):
        both = [BayesianMF(2, n_samples=60, seed=seed, overrelaxation=rho).fit(split.train) for seed in (1, 2)]
        stars = [model.predict(rows["user"], rows["item"]) for model in both]
        apart.append(rmse(*stars))
    assert apart[1] < 0.7 * apart[0]
    _, plain = fitted.predict(rows["user"], rows["item"], return_std=True)
    leaning, deviation = both[0].predict(rows["user"], rows["item"], return_std=True)
    assert rmse(leaning, fitted.predict(rows["user"], rows["item"])) < 0.1
    assert deviation.mean() == pytest.approx(plain.mean(), rel=0.03)


def test_doubt_is_larger_for_what_is_unknown(split, fitted):
    user, item = split.train.frame.iloc[0][["user", "item"]]
    (_, known), (_, new) = (fitted.predict([user], [i], return_std=True) for i in (item, -1))
    assert new[0] > 1.5 * known[0]


def test_users_who_rate_steadily_are_told_from_those_who_do_not():
    ratings = planted(noise=0.0)
    rough = ratings.user % 2
    ratings.rating = (ratings.rating + np.random.default_rng(1).normal(0, 0.2 + 0.6 * rough)).astype("float32")
    noise = BayesianMF(n_factors=2, n_samples=40).fit(ratings).noise_[:-1].sqrt()
    assert noise[::2].mean() == pytest.approx(0.2, abs=0.08)
    assert noise[1::2].mean() == pytest.approx(0.8, abs=0.08)


@pytest.fixture(scope="module")
def data():
    """Item factors are a function of four features; the last 20 items lose all their training ratings."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(100, 4)).astype("float32")
    ratings = planted(item_factors=X @ rng.normal(0, 0.4, (4, 2)))
    cold = ratings.item >= 80
    return ratings.take(~cold), ratings.take(cold), X


class TestFeatures:
    def test_a_film_without_ratings_is_predicted_from_its_features(self, data):
        train, cold, X = data
        rows, scores = cold.frame, []
        for features in (None, X):
            model = BayesianMF(n_factors=2, n_samples=40).fit(train, item_features=features)
            scores.append(rmse(cold.rating, model.predict(rows["user"], rows["item"])))
        assert scores[1] < 0.6 * scores[0]

    def test_columns_may_repeat_each_other_and_be_empty(self, data):
        train, cold, X = data
        rows = cold.frame
        twice = np.hstack([X, X, np.zeros((100, 1)), np.ones((100, 1)), X.sum(axis=1, keepdims=True)])
        once, more = (BayesianMF(2, n_samples=40).fit(train, item_features=f) for f in (X, twice))
        scores = [rmse(cold.rating, model.predict(rows["user"], rows["item"])) for model in (once, more)]
        assert scores[1] == pytest.approx(scores[0], rel=0.1)

    def test_users_may_have_features_too(self, data):
        train, _, X = data
        model = BayesianMF(2, n_samples=5, burn_in=5).fit(train, X, user_features=np.ones((80, 2)))
        assert np.isfinite(model.predict([0, -1], [0, -1])).all()

    def test_groups_keep_many_idle_columns_from_harm(self, data):
        train, cold, X = data
        rows, idle = cold.frame, np.random.default_rng(0).normal(size=(100, 60))
        scores = []
        for features in (np.hstack([X, idle]), {"good": X, "idle": idle}):
            model = BayesianMF(2, n_samples=40).fit(train, features)
            scores.append(rmse(cold.rating, model.predict(rows["user"], rows["item"])))
        assert scores[1] < 0.9 * scores[0]

    def test_what_is_wrong_with_a_group_is_said_by_its_name(self, data):
        train, _, X = data
        with pytest.raises(ValueError, match=r"user_features\['age'\] has shape \(100, 4\): .* the 80 user codes"):
            BayesianMF().fit(train, {"all": X}, {"age": X})

    def test_frames_and_arrays_are_one(self, data):
        train, _, X = data
        a, b = (BayesianMF(2, n_samples=3).fit(train, item_features=f).predict([1], [90]) for f in (X, pd.DataFrame(X)))
        assert a == b

    @pytest.mark.parametrize(
        ("change", "message"),
        [(lambda X: X[:-1], "a row for each of the 100 item codes"), (lambda X: X[:, 0], "a row for each")],
    )
    def test_another_shape_is_refused(self, data, change, message):
        with pytest.raises(ValueError, match=message):
            BayesianMF().fit(data[0], item_features=change(data[2]))

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_what_is_not_finite_is_refused_and_the_model_stays_as_it_was(self, data, bad):
        train, _, X = data
        model = BayesianMF(2, n_samples=3).fit(train)
        before, X = model.predict([1], [1]), X.copy()
        X[7, 2] = bad
        with pytest.raises(ValueError, match="not finite in 1 rows, the first is row 7"):
            model.fit(train, item_features=X)
        assert model.predict([1], [1]) == before


def test_missing_values_of_pandas_are_refused_too(data):
    train, _, _ = data
    years = pd.DataFrame({"year": pd.array([pd.NA, *range(1900, 1999)], dtype="Int16")})
    with pytest.raises(ValueError, match="not finite in 1 rows, the first is row 0"):
        BayesianMF().fit(train, item_features=years)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_features_of_any_size_give_finite_answers(data, scale):
    train, cold, X = data
    stars = BayesianMF(2, n_samples=20).fit(train, X * scale).predict(cold.frame["user"], cold.frame["item"])
    assert np.isfinite(stars).all()


def test_constant_ratings():
    df = random_ratings().frame.assign(rating=4.0)
    model = BayesianMF(3, n_samples=20).fit(Ratings.from_frame(df))
    assert np.allclose(model.predict(df["user"], df["item"]), 4.0, atol=0.05)


def test_seven_ratings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a chain on seven ratings may wander
        stars, deviation = BayesianMF().fit(tiny_ratings()).predict([10, 99], [5, 5], return_std=True)
    assert (stars >= 0.5).all()
    assert (stars <= 5).all()
    assert (deviation < 6).all()  # the priors of the precisions hold back draws of any size


def test_predictions_stay_on_the_scale(split):
    ratings = random_ratings()
    model = BayesianMF(2, n_samples=10).fit(ratings)
    everyone = np.repeat(ratings.users.ids, ratings.n_items)
    stars = model.predict(everyone, np.tile(ratings.items.ids, ratings.n_users))
    assert stars.min() >= 0.5
    assert stars.max() <= 5


def test_another_seed_gives_other_draws_and_nearly_the_same_answer(split, fitted):
    rows = split.valid.frame
    other = BayesianMF(2, n_samples=60, seed=1).fit(split.train).predict(rows["user"], rows["item"])
    first = fitted.predict(rows["user"], rows["item"])
    assert not np.array_equal(first, other)
    assert rmse(first, other) < 0.1


def test_a_chain_that_has_not_settled_says_so(split):
    with pytest.warns(UserWarning, match="has not settled.*Take more sweeps"):
        BayesianMF(2, n_samples=4, burn_in=0).fit(split.train)


def test_with_the_defaults_it_is_quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(3):
            BayesianMF(seed=seed).fit(random_ratings(seed=seed))


def test_a_chain_says_how_far_other_seeds_are(split, fitted):
    """Predictions of two seeds are apart by the Monte Carlo errors of both."""
    rows = split.valid.frame
    error = fitted.chain(rows["user"], rows["item"]).error
    other = BayesianMF(n_factors=2, n_samples=60, seed=1).fit(split.train).predict(rows["user"], rows["item"])
    assert rmse(fitted.predict(rows["user"], rows["item"]), other) == pytest.approx(2**0.5 * error, rel=0.5)


def test_to_look_at_a_chain_does_not_change_it(split, monkeypatch):
    looked = BayesianMF(2, n_samples=5).fit(split.train)
    monkeypatch.setattr(BayesianMF, "_warn_unless_settled", lambda *_: None)
    assert torch.equal(looked.user_draws_, BayesianMF(2, n_samples=5).fit(split.train).user_draws_)


def test_it_keeps_what_it_promises(split, fitted):
    assert fitted.user_draws_.shape == (60, 81, 3)
    assert fitted.item_draws_.shape == fitted.item_means_.shape == (60, 101, 3)
    assert len(fitted.trace_) == 80
    assert fitted.noise_.shape == (81,)


def test_flags_are_flags(fitted):
    with pytest.raises(TypeError, match="^progress='False': choose True or False"):
        BayesianMF(progress="False").fit(tiny_ratings())
    with pytest.raises(TypeError, match="^return_std=1: choose True or False"):
        fitted.predict([1], [1], return_std=1)


def test_progress_is_shown_when_asked_for(capsys):
    BayesianMF(1, n_samples=20, progress=True).fit(random_ratings())
    assert "sweeps" in capsys.readouterr().err
    BayesianMF(1, n_samples=20).fit(random_ratings())
    assert capsys.readouterr().err == ""


def sized(power: int, middle: float = 0.0) -> Ratings:
    """Whole numbers of stars, times a power of two, so that no rating is rounded."""
    df = random_ratings(n_users=20, n_items=25, n=200).frame
    return Ratings.from_frame(df.assign(rating=np.ldexp(np.round(2 * df["rating"] + middle), power).astype("float32")))


@pytest.mark.filterwarnings("ignore:the chain has not settled")
@settings(max_examples=30, deadline=None)
@given(st.integers(-140, 120))
def test_ratings_of_any_size_are_predicted_alike_to_the_bit(power):
    alike = [np.ldexp(one, power) for one in found_at(0)[:-1]]
    *found, noise = found_at(power)
    assert all(map(np.array_equal, alike, found))
    assert noise.isfinite().all() and (noise > 0).all()


@cache
def found_at(power: int):
    rows = sized(0).frame
    model = BayesianMF(2, n_samples=3, burn_in=2, progress=False).fit(sized(power))
    return *model.predict(rows["user"], rows["item"], return_std=True), np.array(model.trace_), model.noise_


def test_ratings_up_to_a_thousand_are_as_good_as_those_up_to_five():
    """They were kept in float16, where the square of a hundred stars is infinite."""
    ratings = planted()
    df = ratings.frame
    split, wide = (random_split(Ratings.from_frame(df.assign(rating=df["rating"] * k)), seed=0) for k in (1, 200))
    small, large = (BayesianMF(2, n_samples=30).fit(one.train) for one in (split, wide))
    assert (small.unit_, large.unit_) == (1, 256)
    assert evaluate(large, wide)["rmse"] / 200 == pytest.approx(evaluate(small, split)["rmse"], rel=0.03)
    rows = wide.valid.frame
    stars, deviation = large.predict(rows["user"], rows["item"], return_std=True)
    assert 0.85 < ((wide.valid.rating - stars) / deviation).std() < 1.15
    assert large.noise_.mean().item() ** 0.5 / 200 == pytest.approx(small.noise_.mean().item() ** 0.5, rel=0.05)


def test_ratings_that_hardly_differ():
    df = planted().frame
    ratings = Ratings.from_frame(df.assign(rating=np.float32(1000) + df["rating"].round() * np.float32(2**-13)))
    stars, deviation = BayesianMF(2, n_samples=20).fit(ratings).predict(df["user"], df["item"], return_std=True)
    assert rmse(ratings.rating, stars) < 0.5 * ratings.rating.std(dtype="float64")
    assert (deviation > 0).all() and (deviation < 1e-3).all()
