"""Weights: one number for each pair of items, kept whole, or as a few neighbours, or as a product of two tables."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix

VALUES = 4_000_000  # numbers in float64 at a time: 32 MB


class Weights(Protocol):
    """B of n items, ``(n, n)``: row j has what a yes to j adds to the score of each.

    Attributes:
        n: how many items.
        terms, largest: of one score, how many numbers are added up besides its history, and how large a weight can be:
            what bounds by how much two ways to add up may differ.
    """

    n: int
    terms: int
    largest: float

    def pairs(self, x: csr_matrix, at: np.ndarray) -> np.ndarray:
        """Row r of x times column ``at[r]`` ``(rows,)``: the same bits, whatever the other rows."""

    def all(self, x: csr_matrix, at: np.ndarray) -> np.ndarray:
        """Each row of x times each of these columns ``(rows, items)``."""

    def column(self, at: int) -> np.ndarray:
        """One column ``(n,)``."""


class Whole:
    """Every weight by itself: 4 bytes for each pair.

    Args:
        values: ``(n, n)`` float32.
    """

    def __init__(self, values: np.ndarray):
        self.values, self.n, self.terms = values, len(values), 0
        self.largest = max(float(values.max()), -float(values.min()))

    def pairs(self, x: csr_matrix, at: np.ndarray) -> np.ndarray:
        row = np.repeat(np.arange(len(at)), np.diff(x.indptr))
        return np.bincount(row, weights=self.values[x.indices, at[row]] * x.data, minlength=len(at))

    def all(self, x: csr_matrix, at: np.ndarray) -> np.ndarray:
        found = np.empty((x.shape[0], len(at)))
        step = max(1, VALUES // self.n)
        for start in range(0, len(at), step):
            part = slice(start, start + step)
            found[:, part] = x @ self.values[:, in_a_row(at[part])].astype("float64")
        return found

    def column(self, at: int) -> np.ndarray:
        return self.values[:, at].astype("float64")


class Neighbours:
    """The few weights that are not 0: 8 bytes each.

    Args:
        values: ``(n, n)`` float32, of which each column has a few.
    """

    def __init__(self, values: csc_matrix):
        self.values, self.n, self.terms = values, values.shape[0], 0
        self.largest = float(abs(values).max())

    def pairs(self, x: csr_matrix, at: np.ndarray) -> np.ndarray:
        return np.asarray(x.multiply(self.values.T[at]).sum(axis=1), dtype="float64").ravel()

    def all(self, x: csr_matrix, at: np.ndarray) -> np.ndarray:
        return (x @ self.values[:, at]).toarray()

    def column(self, at: int) -> np.ndarray:
        return self.values[:, [at]].toarray().ravel().astype("float64")


class Product:
    r"""Weights that come from fewer users than items, and are never written out: 8 bytes for each pair of the two.

    .. math:: B_{ji} = \frac{v_j^\top v_i}{1 - v_i^\top v_i} \quad (j \ne i), \qquad B_{ii} = 0

    Args:
        rows: v of each item, ``(n, users)`` float64.
    """

    def __init__(self, rows: np.ndarray):
        self.rows, (self.n, self.terms) = rows, rows.shape
        size = np.square(rows).sum(axis=1)  # (n,)
        self.left = 1 - size
        self.own = size / self.left  # what would stand on the diagonal
        self.largest = float((np.sqrt(size) / self.left).max())

    def pairs(self, x: csr_matrix, at: np.ndarray) -> np.ndarray:
        found = np.empty(len(at))
        step = max(1, VALUES // max(1, self.terms))
        for start in range(0, len(at), step):
            part, to = slice(start, start + step), at[start : start + step]
            their = x[part]
            found[part] = ((their @ self.rows) * self.rows[to]).sum(axis=1) / self.left[to]
        row = np.repeat(np.arange(len(at)), np.diff(x.indptr))
        chosen = np.bincount(row, weights=x.data * (x.indices == at[row]), minlength=len(at))
        return found - chosen * self.own[at]

    def all(self, x: csr_matrix, at: np.ndarray) -> np.ndarray:
        where = in_a_row(at)
        found = (x @ self.rows) @ self.rows[where].T  # (rows, items)
        found /= self.left[where]
        found -= x[:, where].multiply(self.own[where]).toarray()
        return found

    def column(self, at: int) -> np.ndarray:
        found = self.rows @ self.rows[at] / self.left[at]
        found[at] = 0
        return found


def in_a_row(at: np.ndarray) -> np.ndarray | slice:
    """A slice where these places lie side by side, as those of all items do, so that nothing has to be copied."""
    first, end = (at[0], at[-1] + 1) if len(at) else (0, 0)
    return slice(first, end) if np.array_equal(at, np.arange(first, end)) else at
