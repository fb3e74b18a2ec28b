"""Mapped: a module served from tables that stay in their file; only the rows of those who are asked for are read."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from collabkit.ratings import Ratings
from collabkit.recommend.average_rows import average_row, has_ratings, with_average_rows
from collabkit.recommend.served import ServedModule
from collabkit.recommend.topk import DotScores, in_batches
from collabkit.tables import declares, put, rows_of, tables_of


class ServedInPlace(ServedModule):
    """A module whose user tables are too large to copy: the answers of ``ServedModule``, to the bit.

    Whoever is asked for is gathered from the tables, or is the average row, and the module scores those few. The items
    have their average rows in memory, as everywhere: there are fewer of them, and lists need all.
    """

    def __init__(self, module: nn.Module, ratings: Ratings):
        self.model, self.ratings, self.scores = module, ratings, None
        self.averaged = with_average_rows(module, ratings, sides=("item",))
        self.known = torch.from_numpy(np.append(has_ratings(ratings.user, ratings.n_users), False))
        self.tables = {name: one.detach() for name, one in rows_of(module, "user").items()}
        self.average = {name: average_row(one, self.known[:-1]) for name, one in self.tables.items()}
        if declares(module) and (tables := tables_of(self.averaged)) is not None:
            self.scores = ScoresInPlace(self, tables.items, tables.y_range, next(self.averaged.parameters()))

    def of(self, users: np.ndarray) -> nn.Module:
        """The module with the rows of these users alone, in this order."""
        code = torch.from_numpy(users)
        known = self.known[code]
        at = torch.where(known, code, 0)
        module = copy.deepcopy(self.averaged, {id(one): one for one in self.averaged.parameters()})  # tables are shared
        for name, one in self.tables.items():
            put(module, name, torch.where(known[:, None], one[at], self.average[name]))
        return module

    def predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        def some(users: np.ndarray, items: np.ndarray) -> np.ndarray:
            x = torch.from_numpy(np.stack([np.arange(len(users)), items], axis=1))
            return self.of(users)(x)[:, 0].double().cpu().numpy()

        with torch.inference_mode():
            return in_batches(some, users, items)


class ScoresInPlace(DotScores):
    """Scores of a dot product, of users who are gathered when they are asked for."""

    def __init__(
        self, served: ServedInPlace, items: np.ndarray, y_range: tuple[float, float] | None, like: nn.Parameter
    ):
        super().__init__(np.empty((0, items.shape[1])), items, y_range, like)
        self.served = served

    def _of_users(self, users: np.ndarray) -> Tensor:
        tables = tables_of(self.served.of(users))
        assert tables is not None  # as of the module itself
        rows = tables.users
        return torch.from_numpy(np.hstack([rows[:, :1], np.ones_like(rows[:, :1]), rows[:, 1:]])).to(self.items.dtype)
