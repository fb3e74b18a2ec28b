"""Packing TwoTower: its tables, its layers and its features as named tensors, its settings as JSON, and back."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from collabkit.saving.packing import plain_number, refuse_other_tables, same_json
from collabkit.towers import TwoTower

SIDES = ("user", "item")


def pack_towers(model: nn.Module) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """All that it is built of; the share of ids that training dropped matters no more."""
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in model.state_dict().items()}
    return describe(tensors, getattr(model, "temperature", None)), tensors


def describe(tensors: dict[str, Tensor], temperature: float | None) -> dict[str, Any]:
    """Its sizes, read off the shapes of its tensors, and its temperature."""
    ids = [tensors.get(f"{side}_tower.ids.weight") for side in SIDES]
    if any(one is None or one.dim() != 2 for one in ids):
        raise ValueError(f"this TwoTower lacks a table of ids: it has {', '.join(tensors)}.")
    users, items = (one for one in ids if one is not None)
    features = [tensors.get(f"{side}_tower.features") for side in SIDES]
    side = SIDES[features[0] is None]  # one that has layers, if any
    weights = sorted(
        (int(key.split(".")[2]), len(tensor))
        for key, tensor in tensors.items()
        if key.startswith(f"{side}_tower.net.") and key.endswith(".weight")
    )
    return {
        "class": "TwoTower",
        "n_users": len(users),
        "n_items": len(items),
        "n_factors": users.shape[1],
        "n_features": [None if one is None else one.shape[1] for one in features],
        "layers": [n for _, n in weights[:-1]],
        "temperature": None if temperature is None else plain_number(temperature),
    }


def unpack_towers(description: dict[str, Any], tensors: dict[str, Tensor]) -> TwoTower:
    """The model, in eval mode, on the CPU.

    Raises: ``ValueError`` for tensors of other sizes than the description has, and for values that are not finite.
    """
    if not same_json(describe(tensors, description["temperature"]), description):
        raise ValueError("the description of the model and its tables disagree on their sizes.")
    refuse_other_tables("TwoTower", tensors, shapes(description))
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        model = TwoTower(
            description["n_users"],
            description["n_items"],
            description["n_factors"],
            tensors.get("user_tower.features"),
            tensors.get("item_tower.features"),
            tuple(description["layers"]),
            description["temperature"],
        )
    # fresh copies are aligned as PyTorch aligns its own: on others, a fast kernel may round differently
    model.load_state_dict({key: tensor.clone() for key, tensor in tensors.items()}, assign=True)
    return model.eval()


def shapes(description: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Of the tensors that a model would have, before any of that size is built."""
    wanted: dict[str, tuple[int, ...]] = {}
    for side, n_features in zip(SIDES, description["n_features"], strict=True):
        n = description[f"n_{side}s"]
        wanted[f"{side}_tower.ids.weight"] = n, description["n_factors"]
        if n_features is None:
            continue
        wanted[f"{side}_tower.features"] = n, n_features
        for number, (n_in, n_out) in enumerate(
            pairwise([n_features, *description["layers"], description["n_factors"]])
        ):
            place = f"{side}_tower.net.{2 * number}"  # a ReLU follows each but the last
            wanted |= {f"{place}.weight": (n_out, n_in), f"{place}.bias": (n_out,)}
    return wanted
