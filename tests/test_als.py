from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from collabkit import ALS, MeanBaseline, Ratings, evaluate, random_split
from tests.contracts import EstimatorContract, PredictorContract
from tests.tables import random_ratings, tiny_ratings

SIZES = [0, np.int64(2), np.uint8(2), 2.0, np.array(2), torch.tensor(2)]


class TestALS(PredictorContract, EstimatorContract):
    settings: ClassVar = {
        "n_factors": (SIZES, [-1, 2.5]),
        "penalty": ([0.5, np.float32(3), torch.tensor(2.0)], [0, -1, 1e39]),
        "n_sweeps": ([1, np.int64(2)], [0, -1, 2.5]),
        "bias_penalty": ([None, 0.5, np.float32(3)], [0, -1, 1e39]),
        "seed": ([np.int64(3), 2**63 - 1], [-1, 2.5, 2**63]),
        "device": (["cpu", torch.device("cpu")], ["processor", -1]),
    }

    def make(self, **settings):
        return ALS(**{"n_factors": 3, "penalty": 2.0, "n_sweeps": 3} | settings)


@pytest.fixture(scope="module")
def split():
    return random_split(random_ratings(n=1500), seed=0)


def test_no_sweep_makes_the_objective_larger(split):
    model = ALS(n_factors=4, penalty=1.0, n_sweeps=20).fit(split.train)
    assert len(model.objective_) == len(model.seconds_) == 20
    assert all(after <= before * (1 + 1e-6) for before, after in pairwise(model.objective_))
    assert all(after > before for before, after in pairwise([0, *model.seconds_]))


def test_at_the_end_the_gradient_of_its_objective_is_zero(split):
    model = ALS(n_factors=2, penalty=3.0, bias_penalty=0.5, n_sweeps=300).fit(split.train)
    P = torch.tensor(model.user_, dtype=torch.float64, requires_grad=True)
    Q = torch.tensor(model.item_, dtype=torch.float64, requires_grad=True)
    u, i = P[torch.from_numpy(split.train.user).long()], Q[torch.from_numpy(split.train.item).long()]
    score = model.mean_ + u[:, 0] + i[:, 0] + (u[:, 1:] * i[:, 1:]).sum(dim=1)
    objective = (torch.from_numpy(split.train.rating) - score).square().sum()
    for table in (P, Q):
        objective = objective + 0.5 * table[:, 0].square().sum() + 3.0 * table[:, 1:].square().sum()
    objective.backward()
    assert objective.item() == pytest.approx(model.objective_[-1], rel=1e-5)
    assert max(P.grad.abs().max(), Q.grad.abs().max()) < 0.05


def test_it_beats_the_global_mean_by_far(split):
    als, mean = (evaluate(model.fit(split.train), split)["rmse"] for model in (ALS(2, 5.0), MeanBaseline(())))
    assert als < 0.6 * mean


def test_a_huge_penalty_leaves_the_mean(split):
    model = ALS(penalty=1e9, bias_penalty=None).fit(split.train)
    assert model.predict([1], [10])[0] == pytest.approx(model.mean_, abs=1e-3)


def test_a_huge_penalty_on_factors_leaves_the_biases(split):
    model = ALS(penalty=1e9, bias_penalty=2.0).fit(split.train)
    biases = ALS(n_factors=0, bias_penalty=2.0).fit(split.train)
    assert np.allclose(model.item_[:, 0], biases.item_[:, 0], atol=1e-3)
    assert np.abs(biases.item_[:, 0]).max() > 0.5


def test_without_a_penalty_of_their_own_biases_get_that_of_the_factors(split):
    one, both = (ALS(3, 2.0, 5, bias_penalty).fit(split.train) for bias_penalty in (None, 2.0))
    assert np.array_equal(one.user_, both.user_)


def test_one_half_sweep_by_hand():
    """With K = 0 a user's bias is a ridge regression on ones: sum of residuals over (count + λ)."""
    ratings = tiny_ratings()
    model = ALS(n_factors=0, bias_penalty=2.0, n_sweeps=1).fit(ratings)
    of_user_10 = np.array([3.5, 1.0]) - model.mean_
    assert model.user_[0, 0] == pytest.approx(of_user_10.sum() / (2 + 2.0), rel=1e-5)


def test_constant_ratings():
    df = random_ratings().frame.assign(rating=4.0)
    model = ALS(3).fit(Ratings.from_frame(df))
    assert np.allclose(model.predict(df["user"], df["item"]), 4.0, atol=1e-4)


def sized(rating) -> Ratings:
    """A small table with these ratings."""
    df = random_ratings(n_users=8, n_items=9, n=40).frame
    return Ratings.from_frame(df.assign(rating=np.asarray(rating, dtype="float32")))


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-37, 1e37), st.floats(-1e37, 1e37), st.floats(1e-6, 1e37), st.sampled_from([0, 3, 20]))
def test_ratings_and_penalties_of_any_size_give_finite_stars_or_a_clear_error(size, middle, penalty, n_factors):
    ratings = sized(np.linspace(-size, size, 40) + middle)
    try:
        model = ALS(n_factors, penalty, n_sweeps=3).fit(ratings)
    except FloatingPointError as error:
        assert "too large" in str(error) and "Divide" in str(error)
    else:
        rows, near = ratings.frame, 3 * np.abs(ratings.rating.astype("float64")).max()
        stars = model.predict(rows["user"], rows["item"])
        assert np.isfinite(stars).all() and np.abs(stars).max() <= near
        assert all(after <= before * (1 + 1e-4) for before, after in pairwise(model.objective_))


def test_its_module_predicts_the_same_stars(split):
    model = ALS(3, 2.0, 5).fit(split.train)
    frame = split.valid.frame
    pairs = torch.from_numpy(np.stack([split.valid.user, split.valid.item], axis=1)).long()
    state = torch.get_rng_state()
    stars = model.as_module()(pairs).detach().numpy()[:, 0]
    assert np.allclose(stars, model.predict(frame["user"], frame["item"]), atol=1e-5)
    assert torch.equal(torch.get_rng_state(), state)


def test_its_module_is_a_copy(split):
    model = ALS(3, 2.0, 5).fit(split.train)
    before = model.user_.copy()
    with torch.no_grad():
        for parameter in model.as_module().parameters():
            parameter.add_(1)
    assert np.array_equal(model.user_, before)
