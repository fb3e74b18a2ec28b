"""Sittings: draws and answers against Gaussians written out whole."""

import numpy as np
import pandas as pd
import pytest
import torch

from collabkit import BayesianMF, Ratings, leave_last_out, random_split, rmse
from collabkit.saving.packing_bayes import pack_bayes, unpack_bayes
from collabkit.sittings import Moods, Sittings, seconds, sizes
from tests.tables import random_ratings

pytestmark = pytest.mark.filterwarnings("ignore:the chain has not settled")
CPU = torch.device("cpu")
WINDOWS = (1000, 300, 70)  # not nested: they need not be
SPREAD = np.array([0.5, 0.2, 0.1])


def moods(n=60, seed=0) -> Moods:
    """Ratings of three users in 5,000 seconds, some of them in the same second."""
    rng = np.random.default_rng(seed)
    time = rng.integers(5_000, size=n) // 10 * 10
    return Moods(np.array(WINDOWS), SPREAD, rng.integers(3, size=n), time, rng.normal(size=n), rng.uniform(1, 9, n))


def dense(one: Moods, user: int, time: int, sitting: str) -> tuple[float, float]:
    """The sum of the effects at one time given the ratings that may speak, by one large covariance matrix."""
    speaks = (one.user == user) & ((one.time < time) | (sitting == "around"))
    times = np.append(one.time[speaks], time)
    same = [s * (times[:, None] // w == times // w) for w, s in zip(one.windows, one.spread, strict=True)]
    K = np.sum(same, axis=0)
    gain = np.linalg.solve(K[:-1, :-1] + np.diag(1 / one.precision[speaks]), K[:-1, -1])
    return gain @ one.left[speaks], K[-1, -1] - gain @ K[:-1, -1]


@pytest.mark.parametrize("sitting", ["before", "around"])
def test_an_answer_is_the_conditional_gaussian(sitting):
    one, rng = moods(), np.random.default_rng(1)
    user, time = rng.integers(3, size=200), rng.integers(-500, 5_500, size=200) // 10 * 10
    asked = [dense(one, u, t, sitting) for u, t in zip(user, time, strict=True)]
    assert np.allclose(np.stack(one.ask(user, time, sitting)), np.array(asked).T, atol=1e-10)
    assert np.isin(time, one.time).mean() > 0.05  # some ask in the second of a rating


def test_before_nothing_of_the_same_second_or_later_speaks():
    one = moods()
    user, time = one.user, one.time
    later = one._replace(left=np.where(time >= 2_000, 99.0, one.left))
    asked = (user, np.full(len(user), 2_000))
    assert np.array_equal(one.ask(*asked, "before"), later.ask(*asked, "before"))
    assert not np.allclose(one.ask(*asked, "around")[0], later.ask(*asked, "around")[0])


def test_who_gave_nothing_and_when_nothing_was_given_are_answered_by_zero():
    mean, variance = moods().ask(np.array([7, 0]), np.array([100, 99_999]), "around")
    assert np.allclose(mean, 0) and np.allclose(variance, SPREAD.sum())
    assert all(len(part) == 0 for part in moods().ask(np.array([], int), np.array([], int), "around"))


def table(rating) -> Ratings:
    """Five ratings of two users: two of user 1 in one window, one in another, and two of user 2."""
    rows = {"user": [1, 1, 1, 2, 2], "item": [1, 2, 3, 1, 2], "timestamp": [0, 9, 10, 0, 9]}
    return Ratings.from_frame(pd.DataFrame(rows | {"rating": rating}), scale=(-5, 5))


def test_draws_of_effects_follow_the_closed_form():
    """A window holds a Gaussian mean of its ratings, worth as much as its users' precisions are beside τ."""
    left, precision = torch.tensor([1.0, 2.0, -1.0, 0.5, 0.0]), torch.tensor([4.0, 2.0, 1.0])
    rng, draws = torch.Generator().manual_seed(0), []
    one = Sittings(table(left.numpy()), (10,), CPU)
    for _ in range(4000):
        one.effects[0].tau = torch.tensor(3.0)
        rest = one.draw(left, precision, rng)
        assert torch.equal(rest, left - one.offset)
        draws.append(one.effects[0].value)
    mean = torch.tensor([4 * 3 / (8 + 3), 4 * -1 / (4 + 3), 2 * 0.5 / (4 + 3)])
    deviation = torch.tensor([1 / 11, 1 / 7, 1 / 7]).sqrt()
    draws = torch.stack(draws)
    assert torch.allclose(draws.mean(dim=0), mean, atol=4 * float(deviation.max()) / 4000**0.5)
    assert torch.allclose(draws.std(dim=0), deviation, rtol=0.06)
    assert torch.equal(one.offset, draws[-1][[0, 0, 1, 2, 2]])


def test_the_precision_of_a_size_is_found():
    rng, n = torch.Generator().manual_seed(0), 4_000
    frame = pd.DataFrame({"user": 1, "item": np.arange(n), "rating": 0.0, "timestamp": np.arange(n)})
    left = (0.5 * torch.randn(n // 4, generator=rng)).repeat_interleave(4) + 0.2 * torch.randn(n, generator=rng)
    one = Sittings(Ratings.from_frame(frame), (4,), CPU)
    for sweep in range(60):
        one.draw(left, torch.tensor([25.0, 25.0]), rng)
        if sweep >= 20:
            one.keep()
    assert one.learnt(40).spread[0] ** 0.5 == pytest.approx(0.5, rel=0.08)


@pytest.fixture(scope="module")
def ratings() -> Ratings:
    """Stars of users and films, and an evening's mood that lasts a hundred seconds."""
    rng, n = np.random.default_rng(0), 3_000
    cells = rng.choice(40 * 100, size=n, replace=False)
    user, time = cells // 100, rng.integers(10_000, size=n)
    mood = rng.normal(0, 0.8, (40, 100))[user, time // 100]
    stars = 3 + rng.normal(0, 0.4, 100)[cells % 100] + mood + rng.normal(0, 0.3, n)
    return Ratings.from_frame(pd.DataFrame({"user": user, "item": cells % 100, "rating": stars, "timestamp": time}))


def make(**settings) -> BayesianMF:
    return BayesianMF(**{"n_factors": 1, "n_samples": 40, "windows": (100,), "progress": False} | settings)


def test_a_planted_mood_is_found_and_the_stricter_mode_knows_less(ratings):
    split = random_split(ratings)
    asked = [split.valid.frame[name] for name in ("user", "item", "timestamp")]
    model, found = make().fit(split.train), {}
    for name, (stars, deviation) in {
        "without": model.predict(*asked[:2], return_std=True),
        "before": model.predict_at(*asked),
        "around": model.predict_at(*asked, "around"),
    }.items():
        found[name] = rmse(split.valid.rating, stars)
        assert 0.85 < ((split.valid.rating - stars) / deviation).std() < 1.15, name
    assert found["around"] < 0.95 * found["before"] < 0.9 * found["without"]


def test_after_the_last_rating_both_modes_are_one(ratings):
    split = leave_last_out(ratings)
    asked = [split.valid.frame[name] for name in ("user", "item", "timestamp")]
    model = make().fit(split.train)
    assert np.allclose(model.predict_at(*asked, "before"), model.predict_at(*asked, "around"), atol=1e-9)


def test_the_same_seed_gives_the_same_bits_and_no_window_none_others(ratings):
    rows = ratings.frame
    one, again = (make().fit(ratings).predict_at(rows["user"], rows["item"], 5_000) for _ in range(2))
    assert np.array_equal(one, again)
    plain, none = (model.fit(ratings) for model in (make(windows=()), make(windows=[])))
    assert torch.equal(plain.user_draws_, none.user_draws_)


def test_a_saved_model_predicts_as_without_times(ratings):
    rows, model = ratings.frame, make().fit(ratings)
    again = unpack_bayes(*pack_bayes(model))
    again.users_, again.items_ = model.users_, model.items_
    both = [one.predict(rows["user"], rows["item"], return_std=True) for one in (model, again)]
    assert np.array_equal(*both)
    with pytest.raises(ValueError, match=r"^this model has no windows: fit BayesianMF\(windows=.*that was saved"):
        again.predict_at([1], [1], 5)


def test_without_timestamps_windows_are_refused_and_the_model_stays_as_it_was(ratings):
    model, timeless = make().fit(ratings), Ratings.from_frame(ratings.frame.drop(columns="timestamp"))
    before = model.predict_at(1, 1, 50)
    with pytest.raises(ValueError, match=r"^windows=\(100,\), and these ratings have no timestamps: choose windows="):
        model.fit(timeless)
    assert model.predict_at(1, 1, 50) == before
    make(windows=()).fit(timeless)


@pytest.mark.parametrize("bad", [None, 3600, "3600", True, np.float64(3), torch.tensor(3), np.ones((2, 2))])
def test_what_are_no_windows(bad):
    with pytest.raises(TypeError, match=r"^windows=.*choose sizes in seconds"):
        sizes(bad)
    for good in ([10, 5.0], np.array([10, 5]), torch.tensor([10, 5]), (np.int64(10), 5)):
        assert sizes(good) == (10, 5)


def test_times_of_many_kinds(ratings):
    model = make().fit(ratings)
    dates = pd.to_datetime([5, 50], unit="s")
    for times in (
        [5, 50],
        np.array([5.0, 50]),
        torch.tensor([5, 50]),
        pd.Series([5, 50]),
        dates,
        dates.tz_localize("UTC"),
    ):
        assert seconds(times, 2).tolist() == [5, 50]
    assert seconds(dates[1], 3).tolist() == [50, 50, 50]
    for wrong, error, said in (
        ([1, 2, 3], ValueError, "^times has 3 values for 2 pairs"),
        (["a", "b"], TypeError, "^times has values of type .*: pass date-times, or numbers"),
        ([True, False], TypeError, "^times has values of type bool"),
        ([1, np.nan], ValueError, "^times has values that are missing or not finite"),
        ([1, np.inf], ValueError, "^times has values that are missing or not finite"),
        (pd.to_datetime(["2020-01-01", None]), ValueError, "^times has values that are missing"),
        ([], ValueError, "^times has 0 values for 2 pairs"),
    ):
        with pytest.raises(error, match=said):
            model.predict_at([1, 2], [1, 2], wrong)
    with pytest.raises(ValueError, match="^sitting='after': choose 'before' or 'around'"):
        model.predict_at(1, 1, 5, "after")


def test_overrelaxed_effects_have_the_same_spread():
    left, precision = torch.tensor([1.0, 2.0, -1.0, 0.5, 0.0]), torch.tensor([4.0, 2.0, 1.0])
    rng, draws = torch.Generator().manual_seed(0), []
    one = Sittings(table(left.numpy()), (10,), CPU, overrelaxation=0.6)
    for _ in range(4000):
        one.effects[0].tau = torch.tensor(3.0)
        one.draw(left, precision, rng)
        draws.append(one.effects[0].value)
    assert torch.allclose(torch.stack(draws).std(dim=0), torch.tensor([1 / 11, 1 / 7, 1 / 7]).sqrt(), rtol=0.06)


def test_random_tables_have_times():
    model = make(windows=(100, 10)).fit(random_ratings())
    assert np.isfinite(model.predict_at([1, -1], [10, 10], 40)).all()
