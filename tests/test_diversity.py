import itertools
import math

import numpy as np
import pandas as pd
import pytest

from collabkit import PopularityBaseline, Recommender, film_features, intra_list_diversity, load_movielens, mmr
from tests.tables import random_ratings


def some(seed=0, n_users=4, n=9, n_items=12, n_vectors=5):
    """Lists of several users, and vectors of the items, one of them zeros."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(n_users):
        stars = np.sort(rng.normal(size=n - user))[::-1]  # of other lengths
        items = rng.permutation(n_items)[: n - user] * 10
        rows.append(pd.DataFrame({"user": f"u{user}", "item": items, "label": "film", "stars": stars}))
    vectors = pd.DataFrame(rng.normal(size=(n_items, n_vectors)), index=np.arange(n_items) * 10)
    vectors.iloc[3] = 0
    return pd.concat(rows, ignore_index=True), vectors


def cosine(a, b) -> float:
    size = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / size) if size else 0.0


def by_hand(one: pd.DataFrame, vectors: pd.DataFrame, relevance: float, k: int) -> list:
    """As the equation has it, an item at a time."""
    lo, hi = one["stars"].min(), one["stars"].max()
    score = dict(zip(one["item"], (one["stars"] - lo) / (hi - lo) if hi > lo else 0 * one["stars"], strict=True))
    chosen = []
    while len(chosen) < min(k, len(one)):

        def worth(item):
            if not chosen:
                return score[item]
            return relevance * score[item] - (1 - relevance) * max(
                cosine(vectors.loc[item], vectors.loc[other]) for other in chosen
            )

        chosen.append(max((item for item in one["item"] if item not in chosen), key=worth))
    return chosen


@pytest.mark.parametrize("relevance", [0, 0.3, 0.7, 1])
@pytest.mark.parametrize("k", [1, 4, 99])
def test_mmr_is_the_equation(relevance, k):
    lists, vectors = some()
    found = mmr(lists, vectors, relevance, k)
    for user, one in lists.groupby("user"):
        ours = found[found["user"] == user]
        assert ours["item"].tolist() == by_hand(one, vectors, relevance, k)
        assert ours.index.tolist() == list(range(1, len(ours) + 1)) and ours.index.name == "rank"
        assert set(ours["stars"]) <= set(one["stars"]) and list(ours) == list(lists)


def test_in_blocks_and_for_one_user_it_is_the_same(monkeypatch):
    lists, vectors = some()
    whole = mmr(lists, vectors, 0.4, 5)
    monkeypatch.setattr("collabkit.diversity.BUDGET", 1)
    assert mmr(lists, vectors, 0.4, 5).equals(whole)
    alone = lists[lists["user"] == "u2"].drop(columns="user")
    assert mmr(alone, vectors, 0.4, 5).equals(whole[whole["user"] == "u2"].drop(columns="user"))


def test_the_ends_of_the_knob():
    lists, vectors = some()
    top = lists.groupby("user").head(3)
    assert mmr(lists, vectors, 1, 3)["item"].tolist() == top["item"].tolist()
    turned = [intra_list_diversity(mmr(lists, vectors, knob, 3), vectors) for knob in (1, 0.5, 0)]
    assert turned[0] < turned[1] < turned[2]


def test_where_all_scores_are_equal_the_first_comes_first():
    lists, vectors = some(n_users=1)
    assert mmr(lists.assign(stars=3.0), vectors, 1, 4)["item"].tolist() == lists["item"].tolist()[:4]


def test_intra_list_diversity_is_the_mean_over_pairs():
    lists, vectors = some(n_users=9)  # the last list has one item: no pairs
    expected = [
        np.mean([1 - cosine(vectors.loc[i], vectors.loc[j]) for i, j in itertools.combinations(one["item"], 2)])
        for _, one in lists.groupby("user")
        if len(one) > 1
    ]
    assert len(expected) == 8
    assert intra_list_diversity(lists, vectors) == pytest.approx(np.mean(expected))
    assert math.isnan(intra_list_diversity(lists.tail(1), vectors))
    same = pd.DataFrame({"item": [10, 20, 40]})
    assert intra_list_diversity(same, vectors * 0 + 1) == pytest.approx(0)


def test_lists_of_a_recommender_with_features_of_films():
    ratings = load_movielens()
    lists = Recommender(PopularityBaseline().fit(ratings), ratings).recommend(ratings.users.ids[:20], k=50)
    features = film_features(ratings)
    plain, varied = mmr(lists, features, 1), mmr(lists, features, 0.3)
    assert len(plain) == len(varied) == 200
    assert intra_list_diversity(varied, features) > intra_list_diversity(plain, features) + 0.1


def test_what_is_no_list_or_no_vectors():
    lists, vectors = some()
    for door in (mmr, intra_list_diversity):
        for bad in (lists["item"], None, lists.drop(columns="item"), [1, 2]):
            with pytest.raises(TypeError, match="lists has to be a DataFrame with a column 'item'"):
                door(bad, vectors)
        with pytest.raises(TypeError, match="vectors is a ndarray: give a DataFrame indexed by item id"):
            door(lists, vectors.to_numpy())
        with pytest.raises(KeyError, match=r"item \d+ \(2 in all\) has no row in vectors"):
            door(lists, vectors.drop(lists["item"].unique()[:2]))
        with pytest.raises(ValueError, match="more than one row of some item"):
            door(lists, pd.concat([vectors, vectors]))
        with pytest.raises(ValueError, match="some vectors are not finite"):
            door(lists, vectors.replace(0, np.nan))
        with pytest.raises(ValueError, match="the rows of some user stand apart"):
            door(pd.concat([lists, lists.head(1)]), vectors)
    for bad in (lists.drop(columns="stars"), lists.assign(stars=np.nan)):
        with pytest.raises(ValueError, match="a column 'stars' of finite scores"):
            mmr(bad, vectors)


def test_no_lists_at_all():
    ratings = random_ratings()
    none = pd.DataFrame({"user": [], "item": np.array([], dtype="int64"), "stars": []})
    assert mmr(none, film_features(ratings)).empty
    assert math.isnan(intra_list_diversity(none, film_features(ratings)))
