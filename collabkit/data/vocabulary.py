"""Vocabularies: the ids of users or items, and the row that each of them has in every table."""

from __future__ import annotations

import reprlib
from collections.abc import Hashable, Iterable
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

EXACT = 2**53  # a float holds every whole number up to here


class Vocabulary:
    """The ids of one side (users or items) and the row each has in every table: ``ids[code] -> id``.

    Args:
        ids: whole numbers or text, in any order, repeats allowed. They are kept unique and sorted.
        what: they are ids of, for messages.

    A code is a row of an embedding table, so it always lies in ``0 … len - 1``: there is no -1 for "unknown".

    Raises: ``TypeError`` for ids that are neither all whole numbers nor all text, ``ValueError`` for a missing one.
    """

    def __init__(self, ids: ArrayLike | Iterable[Hashable], what: str = "id"):
        values = as_ids(ids, what)
        # not pd.unique for text, which pandas 2 reads up to its first NUL
        unique = np.fromiter(dict.fromkeys(values), dtype=object) if values.dtype == object else pd.unique(values)
        # not pandas' own type for text, so that an id is found by being equal and by nothing else
        self._index = pd.Index(unique, dtype=values.dtype).sort_values()
        self.what = what

    @property
    def ids(self) -> np.ndarray:
        """The ids in the order of their codes: int64 where they fit into it; text is ``str`` in an object array."""
        return self._index.to_numpy()

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, id: int | str) -> bool:
        try:
            return bool(self.index([id], missing="unknown")[1][0])
        except (TypeError, ValueError):  # an id of another kind, or none at all
            return False

    def __repr__(self) -> str:
        return f"Vocabulary({len(self):,} {self.what}s)"

    @overload
    def index(self, ids: ArrayLike, missing: Literal["raise"] = "raise") -> np.ndarray: ...

    @overload
    def index(self, ids: ArrayLike, missing: Literal["unknown"]) -> tuple[np.ndarray, np.ndarray]: ...

    def index(self, ids: ArrayLike, missing: str = "raise") -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Codes of ``ids``.

        Args:
            ids: one id or a collection of them, of the kind that this vocabulary has.
            missing: ``"raise"`` refuses an unknown id with a ``KeyError``; ``"unknown"`` returns
                ``(codes, known)``, where unknown ids have code 0 and ``known`` False: keep the mask.

        Returns: int64 codes ``(n,)``, or the pair.
        Raises: ``TypeError`` for text where the ids are whole numbers, and the other way round; ``ValueError`` for an
            id that is None or NaN. Both in either mode: no id is unknown because it came in the wrong type.
        """
        if missing not in ("raise", "unknown"):
            raise ValueError(f"missing={missing!r}: choose 'raise' or 'unknown'")
        ids = as_ids(ids, self.what)
        if len(ids) and len(self) and is_text(ids) != is_text(self.ids):
            mine, other = ("text", "whole numbers") if is_text(self.ids) else ("whole numbers", "text")
            raise TypeError(
                f"the {self.what} ids of this data are {mine}, such as {_plain(self.ids[0])!r}; asked for were "
                f"{other}, such as {_plain(ids[0])!r}: convert them first, or nothing would be found."
            )
        same = ids.dtype == self._index.dtype
        codes = self._index.get_indexer(ids) if same else self._index.astype(object).get_indexer(ids.astype(object))
        known = codes >= 0
        if missing == "unknown":
            return np.where(known, codes, 0), known
        if not known.all():
            raise KeyError(
                f"unknown {self.what} {ids[~known].tolist()[0]!r} ({(~known).sum()} of {len(ids)} asked for): "
                f"no ratings in this data. See .ids for the {len(self):,} known ones, or ask with missing='unknown'."
            )
        return codes


def as_ids(ids: ArrayLike | Iterable[Hashable], what: str = "id") -> np.ndarray:
    """One id, or any collection of them, as an array ``(n,)`` of whole numbers, or of ``str`` in an object array.

    Neither ever becomes the other, as they would in ``np.asarray([1, "a"])``, and text keeps what NumPy's own text
    drops at its end. 3.0 is a whole number: pandas turns a column with a missing value into floats.

    Raises: ``TypeError`` for other ids and for both kinds together; ``ValueError`` for a missing one.
    """
    values = flat(ids, what)
    missing = pd.isna(values)
    if missing.any():
        raise ValueError(
            f"{missing.sum():,} of {len(values):,} {what} ids are missing (None or NaN), the first in place "
            f"{missing.argmax()}: leave them out."
        )
    kind = pd.api.types.infer_dtype(values, skipna=False)
    if kind == "string":
        return values.astype(object)
    if kind == "empty":
        return np.empty(0, dtype="int64")
    if kind == "integer":
        return _whole(values)
    if kind in ("floating", "mixed-integer-float"):
        numbers = values.astype("float64")
        wrong = (np.abs(numbers) > EXACT) | (np.trunc(numbers) != numbers)
        if not wrong.any():
            return numbers.astype("int64")
        values = values[wrong]
    found = {type(one).__name__: reprlib.repr(one) for one in reversed(pd.Series(values).tolist())}
    named = ", ".join(f"{shown} ({name})" for name, shown in list(found.items())[:3])
    raise TypeError(
        f"{what} ids have to be all whole numbers or all text, and here are {named}: convert the whole column, for "
        "example with .astype(str)."
    )


def is_text(ids: np.ndarray) -> bool:
    """Which of the two kinds these are, of ids from ``as_ids``."""
    return ids.dtype == object and len(ids) > 0 and isinstance(ids[0], str)


def flat(ids: ArrayLike | Iterable[Hashable], what: str) -> np.ndarray:
    """One id, or any collection of them, as an array ``(n,)``, whatever they are."""
    given: Any = ids  # told apart by what it has, so that torch is not loaded here
    if hasattr(given, "detach"):
        given = given.detach().cpu().numpy()
    if isinstance(given, np.ndarray) and given.ndim == 0:
        given = given[None]
    if getattr(given, "ndim", 1) > 1:
        raise ValueError(f"{what} ids of shape {given.shape}: pass them in one dimension, one id a row.")
    if not pd.api.types.is_list_like(given):
        given = [given]
    if not hasattr(given, "dtype"):
        given = pd.Series([one.item() if hasattr(one, "detach") else one for one in given], dtype=object)
    column = pd.Series(given)
    return column.to_numpy(dtype=object if pd.api.types.is_extension_array_dtype(column.dtype) else None)


def _whole(values: np.ndarray) -> np.ndarray:
    """Whole numbers in 64 bits, where one more than the largest does not wrap as in 8; else as Python's own."""
    for dtype in ("int64", "uint64"):
        if np.iinfo(dtype).min <= values.min(initial=0) and values.max(initial=0) <= np.iinfo(dtype).max:
            return values.astype(dtype)
    return values


def _plain(id: Any) -> int | str:
    return id.item() if hasattr(id, "item") else id
