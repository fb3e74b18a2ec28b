from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from collabkit import ImplicitALS, Ratings
from tests.contracts import EstimatorContract, RankerContract
from tests.tables import random_ratings, tiny_ratings

SETTINGS = {"n_factors": 3, "penalty": 0.7, "alpha": 4.0}


class TestImplicitALS(EstimatorContract):
    ask = ("tables", "as_module")
    settings: ClassVar = {
        "n_factors": ([1, np.int64(2), np.uint8(2), 2.0, torch.tensor(2)], [0, -1, 2.5]),
        "penalty": ([0.5, np.float32(3)], [0, -1, 1e39]),
        "alpha": ([0, 0.5, np.float32(3)], [-1, 1e39]),
        "n_sweeps": ([1, np.int64(2)], [0, -1, 2.5]),
        "at_least": ([None, 0, 3, np.float32(3.5)], []),
        "seed": ([np.int64(3), 2**63 - 1], [-1, 2.5, 2**63]),
        "device": (["cpu", torch.device("cpu")], ["processor", -1]),
    }

    def make(self, **settings):
        return ImplicitALS(**SETTINGS | {"n_sweeps": 3} | settings)


class TestListsOfImplicitALS(RankerContract):
    def make(self, train):
        return ImplicitALS(**SETTINGS, n_sweeps=3).fit(train)


def dense(ratings: Ratings) -> tuple[np.ndarray, np.ndarray]:
    """Preference and confidence of every pair ``(U, I)``, at the settings above."""
    Y = np.zeros((ratings.n_users, ratings.n_items))
    Y[ratings.user, ratings.item] = 1
    return Y, 1 + SETTINGS["alpha"] * Y


def regressions(fixed: np.ndarray, Y: np.ndarray, C: np.ndarray) -> np.ndarray:
    """The weighted ridge regression of every row of Y on the fixed table, each over all columns."""
    eye = SETTINGS["penalty"] * np.eye(fixed.shape[1])
    rows = [np.linalg.solve(fixed.T @ np.diag(c) @ fixed + eye, fixed.T @ (c * y)) for y, c in zip(Y, C, strict=True)]
    return np.array(rows)


def loss(P, Q, Y, C) -> float:
    return (C * (Y - P @ Q.T) ** 2).sum() + SETTINGS["penalty"] * ((P**2).sum() + (Q**2).sum())


def test_a_sweep_equals_dense_weighted_regressions():
    ratings = random_ratings()
    Y, C = dense(ratings)
    one, two = (ImplicitALS(**SETTINGS, n_sweeps=n).fit(ratings) for n in (1, 2))
    P = regressions(one.item_.astype("float64"), Y, C)
    Q = regressions(P, Y.T, C.T)
    assert np.allclose(two.user_, P, atol=1e-4)
    assert np.allclose(two.item_, Q, atol=1e-4)
    assert two.objective_[-1] == pytest.approx(loss(P, Q, Y, C), rel=1e-5)


def test_no_sweep_makes_the_objective_larger():
    model = ImplicitALS(**SETTINGS, n_sweeps=15).fit(random_ratings())
    assert len(model.objective_) == len(model.seconds_) == 15
    assert all(after <= before * (1 + 1e-6) for before, after in pairwise(model.objective_))
    assert model.objective_[-1] < 0.9 * model.objective_[0]


def test_repeats_bit_for_bit_and_leaves_global_random_states_alone():
    state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    one, again = (ImplicitALS(**SETTINGS).fit(random_ratings()) for _ in range(2))
    assert np.array_equal(one.user_, again.user_)
    assert np.array_equal(one.item_, again.item_)
    one.as_module()
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert not np.array_equal(one.item_, ImplicitALS(**SETTINGS, seed=1).fit(random_ratings()).item_)


def test_it_finds_who_rates_what():
    """Two circles of users, each with films of its own: held-out pairs of a circle score above all others."""
    pairs = np.array([(u, i) for u in range(20) for i in range(20) if u % 2 == i % 2])
    held_out = np.arange(len(pairs)) % 7 == 0
    df = random_ratings(20, 20, 400).frame.head(len(pairs)).assign(user=pairs[:, 0], item=pairs[:, 1])
    ratings = Ratings.from_frame(df)
    model = ImplicitALS(2, penalty=1.0).fit(ratings.take(~held_out))
    score = model.user_ @ model.item_.T
    other = np.add.outer(np.arange(20), np.arange(20)) % 2 == 1
    assert score[ratings.user[held_out], ratings.item[held_out]].min() > score[other].max() + 0.3


def test_low_ratings_can_count_as_none():
    ratings = random_ratings()
    all_of_the_high = ratings.take(ratings.rating >= 3.5)
    one, same = (
        ImplicitALS(**SETTINGS, at_least=3.5).fit(ratings),
        ImplicitALS(**SETTINGS).fit(all_of_the_high),
    )
    assert np.array_equal(one.user_, same.user_)
    assert not np.allclose(one.user_, ImplicitALS(**SETTINGS).fit(ratings).user_, atol=1e-2)


def test_its_module_gives_its_scores_and_a_user_without_ratings_the_mean_of_the_others():
    ratings = tiny_ratings()
    train = ratings.take(ratings.frame["user"] != 20)
    model = ImplicitALS(**SETTINGS).fit(train)
    assert not model.user_[1].any()
    pairs = torch.cartesian_prod(torch.arange(3), torch.arange(4))
    score = model.as_module()(pairs).detach().numpy().reshape(3, 4)
    expected = model.user_ @ model.item_.T
    expected[1] = (expected[0] + expected[2]) / 2
    assert np.allclose(score, expected, atol=1e-6)
    assert not hasattr(model, "predict")


def test_stars_that_nobody_gave_leave_nothing_to_learn_from():
    with pytest.raises(ValueError, match="no rating reaches at_least=6 stars: nothing is left"):
        ImplicitALS(at_least=6).fit(tiny_ratings())


@settings(max_examples=40, deadline=None)
@given(st.floats(1e-30, 1e37), st.floats(0, 1e37))
def test_settings_of_any_size_give_finite_scores_or_a_clear_error(penalty, alpha):
    try:
        model = ImplicitALS(3, penalty, alpha, n_sweeps=3).fit(random_ratings(8, 9, 40))
    except FloatingPointError as error:
        assert "too large" in str(error)
    else:
        assert np.isfinite(model.user_).all() and np.isfinite(model.item_).all()


def test_users_stand_where_their_history_places_them_and_items_where_they_stood():
    ratings = random_ratings()
    Y, C = dense(ratings)
    model = ImplicitALS(**SETTINGS, n_sweeps=3).fit(ratings)
    history = ratings.take(ratings.user % 2 == 0)
    placed = model.with_history(history)
    expected = regressions(model.item_.astype("float64"), Y, C)
    assert np.allclose(placed.user_[::2], expected[::2], atol=1e-5)
    assert not placed.user_[1::2].any()
    assert np.allclose(placed.tables().user_factors[1::2].numpy(), model.user_.mean(axis=0), atol=1e-5)  # unknown
    assert np.array_equal(placed.item_, model.item_)
    assert model.user_.all(axis=1).all()  # the model itself stays as it was


def test_its_own_training_ratings_are_one_more_half_sweep_and_low_ones_are_no_choice():
    ratings = random_ratings()
    model = ImplicitALS(**SETTINGS, at_least=3.5).fit(ratings)
    placed = model.with_history(ratings)
    again = model.with_history(ratings.take(ratings.rating >= 3.5))
    assert np.array_equal(placed.user_, again.user_)
    model.penalty, model.alpha, model.at_least = 1e6, 0.0, None  # what was fitted decides
    assert np.array_equal(model.with_history(ratings).user_, placed.user_)
    nobody = model.with_history(ratings.take(ratings.rating < 3.5))
    assert not nobody.user_.any()


def test_a_history_of_others_is_refused():
    model = ImplicitALS(**SETTINGS).fit(random_ratings())
    with pytest.raises(ValueError, match="was fitted to other users than these ratings have"):
        model.with_history(tiny_ratings())
    with pytest.raises(TypeError, match="^history is a list and has to be a Ratings"):
        model.with_history([1, 2])
    with pytest.raises(ValueError, match="has learnt nothing yet"):
        ImplicitALS().with_history(random_ratings())
