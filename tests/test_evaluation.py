import numpy as np
import pandas as pd
import pytest

from collabkit import (
    ALS,
    MeanBaseline,
    PopularityBaseline,
    Recommender,
    cross_validate,
    evaluate,
    evaluate_ranking,
    k_fold,
    leave_last_out,
    mae,
    random_split,
    rmse,
)
from collabkit.splits import Split
from tests.tables import random_ratings, tiny_ratings


class Always:
    def __init__(self, stars):
        self.stars = stars

    def fit(self, train):
        return self

    def predict(self, users, items):
        return np.full(len(users), self.stars)


def test_errors_are_over_all_rows_cold_ones_included():
    ratings = tiny_ratings()
    held_out = np.isin(np.arange(7), [3, 4])  # row 3 has an item of its own, row 4 is warm
    split = Split(ratings.take(~held_out), ratings.take(held_out))
    found = evaluate(Always(3.0), split)
    assert found["rmse"] == pytest.approx(rmse([1.0, 2.5], [3, 3]))
    assert found["mae"] == pytest.approx(mae([1.0, 2.5], [3, 3]))
    assert found["rmse_warm"] == pytest.approx(0.5)
    assert (found["n"], found["cold"]) == (2, 0.5)


def test_ids_reach_the_predictor_as_they_are_in_the_data():
    class Spy(Always):
        def predict(self, users, items):
            self.asked = list(zip(users.tolist(), items.tolist(), strict=True))
            return super().predict(users, items)

    spy, split = Spy(3), random_split(tiny_ratings(), valid=0.3)
    evaluate(spy, split)
    assert spy.asked == list(split.valid.frame[["user", "item"]].itertuples(index=False, name=None))


def test_a_missing_part_and_nan_are_refused():
    split = random_split(random_ratings())
    with pytest.raises(ValueError, match="no 'test' part"):
        evaluate(Always(3), split, part="test")
    with pytest.raises(ValueError, match="not finite"):
        evaluate(Always(float("nan")), split)


def test_cross_validate_is_k_separate_fits():
    ratings = random_ratings()
    made = []

    def make():
        made.append(ALS(2, n_sweeps=3))
        return made[-1]

    table = cross_validate(make, ratings, k=4, seed=1)
    assert len(made) == len(table) == 4
    assert table["n"].sum() == len(ratings)
    assert (table["seconds"] >= 0).all()
    first = next(iter(k_fold(ratings, k=4, seed=1)))
    assert table["rmse"][0] == evaluate(ALS(2, n_sweeps=3).fit(first.train), first)["rmse"]


def test_cross_validate_repeats():
    tables = [cross_validate(MeanBaseline, random_ratings(), k=3)["rmse"].tolist() for _ in range(2)]
    assert tables[0] == tables[1]


class Fixed:
    """A recommender whose lists are made by hand."""

    def __init__(self, lists):
        self.lists = lists

    def recommend(self, user, k=10):
        self.asked = (list(user), k)
        rows = [(one, item) for one in user for item in self.lists.get(one, [])[:k]]
        return pd.DataFrame(rows, columns=["user", "item"])


def ranking_split():
    """Users 10, 20 and 30 of the tiny table; 20 has no training rating, and 10 likes nothing that was held out.

    Held out: 20 gave 5 five stars and 11 half a star; 30 gave 7 four stars; 10 gave 900 one star.
    """
    ratings = tiny_ratings()
    held_out = np.isin(np.arange(7), [0, 2, 3, 5])
    return Split(ratings.take(~held_out), ratings.take(held_out))


def test_lists_are_judged_against_what_users_went_on_to_like():
    recommender = Fixed({20: [11, 5], 30: [900, 7]})
    found = evaluate_ranking(recommender, ranking_split(), k=2)
    assert recommender.asked == ([20, 30], 2)
    assert found["recall"] == found["recall_warm"] == 1
    assert found["ndcg"] == pytest.approx(1 / np.log2(3))
    assert found["map"] == 0.5
    assert found["coverage"] == 1
    assert (found["users"], found["cold_users"]) == (2, 1)
    assert {type(value) for value in found.values()} == {int, float}


def test_warm_users_are_judged_apart():
    found = evaluate_ranking(Fixed({20: [5], 30: [11]}), ranking_split(), k=1)
    assert (found["recall"], found["recall_warm"]) == (0.5, 0)
    assert (found["ndcg"], found["ndcg_warm"]) == (0.5, 0)


def test_what_counts_as_relevant_can_be_told():
    everything = evaluate_ranking(Fixed({10: [900], 20: [5, 11], 30: [7]}), ranking_split(), relevant=0.5)
    assert (everything["users"], everything["recall"]) == (3, 1)


def test_popularity_is_measured_on_the_training_ratings():
    split = ranking_split()  # training ratings: 5, 7 and 11 of users 30, 10 and 30
    assert evaluate_ranking(Fixed({20: [900], 30: [900]}), split)["popularity_lift"] == -1
    assert evaluate_ranking(Fixed({20: [900], 30: [5]}), split)["popularity_lift"] == 0


def test_nobody_to_judge_and_lists_that_are_missing_are_refused():
    split = ranking_split()
    with pytest.raises(ValueError, match="nobody can be judged"):
        evaluate_ranking(Fixed({}), split, relevant=5.5)
    with pytest.raises(ValueError, match="no 'test' part"):
        evaluate_ranking(Fixed({}), split, part="test")
    with pytest.raises(ValueError, match="1 of 2 judged users got no list, the first 30"):
        evaluate_ranking(Fixed({20: [5]}), split)


def test_a_part_without_warm_users_has_no_warm_measures():
    ratings = tiny_ratings()
    user = ratings.frame["user"] == 20
    found = evaluate_ranking(Fixed({20: [5]}), Split(ratings.take(~user), ratings.take(user)))
    assert found["ndcg"] == 1
    assert np.isnan([found["recall_warm"], found["ndcg_warm"], found["map_warm"], found["popularity_lift"]]).all()


def test_with_a_recommender_it_equals_a_loop_over_users():
    ratings = random_ratings(n=1200)
    split = leave_last_out(ratings, 5)
    found = evaluate_ranking(Recommender(PopularityBaseline().fit(split.train), split.train), split, k=4)
    train, valid = split.train.frame, split.valid.frame
    counts = train["item"].value_counts()
    assert len(counts) == ratings.n_items
    recalls, listed = [], set()
    for user, theirs in valid[valid["rating"] >= 4].groupby("user"):
        unseen = counts.drop(train.loc[train["user"] == user, "item"]).reset_index()
        ranked = unseen.sort_values(["count", "item"], ascending=[False, True])["item"].head(4).tolist()
        recalls.append(len(set(ranked) & set(theirs["item"])) / len(theirs))
        listed |= set(ranked)
    assert found["recall"] == pytest.approx(np.mean(recalls))
    assert found["coverage"] == len(listed) / ratings.n_items
    assert found["users"] == len(recalls)
