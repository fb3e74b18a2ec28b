"""Packing models: a model as named tensors and plain JSON, and back. Nothing here touches a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from collabkit.bayes import BayesianMF
from collabkit.bpr import BPR
from collabkit.checks import interval
from collabkit.implicit_als import ImplicitALS
from collabkit.item_item import ItemItem
from collabkit.models import DotProduct, DotProductBias, DotProductBiasParams, EmbeddingNet
from collabkit.saving.packing import plain_number, refuse_other_tables, same_json
from collabkit.saving.packing_bayes import pack_bayes, unpack_bayes
from collabkit.saving.packing_choices import pack_choices, unpack_choices
from collabkit.saving.packing_items import ITEM_ITEM, pack_items, unpack_items
from collabkit.saving.packing_towers import pack_towers, unpack_towers
from collabkit.tables import put

Model = nn.Module | BayesianMF | ImplicitALS | ItemItem  # what a file can hold
CLASSES: dict[str, Callable[..., nn.Module]] = {
    one.__name__: one for one in (DotProduct, DotProductBias, DotProductBiasParams, EmbeddingNet, BPR)
}


def pack_model(model: Model) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What to build the model from, and its tensors by name.

    Raises: ``ValueError`` for a class that is not collabkit's, and for one of the same name without its tables.
    """
    if isinstance(model, BayesianMF):
        return pack_bayes(model)
    if isinstance(model, ItemItem) and type(model).__name__ in ITEM_ITEM:
        return pack_items(model)
    if isinstance(model, ImplicitALS):
        return pack_choices(model)
    name = type(model).__name__
    if name == "TwoTower" and isinstance(model, nn.Module):
        return pack_towers(model)
    if name not in CLASSES or not isinstance(model, nn.Module):
        raise ValueError(
            f"{name} cannot be saved as a recommender: the file holds numbers and no code, so a reader can only build "
            f"{', '.join((*CLASSES, *ITEM_ITEM))}, ImplicitALS and BayesianMF. For your own class, keep its code, and "
            "its numbers by safetensors.torch.save_file(model.state_dict(), …)."
        )
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in model.state_dict().items()}
    return describe(name, tensors, getattr(model, "y_range", None)), tensors


def describe(name: str, tensors: dict[str, Tensor], y_range: tuple[float, float] | None) -> dict[str, Any]:
    """The arguments to build a model with, read off the shapes of its tensors. Dropout matters in training only."""
    users, items = (tensors.get(f"{side}_factors.weight", tensors.get(f"{side}_factors")) for side in ("user", "item"))
    if users is None or items is None or users.dim() != 2 or items.dim() != 2:
        raise ValueError(f"this {name} lacks a table user_factors or item_factors: it has {', '.join(tensors)}.")
    description: dict[str, Any] = {
        "class": name,
        "n_users": len(users),
        "n_items": len(items),
        "n_factors": users.shape[1],
    }
    if name == "EmbeddingNet":
        weights = [key for key in tensors if re.fullmatch(r"layers\.\d+\.weight", key)]
        weights.sort(key=lambda key: int(key.split(".")[1]))
        description["n_factors"] = [users.shape[1], items.shape[1]]
        description["layers"] = [len(tensors[key]) for key in weights[:-1]]
    if name == "BPR":  # which has no stars to squash into a range
        return description
    interval("y_range", y_range)
    return description | {"y_range": None if y_range is None else list(map(plain_number, y_range))}


def unpack_model(description: dict[str, Any], tensors: dict[str, Tensor], in_place: bool = False) -> Model:
    """The model, in eval mode, on the CPU. Its sizes are those of the tensors that are there.

    Built ``in_place``, its tables are the tensors themselves, which may lie in a file: it is there to be asked.

    Raises: ``ValueError`` for a description of other sizes, tables of another class, and values that are not finite.
    """
    name = description["class"]
    if in_place and name not in tuple(CLASSES):
        raise ValueError(f"{name} has no tables to map; its file is read whole: load it without mmap=True")
    if name == "BayesianMF":
        return unpack_bayes(description, tensors)
    if name == "ImplicitALS":
        return unpack_choices(description, tensors)
    if name in tuple(ITEM_ITEM):  # of a list, which a file may hold, a dictionary knows no hash
        return unpack_items(description, tensors)
    if name == "TwoTower":
        return unpack_towers(description, tensors)
    if name not in tuple(CLASSES):
        raise ValueError(f"the model is of class {name!r}, which collabkit does not have.")
    if not same_json(describe(name, tensors, description.get("y_range")), description):
        raise ValueError("the description of the model and its tables disagree on their sizes.")
    refuse_other_tables(name, tensors, shapes(description))
    arguments = {key: tuple(v) if isinstance(v, list) else v for key, v in description.items() if key != "class"}
    if in_place:
        arguments |= {"n_users": 1, "n_items": 1}
    # the first tables are drawn only to be replaced; on the meta device that would cost seconds of imports
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        model = CLASSES[name](**arguments)
    if in_place:
        for key, tensor in tensors.items():
            put(model, key, tensor)
        return model.eval()
    # fresh copies are aligned as PyTorch aligns its own: on others, a fast kernel may round differently
    model.load_state_dict({key: tensor.clone() for key, tensor in tensors.items()}, assign=True)
    return model.eval()


def shapes(description: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Of the tables that a model would have. To build it first could take any memory: a table of no columns says
    how many rows there should be elsewhere, and takes no byte in the file.
    """
    name, layers = description["class"], description.get("layers")
    factors = description["n_factors"] if layers is not None else [description["n_factors"]] * 2
    end = "" if name == "DotProductBiasParams" else ".weight"
    wanted: dict[str, tuple[int, ...]] = {}
    for side, n_factors in zip(("user", "item"), factors, strict=True):
        wanted[f"{side}_factors{end}"] = description[f"n_{side}s"], n_factors
        if "Bias" in name or (name, side) == ("BPR", "item"):
            wanted[f"{side}_bias{end}"] = description[f"n_{side}s"], 1
    for number, (n_in, n_out) in enumerate(pairwise([sum(factors), *layers, 1]) if layers is not None else []):
        place = 3 * number  # a ReLU and a dropout follow each
        wanted |= {f"layers.{place}.weight": (n_out, n_in), f"layers.{place}.bias": (n_out,)}
    return wanted


def refuse_other_scores(model: Model, again: Model, n_users: int, n_items: int) -> None:
    """Raise ``ValueError`` unless ``again``, built from the tensors of the module ``model``, scores like it."""
    if not (isinstance(model, nn.Module) and isinstance(again, nn.Module)):  # nobody writes one of their own
        return
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
