"""Scores of each user's list, their means and how far these can be trusted."""

import time
import warnings

import numpy as np
import pandas as pd
import pytest

from collabkit import (
    PopularityBaseline,
    Ratings,
    Recommender,
    Split,
    average_precision_at_k,
    evaluate_ranking,
    leave_last_out,
    ndcg_at_k,
    random_split,
    ranking_scores,
    recall_at_k,
)
from tests.tables import random_ratings, tiny_ratings


class Fixed:
    """A recommender whose lists are made by hand."""

    def __init__(self, lists):
        self.lists = lists

    def recommend(self, user, k=10):
        rows = [(one, item) for one in user for item in self.lists.get(one, [])]
        return pd.DataFrame(rows, columns=["user", "item"])


def split_by_hand():
    """Held out: 20 gave 5 five stars and 11 half a star; 30 gave 7 four stars; 10 gave 900 one star."""
    ratings = tiny_ratings()
    held_out = np.isin(np.arange(7), [0, 2, 3, 5])
    return Split(ratings.take(~held_out), ratings.take(held_out))


def test_one_row_a_judged_user():
    scores = ranking_scores(Fixed({20: [11, 5], 30: [7, 900]}), split_by_hand(), k=2)
    assert scores.index.tolist() == [20, 30]
    assert scores.index.name == "user"
    assert scores["recall"].tolist() == [1, 1]
    assert scores["ndcg"].tolist() == pytest.approx([1 / np.log2(3), 1])
    assert scores["map"].tolist() == [0.5, 1]
    assert scores["cold"].tolist() == [True, False]


def test_standard_errors_by_hand():
    found = evaluate_ranking(Fixed({20: [11, 5], 30: [7, 900]}), split_by_hand(), k=2)
    ndcg = 1 / np.log2(3)
    assert found["ndcg"] == pytest.approx((1 + ndcg) / 2)
    assert found["ndcg_se"] == pytest.approx((1 - ndcg) / 2)  # of two: half their distance
    assert (found["recall_se"], found["map_se"]) == (0, 0.25)
    one_user = Split(split_by_hand().train, split_by_hand().valid.take([0]))
    assert np.isnan(evaluate_ranking(Fixed({30: [7]}), one_user)["ndcg_se"])


@pytest.mark.parametrize("k", [1, 3, 10, 100])
def test_each_row_is_what_the_measures_say_of_that_list(k):
    split = leave_last_out(random_ratings(n=1200), 12)
    recommender = Recommender(PopularityBaseline().fit(split.train), split.train)
    scores = ranking_scores(recommender, split, k=k)
    lists = recommender.recommend(scores.index, k=k).groupby("user")["item"].agg(list)
    liked = split.valid.frame.query("rating >= 4").groupby("user")["item"].agg(set)
    assert set(scores.index) == set(liked.index)
    assert len(scores) == 30
    for name, measure in (("recall", recall_at_k), ("ndcg", ndcg_at_k), ("map", average_precision_at_k)):
        assert scores[name].tolist() == pytest.approx([measure(lists[u], liked[u], k) for u in scores.index])


def test_rows_may_come_in_any_order_of_users_and_what_stands_behind_k_does_not_count():
    split = split_by_hand()
    tidy = ranking_scores(Fixed({20: [11, 5], 30: [7, 900]}), split, k=2)

    class Mixed:
        def recommend(self, user, k=10):
            rows = [(30, 7), (99, 5), (20, 11), (20, 5), (30, 900), (30, 5)]
            return pd.DataFrame(rows, columns=["user", "item"])

    assert ranking_scores(Mixed(), split, k=2).equals(tidy)


def test_lists_that_cannot_be_judged_are_refused():
    with pytest.raises(ValueError, match="more than once"):
        ranking_scores(Fixed({20: [5, 5], 30: [7]}), split_by_hand())
    with pytest.raises(ValueError, match="1 of 2 judged users got no list, the first 30"):
        ranking_scores(Fixed({20: [5]}), split_by_hand())
    with pytest.raises(KeyError, match="unknown item 6"):
        ranking_scores(Fixed({20: [6], 30: [7]}), split_by_hand())


def in_other_stars(stars) -> Split:
    frame = random_ratings().frame
    frame["rating"] = stars(frame["rating"])
    return random_split(Ratings.from_frame(frame, scale=(frame["rating"].min(), frame["rating"].max())))


def lists_of(split):
    return Recommender(PopularityBaseline().fit(split.train), split.train)


@pytest.mark.parametrize(("times", "ends"), [(2, "1 to 10"), (20, "10 to 100")])
def test_four_stars_of_ten_or_a_hundred_are_not_many(times, ends):
    split = in_other_stars(lambda stars: stars * times)
    if times == 2:
        with pytest.warns(UserWarning, match=rf"relevant=4 lies in the lower half of these ratings.* {ends}: \d+% of"):
            evaluate_ranking(lists_of(split), split)
    with pytest.warns(UserWarning, match=rf"lower half of these ratings, which go from {ends}"):
        ranking_scores(lists_of(split), split, relevant=2.1 * times)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        right = ranking_scores(lists_of(split), split, relevant=4 * times)
        everything = evaluate_ranking(lists_of(split), split, relevant=0.5 * times)
    plain = in_other_stars(lambda stars: stars)
    assert right.equals(ranking_scores(lists_of(plain), plain))
    assert everything["users"] == len(np.unique(split.valid.user))


def test_where_nothing_is_relevant_the_scale_is_named():
    split = in_other_stars(lambda stars: stars / 5)
    with pytest.raises(ValueError, match=r"nobody can be judged. Pass relevant= .* go from 0.1 to 1"):
        ranking_scores(lists_of(split), split)


def test_thousands_of_users_take_a_second():
    rng = np.random.default_rng(0)
    n, n_items, each = 5000, 3000, 40
    user, item = np.repeat(np.arange(n), each), np.concatenate([rng.permutation(n_items)[:each] for _ in range(n)])
    frame = pd.DataFrame({"user": user, "item": item, "rating": rng.integers(1, 11, n * each) / 2})
    split = random_split(Ratings.from_frame(frame, scale=(0.5, 5)))
    lists = pd.DataFrame({"user": np.repeat(np.arange(n), 20), "item": np.tile(np.arange(20), n)})

    class Same:
        def recommend(self, user, k=20):
            return lists

    start = time.process_time()
    assert len(ranking_scores(Same(), split, k=20)) > 4000
    assert time.process_time() - start < 2  # .2 s where it was written; a loop over users takes 3
