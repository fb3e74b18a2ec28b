"""Blocks: each user's (or item's) ratings gathered into even matrices, so that all of them are solved at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

BUDGET = 500_000  # rows of factors gathered at a time: 100 MB at K = 50


class Block(NamedTuple):
    """Owners with nearly as many ratings each, padded to one length m.

    Attributes:
        owner: codes of these users or items ``(g,)``.
        other: code of the other side of each rating ``(g, m)``; padding points one row past the end of that table.
        row: place of each rating in the table of ratings ``(g, m)``; 0 where there is padding.
    """

    owner: Tensor
    other: Tensor
    row: Tensor


class Blocks:
    r"""The ratings of one side in blocks, for the sums that least squares needs of every owner:

    .. math:: A_u = \sum_{i \in u} q_i q_i^\top, \qquad b_u = \sum_{i \in u} y_{ui}\, q_i

    Owners are sorted by their number of ratings; a block ends where padding would reach a quarter of it, or where it
    would gather more than ``BUDGET`` rows. So work and memory stay O(ratings).

    Args:
        owner: code of the side to solve for, one a rating ``(n,)``.
        other: code of the side held fixed ``(n,)``.
        n_others: rows of the fixed side's table.
    """

    def __init__(self, owner: np.ndarray, other: np.ndarray, n_others: int, device: str | torch.device = "cpu"):
        by_owner = np.argsort(owner, kind="stable")
        owners, start, count = np.unique(owner[by_owner], return_index=True, return_counts=True)
        by_count = np.argsort(-count, kind="stable")
        owners, start, count = owners[by_count], start[by_count], count[by_count]
        self.n_others = n_others
        self.blocks = []
        first = 0
        while first < len(owners):
            m = count[first]
            last = first + min(max(BUDGET // m, 1), len(owners) - first)
            last = first + max(np.searchsorted(-count[first:last], -0.75 * m, side="right"), 1)
            place = start[first:last, None] + np.arange(m)  # (g, m)
            real = np.arange(m) < count[first:last, None]
            row = by_owner[np.where(real, place, 0)]
            block = (owners[first:last], np.where(real, other[row], n_others), np.where(real, row, 0))
            self.blocks.append(Block(*(torch.from_numpy(part.astype("int64")).to(device) for part in block)))
            first = last

    def normal_equations(self, table: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """For each block: owners ``(g,)``, A ``(g, K, K)`` and b ``(g, K)``.

        Args:
            table: factors of the fixed side ``(n_others, K)``.
            y: what the dot products should come to, one a rating ``(n,)``.
        """
        padded = torch.cat([table, table.new_zeros(1, table.shape[1])])
        for owner, other, row in self.blocks:
            q = padded.index_select(0, other.flatten()).view(*other.shape, -1)  # (g, m, K), zeros in the padding
            yield owner, q.mT @ q, (q.mT @ y[row].unsqueeze(-1)).squeeze(-1)

    def sums(self, values: Tensor, n_owners: int) -> Tensor:
        """The sum of ``values`` ``(n,)`` over the ratings of each owner ``(n_owners,)``, in float64.

        Unlike a scatter, it adds in one order on every device, so it repeats bit for bit.
        """
        total = torch.zeros(n_owners, dtype=torch.float64, device=values.device)
        for owner, other, row in self.blocks:
            total[owner] = torch.where(other < self.n_others, values[row], 0).sum(dim=1, dtype=torch.float64)
        return total


def cholesky(A: Tensor) -> Tensor:
    """The lower factors ``(g, K, K)`` of positive definite matrices.

    Raises: ``FloatingPointError`` when rounding has left one of them without.
    """
    try:
        return torch.linalg.cholesky(A)
    except torch.linalg.LinAlgError as error:
        raise FloatingPointError(
            "a regression has no unique answer in float32: its numbers are too large beside its penalty. Divide what "
            "is huge (ratings or features by their standard deviation, or alpha), or take a larger penalty."
        ) from error
