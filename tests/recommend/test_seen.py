"""Seen: the items of those who are asked for, and of nobody else, whichever order the table is in."""

import numpy as np
import pytest

from collabkit.recommend import seen
from collabkit.recommend.seen import Seen
from tests.tables import random_ratings

ASKED = np.array([7, 3, 7, 39, 0])


@pytest.fixture(params=["in order", "shuffled"])
def ratings(request, monkeypatch):
    monkeypatch.setattr(seen, "STEP", 10)
    ratings = random_ratings()
    ratings = ratings.take(ratings.user != 3)  # who has rated nothing
    order = np.argsort(ratings.user, kind="stable")
    return ratings.take(order if request.param == "in order" else np.random.default_rng(0).permutation(len(ratings)))


def test_what_some_users_have_rated(ratings):
    table = Seen(ratings).of(ASKED).toarray()
    wanted = np.zeros_like(table)
    wanted[ratings.user, ratings.item] = True
    wanted[np.setdiff1d(np.arange(ratings.n_users), ASKED)] = False
    np.testing.assert_array_equal(table, wanted)


def test_a_table_of_which_one_step_alone_is_out_of_order():
    ratings = random_ratings()
    in_order = ratings.take(np.argsort(ratings.user, kind="stable"))
    assert Seen(in_order).first is not None and Seen(ratings).first is None
    for at in range(1, len(in_order)):
        if in_order.user[at] > in_order.user[at - 1]:
            rows = np.arange(len(in_order))
            rows[[at - 1, at]] = at, at - 1
            assert Seen(in_order.take(rows)).first is None


def test_nobody(ratings):
    assert Seen(ratings).of(np.array([], dtype="int64")).nnz == 0
