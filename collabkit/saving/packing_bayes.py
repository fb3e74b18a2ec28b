"""Packing BayesianMF: its draws as named tensors, its numbers as plain JSON, and back. Nothing here touches a file."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from collabkit import checks
from collabkit.averages import MOST_CLASSES
from collabkit.bayes import BayesianMF
from collabkit.saving.packing import plain_number, same_json

TYPES = {
    "user_draws": torch.float16,
    "item_draws": torch.float16,
    "item_means": torch.float16,
    "user_priors": torch.float32,
    "item_priors": torch.float32,
    "precisions": torch.float32,
    "noise": torch.float64,
    "trace": torch.float64,
    "stars": torch.float64,
}
ORDERED = {"thresholds": torch.float64, "weights": torch.float32}  # of an ordered model, besides
NUMBERS = ("mean", "unit", "noise_df")


def pack_bayes(model: BayesianMF) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """All that it has learnt but its ids, which are those of its ratings. Features are in the draws, and not needed."""
    checks.fitted(model)
    kinds = TYPES | (ORDERED if model.thresholds_ is not None else {})
    found = {name: getattr(model, f"{name}_") for name in kinds} | ({"stars": []} if model.stars_ is None else {})
    learnt = {name: torch.as_tensor(found[name], dtype=kind) for name, kind in kinds.items()}
    tensors = {name: one.detach().cpu().contiguous() for name, one in learnt.items()}
    return describe(tensors, {name: getattr(model, f"{name}_") for name in NUMBERS}, model.scale_), tensors


def describe(tensors: dict[str, Tensor], numbers: dict[str, Any], scale: tuple[float, float]) -> dict[str, Any]:
    """Its sizes, read off the shapes of its draws, and its numbers."""
    n_samples, n_users, n_coefs = tensors["user_draws"].shape
    sizes = {"n_users": n_users - 1, "n_items": tensors["item_draws"].shape[1] - 1, "n_factors": n_coefs - 1}
    plain = {name: plain_number(numbers[name]) for name in NUMBERS}
    ends = [plain_number(x) for x in scale]
    kind = {"likelihood": "ordered"} if "thresholds" in tensors else {}
    return {"class": "BayesianMF", **sizes, "n_samples": n_samples, **plain, "scale": ends, **kind}


def unpack_bayes(description: dict[str, Any], tensors: dict[str, Tensor]) -> BayesianMF:
    """The model, on the CPU, without its ids.

    Raises: ``ValueError`` for tensors of other sizes or types than a fit leaves, and for values that none would.
    """
    tensors = {"stars": torch.empty(0, dtype=torch.float64)} | tensors  # which the first files did not have
    kinds = TYPES | (ORDERED if "likelihood" in description else {})
    if odd := sorted(tensors.keys() ^ kinds.keys()):
        raise ValueError(f"the tables are not those of collabkit's BayesianMF: {', '.join(odd)}.")
    lo, hi = description["scale"]
    if not same_json(describe(tensors, description, (lo, hi)), description) or lo > hi:
        raise ValueError("the description of the model and its draws disagree.")
    S, K, sweeps = description["n_samples"], description["n_factors"], tensors["trace"].numel()
    if S < 1 or K < 0:
        raise ValueError(f"the model has {S} draws of {K} factors.")
    users, items = 1 + description["n_users"], 1 + description["n_items"]
    shapes = {"precisions": (S,), "noise": (users,), "trace": (max(S, sweeps),), "user_draws": (S, users, 1 + K)}
    shapes |= dict.fromkeys(["item_draws", "item_means"], (S, items, 1 + K))
    shapes |= dict.fromkeys(["user_priors", "item_priors"], (S, 2, 1 + K))
    C = tensors["stars"].numel()
    shapes |= {"stars": (C,), "thresholds": (S, C - 1), "weights": (S, users)}
    for name, one in tensors.items():
        if one.dtype != kinds[name] or one.shape != shapes[name] or not one.isfinite().all():
            raise ValueError(
                f"{name} is {one.dtype} {tuple(one.shape)} instead of {kinds[name]} {shapes[name]}, or holds values "
                "that are not finite numbers."
            )
    above_zero = [tensors["precisions"], tensors["noise"], tensors["user_priors"][:, 1], tensors["item_priors"][:, 1]]
    above_zero += [tensors[name].diff() for name in ("stars", "thresholds") if name in kinds]  # both ascend
    above_zero += [tensors["weights"]] if "weights" in kinds else []
    if not all((one > 0).all() for one in above_zero) or description["unit"] <= 0 or description["noise_df"] <= 2:
        raise ValueError("some precisions or variances are not above 0, or stars or thresholds do not ascend.")
    if C > MOST_CLASSES or (C < 2 and "thresholds" in kinds):
        raise ValueError(f"the model has {C} different stars.")
    model = BayesianMF(K, S, burn_in=sweeps - S, noise_df=description["noise_df"])
    model.likelihood = "ordered" if "thresholds" in kinds else "gaussian"
    learnt: dict[str, Any] = {f"{name}_": one.clone() for name, one in tensors.items()}
    learnt |= {f"{name}_": description[name] for name in NUMBERS}
    learnt |= {"stars_": tensors["stars"].cpu().numpy().copy() if C else None, "likelihood_": model.likelihood}
    learnt = {"thresholds_": None, "weights_": None} | learnt
    vars(model).update(learnt, scale_=(lo, hi), trace_=tensors["trace"].tolist())
    return model
