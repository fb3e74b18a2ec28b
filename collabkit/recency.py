"""Recency: the last things somebody chose say most of what they will choose next."""

from __future__ import annotations

import numpy as np

from collabkit import checks
from collabkit.item_item import Same, table
from collabkit.ratings import Ratings, rated

DAY = 86_400  # seconds


def by_recency(model: Same, history: Ratings, decay: float = 0.5, half_life: float | None = None) -> Same:
    r"""A copy of an item-item model that listens most to what each user chose last, and to what is popular now.

    .. math:: s_{ui} = \sum_j (1 + n_{uj})^{-a}\, x_{uj}\, B_{ji}

    :math:`n_{uj}` of the user's choices are later than j: 0 for the last. The weights B stay as they were learnt. It
    is the same kind of model, with lists, a file and all.

    Args:
        model: :class:`collabkit.EASE` or :class:`collabkit.ItemKNN`, fitted.
        history: ratings with times; what each user rated here is all that the copy knows of them, as in
            ``with_history``.
        decay: a. With 0 all choices count alike, and with 1 the tenth from the end counts for a tenth of the last.
        half_life: days in which a rating comes to count for half in the popularity that answers whoever is unknown;
            the last rating of all is new. ``None`` keeps the popularity that the model has learnt.

    Ties in time are broken by the order of the table.

    Raises: ``ValueError`` for a history without times, or of other users or items than the model was fitted to, and for
        settings outside their range.
    """
    decay = checks.number("decay", decay, at_least=0, at_most=checks.WIDEST)
    placed = model.with_history(rated(history, "history"))
    if history.timestamp is None:
        raise ValueError("history has no timestamps, so nothing in it is later than the rest: use with_history.")
    chosen = history.take(model.yes_.counts(history.rating) > 0)
    order = np.lexsort((np.arange(len(chosen)), chosen.timestamp, chosen.user))  # by user, then time, then place
    last = np.cumsum(np.bincount(chosen.user, minlength=chosen.n_users))[chosen.user[order]] - 1
    weight = np.empty(len(chosen))
    weight[order] = (1.0 + last - np.arange(len(chosen))) ** -decay
    at = model.place_[chosen.item]
    kept = at >= 0
    placed.history_ = placed.history_.multiply(
        table(chosen.user[kept], at[kept], weight[kept], placed.history_.shape)
    ).tocsr()
    if half_life is not None:
        half_life = checks.number("half_life", half_life, above=0)
        age = (history.timestamp.max() - chosen.timestamp) / DAY  # in days
        counts = model.yes_.counts(chosen.rating) * 0.5 ** (age / half_life)
        placed.popular_ = np.append(np.bincount(chosen.item, weights=counts, minlength=history.n_items), 0)
    return placed
