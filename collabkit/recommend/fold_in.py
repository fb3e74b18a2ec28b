"""Fold-in: place somebody new in a trained model by one small ridge regression, without training again."""

from __future__ import annotations

import copy

import numpy as np
import torch
from scipy.special import expit
from torch import nn

from collabkit.checks import interval
from collabkit.interpret import table
from collabkit.ratings import Ratings, rated

SAMPLE = 200_000  # training ratings, evenly spaced, that the noise is estimated from


class FoldIn:
    r"""A new user's bias and factors, from a few ratings, with the table of films held fixed.

    With :math:`x_i = [1, q_i]`, the average user :math:`m` scores film i with :math:`s_i = b_i + m^\top x_i`; the model
    turns scores into stars by :math:`f`, a scaled sigmoid or nothing at all. Around :math:`s_i` that is a straight line
    of slope :math:`g_i = f'(s_i)`, so what the new user :math:`w = [b_u, p_u]` adds is a ridge regression on misses in
    stars, and its penalty is the spread of the users that were trained:

    .. math:: w = m + \Bigl(\sum_i g_i^2\, x_i x_i^\top + \Lambda\Bigr)^{-1} \sum_i g_i x_i \bigl(r_i - f(s_i)\bigr),
              \qquad \Lambda = \sigma^2 \operatorname{cov}(w_1, \dots, w_U)^{-1}

    where :math:`\sigma^2` is the model's mean squared error on its training ratings. Nothing is left to tune.
    For a model without a range, :math:`f(s) = s` and this is the very step that :class:`collabkit.ALS` solves.

    Args:
        fixed: ``[bias, factors]`` of each film ``(I, 1 + K)``, with whatever all scores share in the bias.
        mean: m, ``[bias, factors]`` of the average user ``(1 + K,)``.
        precision: Λ ``(1 + K, 1 + K)``, in units of one rating's noise; positive definite.
        y_range: (lo, hi) in stars of the model's sigmoid, or None.

    The two sides are alike: built with ``side="item"``, ``fixed`` is the table of users, and a new film is folded in.
    No ratings give ``mean`` itself. Everything is float64.

    Source: the step, :cite:t:`zhou2008large`; its use to :meth:`explain`, :cite:t:`hu2008collaborative`.
    """

    def __init__(self, fixed, mean, precision, y_range: tuple[float, float] | None = None):
        self.fixed, self.mean, self.precision = (np.asarray(one, dtype="float64") for one in (fixed, mean, precision))
        self.y_range = interval("y_range", y_range)

    @classmethod
    def of(cls, model: nn.Module, ratings: Ratings, side: str = "user") -> FoldIn:
        """The fold-in of a model that scores by a dot product.

        Args:
            model: as ``dot_product_tables`` wants it.
            ratings: those it was trained on.
            side: which side the new one is on, ``"user"`` or ``"item"``.

        A film without training ratings counts as the average film; so does the code one past the last.

        Raises: ``TypeError`` for any other model; ``ValueError`` for one that holds a NaN or does not predict stars.
        """
        if side not in ("user", "item"):
            raise ValueError(f"side={side!r}: choose 'user' or 'item'.")
        tables = dot_product_tables(with_average_rows(model, ratings))
        if tables is None:
            raise TypeError(
                f"{type(model).__name__} cannot be folded into: that needs a model whose score is a dot product of "
                "user_factors and item_factors, plus biases, such as DotProduct, DotProductBias or ALS."
            )
        users, items = (one.astype("float64") for one in tables)
        if not (np.isfinite(users).all() and np.isfinite(items).all()):
            raise ValueError("the model's tables hold values that are not finite: did training diverge?")
        y_range = getattr(model, "y_range", None)
        own, fixed, code = (users, items, ratings.user) if side == "user" else (items, users, ratings.item)
        spread = own[np.unique(code)] - own[-1]  # (rows with ratings, 1 + K), around their average
        covariance = spread.T @ spread / len(spread)
        # a direction in which nobody differs stays (nearly) closed to the new one
        covariance += np.eye(len(covariance)) * (1e-6 * covariance.diagonal().mean() + 1e-12)
        rows = slice(None, None, -(-len(ratings) // SAMPLE))
        score = _scores(users[ratings.user[rows]], items[ratings.item[rows]])
        noise = np.square(ratings.rating[rows] - _stars(score, y_range)).mean()
        if noise > 4 * ratings.rating.var(dtype="float64") + 1:  # twice what the mean misses by, and more than a star
            raise ValueError(
                f"{type(model).__name__} misses its training ratings by {noise**0.5:.1f} (RMSE): it was not trained on "
                "these ratings, or its scores are no stars, and fold-in has only stars to go by."
            )
        return cls(fixed, own[-1], max(noise, 1e-6) * np.linalg.inv(covariance), y_range)

    def solve(self, codes, stars) -> np.ndarray:
        """``[bias, factors]`` ``(1 + K,)`` of the user who gave the films of these codes ``(n,)`` so many stars."""
        X, stars = self._design(codes), np.asarray(stars, dtype="float64")
        return self.mean + self._shares(codes, X).T @ (stars - self.stars(self.mean, codes))

    def stars(self, w, codes=None) -> np.ndarray:
        """Predicted stars ``(n,)`` of a user ``w`` for the films of these codes; for every film unless told."""
        return _stars(self.score(w, codes), self.y_range)

    def score(self, w, codes=None) -> np.ndarray:
        """As :meth:`stars`, before the sigmoid."""
        codes = slice(None) if codes is None else codes
        return self.fixed[codes, 0] + w[0] + self.fixed[codes, 1:] @ w[1:]

    def explain(self, codes, stars, code: int) -> tuple[np.ndarray, float, float]:
        """What each rating of a user adds to the prediction for one film.

        Args:
            codes, stars: the films the user has rated ``(n,)``, as in :meth:`solve`.
            code: the film to explain.

        Returns: contributions in stars ``(n,)``, the average user's stars for the film, and the user's. The second
        plus the sum of the first is the third: a contribution is exact in the score, and one factor, the rise in stars
        over the rise in score, turns all of them into stars.
        """
        misses = np.asarray(stars, dtype="float64") - self.stars(self.mean, codes)
        parts = self._shares(codes, self._design(codes)) @ self._design([code])[0] * misses  # in score
        before, rise = self.score(self.mean, [code])[0], parts.sum()
        ends = _stars(np.array([before, before + rise]), self.y_range)
        slope = (ends[1] - ends[0]) / rise if abs(rise) > 1e-9 else _slope(before, self.y_range)
        return parts * slope, float(ends[0]), float(ends[1])

    def _design(self, codes) -> np.ndarray:
        """Rows ``[1, q_i]`` ``(n, 1 + K)``."""
        rows = self.fixed[codes].reshape(-1, len(self.mean)).copy()
        rows[:, 0] = 1
        return rows

    def _shares(self, codes, X: np.ndarray) -> np.ndarray:
        """How far a miss of one star at each film moves the user ``(n, 1 + K)``."""
        A = X * _slope(self.score(self.mean, codes), self.y_range)[:, None]  # (n, 1 + K)
        return np.linalg.solve(A.T @ A + self.precision, A.T).T


def dot_product_tables(model: nn.Module) -> tuple[np.ndarray, np.ndarray] | None:
    """Both tables ``[bias, factors]`` ``(U, 1 + K)`` and ``(I, 1 + K)`` of a model that scores by them.

    The model has the tables ``user_factors`` and ``item_factors``, perhaps ``user_bias`` and ``item_bias``, and nothing
    else; its ``y_range``, if it has one, is a sigmoid's. A bias that it lacks is 0. None for any other model, also for
    one that has these tables and does something else with them: a few of its predictions are compared.
    """
    names = {name.removesuffix(".weight") for name, _ in model.named_parameters()}
    if not {"user_factors", "item_factors"} <= names <= {"user_factors", "item_factors", "user_bias", "item_bias"}:
        return None
    both = []
    for side in ("user", "item"):
        factors = table(model, f"{side}_factors")
        bias = table(model, f"{side}_bias") if f"{side}_bias" in names else np.zeros_like(factors[:, :1])
        if factors.ndim != 2 or bias.shape != (len(factors), 1):
            return None
        both.append(np.hstack([bias, factors]))
    users, items = both
    if users.shape[1] != items.shape[1]:
        return None
    u, i = (np.linspace(0, len(one) - 1, 64).astype("int64") for one in both)
    with torch.inference_mode():
        x = torch.from_numpy(np.stack([u, i], axis=1)).to(next(model.parameters()).device)
        predicted = model(x).cpu().numpy()[:, 0]
    stars = _stars(_scores(users[u], items[i]), getattr(model, "y_range", None))
    return (users, items) if np.allclose(predicted, stars, rtol=1e-3, atol=1e-3, equal_nan=True) else None


def with_average_rows(model: nn.Module, ratings: Ratings) -> nn.Module:
    """A copy of a model in which whoever it knows nothing of is average, ready to predict.

    A row that training never touched still holds its random start. In the copy, each row of a user or item table that
    has no training ratings is the average of those that have some, and so is one more row at the end, for ids that the
    model has never heard of: code ``n_users`` or ``n_items``. Tables are told by name, ``user_…`` and ``item_…``.

    Raises: ``ValueError`` for a model without a table of that many users or items; ``TypeError`` for what is no module.
    """
    rated(ratings)
    if not isinstance(model, nn.Module):
        raise TypeError(f"{type(model).__name__} is no module: pass one, which for a fitted ALS is als.as_module().")
    served = copy.deepcopy(model).eval().requires_grad_(False)
    for side, code, n in (("user", ratings.user, ratings.n_users), ("item", ratings.item, ratings.n_items)):
        has_ratings = np.bincount(code, minlength=n) > 0
        found = {name: one for name, one in served.named_parameters() if name.startswith(f"{side}_")}
        if not found or any(len(one) != n for one in found.values()):
            sizes = {name: tuple(one.shape) for name, one in model.named_parameters()}
            raise ValueError(
                f"{type(model).__name__} has no {side}_… tables of {n} rows, one for each {side} of these ratings: it "
                f"has {sizes}. Pass the ratings (or the part of them) that it was trained on."
            )
        for name, one in found.items():
            trained = torch.from_numpy(has_ratings).to(one.device)
            average = one[trained].mean(dim=0, dtype=torch.float64).to(one.dtype)
            rows = torch.cat([torch.where(trained[:, None], one, average), average[None]])
            owner, _, leaf = name.rpartition(".")
            module = served.get_submodule(owner)
            setattr(module, leaf, nn.Parameter(rows, requires_grad=False))
            if isinstance(module, nn.Embedding):
                module.num_embeddings = n + 1
    return served


def _scores(users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Row by row, from ``[bias, factors]`` of both: their score ``(n,)``."""
    return users[:, 0] + items[:, 0] + np.einsum("nk,nk->n", users[:, 1:], items[:, 1:])


def _stars(score, y_range: tuple[float, float] | None) -> np.ndarray:
    """f: from a score to stars."""
    return score if y_range is None else y_range[0] + (y_range[1] - y_range[0]) * expit(score)


def _slope(score, y_range: tuple[float, float] | None) -> np.ndarray:
    """f′: stars a unit of score."""
    return np.ones_like(score) if y_range is None else (y_range[1] - y_range[0]) * expit(score) * expit(-score)
