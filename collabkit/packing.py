"""Packing: a model and its ratings as named tensors and plain JSON, and back. Nothing here touches a file."""

from __future__ import annotations

import hashlib
import json
import re
from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from collabkit import models
from collabkit.columns import film_table
from collabkit.ratings import Ratings, Vocabulary

CLASSES = ("DotProduct", "DotProductBias", "DotProductBiasParams", "EmbeddingNet")
FILM_COLUMNS = {"title", "year", "genres"}
MISSING = (None, float("nan"), pd.NA)  # pandas' kinds of missing text: 0, 1 or 2 stands for them among the strings


# ---------------------------------------------------------------- the model


def pack_model(model: nn.Module) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What to build the model from, and its tensors by name.

    Raises: ``ValueError`` for a class that is not collabkit's, and for one of the same name without its tables.
    """
    name = type(model).__name__
    if name not in CLASSES:
        raise ValueError(
            f"{name} cannot be saved as a recommender: the file holds numbers and no code, so a reader can only build "
            f"{', '.join(CLASSES)}. For your own class, keep its code, and its numbers by "
            "safetensors.torch.save_file(model.state_dict(), …)."
        )
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in model.state_dict().items()}
    return describe(name, tensors, getattr(model, "y_range", None)), tensors


def describe(name: str, tensors: dict[str, Tensor], y_range) -> dict[str, Any]:
    """The arguments to build a model with, read off the shapes of its tensors. Dropout matters in training only."""
    users, items = (tensors.get(f"{side}_factors.weight", tensors.get(f"{side}_factors")) for side in ("user", "item"))
    if users is None or items is None or users.dim() != 2 or items.dim() != 2:
        raise ValueError(f"this {name} lacks a table user_factors or item_factors: it has {', '.join(tensors)}.")
    description = {"class": name, "n_users": len(users), "n_items": len(items), "n_factors": users.shape[1]}
    if name == "EmbeddingNet":
        weights = [key for key in tensors if re.fullmatch(r"layers\.\d+\.weight", key)]
        weights.sort(key=lambda key: int(key.split(".")[1]))
        description["n_factors"] = [users.shape[1], items.shape[1]]
        description["layers"] = [len(tensors[key]) for key in weights[:-1]]
    if y_range is not None:
        lo, hi = map(plain_number, y_range)
        if not lo < hi:
            raise ValueError(f"y_range is {y_range}: its low end must be below its high end.")
        y_range = [lo, hi]
    return description | {"y_range": y_range}


def unpack_model(description: dict[str, Any], tensors: dict[str, Tensor]) -> nn.Module:
    """The model, in eval mode. Its sizes are those of the tensors that are there.

    Raises: ``ValueError`` for a description of other sizes, tables of another class, and values that are not finite.
    """
    if description["class"] not in CLASSES:
        raise ValueError(f"the model is of class {description['class']!r}, which collabkit does not have.")
    if describe(description["class"], tensors, description["y_range"]) != description:
        raise ValueError("the description of the model and its tables disagree on their sizes.")
    for key, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ValueError(
                f"{key} holds values that are not finite numbers: training diverged, and the model predicts nothing. "
                "Train a new one with a lower learning rate."
            )
    arguments: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in description.items()}
    name = arguments.pop("class")
    # the first tables are drawn only to be replaced; on the meta device that would cost seconds of imports
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        model = getattr(models, name)(**arguments)
    try:
        # fresh copies are aligned as PyTorch aligns its own: on others, a fast kernel may round differently
        model.load_state_dict({key: tensor.clone() for key, tensor in tensors.items()}, assign=True)
    except RuntimeError as error:
        raise ValueError(f"the tables are not those of collabkit's {name}. {error}") from error
    return model.eval()


def refuse_other_scores(model: nn.Module, again: nn.Module, n_users: int, n_items: int) -> None:
    """Raise ``ValueError`` unless ``again``, built from the tensors of ``model``, scores like it."""
    row = torch.arange(256)
    x = torch.stack([row % n_users, row % n_items], dim=1).to(next(model.parameters()).device)  # (B, 2)
    modes = [(module, module.training) for module in model.modules()]
    try:
        with torch.no_grad():
            theirs, ours = model.eval()(x).flatten(), again.to(x.device)(x).flatten()
    finally:
        for module, mode in modes:
            module.training = mode
    near = torch.finfo(theirs.dtype).eps ** 0.5 / 10  # sums in another order differ by less
    if ours.shape != theirs.shape or not torch.allclose(ours, theirs, rtol=near, atol=near):
        raise ValueError(
            f"this {type(model).__name__} scores otherwise than collabkit's from the same tables, so what is loaded "
            "would not be what you saved. Keep its range in y_range, or train collabkit's own class."
        )


# ---------------------------------------------------------------- the ratings


def pack_ratings(ratings: Ratings) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What is not a column of numbers, as JSON can hold it, and the columns as tensors.

    Raises: ``ValueError`` for ids that are neither whole numbers nor text, and films described by other columns.
    """
    packed: dict[str, Any] = {
        "users": _pack_ids(ratings.users),
        "items": _pack_ids(ratings.items),
        "films": _pack_films(ratings.films),
        "scale": None if ratings.scale is None else [plain_number(end) for end in ratings.scale],
    }
    return packed, {name: torch.tensor(column, device="cpu") for name, column in _columns(ratings).items()}


def unpack_ratings(packed: dict[str, Any], tensors: dict[str, Tensor]) -> Ratings:
    """The ratings. Raises: ``ValueError`` for codes outside their vocabulary and ratings outside their scale."""
    users, items = _unpack_ids(packed["users"]), _unpack_ids(packed["items"])
    scale = None if packed["scale"] is None else tuple(map(plain_number, packed["scale"]))
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
    lo, hi = scale or (-np.inf, np.inf)
    if not (np.isfinite(ratings.rating) & (ratings.rating >= lo) & (ratings.rating <= hi)).all():
        raise ValueError(f"some ratings are not finite numbers, or leave the scale {scale}.")
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
    ids, dtype = packed["ids"], packed["dtype"]
    kind = str if dtype == "str" else int
    if {type(id) for id in ids} - {kind} or (
        kind is int and dtype.lstrip("u") not in ("int8", "int16", "int32", "int64")
    ):
        raise ValueError(f"the ids are not all {dtype}.")
    array = np.asarray(ids, dtype=object if kind is str else dtype)
    vocabulary = Vocabulary(array, packed["what"])
    if not np.array_equal(vocabulary.ids, array):
        raise ValueError(f"the {vocabulary.what} ids are not unique and sorted.")
    return vocabulary


def _pack_films(films: pd.DataFrame) -> dict[str, list]:
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


def _missing(value, column: str) -> int:
    if value is None or value is pd.NA:
        return 0 if value is None else 2
    if isinstance(value, float) and np.isnan(value):
        return 1
    raise ValueError(f"a film has the {column} {value!r}, which is not text.")


def _unpack_films(packed: dict[str, list], items: Vocabulary) -> pd.DataFrame:
    if packed.keys() != FILM_COLUMNS or any(len(column) != len(items) for column in packed.values()):
        raise ValueError(f"the films do not have a title, a year and genres for each of the {len(items):,} items.")
    table = {"item": items.ids}
    for name, column in packed.items():
        if name == "year":
            table[name] = pd.array([pd.NA if year is None else year for year in column], dtype="Int16")
        else:
            table[name] = pd.Series(
                [text if isinstance(text, str) else MISSING[text] for text in column], dtype="object"
            )
    return film_table(items, pd.DataFrame(table))


def plain_number(value) -> int | float:
    """A number that JSON can hold: NumPy's become Python's. Raises: ``ValueError`` for what is no finite number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value):
        raise ValueError(f"{value!r} is not a finite number.")
    return int(value) if isinstance(value, Integral) else float(value)
