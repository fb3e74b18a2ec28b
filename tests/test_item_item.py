"""Item-item models: which ratings count, whose scores they are, and one answer whichever way it is asked."""

import numpy as np
import pytest

from collabkit import EASE, ItemKNN, ItemKNNStars
from collabkit.item_item import Yes, of_all
from tests.tables import random_ratings, tiny_ratings

MODELS = {
    "ease": EASE(3),
    "ease, few": EASE(3, at_least=3, max_items=20),
    "knn": ItemKNN(7, 2, at_least=3),
    "knn, by stars": ItemKNN(7, 2, zero_at=2),
    "stars": ItemKNNStars(7, 2),
}


def dense(weights) -> np.ndarray:
    return np.stack([weights.column(at) for at in range(weights.n)], axis=1)


@pytest.mark.parametrize("name", MODELS)
def test_pairs_and_tables_of_scores_are_the_same(name, monkeypatch):
    ratings = random_ratings()
    model = MODELS[name].fit(ratings)
    users, items = np.array([3, 40, 0, 3]), np.arange(61)  # the last of both is unknown
    table = model.score(of_all, users, items)
    pairs = model.predict_codes(np.repeat(users, len(items)), np.tile(items, len(users))).reshape(table.shape)
    assert np.isfinite(table).all() and np.allclose(table, pairs, atol=1e-12)
    monkeypatch.setattr("collabkit.weights.VALUES", 100)
    assert np.allclose(model.score(of_all, users, items[5:40:3]), table[:, 5:40:3], atol=1e-12)


def test_a_score_is_the_history_times_the_weights():
    ratings = random_ratings()
    model = EASE(3, at_least=3).fit(ratings)
    X = np.zeros((40, 60))
    X[ratings.user, ratings.item] = ratings.rating >= 3
    kept = X.any(axis=0)
    expected = X[:, kept] @ dense(model.weights_)
    assert np.allclose(model.score(of_all, np.arange(40), np.flatnonzero(kept)), expected, atol=1e-6)


def test_which_ratings_count_and_for_how_much():
    stars = np.array([0.5, 2, 2.5, 3, 4, 5], dtype="float32")
    assert Yes(None, None, 5).counts(stars).tolist() == [1] * 6
    assert Yes(3, None, 5).counts(stars).tolist() == [0, 0, 0, 1, 1, 1]
    assert np.allclose(Yes(None, 2, 5).counts(stars), [0, 0, 1 / 6, 1 / 3, 2 / 3, 1])
    assert np.allclose(Yes(4, 2, 5).counts(stars), [0, 0, 0, 0, 2 / 3, 1])


def test_low_ratings_are_as_if_not_there():
    ratings = random_ratings()
    high = ratings.take(ratings.rating >= 3.5)
    for one, same in ((EASE(at_least=3.5), EASE()), (ItemKNN(at_least=3.5), ItemKNN())):
        assert np.array_equal(dense(one.fit(ratings).weights_), dense(same.fit(high).weights_))
        assert not (one.history_ != same.history_).nnz
        assert not np.array_equal(dense(one.weights_), dense(type(one)().fit(ratings).weights_))


def test_whoever_has_no_yes_gets_what_is_popular():
    ratings = random_ratings()
    train = ratings.take((ratings.user != 5) & ((ratings.user != 6) | (ratings.rating < 3)))
    model = EASE(at_least=3).fit(train)
    expected = np.bincount(train.item[train.rating >= 3], minlength=60) / 40
    for user in (5, 6, 40):
        assert np.allclose(model.score(of_all, np.array([user]), np.arange(60)), expected)
    assert not np.allclose(model.score(of_all, np.array([7]), np.arange(60)), expected)


@pytest.mark.parametrize("name", MODELS)
def test_a_history_takes_the_place_of_training_ratings(name):
    ratings = random_ratings()
    train, other = ratings.take(ratings.user < 30), ratings.take(ratings.user >= 20)
    model = MODELS[name].fit(train)
    before, everything = model.score(of_all, np.arange(41), np.arange(60)), (np.arange(41), np.arange(60))
    moved = model.with_history(other)
    after = moved.score(of_all, *everything)
    assert type(moved) is type(model) and moved.weights_ is model.weights_
    assert np.array_equal(model.score(of_all, *everything), before)
    assert np.allclose(after[20:30], before[20:30])  # of whom both have all ratings
    assert np.allclose(after[:20], after[40]) and np.allclose(before[30:], before[40])  # who are unknown
    assert not np.allclose(after[35], before[35])
    assert np.array_equal(model.with_history(train).score(of_all, *everything), before)


def test_a_history_of_others_is_refused():
    model = EASE().fit(random_ratings())
    with pytest.raises(ValueError, match="was fitted to other users"):
        model.with_history(tiny_ratings())
    with pytest.raises(TypeError, match="history is a DataFrame and has to be a Ratings"):
        model.with_history(tiny_ratings().frame)


@pytest.mark.parametrize("name", MODELS)
def test_parts_add_up(name):
    ratings = random_ratings()
    model = MODELS[name].fit(ratings)
    for user, item in ((3, 10), (17, 0), (39, 59)):
        score, parts = model.predict_codes(np.array([user]), np.array([item]))[0], model.parts(user, item)
        assert not parts[np.setdiff1d(np.arange(60), ratings.item[ratings.user == user])].any()
        if name == "stars":
            score -= model.mean_ + model.user_offset_[user] + model.item_offset_[item]
        assert parts.sum() == pytest.approx(score, abs=1e-12)


@pytest.mark.parametrize("make", [EASE, ItemKNN])
def test_stars_that_nobody_gave_leave_nothing_to_learn_from(make):
    for setting in ("at_least", "zero_at"):
        with pytest.raises(ValueError, match=f"no rating reaches {setting}=6 stars: nothing is left"):
            make(**{setting: 6}).fit(tiny_ratings())
