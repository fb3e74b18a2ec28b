"""Drawn fold-in: somebody new in a model of many draws, by one small ridge regression in each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from collabkit.bayes import BayesianMF
from collabkit.recommend.fold_in import AnyFoldIn, Codes

ROUNDS = 3  # until a new user's own noise has settled: a further one moves no prediction by 0.0001 stars


class Regression(NamedTuple):
    """Of one draw: what a new row has to explain, and how well it can.

    Attributes:
        X: rows ``[1, q_i]`` of what was rated ``(n, 1 + K)``.
        misses: of the average user ``(n,)``, in units.
        weight: precision of each rating ``(n,)``.
        A: that of the new row ``(1 + K, 1 + K)``.
    """

    X: np.ndarray
    misses: np.ndarray
    weight: np.ndarray
    A: np.ndarray


class DrawnFoldIn(AnyFoldIn):
    r"""A new user of :class:`collabkit.BayesianMF`: what its sampler would say of them, given the films it has drawn.

    In each draw, with rows :math:`x_i = [1, q_i]`, the new user's bias and factors are a ridge regression whose penalty
    and centre are that draw's prior of a user nobody has met,

    .. math:: w = m + \bigl(\alpha w_u \sum_i x_i x_i^\top + \Lambda\bigr)^{-1}
              \alpha w_u \sum_i x_i \bigl(r_i - \mu - b_i - m^\top x_i\bigr),
              \qquad w_u = \frac{\nu + n}{\nu + \alpha\, E[\text{squared misses}]}

    where the last two take turns, from :math:`w_u = 1`. A prediction is the mean over draws, with the conditional means
    of the films, as that of a trained user is; then it is clipped to the scale. The film tables stay as they were
    drawn: the new ratings do not reach them.

    With side features of users, the new one has average ones. A new film is placed among the users in the same way,
    each of whose ratings weighs by ``noise_``.

    Args:
        model: fitted.
        side: which side the new one is on, ``"user"`` or ``"item"``.
        fixed: the other side's rows, laid end to end by ``end_to_end`` ``(n + 1, 1 + S K)``.

    ``w`` is of every draw ``(S, 1 + K)``, in units. Source: the step, :cite:t:`salakhutdinov2008bayesian`.
    """

    def __init__(self, model: BayesianMF, side: str, fixed: Tensor):
        self.model, self.fixed, self.of_user = model, fixed, side == "user"
        self.rated = model.item_draws_ if self.of_user else model.user_draws_  # (S, n + 1, 1 + K)
        priors, self.alpha, noise = (
            one.cpu().double().numpy()
            for one in (model.user_priors_ if self.of_user else model.item_priors_, model.precisions_, model.noise_)
        )
        self.mean, self.precision = priors[:, 0], priors[:, 1]  # (S, 1 + K)
        self.steadiness = model.unit_**2 / noise  # (U + 1,)

    def solve(self, codes: Codes, stars: ArrayLike) -> np.ndarray:
        steps = [np.linalg.solve(one.A, one.X.T @ (one.weight * one.misses)) for one in self._regressions(codes, stars)]
        return self.mean + np.array(steps)

    def score(self, w: np.ndarray, codes: Codes | None = None) -> np.ndarray:
        fixed = self.fixed if codes is None else self.fixed[self._at(codes)]
        ours = torch.from_numpy(w[:, 1:].flatten() / len(w) ** 0.5).to(fixed)
        score = (fixed[:, 0] + fixed[:, 1:] @ ours).cpu().double().numpy() + w[:, 0].mean()
        return self.model.mean_ + self.model.unit_ * score

    def parts(self, codes: Codes, stars: ArrayLike, code: int) -> np.ndarray:
        n_draws, total = len(self.mean), np.zeros(len(codes))
        target = self.fixed[code, 1:].cpu().double().numpy().reshape(n_draws, -1) * n_draws**0.5  # (S, K)
        for row, one in zip(target, self._regressions(codes, stars), strict=True):
            total += one.X @ np.linalg.solve(one.A, np.append(1, row)) * one.weight * one.misses
        return total / n_draws * self.model.unit_

    def to_stars(self, score: np.ndarray) -> np.ndarray:
        return score.clip(*self.model.scale_)

    def slope(self, score: float) -> float:
        lo, hi = self.model.scale_
        return float(lo <= score <= hi)

    def _regressions(self, codes: Codes, stars: ArrayLike) -> Iterator[Regression]:
        rated = self.rated[:, self._at(codes)].float().cpu().numpy()  # (S, n, 1 + K)
        y = (np.asarray(stars, dtype="float64") - self.model.mean_) / self.model.unit_
        nu, n = self.model.noise_df_, len(y)
        for rows, mean, precision, alpha in zip(rated, self.mean, self.precision, self.alpha, strict=True):
            X = rows.astype("float64")
            misses = y - X[:, 0]
            X[:, 0] = 1
            misses -= X @ mean
            weight = np.full(n, alpha) if self.of_user else self.steadiness[codes]
            A = (X * weight[:, None]).T @ X
            if self.of_user:
                gram, steady = A / alpha, 1.0
                for _ in range(ROUNDS):
                    covariance = np.linalg.inv(steady * A + np.diag(precision))
                    left = misses - X @ (covariance @ (X.T @ misses * alpha * steady))
                    steady = (nu + n) / (nu + alpha * (left @ left + (covariance * gram).sum()))
                weight, A = weight * steady, A * steady
            yield Regression(X, misses, weight, A + np.diag(precision))

    def _at(self, codes: Codes) -> Tensor:
        return torch.as_tensor(np.asarray(codes, dtype="int64"), device=self.fixed.device)
