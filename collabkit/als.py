"""Alternating least squares: fix one table, solve the other exactly, take turns."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from collabkit.blocks import Blocks
from collabkit.models import DotProductBias
from collabkit.ratings import Ratings


class ALS:
    r"""Matrix factorization with biases, solved by ridge regressions instead of gradient steps.

    .. math:: \min_{P, Q, b} \sum_{(u,i)} (r_{ui} - \mu - b_u - b_i - p_u^\top q_i)^2
              + \lambda \bigl(\lVert P \rVert^2 + \lVert Q \rVert^2\bigr) + \lambda_b \lVert b \rVert^2

    With the item side held fixed this is one small ridge regression a user, on the rows ``[1, q_i]``, and the other way
    round: no learning rate, and no step can make the objective larger.

    Args:
        n_factors: K, the factors of a user or an item.
        penalty: λ, of the factors.
        n_sweeps: times that both sides are solved.
        bias_penalty: :math:`\lambda_b`, of the biases; ``None`` takes λ.
        seed: of the random start of the item factors.
        device: where the tables live while they are fitted.

    The defaults were chosen on training ratings of the small editions (``benchmarks/whole_matrix.py``).

    Attributes:
        mean_: μ.
        user_, item_: ``[bias, factors]`` of each, ``(U, 1 + K)`` and ``(I, 1 + K)``.
        objective_, seconds_: after each sweep, the value of the objective, and the seconds since the first one began.

    ``predict`` answers an unknown user or item with what the other side and μ say, both with μ. Nothing is clipped.

    Source: :cite:t:`zhou2008large`; :cite:t:`koren2009matrix`.
    """

    def __init__(
        self,
        n_factors: int = 20,
        penalty: float = 14.0,
        n_sweeps: int = 15,
        bias_penalty: float | None = 4.0,
        seed: int = 0,
        device="cpu",
    ):
        self.n_factors, self.penalty, self.n_sweeps, self.bias_penalty = n_factors, penalty, n_sweeps, bias_penalty
        self.seed, self.device = seed, device

    def fit(self, train: Ratings) -> ALS:
        """Solve both sides in turn on these ratings; returns itself."""
        bias_penalty = self.penalty if self.bias_penalty is None else self.bias_penalty
        if self.penalty <= 0 or bias_penalty <= 0:
            raise ValueError(
                f"penalty={self.penalty}, bias_penalty={self.bias_penalty}: both must be positive, or a user with one "
                "rating has no unique answer."
            )
        user, item = (torch.from_numpy(code.astype("int64")).to(self.device) for code in (train.user, train.item))
        self.users_, self.items_, self.mean_ = train.users, train.items, float(train.rating.mean(dtype="float64"))
        y = torch.from_numpy(train.rating).to(self.device) - self.mean_  # (n,)
        sides = (
            Blocks(train.user, train.item, train.n_items, self.device),
            Blocks(train.item, train.user, train.n_users, self.device),
        )
        generator = torch.Generator().manual_seed(self.seed)
        P = torch.zeros(train.n_users, 1 + self.n_factors, device=self.device)  # (U, 1 + K): bias, factors
        Q = torch.zeros(train.n_items, 1 + self.n_factors)
        Q[:, 1:].normal_(0, 0.1, generator=generator)
        Q = Q.to(self.device)
        penalty = torch.full((1 + self.n_factors,), float(self.penalty), device=self.device)  # (1 + K,), as a row of P
        penalty[0] = bias_penalty
        self.objective_: list[float] = []
        self.seconds_: list[float] = []
        start = time.perf_counter()
        for _ in range(self.n_sweeps):
            P = self._solve(sides[0], Q, y - Q[item, 0], penalty, len(P))
            Q = self._solve(sides[1], P, y - P[user, 0], penalty, len(Q))
            self.objective_.append(self._objective(P, Q, user, item, y, penalty))
            self.seconds_.append(time.perf_counter() - start)
        self.user_, self.item_ = P.cpu().numpy(), Q.cpu().numpy()
        return self

    @staticmethod
    def _solve(side: Blocks, fixed: Tensor, y: Tensor, penalty: Tensor, n: int) -> Tensor:
        """The best ``[bias, factors]`` of every owner; zeros for one without ratings."""
        design = torch.cat([torch.ones_like(fixed[:, :1]), fixed[:, 1:]], dim=1)  # a 1 for the bias, then the factors
        solved = torch.zeros(n, fixed.shape[1], device=fixed.device)
        for owner, A, b in side.normal_equations(design, y):
            cholesky = torch.linalg.cholesky(A + penalty.diag())
            solved[owner] = torch.cholesky_solve(b.unsqueeze(-1), cholesky).squeeze(-1)
        return solved

    @staticmethod
    def _objective(P: Tensor, Q: Tensor, user: Tensor, item: Tensor, y: Tensor, penalty: Tensor) -> float:
        misses = torch.zeros((), dtype=torch.float64, device=P.device)
        for rows in torch.arange(len(y), device=P.device).split(1_000_000):
            u, i = P[user[rows]], Q[item[rows]]
            score = u[:, 0] + i[:, 0] + (u[:, 1:] * i[:, 1:]).sum(dim=1)
            misses += (y[rows] - score).square().sum(dtype=torch.float64)
        return float(misses + ((P.square().sum(dim=0) + Q.square().sum(dim=0)) * penalty).sum())

    def predict(self, users, items) -> np.ndarray:
        """Stars ``(n,)`` for pairs of user and item ids."""
        user, known_user = self.users_.index(users, missing="unknown")
        item, known_item = self.items_.index(items, missing="unknown")
        p, q = self.user_[user] * known_user[:, None], self.item_[item] * known_item[:, None]  # (n, 1 + K)
        return self.mean_ + p[:, 0] + q[:, 0] + np.einsum("nk,nk->n", p[:, 1:], q[:, 1:])

    def as_module(self) -> DotProductBias:
        """The same predictions as a module, over codes: a copy of the tables, μ in the item biases, no range."""
        with torch.device("meta"):  # tables without numbers, since those drawn at random would only be replaced
            module = DotProductBias(len(self.users_), len(self.items_), self.n_factors)
        user, item = torch.tensor(self.user_), torch.tensor(self.item_)  # (U, 1 + K), (I, 1 + K)
        tables = {
            "user_factors.weight": user[:, 1:].contiguous(),
            "item_factors.weight": item[:, 1:].contiguous(),
            "user_bias.weight": user[:, :1].contiguous(),
            "item_bias.weight": item[:, :1] + self.mean_,
        }
        module.load_state_dict(tables, assign=True)
        return module
