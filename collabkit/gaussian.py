"""Gaussian stars: a star is a length, what the model says and noise, of which some users have less than others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from collabkit.averages import classes_of, over_draws, score, unit_of
from collabkit.gibbs import WORTH, Side, gamma
from collabkit.ratings import Ratings
from collabkit.sittings import Sittings


class Gaussian:
    r"""The noise of stars within the chain of :class:`collabkit.BayesianMF`. With the score :math:`s` of a pair,

    .. math:: y_{ui} = \frac{r_{ui} - \mu}{\text{unit}} \sim N\bigl(s_{ui},\; 1/(\alpha w_u)\bigr), \qquad
              w_u \sim \Gamma(\nu/2, \nu/2)

    and a weak gamma prior of α.

    Attributes:
        y: what the scores have to explain ``(n,)``.
        precision: of the noise of each user's ratings ``(U + 1,)``.
    """

    def __init__(self, train: Ratings, side: Side, sittings: Sittings, noise_df: float, device: torch.device):
        self.stars, self.side, self.sittings, self.noise_df = classes_of(train.rating), side, sittings, noise_df
        self.mean, self.unit = float(train.rating.mean(dtype="float64")), unit_of(train.rating)
        y = torch.from_numpy((train.rating / np.float64(self.unit)).astype("float32")).to(device)
        self.y = y.sub_(self.mean / self.unit)  # in units, as all is from here on
        self.weight = torch.ones(len(side.count), device=device)  # w_u
        self.alpha = 1 / y.var(correction=0).clamp(min=1e-3)
        self.total_noise = torch.zeros(len(side.count), dtype=torch.float64, device=device)
        self.precisions: list[Tensor] = []

    @property
    def precision(self) -> Tensor:
        return self.alpha * self.weight

    def draw(self, left: Tensor, rng: torch.Generator, settling: bool) -> float:
        """All of the noise, given what the scores leave of ``y`` ``(n,)``. Returns: its root mean square, in stars."""
        misses = self.side.blocks.sums(left.square(), len(self.weight))  # by user, in units²
        shape, rate = self.noise_df + self.side.count, self.noise_df + self.alpha * misses
        self.noise = rate / (shape - 2) / self.alpha  # the variance to expect, given all the rest
        self.weight = gamma(shape / 2, rate / 2, rng)
        self.alpha = gamma((WORTH + len(left)) / 2, (1 + (self.weight * misses).sum()) / 2, rng)
        return self.unit * math.sqrt(float(misses.sum()) / len(left))

    def keep(self) -> None:
        """Count the draw of now among those that are averaged."""
        variance = self.sittings.variance
        self.precisions.append(self.alpha / (1 + self.alpha * variance))  # of a rating whose time is not known
        self.total_noise += self.noise + variance

    def learnt(self) -> dict[str, Any]:
        """What a fitted model has of it."""
        noise = self.total_noise / len(self.precisions) * self.unit**2
        learnt = {"mean_": self.mean, "unit_": self.unit, "stars_": self.stars, "noise_df_": self.noise_df}
        learnt |= {"thresholds_": None, "weights_": None}
        return learnt | {"precisions_": torch.stack(self.precisions), "noise_": noise}

    # ---- of a fitted model, for codes (n,) on its device ----

    @staticmethod
    def answer(model: Any, user: Tensor, item: Tensor, mood: Any = 0.0, known: Any = 0.0, doubt: bool = True) -> Any:
        """Stars before they are clipped and their standard deviations ``(n,)``.

        ``mood`` is added to the scores, and ``known`` is taken off their variance, both in units.
        """
        mean, spread = over_draws((model.user_draws_, model.item_draws_, model.item_means_), user, item, doubt)
        variance = (spread + model.noise_[user] / model.unit_**2).cpu().numpy() - known
        stars = (model.mean_ / model.unit_ + mean).cpu().numpy().astype("float64") + mood
        return stars * model.unit_, np.sqrt(variance) * model.unit_

    @staticmethod
    def by_draw(model: Any, user: Tensor, item: Tensor) -> Iterator[Tensor]:
        """Of each draw, stars ``(n,)`` above the mean of all."""
        for p, q_mean in zip(model.user_draws_, model.item_means_, strict=True):
            yield score(p[user].float(), q_mean[item].float()) * model.unit_

    @staticmethod
    def shares(model: Any, user: Tensor, item: Tensor) -> np.ndarray:
        """Of each star, the mass of the normal from halfway to the star below to halfway to that above ``(n, C)``."""
        mean, deviation = Gaussian.answer(model, user, item)
        halfway = (model.stars_[1:] + model.stars_[:-1]) / 2
        ends = np.concatenate([[-np.inf], halfway, [np.inf]])
        return np.diff(ndtr((ends - mean[:, None]) / deviation[:, None]), axis=1)
