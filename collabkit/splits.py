"""Splits: which ratings a model may learn from, and which it is measured on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from collabkit.ratings import Ratings


@dataclass(frozen=True)
class Split:
    """Parts of one table that share its vocabularies, each a :class:`Ratings`."""

    train: Ratings
    valid: Ratings
    test: Ratings | None = None

    def cold(self, part: str = "valid") -> np.ndarray:
        """True for the rows of a part whose user or item has no training rating ``(n,)``.

        A model scores such a row from a table row that training never touched. They are counted like any other row
        in every error measure here; this mask lets you look at them apart.
        """
        rows = getattr(self, part)
        seen_user = np.bincount(self.train.user, minlength=self.train.n_users) > 0
        seen_item = np.bincount(self.train.item, minlength=self.train.n_items) > 0
        return ~(seen_user[rows.user] & seen_item[rows.item])


def random_split(ratings: Ratings, valid: float = 0.2, seed: int = 0) -> Split:
    """Hold out a random share of the ratings.

    Args:
        valid: the share held out, between 0 and 1.
        seed: of NumPy's generator; the same seed gives the same rows on every machine.

    Both parts keep the order of the table and are never empty.

    Raises: ``ValueError`` for a share that leaves one of them empty.
    """
    n_valid = round(len(ratings) * valid) if 0 < valid < 1 else 0
    if not 0 < n_valid < len(ratings):
        raise ValueError(
            f"valid={valid} of {len(ratings)} ratings leaves a part empty: choose a share between 0 and 1."
        )
    held_out = np.zeros(len(ratings), dtype=bool)
    held_out[np.random.default_rng(seed).permutation(len(ratings))[:n_valid]] = True
    return Split(ratings.take(~held_out), ratings.take(held_out))


def k_fold(ratings: Ratings, k: int = 5, seed: int = 0) -> Iterator[Split]:
    """Cut the ratings into k random parts of (nearly) one size; each is held out once while the others train.

    Returns: an iterator over k :class:`Split`.
    Raises: ``ValueError`` unless k lies between 2 and the number of ratings.
    """
    if not 2 <= k <= len(ratings):
        raise ValueError(f"k={k} folds of {len(ratings)} ratings: choose k between 2 and the number of ratings.")
    fold = np.random.default_rng(seed).permutation(len(ratings)) % k
    return (Split(ratings.take(fold != i), ratings.take(fold == i)) for i in range(k))
