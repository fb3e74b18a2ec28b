"""ImplicitALS in a Recommender: somebody new is placed where a sweep would place them, and the sum is explained."""

import numpy as np
import pytest

from collabkit import ImplicitALS, Ratings, Recommender
from collabkit.recommend.choices import ChosenFoldIn
from tests.tables import random_ratings

SETTINGS = {"n_factors": 4, "penalty": 2.0, "alpha": 3.0, "n_sweeps": 5, "at_least": 3.5}


@pytest.fixture(scope="module")
def train() -> Ratings:
    return random_ratings()


@pytest.fixture(scope="module")
def model(train) -> ImplicitALS:
    return ImplicitALS(**SETTINGS).fit(train)


@pytest.fixture(scope="module")
def found(model, train) -> Recommender:
    return Recommender(model, train)


def stars_of(train, user) -> dict:
    frame = train.frame[train.frame["user"] == user]
    return dict(zip(frame["item"], frame["rating"], strict=True))


def test_somebody_folded_in_is_where_their_history_places_them(found, model, train):
    """Two ways to one answer, both of them one solve on the film factors of the model."""
    placed = Recommender(model.with_history(train), train)
    for user in (1, 7, 40):
        new = found.fold_in(stars_of(train, user))
        items = train.items.ids
        assert np.allclose(new.predict(items), placed.predict(user, items), atol=1e-5)
        assert new.recommend()["item"].tolist() == placed.recommend(user)["item"].tolist()


def test_the_solve_by_hand(found, model):
    stars = {10: 5, 20: 4, 30: 1}  # the last is no choice
    Q = model.item_.astype("float64")
    c = np.ones(len(Q))
    c[:2] += SETTINGS["alpha"]
    y = np.zeros(len(Q))
    y[:2] = 1
    expected = np.linalg.solve((Q.T * c) @ Q + SETTINGS["penalty"] * np.eye(4), Q.T @ (c * y))
    assert np.allclose(found.fold_in(stars).w, expected)


def test_who_chose_nothing_is_unknown(found, model, train):
    for stars in ({}, {10: 1, 20: 0.5}):
        new = found.fold_in(stars)
        assert np.array_equal(new.w, model.unknown_.astype("float64"))
        why = new.explain(30)
        assert why.baseline == why.stars == pytest.approx(new.predict(30)[0]) and not why.shares["contribution"].any()
    assert np.allclose(found.fold_in({}).predict(train.items.ids), found.predict(999, train.items.ids), atol=1e-6)


def test_shares_add_up_to_the_score(found, train):
    new = found.fold_in(stars_of(train, 3))
    for why, stars in ((new.explain(20, None), new.predict(20)[0]), (found.explain(3, 20, None), new.predict(20)[0])):
        assert why.baseline == 0
        assert why.shares["contribution"].sum() == pytest.approx(why.stars) and why.stars == pytest.approx(stars)
        assert not why.shares["contribution"][why.shares["stars"] < 3.5].any()


def test_a_new_film_is_placed_among_users(found, model):
    P = model.user_.astype("float64")
    c, y = np.ones(len(P)), np.zeros(len(P))
    c[[2, 4]], y[[2, 4]] = 1 + SETTINGS["alpha"], 1
    q = np.linalg.solve((P.T * c) @ P + SETTINGS["penalty"] * np.eye(4), P.T @ (c * y))
    assert np.allclose(found.fold_in_item({3: 5, 5: 4}).predict([1, 2]), model.tables().user_factors[:2].numpy() @ q)


def test_recommending_from_a_history_leaves_every_film_where_it_was(model, train):
    """A history of few ratings: films without one in it are as known as before, unlike in a module."""
    history = train.take(train.user < 5)
    placed = model.with_history(history)
    found, chosen = Recommender(placed, history), model.item_.any(axis=1)
    items = train.items.ids[chosen]
    assert 50 < len(items) < 60  # nobody liked the others, and they are average
    assert np.allclose(found.predict(1, items), placed.user_[0] @ model.item_[chosen].T, atol=1e-6)
    assert np.allclose(found.predict(30, items), model.unknown_ @ model.item_[chosen].T, atol=1e-6)  # no history now


def test_saved_it_folds_in_the_same(found, tmp_path):
    found.save(tmp_path / "model.safetensors")
    again = Recommender.load(tmp_path / "model.safetensors")
    assert again.recommend([1, 2, 3]).equals(found.recommend([1, 2, 3]))
    assert np.array_equal(again.fold_in({10: 5}).w, found.fold_in({10: 5}).w)
    assert again.similar_items(10).equals(found.similar_items(10))
    assert np.array_equal(again.model.with_history(again.ratings).user_, found.model.with_history(found.ratings).user_)
    assert "# ImplicitALS, trained on 900 ratings" in (tmp_path / "model.md").read_text("utf8")


def test_stars_off_the_scale_are_refused(found):
    with pytest.raises(ValueError, match="is not a number of stars from 0.5 to 5"):
        found.fold_in({10: 9})
    assert isinstance(found._new_user, ChosenFoldIn)
