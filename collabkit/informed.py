"""Informed: a chain of which some rows are known beforehand, and what a chain has found, as a Gaussian for each row."""

from __future__ import annotations

import time
import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor

from collabkit.averages import unit_of
from collabkit.bayes import BayesianMF
from collabkit.gibbs import Side, gaussian_draw
from collabkit.ratings import Ratings

TINY = 1e-5  # of a variance: what is added to it, since draws of few numbers may leave a direction without any


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


class Informed(Side):
    """One side of a block, some of whose rows are known beforehand, each as a Gaussian of its own."""

    def __init__(self, known: Gaussians, *args: Any, **how: Any):
        super().__init__(*args, **how)
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


class Block(BayesianMF):
    """A chain of some ratings, from what is known of its users and of its items: rows by code, in the chain's units."""

    known: dict[str, Gaussians | None]

    def _side(self, *args: Any, **how: Any) -> Side:
        known = self.known[args[5]]
        return Side(*args, **how) if known is None else Informed(known, *args, **how)


def draw_block(chain: Block, part: Ratings, mean: float, users: Gaussians | None, items: Gaussians | None) -> Found:
    """Run one chain, from what is known of its rows; in stars, with biases around ``mean`` throughout."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    unit, off = unit_of(part.rating), float(part.rating.mean(dtype="float64")) - mean
    size = torch.full((1 + chain.n_factors,), unit**0.5)  # of a coordinate, in stars: a product of two is in units
    size[0] = unit
    # the chain has its biases around the block's own mean: one side, which is known or else free, carries the rest
    user_off, item_off = (off, 0.0) if users is not None and items is None else (0.0, off)
    chain.known = {
        "user": None if users is None else users.moved(-user_off).in_units(size),
        "item": None if items is None else items.moved(-item_off).in_units(size),
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the chain has not settled")
        chain.fit(part)
    rows = [draws[:, :-1] * size for draws in (chain.user_draws_, chain.item_draws_)]
    of_users, of_items = (gaussians_of(one).moved(by) for one, by in zip(rows, (user_off, item_off), strict=True))
    return Found(of_users, of_items, time.perf_counter() - start)


def gaussians_of(draws: Tensor) -> Gaussians:
    """A Gaussian for each row of ``draws`` ``(S, n, D)``: their mean, and their covariance, drawn a little towards its
    diagonal, since S draws of D numbers would find directions of no spread where there are some.
    """
    S, _, D = draws.shape
    mean = draws.mean(dim=0)
    covariance = torch.einsum("snd,sne->nde", draws - mean, draws - mean) / max(S - 1, 1)  # (n, D, D)
    diagonal = torch.diag_embed(covariance.diagonal(dim1=1, dim2=2))
    precision = torch.linalg.inv(torch.lerp(covariance, diagonal, D / (S + D)) + TINY * diagonal)
    return Gaussians(precision, (precision @ mean.unsqueeze(-1)).squeeze(-1))
