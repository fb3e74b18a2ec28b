"""Alternating least squares: fix one table, solve the other exactly, take turns."""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from collabkit import checks
from collabkit.blocks import Blocks, cholesky
from collabkit.data.pairs import pair_codes
from collabkit.models import DotProductBias, filled
from collabkit.ratings import Ratings, Vocabulary, rated
from collabkit.tables import Tables


class ALS:
    r"""Matrix factorization with biases, solved by ridge regressions instead of gradient steps.

    .. math:: \min_{P, Q, b} \sum_{(u,i)} (r_{ui} - \mu - b_u - b_i - p_u^\top q_i)^2
              + \lambda \bigl(\lVert P \rVert^2 + \lVert Q \rVert^2\bigr) + \lambda_b \lVert b \rVert^2

    With the item side held fixed this is one small ridge regression a user, on the rows ``[1, q_i]``, and the other way
    round: no learning rate, and no step can make the objective larger.

    Args:
        n_factors: K, the factors of a user or an item.
        penalty: λ, of the factors, in the units of the ratings: on a scale twice as wide, take twice as much.
        n_sweeps: times that both sides are solved.
        bias_penalty: :math:`\lambda_b`, of the biases; ``None`` takes λ.
        seed: of the random start of the item factors.
        device: where the tables live while they are fitted.

    The defaults were chosen on training ratings of the small editions (``benchmarks/whole_matrix.py``).

    Attributes:
        mean_: μ.
        user_, item_: ``[bias, factors]`` of each, ``(U, 1 + K)`` and ``(I, 1 + K)``.
        objective_, seconds_: after each sweep, the value of the objective, and the seconds since the first one began.
        users_, items_: the vocabularies that it was trained on.

    ``predict`` answers an unknown user or item with what the other side and μ say, both with μ. Nothing is clipped.
    A fit that is interrupted, or refused, leaves whatever was learnt before.

    Raises: when fitted, ``ValueError`` or ``TypeError`` for a setting outside its range, both penalties being positive,
        or a user with one rating would have no unique answer; ``FloatingPointError`` for ratings of a size that float32
        does not bear. ``NotFittedError`` of scikit-learn, when asked before.
    Source: :cite:t:`zhou2008large`; :cite:t:`koren2009matrix`.
    """

    users_: Vocabulary
    items_: Vocabulary
    mean_: float
    user_: np.ndarray
    item_: np.ndarray
    objective_: list[float]
    seconds_: list[float]

    def __init__(
        self,
        n_factors: int = 20,
        penalty: float = 14.0,
        n_sweeps: int = 15,
        bias_penalty: float | None = 4.0,
        seed: int = 0,
        device: str | torch.device = "cpu",
    ):
        self.n_factors, self.penalty, self.n_sweeps, self.bias_penalty = n_factors, penalty, n_sweeps, bias_penalty
        self.seed, self.device = seed, device

    def fit(self, train: Ratings) -> ALS:
        """Solve both sides in turn on these ratings; returns itself."""
        rated(train, "train")
        n_factors = checks.whole("n_factors", self.n_factors, at_least=0)
        n_sweeps = checks.whole("n_sweeps", self.n_sweeps, at_least=1)
        seed, device = checks.seed(self.seed), checks.device(self.device)
        of_factors = checks.number("penalty", self.penalty, above=0, at_most=checks.WIDEST)
        penalty = torch.full((1 + n_factors,), of_factors)  # as a row of P
        if self.bias_penalty is not None:
            penalty[0] = checks.number("bias_penalty", self.bias_penalty, above=0, at_most=checks.WIDEST)
        penalty = penalty.to(device)
        user, item = (torch.from_numpy(code.astype("int64")).to(device) for code in (train.user, train.item))
        mean = float(train.rating.mean(dtype="float64"))
        y = torch.from_numpy(train.rating).to(device) - mean  # (n,)
        sides = (
            Blocks(train.user, train.item, train.n_items, device),
            Blocks(train.item, train.user, train.n_users, device),
        )
        P = torch.zeros(train.n_users, 1 + n_factors, device=device)  # (U, 1 + K): bias, factors
        Q = torch.zeros(train.n_items, 1 + n_factors)
        Q[:, 1:].normal_(0, 0.1, generator=torch.Generator().manual_seed(seed))
        Q = Q.to(device)
        objective: list[float] = []
        seconds: list[float] = []
        start = time.perf_counter()
        for _ in range(n_sweeps):
            P = self._solve(sides[0], Q, y - Q[item, 0], penalty, len(P))
            Q = self._solve(sides[1], P, y - P[user, 0], penalty, len(Q))
            objective.append(finite(self._objective(P, Q, user, item, y, penalty)))
            seconds.append(time.perf_counter() - start)
        learnt = {"mean_": mean, "user_": P.cpu().numpy(), "item_": Q.cpu().numpy()}
        learnt |= {"users_": train.users, "items_": train.items, "objective_": objective, "seconds_": seconds}
        vars(self).update(learnt)  # all at once: never tables of one fit and ids of another
        return self

    @staticmethod
    def _solve(side: Blocks, fixed: Tensor, y: Tensor, penalty: Tensor, n: int) -> Tensor:
        """The best ``[bias, factors]`` of every owner; zeros for one without ratings."""
        design = torch.cat([torch.ones_like(fixed[:, :1]), fixed[:, 1:]], dim=1)  # a 1 for the bias, then the factors
        solved = torch.zeros(n, fixed.shape[1], device=fixed.device)
        for owner, A, b in side.normal_equations(design, y):
            solved[owner] = torch.cholesky_solve(b.unsqueeze(-1), cholesky(A + penalty.diag())).squeeze(-1)
        return solved

    @staticmethod
    def _objective(P: Tensor, Q: Tensor, user: Tensor, item: Tensor, y: Tensor, penalty: Tensor) -> float:
        misses = torch.zeros((), dtype=torch.float64, device=P.device)
        for rows in torch.arange(len(y), device=P.device).split(1_000_000):
            u, i = P[user[rows]], Q[item[rows]]
            score = u[:, 0] + i[:, 0] + (u[:, 1:] * i[:, 1:]).sum(dim=1)
            misses += (y[rows] - score).square().sum(dtype=torch.float64)
        return float(misses + ((P.square().sum(dim=0) + Q.square().sum(dim=0)) * penalty).sum())

    def predict(self, users: ArrayLike, items: ArrayLike) -> np.ndarray:
        """Stars ``(n,)`` for pairs of user and item ids; one id on either side goes with all on the other."""
        checks.fitted(self)
        user, known_user, item, known_item = pair_codes(self.users_, self.items_, users, items)
        p, q = self.user_[user] * known_user[:, None], self.item_[item] * known_item[:, None]  # (n, 1 + K)
        return self.mean_ + p[:, 0] + q[:, 0] + np.einsum("nk,nk->n", p[:, 1:], q[:, 1:])

    def tables(self) -> Tables:
        """What it has learnt, by code, with μ in the item biases; no range."""
        checks.fitted(self)
        items = self.item_.copy()  # (I, 1 + K)
        items[:, 0] += self.mean_
        return Tables.of(self.user_.copy(), items)

    def as_module(self) -> DotProductBias:
        """The same predictions as a module, over codes: a copy of :meth:`tables`."""
        return filled(DotProductBias, self.tables())


def finite(objective: float) -> float:
    """The value of an objective.

    Raises: ``FloatingPointError`` when it is none, since the numbers behind it have left float32.
    """
    if not math.isfinite(objective):
        raise FloatingPointError(
            f"the objective is {objective}: ratings or penalties of this size are too large for float32. Divide the "
            "ratings by their standard deviation, or choose a smaller penalty."
        )
    return objective
