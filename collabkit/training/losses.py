"""Losses and scores of a fit, which stay on its device until an epoch ends: fetching one makes the processor wait."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from fastai.callback.core import Callback
from fastai.learner import AvgLoss, AvgSmoothLoss, Learner, Metric, Recorder
from torch import Tensor


def mean_squared_error(prediction: Tensor, stars: Tensor, reduction: str = "mean") -> Tensor:
    """Mean squared error of two tensors with the same number of elements; ``(B,)`` and ``(B, 1)`` mix safely."""
    return F.mse_loss(prediction.reshape(-1), stars.reshape(-1), reduction=reduction)


class RootMeanSquaredError(Metric):
    """RMSE in stars over all rows that were measured; ``None`` for no rows. See :func:`collabkit.rmse`."""

    name = "rmse"

    def reset(self) -> None:
        self.sums: list[Tensor] = []
        self.count = 0

    def accumulate(self, learn: Learner) -> None:
        self.sums.append(mean_squared_error(learn.pred.detach(), learn.y, reduction="sum"))
        self.count += learn.y.numel()

    @property
    def value(self) -> float | None:
        return (torch.stack(self.sums).cpu().double().sum() / self.count).sqrt().item() if self.count else None


class MeanLoss(AvgLoss):
    """fastai's mean of the validation loss."""

    total: Tensor | float

    def accumulate(self, learn: Learner) -> None:
        self.total = self.total + learn.loss.detach().mean() * len(learn.y)
        self.count += len(learn.y)


class SmoothLoss(AvgSmoothLoss):
    """fastai's smoothed training loss."""

    val: Tensor | None

    def reset(self) -> None:
        self.count, self.val, self.smooth = 0, None, torch.tensor(torch.nan)

    def accumulate(self, learn: Learner) -> None:
        loss = learn.loss.detach()
        loss = loss.mean() if loss.dim() else loss
        self.count += 1
        self.val = torch.lerp(loss, torch.zeros_like(loss) if self.val is None else self.val, self.beta)
        self.smooth = self.val / (1 - self.beta**self.count)

    @property
    def value(self) -> Tensor:
        return self.smooth


class LossStaysOnDevice(Callback):
    """The recorder keeps the losses where they are, and fetches those of an epoch's steps together at its end."""

    order = Recorder.order + 1  # its after_batch comes first
    fetched = 0

    def before_fit(self) -> None:
        if not isinstance(self.recorder.smooth_loss, SmoothLoss):  # in a first fit, since fastai warns in a later one
            self.recorder.smooth_loss = SmoothLoss(self.recorder.smooth_loss.beta)
            self.recorder.smooth_loss.reset()
            self.recorder.__dict__["loss"] = MeanLoss()  # set plainly, fastai warns of `learn.loss`, which is another
        self.fetched = 0

    def after_train(self) -> None:
        self.fetch()

    def fetch(self) -> None:
        losses = getattr(self.recorder, "losses", [])  # none when something refused to begin
        if new := losses[self.fetched :]:
            losses[self.fetched :] = torch.stack(new).cpu().unbind()
        self.fetched = len(losses)
