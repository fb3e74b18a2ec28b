import numpy as np
import pandas as pd
import pytest

from collabkit import ALS, ImplicitALS, Recommender
from collabkit.recommend.candidates import from_table
from tests.tables import random_ratings

RATINGS = random_ratings()
FIRST, THEN = (Recommender(model.fit(RATINGS), RATINGS) for model in (ImplicitALS(n_factors=4), ALS(n_factors=4)))


def test_each_user_has_candidates_of_their_own():
    users = RATINGS.users.ids[[7, 2, 30]]
    candidates = FIRST.recommend(users, k=15)
    lists = THEN.recommend(users, k=5, candidates=candidates)
    for user in users:
        mine = candidates.loc[candidates["user"] == user, "item"]
        alone = THEN.recommend(user, k=5, candidates=mine)
        assert lists[lists["user"] == user].drop(columns="user").equals(alone)
    assert lists["user"].tolist() == np.repeat(users, 5).tolist()


def test_what_was_seen_is_left_out_unless_told():
    user = RATINGS.users.ids[0]
    seen = RATINGS.frame.query("user == @user")["item"].head(3)
    table = pd.DataFrame({"user": user, "item": [*seen, *FIRST.recommend(user, k=2)["item"]]})
    assert not set(THEN.recommend(user, candidates=table)["item"]) & set(seen)
    assert len(THEN.recommend(user, candidates=table)) == 2
    assert set(THEN.recommend(user, exclude_seen=False, candidates=table)["item"]) == set(table["item"])


def test_users_who_are_not_asked_for_twice_asked_for_and_without_candidates():
    table = pd.DataFrame({"user": [3, 3, 3, 5], "item": [20, 10, 20, 30]})
    users = RATINGS.users.index([5, 3, 4, 3])
    place, item = from_table(table, RATINGS, users)
    assert list(zip(place.tolist(), RATINGS.items.ids[item].tolist(), strict=True)) == [
        (0, 30),
        (1, 10),
        (1, 20),
        (3, 10),
        (3, 20),
    ]
    assert THEN.recommend([4], candidates=table).empty


def test_tables_that_are_refused():
    with pytest.raises(
        ValueError, match=r"a table with the columns \['item', 'label', 'stars'\]: it takes user and item"
    ):
        THEN.recommend(1, candidates=FIRST.recommend(1))
    for table in ({"user": [1], "item": [5]}, {"user": [10**6], "item": [10]}):
        with pytest.raises(KeyError):
            THEN.recommend(1, candidates=pd.DataFrame(table))
