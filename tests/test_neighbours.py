from typing import ClassVar

import numpy as np
import pytest
import torch

from collabkit import ItemKNN, ItemKNNStars
from collabkit.item_item import table
from collabkit.neighbours import RESERVE, damped, nearest
from tests.contracts import EstimatorContract, PredictorContract, RankerContract
from tests.tables import random_ratings

COUNTS = ([1, np.int64(2), 2.0, torch.tensor(2), 1000], [0, -1, 2.5])
DAMPINGS = ([0, 0.5, np.float32(3)], [-1, 1e39])
STARS = [None, 0, 3, np.float32(3.5)]


class TestItemKNN(EstimatorContract):
    ask = ("predict_codes",)
    settings: ClassVar = {"n_neighbours": COUNTS, "shrink": DAMPINGS, "at_least": (STARS, []), "zero_at": (STARS, [])}

    def make(self, **settings):
        return ItemKNN(**{"n_neighbours": 5} | settings)


class TestListsOfItemKNN(RankerContract):
    def make(self, train):
        return ItemKNN(20, 2).fit(train)


class TestItemKNNStars(EstimatorContract, PredictorContract):
    ask = ("predict", "predict_codes")
    settings: ClassVar = {"n_neighbours": COUNTS, "shrink": DAMPINGS, "damping": DAMPINGS}

    def make(self, **settings):
        return ItemKNNStars(**{"n_neighbours": 5} | settings)


class TestListsOfItemKNNStars(RankerContract):
    def make(self, train):
        return ItemKNNStars(20, 2).fit(train)


def test_a_similarity_by_hand():
    """Five users chose the first, three the second, two of them both: 2 / sqrt(15), and 2 / (2 + 6) of it is left."""
    X = table(np.array([0, 1, 2, 3, 4, 0, 1, 5]), np.array([0, 0, 0, 0, 0, 1, 1, 1]), np.ones(8), (6, 2))
    assert nearest(X, 1, 0).values.toarray()[0, 1] == pytest.approx(2 / 15**0.5)
    assert nearest(X, 1, 6).values.toarray()[0, 1] == pytest.approx(2 / 15**0.5 / 4)


def brute_force(X: np.ndarray, there: np.ndarray, k: int, shrink: float) -> np.ndarray:
    """One pair of items at a time."""
    n = X.shape[1]
    S = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            both = (there[:, i] & there[:, j]).sum()
            if i != j and both:
                cosine = X[:, i] @ X[:, j] / np.sqrt((X[:, i] @ X[:, i]) * (X[:, j] @ X[:, j]))
                S[j, i] = max(cosine * both / (both + shrink), 0)
        S[np.argsort(-S[:, i], kind="stable")[k:], i] = 0
    return S


@pytest.mark.parametrize("values", [4_000_000, 100])
def test_lists_equal_brute_force(values, monkeypatch):
    monkeypatch.setattr("collabkit.neighbours.VALUES", values)  # in one block, and in many
    ratings = random_ratings(12, 20, 150)
    X = np.zeros((12, 20))
    X[ratings.user, ratings.item] = (ratings.rating - 0.25) / 4.75
    model = ItemKNN(4, 3, zero_at=0.25).fit(ratings)
    S = brute_force(X, X > 0, 4, 3)
    assert np.allclose(model.weights_.values.toarray(), S, atol=1e-6)
    users, items = np.divmod(np.arange(240), 20)
    assert np.allclose(model.predict_codes(users, items), (X @ S).ravel(), atol=1e-6)


def test_stars_equal_brute_force():
    ratings = random_ratings(12, 20, 150)
    model = ItemKNNStars(4, 3, damping=2).fit(ratings)
    mean = ratings.rating.mean(dtype="float64")
    item = damped(ratings.item, ratings.rating - mean, 20, 2)
    user = damped(ratings.user, ratings.rating - mean - item[ratings.item], 12, 2)
    expected = mean + user[:, None] + item
    D, there = np.zeros((12, 20)), np.zeros((12, 20), dtype=bool)
    there[ratings.user, ratings.item] = True
    D[there] = 0
    D[ratings.user, ratings.item] = ratings.rating - expected[ratings.user, ratings.item]
    S = brute_force(D, there, 4, 3)
    assert np.allclose(model.weights_.values.toarray(), S, atol=1e-6)
    users, items = np.divmod(np.arange(240), 20)
    found = model.predict(ratings.users.ids[users], ratings.items.ids[items]).reshape(12, 20)
    assert np.allclose(found, expected + (D @ S) / (there @ S + RESERVE), atol=1e-6)


def test_who_is_unknown_is_average():
    ratings = random_ratings()
    model = ItemKNNStars().fit(ratings)
    assert model.predict(-5, -7)[0] == pytest.approx(model.mean_)
    assert model.predict(-5, 10)[0] == pytest.approx(model.mean_ + model.item_offset_[0])
    assert model.predict(1, -7)[0] == pytest.approx(model.mean_ + model.user_offset_[0])


def test_neighbours_say_more_than_means():
    """Two circles of users, who disagree on every film: means know nothing of it, neighbours do."""
    ratings = random_ratings(20, 20, 400)
    ratings.rating[:] = np.where(ratings.user % 2 == ratings.item % 2, 4.5, 1.5)
    held_out = (ratings.user * 20 + ratings.item) % 7 == 0
    model = ItemKNNStars(shrink=1).fit(ratings.take(~held_out))
    frame = ratings.take(held_out).frame
    assert np.abs(model.predict(frame["user"], frame["item"]) - frame["rating"]).max() < 0.7
