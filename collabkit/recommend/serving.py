"""Serving: which road a model takes to its lists."""

from __future__ import annotations

import torch
from torch import nn

from collabkit import checks
from collabkit.bayes import BayesianMF
from collabkit.implicit_als import ImplicitALS
from collabkit.item_item import ItemItem
from collabkit.ratings import Ratings
from collabkit.recommend.choices import ServedChoices
from collabkit.recommend.draws import ServedDraws
from collabkit.recommend.served import Servable, Served, ServedModule
from collabkit.recommend.served_items import ServedItems
from collabkit.recommend.served_towers import ServedTowers
from collabkit.tables import as_module


def serve(model: Servable | Served, ratings: Ratings, device: torch.device) -> Served:
    """A copy of a trained module, or of a fitted model, as it is asked here."""
    if isinstance(model, ImplicitALS):
        checks.fitted(model)
        return ServedChoices(model, device)
    if isinstance(model, Served):
        return model
    if isinstance(model, nn.Module | type) or hasattr(model, "as_module") or not hasattr(model, "predict_codes"):
        if hasattr(model, "users_") and not hasattr(model, "as_module"):  # fitted, and for stars alone
            name = type(model).__name__
            raise TypeError(f"{name} has no scores by code, which lists take: it needs predict_codes(users, items).")
        module = as_module(model)
        return (ServedTowers if hasattr(module, "item_vectors") else ServedModule)(module, ratings, device)
    checks.fitted(model)
    if not (hasattr(model, "users_") and hasattr(model, "items_")):
        name = type(model).__name__
        raise TypeError(f"{name} does not say of whom its codes are: it needs the vocabularies users_ and items_.")
    if isinstance(model, ItemItem):
        return ServedItems(model)
    return ServedDraws(model, device) if isinstance(model, BayesianMF) else Served(model)
