"""Gibbs: one side of a factorization, its rows and their prior, drawn from what all the rest says of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from collabkit.blocks import Blocks, cholesky
from collabkit.borrowed import standard_gamma

WORTH = 4  # how many observations the prior of a precision is worth: their squares sum to 1


class Side:
    """The rows ``[bias, factors]`` of one side and their prior; the last row is of an owner nobody has met."""

    def __init__(
        self,
        owner: np.ndarray,
        other: np.ndarray,
        n: int,
        n_others: int,
        features: ArrayLike | None,
        what: str,
        n_coefs: int,
        device: torch.device,
    ):
        self.blocks = Blocks(owner, other, n_others, device)
        self.count = torch.from_numpy(np.bincount(owner, minlength=n + 1)).to(device)
        self.seen = self.count.nonzero()[:, 0]  # only these speak for the prior: the others know nothing
        X = torch.from_numpy(with_ones(features, n, what)).to(device)
        self.X = torch.cat([X, X.mean(dim=0, keepdim=True)])  # (n + 1, 1 + F)
        self.X_seen = self.X[self.seen]
        self.gram = self.X_seen.double().mT @ self.X_seen.double()  # (1 + F, 1 + F)
        self.rows = torch.zeros(n + 1, n_coefs, device=device)
        self.means, self.prior = self.rows.clone(), self.rows.clone()  # conditional and prior means, (n + 1, 1 + K)
        self.precision = torch.full((n_coefs,), 10.0, device=device)  # Λ
        self.ridge = torch.ones((), device=device)  # λ

    def newcomer(self) -> Tensor:
        """Prior mean and precision of the row of an owner nobody has met ``(2, 1 + K)``."""
        return torch.stack([self.prior[-1], self.precision])

    def draw(self, table: Tensor, y: Tensor, rng: torch.Generator, own: Tensor | None = None) -> None:
        """All rows, given the other side's. ``own``: noise precision by owner, if not in ``table``."""
        noise = torch.randn(self.rows.shape, generator=rng, device=self.rows.device)
        self.means = self.prior.clone()
        self.rows = self.prior + noise / self.precision.sqrt()  # right for owners without ratings
        shift = self.prior * self.precision
        for owner, A, b in self.blocks.normal_equations(table[:-1], y):
            if own is not None:
                A, b = A * own[owner, None, None], b * own[owner, None]
            A, b = A + self.precision.diag(), b + shift[owner]
            self.rows[owner], self.means[owner] = gaussian_draw(A, b, noise[owner])

    def draw_prior(self, rng: torch.Generator) -> None:
        """B given the rows: a ridge regression on the features, and its spread. Then Λ and λ given both."""
        rows, eye = self.rows[self.seen], torch.eye(len(self.gram), device=self.rows.device)
        noise = torch.randn(rows.shape[1], len(eye), generator=rng, device=rows.device) / self.precision.sqrt()[:, None]
        A, b = self.gram + self.ridge * eye, rows.mT @ self.X_seen
        B = gaussian_draw(A[None], b.double(), noise.double())[0].mT.float()  # (1 + F, 1 + K)
        size, misses = B.square().sum(dim=0), (rows - self.X_seen @ B).square().sum(dim=0)  # (1 + K,)
        self.precision = gamma((WORTH + len(rows) + len(B)) / 2, (1 + misses + self.ridge * size) / 2, rng)
        self.ridge = gamma((WORTH + B.numel()) / 2, (1 + (self.precision * size).sum()) / 2, rng)
        self.prior = self.X @ B


def with_ones(features: ArrayLike | None, n: int, what: str) -> np.ndarray:
    """``[1, features]`` ``(n, 1 + F)`` of the users or items, checked; ``None`` stands for no features."""
    if features is None:
        return np.ones((n, 1), dtype="float32")
    kinds = features.dtypes if isinstance(features, pd.DataFrame) else [getattr(features, "dtype", np.dtype("float32"))]
    if wrong := [str(kind) for kind in kinds if getattr(kind, "kind", "f") not in "biuf"]:
        raise TypeError(f"{what}_features has values of type {', '.join(sorted(set(wrong)))}: turn them into numbers.")
    if isinstance(features, pd.DataFrame):
        features = features.to_numpy("float32", na_value=np.nan)  # pandas has a missing value of its own
    features = np.asarray(features, dtype="float32")
    if features.ndim != 2 or len(features) != n:
        raise ValueError(
            f"{what}_features has shape {features.shape}: it needs a row for each of the {n:,} {what} codes."
        )
    bad = ~np.isfinite(features).all(axis=1)
    if bad.any():
        raise ValueError(
            f"{what}_features has values that are not finite in {bad.sum():,} rows, the first is row {bad.argmax()}: "
            "fill them, for instance with 0 and a column that says so."
        )
    return np.hstack([np.ones((n, 1), dtype="float32"), features])


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


def gamma(shape: Tensor | float, rate: Tensor, rng: torch.Generator) -> Tensor:
    """Draws from gamma distributions."""
    shape = torch.as_tensor(shape, dtype=torch.float64, device=rate.device).expand_as(rate).contiguous()
    return (standard_gamma(shape, rng) / rate).float()
