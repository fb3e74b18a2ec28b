"""Fold-in: place somebody new in a trained model by one small ridge regression, without training again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from collabkit.bpr import BPR
from collabkit.checks import interval
from collabkit.ratings import Ratings
from collabkit.recommend.average_rows import with_average_rows
from collabkit.tables import Trained, tables_of

Codes: TypeAlias = np.ndarray | Sequence[int]
SAMPLE = 200_000  # training ratings, evenly spaced, that the noise is estimated from


class AnyFoldIn(ABC):
    """Somebody new beside a trained model: how their ratings move them, away from the average user.

    Attributes:
        mean: the average user, as :meth:`solve` returns one.
    """

    mean: np.ndarray

    @abstractmethod
    def solve(self, codes: Codes, stars: ArrayLike) -> np.ndarray:
        """The user who gave the films of these codes ``(n,)`` so many stars."""

    @abstractmethod
    def score(self, w: np.ndarray, codes: Codes | None = None) -> np.ndarray:
        """Scores ``(n,)`` of a user ``w`` for the films of these codes; for every film unless told."""

    @abstractmethod
    def parts(self, codes: Codes, stars: ArrayLike, code: int) -> np.ndarray:
        """What each of these ratings adds to the average user's score for one film ``(n,)``."""

    @abstractmethod
    def to_stars(self, score: np.ndarray) -> np.ndarray:
        """f: from a score to stars."""

    @abstractmethod
    def slope(self, score: float) -> float:
        """f′: stars a unit of score."""

    def stars(self, w: np.ndarray, codes: Codes | None = None) -> np.ndarray:
        """Predicted stars ``(n,)`` of a user ``w`` for the films of these codes; for every film unless told."""
        return self.to_stars(self.score(w, codes))

    def explain(self, codes: Codes, stars: ArrayLike, code: int) -> tuple[np.ndarray, float, float]:
        """What each rating of a user adds to the prediction for one film.

        Args:
            codes, stars: the films the user has rated ``(n,)``, as in :meth:`solve`.
            code: the film to explain.

        Returns: contributions in stars ``(n,)``, the average user's stars for the film, and the user's. The second
        plus the sum of the first is the third: a contribution is exact in the score, and one factor, the rise in stars
        over the rise in score, turns all of them into stars.
        """
        parts, before = self.parts(codes, stars, code), self.score(self.mean, [code])[0]
        rise = parts.sum()
        ends = self.to_stars(np.array([before, before + rise]))
        slope = (ends[1] - ends[0]) / rise if abs(rise) > 1e-9 else self.slope(before)
        return parts * slope, float(ends[0]), float(ends[1])


class FoldIn(AnyFoldIn):
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

    def __init__(
        self, fixed: ArrayLike, mean: ArrayLike, precision: ArrayLike, y_range: tuple[float, float] | None = None
    ):
        self.fixed, self.mean, self.precision = (np.asarray(one, dtype="float64") for one in (fixed, mean, precision))
        self.y_range = interval("y_range", y_range)

    @classmethod
    def of(cls, model: Trained, ratings: Ratings, side: str = "user") -> FoldIn:
        """The fold-in of a model that scores by a dot product.

        Args:
            model: one with :class:`~collabkit.tables.Tables`.
            ratings: those it was trained on.
            side: which side the new one is on, ``"user"`` or ``"item"``.

        A film without training ratings counts as the average film; so does the code one past the last.

        Raises: ``TypeError`` for any other model; ``ValueError`` for one that holds a NaN or does not predict stars.
        """
        if side not in ("user", "item"):
            raise ValueError(f"side={side!r}: choose 'user' or 'item'.")
        if isinstance(model, BPR):
            raise TypeError(
                "BPR cannot be folded into: what it learns has no closed form, so somebody new takes training. "
                "ImplicitALS ranks too, and places them at once."
            )
        tables = tables_of(with_average_rows(model, ratings))
        if tables is None:
            raise not_foldable(model)
        users, items, y_range = tables.users.astype("float64"), tables.items.astype("float64"), tables.y_range
        if not (np.isfinite(users).all() and np.isfinite(items).all()):
            raise ValueError("the model's tables hold values that are not finite: did training diverge?")
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

    def solve(self, codes: Codes, stars: ArrayLike) -> np.ndarray:
        """``[bias, factors]`` ``(1 + K,)`` of the user who gave the films of these codes ``(n,)`` so many stars."""
        X, stars = self._design(codes), np.asarray(stars, dtype="float64")
        return self.mean + self._shares(codes, X).T @ (stars - self.stars(self.mean, codes))

    def score(self, w: np.ndarray, codes: Codes | None = None) -> np.ndarray:
        rows = slice(None) if codes is None else codes
        return self.fixed[rows, 0] + w[0] + self.fixed[rows, 1:] @ w[1:]

    def parts(self, codes: Codes, stars: ArrayLike, code: int) -> np.ndarray:
        misses = np.asarray(stars, dtype="float64") - self.stars(self.mean, codes)
        return self._shares(codes, self._design(codes)) @ self._design([code])[0] * misses

    def to_stars(self, score: np.ndarray) -> np.ndarray:
        return _stars(score, self.y_range)

    def slope(self, score: float) -> float:
        return float(_slope(np.asarray(score), self.y_range))

    def _design(self, codes: Codes) -> np.ndarray:
        """Rows ``[1, q_i]`` ``(n, 1 + K)``."""
        rows = self.fixed[codes].reshape(-1, len(self.mean)).copy()
        rows[:, 0] = 1
        return rows

    def _shares(self, codes: Codes, X: np.ndarray) -> np.ndarray:
        """How far a miss of one star at each film moves the user ``(n, 1 + K)``."""
        A = X * _slope(self.score(self.mean, codes), self.y_range)[:, None]  # (n, 1 + K)
        return np.linalg.solve(A.T @ A + self.precision, A.T).T


def not_foldable(model: object) -> TypeError:
    """What to raise for a model that has no place for somebody new."""
    return TypeError(
        f"{type(model).__name__} cannot be folded into: that needs a model whose score is a dot product of user and "
        "item factors, plus biases, such as DotProduct, DotProductBias or ALS, or BayesianMF, which averages many. A "
        "class of your own says that it is one by a method tables(): see collabkit.tables.Tables."
    )


def _scores(users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Row by row, from ``[bias, factors]`` of both: their score ``(n,)``."""
    return users[:, 0] + items[:, 0] + np.einsum("nk,nk->n", users[:, 1:], items[:, 1:])


def _stars(score: np.ndarray, y_range: tuple[float, float] | None) -> np.ndarray:
    """f: from a score to stars."""
    return score if y_range is None else y_range[0] + (y_range[1] - y_range[0]) * expit(score)


def _slope(score: np.ndarray, y_range: tuple[float, float] | None) -> np.ndarray:
    """f′: stars a unit of score."""
    return np.ones_like(score) if y_range is None else (y_range[1] - y_range[0]) * expit(score) * expit(-score)
