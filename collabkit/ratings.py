"""Ratings: who gave what how many stars, as three aligned columns and two vocabularies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from collabkit.checks import interval
from collabkit.data.columns import (
    film_table,
    one_of_each,
    refuse,
    refuse_twice,
    seconds_of,
    stars_of,
    warn_if_suspicious,
)
from collabkit.data.vocabulary import Vocabulary, as_ids

COPIES_WHEN_WRITTEN = int(pd.__version__.split(".")[0]) >= 3  # before, a shallow copy wrote into its source


class Ratings:
    """A table of ratings, ready for arithmetic.

    Attributes:
        user, item: int32 codes ``(n,)``, rows of ``users`` and ``items``.
        rating: float32 stars ``(n,)``.
        timestamp: int64 seconds since 1970 ``(n,)``, or None.
        users, items: the :class:`Vocabulary` of each side; ids are the keys.
        films: one row an item code with ``item`` (its id) and what is known of it: ``title, year, genres``.
        scale: ``(lo, hi)`` in stars that every rating was held to, or None.

    Build one with :meth:`from_frame`, :meth:`from_parquet` or :func:`collabkit.load_movielens`. Parts of a table
    (:meth:`take`) share its vocabularies, so a code means the same user or item in all of them.
    """

    def __init__(
        self,
        user: np.ndarray,
        item: np.ndarray,
        rating: np.ndarray,
        timestamp: np.ndarray | None,
        users: Vocabulary,
        items: Vocabulary,
        films: pd.DataFrame,
        scale: tuple[float, float] | None = None,
    ):
        self.user, self.item, self.rating, self.timestamp = user, item, rating, timestamp
        self.users, self.items, self.films, self.scale = users, items, films, scale

    @classmethod
    def from_frame(
        cls,
        df: pd.DataFrame,
        user: str = "user",
        item: str = "item",
        rating: str = "rating",
        timestamp: str | None = None,
        items: pd.DataFrame | None = None,
        scale: tuple[float, float] | None = None,
    ) -> Ratings:
        """Check a DataFrame and turn it into Ratings.

        Args:
            df: one row a rating, in the data's own ids.
            user, item, rating, timestamp: its column names; a ``timestamp`` column is used when it is there.
            items: optional metadata with an ``item`` column (ids) and any of ``title, year, genres``.
            scale: ``(lo, hi)`` in stars; refuses ratings outside it. Without one, a ``UserWarning`` says so when the
                ratings look as if some stood for "not rated", such as -1 or 99, or all were counts, as of plays.

        Ids are whole numbers or text; of floats, only whole ones. Times are date-times or numbers: seconds since 1970,
        or whatever grows with time, such as a row's place, since the splits look at their order alone.

        Raises: ``KeyError`` for a missing column; ``TypeError`` for what is no DataFrame, and for ids that are neither
        all whole numbers nor all text, or of another kind in ``items``; ``ValueError`` for an empty table, a missing
        id, a rating that is missing, not a number, infinite in float32 or outside ``scale``, a time after tomorrow, as
        milliseconds are, a user who rated one item twice, an item described twice, a year or title that is none.
        """
        if not isinstance(df, pd.DataFrame):
            raise TypeError(f"ratings come as a DataFrame, and this is a {type(df).__name__}: pd.DataFrame makes one.")
        scale = interval("scale", scale)
        timestamp = timestamp or ("timestamp" if "timestamp" in df.columns else None)
        one_of_each(df, [user, item, rating] + ([timestamp] if timestamp else []))
        if df.empty:
            raise ValueError("the table has no rows: there is nothing to learn from. Was the file read to its end?")
        for column in (user, item):
            refuse(df, df[column].isna(), f"column {column!r} has missing ids", "Drop those rows or give them an id.")
        user_ids, item_ids = as_ids(df[user], "user"), as_ids(df[item], "item")
        users, vocabulary = Vocabulary(user_ids, "user"), Vocabulary(item_ids, "item")
        codes = users.index(user_ids), vocabulary.index(item_ids)
        stars = stars_of(df, rating, scale)
        if scale is None:
            warn_if_suspicious(stars, rating)
        pair = pd.Series(codes[0] * len(vocabulary) + codes[1])
        refuse_twice(
            df,
            pair,
            "some users rate one item more than once",
            f"Keep one row of each, e.g. df.drop_duplicates([{user!r}, {item!r}], keep='last').",
        )
        return cls(
            user=codes[0].astype("int32"),
            item=codes[1].astype("int32"),
            rating=stars,
            timestamp=seconds_of(df, timestamp),
            users=users,
            items=vocabulary,
            films=film_table(vocabulary, items),
            scale=scale,
        )

    @classmethod
    def from_parquet(
        cls,
        path: str | os.PathLike[str],
        user: str = "user",
        item: str = "item",
        rating: str = "rating",
        timestamp: str | None = None,
        items: pd.DataFrame | None = None,
        scale: tuple[float, float] | None = None,
    ) -> Ratings:
        """Read Parquet, of any size, in pieces: the same Ratings that :meth:`from_frame` makes of the whole table.

        What stays in memory are the codes: 12 bytes a rating, 20 with times, and as much again for a moment, while it
        looks for pairs that come twice. See :mod:`collabkit.data.parquet`.

        Args:
            path: a Parquet file, or a folder of them, as engines write: they are read in the order of their names.
            user, item, rating, timestamp, items, scale: as in :meth:`from_frame`.

        Raises: as :meth:`from_frame`, with the rows of the piece at fault; besides, ``FileNotFoundError`` for a path
        that is not there; ``ValueError`` for a folder without Parquet, and a file that is none or was cut off;
        ``TypeError`` for files that keep one column as two types.
        """
        from collabkit.data.parquet import read

        scale = interval("scale", scale)
        columns = read(path, user, item, rating, timestamp, scale)
        if scale is None:
            warn_if_suspicious(columns.rating, rating)
        return cls(*columns, films=film_table(columns.items, items), scale=scale)

    def __len__(self) -> int:
        return len(self.rating)

    def __repr__(self) -> str:
        return f"Ratings({len(self):,} ratings, {self.n_users:,} users, {self.n_items:,} items)"

    @property
    def n_users(self) -> int:
        """How many users the whole data has, with or without a rating in this part of it; rows of a user table."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """How many items the whole data has, with or without a rating in this part of it; rows of an item table."""
        return len(self.items)

    @property
    def frame(self) -> pd.DataFrame:
        """A DataFrame ``user, item, rating[, timestamp]`` in the data's own ids, one row a rating, in order.

        Built at first use; what comes back is a copy of its own, which costs nothing before it is written to.
        """
        return self._frame.copy(deep=not COPIES_WHEN_WRITTEN)

    @cached_property
    def _frame(self) -> pd.DataFrame:
        columns = {
            "user": self.users.ids[self.user],
            "item": self.items.ids[self.item],
            "rating": self.rating,
        }
        if self.timestamp is not None:
            columns["timestamp"] = self.timestamp
        return pd.DataFrame(columns)

    @property
    def labels(self) -> np.ndarray:
        """Labels for people, ``"Title (Year)"``, by item code. Two items may share one, so compute with ids."""
        return self.films["label"].to_numpy()

    def take(self, rows: np.ndarray | pd.Series | Sequence[int] | slice) -> Ratings:
        """The ratings at these rows (indices or a boolean mask), under the same vocabularies."""
        timestamp = None if self.timestamp is None else self.timestamp[rows]
        return Ratings(
            self.user[rows],
            self.item[rows],
            self.rating[rows],
            timestamp,
            self.users,
            self.items,
            self.films,
            self.scale,
        )


def rated(ratings: Ratings, name: str = "ratings") -> Ratings:
    """The ratings themselves, when they are :class:`collabkit.Ratings` and there are some."""
    if not isinstance(ratings, Ratings):
        cure = f"Ratings.from_frame(df) makes them of a DataFrame; of a Split, pass a part, such as {name}=split.train"
        raise TypeError(f"{name} is a {type(ratings).__name__} and has to be a Ratings: {cure}.")
    if not len(ratings):
        raise ValueError(f"{name} has no rows, so there is nothing to learn from: which step took all of them away?")
    return ratings


def fitted_to(model: object, ratings: Ratings) -> None:
    """Refuse ratings of other users or items than a model was fitted to; a module knows none."""
    for side, theirs, ours in (("users", ratings.users, "users_"), ("items", ratings.items, "items_")):
        if (known := getattr(model, ours, theirs)) is not theirs and not np.array_equal(known.ids, theirs.ids):
            raise ValueError(
                f"this {type(model).__name__} was fitted to other {side} than these ratings have, and would answer "
                "with somebody else's rows: pass the ratings that it was fitted to."
            )
