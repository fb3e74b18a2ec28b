"""Checks for chapter 4, *Biases*."""

from __future__ import annotations

import math
from functools import cache, partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
from fastai.callback.core import Callback

from collabkit.exercises import Answer, check, one_number
from collabkit.metrics import rmse
from collabkit.models import DotProductBias
from collabkit.movielens import load_movielens
from collabkit.ratings import Ratings
from collabkit.recipe import RECIPE
from collabkit.splits import random_split
from collabkit.training.fit import fit_recipe


@check("4.1", praise="Taste and a loved film pull up, the strict user pulls down.")
def check_1(stars: Answer) -> str | None:
    """The prediction for a strict user and a film that people like, in stars."""
    stars = one_number(stars)
    if stars is None:
        return "give one number, in stars."

    def squeezed(score: float, hi: float = 5.5) -> float:
        return hi / (1 + math.exp(-score))

    right = squeezed(0.9)
    if abs(stars - right) < 0.006:
        return None
    mistakes = [
        (0.9, "that is the score. Send it through the sigmoid, and stretch it to the range (0, 5.5)."),
        (right / 5.5, "that is between 0 and 1. Stretch it to the width of the range."),
        (squeezed(0.9, 5), "that is for the range (0, 5). The end is at 5.5."),
        (squeezed(0.4), "that is the dot product alone. Add both biases before the sigmoid."),
        (squeezed(0.4) + 0.5, "add the biases to the score, before the sigmoid, not to the stars."),
        (squeezed(0.0), "the film's bias is missing from the score."),
        (squeezed(1.3), "the user's bias is missing from the score."),
        (squeezed(1.7), "mind the sign of the user's bias: a strict user pulls the score down."),
        (squeezed(0.5), "the dot product is missing from the score."),
        (squeezed(1.1), "mind the sign of the middle product: -0.5 times 0.2 is negative."),
        (squeezed(0.4 * -0.4 * 0.9), "add the biases to the dot product, do not multiply."),
        (squeezed(0.04), "the biases are added to the dot product, not multiplied with each other."),
        (squeezed(-0.9), "mind the sign in exp(-score): more score is more stars."),
    ]
    for value, hint in mistakes:
        if abs(stars - value) < 0.006:
            return hint
    if abs(stars - right) < 0.06:
        return "close. Give two digits after the point, and do not round on the way."
    return "three products, their sum, plus both biases: that is the score. The score of this pair is below 1."


@check("4.2", praise="A damped mean of what the films leave.")
def check_2(function: Answer) -> str | None:
    """A function ``(train, item_bias, k) -> (U,)`` of the best user biases."""
    if not callable(function):
        return "pass the function itself: check_2(my_user_bias), without calling it."
    train, item_bias = _toy()
    for k in (0, 3, 5):
        answer = np.asarray(function(train, item_bias.copy(), k), dtype="float64")
        if hint := _bias_hint(answer, train, item_bias, k):
            return hint
    split = random_split(load_movielens(), seed=104)
    train, valid = split.train, split.valid
    mu = train.rating.mean(dtype="float64")
    item_bias = _damped(train.item, train.rating - mu, train.n_items, 4)
    user_bias = np.asarray(function(train, item_bias, 4), dtype="float64")
    alone = _damped(train.user, train.rating - mu, train.n_users, 4)
    before, after = (rmse(valid.rating, mu + bias[valid.user] + item_bias[valid.item]) for bias in (alone, user_bias))
    print(f"On a new split: user means alone {before:.4f}, yours {after:.4f} stars.")
    return None


def _toy() -> tuple[Ratings, np.ndarray]:
    """Ratings of three users, a fourth user without any, and film biases."""
    rows = [(1, 10, 5.0), (1, 20, 4.0), (1, 30, 3.0), (2, 10, 2.0), (2, 30, 1.0), (3, 20, 4.5), (4, 20, 3.0)]
    table = Ratings.from_frame(pd.DataFrame(rows, columns=["user", "item", "rating"]))
    return table.take(table.user < 3), np.array([0.7, 0.3, -0.5])


def _damped(code: np.ndarray, values: np.ndarray, n: int, k: float) -> np.ndarray:
    count = np.bincount(code, minlength=n)
    return np.bincount(code, weights=values, minlength=n) / np.maximum(count + k, 1e-9)


def _bias_hint(answer: np.ndarray, train: Ratings, item_bias: np.ndarray, k: float) -> str | None:
    """What is wrong with user biases, if anything."""
    n, user, film = train.n_users, train.user, item_bias[train.item]
    if answer.shape != (n,):
        return (
            f"on ratings of {n} users it returns shape {answer.shape} instead of ({n},). Use the `train` that is "
            "passed in, and give np.bincount minlength=train.n_users, so that a user without ratings keeps a place."
        )
    count = np.bincount(user, minlength=n)
    if k == 0 and not np.isfinite(answer[count == 0]).all():
        return "a user without ratings gets NaN when k = 0 (0 divided by 0). Give such a user 0."
    if not np.isfinite(answer).all():
        return "some biases are not finite numbers. Is something divided by zero?"
    mu = train.rating.mean(dtype="float64")
    left = train.rating - mu - film
    right = _damped(user, left, n, k)
    if np.allclose(answer, right, atol=1e-5):
        return None
    total = np.bincount(user, weights=left, minlength=n)
    mistakes = [
        (
            _damped(user, train.rating - mu, n, k),
            "it ignores the film biases. Take them off each rating, as well as mu.",
        ),
        (_damped(user, train.rating - film, n, k), "it does not take off mu, the mean of the ratings passed in."),
        (
            _damped(user, train.rating, n, k),
            "those are means of the stars. Take mu and the film's bias off each rating.",
        ),
        (
            _damped(user, train.rating - mu + film, n, k),
            "the film's bias has the wrong sign: take it off, do not add it.",
        ),
        (right + mu, "those are stars. A bias is a difference from mu: do not add mu at the end."),
        (-right, "the sign is turned around: a generous user should have a positive bias."),
        (total, "those are sums. Divide each by the user's count plus k."),
        (_damped(user, left, n, 0), f"right for k = 0, but with k = {k:g} nothing changes. What does k · b² do?"),
        (
            _damped(user, left, n, 2 * k),
            "k counts double. Both terms of the derivative have a factor of 2: it cancels.",
        ),
        (_damped(user, left, n, k / 2), "k counts half. Both terms of the derivative have a factor of 2: it cancels."),
        (_damped(user, left, n, k * k), "k enters squared. The term is k · b², and its derivative is 2 · k · b."),
        (_damped(user, left, n, 0) / (1 + k), "k should weigh less for a user with many ratings: divide by count + k."),
        (_damped(user, left, n, 0) - k, "k does not shift the bias, it shrinks it: divide by count + k."),
        ((total + k) / np.maximum(count + k, 1e-9), "add k to the count only: the pull is towards 0."),
        ((total + k * mu) / np.maximum(count + k, 1e-9), "the pull is towards 0 here, not towards mu."),
    ]
    for wrong, hint in mistakes:
        if np.allclose(answer, wrong, atol=1e-5):
            return hint
    if k == 0:
        return "with k = 0 it should be the mean of rating - mu - item_bias over each user's ratings."
    return f"right for k = 0, not for k = {k:g}. The derivative is -2 · sum(residual - b) + 2 · k · b; where is it 0?"


@check("4.3", praise="The rows that pick an epoch are no judges of it.")
def check_3(function: Answer) -> str | None:
    """A function ``(actual, predictions, rows) -> (epoch, MSE on the rows, MSE of that epoch on the others)``."""
    if not callable(function):
        return "pass the function itself: check_3(my_pick), without calling it."
    rng = np.random.default_rng(43)
    for epochs, n in [(3, 12), (5, 40), (4, 40)]:
        actual = rng.integers(1, 11, n) / 2  # (n,)
        predictions = actual + rng.normal(0, 1, (epochs, n))  # (epochs, n)
        rows = rng.permutation(n) < n // 3  # (n,) bool
        # One epoch is best on the rows but the worst elsewhere, another is best elsewhere, a third worst on the rows.
        best, other, worst = rng.permutation(epochs)[:3]
        predictions[worst] = actual + np.where(rows, 2.5, 1.0)
        predictions[best] = actual + np.where(rows, 0.3, 2.0)
        predictions[other] = actual + np.where(rows, 0.8, 0.2)
        answer = function(actual.copy(), predictions.copy(), rows.copy())
        if hint := _pick_hint(answer, actual, predictions, rows):
            return hint
    _flattery(function)
    return None


def _pick_hint(answer: Answer, actual: np.ndarray, predictions: np.ndarray, rows: np.ndarray) -> str | None:
    """What is wrong with one pick, if anything."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 3:
        return "return three things: return epoch, picked_on, others"
    if any(value is None for value in answer):
        return "one of the three that you return is None."
    if any(np.ndim(value) for value in answer):
        return "each of the three is one number. Average the squared errors over the rows, for each epoch."
    epoch, picked_on, others = (float(value) for value in answer)
    squared = (predictions - actual) ** 2  # (epochs, n)
    on, off, all_rows = squared[:, rows].mean(1), squared[:, ~rows].mean(1), squared.mean(1)  # (epochs,) each
    best = int(on.argmin())
    if epoch == best + 1 and np.isclose(picked_on, on[best]):
        return "the epoch is counted from 1. Count from 0, as the rows of predictions do."
    if epoch != best:
        if epoch == on.argmax():
            return "that is the epoch with the highest error on the rows. Take the lowest."
        if epoch in (off.argmin(), all_rows.argmin()):
            return "it picks with other rows too. Pick with the rows of the mask only."
        return f"on these rows epoch {best} has the lowest error, and yours picks {epoch:g}."
    if np.isclose(picked_on, on[best] ** 0.5):
        return "the epoch is right, but the errors are RMSE. Return mean squared errors: they can be averaged."
    if np.isclose(picked_on, off[best]) and np.isclose(others, on[best]):
        return "the two errors are swapped: first the one on the rows that picked."
    if not np.isclose(picked_on, on[best]):
        return "the epoch is right, but the first error is not its mean squared error on the rows of the mask."
    if np.isclose(others, off.min()):
        return "the second error is of another epoch, the best one there. Look at the epoch that you picked."
    if np.isclose(others, all_rows[best]):
        return "the second error is over all rows. Leave out the rows that picked: ~rows."
    if not np.isclose(others, off[best]):
        return "the second error is not the mean squared error of the picked epoch on the other rows, ~rows."
    return None


def _flattery(function: Answer) -> None:
    """Measure on a new split what picking flatters, and print it."""
    run, rng = _epochs(), np.random.default_rng(0)
    errors = []
    for _ in range(16):
        piece = rng.permutation(len(run.actual)) // 200  # (n,) each row is in one piece, so all weigh the same
        for number in range(piece.max() + 1):
            answer = function(run.actual, run.predictions, piece == number)
            errors.append([float(value) for value in answer[1:]])
    picked_on, others = np.sqrt(np.mean(errors, axis=0))
    print(f"On a new split, picked with 200 rows: RMSE {picked_on:.4f} on those rows, {others:.4f} on the others.")


class _Keep(Callback):
    """Predictions for the validation ratings after each epoch."""

    def before_fit(self) -> None:
        self.predictions: list[np.ndarray] = []

    def after_epoch(self) -> None:
        with torch.no_grad():
            self.predictions.append(self.model(self.dls.valid.dataset.x).flatten().cpu().numpy())


@cache
def _epochs() -> SimpleNamespace:
    """One run of the chapter's model on a split of its own: predictions ``(epochs, n)`` and stars ``(n,)``."""
    split, keep = random_split(load_movielens(), seed=104), _Keep()
    fit_recipe(split, partial(DotProductBias, y_range=(0, 5.5)), RECIPE._replace(wd=0.0), cbs=keep)
    some = slice(5000)  # enough rows to measure on, and four times as fast
    return SimpleNamespace(actual=split.valid.rating[some], predictions=np.array(keep.predictions)[:, some])
