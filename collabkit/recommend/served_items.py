"""Served items: lists, likeness and new users of an item-item model, whose users are their ratings and nothing else."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from collabkit.item_item import ItemItem, of_all
from collabkit.recommend.fold_in import AnyFoldIn, Codes
from collabkit.recommend.served import Served


class ServedItems(Served):
    """A copy of an :class:`~collabkit.item_item.ItemItem`, served by the processor, in float64, whatever the device."""

    model: ItemItem

    def __init__(self, model: ItemItem):
        super().__init__(model)
        self.scores = ItemScores(self.model)

    def predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Scores ``(n,)`` for pairs of codes: a sum in one order, and so the same bits whoever else is asked for."""
        step = 4096
        parts = [slice(start, start + step) for start in range(0, len(users), step)]
        found = [self.model.predict_codes(users[part], items[part]) for part in parts]
        return np.concatenate([np.empty(0), *found])

    def similarity(self, code: int) -> np.ndarray:
        """What a yes to each item adds to the score of this one ``(I,)``."""
        place = self.model.place_
        if place[code] < 0:
            raise ValueError(
                f"{type(self.model).__name__} keeps no weights of this item: too few ratings of it count as a yes. "
                "Lower at_least, or raise max_items."
            )
        return np.where(place[:-1] >= 0, self.model.weights_.column(place[code])[place[:-1]], 0)

    def fold_in(self, side: str) -> AnyFoldIn:
        """Users alone: a new item would be a new row and column of the weights."""
        if side != "user":
            raise TypeError(
                f"a new item cannot be folded into {type(self.model).__name__}, which weighs each item with each "
                "other: fit it anew with the ratings of the new one."
            )
        return ItemFoldIn(self.model)


class ItemScores:
    """Scores of users with items by one sparse product. It adds up in float64, as ``predict_codes`` does."""

    def __init__(self, model: ItemItem):
        self.model = model

    def __call__(self, users: np.ndarray, items: np.ndarray) -> Tensor:
        return torch.from_numpy(self.model.score(of_all, users, items))

    def floor(self, kth: Tensor, users: np.ndarray) -> Tensor:
        """Both ways add up the same numbers: they differ by the rounding of so many additions."""
        x = self.model.history_[users]
        weights = self.model.weights_
        terms = np.diff(x.indptr) + weights.terms + 8
        size = np.asarray(abs(x).sum(axis=1)).ravel() * max(weights.largest, 1)
        largest = torch.from_numpy(size) + kth.abs().nan_to_num(posinf=0) + 1
        return kth - torch.from_numpy(8.0 * terms) * largest * torch.finfo(torch.float64).eps


class ItemFoldIn(AnyFoldIn):
    """A new user of an item-item model: their ratings, laid into its history. Nothing is solved or left out.

    ``w`` is the stars they gave, by code, NaN where none ``(I,)``. The answers are those of ``with_history``.
    """

    def __init__(self, model: ItemItem):
        self.model = model
        self.mean = np.full(len(model.items_), np.nan)

    def solve(self, codes: Codes, stars: ArrayLike) -> np.ndarray:
        w = self.mean.copy()
        w[np.asarray(codes, dtype="int64")] = stars
        return w

    def score(self, w: np.ndarray, codes: Codes | None = None) -> np.ndarray:
        items = np.arange(len(w) + 1) if codes is None else np.asarray(codes, dtype="int64")
        return self._alone(w).predict_codes(np.zeros(len(items), dtype="int64"), items)

    def parts(self, codes: Codes, stars: ArrayLike, code: int) -> np.ndarray:
        return self._alone(self.solve(codes, stars)).parts(0, code)[np.asarray(codes, dtype="int64")]

    def explain(self, codes: Codes, stars: ArrayLike, code: int) -> tuple[np.ndarray, float, float]:
        """As of any fold-in; the second is what is left of the score without these ratings."""
        parts, score = self.parts(codes, stars, code), self.score(self.solve(codes, stars), [code])[0]
        return parts, float(score - parts.sum()), float(score)

    def to_stars(self, score: np.ndarray) -> np.ndarray:
        """A score is what it is; that of ``ItemKNNStars`` is in stars."""
        return score

    def slope(self, score: float) -> float:
        return 1.0

    def _alone(self, w: np.ndarray) -> ItemItem:
        """The model with this user, code 0, and nobody else."""
        item = np.flatnonzero(~np.isnan(w))
        return self.model.placed(np.zeros(len(item), dtype="int64"), item, w[item].astype("float32"), 1)
