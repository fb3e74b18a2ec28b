"""Averages over draws against loops in float64."""

import numpy as np
import pytest
import torch

from collabkit import averages
from collabkit.averages import left_over, over_draws, unit_of


@pytest.fixture
def draws():
    rng = torch.Generator().manual_seed(0)
    return tuple(torch.randn(7, n, 3, generator=rng).half() for n in (5, 6, 6))


USER, ITEM = torch.tensor([0, 4, 2, 2]), torch.tensor([5, 0, 1, 3])


def score(p, q):
    return (p[..., 0] + q[..., 0] + (p[..., 1:] * q[..., 1:]).sum(-1)).double()


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_mean_and_variance_of_scores(draws, chunk, monkeypatch):
    monkeypatch.setattr(averages, "CHUNK", chunk)
    P, Q, Q_mean = (one.double() for one in draws)
    mean, variance = over_draws(draws, USER, ITEM, spread=True)
    assert torch.allclose(mean.double(), score(P[:, USER], Q_mean[:, ITEM]).mean(dim=0), atol=1e-5)
    assert torch.allclose(variance.double(), score(P[:, USER], Q[:, ITEM]).var(dim=0), atol=1e-4)
    assert torch.equal(over_draws(draws, USER, ITEM, spread=False)[0], mean)


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_what_is_left_over(draws, chunk, monkeypatch):
    monkeypatch.setattr(averages, "CHUNK", chunk)
    P, Q, y = draws[0][0].float(), draws[1][0].float(), torch.arange(4.0)
    assert torch.allclose(left_over(P, Q, USER, ITEM, y).double(), y - score(P[USER], Q[ITEM]), atol=1e-5)


def test_units_are_powers_of_two():
    assert unit_of(np.array([1.0, 5.0])) == 2
    assert unit_of(np.array([100.0, 900.0])) == 512
    assert unit_of(np.array([3.0, 3.0])) == 1
