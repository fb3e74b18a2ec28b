"""Whole users held out, and placed from a part of what they rated."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collabkit import (
    PopularityBaseline,
    Ratings,
    Recommender,
    Split,
    evaluate_ranking,
    ranking_scores,
    strong_generalization,
)
from tests.tables import random_ratings, tiny_ratings


def parts(split) -> dict:
    found = {"train": split.train, "valid": split.valid, "test": split.test, "history": split.history}
    return {name: part.frame for name, part in found.items() if part is not None}


def ratings_with(counts) -> Ratings:
    """One user of each count."""
    user = np.repeat(np.arange(len(counts)), counts)
    item = np.concatenate([np.arange(n) for n in counts])
    return Ratings.from_frame(pd.DataFrame({"user": user, "item": item, "rating": 4.0}), scale=(0.5, 5))


def test_a_user_is_in_training_or_held_out_and_never_both():
    ratings = random_ratings()
    split = strong_generalization(ratings, valid=0.2, test=0.1)
    users = {name: set(part["user"]) for name, part in parts(split).items()}
    assert [len(users[name]) for name in ("train", "valid", "test", "history")] == [28, 8, 4, 12]
    assert users["history"] == users["valid"] | users["test"]
    assert not users["train"] & users["history"]
    assert not users["valid"] & users["test"]
    rows = pd.concat(parts(split).values())
    assert len(rows) == len(ratings) == len(rows.merge(ratings.frame))


def test_the_share_that_is_shown():
    split = strong_generalization(ratings_with([5, 10, 15, 20]), valid=0.5, test=0.25, fold_in=0.6)
    shown, rest = split.history.frame["user"].value_counts(), pd.concat([split.valid.frame, split.test.frame])
    found = rest["user"].value_counts()
    assert len(shown) == 3
    for user in shown.index:
        assert shown[user] == 3 * (user + 1)  # of 5, 10, 15 or 20
        assert found[user] == 2 * (user + 1)


@pytest.mark.parametrize(("fold_in", "shown"), [(0.001, 1), (0.999, 4)])
def test_something_is_shown_and_something_left(fold_in, shown):
    split = strong_generalization(ratings_with([5, 5, 5]), valid=0.4, test=0, fold_in=fold_in)
    assert (len(split.history), len(split.valid)) == (shown, 5 - shown)


def test_what_is_shown_is_drawn_and_not_the_first_of_the_table():
    split = strong_generalization(ratings_with([100] * 4), valid=0.5, test=0, fold_in=0.5)
    items = split.history.frame.groupby("user")["item"].agg(set)
    assert items.iloc[0] != items.iloc[1]
    assert all(len(one) == 50 and min(one) < 30 and max(one) > 70 for one in items)


def test_who_has_too_few_ratings_stays_in_training_whole():
    for seed in range(20):
        split = strong_generalization(ratings_with([2, 9, 2, 9, 9]), valid=0.4, test=0, min_ratings=3, seed=seed)
        assert {0, 2} <= set(split.train.user)
        assert np.bincount(split.train.user, minlength=5)[[0, 2]].tolist() == [2, 2]


def test_it_repeats_by_seed_and_validation_users_do_not_depend_on_test():
    ratings = random_ratings()
    first, again, other = (strong_generalization(ratings, seed=seed) for seed in (3, 3, 4))
    assert all(parts(first)[name].equals(parts(again)[name]) for name in parts(first))
    assert set(first.valid.user) != set(other.valid.user)
    assert set(first.valid.user) == set(strong_generalization(ratings, test=0, seed=3).valid.user)


@given(st.lists(st.integers(1, 12), min_size=2, max_size=12), st.floats(0.05, 0.9), st.integers(0, 99))
def test_no_rating_is_lost_and_no_part_is_empty(counts, valid, seed):
    try:
        split = strong_generalization(ratings_with(counts), valid, 0.2, min_ratings=2, seed=seed)
    except ValueError as error:
        assert "leaves a part empty" in str(error) or "min_ratings=2" in str(error)
    else:
        assert sum(len(part) for part in parts(split).values()) == sum(counts)
        assert all(len(part) for part in parts(split).values())
        assert set(split.valid.user) | set(split.test.user) == set(split.history.user)


def test_shares_and_users_that_do_not_do_are_refused():
    with pytest.raises(ValueError, match=r"valid=0.1, test=0.1 of 3 users leaves a part empty"):
        strong_generalization(tiny_ratings())
    with pytest.raises(ValueError, match=r"2 of 4 users are to be held out, and only 1 have min_ratings=5 ratings"):
        strong_generalization(ratings_with([4, 4, 4, 9]), valid=0.25, test=0.25)


def test_a_history_is_checked_like_any_part():
    ratings, none = random_ratings(), random_ratings().take([])
    with pytest.raises(TypeError, match="history is a DataFrame"):
        Split(ratings, ratings, history=ratings.frame)
    with pytest.raises(ValueError, match="history has no rows"):
        Split(ratings, ratings, history=none)
    with pytest.raises(ValueError, match="history has other user ids than train"):
        Split(ratings, ratings, history=tiny_ratings())


def test_a_user_with_a_history_is_not_cold():
    split = strong_generalization(random_ratings(), valid=0.2, test=0)
    assert not split.cold().any()
    assert Split(split.train, split.valid).cold().all()
    assert len(split.known) == len(split.train) + len(split.history)
    assert split.known.frame.equals(pd.concat([split.train.frame, split.history.frame], ignore_index=True))
    assert Split(split.train, split.valid).known is split.train


def test_known_ratings_without_times():
    split = strong_generalization(ratings_with([9, 9, 9]), valid=0.4, test=0)
    assert split.known.timestamp is None


def test_lists_are_judged_with_a_history():
    split = strong_generalization(random_ratings(), valid=0.3, test=0)
    popular = PopularityBaseline().fit(split.train)
    found = evaluate_ranking(Recommender(popular, split.history), split)
    assert found["cold_users"] == 0
    assert found["ndcg"] == found["ndcg_warm"] > 0
    with pytest.raises(ValueError, match=r"users' own history.*pass Recommender\(model.with_history\(split"):
        ranking_scores(Recommender(popular, split.train), split)
