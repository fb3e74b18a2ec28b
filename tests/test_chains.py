"""Chains: what their halves say, on draws whose truth is known."""

import pytest
import torch

from collabkit.chains import FELT, chain_of


def autoregressive(rho: float, S: int = 400, n: int = 2000) -> torch.Tensor:
    """Draws of n standard normal numbers, each with this correlation to the one before."""
    rng = torch.Generator().manual_seed(0)
    x, draws = torch.randn(n, generator=rng), []
    for _ in range(S):
        x = rho * x + (1 - rho**2) ** 0.5 * torch.randn(n, generator=rng)
        draws.append(x)
    return torch.stack(draws)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, -0.5])
def test_error_and_effective_draws_are_those_of_the_theory(rho):
    draws = autoregressive(rho)
    found, effective = chain_of(draws), 400 * (1 - rho) / (1 + rho)
    assert found.error == pytest.approx(effective**-0.5, rel=0.1)
    assert found.error == pytest.approx(draws.mean(dim=0).std().item(), rel=0.1)
    assert found.n_effective == pytest.approx(min(400, effective), rel=0.2)
    assert found.r_hat == pytest.approx(1, abs=0.06)


def test_a_chain_that_drifts_is_told():
    draws = autoregressive(0.0) + torch.linspace(0, 3, 400)[:, None]
    assert chain_of(draws).r_hat > 1.2 > 1.05 > chain_of(autoregressive(0.0)).r_hat


def test_of_an_odd_number_the_first_is_left_out():
    draws = autoregressive(0.3, S=11)
    assert chain_of(draws) == chain_of(draws[1:])


def test_too_few_draws_say_nothing_and_equal_ones_all():
    assert chain_of(torch.randn(3, 5)) == (float("inf"), 0, float("inf"))
    assert chain_of(torch.ones(8, 5)) == (1, 8, 0)


def test_an_error_that_is_nothing_beside_the_rmse_is_no_matter():
    drifting = chain_of(autoregressive(0.0) + torch.linspace(0, 3, 400)[:, None])
    assert not drifting.settled
    assert drifting.moves(rmse=drifting.error / FELT * 0.9)
    assert not drifting.moves(rmse=drifting.error / FELT * 1.1)
    assert chain_of(torch.randn(3, 5)).moves(rmse=1e9)
    assert not chain_of(autoregressive(0.0)).moves(rmse=1e-9)
