"""Exercises of chapter 11: the checks accept what is right, and tell typical mistakes apart."""

import numpy as np
import pytest

from collabkit import MeanBaseline, Ratings, evaluate, load_movielens, random_split
from collabkit.exercises import ch11

pytestmark = pytest.mark.usefixtures("read_once")


@pytest.fixture(scope="module")
def ratings():
    return load_movielens()


def test_not_tried(said):
    assert "not tried yet" in said(ch11.check_1, None)
    assert "not tried yet" in said(ch11.check_2, None)
    assert "not tried yet" in said(ch11.check_2, lambda timestamp, share: None)
    assert "not tried yet" in said(ch11.check_3, None, lambda protocol: None)
    assert "not tried yet" in said(ch11.check_3, "b", lambda protocol: None)


# ---------------------------------------------------------------- 11.1: an RMSE for each user


@pytest.mark.parametrize("answer", [1.75, np.float64(1.75), np.array([1.75])])
def test_user_rmse(answer):
    assert ch11.check_1(answer)


@pytest.mark.parametrize(
    "answer, hint",
    [
        (np.sqrt(4.5), "over all three rows"),
        (np.sqrt(3.625), "the root of each first"),
        (3.625, "mean of the users' MSE"),
        (4.5, "MSE over all rows"),
        (1.5, "mean absolute error"),
        (5 / 3, "MAE over all rows"),
        (2.5, "of the first user"),
        (3.5, "sum of the two"),
        (0.7, "What is the RMSE of the first two"),
        ("1.75", "one number"),
        (True, "one number"),
        ([2.5, 1.0], "one number"),
    ],
)
def test_user_rmse_hints(answer, hint, said):
    assert hint in said(ch11.check_1, answer)


# ---------------------------------------------------------------- 11.2: a temporal split


def cut_at(timestamp, place):
    return timestamp >= np.sort(timestamp)[place]


@pytest.mark.parametrize(
    "function",
    [
        lambda t, share: cut_at(t, round(len(t) * (1 - share))),
        lambda t, share: cut_at(t, int(len(t) * (1 - share))),
        lambda t, share: cut_at(t, -int(np.ceil(len(t) * share))),
        lambda t, share: t >= np.quantile(t, 1 - share, method="lower"),
        lambda t, share: t >= np.quantile(t, 1 - share, method="higher"),
    ],
)
def test_temporal_split(function):
    assert ch11.check_2(function)


def by_row(t, share):
    mask = np.zeros(len(t), dtype=bool)
    mask[np.argsort(t, kind="stable")[round(len(t) * (1 - share)) :]] = True
    return mask


def in_place(t, share):
    t.sort()
    return t >= t[round(len(t) * (1 - share))]


@pytest.mark.parametrize(
    "function, hint",
    [
        (by_row, "on both sides"),
        (in_place, "changes its argument"),
        (lambda t, share: ~cut_at(t, round(len(t) * (1 - share))), "earliest ratings"),
        (lambda t, share: np.arange(len(t)) >= len(t) * (1 - share), "older than some that are kept"),
        (lambda t, share: t > np.sort(t)[round(len(t) * (1 - share))], "too few"),
        (lambda t, share: t >= t.min() + (1 - share) * (t.max() - t.min()), "not of the time"),
        (lambda t, share: cut_at(t, round(len(t) * share)), "too many"),
        (lambda t, share: np.flatnonzero(cut_at(t, round(len(t) * (1 - share)))), "one entry for each rating"),
        (lambda t, share: cut_at(t, round(len(t) * (1 - share))).astype(int), "not booleans"),
        (lambda t, share: np.ones(len(t), dtype=bool), "holds out 100 of 100"),
        (lambda t: t > 0, "positional argument"),
    ],
)
def test_temporal_split_hints(function, hint, said):
    assert hint in said(ch11.check_2, function)


def test_pass_the_function(said, ratings):
    assert "pass the function itself" in said(ch11.check_2, cut_at(ratings.timestamp, 10))
    assert "pass the function itself" in said(ch11.check_3, "b", 0.05)


# ---------------------------------------------------------------- 11.3: find the leak


@pytest.fixture(scope="module")
def gain(ratings):
    """A student's function with a mistake of one's choice."""

    def make(shuffle=None, shuffles=3, seed=lambda n: n, result=lambda sd, errors: sd - np.mean(errors)):
        def permute(table, rng):
            table["rating"] = rng.permutation(table["rating"])
            return Ratings.from_frame(table)

        def function(protocol):
            errors = []
            for n in range(shuffles):
                table = ratings.frame
                errors.append(protocol((shuffle or permute)(table, np.random.default_rng(seed(n)))))
            return result(ratings.rating.std(), np.array(errors))

        return function

    return make


def test_gain(gain):
    assert ch11.check_3("b", gain())
    assert ch11.check_3("protocol_b", gain(shuffles=4))


def unshuffled(table, rng):
    return Ratings.from_frame(table)


def invented(table, rng):
    table["rating"] = rng.integers(1, 11, len(table)) / 2
    return Ratings.from_frame(table)


def whole_rows(table, rng):
    return Ratings.from_frame(table.sample(frac=1, random_state=rng))


def frame_only(table, rng):
    table["rating"] = rng.permutation(table["rating"])
    return table


def fewer(table, rng):
    return Ratings.from_frame(table.head(50_000))


@pytest.mark.parametrize(
    "options, hint",
    [
        ({"shuffle": unshuffled}, "still where they were"),
        ({"shuffle": whole_rows}, "still where they were"),
        ({"shuffle": invented}, "stars changed"),
        ({"shuffle": frame_only}, "not a DataFrame"),
        ({"shuffle": fewer}, "keep all ratings"),
        ({"shuffles": 1}, "Average over three"),
        ({"seed": lambda n: 0}, "a seed of its own"),
        ({"result": lambda sd, errors: errors.mean() - sd}, "wrong way round"),
        ({"result": lambda sd, errors: errors.mean()}, "that is the protocol's RMSE"),
        ({"result": lambda sd, errors: (sd - errors).sum()}, "Take the mean"),
        ({"result": lambda sd, errors: 0.45}, "and yours 0.450"),
        ({"result": lambda sd, errors: sd - errors}, "one number"),
    ],
)
def test_gain_hints(options, hint, gain, said):
    assert hint in said(ch11.check_3, "b", gain(**options))


def test_the_protocol_must_be_called(said):
    assert "never calls" in said(ch11.check_3, "b", lambda protocol: 0.05)


@pytest.mark.parametrize("letter, hint", [("a", "rare films"), ("C", "validation ratings"), ("all", "by its letter")])
def test_wrong_letter(letter, hint, gain, said):
    assert hint in said(ch11.check_3, letter, gain())


def test_the_idea_works(gain):
    """Shuffled stars tell a leaking protocol from an honest one."""

    def leaking(ratings):
        split = random_split(ratings)
        return evaluate(MeanBaseline(("item",)).fit(ratings), split)["rmse"]

    def honest(ratings):
        split = random_split(ratings)
        return evaluate(MeanBaseline(("item",)).fit(split.train), split)["rmse"]

    assert gain()(leaking) > 0.03 > 0 > gain()(honest)
