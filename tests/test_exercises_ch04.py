"""Exercises of chapter 4: the checks accept what is right, and tell typical mistakes apart."""

import math

import numpy as np
import pytest
import torch

from collabkit.exercises import ch04

pytestmark = pytest.mark.usefixtures("read_once")


@pytest.mark.parametrize("check", [ch04.check_1, ch04.check_2, ch04.check_3])
def test_not_tried(check, said):
    assert "not tried yet" in said(check, None)


@pytest.mark.parametrize("check", [ch04.check_2, ch04.check_3])
def test_a_stub_is_not_tried(check, said):
    assert "not tried yet" in said(check, lambda *args, **kwargs: None)


# ---------------------------------------------------------------- 4.1: one prediction by hand


def stars(score, hi=5.5):
    return hi / (1 + math.exp(-score))


def test_stars():
    for answer in (stars(0.9), torch.tensor(stars(0.9)), np.float64(stars(0.9)), torch.tensor([[stars(0.9)]]), 3.91):
        assert ch04.check_1(answer)


@pytest.mark.parametrize(
    "answer, hint",
    [
        (0.9, "that is the score"),
        (stars(0.9) / 5.5, "between 0 and 1"),
        (stars(0.9, 5), "range (0, 5)"),
        (stars(0.4), "Add both biases"),
        (stars(0.4) + 0.5, "not to the stars"),
        (stars(0), "film's bias is missing"),
        (stars(1.3), "user's bias is missing"),
        (stars(1.7), "sign of the user's bias"),
        (stars(0.5), "dot product is missing"),
        (stars(1.1), "sign of the middle product"),
        (stars(0.4 * -0.4 * 0.9), "do not multiply"),
        (stars(0.4 + -0.4 * 0.9), "not multiplied with each other"),
        (stars(-0.9), "sign in exp"),
        (3.9, "close"),
        (3.95, "close"),
        (5, "three products"),
        (float("nan"), "three products"),
        ("3.91", "one number"),
        ([0.2, -0.1, 0.3], "one number"),
        (True, "one number"),
    ],
)
def test_stars_hints(answer, hint, said):
    assert hint in said(ch04.check_1, answer)


# ---------------------------------------------------------------- 4.2: user biases in closed form


def parts(train, item_bias):
    count = np.bincount(train.user, minlength=train.n_users)
    return train.rating.mean(dtype="float64"), item_bias[train.item], count


def best(train, item_bias, k=0, mu=None, film_sign=-1, extra=0.0):
    mean, film, count = parts(train, item_bias)
    left = train.rating - (mean if mu is None else mu) + film_sign * film
    return (np.bincount(train.user, left, minlength=train.n_users) + extra) / np.maximum(count + k, 1e-9)


def by_loop(train, item_bias, k=0):
    biases = []
    for user in range(train.n_users):
        rows = train.user == user
        left = train.rating[rows] - train.rating.mean() - item_bias[train.item[rows]]  # (n,)
        biases.append(sum(left) / (len(left) + k) if len(left) else 0)
    return biases


def with_nan(train, item_bias, k=0):
    with np.errstate(invalid="ignore"):
        mean, film, count = parts(train, item_bias)
        return np.bincount(train.user, train.rating - mean - film, minlength=train.n_users) / (count + k)


@pytest.mark.parametrize("function", [best, by_loop, lambda *a: torch.as_tensor(best(*a))])
def test_user_bias(function):
    assert ch04.check_2(function)


def test_user_bias_is_the_minimum():
    train, item_bias = ch04._toy()
    mean, film, count = parts(train, item_bias)
    grid = np.linspace(-3, 3, 60_001)  # (G,)
    for user in np.flatnonzero(count):
        left = (train.rating - mean - film)[train.user == user]  # (n,)
        loss = ((left[:, None] - grid) ** 2).sum(0) + 2 * grid**2  # (G,)
        assert best(train, item_bias, 2)[user] == pytest.approx(grid[loss.argmin()], abs=1e-3)


@pytest.mark.parametrize(
    "function, hint",
    [
        (lambda t, b, k: best(t, b, k, film_sign=0), "ignores the film biases"),
        (lambda t, b, k: best(t, b, k, mu=0), "does not take off mu"),
        (lambda t, b, k: best(t, b, k, mu=0, film_sign=0), "means of the stars"),
        (lambda t, b, k: best(t, b, k, film_sign=1), "wrong sign"),
        (lambda t, b, k: best(t, b, k) + t.rating.mean(), "do not add mu"),
        (lambda t, b, k: -best(t, b, k), "turned around"),
        (lambda t, b, k: best(t, b, k) * (np.bincount(t.user, minlength=t.n_users) + k), "those are sums"),
        (lambda t, b, k: best(t, b), "nothing changes"),
        (lambda t, b, k: best(t, b, 2 * k), "counts double"),
        (lambda t, b, k: best(t, b, k / 2), "counts half"),
        (lambda t, b, k: best(t, b, k**2), "squared"),
        (lambda t, b, k: best(t, b) / (1 + k), "weigh less for a user with many"),
        (lambda t, b, k: best(t, b) - k, "it shrinks it"),
        (lambda t, b, k: best(t, b, k, extra=k), "add k to the count only"),
        (lambda t, b, k: best(t, b, k, extra=k * t.rating.mean()), "not towards mu"),
        (lambda t, b, k: best(t, b, k) + 0.1, "with k = 0 it should be the mean"),
        (lambda t, b, k: best(t, b, 4 * k), "right for k = 0, not for k = 3"),
        (with_nan, "0 divided by 0"),
        (lambda t, b, k: best(t, b, k)[:3], "shape (3,) instead of (4,)"),
        (lambda t, b, k: best(t, b, k).mean(), "shape () instead of (4,)"),
        (lambda t, b: best(t, b), "positional argument"),
        (np.zeros(4), "pass the function itself"),
    ],
)
def test_user_bias_hints(function, hint, said):
    assert hint in said(ch04.check_2, function)


# ---------------------------------------------------------------- 4.3: what picking flatters


def pick(actual, predictions, rows):
    squared = (predictions - actual) ** 2
    epoch = squared[:, rows].mean(axis=1).argmin()
    return epoch, squared[epoch, rows].mean(), squared[epoch, ~rows].mean()


def changed(change):
    """``pick``, with its answer changed by ``change(answer, on, off, all_rows)``, the errors of all epochs."""

    def function(actual, predictions, rows):
        squared = (predictions - actual) ** 2
        on, off = squared[:, rows].mean(1), squared[:, ~rows].mean(1)
        return change(pick(actual, predictions, rows), on, off, squared.mean(1))

    return function


def test_pick_and_the_random_numbers_left_alone(capsys):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    ch04._epochs.cache_clear()
    assert ch04.check_3(pick)
    assert torch.equal(torch.rand(1), expected)
    said = capsys.readouterr().out
    picked_on, others = (float(word) for word in said.split() if word.startswith("0."))
    assert picked_on < others < picked_on + 0.03  # stars: it flatters, by a little
    assert ch04.check_3(lambda *args: [torch.tensor(float(value)) for value in pick(*args)])


@pytest.mark.parametrize(
    "change, hint",
    [
        (lambda a, on, off, both: (a[0] + 1, a[1], a[2]), "Count from 0"),
        (lambda a, on, off, both: (on.argmax(), on.max(), off[on.argmax()]), "Take the lowest"),
        (lambda a, on, off, both: (off.argmin(), on[off.argmin()], off.min()), "rows of the mask only"),
        (lambda a, on, off, both: (99, a[1], a[2]), "yours picks 99"),
        (lambda a, on, off, both: (a[0], a[1] ** 0.5, a[2] ** 0.5), "errors are RMSE"),
        (lambda a, on, off, both: (a[0], a[2], a[1]), "swapped"),
        (lambda a, on, off, both: (a[0], both[a[0]], a[2]), "first error is not"),
        (lambda a, on, off, both: (a[0], a[1], off.min()), "of another epoch"),
        (lambda a, on, off, both: (a[0], a[1], both[a[0]]), "over all rows"),
        (lambda a, on, off, both: (a[0], a[1], a[2] + 1), "second error is not"),
        (lambda a, on, off, both: (a[0], on, off), "each of the three is one number"),
        (lambda a, on, off, both: a[:2], "three things"),
        (lambda a, on, off, both: a[0], "three things"),
    ],
)
def test_pick_hints(change, hint, said):
    assert hint in said(ch04.check_3, changed(change))


def test_pick_by_all_rows_is_refused(said):
    def by_all(actual, predictions, rows):
        squared = (predictions - actual) ** 2
        epoch = squared.mean(axis=1).argmin()
        return epoch, squared[epoch, rows].mean(), squared[epoch, ~rows].mean()

    assert "rows of the mask only" in said(ch04.check_3, by_all)


def test_pick_half_done(said):
    assert "one of the three that you return is None" in said(ch04.check_3, lambda *args: (None, None, None))
    assert "pass the function itself" in said(ch04.check_3, (1, 0.8, 0.9))
