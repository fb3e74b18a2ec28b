"""Bayesian matrix factorization: not one pair of tables but many, drawn in proportion to how well they explain."""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from collabkit.blocks import Blocks
from collabkit.features import with_ones
from collabkit.ratings import Ratings

CHUNK = 1_000_000  # pairs scored at a time
WORTH = 4  # how many observations the prior of a precision is worth: their squares sum to 1


class BayesianMF:
    r"""Matrix factorization with biases, averaged over its posterior by block Gibbs sampling.

    .. math::
        r_{ui} &\sim N\bigl(\mu + b_u + b_i + p_u^\top q_i,\; 1/(\alpha w_u)\bigr),
            \qquad w_u \sim \Gamma(\nu/2, \nu/2)

        [b_i, q_i] &\sim N\bigl(B^\top [1, x_i],\; \Lambda^{-1}\bigr),
            \qquad B_{fk} \sim N\bigl(0, 1/(\lambda \Lambda_{kk})\bigr)

    and the same for users. Λ is diagonal; Λ, λ and α have weak gamma priors, so nothing is tuned by hand. A sweep draws
    each block given all the others: both tables (one small Gaussian an owner), what their priors depend on, the noise.
    α is the precision of the noise, and :math:`w_u` says how much more steadily than others a user rates. Without
    features :math:`x_i`, the prior means are learnt constants.

    A prediction averages :math:`\mu + b_u + E[b_i] + p_u^\top E[q_i]` over the draws of the user table, with the
    exact conditional mean of the item rows in place of another draw; then it is clipped to the scale of the ratings.

    Args:
        n_factors: K, the factors of a user or an item. 8 suit ids alone, 16 suit features.
        n_samples: draws that are kept, one a sweep. They stay in memory, as float16.
        seed: of everything random here.
        burn_in: sweeps before the first draw that is kept.
        noise_df: ν, above 2; a large number gives all users one noise.
        device: where the tables live.
        progress: whether to show a bar; ``None`` shows it in a terminal only.

    Settings were chosen on training ratings of the small editions (``benchmarks/bayes.py``).

    Attributes:
        mean_: μ.
        user_draws_, item_draws_: ``[bias, factors]``, ``(S, U + 1, 1 + K)`` and ``(S, I + 1, 1 + K)``; the last row
            belongs to a user or item that nobody has met.
        item_means_: conditional means of the item rows, given the user table of the same draw.
        trace_: RMSE on the training ratings after each sweep, burn-in included.
        noise_: variance of a user's ratings around the model, in stars², ``(U + 1,)``.

    ``predict`` answers an unknown user or item from the prior, as one with average features. An item that has features
    and no ratings is answered from its features.

    Warns: when the chain has not settled: between the two halves of the draws that are kept, the mean of ``trace_``
    differs by more than 2 %, and by more than twice its standard deviation in the second. Take more sweeps.

    Source: :cite:t:`salakhutdinov2008bayesian`; prior means from features :cite:t:`simm2017macau`; how far a careful
    Bayesian baseline goes :cite:t:`rendle2019difficulty`.
    """

    def __init__(
        self,
        n_factors: int = 8,
        n_samples: int = 100,
        seed: int = 0,
        burn_in: int = 20,
        noise_df: float = 5.0,
        device="cpu",
        progress: bool | None = None,
    ):
        if n_factors < 0 or n_samples < 1 or burn_in < 0:
            raise ValueError(f"n_factors={n_factors}, n_samples={n_samples}, burn_in={burn_in}: keep at least one draw")
        if not 2 < noise_df < math.inf:
            raise ValueError(f"noise_df={noise_df}: take a number above 2, or a new user's noise has no variance.")
        self.n_factors, self.n_samples, self.seed, self.burn_in = n_factors, n_samples, seed, burn_in
        self.noise_df, self.device, self.progress = noise_df, device, progress

    def fit(self, train: Ratings, item_features=None, user_features=None) -> BayesianMF:
        """Draw from the posterior given these ratings; returns itself.

        Args:
            item_features: a row of numbers an item code ``(I, F)``, array or DataFrame; columns of similar size.
                They may repeat each other. See :func:`collabkit.film_features`.
            user_features: likewise ``(U, F)``.

        Raises: ``ValueError`` for an empty table, for features of another length, or with a NaN; ``FloatingPointError``
        when draws explode.
        """
        if not len(train):
            raise ValueError("no ratings to learn from: the training part is empty.")
        rng = torch.Generator(self.device).manual_seed(self.seed)
        mean = float(train.rating.mean(dtype="float64"))
        user, item = (torch.from_numpy(code.astype("int64")).to(self.device) for code in (train.user, train.item))
        y = torch.from_numpy(train.rating).to(self.device) - mean  # (n,)
        n_coefs = 1 + self.n_factors
        P = _Side(train.user, train.item, train.n_users, train.n_items, user_features, "user", n_coefs, self.device)
        Q = _Side(train.item, train.user, train.n_items, train.n_users, item_features, "item", n_coefs, self.device)
        Q.rows[:, 1:].normal_(0, 0.1, generator=rng)
        weight = torch.ones(train.n_users + 1, device=self.device)  # w_u
        alpha = 1 / y.var(correction=0).clamp(min=1e-3)
        tables = (P.rows, Q.rows, Q.rows, weight)
        kept = [torch.empty(self.n_samples, *table.shape, dtype=torch.float16, device=self.device) for table in tables]
        trace: list[float] = []
        hidden = None if self.progress is None else not self.progress
        for sweep in tqdm(range(self.burn_in + self.n_samples), desc="sweeps", disable=hidden):
            precision = alpha * weight  # (U + 1,)
            P.draw(_design(Q.rows), y - Q.rows[item, 0], rng, own=precision)
            P.draw_prior(rng)
            root = precision.sqrt()  # the item side weighs a rating by its user's precision
            Q.draw(_design(P.rows) * root[:, None], (y - P.rows[user, 0]).mul_(root[user]), rng)
            Q.draw_prior(rng)
            misses = P.blocks.sums(_squares(P.rows, Q.rows, user, item, y), len(weight))  # by user, in stars²
            rate = self.noise_df + alpha * misses
            noise = rate / (self.noise_df + P.count - 2) / alpha  # the variance to expect, given all the rest
            weight = _gamma((self.noise_df + P.count) / 2, rate / 2, rng)
            alpha = _gamma((WORTH + len(y)) / 2, (1 + (weight * misses).sum()) / 2, rng)
            trace.append(math.sqrt(float(misses.sum()) / len(y)))
            if not math.isfinite(trace[-1]):
                raise FloatingPointError(f"sweep {sweep + 1} is not finite: are some features huge? Divide them.")
            if sweep >= self.burn_in:
                for samples, now in zip(kept, (P.rows, Q.rows, Q.means, noise), strict=True):
                    samples[sweep - self.burn_in] = now
        self.users_, self.items_, self.mean_, self.trace_ = train.users, train.items, mean, trace
        self.scale_ = train.scale or (float(train.rating.min()), float(train.rating.max()))
        self.user_draws_, self.item_draws_, self.item_means_ = kept[:3]
        self.noise_ = kept[3].mean(dim=0, dtype=torch.float32)
        self._warn_unless_settled()
        return self

    def _warn_unless_settled(self) -> None:
        kept = np.array(self.trace_[self.burn_in :])
        first, second = np.array_split(kept, 2)
        if len(second):  # a steady trend moves the mean by 3.5 standard deviations of a half
            drift = abs(first.mean() - second.mean())
            if drift < 0.02 * second.mean() or drift < 2 * second.std():
                return
        warnings.warn(
            f"the chain has not settled: its training error still drifts over the {self.n_samples} draws kept. "
            f"Take more sweeps (burn_in={self.burn_in}, n_samples={self.n_samples}).",
            stacklevel=3,
        )

    def predict(self, users, items, return_std: bool = False):
        """Stars ``(n,)`` for pairs of user and item ids; with ``return_std`` also their standard deviations ``(n,)``.

        The standard deviation is that of a new rating: how far the draws disagree, and the user's noise.
        """
        user, known_user = self.users_.index(users, missing="unknown")
        item, known_item = self.items_.index(items, missing="unknown")
        user = torch.from_numpy(np.where(known_user, user, len(self.users_))).to(self.device)
        item = torch.from_numpy(np.where(known_item, item, len(self.items_))).to(self.device)
        stars, deviation = np.empty(len(user)), np.empty(len(user))
        for rows in torch.arange(len(user), device=self.device).split(CHUNK):
            u, i = user[rows], item[rows]
            total, first, second = (torch.zeros(len(rows), device=self.device) for _ in range(3))
            for p, q, q_mean in zip(self.user_draws_, self.item_draws_, self.item_means_, strict=True):
                p_u = p[u].float()
                total += _score(p_u, q_mean[i].float())
                if return_std:
                    score = _score(p_u, q[i].float())
                    first += score
                    second += score.square()
            place = rows.cpu().numpy()
            stars[place] = (self.mean_ + total / self.n_samples).cpu().numpy()
            if return_std:
                spread = (second - first.square() / self.n_samples) / max(self.n_samples - 1, 1)
                deviation[place] = (spread.clamp(min=0) + self.noise_[u]).sqrt().cpu().numpy()
        stars = stars.clip(*self.scale_)
        return (stars, deviation) if return_std else stars


class _Side:
    """The rows ``[bias, factors]`` of one side and their prior; the last row is of an owner nobody has met."""

    def __init__(self, owner, other, n, n_others, features, what, n_coefs, device):
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
        self.precision = _gamma((WORTH + len(rows) + len(B)) / 2, (1 + misses + self.ridge * size) / 2, rng)
        self.ridge = _gamma((WORTH + B.numel()) / 2, (1 + (self.precision * size).sum()) / 2, rng)
        self.prior = self.X @ B


def gaussian_draw(A: Tensor, b: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    r"""A draw from :math:`N(A^{-1} b, A^{-1})`, and its mean: each of a batch.

    Args:
        A: precisions ``(g, K, K)``, or one for all ``(1, K, K)``.
        b: ``(g, K)``.
        noise: standard normal ``(g, K)``. With :math:`A = L L^\top`, :math:`L^{-\top} z` has covariance :math:`A^{-1}`.
    """
    cholesky = torch.linalg.cholesky(A)
    half = torch.linalg.solve_triangular(cholesky, b.unsqueeze(-1), upper=False)
    both = torch.linalg.solve_triangular(cholesky.mT, torch.cat([half, half + noise.unsqueeze(-1)], dim=-1), upper=True)
    return both[..., 1], both[..., 0]


def _gamma(shape, rate: Tensor, rng: torch.Generator) -> Tensor:
    """Draws from gamma distributions; torch.distributions has them too, but only for the global generator."""
    shape = torch.as_tensor(shape, dtype=torch.float64, device=rate.device).expand_as(rate).contiguous()
    return (torch._standard_gamma(shape, generator=rng) / rate).float()


def _design(rows: Tensor) -> Tensor:
    """``[1, factors]``: what the bias and the factors of the other side are multiplied with."""
    return torch.cat([torch.ones_like(rows[:, :1]), rows[:, 1:]], dim=1)


def _score(p: Tensor, q: Tensor) -> Tensor:
    return p[:, 0] + q[:, 0] + (p[:, 1:] * q[:, 1:]).sum(dim=1)


def _squares(P: Tensor, Q: Tensor, user: Tensor, item: Tensor, y: Tensor) -> Tensor:
    parts = zip(user.split(CHUNK), item.split(CHUNK), y.split(CHUNK), strict=True)
    return torch.cat([(part - _score(P.index_select(0, u), Q.index_select(0, i))).square() for u, i, part in parts])
