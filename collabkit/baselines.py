"""Baselines: what means alone can predict, and what counts alone can recommend. Every later model has to beat them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from collabkit import checks
from collabkit.data.pairs import pair_codes
from collabkit.ratings import Ratings, Vocabulary, rated

if TYPE_CHECKING:
    from collabkit.models import DotProductBias
    from collabkit.tables import Tables


class MeanBaseline:
    r"""Predict a rating from means: the global one, plus how far a user's and an item's mean lie from it.

    .. math:: \hat r_{ui} = \mu + \frac{n_u}{n_u + k} (\bar r_u - \mu) + \frac{n_i}{n_i + k} (\bar r_i - \mu)

    Args:
        by: which means are used: ``()``, ``("user",)``, ``("item",)`` or ``("user", "item")``.
        damping: :math:`k`, as if each user and each item had so many more ratings, exactly average ones. With 0 a
            single rating is believed in full.

    A user or item without training ratings, or an unknown id, counts as average: its difference is 0.
    Predictions of two means together can leave the scale; they are not clipped.
    Once fitted, ``mean_`` is :math:`\mu`, and ``user_offset_`` ``(U,)`` and ``item_offset_`` ``(I,)`` are the rest.
    """

    users_: Vocabulary
    items_: Vocabulary
    mean_: float
    user_offset_: np.ndarray
    item_offset_: np.ndarray

    def __init__(self, by: tuple[str, ...] = ("user", "item"), damping: float = 0.0):
        self.by, self.damping = by, damping

    def fit(self, train: Ratings) -> MeanBaseline:
        """Take the means of the training ratings; returns itself."""
        rated(train, "train")
        damping, by = checks.number("damping", self.damping, at_least=0), self.by
        if not isinstance(by, tuple | list) or any(one not in ("user", "item") for one in by):
            raise ValueError(f"by={by!r}: choose from 'user' and 'item', in a tuple such as ('user',).")
        mean = float(train.rating.mean(dtype="float64"))
        residual = train.rating - mean
        user_offset = _mean_by(train.user, residual, train.n_users, damping) * ("user" in by)  # (U,)
        item_offset = _mean_by(train.item, residual, train.n_items, damping) * ("item" in by)  # (I,)
        learnt = {"users_": train.users, "items_": train.items, "mean_": mean}
        vars(self).update(learnt, user_offset_=user_offset, item_offset_=item_offset)  # all at once
        return self

    def predict(self, users: ArrayLike, items: ArrayLike) -> np.ndarray:
        """Stars ``(n,)`` for pairs of user and item ids."""
        checks.fitted(self)
        user, known_user, item, known_item = pair_codes(self.users_, self.items_, users, items)
        return self.mean_ + self.user_offset_[user] * known_user + self.item_offset_[item] * known_item

    def tables(self) -> Tables:
        """The means as biases, by code, with the global one in those of the items: no factors, no range."""
        checks.fitted(self)
        return _biases(self.user_offset_, self.mean_ + self.item_offset_)

    def as_module(self) -> DotProductBias:
        """The same predictions as a module, over codes: a copy of :meth:`tables`."""
        return _module(self.tables())


class PopularityBaseline:
    """Recommend to everybody what most people have rated: an item's score is its number of training ratings.

    A count is not a number of stars, so there is no ``predict``. An item without training ratings scores 0. Once
    fitted, ``counts_`` ``(I,)`` has the scores.
    """

    users_: Vocabulary
    items_: Vocabulary
    counts_: np.ndarray

    def fit(self, train: Ratings) -> PopularityBaseline:
        """Count the training ratings of each item; returns itself."""
        rated(train, "train")
        counts = np.bincount(train.item, minlength=train.n_items)
        vars(self).update(users_=train.users, items_=train.items, counts_=counts)  # all at once
        return self

    def tables(self) -> Tables:
        """The counts as item biases, by code: no factors, no range, in ratings not stars."""
        checks.fitted(self)
        return _biases(np.zeros(len(self.users_)), self.counts_)

    def as_module(self) -> DotProductBias:
        """The counts as a module over codes: a copy of :meth:`tables`."""
        return _module(self.tables())


def _mean_by(code: np.ndarray, values: np.ndarray, n: int, damping: float) -> np.ndarray:
    """Damped mean of ``values`` for each code ``(n,)``; 0 where a code never occurs."""
    count = np.bincount(code, minlength=n)
    return np.bincount(code, weights=values, minlength=n) / np.where(count, count + damping, 1)


def _biases(users: np.ndarray, items: np.ndarray) -> Tables:
    """Tables of biases alone, in float32."""
    from collabkit.tables import Tables  # here, since means and counts need no torch

    return Tables.of(users.astype("float32")[:, None], items.astype("float32")[:, None])


def _module(tables: Tables) -> DotProductBias:
    from collabkit.models import DotProductBias, filled

    return filled(DotProductBias, tables)
