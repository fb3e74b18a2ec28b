"""Official splits: the folds on which records on MovieLens were measured, and what is known of its users."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pandas as pd

from collabkit.data.movielens_folds import read_folds, read_users
from collabkit.movielens import load_movielens, read
from collabkit.splits import Split, k_fold

TENTHS = ("1m", "10m")


def official_folds(name: str = "100k", path: str | os.PathLike[str] | None = None) -> Iterator[tuple[str, Split]]:
    """The splits of a published protocol, one after the other, each with its name: parts of one table.

    ======== ============================================================================================
    ``100k`` GroupLens' own, from its files: ``u1`` to ``u5``, five parts of 20,000 ratings, each held out
             once; ``ua`` and ``ub``, ten ratings of each user
    ``1m``   ``fold 0`` to ``fold 9``: ten random parts, each held out once, so each split is 90:10
    ``10m``  the same
    ======== ============================================================================================

    For 1M and 10M nobody published the rows: ours are those of ``k_fold(ratings, 10, seed=0)``.

    Args:
        name: one of these editions.
        path: as in :func:`collabkit.load_movielens`, which also says where a copy is looked for.

    What is held out is ``valid``. Published numbers are the error on it; whoever chose an epoch or a setting by it has
    measured something else.

    Raises: ``ValueError`` for another edition, and for files of folds that are missing, cut off, or not parts of
    ``u.data``; and as :func:`collabkit.load_movielens`. All files are read and checked before the first split.

    Example:
        >>> u1 = dict(official_folds("100k"))["u1"]
        >>> evaluate(BayesianMF().fit(u1.train), u1)

    Source: the README of 100K; 90:10 of 10M in :cite:t:`rendle2019difficulty`.
    """
    if name in TENTHS:
        tenths = k_fold(load_movielens(name, path), k=10, seed=0)
        return ((f"fold {number}", split) for number, split in enumerate(tenths))
    if name != "100k":
        raise ValueError(
            f"{name!r} has no official folds: choose '100k', '1m' or '10m', or cut any table with k_fold(ratings)."
        )
    ratings, held_out = read(name, path, read_folds)
    return ((fold, Split(ratings.take(~rows), ratings.take(rows))) for fold, rows in held_out.items())


def load_users(name: str = "100k", path: str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """Who the users of 100K or 1M are: age group, gender and occupation, as columns of 0 and 1 ``(U, F)``.

    A row a user, in the order of the user codes of ``load_movielens(name)`` and of its splits; the index has the ids.
    Both editions have the age groups of 1M: under 18, from 18, 25, 35, 45 and 50, and from 56. Its occupations are
    numbers, which its README explains; those of 100K are words. Other editions say nothing of their users.

    Args:
        name, path: as in :func:`official_folds`.

    Raises: ``ValueError`` for another edition, and for a file that is missing, cut off, or of other users; and as
    :func:`collabkit.load_movielens`.
    """
    if name not in ("100k", "1m"):
        raise ValueError(f"{name!r} says nothing of its users: choose '100k' or '1m'.")
    return read(name, path, read_users)
