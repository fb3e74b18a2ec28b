"""What 100K and 1M have besides ratings and films: the folds that GroupLens cut, and who the users are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from collabkit.data.movielens_files import (
    FOLDS,
    USERS_FILES,
    Edition,
    checked,
    naming,
    read_folder,
    read_ratings,
)
from collabkit.ratings import Ratings

FIFTHS, TENS = ("u1", "u2", "u3", "u4", "u5"), ("ua", "ub")
AGES = (0, 18, 25, 35, 45, 50, 56)  # years at which the groups of 1M begin; it has no ages but these
ORDER = {
    "u.user": ("|", ["user", "age", "gender", "occupation", "zip"]),
    "users.dat": ("::", ["user", "gender", "age", "occupation", "zip"]),
}


def read_folds(folder: Any, edition: Edition) -> tuple[Ratings, dict[str, np.ndarray]]:
    """The ratings in a folder of 100K, and for each of its folds which of them are held out ``(n,)``.

    What its README promises is checked: both files of a fold together are ``u.data``; u1 to u5 hold out each rating
    once; ua and ub hold out ten ratings of each user, and none twice.

    Raises: ``ValueError``, which names the files, where one is missing or this is not so; and as ``read_folder``.
    """
    ratings = read_folder(folder, edition)
    held_out = {fold: _held_out(folder, fold, ratings) for fold in FOLDS}
    fifths = np.sum([held_out[fold] for fold in FIFTHS], axis=0)
    _refuse(folder, "u1.test to u5.test", "hold out {:,} ratings never, or more than once", ratings, fifths != 1)
    for fold in TENS:
        of_user = np.bincount(ratings.user, held_out[fold], ratings.n_users)[ratings.user]
        _refuse(folder, f"{fold}.test", "has not ten ratings of some users, who gave {:,}", ratings, of_user != 10)
    _refuse(folder, "ua.test and ub.test", "share {:,} ratings", ratings, held_out["ua"] & held_out["ub"])
    return ratings, held_out


def _held_out(folder: Any, fold: str, ratings: Ratings) -> np.ndarray:
    """Which ratings are in the test file of a fold ``(n,)``; all others are in its base file."""
    base, test = (_found(folder / name, ratings) for name in FOLDS[fold])
    both = " and ".join(FOLDS[fold])
    _refuse(folder, both, "share {:,} ratings", ratings, base & test)
    _refuse(folder, both, "lack {:,} ratings of u.data", ratings, ~base & ~test)
    return test


def _found(file: Any, ratings: Ratings) -> np.ndarray:
    """Which ratings are in a file ``(n,)``. It has no others, and none twice."""
    if not file.is_file():
        raise ValueError(f"{file.parent} lacks {file.name}.")
    with naming(file), file.open("rb") as stream:
        rows = read_ratings(stream, "u.data")
        found = ratings.frame.reset_index().merge(rows, how="right", on=[*rows.columns])["index"]  # (rows of the file,)
        if (strange := found.isna().to_numpy()).any():
            user, item = rows.loc[strange, ["user", "item"]].iloc[0]
            raise ValueError(f"{strange.sum():,} of its rows are not in u.data, such as user {user}, film {item}")
    times = np.bincount(found.astype("int64"), minlength=len(ratings))
    _refuse(file.parent, file.name, "has {:,} ratings more than once", ratings, times > 1)
    return times > 0


def _refuse(folder: Any, names: str, what: str, ratings: Ratings, odd: np.ndarray) -> None:
    """Refuse files for these ratings, if there are any ``(n,)``."""
    if odd.any():
        user, item = ratings.take(odd).frame[["user", "item"]].iloc[0]
        raise ValueError(f"{names} in {folder} {what.format(odd.sum())}, such as user {user}, film {item}.")


# ---------------------------------------------------------------- users


def read_users(folder: Any, edition: Edition) -> pd.DataFrame:
    """Age group, gender and occupation as columns of 0 and 1 ``(U, F)``, in the order of the user codes.

    Raises: ``ValueError``, which names the file, when it is missing, or its users are not those who rated, or a row is
    not complete; and as ``read_folder``.
    """
    ratings = read_folder(folder, edition)
    file = next((folder / name for name in USERS_FILES if (folder / name).is_file()), None)
    if file is None:
        raise ValueError(f"{folder} lacks its users: neither {' nor '.join(USERS_FILES)} is there.")
    separator, names = ORDER[file.name]
    with checked(file, edition, edition.users) as stream:
        lines = stream.read().decode("latin-1").splitlines()
        rows = [line.split(separator) for line in lines]
        if odd := [row for row in rows if len(row) != len(names) or not all(row)]:
            raise ValueError(f"a row has not {len(names)} fields: {odd[0]}")
        users = pd.DataFrame(rows, columns=names).astype({"user": "int64", "age": "int64"})
        if not np.array_equal(np.sort(users["user"]), ratings.users.ids):
            raise ValueError("its users are not those who gave ratings")
        if not users["gender"].isin(["F", "M"]).all() or not users["age"].between(1, 120).all():
            raise ValueError("some users have an age or a gender that cannot be")
    users = users.set_index("user").loc[ratings.users.ids]
    first = np.array(AGES)[np.searchsorted(AGES, users["age"], side="right") - 1]
    groups = {"age": first, "gender": users["gender"], "occupation": users["occupation"]}
    table = pd.DataFrame(groups, index=users.index)
    return pd.get_dummies(table, columns=[*groups], prefix_sep=" ", dtype="float32")
