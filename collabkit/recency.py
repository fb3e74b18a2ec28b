"""Recency: the last things somebody chose say most of what they will choose next."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from collabkit import checks
from collabkit.ease import EASE
from collabkit.item_item import table
from collabkit.neighbours import ItemKNN
from collabkit.ratings import Ratings, rated

Same = TypeVar("Same", EASE, ItemKNN)
DAY = 86_400  # seconds


def by_recency(model: Same, history: Ratings, decay: float = 0.5, half_life: float | None = None) -> Same:
    r"""A copy of an item-item model that listens most to what each user chose last, and to what is popular now.

    .. math:: s_{ui} = \sum_j (1 + n_{uj})^{-a}\, x_{uj}\, B_{ji}

    :math:`n_{uj}` of the user's choices are later than j: 0 for the last. The weights B stay as they were learnt. It
    is a model of the same kind, which makes lists and can be saved.

    Args:
        model: :class:`collabkit.EASE` or :class:`collabkit.ItemKNN`, fitted.
        history: ratings with times; what each user rated here is all that the copy knows of them, as in
            ``with_history``.
        decay: a. With 0 all choices count alike, and with 1 the tenth from the end counts for a tenth of the last.
        half_life: days. A choice so much older than the last rating of all counts for half in the popularity that
            answers a user without history. ``None`` keeps the popularity that the model has learnt.

    Ties in time are broken by the order of the table.

    Raises: ``TypeError`` for another model; ``ValueError`` for a history without times, or of other users or items than
        the model was fitted to, and for settings outside their range; ``NotFittedError`` of scikit-learn.
    """
    if not isinstance(model, EASE | ItemKNN):
        raise TypeError(f"{type(model).__name__} does not add up what a user chose: pass an EASE or an ItemKNN.")
    decay = checks.number("decay", decay, at_least=0, at_most=checks.WIDEST)
    half_life = None if half_life is None else checks.number("half_life", half_life, above=0)
    placed = model.with_history(rated(history, "history"))
    if history.timestamp is None:
        raise ValueError("history has no timestamps, so nothing in it is later than the rest: use with_history.")
    counts = placed.yes_.counts(history.rating)
    user, item, time, x = (one[counts > 0] for one in (history.user, history.item, history.timestamp, counts))
    order = np.lexsort((np.arange(len(user)), time, user))  # by user, then time, then place in the table
    last = np.cumsum(np.bincount(user, minlength=history.n_users))[user[order]] - 1
    later = np.empty(len(user))
    later[order] = last - np.arange(len(user))
    at = placed.place_[item]
    rows, values = at >= 0, x * (1 + later) ** -decay
    placed.history_ = table(user[rows], at[rows], values[rows], placed.history_.shape)
    if half_life is not None:
        age = (history.timestamp.max() - time) / DAY
        now = np.bincount(item, weights=x * 0.5 ** (age / half_life), minlength=history.n_items)
        placed.popular_ = np.append(now / history.n_users, 0)
    return placed
