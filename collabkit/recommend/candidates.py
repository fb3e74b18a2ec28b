"""Candidates: the few items from which a list is made, each user's own: from a table, or proposed by an index."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from collabkit.index import Index
from collabkit.ratings import Ratings
from collabkit.recommend.served import Served


def from_table(table: pd.DataFrame, ratings: Ratings, users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a place in ``users`` and an item code ``(n,)``, none twice, of a table with columns ``user, item``.

    Rows of users who are not asked for are passed over.

    Raises: ``ValueError`` for a table without these columns; ``KeyError`` for an unknown user or item in it.
    """
    if not {"user", "item"} <= set(table.columns):
        raise ValueError(
            f"candidates is a table with the columns {list(table.columns)}: it takes user and item, as recommend([…]) "
            "of several users gives them, or a list of ids for everybody."
        )
    user, item = ratings.users.index(table["user"].to_numpy()), ratings.items.index(table["item"].to_numpy())
    pair = np.unique(user.astype("int64") * ratings.n_items + item)
    user, item = np.divmod(pair, ratings.n_items)
    start, end = np.searchsorted(user, users), np.searchsorted(user, users, side="right")
    place = np.repeat(np.arange(len(users)), end - start)
    return place, item[np.arange(len(place)) - np.repeat((end - start).cumsum() - end, end - start)]


def from_index(
    index: Index, served: Served, ratings: Ratings, users: np.ndarray, k: int, seen: csr_matrix | None
) -> tuple[np.ndarray, np.ndarray]:
    """The same, of what an index finds for each user beside what they have seen.

    Raises: ``ValueError`` for an index of other items, or of the vectors of another model.
    """
    if not np.array_equal(index.ids, ratings.items.ids):
        raise ValueError("the index has other items than these ratings: build it anew, by Index.of(recommender).")
    some = np.linspace(0, len(index) - 1, 16, dtype="int64")
    ours = served.item_rows()
    rounding = 1e-4 * np.abs(ours).max()
    if index.n_factors != ours.shape[1] or np.abs(index.vectors(some) - ours[some]).max() > rounding:
        raise ValueError(
            "the index holds other vectors than this model: it was built of another one, or before the last training. "
            "Build it anew, by Index.of(recommender)."
        )
    exclude = None if seen is None else [ratings.items.ids[seen[user].indices] for user in users]
    found = index.query(served.user_rows(users), k, exclude)
    return found.query, ratings.items.index(found.item)
