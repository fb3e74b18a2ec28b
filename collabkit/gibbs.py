"""Gibbs: one side of a factorization, its rows and their prior, drawn from what all the rest says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from collabkit.blocks import Blocks, cholesky
from collabkit.borrowed import standard_gamma

Features: TypeAlias = "ArrayLike | Mapping[str, ArrayLike] | None"  # one table, or groups of columns by name

WORTH = 4  # how many observations the prior of a precision is worth: their squares sum to 1
ENOUGH = 20_000  # ratings; of the factors of fewer less is expected, or they explain the noise of a small table
SEVERAL = 40  # ratings of a user; users with fewer are expected to be more alike, or a rating sets its own weight


class Side:
    """The rows ``[bias, factors]`` of one side and their prior; the last row is of an owner nobody has met."""

    def __init__(
        self,
        owner: np.ndarray,
        other: np.ndarray,
        n: int,
        n_others: int,
        features: Features,
        what: str,
        n_coefs: int,
        device: torch.device,
        overrelaxation: float = 0.0,
    ):
        self.blocks = Blocks(owner, other, n_others, device)
        self.count = torch.from_numpy(np.bincount(owner, minlength=n + 1)).to(device)
        self.seen = self.count.nonzero()[:, 0]  # only these speak for the prior: the others know nothing
        columns, self.widths = with_ones(features, n, what)
        size = torch.tensor(self.widths, device=device)  # columns of each group of features (G,)
        self.group = torch.arange(len(size), device=device).repeat_interleave(size)  # of each column (1 + F,)
        self.worth = WORTH + size * n_coefs
        X = torch.from_numpy(columns).to(device)
        self.X = torch.cat([X, X.mean(dim=0, keepdim=True)])  # (n + 1, 1 + F)
        self.X_seen = self.X[self.seen]
        self.gram = self.X_seen.double().mT @ self.X_seen.double()  # (1 + F, 1 + F)
        self.overrelaxation = overrelaxation
        self.rows = torch.zeros(n + 1, n_coefs, device=device)
        self.means, self.prior = self.rows.clone(), self.rows.clone()  # conditional and prior means, (n + 1, 1 + K)
        self.weights: Tensor | None = None  # B, what features say of rows (1 + F, 1 + K)
        self.precision = torch.full((n_coefs,), 10.0, device=device)  # Λ
        self.squares = torch.ones(n_coefs, device=device)  # what those observations of the prior of Λ sum to
        self.squares[1:] = min(1, len(owner) / ENOUGH)
        self.ridge = torch.ones(len(size), device=device)  # λ of each group (G,)

    def newcomer(self) -> Tensor:
        """Prior mean and precision of the row of an owner nobody has met ``(2, 1 + K)``."""
        return torch.stack([self.prior[-1], self.precision])

    def draw(self, table: Tensor, y: Tensor, rng: torch.Generator, own: Tensor | None = None) -> None:
        """All rows, given the other side's. ``own``: noise precision by owner, if not in ``table``."""
        noise = torch.randn(self.rows.shape, generator=rng, device=self.rows.device)
        before, self.means = self.rows, self.prior.clone()
        self.rows = self.prior + noise / self.precision.sqrt()  # right for owners without ratings
        shift = self.prior * self.precision
        for owner, A, b in self.blocks.normal_equations(table[:-1], y):
            if own is not None:
                A, b = A * own[owner, None, None], b * own[owner, None]
            A, b = A + self.precision.diag(), b + shift[owner]
            self.rows[owner], self.means[owner] = gaussian_draw(A, b, noise[owner])
        if self.weights is not None:  # in the first sweep there is nothing to lean away from
            self.rows = overrelaxed(self.rows, self.means, before, self.overrelaxation)

    def draw_prior(self, rng: torch.Generator) -> None:
        """B given the rows: a ridge regression on the features, and its spread. Then Λ and λ given both."""
        rows, ridge = self.rows[self.seen], self.ridge[self.group]
        noise = torch.randn(rows.shape[1], len(ridge), generator=rng, device=rows.device)
        A, b = self.gram + ridge.diag(), rows.mT @ self.X_seen
        noise = (noise / self.precision.sqrt()[:, None]).double()
        B, mean = (found.mT.float() for found in gaussian_draw(A[None], b.double(), noise))  # (1 + F, 1 + K)
        if self.weights is not None:
            B = overrelaxed(B, mean, self.weights, self.overrelaxation)
        self.weights = B
        size = torch.stack([part.square().sum(dim=0) for part in B.split(self.widths)])  # (G, 1 + K)
        misses = (rows - self.X_seen @ B).square().sum(dim=0)  # (1 + K,)
        penalty = (self.ridge[:, None] * size).sum(dim=0)
        self.precision = gamma((WORTH + len(rows) + len(B)) / 2, (self.squares + misses + penalty) / 2, rng)
        self.ridge = gamma(self.worth / 2, (1 + (self.precision * size).sum(dim=1)) / 2, rng)
        self.prior = self.X @ B


def alike(noise_df: float, owner: np.ndarray) -> float:
    r"""ν of a table: :math:`\nu \max(1, 40 n / \sum_u n_u^2)`, more where a rating's user has fewer than 40, to 1e9.

    Who gave four ratings, all of them 5, is not four times as steady as others. If believed, they decide what an item
    is worth, and those who gave 1 to 4 stars do not.

    Args:
        owner: the user of each rating ``(n,)``.
    """
    each = np.square(np.bincount(owner), dtype="float64").sum() / len(owner)
    return min(noise_df * max(1.0, SEVERAL / each), 1e9)


def with_ones(features: Features, n: int, what: str) -> tuple[np.ndarray, list[int]]:
    """``[1, features]`` ``(n, 1 + F)`` of the users or items, checked, and the columns of each group that shares a λ.

    One table is a group together with the column of ones. Of several, each is a group, and so are the ones.
    """
    ones = np.ones((n, 1), dtype="float32")
    if features is None:
        return ones, [1]
    if not isinstance(features, Mapping):
        X = np.hstack([ones, _numbers(features, n, f"{what}_features", what)])
        return X, [X.shape[1]]
    parts = [ones, *(_numbers(table, n, f"{what}_features[{name!r}]", what) for name, table in features.items())]
    return np.hstack(parts), [part.shape[1] for part in parts]


def _numbers(table: ArrayLike, n: int, name: str, what: str) -> np.ndarray:
    kinds = table.dtypes if isinstance(table, pd.DataFrame) else [getattr(table, "dtype", np.dtype("float32"))]
    if wrong := [str(kind) for kind in kinds if getattr(kind, "kind", "f") not in "biuf"]:
        raise TypeError(f"{name} has values of type {', '.join(sorted(set(wrong)))}: turn them into numbers.")
    if isinstance(table, pd.DataFrame):
        table = table.to_numpy("float32", na_value=np.nan)  # pandas has a missing value of its own
    table = np.asarray(table, dtype="float32")
    if table.ndim != 2 or len(table) != n:
        raise ValueError(f"{name} has shape {table.shape}: it needs a row for each of the {n:,} {what} codes.")
    bad = ~np.isfinite(table).all(axis=1)
    if bad.any():
        raise ValueError(
            f"{name} has values that are not finite in {bad.sum():,} rows, the first is row {bad.argmax()}: "
            "fill them, for instance with 0 and a column that says so."
        )
    return table


def gaussian_draw(A: Tensor, b: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    r"""A draw from :math:`N(A^{-1} b, A^{-1})`, and its mean: each of a batch.

    Args:
        A: precisions ``(g, K, K)``, or one for all ``(1, K, K)``.
        b: ``(g, K)``.
        noise: standard normal ``(g, K)``. With :math:`A = L L^\top`, :math:`L^{-\top} z` has covariance :math:`A^{-1}`.
    """
    factor = cholesky(A)
    half = torch.linalg.solve_triangular(factor, b.unsqueeze(-1), upper=False)
    both = torch.linalg.solve_triangular(factor.mT, torch.cat([half, half + noise.unsqueeze(-1)], dim=-1), upper=True)
    return both[..., 1], both[..., 0]


def overrelaxed(draw: Tensor, mean: Tensor, before: Tensor, strength: float) -> Tensor:
    r"""A draw from the same Gaussian, leaning to the other side of its mean than the draw ``before``.

    .. math:: m - \rho\,(x_{\text{before}} - m) + \sqrt{1 - \rho^2}\,(x - m)

    where ρ is ``strength``, from 0 up to below 1. Source: :cite:t:`adler1981over`.
    """
    if strength == 0:  # the draw to the bit, which the formula would round
        return draw
    return mean - strength * (before - mean) + (1 - strength**2) ** 0.5 * (draw - mean)


def gamma(shape: Tensor | float, rate: Tensor, rng: torch.Generator) -> Tensor:
    """Draws from gamma distributions."""
    shape = torch.as_tensor(shape, dtype=torch.float64, device=rate.device).expand_as(rate).contiguous()
    return (standard_gamma(shape, rng) / rate).float()
