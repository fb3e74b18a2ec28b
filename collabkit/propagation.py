"""Propagation: Bayesian matrix factorization in blocks that never talk while they are drawn."""

from __future__ import annotations

import time
import warnings
from typing import Any, NamedTuple

import numpy as np
import torch
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from torch import Tensor

from collabkit import checks
from collabkit.averages import unit_of
from collabkit.bayes import BayesianMF
from collabkit.data.pairs import pair_codes_or_last
from collabkit.gibbs import Side, gaussian_draw
from collabkit.models import DotProductBias, filled
from collabkit.ratings import Ratings, Vocabulary, rated
from collabkit.tables import Tables

TINY = 1e-5  # of a variance, in stars²
Place = tuple[int, int]  # of a block: its group of users, its group of items


class Gaussians(NamedTuple):
    """What is known of the rows ``[bias, factors]`` of one side: a Gaussian each.

    Attributes:
        precision: ``(n, 1 + K, 1 + K)``.
        shift: precision times mean ``(n, 1 + K)``. Of independent sources both add up.
    """

    precision: Tensor
    shift: Tensor

    @property
    def mean(self) -> Tensor:
        return torch.linalg.solve(self.precision, self.shift)

    def moved(self, by: float) -> Gaussians:
        """With all biases higher by so much."""
        return Gaussians(self.precision, self.shift + by * self.precision[..., 0])

    def in_units(self, size: Tensor) -> Gaussians:
        """With each coordinate counted in units of ``size`` ``(1 + K,)``."""
        return Gaussians(self.precision * size * size[:, None], self.shift * size)


class Found(NamedTuple):
    """What the chain of a block says of its users and of its items, and the seconds that it took."""

    users: Gaussians
    items: Gaussians
    seconds: float


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
        R, C = (checks.whole("blocks", n, at_least=1) for n in self.blocks)
        n_jobs = -1 if self.n_jobs is None else checks.whole("n_jobs", self.n_jobs, at_least=1)
        seed = checks.seed(self.seed)
        settings = {"n_factors": self.n_factors, "n_samples": self.n_samples, "burn_in": self.burn_in}
        users, items = groups(train.user, train.n_users, R), groups(train.item, train.n_items, C)
        parts = {(i, j): part_of_grid(train, users[i], items[j]) for i in range(R) for j in range(C)}
        if empty := [place for place, part in parts.items() if not len(part)]:
            raise ValueError(
                f"{len(empty)} of {R} x {C} blocks have no ratings, the first in place {empty[0]}: ask for fewer."
            )
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
                        BayesianMF(**settings, seed=seed + i * C + j, progress=False),
                        parts[i, j],
                        mean,
                        found[i, 0].users if j else None,
                        found[0, j].items if i else None,
                    )
                    for i, j in stage
                ]
                found |= zip(stage, parallel(jobs), strict=True)
        user, item = (np.empty((n, 1 + self.n_factors), "float32") for n in (train.n_users, train.n_items))
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


def draw_block(
    chain: BayesianMF, part: Ratings, mean: float, users: Gaussians | None, items: Gaussians | None
) -> Found:
    """Run one chain, from what is known of its rows; in stars, with biases around ``mean`` throughout."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    unit, off = unit_of(part.rating), float(part.rating.mean(dtype="float64")) - mean
    size = torch.full((1 + chain.n_factors,), unit**0.5)  # of a coordinate, in stars: a product of two is in units
    size[0] = unit
    # the chain has its biases around the block's own mean: one side, which is known or else free, carries the rest
    user_off, item_off = (off, 0.0) if users is not None and items is None else (0.0, off)
    chain._known = {
        "user": None if users is None else users.moved(-user_off).in_units(size),
        "item": None if items is None else items.moved(-item_off).in_units(size),
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the chain has not settled")
        chain.fit(part)
    return Found(
        gaussians_of(chain.user_draws_[:, :-1] * size).moved(user_off),
        gaussians_of(chain.item_draws_[:, :-1] * size).moved(item_off),
        time.perf_counter() - start,
    )


def gaussians_of(draws: Tensor) -> Gaussians:
    """A Gaussian for each row of ``draws`` ``(S, n, D)``: their mean, and their covariance, drawn a little towards its
    diagonal, since S draws of D numbers would find directions of no spread where there are some.
    """
    S, _, D = draws.shape
    mean = draws.mean(dim=0)
    covariance = torch.einsum("snd,sne->nde", draws - mean, draws - mean) / max(S - 1, 1)  # (n, D, D)
    diagonal = torch.diag_embed(covariance.diagonal(dim1=1, dim2=2))
    precision = torch.linalg.inv(torch.lerp(covariance, diagonal, D / (S + D)) + TINY * torch.eye(D))
    return Gaussians(precision, (precision @ mean.unsqueeze(-1)).squeeze(-1))


def together(found: list[Gaussians]) -> Tensor:
    """Mean rows ``(n, D)`` by all blocks of a group, of which the first was the prior of the others."""
    first, *others = found
    precision = first.precision + sum(one.precision - first.precision for one in others)
    shift = first.shift + sum(one.shift - first.shift for one in others)
    lost = torch.linalg.eigvalsh(precision)[:, :1] <= TINY  # by rounding: nothing is left once the prior is out
    precision = torch.where(lost.unsqueeze(-1), first.precision, precision)
    return Gaussians(precision, torch.where(lost, first.shift, shift)).mean


class Informed(Side):
    """One side of a block, some of whose rows are known beforehand, each as a Gaussian of its own."""

    def __init__(self, known: Gaussians, *args: Any):
        super().__init__(*args)
        last = [part.mean(dim=0, keepdim=True) for part in known]  # for the row of whoever nobody has met: not used
        self.known = Gaussians(*(torch.cat(both) for both in zip(known, last, strict=True)))
        self.prior = self.rows = self.known.mean

    def draw(self, table: Tensor, y: Tensor, rng: torch.Generator, own: Tensor | None = None) -> None:
        noise = torch.randn(self.rows.shape, generator=rng)
        self.rows, self.means = gaussian_draw(*self.known, noise)  # right for owners without ratings
        for owner, A, b in self.blocks.normal_equations(table[:-1], y):
            if own is not None:
                A, b = A * own[owner, None, None], b * own[owner, None]
            A, b = A + self.known.precision[owner], b + self.known.shift[owner]
            self.rows[owner], self.means[owner] = gaussian_draw(A, b, noise[owner])

    def draw_prior(self, rng: torch.Generator) -> None:
        """Nothing: it is given."""
