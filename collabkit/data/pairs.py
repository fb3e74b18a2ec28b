"""Pairs: ids of users and of items, row by row, as the codes that a model works with."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from collabkit.ratings import Vocabulary


def code_or_last(vocabulary: Vocabulary, ids: ArrayLike) -> np.ndarray:
    """Codes ``(n,)``; an unknown id gets the one past the last, where a model keeps its average row."""
    codes, known = vocabulary.index(ids, missing="unknown")
    return np.where(known, codes, len(vocabulary))


def pair_codes(users: Vocabulary, items: Vocabulary, user_ids: ArrayLike, item_ids: ArrayLike) -> list[np.ndarray]:
    """For pairs of ids: user codes ``(n,)``, whether each is known, item codes ``(n,)``, whether each is known.

    One id on either side goes with all on the other. An unknown id has code 0.

    Raises: ``ValueError`` for two sides of other lengths.
    """
    user, item = users.index(user_ids, missing="unknown"), items.index(item_ids, missing="unknown")
    n_users, n_items = len(user[0]), len(item[0])
    if n_users != n_items and 1 not in (n_users, n_items):
        raise ValueError(f"{n_users} users but {n_items} items: they must match row by row.")
    return list(np.broadcast_arrays(*user, *item))


def pair_codes_or_last(
    users: Vocabulary, items: Vocabulary, user_ids: ArrayLike, item_ids: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """As ``pair_codes``, but an unknown id has the code one past the last: user and item codes ``(n,)``."""
    user, known_user, item, known_item = pair_codes(users, items, user_ids, item_ids)
    return np.where(known_user, user, len(users)), np.where(known_item, item, len(items))
