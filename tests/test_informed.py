"""What is known of a row beforehand counts like ratings that were seen elsewhere."""

import numpy as np
import pytest
import torch

from collabkit.gibbs import Side
from collabkit.informed import Block, Gaussians, Informed, draw_block, gaussians_of
from tests.tables import random_ratings


def gaussians(n, D, seed=0):
    rng = torch.Generator().manual_seed(seed)
    root = torch.randn(n, D, D, generator=rng)
    precision = root @ root.mT + torch.eye(D)
    return Gaussians(precision, (precision @ torch.randn(n, D, 1, generator=rng)).squeeze(-1))


def test_a_gaussian_may_be_moved_and_counted_in_other_units():
    one, size = gaussians(5, 3), torch.tensor([4.0, 2.0, 2.0])
    higher = one.moved(0.5)
    torch.testing.assert_close(higher.mean, one.mean + torch.tensor([0.5, 0, 0]))
    assert torch.equal(higher.precision, one.precision)
    other = one.in_units(size)
    torch.testing.assert_close(other.mean, one.mean / size)
    torch.testing.assert_close(
        torch.linalg.inv(other.precision) * size * size[:, None], torch.linalg.inv(one.precision)
    )


def test_a_gaussian_is_found_in_its_draws():
    one = gaussians(4, 3)
    root = torch.linalg.cholesky(torch.linalg.inv(one.precision))  # (n, D, D)
    z = torch.randn(20_000, 4, 3, 1, generator=torch.Generator().manual_seed(1))
    found = gaussians_of(one.mean + (root @ z).squeeze(-1))
    torch.testing.assert_close(found.mean, one.mean, rtol=0.02, atol=0.02)
    torch.testing.assert_close(found.precision, one.precision, rtol=0.05, atol=0.1)


@pytest.mark.parametrize("n_samples", [10, 30])
def test_few_draws_make_a_gaussian_too(n_samples):
    draws = torch.randn(n_samples, 6, 12, generator=torch.Generator().manual_seed(0))  # of twelve numbers
    assert (torch.linalg.eigvalsh(gaussians_of(draws).precision) > 0).all()


def test_rows_are_drawn_from_what_is_known_and_from_their_ratings():
    """Draws of one side, the other held fixed, have the mean and the covariance of the product of both Gaussians."""
    known, table = gaussians(3, 2), torch.randn(5, 2, generator=torch.Generator().manual_seed(2))
    owner, other = np.array([0, 0, 0, 1]), np.array([0, 1, 2, 3])  # the third owner has no ratings
    y = torch.tensor([1.0, -1.0, 0.5, 2.0])
    side = Informed(known, owner, other, 3, 4, None, "user", 2, torch.device("cpu"))
    rng, draws = torch.Generator().manual_seed(0), []
    for _ in range(4_000):
        side.draw(table, y, rng)
        draws.append(side.rows[:3])
    precision, shift = known.precision.clone(), known.shift.clone()
    for u, i, stars in zip(owner, other, y, strict=True):
        precision[u] += table[i].outer(table[i])
        shift[u] += stars * table[i]
    wanted = Gaussians(precision, shift)
    draws = torch.stack(draws)
    torch.testing.assert_close(draws.mean(dim=0), wanted.mean, rtol=0.05, atol=0.05)
    torch.testing.assert_close(side.means[:2], wanted.mean[:2])  # of a row with ratings, the exact one
    for row in range(3):
        torch.testing.assert_close(draws[:, row].T.cov(), torch.linalg.inv(wanted.precision[row]), rtol=0.1, atol=0.04)


def test_what_nobody_knows_is_drawn_as_ever():
    block = Block(2)
    block.known = {"user": None, "item": None}
    args = (np.array([0]), np.array([0]), 1, 1, None, "user", 3, torch.device("cpu"), 0.0)
    assert type(block._side(*args)) is Side
    block.known = {"user": gaussians(1, 3), "item": None}
    assert type(block._side(*args)) is Informed


def test_a_row_known_for_certain_stays_where_it_is():
    ratings = random_ratings()
    mean = float(ratings.rating.mean())
    sure = torch.eye(3).expand(ratings.n_users, 3, 3) * 1e8
    rows = torch.randn(ratings.n_users, 3, generator=torch.Generator().manual_seed(0)) * 0.1
    users = Gaussians(sure, (sure @ rows.unsqueeze(-1)).squeeze(-1))
    found = draw_block(Block(2, 30, progress=False), ratings, mean, users, None)
    torch.testing.assert_close(found.users.mean, rows, rtol=0, atol=2e-3)  # draws are kept as float16
    assert found.seconds > 0
