"""Ordered stars: a star is a class, not a length, and where one class ends and the next begins is learnt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from collabkit.averages import CHUNK, MOST_CLASSES, classes_of, score
from collabkit.gibbs import Side, gamma
from collabkit.ratings import Ratings
from collabkit.sittings import Sittings

LONGER, SHORTER = 1.15, 0.9  # what a step becomes when it was taken and when not: it settles where 43 % are taken
LEAST = 1e-300  # of a probability that is turned into a length


class Ordered:
    r"""The ordered probit within the chain of :class:`collabkit.BayesianMF`: with the score :math:`s` of a pair, a star
    is the class c, of C, in which a hidden length falls,

    .. math:: z_{ui} \sim N(s_{ui}, 1/w_u), \qquad r_{ui} = c \iff t_{c-1} < z_{ui} \le t_c, \qquad
              w_u \sim \Gamma(\nu/2, \nu/2)

    The thresholds :math:`t_1 < \dots < t_{C-1}` have a flat prior. Noise is the unit of z, and z has no mean of its
    own, for thresholds stretch and move instead: α is 1 and μ is 0.

    A sweep draws the thresholds given the scores, with z summed out,

    .. math:: p(t \mid s, w) \propto \prod_{ui} \Phi\bigl(\sqrt{w_u}\,(t_c - s_{ui})\bigr)
              - \Phi\bigl(\sqrt{w_u}\,(t_{c-1} - s_{ui})\bigr)

    by Metropolis steps, every other threshold at a time, since between two that stay one knows nothing of the rest.
    Then it draws z given both, from a normal cut off at its thresholds. Given z, a threshold could hardly move: it is
    shut in between two of n lengths.

    Attributes:
        y: z, what the scores have to explain ``(n,)``.
        precision: :math:`w_u`, of the noise of each user's ratings ``(U + 1,)``.

    Source: the model, :cite:t:`albert1993bayesian`; thresholds with z summed out, :cite:t:`cowles1996accelerating`.
    """

    def __init__(self, train: Ratings, side: Side, sittings: Sittings, noise_df: float, device: torch.device):
        if sittings.windows:  # what the rest leaves of z was drawn knowing the whole sitting, its end too
            raise ValueError(
                f"windows={sittings.windows}, and of ordered classes no sitting can be asked for as it was at a time: "
                "choose likelihood='gaussian', or windows=()."
            )
        self.stars, self.side, self.noise_df = _checked(classes_of(train.rating)), side, noise_df
        of_class = torch.from_numpy(np.searchsorted(self.stars, train.rating)).to(device)
        count = torch.bincount(of_class)  # (C,)
        self.rows = of_class.argsort(stable=True).split(count.tolist())  # the ratings of each class
        self.user = torch.from_numpy(train.user.astype("int64")).to(device)
        self.rating = torch.from_numpy(train.rating).to(device)
        share = count.double() / len(train)
        below = share.cumsum(dim=0)
        # scores are 0 as yet; of what they will leave, half is a fair guess
        self.thresholds = 2**0.5 * torch.special.ndtri(below[:-1])  # t (C - 1,), float64
        self.y = (2**0.5 * torch.special.ndtri(below - share / 2)).float()[of_class]
        self.step = (2 / (count[1:] + count[:-1]).sqrt()).double()  # (C - 1,)
        self.precision = torch.ones(len(side.count), device=device)
        self.total_noise = torch.zeros(len(side.count), dtype=torch.float64, device=device)
        self.kept: list[tuple[Tensor, Tensor]] = []

    def draw(self, left: Tensor, rng: torch.Generator, settling: bool) -> float:
        """Noise, thresholds and z, given what the scores leave of ``y`` ``(n,)``; ``settling`` may tune the steps.

        Returns: what the stars to expect miss those of training by, RMSE.
        """
        misses, shape = self.side.blocks.sums(left.square(), len(self.precision)), self.noise_df + self.side.count
        self.noise = (self.noise_df + misses) / (shape - 2)  # the variance to expect, given all the rest
        self.precision = gamma(shape / 2, (self.noise_df + misses) / 2, rng)
        scores, roots = self.y - left, self.precision.sqrt()[self.user]
        parts = [(scores[rows].double(), roots[rows].double()) for rows in self.rows]
        self._move_thresholds(parts, rng, settling)
        for rows, (s, root), (lo, hi) in zip(self.rows, parts, self._ends(self.thresholds), strict=True):
            self.y[rows] = (s + truncated_normal((lo - s) * root, (hi - s) * root, rng) / root).float()
        expected = torch.full_like(scores, float(self.stars[-1]))
        for t, gap in zip(self.thresholds.float(), np.diff(self.stars), strict=True):
            expected -= float(gap) * cdf((t - scores) * roots)
        return float((self.rating - expected).double().square().mean().sqrt())

    def _move_thresholds(self, parts: list[tuple[Tensor, Tensor]], rng: torch.Generator, settling: bool) -> None:
        place, now = torch.arange(len(self.step), device=rng.device), self._log_likelihood(self.thresholds, parts)
        for first in (0, 1):
            moved = place % 2 == first
            noise, luck = (draw(len(place), generator=rng, device=rng.device) for draw in (torch.randn, torch.rand))
            proposed = torch.where(moved, self.thresholds + self.step * noise, self.thresholds)
            then = self._log_likelihood(proposed, parts)
            gain = (then - now)[1:] + (then - now)[:-1]  # of the two classes that a threshold parts
            taken = moved & (luck.log() < gain)
            self.thresholds = torch.where(taken, proposed, self.thresholds)
            beside = torch.nn.functional.pad(taken, (1, 1))  # of each class, whether an end of it has moved
            now = torch.where(beside[1:] | beside[:-1], then, now)
            if settling:  # later steps have one length, as a chain that is to be right has to
                self.step = torch.where(moved, self.step * torch.where(taken, LONGER, SHORTER), self.step)

    def _log_likelihood(self, thresholds: Tensor, parts: list[tuple[Tensor, Tensor]]) -> Tensor:
        """That of the ratings of each class ``(C,)``; -inf where its thresholds are not in order."""
        found = []
        for (s, root), (lo, hi) in zip(parts, self._ends(thresholds), strict=True):
            _, below, up_to = tails((lo - s) * root, (hi - s) * root)
            found.append((up_to - below).clamp(min=0).log().sum())
        return torch.stack(found)

    @staticmethod
    def _ends(thresholds: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Where each class begins and ends."""
        inf = torch.full((1,), torch.inf, dtype=thresholds.dtype, device=thresholds.device)
        return zip(torch.cat([-inf, thresholds]), torch.cat([thresholds, inf]), strict=True)

    def keep(self) -> None:
        """Count the draw of now among those that are kept."""
        self.kept.append((self.thresholds, self.precision))
        self.total_noise += self.noise

    def learnt(self) -> dict[str, Any]:
        """What a fitted model has of it."""
        thresholds, weights = map(torch.stack, zip(*self.kept, strict=True))
        learnt = {"mean_": 0.0, "unit_": 1.0, "stars_": self.stars, "noise_df_": self.noise_df}
        learnt |= {"precisions_": torch.ones_like(weights[:, 0]), "noise_": self.total_noise / len(weights)}
        return learnt | {"thresholds_": thresholds, "weights_": weights}

    # ---- of a fitted model, for codes (n,) on its device ----

    @staticmethod
    def answer(model: Any, user: Tensor, item: Tensor, doubt: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """The stars to expect, and the standard deviation of a new rating ``(n,)``."""
        shares = Ordered.shares(model, user, item)
        mean = (shares * model.stars_).sum(axis=1)
        return mean, np.sqrt((shares * np.square(model.stars_ - mean[:, None])).sum(axis=1))

    @staticmethod
    def by_draw(model: Any, user: Tensor, item: Tensor) -> Iterator[Tensor]:
        """Of each draw, the stars to expect ``(n,)``."""
        gaps = torch.from_numpy(np.diff(model.stars_)).to(user.device)
        for up_to in _up_to(model, user, item):
            yield model.stars_[-1] - gaps @ up_to

    @staticmethod
    def shares(model: Any, user: Tensor, item: Tensor) -> np.ndarray:
        """Of each star its probability, the mean over draws ``(n, C)``."""
        found = []
        for u, i in zip(user.split(CHUNK // 8), item.split(CHUNK // 8), strict=True):
            total = torch.zeros(2 + model.thresholds_.shape[1], len(u), dtype=torch.float64, device=user.device)
            total[-1] = len(model.thresholds_)
            for up_to in _up_to(model, u, i):
                total[1:-1] += up_to
            found.append((total / len(model.thresholds_)).diff(dim=0).clamp(min=0))  # rounding may pass 0
        return torch.cat(found, dim=1).cpu().numpy().T


def _up_to(model: Any, user: Tensor, item: Tensor) -> Iterator[Tensor]:
    """Of each draw, the probability of a star below each threshold ``(C - 1, n)``, float64."""
    draws = model.user_draws_, model.item_draws_, model.thresholds_, model.weights_
    for p, q, thresholds, weight in zip(*draws, strict=True):
        s = score(p[user].float(), q[item].float()).double()
        yield cdf((thresholds[:, None] - s) * weight[user].sqrt())


def truncated_normal(a: Tensor, b: Tensor, rng: torch.Generator) -> Tensor:
    """Standard normal draws between a and b, float64, by the inverse of Φ; right to rounding out to 37 on either side.

    Further out, where Φ is too small for a number, they lie at the end that is nearer to 0.
    """
    right, below, up_to = tails(a, b)
    share = torch.rand(a.shape, generator=rng, device=a.device, dtype=a.dtype)
    draw = torch.special.ndtri((below + share * (up_to - below)).clamp(min=LEAST))
    return torch.where(right, -draw, draw).clamp(a, b)


def tails(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Whether more of the interval lies right of 0; and Φ at both its ends, or at those of its mirror image if so.

    So what lies between them is never the difference of two numbers next to 1.
    """
    right = a + b > 0
    return right, cdf(torch.where(right, -b, a)), cdf(torch.where(right, -a, b))


def cdf(x: Tensor) -> Tensor:
    """Φ. ``torch.special.ndtr`` has no left tail: below -8 it is 0."""
    return 0.5 * torch.erfc(x * -(0.5**0.5))


def _checked(stars: np.ndarray | None) -> np.ndarray:
    if stars is None:
        raise ValueError(
            f"likelihood='ordered', and these ratings have more than {MOST_CLASSES} values: it is for few, such as "
            "stars. Choose likelihood='gaussian', or round them."
        )
    if len(stars) < 2:
        cure = "Choose likelihood='gaussian', or fit it to ratings that differ."
        raise ValueError(f"likelihood='ordered', and all these ratings are {stars[0]:g}: there is no threshold. {cure}")
    return stars
