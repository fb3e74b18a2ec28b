"""Served items: lists, reasons and new users of models in which a user is their ratings."""

import numpy as np
import pytest

from collabkit import EASE, ItemKNN, ItemKNNStars, Ratings, Recommender
from tests.tables import random_ratings

MODELS = {"ease": EASE(3, at_least=2), "knn": ItemKNN(9, 2, zero_at=1), "stars": ItemKNNStars(9, 2)}


@pytest.fixture(params=MODELS)
def found(request) -> Recommender:
    ratings = random_ratings()
    return Recommender(MODELS[request.param].fit(ratings), ratings)


def theirs(ratings: Ratings, user: int) -> dict:
    rows = ratings.frame[ratings.frame["user"] == user]
    return dict(zip(rows["item"].tolist(), rows["rating"].tolist(), strict=True))


def test_a_new_user_with_the_ratings_of_a_known_one_is_that_one(found):
    given = theirs(found.ratings, 7)
    new = found.fold_in(given)
    assert np.array_equal(new.predict(found.ratings.items.ids), found.predict(7, found.ratings.items.ids))
    assert new.recommend(5).equals(found.recommend(7, 5))


def test_fold_in_is_what_with_history_says(found):
    given = {10: 5, 200: 4, 470: 1.5}
    codes = found.ratings.items.index(list(given))
    history = found.ratings.take(np.arange(3))
    history.user[:], history.item[:], history.rating[:] = 3, codes, list(given.values())
    moved = Recommender(found.model.with_history(history), history)
    items = found.ratings.items.ids
    assert np.allclose(found.fold_in(given).predict(items), moved.predict(found.ratings.users.ids[3], items))
    assert np.allclose(found.fold_in({}).predict([*items, -1]), moved.predict(found.ratings.users.ids[4], [*items, -1]))


def test_an_explanation_adds_up_and_names_what_was_rated(found):
    for item in (10, 200):
        shares, baseline, stars = found.explain(7, item, n=None)
        assert stars == found.predict(7, item)[0]
        assert baseline + shares["contribution"].sum() == pytest.approx(stars, abs=1e-12)
        assert set(shares["item"]) == set(theirs(found.ratings, 7))
        assert shares["contribution"].abs().is_monotonic_decreasing
        if not isinstance(found.model, ItemKNNStars):
            assert baseline == pytest.approx(0, abs=1e-12)
    nobody = found.fold_in({}).explain(10)
    assert nobody.shares.empty and nobody.baseline == nobody.stars == found.fold_in({}).predict(10)[0]


def test_a_share_is_what_a_yes_adds():
    ratings = random_ratings()
    found = Recommender(EASE(3).fit(ratings), ratings)
    one, two = found.fold_in({20: 5}), found.fold_in({20: 5, 30: 5})
    share = two.explain(10).shares.set_index("item")["contribution"]
    assert share[30] == pytest.approx(two.predict(10)[0] - one.predict(10)[0])
    assert share[30] == pytest.approx(found.model.weights_.column(0)[2])


def test_similar_items_are_those_that_say_most_for_one(found):
    column = found.model.weights_.column(4)
    alike = found.similar_items(50, 3)
    best = np.argsort(-column, kind="stable")[:3]
    assert alike["item"].tolist() == ((best + 1) * 10).tolist()
    assert np.allclose(alike["similarity"], column[best])


def test_an_item_without_weights_is_like_nothing():
    ratings = random_ratings()
    found = Recommender(EASE(3, max_items=5).fit(ratings), ratings)
    dropped = ratings.items.ids[found.model.place_[:-1] < 0][0]
    with pytest.raises(ValueError, match="EASE keeps no weights of this item.*Lower at_least, or raise max_items"):
        found.similar_items(dropped)


def test_a_new_film_is_refused(found):
    with pytest.raises(TypeError, match="a new item cannot be folded into .*: fit it anew"):
        found.fold_in_item({1: 5})


def test_ties_come_in_the_order_of_ids():
    """Films that nobody chose together score 0 alike."""
    ratings = random_ratings(12, 20, 60)
    found = Recommender(EASE(3, max_items=4).fit(ratings), ratings)
    lists = found.recommend(1, k=20)
    for _, tied in lists.groupby("stars"):
        assert tied["item"].is_monotonic_increasing
    assert lists["stars"].duplicated().any()
    narrow = found.recommend(1, k=20, candidates=[30, 10, 200])
    assert narrow["stars"].tolist() == found.predict(1, narrow["item"]).tolist()
