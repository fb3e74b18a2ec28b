"""One side of BayesianMF: its draws against closed forms."""

import numpy as np
import pandas as pd
import pytest
import torch

from collabkit.gibbs import Side, alike, gaussian_draw, overrelaxed, with_ones
from tests.contracts import OneDevice
from tests.tables import random_ratings


def test_draws_of_one_user_follow_the_closed_form():
    """With the film side fixed, the posterior of a user is a Gaussian that a page of algebra gives."""
    ratings = random_ratings()
    ratings = ratings.take(ratings.user == 5)
    side = Side(ratings.user, ratings.item, ratings.n_users, ratings.n_items, None, "user", 3, "cpu")
    rng = torch.Generator().manual_seed(0)
    table = torch.randn(ratings.n_items + 1, 3, generator=rng)
    y = torch.from_numpy(ratings.rating) - 3
    side.precision, side.prior = torch.tensor([2.0, 1.0, 4.0]), torch.randn(ratings.n_users + 1, 3, generator=rng)
    alpha, q = 2.5, table[ratings.item].double()
    covariance = torch.linalg.inv(alpha * q.T @ q + side.precision.diag())
    mean = covariance @ (alpha * q.T @ y.double() + side.precision.double() * side.prior[5])
    own = torch.full((ratings.n_users + 1,), alpha)
    draws = []
    for _ in range(2000):
        side.draw(table, y, rng, own=own)
        draws.append(side.rows[5])
    draws = torch.stack(draws).double()
    assert torch.allclose(side.means[5].double(), mean, atol=1e-4)
    assert torch.allclose(draws.mean(dim=0), mean, atol=5 * (covariance.diag().max() / 2000) ** 0.5)
    assert torch.allclose(draws.T.cov(), covariance, atol=0.15 * covariance.diag().max())


def test_weighing_the_table_is_weighing_the_ratings():
    """The item side gets its users' precisions through the table; the sums are those of a loop."""
    ratings, rng = random_ratings(), torch.Generator().manual_seed(0)
    side = Side(ratings.item, ratings.user, ratings.n_items, ratings.n_users, None, "item", 2, "cpu")
    weight, table = (
        torch.rand(ratings.n_users + 1, generator=rng) + 0.5,
        torch.randn(ratings.n_users + 1, 2, generator=rng),
    )
    user, y = torch.from_numpy(ratings.user).long(), torch.from_numpy(ratings.rating)
    side.draw(table * weight.sqrt()[:, None], y * weight.sqrt()[user], rng)
    mine = torch.from_numpy(ratings.item == 3)
    p, w = table[user[mine]], weight[user[mine], None]
    mean = torch.linalg.solve((p * w).T @ p + side.precision.diag(), (p * w).T @ y[mine])
    assert torch.allclose(side.means[3], mean, atol=1e-4)


def grouped(rows, groups, ridge):
    """An item side with these rows; its draws have hardly any noise."""
    n, n_coefs = rows.shape
    side = Side(np.arange(n), np.zeros(n, dtype="int64"), n, 1, groups, "item", n_coefs, torch.device("cpu"))
    side.rows[:-1], side.ridge, side.precision = rows, torch.tensor(ridge), torch.full((n_coefs,), 1e12)
    return side


def test_each_group_of_features_has_a_ridge_of_its_own():
    rng = torch.Generator().manual_seed(0)
    a, b, rows = (torch.randn(50, width, generator=rng, dtype=torch.float64) for width in (2, 3, 4))
    side = grouped(rows, {"a": a.numpy(), "b": b.numpy()}, [1.0, 5.0, 300.0])
    side.draw_prior(rng)
    X = torch.cat([torch.ones(50, 1), a, b], dim=1)
    B = torch.linalg.solve(X.T @ X + torch.tensor([1.0, 5, 5, 300, 300, 300]).diag(), X.T @ rows)
    assert torch.allclose(side.prior[:-1].double(), X @ B, atol=1e-4)


def test_a_group_that_says_nothing_is_shrunk_alone():
    rng = torch.Generator().manual_seed(0)
    good, idle = (torch.randn(300, 20, generator=rng).numpy() for _ in range(2))
    rows = torch.from_numpy(good) @ torch.randn(20, 3, generator=rng) + torch.randn(300, 3, generator=rng)
    side = grouped(rows, {"good": good, "idle": idle}, [1.0, 1.0, 1.0])
    ridges = []
    for _ in range(60):
        side.draw_prior(rng)
        ridges.append(side.ridge)
    _, of_good, of_idle = torch.stack(ridges)[10:].mean(dim=0)
    assert of_idle > 10 * of_good


def test_a_gaussian_draw_without_noise_is_its_mean():
    A = torch.tensor([[[2.0, 1.0], [1.0, 3.0]]])
    draw, mean = gaussian_draw(A, torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2))
    assert torch.allclose(draw, mean)
    assert torch.allclose(A @ mean[..., None], torch.tensor([[[1.0], [2.0]]]))


def test_overrelaxed_draws_lean_away_from_the_last_and_keep_mean_and_spread():
    rng = torch.Generator().manual_seed(0)
    x, draws, mean = torch.zeros(3), [], torch.tensor([0.0, 5.0, -2.0])
    for _ in range(4000):
        x = overrelaxed(mean + 2 * torch.randn(3, generator=rng), mean, x, 0.8)
        draws.append(x)
    draws = torch.stack(draws[50:])
    assert torch.allclose(draws.mean(dim=0), mean, atol=0.05)
    assert torch.allclose(draws.std(dim=0), torch.tensor(2.0), atol=0.1)
    left = draws - mean
    assert torch.allclose((left[1:] * left[:-1]).mean(dim=0) / 4, torch.tensor(-0.8), atol=0.05)
    assert overrelaxed(x, mean, draws[0], 0) is x


def test_a_gaussian_draw_stays_on_its_device():
    """On the meta device a stray CPU tensor shows without a GPU."""
    A, b, noise = (
        torch.empty(4, 3, 3, device="meta"),
        torch.empty(4, 3, device="meta"),
        torch.empty(4, 3, device="meta"),
    )
    with OneDevice():
        draw, mean = gaussian_draw(A, b, noise)
    assert draw.shape == mean.shape == (4, 3)


@pytest.mark.parametrize(
    "features",
    [
        pd.DataFrame({"x": ["a", "b"]}),
        pd.DataFrame({"x": pd.to_datetime([1, 2])}),
        np.array([[1j], [2]]),
        np.array([["1"], ["2"]]),
        np.array([[1], [2]], "M8[s]"),
    ],
)
def test_features_that_are_no_numbers_are_refused(features):
    with pytest.raises(TypeError, match="item_features has values of type .*: turn them into numbers"):
        with_ones(features, 2, "item")
    with pytest.raises(TypeError, match="item_features\\['new'\\] has values of type"):
        with_ones({"old": np.ones((2, 1)), "new": features}, 2, "item")


def test_one_table_shares_its_ridge_with_the_ones_and_several_do_not():
    a, b = np.zeros((2, 3)), np.ones((2, 2))
    for features, widths in ((None, [1]), ({}, [1]), (a, [4]), ({"a": a, "b": b}, [1, 3, 2])):
        X, found = with_ones(features, 2, "item")
        assert (X.shape, found) == ((2, sum(widths)), widths)


def test_users_with_few_ratings_are_expected_to_be_alike():
    each = np.repeat(np.arange(10), 4)
    assert alike(5.0, each) == pytest.approx(50)
    assert alike(1e9, each) == 1e9
    assert alike(5.0, np.repeat(np.arange(3), 40)) == 5
    few_and_many = np.concatenate([np.repeat(np.arange(1000), 2), np.full(2000, 1000)])
    assert alike(5.0, few_and_many) == 5  # it is about the users of most ratings
