"""Weights: three ways to keep them, and one answer from each."""

import numpy as np
import pytest
from scipy.sparse import csc_matrix, csr_matrix

from collabkit.weights import Neighbours, Product, Whole, in_a_row


def made(kind, n=9):
    """Weights, and the table that they stand for."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(n, n)).astype("float32") * (rng.random((n, n)) < 0.4)
    if kind is Whole:
        return Whole(values), values
    if kind is Neighbours:
        return Neighbours(csc_matrix(values)), values
    rows = rng.normal(0, 0.3, (n, 5))
    B = rows @ rows.T / (1 - np.square(rows).sum(axis=1))
    np.fill_diagonal(B, 0)
    return Product(rows), B


@pytest.mark.parametrize("values", [4_000_000, 20])
@pytest.mark.parametrize("kind", [Whole, Neighbours, Product])
def test_pairs_tables_and_columns_are_those_of_the_table(kind, values, monkeypatch):
    monkeypatch.setattr("collabkit.weights.VALUES", values)
    weights, B = made(kind)
    rng = np.random.default_rng(4)
    x = rng.random((7, 9)) * (rng.random((7, 9)) < 0.5)
    x[2] = 0
    sparse, at = csr_matrix(x), np.array([3, 8, 0, 3, 5, 5, 1])
    assert weights.n == 9 and weights.largest >= np.abs(B).max()
    assert np.allclose(weights.pairs(sparse, at), (x @ B)[np.arange(7), at], atol=1e-12)
    for columns in (np.arange(9), np.arange(2, 6), np.array([0, 4, 8]), np.array([], dtype=int)):
        assert np.allclose(weights.all(sparse, columns), (x @ B)[:, columns], atol=1e-12)
    assert all(np.allclose(weights.column(i), B[:, i], atol=1e-12) for i in range(9))
    assert weights.pairs(sparse[:0], at[:0]).shape == (0,)


@pytest.mark.parametrize("kind", [Whole, Neighbours, Product])
def test_a_pair_has_the_same_bits_whatever_else_is_asked(kind):
    weights, _ = made(kind, 300)
    x = csr_matrix(np.random.default_rng(5).random((50, 300)) * (np.random.default_rng(6).random((50, 300)) < 0.3))
    row, at = np.repeat(np.arange(50), 300), np.tile(np.arange(300), 50)
    together = weights.pairs(x[row], at)
    some = np.random.default_rng(7).choice(len(row), 100)
    assert [weights.pairs(x[row[[i]]], at[[i]])[0] for i in some] == together[some].tolist()


def test_places_side_by_side_need_no_copy():
    assert in_a_row(np.arange(3, 7)) == slice(3, 7)
    assert in_a_row(np.array([3, 5])).tolist() == [3, 5]
    assert in_a_row(np.array([], dtype=int)) == slice(0, 0)
