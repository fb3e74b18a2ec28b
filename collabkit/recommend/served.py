"""Served: a fitted model as lists need it, by code, with an answer for whoever it knows nothing of."""

from __future__ import annotations

import copy
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from torch import nn

from collabkit.interpret import cosines
from collabkit.ratings import Ratings, Vocabulary
from collabkit.recommend.average_rows import with_average_rows
from collabkit.recommend.fold_in import AnyFoldIn, FoldIn, not_foldable
from collabkit.recommend.topk import DotScores, Scores, in_batches, predict_pairs
from collabkit.tables import Trained, declares, table, tables_of


class PredictorByCode(Protocol):
    """All that a fitted model needs for lists: a score for any pair of codes.

    Attributes:
        users_, items_: the vocabularies that it was fitted to.
    """

    users_: Vocabulary
    items_: Vocabulary

    def predict_codes(self, users: np.ndarray, items: np.ndarray, /) -> np.ndarray:
        """Stars ``(n,)`` for codes ``(n,)`` of both; the code one past the last is of somebody unknown."""


Servable: TypeAlias = Trained | PredictorByCode


class Served:
    """A predictor by code. It has lists; what needs factors is refused.

    Attributes:
        model: the model itself, which is what a file keeps.
        scores: a shortcut to its lists, when there is one.
        places_cold_items: whether an item without training ratings has a place among the others.
    """

    places_cold_items = False

    def __init__(self, model: PredictorByCode):
        self.model: Any = copy.copy(model)  # which a second fit does not reach
        self.scores: Scores | None = None

    def predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Stars ``(n,)`` for pairs of codes; the same bits whoever else is asked for."""
        return in_batches(self.model.predict_codes, users, items)

    def item_rows(self) -> np.ndarray:
        """``[bias, factors]`` of each item ``(I, 1 + K)``, whose products with :meth:`user_rows` order all lists."""
        return self._dot_scores().items[:-1, 1:].float().cpu().numpy()

    def user_rows(self, users: np.ndarray) -> np.ndarray:
        """``[1, factors]`` of these users, by code ``(n, 1 + K)``."""
        return self._dot_scores().users[torch.from_numpy(users), 1:].float().cpu().numpy()

    def _dot_scores(self) -> DotScores:
        if type(self.scores) is not DotScores:
            raise TypeError(
                f"{type(self.model).__name__} has no vectors that an index could hold: that takes a model whose score "
                "is a dot product of a row for the user and one for the item, such as TwoTower or ImplicitALS."
            )
        return self.scores

    def similarity(self, code: int) -> np.ndarray:
        """How nearly the factors of each item point the same way as those of this one ``(I,)``."""
        raise TypeError(
            f"{type(self.model).__name__} has no factors in which items could be alike: ask a model that has, such as "
            "DotProductBias, ALS or BayesianMF."
        )

    def fold_in(self, side: str) -> AnyFoldIn:
        """What places somebody new on this side, ``"user"`` or ``"item"``."""
        raise not_foldable(self.model)


class ServedModule(Served):
    """A module ``(B, 2) -> (B, 1)``: a copy of it, in which whoever has no training ratings is average."""

    def __init__(self, module: nn.Module, ratings: Ratings, device: torch.device):
        if not all(one.isfinite().all() for one in module.parameters()):
            raise ValueError(f"{type(module).__name__} holds values that are not finite: did training diverge?")
        self.model = copy.deepcopy(module).to(device).eval()
        self.ratings, self.scores = ratings, None
        self.averaged = with_average_rows(self.model, ratings)
        if declares(module) and (tables := tables_of(self.averaged)) is not None:
            like = next(self.averaged.parameters())
            self.scores = DotScores(tables.users, tables.items, tables.y_range, like)

    def predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        return predict_pairs(self.averaged, users, items)

    def similarity(self, code: int) -> np.ndarray:
        return cosines(table(self.model, "item_factors"), code)

    def fold_in(self, side: str) -> AnyFoldIn:
        return FoldIn.of(self.model, self.ratings, side)
