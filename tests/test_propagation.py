"""Blocks that never talk: each rating is used once, and what they find together comes near to one chain."""

import numpy as np
import pytest
import torch

from collabkit import BayesianMF, Recommender, evaluate, load_movielens, random_split
from collabkit.informed import Gaussians
from collabkit.propagation import PropagatedMF, groups, part_of_grid, together
from tests.tables import random_ratings, tiny_ratings


@pytest.fixture(scope="module")
def ratings():
    return random_ratings(60, 50, 2400)


@pytest.fixture(scope="module")
def fitted(ratings):
    return PropagatedMF((2, 2), 2, 30, n_jobs=1).fit(ratings)


def test_groups_share_the_ratings_evenly_and_every_rating_is_in_one_block(ratings):
    users, items = groups(ratings.user, ratings.n_users, 3), groups(ratings.item, ratings.n_items, 2)
    assert sorted(np.concatenate(users)) == list(range(ratings.n_users))
    sizes = [np.isin(ratings.user, group).sum() for group in users]
    assert max(sizes) - min(sizes) < 0.1 * len(ratings)
    parts = [part_of_grid(ratings, u, i).frame for u in users for i in items]
    rows = sorted(tuple(row) for part in parts for row in part[["user", "item", "rating"]].to_numpy().tolist())
    assert rows == sorted(map(tuple, ratings.frame[["user", "item", "rating"]].to_numpy().tolist()))


def test_a_prior_in_common_is_counted_once():
    """A row seen in three blocks with one prior: the product of the likelihoods, and the prior a single time."""
    rng = torch.Generator().manual_seed(0)

    def gaussian():
        root = torch.randn(4, 3, 3, generator=rng)
        return Gaussians(root @ root.mT + torch.eye(3), torch.randn(4, 3, generator=rng))

    prior, one, two = gaussian(), gaussian(), gaussian()
    both = Gaussians(prior.precision + one.precision + two.precision, prior.shift + one.shift + two.shift)
    found = [prior, *(Gaussians(prior.precision + x.precision, prior.shift + x.shift) for x in (one, two))]
    torch.testing.assert_close(together(found), both.mean, rtol=1e-3, atol=1e-4)


def test_where_nothing_is_left_the_first_block_speaks():
    prior = Gaussians(torch.eye(2).expand(3, 2, 2), torch.ones(3, 2))
    weaker = Gaussians(0.1 * torch.eye(2).expand(3, 2, 2), torch.zeros(3, 2))
    torch.testing.assert_close(together([prior, weaker, weaker]), prior.mean)


def test_one_block_is_one_chain_and_four_come_near_it(ratings):
    split = random_split(ratings, seed=0)
    chain = evaluate(BayesianMF(2, 100).fit(split.train), split)["rmse"]
    alone = evaluate(PropagatedMF((1, 1), 2, n_jobs=1).fit(split.train), split)["rmse"]
    four = evaluate(PropagatedMF((2, 2), 2, n_jobs=1).fit(split.train), split)["rmse"]
    mean = float(np.std(split.valid.rating))
    assert alone == pytest.approx(chain, rel=0.02)
    assert four == pytest.approx(chain, rel=0.05) and four < 0.8 * mean


def test_on_real_ratings_it_loses_a_hundredth_at_most():
    split = random_split(load_movielens(), seed=0)
    rows = np.isin(split.train.user, np.argsort(-np.bincount(split.train.user))[:100])
    train = split.train.take(rows)
    valid = split.valid.take(np.isin(split.valid.user, train.user))
    part = type(split)(train, valid)
    chain = evaluate(BayesianMF(4, 50).fit(train), part)["rmse"]
    assert evaluate(PropagatedMF((2, 2), 4, 50, n_jobs=1).fit(train), part)["rmse"] < chain + 0.015


def test_processes_give_the_same_answer_and_the_seed_another(ratings, fitted):
    two = PropagatedMF((2, 2), 2, 30, n_jobs=2).fit(ratings)
    assert np.array_equal(fitted.user_, two.user_) and np.array_equal(fitted.item_, two.item_)
    assert not np.array_equal(fitted.user_, PropagatedMF((2, 2), 2, 30, seed=9, n_jobs=1).fit(ratings).user_)
    assert fitted.seconds_.keys() == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_predictions_are_those_of_its_tables_and_serve_lists(ratings, fitted):
    users, items = ratings.users.ids[ratings.user[:50]], ratings.items.ids[ratings.item[:50]]
    recommender = Recommender(fitted, ratings)
    stars = fitted.predict(users, items)
    np.testing.assert_allclose(recommender.predict(users, items).clip(*fitted.scale_), stars, atol=1e-5)
    assert len(recommender.recommend(users[0], k=3)) == 3
    assert recommender.fold_in({items[0]: 4.0}).recommend(3).shape == (3, 3)


def test_whoever_has_no_ratings_is_average(ratings, fitted):
    assert np.isfinite(fitted.predict([10**6], ratings.items.ids)).all()
    rows = ratings.take(ratings.user != 0)
    cold = PropagatedMF((2, 2), 2, 30, n_jobs=1).fit(rows)
    np.testing.assert_allclose(cold.user_[0], cold.user_[1:].mean(axis=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("factor", [100.0, 0.001])
def test_ratings_on_another_scale_are_answered_on_it(ratings, fitted, factor):
    frame = ratings.frame
    frame["rating"] *= factor
    other = PropagatedMF((2, 2), 2, 30, n_jobs=1).fit(
        type(ratings).from_frame(frame, scale=(-100 * factor, 100 * factor))
    )
    users, items = frame["user"].to_numpy()[:200], frame["item"].to_numpy()[:200]
    error = np.abs(other.predict(users, items) / factor - fitted.predict(users, items))
    assert error.mean() < 0.1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"blocks": (2,)}, r"choose \(R, C\)"),
        ({"blocks": (0, 2)}, "blocks"),
        ({"n_samples": 5}, "n_samples"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"blocks": (50, 50)}, "at most 7"),
        ({"blocks": (3, 3)}, "ask for fewer"),
    ],
)
def test_what_cannot_be_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        PropagatedMF(**settings).fit(tiny_ratings())


def test_a_fit_that_was_refused_leaves_what_was_learnt(fitted, ratings):
    before = fitted.user_.copy()
    fitted.blocks = (500, 500)
    with pytest.raises(ValueError, match="ask for fewer"):
        fitted.fit(ratings)
    fitted.blocks = (2, 2)
    assert np.array_equal(fitted.user_, before)
