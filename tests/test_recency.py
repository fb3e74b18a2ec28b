"""A history read from its end, and a popularity that fades."""

import numpy as np
import pandas as pd
import pytest

from collabkit import EASE, ItemKNN, ItemKNNStars, Ratings, Recommender, by_recency, leave_last_out
from tests.tables import random_ratings

DAY = 86_400


def by_hand() -> Ratings:
    """User 1 likes items 10, 20 and 30, in this order, and not 40; user 2 likes 10 and 30 at one time."""
    frame = pd.DataFrame(
        {
            "user": [1, 1, 1, 1, 2, 2, 3],
            "item": [30, 20, 40, 10, 30, 10, 40],
            "rating": [5, 4, 1, 4, 5, 4, 5.0],
            "timestamp": np.array([30, 20, 40, 10, 5, 5, 40]) * DAY,
        }
    )
    return Ratings.from_frame(frame, scale=(0.5, 5))


def weights_of(model, ratings, user) -> dict:
    row = model.history_[ratings.users.index([user])[0]].toarray().ravel()
    return {item: row[at] for item, at in zip(ratings.items.ids.tolist(), model.place_, strict=False) if at >= 0}


def test_what_was_chosen_last_counts_in_full_and_the_rest_by_its_place_from_the_end():
    ratings = by_hand()
    model = by_recency(EASE(at_least=4).fit(ratings), ratings, decay=1)
    assert weights_of(model, ratings, 1) == pytest.approx({10: 1 / 3, 20: 1 / 2, 30: 1, 40: 0})  # 40 is no yes
    half = by_recency(EASE(at_least=4).fit(ratings), ratings, decay=0.5)
    assert weights_of(half, ratings, 1) == pytest.approx({10: 3**-0.5, 20: 2**-0.5, 30: 1, 40: 0})
    assert weights_of(model, ratings, 2) == pytest.approx({10: 1, 20: 0, 30: 1 / 2, 40: 0})  # the later row is later


def test_a_yes_counts_for_what_it_did_times_its_place():
    ratings = by_hand()
    model = by_recency(EASE(zero_at=0).fit(ratings), ratings, decay=1)
    assert weights_of(model, ratings, 1) == pytest.approx({10: 0.8 / 4, 20: 0.8 / 3, 30: 1 / 2, 40: 0.2})


def test_popularity_fades_by_half_in_a_half_life():
    ratings = by_hand()
    model = by_recency(ItemKNN(at_least=4).fit(ratings), ratings, half_life=10)
    days = {10: [10, 5], 20: [20], 30: [30, 5], 40: [40]}  # of the likes; the last rating of all is of day 40
    popular = [sum(0.5 ** ((40 - day) / 10) for day in days[item]) / 3 for item in ratings.items.ids.tolist()]
    assert model.popular_ == pytest.approx([*popular, 0])
    stranger = np.full(4, ratings.n_users)
    assert model.predict_codes(stranger, np.arange(4)) == pytest.approx(popular)


@pytest.mark.parametrize("model", [EASE(), ItemKNN(at_least=3)])
def test_without_decay_it_is_with_history(model):
    split = leave_last_out(random_ratings(), 3)
    model.fit(split.train)
    plain, same = model.with_history(split.train), by_recency(model, split.train, decay=0)
    pairs = [codes.ravel() for codes in np.meshgrid(np.arange(41), np.arange(60))]
    assert np.array_equal(plain.predict_codes(*pairs), same.predict_codes(*pairs))


def test_the_model_itself_stays_as_it_was_and_the_copy_is_served_and_saved(tmp_path):
    ratings = random_ratings()
    model = EASE(penalty=5).fit(ratings)
    before = Recommender(model, ratings).recommend(1)
    recent = Recommender(by_recency(model, ratings, half_life=0.001), ratings)
    assert Recommender(model, ratings).recommend(1).equals(before)
    assert not recent.recommend(1).equals(before)
    recent.save(tmp_path / "recent.safetensors")
    assert Recommender.load(tmp_path / "recent.safetensors").recommend(1).equals(recent.recommend(1))


def test_what_it_cannot_weigh_is_refused():
    ratings = random_ratings()
    model = EASE().fit(ratings)
    with pytest.raises(TypeError, match="ItemKNNStars does not add up what a user chose"):
        by_recency(ItemKNNStars().fit(ratings), ratings)
    frame = ratings.frame.drop(columns="timestamp")
    with pytest.raises(ValueError, match="history has no timestamps"):
        by_recency(model, Ratings.from_frame(frame, scale=(0.5, 5)))
    with pytest.raises(ValueError, match="was fitted to other users"):
        by_recency(model, by_hand())
