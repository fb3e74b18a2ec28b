"""Checks for chapter 14, *Neighbours*."""

from __future__ import annotations

import numpy as np

from collabkit.exercises import Answer, check, hint_for


@check("14.1", praise="One user in common is luck, thirty are not: shrinkage says so in one factor.")
def check_1(similarity: Answer) -> str | None:
    """A function (a, b, shrink) -> shrunk cosine of two columns of 0 and 1."""
    if not callable(similarity):
        return "pass the function itself: check_1(my_similarity), without calling it."
    first, second = np.array([1, 1, 1, 1, 0, 0, 1, 0, 0]), np.array([1, 1, 0, 0, 1, 0, 1, 0, 1])
    cases = [
        (first, second, 0, "three users chose both, five chose each, and nothing is shrunk"),
        (first, second, 6, "three users chose both, and shrink is 6"),
        (second, np.array([0, 0, 0, 0, 1, 0, 1, 0, 0]), 2, "two users chose both, five the first and two the second"),
    ]
    for a, b, shrink, why in cases:
        both, cosine = (a * b).sum(), (a * b).sum() / np.sqrt(a.sum() * b.sum())
        right = cosine * both / (both + shrink)
        answer = float(similarity(a.copy(), b.copy(), shrink))
        if np.isclose(answer, right):
            continue
        mistakes = [
            (both, "that is how many chose both. Divide by the root of how many chose each, multiplied."),
            (both / (a.sum() * b.sum()), "the root is missing: divide by the root of the product of the two counts."),
            (cosine, "nothing is shrunk: multiply by n / (n + shrink), where n users chose both."),
            (cosine * shrink / (both + shrink), "that shrinks what is sure: the factor is n / (n + shrink)."),
            (cosine * a.sum() / (a.sum() + shrink), "count the users who chose *both*, not those of one film."),
            (cosine * len(a) / (len(a) + shrink), "count the users who chose *both*, not all of them."),
            (both / ((a + b) > 0).sum(), "that divides by those who chose either (Jaccard). A cosine has a root."),
        ]
        hint = hint_for(answer, mistakes, otherwise=f"it gives {answer:.3g}.")
        return f"{hint} ({why}, so the answer is {right:.3f}.)"
    nobody = np.zeros(4)
    if not np.isclose(float(similarity(np.array([1, 0, 1, 0]), np.array([0, 1, 0, 0]), 5)), 0):
        return "two films that nobody chose together have similarity 0."
    with np.errstate(all="ignore"):
        if not np.isclose(float(similarity(np.array([1, 0, 1, 0]), nobody, 0)), 0):
            return "a film that nobody chose is like nothing: return 0 there, and divide by nothing."
    return None


@check("14.2", praise="One inverse, and every film has its regression on all the others.")
def check_2(ease: Answer) -> str | None:
    """A function (X, penalty) -> B ``(I, I)``."""
    if not callable(ease):
        return "pass the function itself: check_2(my_ease), without calling it."
    rng = np.random.default_rng(14)
    X, penalty = (rng.random((30, 6)) < rng.uniform(0.2, 0.7, 6)).astype("float64"), 3.0  # (U, I)
    given = X.copy()
    answer = np.asarray(ease(X, penalty), dtype="float64")
    if not np.array_equal(X, given):
        return "it changes X. Work on a copy."
    if answer.shape != (6, 6):
        return f"for 6 films it returns shape {answer.shape}: a weight for each pair of films, shape (6, 6)."
    gram = X.T @ X
    P = np.linalg.inv(gram + penalty * np.eye(6))
    right = np.eye(6) - P / P.diagonal()
    if np.allclose(answer, right):
        return None
    plain = np.linalg.inv(gram)
    mistakes = [
        (-P / P.diagonal(), "the diagonal is -1: set it to 0, for no film may speak for itself."),
        (right.T, "rows and columns have changed places: divide column i of P by its own P[i, i]."),
        (-right, "the sign: B is -P divided by its diagonal."),
        (np.eye(6) - plain / plain.diagonal(), "the penalty is missing: add it to the diagonal before you invert."),
        (P @ gram, "that is a ridge regression in which each film predicts itself. Where is the zero diagonal?"),
        (
            P @ gram - np.diag((P @ gram).diagonal()),
            "to strike out the diagonal afterwards is not to solve without it.",
        ),
        (P, "that is the inverse. Divide each column by its entry on the diagonal, and turn the sign."),
        (gram, "that is XᵀX, the counts. Add the penalty to its diagonal, and invert."),
    ]
    return hint_for(answer, mistakes, otherwise="B[j, i] is -P[j, i] / P[i, i] off the diagonal, P = (XᵀX + λI)⁻¹.")


@check("14.3", praise="What did the lists lose? Compare with the memory saved before you decide.")
def check_3(strongest: Answer) -> str | None:
    """A function (B, k) -> B with the k largest absolute values of each column, and 0 elsewhere."""
    if not callable(strongest):
        return "pass the function itself: check_3(my_strongest), without calling it."
    B = np.random.default_rng(3).normal(size=(9, 9))
    np.fill_diagonal(B, 0)
    for k in (1, 3, 9):
        given = B.copy()
        answer = np.asarray(strongest(given, k), dtype="float64")
        if not np.array_equal(given, B):
            return "it changes B. Work on a copy: B.copy()."
        if answer.shape != B.shape:
            return f"it returns shape {answer.shape} for a B of shape {B.shape}: keep the shape, with zeros."
        right = _kept(np.abs(B), k, B)
        if np.allclose(answer, right):
            continue
        mistakes = [
            (_kept(B, k, B), "a weight far below 0 says much, too: go by absolute values."),
            (_kept(np.abs(B).T, k, B.T).T, "that keeps k of each row. What scores film i is in *column* i."),
            (_kept(-np.abs(B), k, B), "those are the smallest: sort the other way round."),
            (np.abs(right), "keep the weights themselves, with their signs."),
            (right != 0, "that says which to keep. Return the weights."),
        ]
        counts = (answer != 0).sum(axis=0)
        odd = f"it keeps {counts.min()} to {counts.max()} weights a column for k = {k}."
        return hint_for(answer, mistakes, otherwise=odd)
    return None


def _kept(order: np.ndarray, k: int, values: np.ndarray) -> np.ndarray:
    """The k values of each column that are first in this order, and 0 elsewhere."""
    best = np.argsort(-order, axis=0, kind="stable")[:k]
    found = np.zeros_like(values)
    np.put_along_axis(found, best, np.take_along_axis(values, best, axis=0), axis=0)
    return found
