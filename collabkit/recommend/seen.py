"""Seen: what each user has rated, without a look at everybody's ratings where a table is in the order of its users."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from collabkit.ratings import Ratings

STEP = 1_000_000  # ratings looked at together


class Seen:
    """The rated items of some users at a time.

    Args:
        ratings: of all users. In order of users, as MovieLens' files are, those of one lie together, and 8 bytes a user
            say where: of a table that is mapped from a file, only their pages are read.
    """

    def __init__(self, ratings: Ratings):
        self.ratings, user = ratings, ratings.user
        parts = [user[start : start + STEP + 1] for start in range(0, len(user), STEP)]  # which overlap by one
        self.first: np.ndarray | None = None
        if all((part[1:] >= part[:-1]).all() for part in parts):
            count = sum(np.bincount(part[:STEP], minlength=ratings.n_users) for part in parts)
            self.first = np.append(0, np.cumsum(count))  # row of each user's first rating (U + 1,)

    def of(self, users: np.ndarray) -> csr_matrix:
        """True where one of these users has rated an item, by code ``(U, I)``."""
        ratings, asked = self.ratings, np.unique(users)
        if self.first is not None:
            count = self.first[asked + 1] - self.first[asked]
            rows = np.repeat(self.first[asked + 1] - np.cumsum(count), count) + np.arange(count.sum())
        else:
            wanted = np.zeros(ratings.n_users, dtype=bool)
            wanted[asked] = True
            rows = np.flatnonzero(wanted[ratings.user])
        pairs = ratings.user[rows], ratings.item[rows]
        return csr_matrix((np.ones(len(rows), dtype=bool), pairs), shape=(ratings.n_users, ratings.n_items))
