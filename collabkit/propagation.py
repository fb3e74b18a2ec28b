"""Propagation: Bayesian matrix factorization in blocks that never talk while they are drawn."""

from __future__ import annotations

import numpy as np
import torch
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from torch import Tensor

from collabkit import checks
from collabkit.data.pairs import pair_codes_or_last
from collabkit.informed import TINY, Block, Found, Gaussians, draw_block
from collabkit.models import DotProductBias, filled
from collabkit.ratings import Ratings, Vocabulary, rated
from collabkit.tables import Tables

Place = tuple[int, int]  # of a block: its group of users, its group of items


class PropagatedMF:
    r"""Matrix factorization with biases by posterior propagation: Gibbs sampling of a grid of blocks, in three stages.

    Users fall into R groups and items into C, and so the ratings into :math:`R \times C` blocks. Each block has a
    chain of its own (:class:`collabkit.BayesianMF`), and what it finds of a row :math:`w = [b, q]` is put down as a
    Gaussian. The first block starts from nothing. The others of its row and of its column take what it has found of
    the users, or items, that they share with it as prior; and then all the rest take the priors of both:

    .. math:: p(w \mid R_{11}, R_{ij}) \propto p(w \mid R_{11})\, p(R_{ij} \mid w)

    Blocks of one stage do not talk, so that :math:`R + C - 2`, then :math:`(R - 1)(C - 1)` of them can run at a time.
    In the end the blocks of a group are put together: their Gaussians multiplied, and the prior that they had in common
    divided out for all but one. A prediction is :math:`\mu + E[b_u] + E[b_i] + E[p_u]^\top E[q_i]`, clipped to the
    scale of the ratings.

    Args:
        blocks: (R, C), groups of users and of items; in each group are as many heavy raters as in the others.
        n_factors, n_samples, burn_in: of each chain, as in ``BayesianMF``.
        seed: of everything random here.
        n_jobs: processes that work at a time; ``None`` takes one for each processor. The result is the same.

    Attributes:
        mean_: μ, in stars.
        user_, item_: ``[bias, factors]``, ``(U, 1 + K)`` and ``(I, 1 + K)``, in stars.
        seconds_: of each block's chain, by its place ``(i, j)``.
        users_, items_, scale_: as in ``BayesianMF``.

    An unknown user or item, and one without ratings, is average.

    Raises: when fitted, ``ValueError`` for settings outside their range, and for a grid in which the first block, or
        another, would have no ratings: ask for fewer blocks.
    Source: :cite:t:`qin2019distributed`.
    """

    users_: Vocabulary
    items_: Vocabulary
    mean_: float
    user_: np.ndarray
    item_: np.ndarray
    scale_: tuple[float, float]
    seconds_: dict[Place, float]

    def __init__(
        self,
        blocks: Place = (2, 2),
        n_factors: int = 8,
        n_samples: int = 100,
        burn_in: int = 20,
        seed: int = 0,
        n_jobs: int | None = None,
    ):
        self.blocks, self.n_factors, self.n_samples, self.burn_in = blocks, n_factors, n_samples, burn_in
        self.seed, self.n_jobs = seed, n_jobs

    def fit(self, train: Ratings) -> PropagatedMF:
        """Draw all chains, stage by stage; returns itself."""
        rated(train, "train")
        if len(self.blocks) != 2:
            raise ValueError(f"blocks={self.blocks!r}: choose (R, C), groups of users and of items, such as (2, 2).")
        R, C = (checks.whole("blocks", n, at_least=1, at_most=len(train)) for n in self.blocks)
        n_jobs = -1 if self.n_jobs is None else checks.whole("n_jobs", self.n_jobs, at_least=1)
        seed = checks.seed(self.seed)
        n_factors, n_samples = (
            checks.whole("n_factors", self.n_factors, at_least=0),
            checks.whole("n_samples", self.n_samples, at_least=10),  # or they make no Gaussian
        )
        users, items = groups(train.user, train.n_users, R), groups(train.item, train.n_items, C)
        refuse_empty(train, users, items)
        parts = {(i, j): part_of_grid(train, users[i], items[j]) for i in range(R) for j in range(C)}
        mean = float(train.rating.mean(dtype="float64"))
        stages = (
            [(0, 0)],
            [(i, j) for i in range(R) for j in range(C) if (i == 0) != (j == 0)],
            [(i, j) for i in range(1, R) for j in range(1, C)],
        )
        found: dict[Place, Found] = {}
        with Parallel(n_jobs=n_jobs) as parallel:
            for stage in stages:
                jobs = [
                    delayed(draw_block)(
                        Block(n_factors, n_samples, seed + i * C + j, self.burn_in, progress=False),
                        parts[i, j],
                        mean,
                        found[i, 0].users if j else None,
                        found[0, j].items if i else None,
                    )
                    for i, j in stage
                ]
                found |= zip(stage, parallel(jobs), strict=True)
        user, item = (np.empty((n, 1 + n_factors), "float32") for n in (train.n_users, train.n_items))
        for i in range(R):
            user[users[i]] = together([found[i, j].users for j in range(C)])
        for j in range(C):
            item[items[j]] = together([found[i, j].items for i in range(R)])
        for rows, codes in ((user, train.user), (item, train.item)):
            known = np.bincount(codes, minlength=len(rows)) > 0
            rows[~known] = rows[known].mean(axis=0)
        learnt = {"users_": train.users, "items_": train.items, "mean_": mean, "user_": user, "item_": item}
        scale = train.scale or (float(train.rating.min()), float(train.rating.max()))
        vars(self).update(learnt, scale_=scale, seconds_={place: one.seconds for place, one in found.items()})
        return self

    def predict(self, users: ArrayLike, items: ArrayLike) -> np.ndarray:
        """Stars ``(n,)`` for pairs of user and item ids; one id on either side goes with all on the other."""
        checks.fitted(self)
        user, item = pair_codes_or_last(self.users_, self.items_, users, items)
        p, q = (np.vstack([rows, rows.mean(axis=0)])[codes] for rows, codes in ((self.user_, user), (self.item_, item)))
        stars = self.mean_ + p[:, 0] + q[:, 0] + np.einsum("nk,nk->n", p[:, 1:], q[:, 1:])
        return stars.clip(*self.scale_)

    def tables(self) -> Tables:
        """What it has learnt, by code, with μ in the item biases; no range."""
        checks.fitted(self)
        items = self.item_.copy()
        items[:, 0] += self.mean_
        return Tables.of(self.user_.copy(), items)

    def as_module(self) -> DotProductBias:
        """The same predictions as a module, over codes, before they are clipped: a copy of :meth:`tables`."""
        return filled(DotProductBias, self.tables())


def groups(code: np.ndarray, n: int, n_groups: int) -> list[np.ndarray]:
    """Codes of each group: dealt out like cards, whoever has most ratings first."""
    busiest = np.argsort(-np.bincount(code, minlength=n), kind="stable")
    return [np.sort(busiest[i::n_groups]) for i in range(n_groups)]


def refuse_empty(ratings: Ratings, users: list[np.ndarray], items: list[np.ndarray]) -> None:
    """Raise ``ValueError`` for a grid in which a block has no ratings."""
    of_user, of_item = np.empty(ratings.n_users, "int64"), np.empty(ratings.n_items, "int64")
    for of, members in ((of_user, users), (of_item, items)):
        for group, codes in enumerate(members):
            of[codes] = group
    there = np.unique(of_user[ratings.user] * len(items) + of_item[ratings.item])
    if empty := len(users) * len(items) - len(there):
        raise ValueError(f"{empty} of {len(users)} x {len(items)} blocks have no ratings: ask for fewer.")


def part_of_grid(ratings: Ratings, users: np.ndarray, items: np.ndarray) -> Ratings:
    """The ratings of these users for these items, over vocabularies of these alone."""
    user, item = (np.full(n, -1, "int32") for n in (ratings.n_users, ratings.n_items))
    user[users], item[items] = np.arange(len(users)), np.arange(len(items))
    rows = (user[ratings.user] >= 0) & (item[ratings.item] >= 0)
    return Ratings(
        user[ratings.user[rows]],
        item[ratings.item[rows]],
        ratings.rating[rows],
        None,
        Vocabulary(ratings.users.ids[users], ratings.users.what),
        Vocabulary(ratings.items.ids[items], ratings.items.what),
        ratings.films.iloc[items].reset_index(drop=True),
        ratings.scale,
    )


def together(found: list[Gaussians]) -> Tensor:
    """Mean rows ``(n, D)`` by all blocks of a group, of which the first was the prior of the others."""
    first, *others = found
    precision = first.precision + sum(one.precision - first.precision for one in others)
    shift = first.shift + sum(one.shift - first.shift for one in others)
    values = torch.linalg.eigvalsh(precision)
    lost = values[:, :1] <= TINY * values[:, -1:]  # by rounding: nothing is left once the prior is out
    precision = torch.where(lost.unsqueeze(-1), first.precision, precision)
    return Gaussians(precision, torch.where(lost, first.shift, shift)).mean
