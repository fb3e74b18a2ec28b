"""Average rows: a copy of a model in which whoever has no training ratings is average."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn

from collabkit.ratings import Ratings, rated
from collabkit.tables import Trained, as_module, rows_of


def with_average_rows(model: Trained, ratings: Ratings) -> nn.Module:
    """A copy of a model in which whoever it knows nothing of is average, ready to predict.

    A row that training never touched still holds its random start. In the copy, each row of a user or item table that
    has no training ratings is the average of those that have some, and so is one more row at the end, for ids that the
    model has never heard of: code ``n_users`` or ``n_items``. Tables are told by name, ``user_…`` and ``item_…``.

    Raises: ``ValueError`` for a model without a table of that many users or items; ``TypeError`` for what is no module.
    """
    rated(ratings)
    served = copy.deepcopy(as_module(model)).eval().requires_grad_(False)
    for side, code, n in (("user", ratings.user, ratings.n_users), ("item", ratings.item, ratings.n_items)):
        has_ratings = np.bincount(code, minlength=n) > 0
        found = rows_of(served, side)
        if not found or any(len(one) != n for one in found.values()):
            sizes = {name: tuple(one.shape) for name, one in served.named_parameters()}
            raise ValueError(
                f"{type(model).__name__} has no {side}_… tables of {n} rows, one for each {side} of these ratings: it "
                f"has {sizes}. Pass the ratings (or the part of them) that it was trained on."
            )
        for name, one in found.items():
            trained = torch.from_numpy(has_ratings).to(one.device)
            average = one[trained].mean(dim=0, dtype=torch.float64).to(one.dtype)
            rows = torch.cat([torch.where(trained[:, None], one, average), average[None]])
            owner, _, leaf = name.rpartition(".")
            module = served.get_submodule(owner)
            setattr(module, leaf, nn.Parameter(rows, requires_grad=False))
            if isinstance(module, nn.Embedding):
                module.num_embeddings = n + 1
    return served
