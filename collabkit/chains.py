"""Chains: how far what is averaged over draws would still move with other draws, told from the draws themselves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import Tensor

from collabkit.ratings import Ratings

WATCHED = 250  # training pairs, and as many random ones
SETTLED = 1.1  # the usual bound on R-hat
FELT = 0.05  # of an RMSE: an error of predictions that adds a thousandth to it


class Chain(NamedTuple):
    r"""What the two halves of a chain say of it, pooled over the numbers that were watched.

    With :math:`W` the mean variance within a half of S/2 draws, and :math:`D` the mean square of what the means of the
    halves are apart,

    .. math:: \hat R = \sqrt{1 - \frac2S + \frac{D}{2W}}, \qquad \text{error} = \sqrt{D / 4}, \qquad
              n_{\text{eff}} = \min(S,\; 4W/D)

    Attributes:
        r_hat: split R-hat; near 1 when the halves are alike.
        n_effective: how many independent draws would leave the same error.
        error: standard error of an average over all draws, in the unit of the draws.

    Source: split R-hat :cite:t:`vehtari2021rank`; here of predictions, which are what is used, and which do not depend
    on the order or the signs of factors.
    """

    r_hat: float
    n_effective: float
    error: float

    @property
    def settled(self) -> bool:
        return self.r_hat <= SETTLED

    def moves(self, rmse: float) -> bool:
        """Whether it has not settled, and the error that is left is felt in an RMSE of this size."""
        return not self.settled and self.error > FELT * rmse


def watched(train: Ratings) -> tuple[np.ndarray, np.ndarray]:
    """Codes of the users and items ``(n,)`` whose predictions say whether a chain has settled: the same every time."""
    rng = np.random.default_rng(0)
    rows = rng.integers(len(train), size=WATCHED)
    users, items = (
        np.concatenate([code[rows], rng.integers(n, size=WATCHED)]).astype("int64")
        for code, n in ((train.user, train.n_users), (train.item, train.n_items))
    )
    return users, items


def chain_of(draws: Tensor) -> Chain:
    """Of the draws ``(S, n)`` of n numbers, in order. Fewer than four say nothing: R-hat and error are infinite."""
    S = len(draws) // 2 * 2
    if S < 4:
        return Chain(float("inf"), 0.0, float("inf"))
    halves = draws[len(draws) - S :].double().view(2, S // 2, -1)
    within = float(halves.var(dim=1).mean())
    apart = float((halves[0].mean(dim=0) - halves[1].mean(dim=0)).square().mean())
    if apart == 0:
        return Chain(1.0, float(S), 0.0)
    r_hat = (1 - 2 / S + apart / (2 * within)) ** 0.5 if within else float("inf")
    return Chain(r_hat, min(S, 4 * within / apart), (apart / 4) ** 0.5)
