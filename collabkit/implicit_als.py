"""Implicit ALS: least squares on what people chose to rate, with every other pair counted as a weak no."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from collabkit.blocks import Blocks
from collabkit.models import DotProduct
from collabkit.ratings import Ratings


class ImplicitALS:
    r"""Matrix factorization of who rated what: a score is large where a user would be expected to rate the item.

    .. math:: \min_{P, Q} \sum_{u, i} c_{ui}\, (y_{ui} - p_u^\top q_i)^2
              + \lambda \bigl(\lVert P \rVert^2 + \lVert Q \rVert^2\bigr)

    The sum is over all pairs. Where u rated i, the preference :math:`y_{ui}` is 1 and the confidence :math:`c_{ui}` is
    :math:`1 + \alpha`; elsewhere they are 0 and 1. With Q held fixed, each user is a ridge regression,

    .. math:: \bigl(Q^\top Q + \alpha \sum_{i \in u} q_i q_i^\top + \lambda I\bigr)\, p_u
              = (1 + \alpha) \sum_{i \in u} q_i,

    and only :math:`Q^\top Q`, one small matrix for all of them, meets the pairs that nobody rated.

    Args:
        n_factors: K, the factors of a user or an item.
        penalty: λ, of the factors.
        alpha: α, how much more a rating says than the lack of one.
        n_sweeps: times that both sides are solved.
        at_least: stars from which a rating counts as preference 1; ``None`` takes every rating. A rating below it is
            treated as if it were not there.
        seed: of the random start of the item factors.
        device: where the tables live while they are fitted.

    The defaults were chosen on held-out ratings of the 2018 small edition, for ``at_least=4``
    (``benchmarks/ranking.py``); twice the factors do a little better there, in four times the seconds.

    Attributes:
        user_, item_: factors of each, ``(U, K)`` and ``(I, K)``; zeros for one without ratings.
        objective_, seconds_: after each sweep, the value of the objective, and the seconds since the first one began.

    A score is not a number of stars, so there is no ``predict``: it is there to rank, through :meth:`as_module`.

    Raises: ``ValueError``, when fitted, for a λ that is not positive, a negative α, or when no rating reaches
    ``at_least``.
    Source: :cite:t:`hu2008collaborative`, with one confidence for all ratings.
    """

    def __init__(
        self,
        n_factors: int = 32,
        penalty: float = 10.0,
        alpha: float = 1.0,
        n_sweeps: int = 10,
        at_least: float | None = None,
        seed: int = 0,
        device="cpu",
    ):
        self.n_factors, self.penalty, self.alpha, self.n_sweeps = n_factors, penalty, alpha, n_sweeps
        self.at_least, self.seed, self.device = at_least, seed, device

    def fit(self, train: Ratings) -> ImplicitALS:
        """Solve both sides in turn on these ratings; returns itself."""
        if self.penalty <= 0 or self.alpha < 0:
            raise ValueError(
                f"penalty={self.penalty}, alpha={self.alpha}: the penalty must be positive and alpha not negative, or "
                "a regression may have no unique answer."
            )
        if self.at_least is not None:
            train = train.take(train.rating >= self.at_least)
        if not len(train):
            raise ValueError(f"no rating reaches at_least={self.at_least} stars: nothing is left to learn from.")
        user, item = (torch.from_numpy(code.astype("int64")).to(self.device) for code in (train.user, train.item))
        of_users = Blocks(train.user, train.item, train.n_items, self.device)
        of_items = Blocks(train.item, train.user, train.n_users, self.device)
        generator = torch.Generator().manual_seed(self.seed)
        P = torch.zeros(train.n_users, self.n_factors, device=self.device)
        Q = torch.empty(train.n_items, self.n_factors).normal_(0, 0.1, generator=generator).to(self.device)
        self.objective_: list[float] = []
        self.seconds_: list[float] = []
        start = time.perf_counter()
        for _ in range(self.n_sweeps):
            P = self._solve(of_users, Q, len(user), len(P))  # (U, K)
            Q = self._solve(of_items, P, len(item), len(Q))  # (I, K)
            self.objective_.append(self._objective(P, Q, user, item))
            self.seconds_.append(time.perf_counter() - start)
        self.user_, self.item_ = P.cpu().numpy(), Q.cpu().numpy()
        return self

    def _solve(self, side: Blocks, fixed: Tensor, n_ratings: int, n: int) -> Tensor:
        """The best factors of every owner ``(n, K)``; zeros for one without ratings."""
        everybody = fixed.T @ fixed + self.penalty * torch.eye(self.n_factors, device=fixed.device)  # (K, K)
        preference = fixed.new_full((n_ratings,), 1 + self.alpha)
        solved = fixed.new_zeros(n, self.n_factors)
        for owner, A, b in side.normal_equations(fixed, preference):
            cholesky = torch.linalg.cholesky(torch.add(everybody, A, alpha=self.alpha))
            solved[owner] = torch.cholesky_solve(b.unsqueeze(-1), cholesky).squeeze(-1)
        return solved

    def _objective(self, P: Tensor, Q: Tensor, user: Tensor, item: Tensor) -> float:
        """Over all U · I pairs in O(ratings): as if none were rated, then put right where one is."""
        of_users, of_items = ((table.T @ table).double() for table in (P, Q))  # (K, K)
        total = (of_users * of_items).sum() + self.penalty * (of_users.trace() + of_items.trace())
        for u, i in zip(user.split(1_000_000), item.split(1_000_000), strict=True):
            score = (P[u] * Q[i]).sum(dim=1).double()  # (rows,)
            total += ((1 + self.alpha) * (1 - score).square() - score.square()).sum()
        return float(total)

    def as_module(self) -> DotProduct:
        """The scores as a module over codes: a copy of both tables, without a range. A score is not in stars.

        A user without ratings gets the mean factors of the others, and so a list of what people choose on average.
        """
        with torch.device("meta"):  # tables without numbers, since those drawn at random would only be replaced
            module = DotProduct(len(self.user_), len(self.item_), self.n_factors)
        user, item = torch.tensor(self.user_), torch.tensor(self.item_)
        known = user.any(dim=1)
        user[~known] = user[known].mean(dim=0)
        tables = {"user_factors.weight": user, "item_factors.weight": item}
        module.load_state_dict(tables, assign=True)
        return module
