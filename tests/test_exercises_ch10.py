"""Exercises of chapter 10: the checks accept what is right, and tell typical mistakes apart."""

import numpy as np
import pytest

from collabkit.exercises import ch10


def test_not_tried(said):
    for check, stub in (
        (ch10.check_1, lambda ranked, relevant, k: None),
        (ch10.check_2, lambda Q, b, rated, stars, mean, penalty: None),
        (ch10.check_3, lambda recommender, user, k, at_least: None),
    ):
        assert "not tried yet" in said(check, None)
        assert "not tried yet" in said(check, stub)
        assert "pass the function itself" in said(check, 0.5)


# ---------------------------------------------------------------- 10.1: precision


def hits(ranked, relevant):
    return sum(item in relevant for item in ranked)


def test_precision():
    assert ch10.check_1(lambda ranked, relevant, k: hits(ranked[:k], relevant) / k)


@pytest.mark.parametrize(
    "function, hint",
    [
        (lambda ranked, relevant, k: hits(ranked[:k], relevant) / len(relevant), "which is recall"),
        (lambda ranked, relevant, k: hits(ranked, relevant) / k, "first k places only"),
        (lambda ranked, relevant, k: hits(ranked[:k], relevant), "number of hits"),
        (lambda ranked, relevant, k: hits(ranked[:k], relevant) / len(ranked[:k]), "still divide by k"),
        (lambda ranked, relevant, k: 0.123, "it gives 0.123"),
    ],
)
def test_precision_hints(function, hint, said):
    assert hint in said(ch10.check_1, function)


# ---------------------------------------------------------------- 10.2: fold-in


def parts(Q, b, rated, stars, mean):
    X = np.column_stack([np.ones(len(rated)), Q[rated]])
    return X, stars - b[rated] - X @ mean


def solved(X, target, penalty):
    return np.linalg.solve(X.T @ X + penalty * np.eye(X.shape[1]), X.T @ target)


def fold_in(Q, b, rated, stars, mean, penalty):
    X, misses = parts(Q, b, rated, stars, mean)
    return mean + solved(X, misses, penalty)


def in_place(Q, b, rated, stars, mean, penalty):
    answer = fold_in(Q, b, rated, stars, mean, penalty)
    stars -= b[rated]
    return answer


def zero_without_ratings(Q, b, rated, stars, mean, penalty):
    return fold_in(Q, b, rated, stars, mean, penalty) if len(rated) else np.zeros(len(mean))


def test_fold_in():
    assert ch10.check_2(fold_in)


@pytest.mark.parametrize(
    "function, hint",
    [
        (lambda Q, b, r, s, m, p: fold_in(Q, b, r, s, m, 0), "penalty is missing"),
        (lambda Q, b, r, s, m, p: fold_in(Q, b, r, s, m, p) - m, "Add mean"),
        (lambda Q, b, r, s, m, p: solved(parts(Q, b, r, s, m)[0], s - b[r], p), "towards zero"),
        (lambda Q, b, r, s, m, p: m + solved(parts(Q, b, r, s, m)[0], s - b[r], p), "subtract X @ mean"),
        (lambda Q, b, r, s, m, p: fold_in(Q, 0 * b, r, s, m, p), "biases of the films"),
        (lambda Q, b, r, s, m, p: solved(parts(Q, b, r, s, m)[0], s, p), "predicted to give"),
        (lambda Q, b, r, s, m, p: fold_in(Q, b, r, s, m, p)[1:], "shape (3,)"),
        (lambda Q, b, r, s, m, p: m + 1, "column of ones"),
        (lambda Q, b, r, s, m, p: 0 * m, "all zeros"),
        (in_place, "changes one of its arguments"),
        (zero_without_ratings, "without ratings"),
    ],
)
def test_fold_in_hints(function, hint, said):
    assert hint in said(ch10.check_2, function)


# ---------------------------------------------------------------- 10.3: a list of films that enough people rated


def enough(recommender, at_least, more=0):
    train = recommender.ratings
    return train.items.ids[np.bincount(train.item, minlength=train.n_items) >= at_least + more]


def recommend(recommender, user, k, at_least):
    return recommender.recommend(user, k, candidates=enough(recommender, at_least))["item"].tolist()


def filtered_too_late(recommender, user, k, at_least):
    return [item for item in recommender.recommend(user, k)["item"] if item in enough(recommender, at_least)]


def with_seen(recommender, user, k, at_least):
    candidates = enough(recommender, at_least)
    return recommender.recommend(user, k, exclude_seen=False, candidates=candidates)["item"].tolist()


def test_recommend():
    assert ch10.check_3(recommend)
    assert ch10.check_3(lambda *asked: np.array(recommend(*asked)))


@pytest.mark.parametrize(
    "function, hint",
    [
        (lambda r, u, k, n: r.recommend(u, k, candidates=enough(r, n)), "a table"),
        (with_seen, "that the user has rated"),
        (lambda r, u, k, n: r.recommend(u, k)["item"].tolist(), "training ratings is in the list"),
        (filtered_too_late, "Choose the candidates first"),
        (lambda r, u, k, n: r.recommend(u, k, candidates=enough(r, n, 1))["item"].tolist(), ">= and not >"),
        (lambda r, u, k, n: recommend(r, u, k, n)[::-1], "the order is not"),
        (lambda r, u, k, n: [-1] * k, "not ids of items"),
    ],
)
def test_recommend_hints(function, hint, said):
    assert hint in said(ch10.check_3, function)
