"""Checks for chapter 1, *Ratings*."""

from __future__ import annotations

import numpy as np
import pandas as pd

from collabkit.baselines import MeanBaseline
from collabkit.exercises import Answer, check, hint_for, one_number
from collabkit.metrics import mae, rmse
from collabkit.movielens import load_movielens
from collabkit.ratings import Ratings
from collabkit.splits import random_split


@check("1.1", praise="One cell in 61 holds a rating.")
def check_1(share: Answer) -> str | None:
    """The share of the matrix that is empty."""
    if one_number(share) is None or np.ndim(share) != 0:
        return "give one number, between 0 and 1."
    ratings = load_movielens()
    cells = ratings.n_users * ratings.n_items
    empty = 1 - len(ratings) / cells
    if abs(share - empty) < 5e-4:
        return None
    if abs(share - (1 - empty)) < 5e-4:
        return "that is the share that is filled. How much is left?"
    if abs(share - 100 * empty) < 0.5:
        return "that is in per cent. Give a share, between 0 and 1."
    if abs(share - (1 - 0.8 * len(ratings) / cells)) < 5e-4:
        return "that counts the training ratings only. Count all of `ratings`."
    if abs(share - (1 - len(ratings) / (ratings.users.ids.max() * ratings.items.ids.max()))) < 5e-4:
        return "that counts a column for every possible id. The matrix has one for each film: see ratings.n_items."
    if abs(share - empty) < 0.01:
        return "close. Give at least three digits, and do not round on the way."
    if share > 1:
        return "that is more than everything. Divide by the number of cells."
    return "the matrix has n_users x n_items cells, and len(ratings) of them are filled."


@check("1.2", praise="It is smaller than the RMSE whenever the misses differ in size.")
def check_2(function: Answer) -> str | None:
    """A function of the mean absolute error."""
    if not callable(function):
        return "pass the function itself: check_2(my_mae), without calling it."
    rng = np.random.default_rng(12)
    for n in (7, 40):
        actual = rng.integers(1, 11, n) / 2  # (n,) stars
        predicted = actual + rng.normal(0.3, 1, n)  # (n,)
        answer = np.asarray(function(actual.copy(), predicted.copy()))
        if answer.ndim != 0:
            return f"it returns an array of shape {answer.shape}. Average over all rows, to one number."
        if hint := _mae_hint(float(answer), actual, predicted):
            return hint
        column = predicted.reshape(-1, 1)  # (n, 1)
        if not np.isclose(float(np.asarray(function(actual.copy(), column)).mean()), mae(actual, column)):
            return (
                "right for predictions of shape (n,), wrong for a column (n, 1): the difference is then a table "
                "(n, n). Make both sides flat first, e.g. with np.ravel."
            )
    return None


def _mae_hint(answer: float, actual: np.ndarray, predicted: np.ndarray) -> str | None:
    """What is wrong with a mean absolute error, if anything."""
    miss = actual - predicted
    cancel = "misses up and down cancel. Take the absolute value of each miss first, and the mean after that."
    mistakes = [
        (miss.mean(), cancel),
        (-miss.mean(), cancel),
        (rmse(actual, predicted), "that is the RMSE. Use absolute values, not squares."),
        ((miss**2).mean(), "that is the mean of the squares. Use absolute values instead."),
        (np.abs(miss).sum(), "that is the sum of all misses. Divide by how many there are."),
        (np.median(np.abs(miss)), "that is the median miss. Take the mean."),
    ]
    if np.isclose(answer, mae(actual, predicted)):
        return None
    fallback = "try it on actual [4, 2] and predicted [3, 5]: it should give 2."
    return hint_for(answer, mistakes, otherwise=fallback)


@check("1.3", praise="Few ratings are now trusted less than many.")
def check_3(function: Answer) -> str | None:
    """A function of training ratings that gives damped film means ``(I,)``."""
    if not callable(function):
        return "pass the function itself: check_3(my_film_means), without calling it."
    if hint := _toy_hint(function):
        return hint
    split = random_split(load_movielens(), seed=101)
    items = split.valid.frame["item"]
    plain = MeanBaseline(("item",)).fit(split.train)
    before = rmse(split.valid.rating, plain.predict(split.valid.frame["user"], items))
    after = rmse(split.valid.rating, np.asarray(function(split.train), dtype="float64")[split.valid.item])
    print(f"On a new split: plain film mean {before:.4f}, yours {after:.4f} stars.")
    if after > before - 1e-3:
        return "it does not beat the plain film mean. Do you pull too hard, or too little? Try k between 1 and 20."
    return None


def _toy_hint(function: Answer) -> str | None:
    """What is wrong with film means on four films: one five, eight fives, eight ones, and no rating at all."""
    rows = [(1, 10, 5.0)] + [(u, 20, 5.0) for u in range(1, 9)] + [(u, 30, 1.0) for u in range(1, 9)] + [(1, 40, 3.0)]
    table = Ratings.from_frame(pd.DataFrame(rows, columns=["user", "item", "rating"]))
    train = table.take(table.item < 3)
    mu = train.rating.mean()
    means = np.asarray(function(train), dtype="float64")
    if means.shape != (4,):
        return (
            f"on ratings of 4 films it returns shape {means.shape} instead of (4,). Use the `train` that is passed in, "
            "and give np.bincount minlength=train.n_items, so that films without a rating keep their place."
        )
    once, liked, disliked, unseen = means
    if np.isnan(unseen):
        return "a film without ratings gets NaN (0 divided by 0). With k above 0 it gets the global mean."
    if not np.isfinite(means).all():
        return "some means are not finite numbers. Is something divided by zero?"
    if unseen == 0 and disliked < 0:
        return "these look like offsets from the global mean. Add it: the check wants means, in stars."
    if np.isclose(once, 5) and np.isclose(liked, 5):
        return "that is the plain mean: a single rating of 5 still counts as 5. Choose a k above 0."
    if np.isclose(once, liked):
        return "a film with one five and a film with eight fives get the same. The pull must depend on the count."
    if not np.isclose(unseen, mu, atol=1e-3):
        return (
            f"a film without ratings gets {unseen:.2f}, and the global mean of the ratings passed in is {mu:.2f}. "
            "Do you pull towards that mean, and add k to the count as well?"
        )
    if not mu < once < liked <= 5 or not 1 <= disliked < mu:
        return "a mean should lie between the film's own and the global mean, nearer to its own with more ratings."
    return None
