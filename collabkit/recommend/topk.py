"""Top k: the best few of very many items for very many users, exactly, without the table of all their scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.special import expit, logit
from torch import Tensor

PAIRS = 4096  # pairs that a model scores in one call
BUDGET = 4_000_000  # scores held at a time: 16 MB; where all of them tie, the pairs to look at again take 250 MB

Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]  # user codes (n,), item codes (n,) -> stars (n,)


def in_batches(predict: Predict, users: np.ndarray, items: np.ndarray, rows: int = PAIRS) -> np.ndarray:
    """Stars ``(n,)``, float64, for pairs of codes.

    Each call has exactly so many rows, the last filled up. The same pair then gets the same bits whoever else is
    asked for, which it does not in batches of other sizes: those may take another road through the processor.
    """
    stars = np.empty(len(users))
    for start in range(0, len(users), rows):
        part = slice(start, start + rows)
        n = len(users[part])
        x = np.zeros((2, rows), dtype="int64")
        x[0, :n], x[1, :n] = users[part], items[part]
        stars[part] = predict(*x)[:n]
    return stars


def predict_pairs(model: torch.nn.Module, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Stars ``(n,)`` for pairs of codes, of a module ``(B, 2) -> (B, 1)``, by ``in_batches``."""
    device = next(model.parameters()).device

    def predict(users: np.ndarray, items: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(np.stack([users, items], axis=1))
        return model(x.to(device))[:, 0].double().cpu().numpy()

    with torch.inference_mode():
        return in_batches(predict, users, items)


class Scores(Protocol):
    """A shortcut: scores in nearly the order of the stars, and how nearly."""

    def __call__(self, users: np.ndarray, items: np.ndarray) -> Tensor:
        """Scores ``(users, items)``, by code; those of items ascend."""

    def floor(self, kth: Tensor, users: np.ndarray) -> Tensor:
        """The score ``(users,)`` below which no item can be among the k best, when the k-th best score is ``kth``."""


class DotScores:
    r"""Scores of a dot-product model by one matrix product, and how far they can be trusted.

    A matrix product adds up in another order than the model does, and a float32 sigmoid makes large scores equal. So
    these scores have nearly the order of the stars, not quite, and :meth:`floor` bounds the "nearly".

    Args:
        users, items: ``[bias, factors]`` of each ``(U, 1 + K)``, ``(I, 1 + K)``.
        y_range: (lo, hi) in stars of the model's sigmoid, or None.
        like: a parameter of the model, for its device and precision.
    """

    def __init__(self, users: np.ndarray, items: np.ndarray, y_range: tuple[float, float] | None, like: Tensor):
        def on_device(columns: list[np.ndarray]) -> Tensor:
            return torch.from_numpy(np.hstack(columns)).to(like.device, torch.promote_types(like.dtype, torch.float32))

        self.users = on_device([users[:, :1], np.ones((len(users), 1)), users[:, 1:]])  # (U, K + 2)
        self.items = on_device([np.ones((len(items), 1)), items[:, :1], items[:, 1:]])  # (I, K + 2)
        self.y_range, self.dtype = y_range, like.dtype

    def __call__(self, users: np.ndarray, items: np.ndarray) -> Tensor:
        """Scores before the sigmoid ``(users, items)``, by code."""
        first, end = (items[0], items[-1] + 1) if len(items) else (0, 0)
        # of codes in one piece, as those of all items are, no row has to be copied
        rows = self.items[first:end] if end - first == len(items) else self.items[self._at(items)]
        return self._of_users(users) @ rows.T

    def _of_users(self, users: np.ndarray) -> Tensor:
        """``[bias, 1, factors]`` of these users ``(users, K + 2)``."""
        return self.users[self._at(users)]

    def _at(self, codes: np.ndarray) -> Tensor:
        return torch.from_numpy(codes).to(self.items.device)

    def floor(self, kth: Tensor, users: np.ndarray) -> Tensor:
        """The score ``(users,)`` below which no item can be among the k best, when the k-th best score is ``kth``.

        Both sums have K + 2 terms, and each misses the true one by at most (K + 2) ε ‖user‖ ‖item‖ / 2. The sigmoid and
        what follows round a few times more. Where it is flat that is much in scores: so it is taken off in stars.
        """
        eps = torch.finfo(self.dtype).eps
        if torch.get_float32_matmul_precision() != "highest":
            eps = max(eps, 2**-8)  # the product may round its factors to 8 bits
        size = self._of_users(users).norm(dim=1) * self._largest
        margin = (2 * (self.items.shape[1] + 2) * eps * size).double()  # (users,)
        lowest = self._ties((kth.double() - margin).cpu().numpy(), eps)
        return torch.from_numpy(lowest).to(margin.device) - margin

    @cached_property
    def _largest(self) -> Tensor:
        return self.items.norm(dim=1).max()

    def _ties(self, score: np.ndarray, eps: float) -> np.ndarray:
        """The lowest score whose stars may be rounded to those of this one."""
        if self.y_range is None:
            return score
        lo, hi = self.y_range
        slack = 16 * eps * max(abs(lo), abs(hi), hi - lo) / (hi - lo)
        return logit(np.maximum(expit(score) - slack, 0))  # logit(0) is -inf: keep all


def top_k(
    predict: Predict,
    users: np.ndarray,
    items: np.ndarray,
    k: int,
    seen: csr_matrix | None = None,
    scores: Scores | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The k items with the most stars for each user, ties in the order of the codes.

    Args:
        predict: stars of pairs of codes; the order of the result is that of exactly these numbers.
        users: user codes ``(n,)``.
        items: item codes to choose from ``(m,)``, ascending, none twice.
        seen: True where a user is not to be given an item, by code ``(U, I)``.
        scores: a shortcut to nearly the same order; without it ``predict`` scores every pair.

    Returns: place in ``users``, item code and stars, one row a recommendation, best first within a user. A user for
    whom fewer than k items remain gets fewer. Memory: ``BUDGET`` scores, and the result.
    """
    column = np.full(items.max(initial=-1) + 1, -1)  # of an item code, in the table of scores
    column[items] = np.arange(len(items))
    step = max(1, BUDGET // max(1, len(items)))
    found = [(np.empty(0, dtype="int64"), np.empty(0, dtype="int64"), np.empty(0))]
    for start in range(0, len(users) if len(items) else 0, step):
        row, item, stars = _chunk(predict, users[start : start + step], items, k, seen, scores, column)
        found.append((start + row, item, stars))
    row, item, stars = (np.concatenate(part) for part in zip(*found, strict=True))
    return row, item, stars


def best_pairs(
    predict: Predict, users: np.ndarray, place: np.ndarray, items: np.ndarray, k: int, seen: csr_matrix | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``top_k`` of candidates of each user's own: pairs of a place in ``users`` and an item code ``(n,)``."""
    if seen is not None:
        theirs, n = seen[users], seen.shape[1]
        gone = np.repeat(np.arange(len(users)), np.diff(theirs.indptr)) * n + theirs.indices
        left = ~np.isin(place * n + items, gone)
        place, items = place[left], items[left]
    stars = in_batches(predict, users[place], items)
    order = np.lexsort((items, -stars, place))
    place, items, stars = place[order], items[order], stars[order]
    best = np.arange(len(place)) - np.searchsorted(place, place) < k
    return place[best], items[best], stars[best]


def _chunk(
    predict: Predict,
    users: np.ndarray,
    items: np.ndarray,
    k: int,
    seen: csr_matrix | None,
    scores: Scores | None,
    column: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``top_k`` of users few enough to hold all their scores."""
    if scores is None:
        exact = predict(np.repeat(users, len(items)), np.tile(items, len(users))).reshape(len(users), len(items))
        rough = torch.from_numpy(exact.copy())
    else:
        rough = scores(users, items)  # (users, items)
    if seen is not None:
        theirs = seen[users]
        row, item = np.repeat(np.arange(len(users)), np.diff(theirs.indptr)), theirs.indices
        known = item < len(column)
        row, at = row[known], column[item[known]]
        taken = (torch.from_numpy(one[at >= 0]).to(rough.device) for one in (row, at))
        rough[tuple(taken)] = -torch.inf
    kth = rough.topk(min(k, len(items)), dim=1).values[:, -1]  # -inf where fewer than k remain
    floor = kth if scores is None else scores.floor(kth, users).to(rough.dtype)
    floor = floor.clamp(min=torch.finfo(rough.dtype).min)  # above what was taken out
    row, at = np.divmod(np.flatnonzero((rough >= floor[:, None]).cpu().numpy()), len(items))
    stars = exact[row, at] if scores is None else predict(users[row], items[at])
    order = np.lexsort((at, -stars, row))
    row, at, stars = row[order], at[order], stars[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    best = rank < k
    return row[best], items[at[best]], stars[best]
