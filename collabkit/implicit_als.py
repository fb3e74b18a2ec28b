"""Implicit ALS: least squares on what people chose to rate, with every other pair counted as a weak no."""

from __future__ import annotations

import copy
import time
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from collabkit import checks
from collabkit.als import finite
from collabkit.blocks import Blocks, cholesky
from collabkit.models import DotProduct, filled
from collabkit.ratings import Ratings, Vocabulary, fitted_to, rated
from collabkit.tables import Tables


class Weights(NamedTuple):
    """What a regression of :class:`ImplicitALS` is made with: its λ, its α, and from how many stars it counts a yes."""

    penalty: float
    alpha: float
    at_least: float | None

    def chosen(self, stars: np.ndarray) -> np.ndarray:
        """True where a rating is a yes ``(n,)``."""
        return np.full(len(stars), True) if self.at_least is None else stars >= self.at_least


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
        unknown_: those of somebody unknown ``(K,)``, the mean of the users that were fitted.
        weights_: what it was fitted with, ``(penalty, alpha, at_least)``.
        objective_, seconds_: after each sweep, the value of the objective, and the seconds since the first one began.
        users_, items_: the vocabularies that it was trained on.

    A score is not a number of stars, so there is no ``predict``: it is there to rank, through :meth:`as_module`.

    A fit that is interrupted, or refused, leaves whatever was learnt before.

    Raises: when fitted, ``ValueError`` or ``TypeError`` for a setting outside its range, λ being positive and α not
        negative, or when no rating reaches ``at_least``; ``FloatingPointError`` where float32 does not bear the
        settings. ``NotFittedError`` of scikit-learn, when asked before.
    Source: :cite:t:`hu2008collaborative`, with one confidence for all ratings.
    """

    users_: Vocabulary
    items_: Vocabulary
    user_: np.ndarray
    item_: np.ndarray
    unknown_: np.ndarray
    weights_: Weights
    objective_: list[float]
    seconds_: list[float]

    def __init__(
        self,
        n_factors: int = 32,
        penalty: float = 10.0,
        alpha: float = 1.0,
        n_sweeps: int = 10,
        at_least: float | None = None,
        seed: int = 0,
        device: str | torch.device = "cpu",
    ):
        self.n_factors, self.penalty, self.alpha, self.n_sweeps = n_factors, penalty, alpha, n_sweeps
        self.at_least, self.seed, self.device = at_least, seed, device

    def fit(self, train: Ratings) -> ImplicitALS:
        """Solve both sides in turn on these ratings; returns itself."""
        rated(train, "train")
        n_factors = checks.whole("n_factors", self.n_factors, at_least=1)
        n_sweeps = checks.whole("n_sweeps", self.n_sweeps, at_least=1)
        penalty = checks.number("penalty", self.penalty, above=0, at_most=checks.WIDEST)
        alpha = checks.number("alpha", self.alpha, at_least=0, at_most=checks.WIDEST)
        seed, device = checks.seed(self.seed), checks.device(self.device)
        at_least = None if self.at_least is None else checks.number("at_least", self.at_least)
        weights = Weights(penalty, alpha, at_least)
        train = train.take(weights.chosen(train.rating))
        if not len(train):
            raise ValueError(f"no rating reaches at_least={self.at_least} stars: nothing is left to learn from.")
        user, item = (torch.from_numpy(code.astype("int64")).to(device) for code in (train.user, train.item))
        of_users = Blocks(train.user, train.item, train.n_items, device)
        of_items = Blocks(train.item, train.user, train.n_users, device)
        generator = torch.Generator().manual_seed(seed)
        P = torch.zeros(train.n_users, n_factors, device=device)
        Q = torch.empty(train.n_items, n_factors).normal_(0, 0.1, generator=generator).to(device)
        objective: list[float] = []
        seconds: list[float] = []
        start = time.perf_counter()
        for _ in range(n_sweeps):
            P = self._solve(of_users, Q, len(user), len(P), penalty, alpha)  # (U, K)
            Q = self._solve(of_items, P, len(item), len(Q), penalty, alpha)  # (I, K)
            objective.append(finite(self._objective(P, Q, user, item, penalty, alpha)))
            seconds.append(time.perf_counter() - start)
        learnt = {"users_": train.users, "items_": train.items, "user_": P.cpu().numpy(), "item_": Q.cpu().numpy()}
        learnt |= {"unknown_": (P.sum(dim=0) / P.any(dim=1).sum().clamp(min=1)).cpu().numpy(), "weights_": weights}
        vars(self).update(learnt, objective_=objective, seconds_=seconds)  # all at once, never a part of two fits
        return self

    def with_history(self, history: Ratings) -> ImplicitALS:
        """A copy in which users stand where their ratings in ``history`` place them, and every item where it stood.

        Each user is one solve of the equation above: nothing is trained. Whoever has no "yes" in ``history`` is
        unknown to the copy, whatever the model knew before.

        Raises: ``ValueError`` for ratings with other vocabularies than the model was fitted to, or none at all.
        """
        checks.fitted(self)
        fitted_to(self, rated(history, "history"))
        penalty, alpha, _ = self.weights_
        history = history.take(self.weights_.chosen(history.rating))
        sides = Blocks(history.user, history.item, history.n_items)
        solved = self._solve(sides, torch.tensor(self.item_), len(history), history.n_users, penalty, alpha)
        placed = copy.copy(self)
        placed.user_ = solved.cpu().numpy()
        return placed

    @staticmethod
    def _solve(side: Blocks, fixed: Tensor, n_ratings: int, n: int, penalty: float, alpha: float) -> Tensor:
        """The best factors of every owner ``(n, K)``; zeros for one without ratings."""
        K = fixed.shape[1]
        everybody = fixed.T @ fixed + penalty * torch.eye(K, device=fixed.device)  # (K, K)
        preference = fixed.new_full((n_ratings,), 1 + alpha)
        solved = fixed.new_zeros(n, K)
        for owner, A, b in side.normal_equations(fixed, preference):
            factor = cholesky(torch.add(everybody, A, alpha=alpha))
            solved[owner] = torch.cholesky_solve(b.unsqueeze(-1), factor).squeeze(-1)
        return solved

    @staticmethod
    def _objective(P: Tensor, Q: Tensor, user: Tensor, item: Tensor, penalty: float, alpha: float) -> float:
        """Over all U · I pairs in O(ratings): as if none were rated, then put right where one is."""
        of_users, of_items = ((table.T @ table).double() for table in (P, Q))  # (K, K)
        total = (of_users * of_items).sum() + penalty * (of_users.trace() + of_items.trace())
        for u, i in zip(user.split(1_000_000), item.split(1_000_000), strict=True):
            score = (P[u] * Q[i]).sum(dim=1).double()  # (rows,)
            total += ((1 + alpha) * (1 - score).square() - score.square()).sum()
        return float(total)

    def tables(self) -> Tables:
        """What it has learnt, by code, without a range. A score is not in stars.

        A user without ratings gets the mean factors of the others, and so a list of what people choose on average.
        """
        checks.fitted(self)
        user = np.where(self.user_.any(axis=1, keepdims=True), self.user_, self.unknown_)
        return Tables(torch.from_numpy(user), torch.tensor(self.item_))

    def as_module(self) -> DotProduct:
        """The scores as a module over codes: a copy of :meth:`tables`."""
        return filled(DotProduct, self.tables())
