"""Packing ImplicitALS: its factors as named tensors, its numbers as plain JSON, and back. Nothing touches a file."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from collabkit import checks
from collabkit.implicit_als import ImplicitALS, Weights
from collabkit.saving.packing import plain_number, same_json


def pack_choices(model: ImplicitALS) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What lists and new users need of it; its ids are those of its ratings, and how it was solved is history."""
    checks.fitted(model)
    learnt = {"user_factors": model.user_, "item_factors": model.item_, "unknown": model.unknown_}
    tensors = {name: torch.tensor(one) for name, one in learnt.items()}
    return describe(tensors, model.weights_), tensors


def describe(tensors: dict[str, Tensor], weights: Weights) -> dict[str, Any]:
    """Its sizes, read off the shapes of its tables, and the numbers that it was fitted with."""
    (n_users, n_factors), n_items = tensors["user_factors"].shape, len(tensors["item_factors"])
    sizes = {"n_users": n_users, "n_items": n_items, "n_factors": n_factors}
    numbers = {name: None if one is None else plain_number(one) for name, one in weights._asdict().items()}
    return {"class": "ImplicitALS", **sizes, **numbers}


def unpack_choices(description: dict[str, Any], tensors: dict[str, Tensor]) -> ImplicitALS:
    """The model, without its ids.

    Raises: ``ValueError`` for tables of other sizes or types than a fit leaves, and for values that none would.
    """
    if odd := sorted(tensors.keys() ^ {"user_factors", "item_factors", "unknown"}):
        raise ValueError(f"the tables are not those of collabkit's ImplicitALS: {', '.join(odd)}.")
    weights = Weights(*(description[name] for name in Weights._fields))
    if not same_json(describe(tensors, weights), description):
        raise ValueError("the description of the model and its tables disagree on their sizes.")
    K = description["n_factors"]
    shapes = {f"{side}_factors": (description[f"n_{side}s"], K) for side in ("user", "item")} | {"unknown": (K,)}
    for name, one in tensors.items():
        if one.dtype != torch.float32 or one.shape != shapes[name] or not one.isfinite().all():
            raise ValueError(
                f"{name} is {one.dtype} {tuple(one.shape)} instead of torch.float32 {shapes[name]}, or holds values "
                "that are not finite numbers."
            )
    checks.number("penalty", weights.penalty, above=0)
    checks.number("alpha", weights.alpha, at_least=0)
    model = ImplicitALS(K, weights.penalty, weights.alpha, at_least=weights.at_least)
    learnt = {"user_": "user_factors", "item_": "item_factors", "unknown_": "unknown"}
    vars(model).update({ours: tensors[name].cpu().numpy().copy() for ours, name in learnt.items()}, weights_=weights)
    return model
