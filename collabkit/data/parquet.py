"""Parquet: a table of ratings that may be larger than memory, read once, in pieces, into codes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow.parquet import ParquetFile

from collabkit.data.columns import one_of_each, refuse, seconds_of, stars_of
from collabkit.data.vocabulary import Vocabulary, as_ids

PIECE = 1_000_000  # rows that are decoded at a time


class Columns(NamedTuple):
    """What :class:`collabkit.Ratings` are made of, in its order."""

    user: np.ndarray
    item: np.ndarray
    rating: np.ndarray
    timestamp: np.ndarray | None
    users: Vocabulary
    items: Vocabulary


def read(
    path: str | os.PathLike[str],
    user: str,
    item: str,
    rating: str,
    timestamp: str | None,
    scale: tuple[float, float] | None,
) -> Columns:
    """The columns of all files, checked piece by piece.

    An id gets the code of its first appearance while the file is read, since nobody knows yet which others will come;
    at the end one look-up a rating puts the codes in the order of the sorted ids.
    """
    files = _files(Path(path))
    timestamp = _columns(files, [user, item, rating], timestamp)
    n = sum(_opened(file).metadata.num_rows for file in files)
    if not n:
        raise ValueError(f"{path} has no rows: there is nothing to learn from. Was it written to its end?")
    sides = {user: _Codes("user", n), item: _Codes("item", n)}
    stars = np.empty(n, dtype="float32")
    times = None if timestamp is None else np.empty(n, dtype="int64")
    for rows, piece in _pieces(files, [user, item, rating] + ([timestamp] if timestamp else [])):
        df = piece.to_pandas().set_axis(pd.RangeIndex(rows.start, rows.stop))  # errors show places in the whole table
        for column, codes in sides.items():
            refuse(df, df[column].isna(), f"column {column!r} has missing ids", "Drop those rows or give them an id.")
            codes.add(rows, piece[column], df[column])
        stars[rows] = stars_of(df, rating, scale)
        if times is not None:
            times[rows] = seconds_of(df, timestamp, stacklevel=4)
    (user_codes, users), (item_codes, items) = (codes.sorted() for codes in sides.values())
    _refuse_twice(user_codes, item_codes, users, items)
    return Columns(user_codes, item_codes, stars, times, users, items)


class _Codes:
    """The ids of one side as they come, and the codes ``(n,)`` of all rows in the order of first appearances."""

    def __init__(self, what: str, n: int):
        self.what, self.codes = what, np.empty(n, dtype="int32")
        self.known = pd.Index([], dtype="int64")

    def add(self, rows: slice, column: pa.Array, values: pd.Series) -> None:
        """Give the ids of these rows their codes; only those that are new in this piece are checked one by one."""
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()  # whose own dictionary may have ids that no row has
        try:
            encoded = column.dictionary_encode()
        except pa.ArrowNotImplementedError:  # lists and the like, which are no ids
            as_ids(values, self.what)
            raise
        ids = as_ids(encoded.dictionary.to_pandas(), self.what)
        if not len(self.known):
            self.known = pd.Index([], dtype=ids.dtype)
        if ids.dtype != self.known.dtype:  # numbers beyond 64 bits with a sign: together they are Python's own
            ids, self.known = ids.astype(object), self.known.astype(object)
        fresh = ids[self.known.get_indexer(ids) < 0]
        if fresh.dtype != object:
            fresh = pd.unique(fresh)  # 0.0 and -0.0 are one id
        self.known = self.known.append(pd.Index(fresh, dtype=ids.dtype))
        self.codes[rows] = self.known.get_indexer(ids)[encoded.indices.to_numpy()]

    def sorted(self) -> tuple[np.ndarray, Vocabulary]:
        """The codes as rows of the vocabulary, whose ids are sorted."""
        ids = self.known.to_numpy()
        vocabulary = Vocabulary(ids, self.what)
        place = vocabulary.index(ids).astype("int32")
        for start in range(0, len(self.codes), PIECE):
            part = slice(start, start + PIECE)
            self.codes[part] = place[self.codes[part]]
        return self.codes, vocabulary


def _files(path: Path) -> list[Path]:
    """The file itself, or those of a folder; hidden ones and ``_SUCCESS`` are an engine's own."""
    if not path.exists():
        raise FileNotFoundError(f"no file or folder {path}: check its name.")
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.glob("*.parquet") if file.name[0] not in "._")
    if not files:
        raise ValueError(f"the folder {path} has no files that end in .parquet: name the one that holds them.")
    return files


def _opened(file: Path) -> ParquetFile:
    try:
        return ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from error


def _damaged(file: Path, error: Exception) -> ValueError:
    reason = " ".join(str(error).split()).rstrip(".")
    return ValueError(f"{file} is no Parquet file, or was cut off or changed ({reason}). Copy or write it again.")


def _columns(files: list[Path], wanted: list[str], timestamp: str | None) -> str | None:
    """The name of the column of times, once every file has every column, and all of one type."""
    first = _opened(files[0]).schema_arrow
    timestamp = timestamp or ("timestamp" if "timestamp" in first.names else None)
    wanted = wanted + ([timestamp] if timestamp else [])
    for file in files:
        schema = _opened(file).schema_arrow
        one_of_each(pd.DataFrame(columns=schema.names), wanted)
        for column in wanted:
            if schema.field(column).type != first.field(column).type:
                raise TypeError(
                    f"column {column!r} is {first.field(column).type} in {files[0].name} and "
                    f"{schema.field(column).type} in {file.name}: write all files with one type."
                )
    return timestamp


def _pieces(files: list[Path], columns: list[str]) -> Iterator[tuple[slice, pa.RecordBatch]]:
    """The rows of a piece among all rows, and the piece."""
    start = 0
    for file in files:
        try:
            for piece in _opened(file).iter_batches(PIECE, columns=columns):
                yield slice(start, start + len(piece)), piece
                start += len(piece)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(file, error) from error


def _refuse_twice(user: np.ndarray, item: np.ndarray, users: Vocabulary, items: Vocabulary) -> None:
    """Raise when a user rated one item more than once. To sort in place takes less memory than a table of all pairs."""
    pair = user.astype("int64")
    pair *= len(items)
    pair += item
    pair.sort()
    twice = pair[1:] == pair[:-1]
    if twice.any():
        u, i = divmod(int(pair[1:][twice.argmax()]), len(items))
        rows = np.flatnonzero((user == u) & (item == i))[:2]
        raise ValueError(
            f"some users rate one item more than once ({twice.sum():,} ratings too many of {len(pair):,} rows), such "
            f"as user {users.ids[u]!r} item {items.ids[i]!r} in rows {rows[0]:,} and {rows[1]:,}. Keep one row of each."
        )
