import numpy as np
import pytest
import torch

from collabkit import Negatives, Ratings
from tests.contracts import OneDevice
from tests.tables import random_ratings, tiny_ratings


def test_each_item_that_a_user_has_not_rated_comes_as_often_as_any_other_and_no_rated_one_ever():
    ratings, n = random_ratings(n_users=6, n_items=9, n=30), 4000
    drawn = Negatives(ratings).draw(torch.arange(6), n).numpy()
    assert drawn.shape == (6, n)
    for user in range(6):
        theirs = set(ratings.item[ratings.user == user])
        left = sorted(set(range(9)) - theirs)
        counts = np.bincount(drawn[user], minlength=9)
        assert counts[list(theirs)].sum() == 0
        assert np.abs(counts[left] / n - 1 / len(left)).max() < 4 * np.sqrt(0.25 / n)


def test_users_without_ratings_and_users_who_left_one_item():
    df = random_ratings(n_users=4, n_items=5, n=20).frame
    last = df.iloc[[0]]  # the pair that one user is left with
    ratings = Ratings.from_frame(df)
    train = ratings.take(~((ratings.frame["item"] == last["item"][0]) & (ratings.frame["user"] == last["user"][0])))
    train = train.take(train.user != (ratings.user[0] + 1) % 4)  # and somebody who has rated nothing
    free = np.setdiff1d(np.arange(4), ratings.user[:1])
    with pytest.raises(ValueError, match="has rated every one of the 5 items, so there is no negative to draw"):
        Negatives(train)
    train = train.take((train.user == ratings.user[0]) | (train.item != 0))
    drawn = Negatives(train).draw(torch.arange(4), 300).numpy()
    assert set(drawn[ratings.user[0]]) == {ratings.item[0]}
    assert set(drawn[(ratings.user[0] + 1) % 4]) == set(range(5))
    assert free.size == 3


def test_the_same_seed_draws_the_same_and_leaves_global_random_states_alone():
    state, users = torch.get_rng_state(), torch.arange(40)
    one, same, other = (Negatives(random_ratings(), seed) for seed in (3, 3, 4))
    first = one.draw(users, 5)
    assert torch.equal(first, same.draw(users, 5))
    assert not torch.equal(first, one.draw(users, 5))  # drawn anew every time
    assert not torch.equal(first, other.draw(users, 5))
    assert torch.equal(torch.get_rng_state(), state)


def test_on_the_meta_device_a_stray_cpu_tensor_shows_without_a_gpu(monkeypatch):
    negatives = Negatives(random_ratings()).to("meta")
    monkeypatch.setattr(negatives, "generator", lambda device: None)  # PyTorch has none there
    with OneDevice():
        assert negatives.draw(torch.arange(40, device="meta"), 3).shape == (40, 3)


def test_nothing_of_it_is_in_a_state_dict():
    assert Negatives(random_ratings()).state_dict() == {}


@pytest.mark.parametrize("bad", [-1, 2.5, "3", None])
def test_a_seed_that_is_none(bad):
    with pytest.raises((TypeError, ValueError), match="^seed="):
        Negatives(tiny_ratings(), seed=bad)
