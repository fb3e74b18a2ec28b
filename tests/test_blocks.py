import numpy as np
import pytest
import torch

from collabkit import blocks
from collabkit.blocks import Blocks, cholesky
from tests.tables import random_ratings


@pytest.fixture(params=[500_000, 50], ids=["one budget", "tiny budget"])
def budget(request, monkeypatch):
    monkeypatch.setattr(blocks, "BUDGET", request.param)


def test_sums_equal_a_loop_over_users(budget):
    ratings = random_ratings()
    side = Blocks(ratings.user, ratings.item, ratings.n_items)
    table, y = torch.randn(60, 4, dtype=torch.float64), torch.from_numpy(ratings.rating).double()
    seen = []
    for owner, A, b in side.normal_equations(table, y):
        for code, gram, right in zip(owner.tolist(), A, b, strict=True):
            mine = ratings.user == code
            q = table[ratings.item[mine]]
            assert torch.allclose(gram, q.T @ q)
            assert torch.allclose(right, q.T @ y[mine])
            seen.append(code)
    assert sorted(seen) == sorted(set(ratings.user))


def test_every_rating_stands_in_one_place_and_padding_is_bounded(budget):
    rng = np.random.default_rng(0)
    owner = (rng.pareto(0.7, 5000) * 3).astype(int) % 400  # a long tail
    other = rng.integers(0, 50, 5000)
    places = Blocks(owner, other, 50).blocks
    real = torch.cat([block.row[block.other < 50] for block in places])
    assert sorted(real.tolist()) == list(range(5000))
    assert sum(block.other.numel() for block in places) < 1.34 * 5000


def test_owners_without_ratings_do_not_occur():
    side = Blocks(np.array([5, 5]), np.array([0, 1]), 2)
    assert [block.owner.tolist() for block in side.blocks] == [[5]]


def test_a_matrix_that_rounding_has_spoilt_says_what_to_do():
    A = torch.eye(2).expand(3, 2, 2).clone()
    assert torch.equal(cholesky(4 * A), 2 * A)
    for spoilt in (0.0, torch.nan):
        A[1, 1, 1] = spoilt
        with pytest.raises(FloatingPointError, match="no unique answer in float32.* larger penalty"):
            cholesky(A)
