"""Checks for chapter 13, *Side information*."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pandas as pd

from collabkit.bayes import BayesianMF
from collabkit.exercises import Answer, check, hint_for, is_number
from collabkit.features import film_features, popularity
from collabkit.metrics import rmse
from collabkit.movielens import load_movielens
from collabkit.splits import random_split

SAME = 5e-3  # answers of 13.1 may be rounded to two decimals, errors of 13.3 to three
GAIN = 0.001  # stars


@check("13.1", praise="The features give the centre, and each rating moves the film away from it.")
def check_1(centre: Answer, bias: Answer) -> str | None:
    """Centre of the prior and bias of a film with features worth 0.2 and two ratings of one star, λ = 4, α = 1."""
    for value, name in ((centre, "centre"), (bias, "bias")):
        if not is_number(value):
            return f"the {name} should be one number in stars, and you have {value!r}."
    centres = [
        (0.2, None),
        (0.3, "the constant is missing: every film starts from it."),
        (0.1, "the film has both genres: add both weights to the constant."),
        (0.0, "the film has both genres: add both weights to the constant."),
        (0.15, "add the weights of the genres up; you take their mean."),
        (0.05, "add the weights of the genres up; you take their mean."),
        (0.4, "the constant is −0.1, not +0.1."),
        (-0.1, "that is the constant alone. Add the weights of the genres that the film has."),
    ]
    biases = [
        ((4 * 0.2 + 2) / 6, None),
        (2 / 6, "that is with a prior around 0. The centre pulls with λ: λ · centre + α · 2 · 1, over λ + 2 α."),
        ((4 * 0.2 + 1) / 5, "there are two ratings: each counts α."),
        ((4 * 0.2 + 1) / 6, "the ratings pull with their number times their average, 2 · 1."),
        (0.2 + 2 / 6, "what is damped is how far the ratings lie from the centre: 1 − 0.2, not 1."),
        (0.6, "that is halfway. Weigh the centre with λ and the ratings with 2 α."),
        (1.0, "that is what the ratings say. The prior has its say too."),
        (1.2, "do not add them up: it is a weighted mean of the centre and the ratings."),
        ((0.2 * 2 + 4) / 6, "the weights are swapped: λ goes with the centre, 2 α with the ratings."),
        (0.2, "that is the centre. Two ratings move the film away from it."),
    ]
    for value, known, name in ((centre, centres, "centre"), (bias, biases, "bias")):
        fallback = "centre = constant + weights of its genres; bias = (λ · centre + α · 2 · 1) / (λ + 2 α)."
        hint = hint_for(value, known, SAME, fallback)
        if hint:
            return f"the {name}: {hint}"
    return None


@check("13.2", praise="Films with ratings teach, and all films profit.")
def check_2(centres: Answer) -> str | None:
    """A function (rows, features, rated, penalty) -> centres of the priors of all films ``(I, 1 + K)``."""
    if not callable(centres):
        return "pass the function itself: check_2(my_centres), without calling it."
    rng = np.random.default_rng(13)
    features, rated, penalty = rng.normal(1, 1, (30, 3)), rng.random(30) < 0.6, 2.0
    rows = features @ rng.normal(size=(3, 4)) + rng.normal(size=(30, 4)) + 1.5
    given = [one.copy() for one in (rows, features, rated)]
    answer = np.asarray(centres(*given, penalty), dtype="float64")
    if not all(np.array_equal(a, b) for a, b in zip(given, (rows, features, rated), strict=True)):
        return "it changes one of its arguments. Work on a copy."
    if answer.shape != rows.shape:
        if answer.shape in ((4, 4), (3, 4)):
            return "that has the shape of B, a row a feature. Multiply the features of every film with it."
        if answer.shape == (rated.sum(), 4):
            return "learn from the rated films, but give a centre to *all* of them."
        return f"for 30 films and 1 + K = 4 return the shape (30, 4), not {answer.shape}."
    ones = np.column_stack([np.ones(30), features])

    def ridge(X: np.ndarray, learn: np.ndarray = rated, pay: float = penalty, free: bool = False) -> np.ndarray:
        prior = pay * np.eye(X.shape[1])
        if free:
            prior[0, 0] = 0
        return X @ np.linalg.solve(X[learn].T @ X[learn] + prior, X[learn].T @ rows[learn])

    if np.allclose(answer, ridge(ones), atol=1e-6):
        return None
    everybody = np.ones(30, dtype=bool)
    mistakes = [
        (ridge(ones, everybody), "learn from the rated films alone: the other rows are draws from the prior itself."),
        (ridge(ones, ~rated), "it learns from the films *without* ratings."),
        (ridge(features), "the column of ones is missing: without it a film without features sits at 0."),
        (ridge(features, everybody), "the column of ones is missing, and only rated films should teach."),
        (ridge(ones, pay=1e-12), "the penalty is missing."),
        (ridge(ones, free=True), "here the constant pays the penalty too: it is on all of B."),
        (ridge(ones, pay=rated.sum() * penalty), "the penalty is not multiplied by the number of films here."),
        (ridge(ones, pay=penalty / rated.sum()), "use XᵀX as it is, a sum over films and not a mean."),
        (ridge(ones) * rated[:, None], "films without ratings come out as 0. Multiply the features of *all* with B."),
        (rows, "those are the rows. The centres are what the features predict of them."),
    ]
    fallback = "not right yet: with X = [1, features], B = (XᵀX + penalty · I)⁻¹ Xᵀ rows over rated films; then X B."
    return hint_for(answer, mistakes, 1e-6, fallback)


@check("13.3", praise="A feature that nobody handed to you, and it pays.")
def check_3(features: Answer, score: Answer) -> str | None:
    """A function (training ratings) -> features ``(I, F)``, and the held-out RMSE with them."""
    if not callable(features):
        return "pass the function itself first: check_3(my_features, my_score)."
    if not is_number(score):
        return f"my_score should be one number, the held-out RMSE in stars, and you have {score!r}."
    split = random_split(load_movielens(), seed=0)
    train = split.train
    table = pd.DataFrame(features(train))
    if len(table) != train.n_items:
        return f"return a row for each of the {train.n_items:,} film codes, not {len(table):,}."
    values = table.to_numpy("float64", na_value=np.nan)
    if not np.isfinite(values).all():
        return "some values are not finite. Give films of which you know nothing a 0, say."
    if not (values.std(axis=0) > 0).any():
        return "your columns are the same for all films: a model cannot tell films apart by them."
    if np.abs(values).max() > 100:
        return "some values are above 100. Divide them, so that they are about as large as zeros and ones."
    known = film_features(train).join(popularity(train)).to_numpy("float64")
    if any(np.allclose(column, other) for column in values.T for other in known.T):
        return "one of your columns is a genre, a year or the popularity. Find another one."
    if not np.array_equal(values, pd.DataFrame(features(train)).to_numpy("float64")):
        return "it gives other features when it is called again: draw nothing at random, or from a fixed seed."
    right, without = _error(table), _without()
    if abs(score - right) > SAME:
        if abs(score - right**2) <= SAME:
            return "that is the mean *squared* error. Take its root."
        return f"with your features the error is {right:.4f}, and you have {score:.4f}. Take the settings of the text."
    if right > without - GAIN:
        return f"with your features the error is {right:.4f}, without any {without:.4f}. Look for a better one."
    return None


@cache
def _without() -> float:
    return _error(None)


def _error(features: pd.DataFrame | None) -> float:
    split = random_split(load_movielens(), seed=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the chain has not settled")
        model = BayesianMF(n_samples=30, progress=False).fit(split.train, features)
    rows = split.valid.frame
    return rmse(split.valid.rating, model.predict(rows["user"], rows["item"]))
