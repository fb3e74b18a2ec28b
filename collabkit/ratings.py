"""Ratings: who gave what how many stars, as three aligned columns and two vocabularies."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
import pandas as pd


class Vocabulary:
    """The ids of one side (users or items) and the row each has in every table: ``ids[code] -> id``.

    Args:
        ids: ids in any order, repeats allowed. They are kept unique and sorted.

    A code is a row of an embedding table, so it always lies in ``0 … len - 1``: there is no -1 for "unknown".
    """

    def __init__(self, ids: Iterable[Hashable], what: str = "id"):
        values = np.asarray(ids)
        # Not pd.unique for text: pandas 2 reads it up to its first NUL.
        unique = np.fromiter(dict.fromkeys(values), dtype=object) if values.dtype == object else pd.unique(values)
        self._index = pd.Index(unique).sort_values()
        self.what = what

    @property
    def ids(self) -> np.ndarray:
        """The ids in the order of their codes."""
        return self._index.to_numpy()

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, id) -> bool:
        return id in self._index

    def __repr__(self) -> str:
        return f"Vocabulary({len(self):,} {self.what}s)"

    def index(self, ids, missing: str = "raise"):
        """Codes of ``ids``.

        Args:
            ids: one id or a sequence of them.
            missing: ``"raise"`` refuses an unknown id with a ``KeyError``; ``"unknown"`` returns
                ``(codes, known)``, where unknown ids have code 0 and ``known`` False: keep the mask.

        Returns: int64 codes ``(n,)``, or the pair.
        """
        if missing not in ("raise", "unknown"):
            raise ValueError(f"missing={missing!r}: choose 'raise' or 'unknown'")
        ids = np.atleast_1d(np.asarray(ids))
        codes = self._index.get_indexer(ids)
        known = codes >= 0
        if missing == "unknown":
            return np.where(known, codes, 0), known
        if not known.all():
            raise KeyError(
                f"unknown {self.what} {ids[~known].tolist()[0]!r} ({(~known).sum()} of {len(ids)} asked for): "
                f"no ratings in this data. See .ids for the {len(self):,} known ones, or ask with missing='unknown'."
            )
        return codes


class Ratings:
    """A table of ratings, ready for arithmetic.

    Attributes:
        user, item: int32 codes ``(n,)``, rows of ``users`` and ``items``.
        rating: float32 stars ``(n,)``.
        timestamp: int64 seconds since 1970 ``(n,)``, or None.
        users, items: the :class:`Vocabulary` of each side; ids are the keys.
        films: one row an item code with ``item`` (its id) and what is known of it: ``title, year, genres``.
        scale: ``(lo, hi)`` in stars that every rating was held to, or None.

    Build one with :meth:`from_frame` or :func:`collabkit.load_movielens`. Parts of a table (:meth:`take`) share
    its vocabularies, so a code means the same user or item in all of them.
    """

    def __init__(self, user, item, rating, timestamp, users, items, films, scale=None):
        self.user, self.item, self.rating, self.timestamp = user, item, rating, timestamp
        self.users, self.items, self.films, self.scale = users, items, films, scale

    @classmethod
    def from_frame(
        cls,
        df: pd.DataFrame,
        user="user",
        item="item",
        rating="rating",
        timestamp=None,
        items=None,
        scale=None,
    ) -> Ratings:
        """Check a DataFrame and turn it into Ratings.

        Args:
            df: one row a rating, in the data's own ids.
            user, item, rating, timestamp: its column names; a ``timestamp`` column is used when it is there.
            items: optional metadata with an ``item`` column (ids) and any of ``title, year, genres``.
            scale: ``(lo, hi)`` in stars; refuses ratings outside it.

        Raises: ``KeyError`` for a missing column; ``ValueError`` for an empty table, a missing id, a rating that is
        missing, not a number, infinite or outside ``scale``, a user who rated one item twice, an item described twice.
        """
        timestamp = timestamp or ("timestamp" if "timestamp" in df.columns else None)
        wanted = [user, item, rating] + ([timestamp] if timestamp else [])
        for column in wanted:
            if column not in df.columns:
                raise KeyError(
                    f"no column {column!r}: this table has {list(df.columns)}. Name yours, e.g. user='userId'."
                )
        if df.empty:
            raise ValueError("the table has no rows: there is nothing to learn from. Was the file read to its end?")
        for column in (user, item):
            _refuse(
                df,
                df[column].isna(),
                f"column {column!r} has missing ids",
                "Drop those rows or give them an id.",
            )
        stars = pd.to_numeric(df[rating], errors="coerce").astype("float64")
        _refuse(
            df,
            ~np.isfinite(stars),
            f"column {rating!r} has values that are not finite numbers",
            "Drop or mend those rows.",
        )
        if scale is not None:
            outside = (stars < scale[0]) | (stars > scale[1])
            _refuse(
                df,
                outside,
                f"column {rating!r} leaves the scale {scale}",
                "Mend those rows, or pass the scale that is meant.",
            )
        users, vocabulary = Vocabulary(df[user], "user"), Vocabulary(df[item], "item")
        user_codes, item_codes = users.index(df[user].to_numpy()), vocabulary.index(df[item].to_numpy())
        twice = pd.Series(user_codes * len(vocabulary) + item_codes).duplicated(keep=False)
        _refuse(
            df,
            twice,
            "some users rate one item more than once",
            f"Keep one row of each, e.g. df.drop_duplicates([{user!r}, {item!r}], keep='last').",
        )
        return cls(
            user=user_codes.astype("int32"),
            item=item_codes.astype("int32"),
            rating=stars.to_numpy("float32"),
            timestamp=_seconds(df, timestamp),
            users=users,
            items=vocabulary,
            films=_film_table(vocabulary, items),
            scale=scale,
        )

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
        """A DataFrame ``user, item, rating[, timestamp]`` in the data's own ids, one row a rating, in order."""
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

    def take(self, rows) -> Ratings:
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


def _refuse(df: pd.DataFrame, bad, problem: str, cure: str) -> None:
    """Raise when any row is bad, and show the first three."""
    bad = np.asarray(bad)
    if bad.any():
        raise ValueError(f"{problem} ({bad.sum():,} of {len(df):,} rows). {cure} The first are:\n{df[bad].head(3)}")


def _seconds(df: pd.DataFrame, column: str | None) -> np.ndarray | None:
    """The timestamp column as int64 seconds since 1970; date-times are converted."""
    if column is None:
        return None
    _refuse(df, df[column].isna(), f"column {column!r} has missing times", "Drop those rows, or the column.")
    times = df[column]
    if pd.api.types.is_datetime64_any_dtype(times):
        times = (
            times.astype("datetime64[s]") if times.dt.tz is None else times.dt.tz_convert(None).astype("datetime64[s]")
        )
    elif not pd.api.types.is_numeric_dtype(times):
        raise ValueError(
            f"column {column!r} is neither numbers (seconds since 1970) nor date-times: convert it with pd.to_datetime."
        )
    return times.to_numpy().astype("int64")


def _film_table(vocabulary: Vocabulary, items: pd.DataFrame | None) -> pd.DataFrame:
    """Metadata lined up with the item codes; an item without any keeps its row and a label made of its id."""
    films = pd.DataFrame({"item": vocabulary.ids})
    if items is not None:
        if "item" not in items.columns:
            raise KeyError(f"the items table needs an 'item' column of ids: it has {list(items.columns)}.")
        _refuse(
            items,
            items.duplicated("item", keep=False),
            "some items are described more than once",
            "Keep one row an item.",
        )
        films = films.merge(items, on="item", how="left", validate="one_to_one")
    films["title"] = films.get("title", pd.Series(None, index=films.index, dtype="object")).astype("object")
    films["year"] = films.get("year", pd.Series(pd.NA, index=films.index)).astype("Int16")
    films["genres"] = films.get("genres", pd.Series("", index=films.index)).astype("object")
    title = films["title"].where(films["title"].notna(), "Item " + films["item"].astype(str))
    films["label"] = title.where(films["year"].isna(), title + " (" + films["year"].astype(str) + ")")
    return films
