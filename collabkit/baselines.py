"""Baselines: what means alone can predict. Every later model has to beat them."""

from __future__ import annotations

import numpy as np

from collabkit.ratings import Ratings


class MeanBaseline:
    r"""Predict a rating from means: the global one, plus how far a user's and an item's mean lie from it.

    .. math:: \hat r_{ui} = \mu + (\bar r_u - \mu) + (\bar r_i - \mu)

    Args:
        by: which means are used: ``()``, ``("user",)``, ``("item",)`` or ``("user", "item")``.

    A user or item without training ratings, or an unknown id, counts as average: its difference is 0.
    Predictions of two means together can leave the scale; they are not clipped.
    Once fitted, ``mean_`` is :math:`\mu`, and ``user_offset_`` ``(U,)`` and ``item_offset_`` ``(I,)`` are the brackets.
    """

    def __init__(self, by: tuple[str, ...] = ("user", "item")):
        if set(by) - {"user", "item"}:
            raise ValueError(f"by={by!r}: choose from 'user' and 'item'.")
        self.by = tuple(by)

    def fit(self, train: Ratings) -> MeanBaseline:
        """Take the means of the training ratings; returns itself."""
        self.users_, self.items_ = train.users, train.items
        self.mean_ = float(train.rating.mean(dtype="float64"))
        residual = train.rating - self.mean_
        self.user_offset_ = _mean_by(train.user, residual, train.n_users) * ("user" in self.by)  # (U,)
        self.item_offset_ = _mean_by(train.item, residual, train.n_items) * ("item" in self.by)  # (I,)
        return self

    def predict(self, users, items) -> np.ndarray:
        """Stars ``(n,)`` for pairs of user and item ids."""
        user, known_user = self.users_.index(users, missing="unknown")
        item, known_item = self.items_.index(items, missing="unknown")
        return self.mean_ + self.user_offset_[user] * known_user + self.item_offset_[item] * known_item


def _mean_by(code, values, n) -> np.ndarray:
    """Mean of ``values`` for each code ``(n,)``; 0 where a code never occurs."""
    count = np.bincount(code, minlength=n)
    return np.bincount(code, weights=values, minlength=n) / np.maximum(count, 1)
