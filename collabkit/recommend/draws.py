"""Draws: what serves a model that is no pair of tables but many, each drawn from its posterior."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from collabkit.bayes import BayesianMF
from collabkit.interpret import cosines
from collabkit.recommend.drawn_fold_in import DrawnFoldIn
from collabkit.recommend.fold_in import AnyFoldIn
from collabkit.recommend.served import Served
from collabkit.recommend.topk import DotScores, in_batches

PAIRS = 1024  # scored in one call, which takes each draw in turn


class ServedDraws(Served):
    """A copy of :class:`collabkit.BayesianMF` on a device.

    Its mean over draws is one dot product, of the rows of all draws laid end to end. That table of the items is kept in
    float32, beside the draws: lists, likeness and new users come from it.

    In an ordered model the stars to expect are no dot product: lists then score every pair, and nobody is folded in.
    """

    def __init__(self, model: BayesianMF, device: torch.device):
        super().__init__(model)
        for name, one in vars(model).items():
            if isinstance(one, Tensor):
                setattr(self.model, name, one.to(device))
        scores = DrawnScores(self.model)
        self.items = scores.items[:, 1:]  # (I + 1, 1 + S K)
        self.ordered = self.model.thresholds_ is not None
        self.scores = None if self.ordered else scores

    def predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        return in_batches(self.model.predict_codes, users, items, PAIRS)

    def similarity(self, code: int) -> np.ndarray:
        """Of the factors of all draws: each draw turns them as it likes, so they have no mean that says anything."""
        return cosines(self.items[:-1, 1:].cpu().numpy(), code)

    def fold_in(self, side: str) -> AnyFoldIn:
        if self.ordered:
            raise TypeError(
                "an ordered BayesianMF cannot take in somebody new: that is no regression in closed form where stars "
                "are classes. Fit BayesianMF(likelihood='gaussian') for it, or fit again with their ratings."
            )
        return DrawnFoldIn(self.model, side, self.items if side == "user" else end_to_end(self.model.user_draws_))


class DrawnScores(DotScores):
    """``DotScores`` of rows laid end to end, before stars are clipped to the scale. Those of users are made when asked
    for.
    """

    def __init__(self, model: BayesianMF):
        self.model, self.dtype = model, torch.float32
        items = end_to_end(model.item_means_)
        self.items = torch.cat([torch.ones_like(items[:, :1]), items], dim=1)

    def _of_users(self, users: np.ndarray) -> Tensor:
        rows = end_to_end(self.model.user_draws_[:, self._at(users)])
        return torch.cat([rows[:, :1], torch.ones_like(rows[:, :1]), rows[:, 1:]], dim=1)

    def _ties(self, score: np.ndarray, eps: float) -> np.ndarray:
        mean, unit, (lo, hi) = self.model.mean_, self.model.unit_, self.model.scale_
        stars = np.minimum(mean + unit * score, hi) - 16 * eps * max(abs(lo), abs(hi), abs(mean))
        return np.where(stars > lo, (stars - mean) / unit, -np.inf)


def end_to_end(draws: Tensor) -> Tensor:
    r"""The mean bias, and the factors of all draws over :math:`\sqrt S`: ``(S, n, 1 + K)`` becomes ``(n, 1 + S K)``.

    A dot product of two such rows is the mean of those of the draws.
    """
    n_draws, n, n_coefs = draws.shape
    rows = torch.empty(n, n_draws, n_coefs - 1, dtype=torch.float32, device=draws.device)
    for place, draw in enumerate(draws):
        rows[:, place] = draw[:, 1:]
    return torch.cat([draws[..., :1].float().mean(dim=0), rows.flatten(start_dim=1) / n_draws**0.5], dim=1)
