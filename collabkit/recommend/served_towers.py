"""Served towers: a two-tower model as lists need it, whose films without ratings have the place of their features."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn

from collabkit.interpret import cosines
from collabkit.models import DotProduct, filled
from collabkit.ratings import Ratings
from collabkit.recommend.fold_in import AnyFoldIn
from collabkit.recommend.served import Served
from collabkit.recommend.topk import DotScores, predict_pairs
from collabkit.tables import Tables


class ServedTowers(Served):
    """A copy of a :class:`collabkit.TwoTower`, and the vectors of everybody.

    Who has no training ratings gets the vector of the features alone, and without features the mean vector of those who
    have some. So does one more row at the end, for ids that the model has never heard of.
    """

    def __init__(self, module: nn.Module, ratings: Ratings, device: torch.device):
        if not all(one.isfinite().all() for one in module.parameters()):
            raise ValueError(f"{type(module).__name__} holds values that are not finite: did training diverge?")
        self.model = copy.deepcopy(module).to(device).eval()
        rows = {}
        with torch.inference_mode():
            for side, code, n in (("user", ratings.user, ratings.n_users), ("item", ratings.item, ratings.n_items)):
                tower, vectors = getattr(self.model, f"{side}_tower"), getattr(self.model, f"{side}_vectors")
                if len(tower.ids.weight) != n:
                    raise ValueError(
                        f"{type(module).__name__} has {len(tower.ids.weight)} {side}s, these ratings {n}: pass the "
                        "ratings (or the part of them) that it was trained on."
                    )
                known = torch.from_numpy(np.bincount(code, minlength=n) > 0).to(device)
                own = vectors(known=known)  # (n, K)
                average = own[known].mean(dim=0, dtype=torch.float64).to(own.dtype)
                if tower.features is None:
                    own = torch.where(known[:, None], own, average)
                rows[side] = torch.cat([own, average[None]])  # (n + 1, K)
        self.items, self.places_cold_items = rows["item"][:-1].cpu().numpy(), self.model.item_tower.features is not None
        tables = Tables(rows["user"], rows["item"])
        self.module = filled(DotProduct, tables).eval().requires_grad_(False)
        self.scores = DotScores(tables.users, tables.items, None, self.module.user_factors.weight)

    def predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        return predict_pairs(self.module, users, items)

    def similarity(self, code: int) -> np.ndarray:
        return cosines(self.items, code)

    def fold_in(self, side: str) -> AnyFoldIn:
        raise TypeError(
            f"{type(self.model).__name__} cannot be folded into: what its towers learn has no closed form, so somebody "
            "new takes training. ImplicitALS ranks too, and places them at once."
        )
