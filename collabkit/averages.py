"""Averages: what many draws of two tables ``[bias, factors]`` say of pairs, on the whole, and in which unit."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import torch
from torch import Tensor

CHUNK = 1_000_000  # pairs scored at a time
MOST_CLASSES = 50  # of ratings that count as stars, and not as measurements


def unit_of(stars: np.ndarray) -> float:
    """The power of two nearest to their standard deviation, since to divide by it rounds nothing; 1 for no spread."""
    if stars.min() == stars.max():
        return 1.0
    return 2.0 ** round(math.log2(stars.std(dtype="float64")))


def classes_of(ratings: np.ndarray) -> np.ndarray | None:
    """The values that there are, ascending ``(C,)``, float64; ``None`` when they are too many to be classes."""
    found = pd.unique(ratings)
    return None if len(found) > MOST_CLASSES else np.sort(found).astype("float64")


def design(rows: Tensor) -> Tensor:
    """``[1, factors]``: what the bias and the factors of the other side are multiplied with."""
    return torch.cat([torch.ones_like(rows[:, :1]), rows[:, 1:]], dim=1)


def score(p: Tensor, q: Tensor) -> Tensor:
    """Of rows of both tables ``(n, 1 + K)``, what each pair comes to ``(n,)``."""
    return p[:, 0] + q[:, 0] + (p[:, 1:] * q[:, 1:]).sum(dim=1)


def left_over(P: Tensor, Q: Tensor, user: Tensor, item: Tensor, y: Tensor) -> Tensor:
    """What one draw of both tables leaves of ``y`` ``(n,)``."""
    parts = zip(user.split(CHUNK), item.split(CHUNK), y.split(CHUNK), strict=True)
    return torch.cat([part - score(P.index_select(0, u), Q.index_select(0, i)) for u, i, part in parts])


def over_draws(draws: tuple[Tensor, Tensor, Tensor], user: Tensor, item: Tensor, spread: bool) -> tuple[Tensor, Tensor]:
    """Of each pair the mean score ``(n,)``, with the item means, and, when asked for, how far the draws vary ``(n,)``.

    Args:
        draws: of users ``(S, U, 1 + K)`` and of items, and the item means of each draw ``(S, I, 1 + K)``.
    """
    n_samples, means, variances = len(draws[0]), [], []
    for u, i in zip(user.split(CHUNK), item.split(CHUNK), strict=True):
        total, first, second = (torch.zeros(len(u), device=user.device) for _ in range(3))
        for p, q, q_mean in zip(*draws, strict=True):
            p_u = p[u].float()
            total += score(p_u, q_mean[i].float())
            if spread:
                drawn = score(p_u, q[i].float())
                first += drawn
                second += drawn.square()
        means.append(total / n_samples)
        variances.append(((second - first.square() / n_samples) / max(n_samples - 1, 1)).clamp(min=0))
    return torch.cat(means), torch.cat(variances)
