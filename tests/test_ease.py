from typing import ClassVar

import numpy as np
import pytest
import torch

from collabkit import EASE, Ratings
from collabkit.ease import regressions
from collabkit.item_item import table
from tests.contracts import EstimatorContract, RankerContract
from tests.tables import random_ratings


class TestEASE(EstimatorContract):
    ask = ("predict_codes",)
    settings: ClassVar = {
        "penalty": ([0.5, np.float32(3), torch.tensor(2)], [0, -1, 1e39]),
        "at_least": ([None, 0, 3, np.float32(3.5)], []),
        "zero_at": ([None, 0, -1, np.float32(3.5)], []),
        "max_items": ([None, 1, np.int64(7), 1000], [0, -1, 2.5]),
        "sitting": ([0, 0.5, np.float32(2), torch.tensor(1)], [-1, 1e39]),
        "half_life": ([0.1, np.float32(3)], [0, -1, 1e39]),
    }

    def make(self, **settings):
        return EASE(**{"penalty": 2.0} | settings)


class TestListsOfEASE(RankerContract):
    def make(self, train):
        return EASE(2.0).fit(train)


def dense(model) -> np.ndarray:
    return np.stack([model.weights_.column(at) for at in range(model.weights_.n)], axis=1)


def constrained(X: np.ndarray, penalty: float) -> np.ndarray:
    """Each column's ridge regression on all others, by itself."""
    n = X.shape[1]
    B = np.zeros((n, n))
    for i in range(n):
        others = np.delete(np.arange(n), i)
        A = X[:, others].T @ X[:, others] + penalty * np.eye(n - 1)
        B[others, i] = np.linalg.solve(A, X[:, others].T @ X[:, i])
    return B


@pytest.mark.parametrize(("n_users", "n_items"), [(40, 15), (15, 40)])
@pytest.mark.parametrize("penalty", [0.5, 20.0])
def test_equals_a_regression_of_each_item_on_all_others(n_users, n_items, penalty):
    """With more users than items, and with fewer, where the inverse is that of the users."""
    ratings = random_ratings(n_users, n_items, 250)
    X = np.zeros((n_users, n_items))
    X[ratings.user, ratings.item] = 1
    assert np.abs(dense(EASE(penalty).fit(ratings)) - constrained(X, penalty)).max() < 1e-6
    X[ratings.user, ratings.item] = (ratings.rating - 1).clip(0) / 4
    assert np.abs(dense(EASE(penalty, zero_at=1).fit(ratings)) - constrained(X, penalty)).max() < 1e-6


def test_a_sitting_is_as_good_as_users_who_chose_what_was_chosen_in_it():
    """Choices of one moment, years from all others: the regressions of the users, and of each sitting c times more."""
    ratings = random_ratings(20, 12, 150)
    day = (ratings.user + 3 * ratings.item) % 4  # of each user's four sittings
    frame = ratings.frame.assign(timestamp=day * 10**8)
    dated = Ratings.from_frame(frame, timestamp="timestamp", scale=(0.5, 5))
    X, sittings = np.zeros((20, 12)), np.zeros((80, 12))
    x = (dated.rating - 1).clip(0) / 4
    X[dated.user, dated.item] = sittings[4 * dated.user + day, dated.item] = x
    model = EASE(2.0, zero_at=1, sitting=0.5).fit(dated)
    assert np.abs(dense(model) - constrained(np.vstack([X, 0.5**0.5 * sittings]), 2.0)).max() < 1e-6
    few = EASE(2.0, zero_at=1, sitting=0.5, max_items=5).fit(dated)
    kept = np.flatnonzero(few.place_[:-1] >= 0)
    rows = np.vstack([X, 0.5**0.5 * sittings])[:, kept]
    assert np.abs(dense(few) - constrained(rows, 2.0)).max() < 1e-6


def test_sittings_of_ratings_without_times_are_refused():
    ratings = Ratings.from_frame(random_ratings().frame.drop(columns="timestamp"), scale=(0.5, 5))
    with pytest.raises(ValueError, match=r"sitting=0\.5, and these ratings have no timestamps: choose sitting=0"):
        EASE(sitting=0.5).fit(ratings)
    EASE().fit(ratings)


def test_two_items_by_hand():
    """Three users chose both, and one the first alone: 3 / (4 + λ), and 3 / (3 + λ) the other way."""
    X = table(np.array([0, 1, 2, 3, 0, 1, 2]), np.array([0, 0, 0, 0, 1, 1, 1]), np.ones(7), (4, 2))
    assert np.allclose(regressions(X, 2.0).values, [[0, 3 / 6], [3 / 5, 0]], atol=1e-7)


def test_the_most_chosen_items_are_kept_and_others_score_nothing():
    ratings = random_ratings()
    counts = np.bincount(ratings.item, minlength=60)
    model = EASE(2.0, max_items=10).fit(ratings)
    kept = np.flatnonzero(model.place_[:-1] >= 0)
    assert model.weights_.n == 10 and counts[kept].min() >= np.sort(counts)[-11]
    assert not model.predict_codes(np.full(60, 3), np.arange(60))[model.place_[:-1] < 0].any()
    few = EASE(2.0).fit(ratings.take(np.isin(ratings.item, kept)))
    assert np.allclose(dense(model), dense(few), atol=1e-6)


def test_more_items_than_memory_are_refused_before_anything_is_built(monkeypatch):
    monkeypatch.setattr("collabkit.ease.memory", lambda: 12 * 19**2)
    ratings = random_ratings(40, 20, 300)
    model = EASE(2.0)
    with pytest.raises(MemoryError, match=r"every pair of 20 items.* as with max_items=13, or take ItemKNN"):
        model.fit(ratings)
    assert not hasattr(model, "weights_")
    model.max_items = 13
    assert model.fit(ratings).weights_.n == 13
    EASE(2.0).fit(random_ratings())  # 60 items of 40 users: no pair is written out


def test_a_penalty_that_is_lost_is_refused():
    """Two users who chose alike, and items that go together: what to invert is singular either way."""
    for n_items in (2, 3):
        alike = table(np.repeat([0, 1], n_items), np.tile(np.arange(n_items), 2), np.ones(2 * n_items), (2, n_items))
        with pytest.raises(FloatingPointError, match="penalty=1e-30 is lost beside these counts"):
            regressions(alike, 1e-30)


def test_it_finds_who_chooses_what():
    """Two circles of users, each with films of its own: held-out pairs of a circle score above all others."""
    ratings = random_ratings(20, 20, 400)
    circle = ratings.user % 2 == ratings.item % 2
    held_out = circle & ((ratings.user * 20 + ratings.item) % 7 == 0)
    model = EASE(1.0).fit(ratings.take(circle & ~held_out))
    score = model.predict_codes(ratings.user, ratings.item)
    assert score[held_out].min() > score[~circle].max() + 0.2
