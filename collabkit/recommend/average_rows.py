"""Average rows: a copy of a model in which whoever has no training ratings is average."""

from __future__ import annotations

import copy
from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor, nn

from collabkit.ratings import Ratings, rated
from collabkit.tables import Trained, as_module, put, rows_of

ROWS = 1 << 18  # of a table, or ratings, looked at together


def with_average_rows(model: Trained, ratings: Ratings, sides: Collection[str] = ("user", "item")) -> nn.Module:
    """A copy of a model in which whoever it knows nothing of is average, ready to predict.

    A row that training never touched still holds its random start. In the copy, each row of a user or item table that
    has no training ratings is the average of those that have some, and so is one more row at the end, for ids that the
    model has never heard of: code ``n_users`` or ``n_items``. Tables are told by name, ``user_…`` and ``item_…``.

    Tables of a side that is not asked for are shared with the model, not copied.

    Raises: ``ValueError`` for a model without a table of that many users or items; ``TypeError`` for what is no module.
    """
    rated(ratings)
    module = as_module(model)
    shared = [one for side in {"user", "item"} - set(sides) for one in rows_of(module, side).values()]
    served = copy.deepcopy(module, {id(one): one for one in shared}).eval()
    served.requires_grad_(False)
    for side, code, n in (("user", ratings.user, ratings.n_users), ("item", ratings.item, ratings.n_items)):
        found = rows_of(served, side)
        if not found or any(len(one) != n for one in found.values()):
            sizes = {name: tuple(one.shape) for name, one in served.named_parameters()}
            raise ValueError(
                f"{type(model).__name__} has no {side}_… tables of {n} rows, one for each {side} of these ratings: it "
                f"has {sizes}. Pass the ratings (or the part of them) that it was trained on."
            )
        if side not in sides:
            continue
        warm = torch.from_numpy(has_ratings(code, n))
        for name, one in found.items():
            known = warm.to(one.device)
            average = average_row(one, known)
            put(served, name, torch.cat([torch.where(known[:, None], one, average), average[None]]))
    return served


def has_ratings(code: np.ndarray, n: int) -> np.ndarray:
    """Whether each of n users or items has a rating ``(n,)``."""
    found = np.zeros(n, dtype=bool)
    for start in range(0, len(code), ROWS):
        found[code[start : start + ROWS]] = True
    return found


def average_row(table: Tensor, known: Tensor) -> Tensor:
    """The mean ``(K,)`` of those rows of a table that are known ``(n,)``, a part of it at a time."""
    parts = zip(table.split(ROWS), known.split(ROWS), strict=True)
    total = torch.stack([part[there].sum(dim=0, dtype=torch.float64) for part, there in parts]).sum(dim=0)
    return (total / known.sum()).to(table.dtype)
