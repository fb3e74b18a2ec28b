"""Exercises of chapter 14: the checks accept what is right, and tell typical mistakes apart."""

import numpy as np
import pytest

from collabkit.exercises import ch14


def test_not_tried(said):
    for check, stub in (
        (ch14.check_1, lambda a, b, shrink: None),
        (ch14.check_2, lambda X, penalty: None),
        (ch14.check_3, lambda B, k: None),
    ):
        assert "not tried yet" in said(check, None)
        assert "not tried yet" in said(check, stub)
        assert "pass the function itself" in said(check, 0.5)


# ---------------------------------------------------------------- 14.1: a similarity


def cosine(a, b):
    return a @ b / np.sqrt(max(a.sum() * b.sum(), 1))


def similarity(a, b, shrink):
    n = a @ b
    return cosine(a, b) * n / (n + shrink) if n else 0.0


def test_similarity():
    assert ch14.check_1(similarity)


@pytest.mark.parametrize(
    "function, hint",
    [
        (lambda a, b, h: a @ b, "how many chose both"),
        (lambda a, b, h: a @ b / (a.sum() * b.sum()), "the root is missing"),
        (lambda a, b, h: cosine(a, b), "nothing is shrunk"),
        (lambda a, b, h: cosine(a, b) * (h / (a @ b + h) if h else 1), "shrinks what is sure"),
        (lambda a, b, h: cosine(a, b) * a.sum() / (a.sum() + h), "not those of one film"),
        (lambda a, b, h: cosine(a, b) * len(a) / (len(a) + h), "not all of them"),
        (lambda a, b, h: a @ b / ((a + b) > 0).sum(), "Jaccard"),
        (lambda a, b, h: 0.123, "it gives 0.123"),
        (lambda a, b, h: similarity(a, b, h) if a @ b else 1.0, "nobody chose together"),
        (lambda a, b, h: similarity(a, b, h) if b.sum() else np.nan, "divide by nothing"),
    ],
)
def test_similarity_hints(function, hint, said):
    assert hint in said(ch14.check_1, function)


# ---------------------------------------------------------------- 14.2: EASE


def inverse(X, penalty):
    return np.linalg.inv(X.T @ X + penalty * np.eye(X.shape[1]))


def ease(X, penalty):
    P = inverse(X, penalty)
    B = -P / P.diagonal()
    np.fill_diagonal(B, 0)
    return B


def ridge(X, penalty):
    return inverse(X, penalty) @ X.T @ X


def without_diagonal(B):
    return B - np.diag(B.diagonal())


def in_place(X, penalty):
    B = ease(X, penalty)
    X -= 1
    return B


def test_ease():
    assert ch14.check_2(ease)


@pytest.mark.parametrize(
    "function, hint",
    [
        (lambda X, p: ease(X, p) - np.eye(X.shape[1]), "the diagonal is -1"),
        (lambda X, p: ease(X, p).T, "changed places"),
        (lambda X, p: -ease(X, p), "the sign"),
        (lambda X, p: ease(X, 0), "penalty is missing"),
        (ridge, "predicts itself"),
        (lambda X, p: without_diagonal(ridge(X, p)), "strike out the diagonal afterwards"),
        (inverse, "that is the inverse"),
        (lambda X, p: X.T @ X, "the counts"),
        (lambda X, p: ease(X, p)[:-1], "shape (5, 6)"),
        (lambda X, p: 0 * ease(X, p), "off the diagonal"),
        (in_place, "changes X"),
    ],
)
def test_ease_hints(function, hint, said):
    assert hint in said(ch14.check_2, function)


# ---------------------------------------------------------------- 14.3: the strongest weights


def strongest(B, k, order=np.abs):
    best = np.argsort(-order(B), axis=0)[:k]
    found = np.zeros_like(B)
    np.put_along_axis(found, best, np.take_along_axis(B, best, axis=0), axis=0)
    return found


def spoilt(B, k):
    found = strongest(B, k)
    B[:] = 0
    return found


def test_strongest():
    assert ch14.check_3(strongest)
    assert ch14.check_3(lambda B, k: B * (np.abs(B) >= np.sort(np.abs(B), axis=0)[-k]))


@pytest.mark.parametrize(
    "function, hint",
    [
        (lambda B, k: strongest(B, k, order=lambda B: B), "absolute values"),
        (lambda B, k: strongest(B.T, k).T, "in *column* i"),
        (lambda B, k: strongest(B, k, order=lambda B: -np.abs(B)), "the smallest"),
        (lambda B, k: np.abs(strongest(B, k)), "with their signs"),
        (lambda B, k: strongest(B, k) != 0, "which to keep"),
        (lambda B, k: strongest(B, k)[:k], "keep the shape"),
        (lambda B, k: B, "weights a column for k = 1"),
        (spoilt, "changes B"),
    ],
)
def test_strongest_hints(function, hint, said):
    assert hint in said(ch14.check_3, function)
