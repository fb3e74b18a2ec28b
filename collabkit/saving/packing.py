"""Packing: ratings as named tensors and plain JSON, and back. Nothing here touches a file."""

from __future__ import annotations

import hashlib
import json
from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from collabkit.checks import interval
from collabkit.data.columns import film_table
from collabkit.ratings import Ratings, Vocabulary

FILM_COLUMNS = {"title", "year", "genres"}
MISSING = (None, float("nan"), pd.NA)  # pandas' kinds of missing text: 0, 1 or 2 stands for them among the strings


def pack_ratings(ratings: Ratings) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What is not a column of numbers, as JSON can hold it, and the columns as tensors.

    Raises: ``ValueError`` for ids that are neither whole numbers nor text, and films described by other columns.
    """
    columns = {name: torch.tensor(column, device="cpu") for name, column in _columns(ratings).items()}
    return _pack_parts(ratings), columns


def unpack_ratings(packed: dict[str, Any], tensors: dict[str, Tensor]) -> Ratings:
    """The ratings.

    Raises: ``ValueError`` for codes outside their vocabulary, ratings outside their scale, and JSON that is not what
        ``pack_ratings`` would make of them, to the type.
    """
    users, items = _unpack_ids(packed["users"]), _unpack_ids(packed["items"])
    scale = packed["scale"]
    if interval("scale", scale) is not None:
        lo, hi = scale
        scale = plain_number(lo), plain_number(hi)
    columns = {name: tensor.numpy() for name, tensor in tensors.items()}
    ratings = Ratings(
        columns["user"],
        columns["item"],
        columns["rating"],
        columns.get("timestamp"),
        users,
        items,
        _unpack_films(packed["films"], items),
        scale,
    )
    expected = _columns(ratings)
    if expected.keys() != columns.keys():
        raise ValueError(f"the columns of the ratings are {', '.join(columns)}.")
    for name, column in columns.items():
        if column.dtype != expected[name].dtype or column.shape != (len(ratings.rating),):
            raise ValueError(f"the column {name} of the ratings is {column.dtype} {column.shape}.")
    for codes, vocabulary in ((ratings.user, users), (ratings.item, items)):
        if codes.min(initial=0) < 0 or codes.max(initial=-1) >= len(vocabulary):
            raise ValueError(f"some {vocabulary.what} codes lie outside the {len(vocabulary):,} ids of the vocabulary.")
    lo, hi = (-np.inf, np.inf) if scale is None else scale
    if not (np.isfinite(ratings.rating) & (ratings.rating >= lo) & (ratings.rating <= hi)).all():
        raise ValueError(f"some ratings are not finite numbers, or leave the scale {scale}.")
    for name, part in _pack_parts(ratings).items():
        if not same_json(part, packed[name]):
            raise ValueError(f"{name!r} is not as collabkit writes it.")
    return ratings


def fingerprint(ratings: Ratings) -> dict[str, Any]:
    """Which ratings these are: how many, and one hash of the columns and of the ids behind the codes.

    Returns: ``ratings, users, items``; ``cold_users`` and ``cold_items``, those among them without a rating in this
        part; ``sha256``, in which the order of the rows counts.
    """
    digest = hashlib.sha256(json.dumps([ratings.users.ids.tolist(), ratings.items.ids.tolist()]).encode())
    for name, column in _columns(ratings).items():
        digest.update(name.encode())
        digest.update(column.data)
    return {
        "ratings": len(ratings),
        "users": ratings.n_users,
        "items": ratings.n_items,
        "cold_users": ratings.n_users - len(np.unique(ratings.user)),
        "cold_items": ratings.n_items - len(np.unique(ratings.item)),
        "sha256": digest.hexdigest(),
    }


def _pack_parts(ratings: Ratings) -> dict[str, Any]:
    return {
        "users": _pack_ids(ratings.users),
        "items": _pack_ids(ratings.items),
        "films": _pack_films(ratings.films),
        "scale": None if ratings.scale is None else [plain_number(end) for end in ratings.scale],
    }


def _columns(ratings: Ratings) -> dict[str, np.ndarray]:
    columns = {"user": (ratings.user, "int32"), "item": (ratings.item, "int32"), "rating": (ratings.rating, "float32")}
    if ratings.timestamp is not None:
        columns["timestamp"] = ratings.timestamp, "int64"
    return {name: np.ascontiguousarray(column, dtype) for name, (column, dtype) in columns.items()}


def _pack_ids(vocabulary: Vocabulary) -> dict[str, Any]:
    ids = vocabulary.ids
    whole = ids.dtype.kind in "iu"
    if not whole and not all(isinstance(id, str) for id in ids):
        raise ValueError(
            f"the {vocabulary.what} ids are {ids.dtype}, such as {ids[0]}: a saved recommender keeps ids that are "
            "whole numbers or text. Make them so before Ratings.from_frame, e.g. df['user'].astype(str)."
        )
    return {"what": vocabulary.what, "dtype": ids.dtype.name if whole else "str", "ids": ids.tolist()}


def _unpack_ids(packed: dict[str, Any]) -> Vocabulary:
    ids, dtype, what = packed["ids"], packed["dtype"], packed["what"]
    kind = str if dtype == "str" else int
    if {type(id) for id in ids} - {kind} or (
        kind is int and dtype.lstrip("u") not in ("int8", "int16", "int32", "int64")
    ):
        raise ValueError(f"the ids are not all {dtype}.")
    if not isinstance(what, str):
        raise ValueError(f"the ids are called {what!r}, which is not text.")
    array = np.asarray(ids, dtype=object if kind is str else dtype)
    vocabulary = Vocabulary(array, what)
    if not np.array_equal(vocabulary.ids, array):
        raise ValueError(f"the {vocabulary.what} ids are not unique and sorted.")
    return vocabulary


def _pack_films(films: pd.DataFrame) -> dict[str, list[Any]]:
    columns = [column for column in films if column not in ("item", "label")]
    if set(columns) != FILM_COLUMNS:
        raise ValueError(
            f"a saved recommender keeps the title, year and genres of a film; here are {', '.join(map(str, columns))}. "
            "Leave out the others: Ratings.from_frame(…, items=items[['item', 'title', 'year', 'genres']])."
        )
    return {
        column: [None if year is pd.NA else year for year in films[column].tolist()]
        if column == "year"
        else [text if isinstance(text, str) else _missing(text, column) for text in films[column]]
        for column in columns
    }


def _missing(value: object, column: str) -> int:
    if value is None or value is pd.NA:
        return 0 if value is None else 2
    if isinstance(value, float) and np.isnan(value):
        return 1
    raise ValueError(f"a film has the {column} {value!r}, which is not text.")


def _unpack_films(packed: dict[str, list[Any]], items: Vocabulary) -> pd.DataFrame:
    if packed.keys() != FILM_COLUMNS or any(len(column) != len(items) for column in packed.values()):
        raise ValueError(f"the films do not have a title, a year and genres for each of the {len(items):,} items.")
    table: dict[str, Any] = {"item": items.ids}
    for name, column in packed.items():
        if name == "year":
            table[name] = pd.array([pd.NA if year is None else year for year in column], dtype="Int16")
        else:
            table[name] = pd.Series(
                [text if isinstance(text, str) else MISSING[text] for text in column], dtype="object"
            )
    return film_table(items, pd.DataFrame(table))


def plain_number(value: object) -> int | float:
    """A number that JSON can hold: NumPy's become Python's. Raises: ``ValueError`` for what is no finite number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value):
        raise ValueError(f"{value!r} is not a finite number.")
    return int(value) if isinstance(value, Integral) else float(value)


def refuse_other_tables(name: str, tensors: dict[str, Tensor], wanted: dict[str, tuple[int, ...]]) -> None:
    """Raise ``ValueError`` unless these are the tables of a module of that name, of finite numbers."""
    found = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    if odd := sorted(key for key in found | wanted if found.get(key) != wanted.get(key)):
        told = [f"{key} is {found.get(key, 'absent')} instead of {wanted.get(key, 'absent')}" for key in odd[:5]]
        raise ValueError(f"the tables are not those of collabkit's {name}: {'; '.join(told)}.")
    for key, tensor in tensors.items():
        if not tensor.is_floating_point() or not tensor.isfinite().all():
            raise ValueError(
                f"{key} holds values that are not finite numbers: training diverged, and the model predicts nothing. "
                "Train a new one with a lower learning rate."
            )


def same_json(one: object, other: object) -> bool:
    """Whether both are written alike: of one value and type, where Python has ``1 == True == 1.0``."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
