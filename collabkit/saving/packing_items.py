"""Packing item-item models: weights and histories as named tensors, numbers as plain JSON, and back. No file."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse import csc_matrix, csr_matrix
from torch import Tensor

from collabkit import checks
from collabkit.ease import EASE
from collabkit.item_item import ItemItem, Yes
from collabkit.neighbours import ItemKNN, ItemKNNStars
from collabkit.saving.packing import plain_number, same_json
from collabkit.weights import Neighbours, Product, Weights, Whole

ITEM_ITEM: dict[str, type[ItemItem]] = {one.__name__: one for one in (EASE, ItemKNN, ItemKNNStars)}
SPARSE = ("values", "codes", "ends")
COLUMNS = ("popular", "item_offset", "user_offset")
NUMBERS = ("mean", "damping")


def pack_items(model: ItemItem) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """All that it has learnt but its ids, which are those of its ratings."""
    checks.fitted(model)
    arrays = {name: getattr(model, f"{name}_") for name in COLUMNS if hasattr(model, f"{name}_")}
    arrays["kept"] = np.flatnonzero(model.place_[:-1] >= 0)
    weights, sparse = model.weights_, {"history": model.history_}
    if isinstance(weights, Neighbours):
        sparse["weights"] = weights.values
    elif isinstance(weights, Product):
        arrays["weights_rows"] = weights.rows
    elif isinstance(weights, Whole):
        arrays["weights"] = weights.values
    for name, one in sparse.items():
        one.sort_indices()
        parts = one.data, one.indices.astype("int32"), one.indptr.astype("int64")
        arrays |= {f"{name}_{part}": array for part, array in zip(SPARSE, parts, strict=True)}
    numbers = {name: plain_number(getattr(model, f"{name}_")) for name in NUMBERS if hasattr(model, f"{name}_")}
    yes = [None if one is None else plain_number(one) for one in model.yes_]
    tensors = {name: torch.from_numpy(np.ascontiguousarray(one)) for name, one in arrays.items()}
    sizes = {"n_users": len(model.users_), "n_items": len(model.items_), "n_kept": len(arrays["kept"])}
    return {"class": type(model).__name__, **sizes, "yes": yes, **numbers}, tensors


def unpack_items(description: dict[str, Any], tensors: dict[str, Tensor]) -> ItemItem:
    """The model, without its ids.

    Raises: ``ValueError`` for tensors of other names, sizes or types than a fit leaves, for codes outside their table,
        and for values that are not finite.
    """
    kind = ITEM_ITEM[description["class"]]
    n_users, n_items, n = (description[f"n_{of}"] for of in ("users", "items", "kept"))
    numbers = {name: description[name] for name in NUMBERS if kind is ItemKNNStars}
    model, yes = kind(), Yes(*description["yes"])
    plain = {"class": kind.__name__, "n_users": n_users, "n_items": n_items, "n_kept": n}
    plain |= {"yes": [None if one is None else plain_number(one) for one in yes]}
    if not same_json(plain | {name: plain_number(one) for name, one in numbers.items()}, description):
        raise ValueError("the description of the model is not as collabkit writes it.")
    wanted: dict[str, Any] = {"kept": (torch.int64, (n,)), "popular": (torch.float64, (n_items + 1,))}
    if kind is ItemKNNStars:
        wanted |= {"item_offset": (torch.float64, (n_items + 1,)), "user_offset": (torch.float64, (n_users + 1,))}
    wanted |= _sparse("history", torch.float64, n_users + 1, tensors)
    if kind is not EASE:
        wanted |= _sparse("weights", torch.float32, n, tensors)
    elif (rows := tensors.get("weights_rows")) is not None:
        wanted |= {"weights_rows": (torch.float64, (n, rows.numel() // max(n, 1)))}
    else:
        wanted |= {"weights": (torch.float32, (n, n))}
    found = {name: (one.dtype, tuple(one.shape)) for name, one in tensors.items()}
    if odd := sorted(name for name in found | wanted if found.get(name) != wanted.get(name)):
        raise ValueError(f"the tables are not those of collabkit's {kind.__name__}: {', '.join(odd)}.")
    if odd := sorted(name for name, one in tensors.items() if not one.isfinite().all()):
        raise ValueError(f"{odd[0]} holds values that are not finite numbers.")
    arrays = {name: one.cpu().numpy().copy() for name, one in tensors.items()}
    kept = arrays["kept"]
    if n < 1 or kept[0] < 0 or kept[-1] >= n_items or not (np.diff(kept) > 0).all():
        raise ValueError("the items that have weights are not in order, or none of these.")
    place = np.full(n_items + 1, -1)
    place[kept] = np.arange(n)
    learnt: dict[str, Any] = {f"{name}_": arrays[name] for name in COLUMNS if name in arrays}
    learnt |= {"history_": csr_matrix(_parts("history", arrays, n), shape=(n_users + 1, n))}
    weights: Weights
    if kind is not EASE:
        weights = Neighbours(csc_matrix(_parts("weights", arrays, n), shape=(n, n)))
    else:
        weights = Whole(arrays["weights"]) if "weights" in arrays else Product(arrays["weights_rows"])
        if isinstance(weights, Product) and not (weights.left > 0).all():
            raise ValueError("some rows of the weights are longer than 1.")
    learnt |= {f"{name}_": float(one) for name, one in numbers.items()}
    vars(model).update(learnt, place_=place, yes_=yes, weights_=weights)
    return model


def _sparse(name: str, kind: torch.dtype, n: int, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Type and shape of the parts of a sparse table of n rows, or of n columns; its values say how many they are."""
    sizes = (kind, torch.int32, torch.int64), (*[tensors[f"{name}_values"].numel()] * 2, n + 1)
    return {f"{name}_{part}": (of, (size,)) for part, of, size in zip(SPARSE, *sizes, strict=True)}


def _parts(name: str, arrays: dict[str, np.ndarray], n: int) -> tuple[np.ndarray, ...]:
    """The parts of a sparse table whose codes lie below n, each once and in order within its row."""
    values, codes, ends = (arrays[f"{name}_{part}"] for part in SPARSE)
    whole = ends[0] == 0 and ends[-1] == len(codes) and (np.diff(ends) >= 0).all()
    if not whole or codes.min(initial=0) < 0 or codes.max(initial=-1) >= n:
        raise ValueError(f"{name} has codes that lie outside its {n:,} items.")
    inside = np.ones(len(codes), dtype=bool)
    inside[ends[:-1][ends[:-1] < len(codes)]] = False  # the first of a row
    if not (np.diff(codes)[inside[1:]] > 0).all():
        raise ValueError(f"{name} has one item twice.")
    return values, codes, ends
