"""Choices: what serves a model of what people choose, and places somebody new by the regression of everybody else."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import ArrayLike

from collabkit.implicit_als import ImplicitALS
from collabkit.interpret import cosines
from collabkit.models import DotProduct, filled
from collabkit.recommend.fold_in import AnyFoldIn, Codes
from collabkit.recommend.served import Served
from collabkit.recommend.topk import DotScores, predict_pairs
from collabkit.tables import Tables


class ServedChoices(Served):
    """A copy of :class:`collabkit.ImplicitALS` on a device.

    It knows by itself of whom it has learnt nothing: users are then ``unknown_``, and a film is the mean of the others.
    """

    def __init__(self, model: ImplicitALS, device: torch.device):
        self.model = copy.copy(model)  # which a second fit does not reach
        users, items = (table.cpu().numpy() for table in model.tables()[:2])
        known = np.flatnonzero(items.any(axis=1))
        average = (items[known].sum(axis=0, dtype="float64") / max(1, len(known))).astype("float32")
        everything = np.tile(average, (len(items) + 1, 1))
        everything[known] = items[known]
        self.users = np.vstack([users, model.unknown_])  # (U + 1, K)
        self.items = everything  # (I + 1, K)
        tables = Tables(torch.from_numpy(self.users), torch.from_numpy(self.items))
        self.module = filled(DotProduct, tables).to(device).eval().requires_grad_(False)
        self.scores = DotScores(tables.users, tables.items, None, self.module.user_factors.weight)

    def predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        return predict_pairs(self.module, users, items)

    def similarity(self, code: int) -> np.ndarray:
        return cosines(self.model.item_, code)

    def fold_in(self, side: str) -> AnyFoldIn:
        fixed, own = (self.items, self.users) if side == "user" else (self.users, self.items)
        return ChosenFoldIn(self.model, side, fixed, own)


class ChosenFoldIn(AnyFoldIn):
    r"""A new user of :class:`collabkit.ImplicitALS`: where one more sweep would put them.

    .. math:: p_u = \sum_{i \in u} (1 + \alpha)
              \bigl(Q^\top Q + \alpha \sum_{i \in u} q_i q_i^\top + \lambda I\bigr)^{-1} q_i

    over the films that they gave ``at_least`` so many stars. The sum explains a score: each film adds its own term,
    and they start from 0. Whoever chose none of them is the mean of the users that were fitted. What comes out is a
    score to rank by, in float64: the same as :meth:`collabkit.ImplicitALS.with_history` in float32. A new film is
    placed among the users in the same way.

    Args:
        model: fitted.
        side: which side the new one is on, ``"user"`` or ``"item"``.
        fixed: the other side's rows, to score with, the last one average ``(n + 1, K)``.
        own: this side's, likewise.

    Source: :cite:t:`hu2008collaborative`.
    """

    def __init__(self, model: ImplicitALS, side: str, fixed: np.ndarray, own: np.ndarray):
        solved = model.item_ if side == "user" else model.user_
        self.fixed, self.unknown = fixed.astype("float64"), own[-1].astype("float64")
        self.solved = np.vstack([solved, np.zeros_like(solved[:1])]).astype("float64")  # (n + 1, K)
        self.weights, self.mean = model.weights_, np.zeros(solved.shape[1])
        self.everybody = self.solved.T @ self.solved + self.weights.penalty * np.eye(len(self.mean))  # (K, K)

    def solve(self, codes: Codes, stars: ArrayLike) -> np.ndarray:
        shares = self._shares(codes, stars)
        return shares.sum(axis=0) if shares.any() else self.unknown

    def score(self, w: np.ndarray, codes: Codes | None = None) -> np.ndarray:
        return (self.fixed if codes is None else self.fixed[codes]) @ w

    def parts(self, codes: Codes, stars: ArrayLike, code: int) -> np.ndarray:
        return self._shares(codes, stars) @ self.fixed[code]

    def to_stars(self, score: np.ndarray) -> np.ndarray:
        return score

    def slope(self, score: float) -> float:
        return 1.0

    def explain(self, codes: Codes, stars: ArrayLike, code: int) -> tuple[np.ndarray, float, float]:
        if not self._shares(codes, stars).any():  # the score of the average user, to which nothing here adds
            score = float(self.score(self.unknown, [code])[0])
            return np.zeros(len(codes)), score, score
        return super().explain(codes, stars, code)

    def _shares(self, codes: Codes, stars: ArrayLike) -> np.ndarray:
        """What each rating adds to the new row ``(n, K)``; zeros for one that is no yes."""
        X = self.solved[np.asarray(codes, dtype="int64")]  # (n, K)
        X = X * self.weights.chosen(np.asarray(stars, dtype="float32"))[:, None]
        A = self.everybody + self.weights.alpha * X.T @ X
        return (1 + self.weights.alpha) * np.linalg.solve(A, X.T).T
