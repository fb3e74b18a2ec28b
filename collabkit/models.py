"""The models of chapters 2 to 8, in the order in which they are built. Plain PyTorch, nothing else."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def embedding(n: int, n_factors: int) -> nn.Embedding:
    """A table ``(n, n_factors)`` drawn from N(0, 0.01²).

    PyTorch's own start, N(0, 1), would make a dot product of 50 factors swing by seven stars before any training.
    """
    table = nn.Embedding(n, n_factors)
    nn.init.normal_(table.weight, std=0.01)
    return table


def sigmoid_range(x: Tensor, lo: float, hi: float) -> Tensor:
    r"""Squash any score into (lo, hi): :math:`\operatorname{sigmoid}(x)\,(hi - lo) + lo`. Any shape."""
    return torch.sigmoid(x) * (hi - lo) + lo


class DotProduct(nn.Module):
    r"""Matrix factorization: a rating is how far a user's and an item's factors agree.

    .. math:: \hat r_{ui} = p_u^\top q_i \quad\text{or, with a range,}\quad
              \operatorname{sigmoid}(p_u^\top q_i)\,(hi - lo) + lo

    Args:
        n_users, n_items: rows of the two embedding tables.
        n_factors: K, the length of one embedding.
        y_range: (lo, hi) in stars; ``None`` leaves the score unbounded.

    Shape: x ``(B, 2)`` int64 (user index, item index) -> ``(B, 1)`` predicted stars.
    An index outside its table raises ``IndexError``; a row that training never touched keeps its small random start.
    Source: Funk (2006); Koren, Bell & Volinsky (2009).
    """

    def __init__(self, n_users: int, n_items: int, n_factors: int, y_range: tuple[float, float] | None = None):
        super().__init__()
        self.user_factors = embedding(n_users, n_factors)
        self.item_factors = embedding(n_items, n_factors)
        self.y_range = y_range

    def forward(self, x: Tensor) -> Tensor:
        users = self.user_factors(x[:, 0])  # (B, K)
        items = self.item_factors(x[:, 1])  # (B, K)
        score = (users * items).sum(dim=1, keepdim=True)  # (B, 1)
        return score if self.y_range is None else sigmoid_range(score, *self.y_range)
