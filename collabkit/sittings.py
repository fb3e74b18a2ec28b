"""Sittings: how far a user's stars of one day or hour lie from their usual ones, and what may be known of it when."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from collabkit.blocks import Blocks
from collabkit.checks import choice, whole
from collabkit.gibbs import WORTH, gamma, overrelaxed
from collabkit.ratings import Ratings

Sitting: TypeAlias = Literal["before", "around"]


class Sittings:
    r"""Effects of a user's windows of time within the chain. Of the window :math:`t` of each size :math:`s`,

    .. math:: m_{ut}^{(s)} \sim N(0, 1/\tau_s), \qquad \tau_s \sim \text{a weak gamma}

    Attributes:
        offset: their sum for each training rating ``(n,)``; 0 without windows.
        variance: :math:`\sum_s 1/\tau_s`: what is added to the noise of a rating whose time is not known.
    """

    def __init__(self, train: Ratings, windows: Any, device: torch.device, overrelaxation: float = 0.0):
        self.windows, self.train, self.overrelaxation = sizes(windows), train, overrelaxation
        if self.windows and train.timestamp is None:
            raise ValueError(
                f"windows={windows!r}, and these ratings have no timestamps: choose windows=(), or name the column "
                "of times: Ratings.from_frame(df, timestamp=…)."
            )
        self.effects = [_Effects(train, size, device) for size in self.windows]
        self.user = torch.from_numpy(train.user.astype("int64")).to(device)
        self.offset = self.variance = torch.zeros((), device=device)
        self.now: list[Tensor] = []  # what the rest leaves, precision of each user, variance of each size
        self.totals: list[Tensor] = []  # of these, over the draws that are kept

    def draw(self, left: Tensor, precision: Tensor, rng: torch.Generator) -> Tensor:
        """All effects, given what the rest of the model leaves ``(n,)`` and each user's precision ``(U + 1,)``.

        Returns: what these leave in their turn ``(n,)``.
        """
        if not self.effects:
            return left
        rest, own = left - self.offset, precision[self.user]
        for one in self.effects:
            rest += one.value[one.code]
            one.draw(rest, own, rng, self.overrelaxation)
            rest -= one.value[one.code]
        self.offset = torch.stack([one.value[one.code] for one in self.effects]).sum(dim=0)
        spread = 1 / torch.stack([one.tau for one in self.effects])  # (W,)
        self.variance, self.now = spread.sum(), [left, precision, spread]
        return left - self.offset

    def keep(self) -> None:
        """Count the draw of now among those that :meth:`learnt` averages."""
        if self.effects:
            self.totals = [a + b for a, b in zip(self.totals, self.now, strict=True)] if self.totals else self.now

    def learnt(self, n_samples: int) -> Moods | None:
        """What can be asked afterwards; nothing without windows."""
        if not self.effects:
            return None
        left, precision, spread = ((total / n_samples).cpu().double().numpy() for total in self.totals)
        user, time = self.train.user, np.asarray(self.train.timestamp)
        return Moods(np.array(self.windows), spread, user, time, left, precision[user])


class _Effects:
    """Those of one size of window."""

    def __init__(self, train: Ratings, size: int, device: torch.device):
        window = np.unique(np.asarray(train.timestamp) // size, return_inverse=True)[1]
        code = np.unique(train.user.astype("int64") * len(window) + window, return_inverse=True)[1]
        self.n = int(code.max()) + 1
        self.code, self.blocks = torch.from_numpy(code).to(device), Blocks(code, code, self.n, device)
        self.value, self.tau = torch.zeros(self.n, device=device), torch.tensor(20.0, device=device)

    def draw(self, rest: Tensor, precision: Tensor, rng: torch.Generator, lean: float) -> None:
        total = self.blocks.sums(precision, self.n) + self.tau
        mean = self.blocks.sums(precision * rest, self.n) / total
        noise = torch.randn(self.n, generator=rng, device=rest.device)
        self.value = overrelaxed(mean + noise / total.sqrt(), mean, self.value, lean).float()
        self.tau = gamma((WORTH + self.n) / 2, (1 + self.value.square().sum()) / 2, rng)


class Moods(NamedTuple):
    """What is left of training ratings, averaged over the draws: all that is needed to ask for a sitting.

    Attributes:
        windows: their sizes in seconds ``(W,)``.
        spread: variance of the effects of each size ``(W,)``.
        user, time, left, precision: of each training rating ``(n,)``: code, seconds, what the model without sittings
            leaves of it, and the precision of its noise.
    """

    windows: np.ndarray
    spread: np.ndarray
    user: np.ndarray
    time: np.ndarray
    left: np.ndarray
    precision: np.ndarray

    def ask(self, user: np.ndarray, time: np.ndarray, sitting: Sitting) -> tuple[np.ndarray, np.ndarray]:
        r"""The mean of :math:`\sum_s m_{ut}^{(s)}` and its variance, for each user and time ``(n,)``.

        Ratings are Gaussian given their windows, so both are exact, given the averages above: a Kalman filter walks
        through a user's ratings in time. Where it enters a new window, it forgets the effect of the last one.
        ``"before"`` is its state at the time asked for. ``"around"`` joins it to the state of a second walk, from the
        end back. A window that holds an earlier and a later rating holds the time between, so that given its windows
        the two know nothing of each other, and precisions add up:

        .. math:: V^{-1} = A^{-1} + B^{-1} - \operatorname{diag}(\tau), \qquad m = V (A^{-1} a + B^{-1} b)
        """
        pairs, place = np.unique(np.stack([user, time]), axis=1, return_inverse=True)
        rows = np.isin(self.user, pairs[0])
        asked = np.isin(pairs[0], self.user[rows])  # of the others there is nothing to walk through
        user = np.concatenate([self.user[rows], pairs[0, asked]])
        time = np.concatenate([self.time[rows], pairs[1, asked]])
        gives = np.arange(len(user)) < rows.sum()  # False for a question, whose precision is 0
        left, precision = np.zeros((2, len(user)))
        left[gives], precision[gives] = self.left[rows], self.precision[rows]
        order = np.lexsort((gives, time, user))  # a question comes before the ratings of its own second
        walked = [part[order] for part in (user, time[:, None] // self.windows, left, precision, ~gives)]
        a, A = _walk(self.spread, *walked)
        if sitting == "around" and len(a):
            b, B = (state[::-1] for state in _walk(self.spread, *(part[::-1] for part in walked)))
            A, B = np.linalg.inv(A), np.linalg.inv(B)
            V = np.linalg.inv(A + B - np.diag(1 / self.spread))
            a, A = (V @ (A @ a[..., None] + B @ b[..., None]))[..., 0], V
        mean, variance = np.zeros(len(asked)), np.full(len(asked), self.spread.sum())
        mean[asked], variance[asked] = a.sum(axis=1), A.sum(axis=(1, 2))  # pairs are sorted as the walk is
        return mean[place.ravel()], variance[place.ravel()]


def _walk(
    spread: np.ndarray, user: np.ndarray, window: np.ndarray, left: np.ndarray, precision: np.ndarray, asks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean ``(q, W)`` and covariance ``(q, W, W)`` of the effects at each row that asks, from the rows before it.

    All users take their next step at once, those with most rows first, so that who is still walking is a slice.
    """
    _, start, count = np.unique(user, return_index=True, return_counts=True)
    by_count = np.argsort(-count, kind="stable")
    start, count = start[by_count], count[by_count]
    n_sizes, prior = len(spread), np.diag(spread)
    answer = np.cumsum(asks) - 1
    means, covariances = np.empty((asks.sum(), n_sizes)), np.empty((asks.sum(), n_sizes, n_sizes))
    mean, covariance = np.zeros((len(count), n_sizes)), np.tile(prior, (len(count), 1, 1))
    last = window[start]
    for step in range(count.max(initial=0)):
        g = np.searchsorted(-count, -step)  # users with more than so many rows
        row, m, C = start[:g] + step, mean[:g], covariance[:g]
        same = window[row] == last[:g]  # (g, W)
        last[:g] = window[row]
        m *= same
        C *= same[:, :, None] & same[:, None, :]
        C += prior * ~same[:, :, None]
        questions = asks[row]
        means[answer[row[questions]]], covariances[answer[row[questions]]] = m[questions], C[questions]
        gain = C.sum(axis=2)  # (g, W)
        rate = precision[row] / (1 + precision[row] * gain.sum(axis=1))
        m += gain * (rate * (left[row] - m.sum(axis=1)))[:, None]
        C -= rate[:, None, None] * gain[:, :, None] * gain[:, None, :]
    return means, covariances


def mood_of(moods: Moods | None, user: np.ndarray, times: ArrayLike, sitting: Sitting) -> tuple[np.ndarray, np.ndarray]:
    """What is added to each score at its time, and by how much the variance of the rating is less ``(n,)``, checked."""
    if moods is None:
        raise ValueError(
            "this model has no windows: fit BayesianMF(windows=(86_400, 3_600, 600)), or call predict, without times. "
            "One that was saved has lost them."
        )
    choice("sitting", sitting, get_args(Sitting))
    mean, variance = moods.ask(user, seconds(times, len(user)), sitting)
    return mean, moods.spread.sum() - variance


def sizes(windows: Any) -> tuple[int, ...]:
    """Checked sizes of windows in seconds."""
    if isinstance(windows, str) or not hasattr(windows, "__iter__") or getattr(windows, "ndim", 1) != 1:
        shown = " ".join(repr(windows).split())
        raise TypeError(f"windows={shown}: choose sizes in seconds, such as (86_400, 3_600, 600), or () for none.")
    return tuple(whole(f"windows[{k}]", size, at_least=1) for k, size in enumerate(windows))


def seconds(times: ArrayLike, n: int) -> np.ndarray:
    """Times of n pairs, or one for all, as int64 seconds ``(n,)``: of date-times, or numbers as in training."""
    given: Any = times.detach().cpu().numpy() if isinstance(times, Tensor) else times
    found = pd.Series(given if pd.api.types.is_list_like(given) else [given]).infer_objects()
    if len(found) not in (1, n):
        raise ValueError(f"times has {len(found)} values for {n} pairs: pass one for each, or one for all.")
    if pd.api.types.is_datetime64_any_dtype(found):
        found = (found if found.dt.tz is None else found.dt.tz_convert(None)).astype("datetime64[s]")
    elif pd.api.types.infer_dtype(found) not in ("integer", "floating", "mixed-integer-float"):
        raise TypeError(f"times has values of type {found.dtype}: pass date-times, or numbers as in training.")
    if found.isna().any() or not np.isfinite(found.to_numpy("float64")).all():
        raise ValueError("times has values that are missing or not finite: each pair needs a time, or leave times out.")
    return np.broadcast_to(found.to_numpy().astype("int64"), n)
