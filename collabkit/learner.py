"""The learner: the one place that meets fastai's training loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar

import torch
from fastai.callback import hook, progress, schedule  # noqa: F401  they add summary, no_bar, fit_one_cycle to Learner
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.torch_core import is_listy
from torch import Tensor, nn

from collabkit import checks
from collabkit.borrowed import AsksWhoListens
from collabkit.recipe import RANKING, RECIPE, SETTLED_ON
from collabkit.training.losses import LossStaysOnDevice, RootMeanSquaredError, mean_squared_error
from collabkit.training.optimizer import GroupedAdamW, can_fuse, split_biases
from collabkit.training.start import start_at_mean

Rate: TypeAlias = float | slice | Sequence[float]  # one, or as fastai gives each group of parameters its own
RankingLoss: TypeAlias = Callable[[nn.Module, Tensor, Tensor], Tensor]  # of a model, x (B, 2) and its scores (B, 1)
Given = TypeVar("Given", bound=Rate | None)


def rating_learner(
    dls: DataLoaders,
    model: nn.Module,
    wd: float | None = None,
    decay_factors: bool = True,
    decay_biases: bool = False,
    lr: Rate = RECIPE.lr,
    mean_start: bool | None = None,
    **kwargs: Any,
) -> RatingLearner:
    r"""A fastai ``Learner`` for ratings: mean squared error, AdamW, RMSE in stars as its metric.

    Each step of the rate :math:`\eta` shrinks a parameter by the decay :math:`\lambda` and, apart from that, moves it
    by Adam's step for its gradient: :math:`w \leftarrow (1 - \eta\lambda)\,w - \eta\,\text{Adam}(g)`.

    Args:
        dls: from :func:`collabkit.collab_dataloaders`.
        model: any module ``(B, 2) -> (B, 1)``.
        wd: decoupled weight decay, :math:`\lambda`. It reaches factors and weights, not biases, told apart by
            parameter name. By default that of ``RECIPE`` for as many ratings as ``dls`` train on.
        decay_factors, decay_biases: switch either part on or off. They hold for ``fit(wd=…)`` and
            ``fit_one_cycle(wd=…)`` too, which in plain fastai write one decay into every group.
        lr: the rate that ``fit_one_cycle`` uses when it is not told another.
        mean_start: whether a model that has learnt nothing yet starts at the mean of the training ratings, by
            :func:`collabkit.training.start.start_at_mean`. By default it does where there are fewer than ``RECIPE``
            was settled on. Turn it on for a larger table, if its users or items have few ratings each.
        kwargs: what fastai's ``Learner`` takes (``cbs``, ``metrics``, ``path``, …).

    The model trains where ``dls`` live: the GPU when there is one.

    Raises: ``ValueError`` for a rate that is not above 0 and a decay below 0, also when it trains; ``TypeError`` for
        what are no ``dls`` and for what is no module; ``FloatingPointError``, in training, when the loss is no longer a
        number.
    Source: :cite:t:`loshchilov2019decoupled`; :cite:t:`howard2020fastai`.
    """
    if not isinstance(dls, DataLoaders):
        raise TypeError(f"dls is a {type(dls).__name__}: collab_dataloaders(split) makes them of a split.")
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}: pass the module to train, such as DotProductBias(…).")
    wd, lr = decay(RECIPE.sized(dls.train.n).wd if wd is None else wd), rate("lr", lr)
    decay_factors = checks.flag("decay_factors", decay_factors)
    decay_biases = checks.flag("decay_biases", decay_biases)
    mean_start = dls.train.n < SETTLED_ON if mean_start is None else checks.flag("mean_start", mean_start)
    kwargs = {
        "loss_func": mean_squared_error,
        "metrics": RootMeanSquaredError(),
        "opt_func": partial(GroupedAdamW, decays=(decay_factors, decay_biases), fused=can_fuse(dls.device)),
        "splitter": split_biases,
        **kwargs,
    }
    learn = RatingLearner(dls, model, wd=wd, lr=lr, **kwargs).add_cbs([LossStaysOnDevice(), StopOnNaN()])
    return learn.add_cb(StartAtMean()) if mean_start else learn


def ranking_learner(
    dls: DataLoaders,
    model: nn.Module,
    loss: RankingLoss,
    wd: float | None = None,
    lr: Rate = RANKING.lr,
    **kwargs: Any,
) -> RankingLearner:
    """A fastai ``Learner`` for lists: every rating of ``dls`` is a "yes" of so many stars that do not count.

    Args:
        dls: from :func:`collabkit.collab_dataloaders`, of the ratings that say yes.
        model: any module ``(B, 2) -> (B, 1)``; its scores become scores to rank by.
        loss: :class:`~collabkit.BPRLoss` or :class:`collabkit.SampledSoftmax`, of the same training ratings, or
            your own: called with the model, a batch x ``(B, 2)`` and its scores ``(B, 1)``, it scores what it wants to
            hold against them, and returns one number.
        wd: decoupled weight decay of the factors, as in :func:`rating_learner`; biases have none. By default that of
            ``RANKING`` for as many ratings as ``dls`` train on.
        lr: the rate that ``fit_one_cycle`` uses when it is not told another.
        kwargs: what fastai's ``Learner`` takes (``cbs``, ``metrics``, ``path``, …).

    Model and loss go where ``dls`` live. The defaults are those of ``RANKING``, settled for the sampled softmax.

    Raises: as :func:`rating_learner`; ``TypeError`` for a loss that cannot be called.
    """
    if not isinstance(dls, DataLoaders):
        raise TypeError(f"dls is a {type(dls).__name__}: collab_dataloaders(split) makes them of a split.")
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}: pass the module to train, such as BPR(…).")
    if isinstance(loss, type) or not callable(loss):
        raise TypeError(f"loss is {loss!r}: pass one that is built, such as SampledSoftmax(split.train).")
    kwargs = {
        "opt_func": partial(GroupedAdamW, decays=(True, False), fused=can_fuse(dls.device)),
        "splitter": split_biases,
        **kwargs,
    }
    wd, lr = decay(RANKING.sized(dls.train.n).wd if wd is None else wd), rate("lr", lr)
    learn = RankingLearner(dls, model, loss, wd=wd, lr=lr, **kwargs)
    return learn.add_cbs([LossStaysOnDevice(), StopOnNaN()])


class RatingLearner(AsksWhoListens, Learner):
    """A fastai ``Learner`` whose settings are checked when it trains, and whose exported file holds no ratings."""

    def fit(self, n_epoch: int, lr: Rate | None = None, wd: float | None = None, *args: Any, **kwargs: Any) -> None:
        """fastai's ``fit``: epochs at one rate."""
        n_epoch, lr, wd = checks.whole("n_epoch", n_epoch, at_least=1), rate("lr", lr), decay(wd)
        try:
            super().fit(n_epoch, lr, wd, *args, **kwargs)
        finally:  # an epoch that lr_find or Ctrl-C has ended left its losses where they were
            for cb in self.cbs:
                if isinstance(cb, LossStaysOnDevice):
                    cb.fetch()

    def fit_one_cycle(self, n_epoch: int, lr_max: Rate | None = None, *args: Any, **kwargs: Any) -> None:
        """fastai's ``fit_one_cycle``: epochs in which the rate rises to ``lr_max`` and falls to nothing."""
        super().fit_one_cycle(n_epoch, rate("lr_max", lr_max), *args, **kwargs)

    def export(self, *args: Any, **kwargs: Any) -> None:
        """fastai's ``export``, without what the last batches have left: ratings in the metrics, errors in the loss."""
        for metric in self.metrics:
            metric.reset()
        self.loss_grad = None  # one number, in front of the squared errors that it is the mean of
        super().export(*args, **kwargs)


class RankingLearner(RatingLearner):
    """A ``RatingLearner`` whose loss is of pairs, and scores others beside them."""

    def __init__(self, dls: DataLoaders, model: nn.Module, loss: RankingLoss, **kwargs: Any):
        self.ranks = loss.to(dls.device) if isinstance(loss, nn.Module) else loss
        super().__init__(dls, model, loss_func=self.loss_of_pairs, **kwargs)

    def loss_of_pairs(self, scores: Tensor, stars: Tensor) -> Tensor:
        """What fastai calls with the scores of a batch; the pairs themselves are in ``x``."""
        return self.ranks(self.model, self.x, scores)

    def export(self, *args: Any, **kwargs: Any) -> None:
        """fastai's ``export``, without the loss, which knows who has rated what."""
        kept, self.ranks = self.ranks, gone
        try:
            super().export(*args, **kwargs)
        finally:
            self.ranks = kept


def gone(model: nn.Module, x: Tensor, scores: Tensor) -> Tensor:
    """What an exported learner has for a loss."""
    raise ValueError("a loss that ranks stays behind when a learner is exported: build ranking_learner(…) to train.")


def rate(name: str, value: Given) -> Given | float:
    """A learning rate above 0; ``None`` and what fastai takes for several groups, such as a slice, stay as they are."""
    return value if value is None or is_listy(value) else checks.number(name, value, above=0)


def decay(value: float | None) -> float | None:
    """A weight decay of at least 0; ``None`` stays as it is."""
    return None if value is None else checks.number("wd", value, at_least=0)


class StopOnNaN(Callback):
    """Stop at the end of the epoch in which the training loss is no longer a number."""

    def after_train(self) -> None:
        if not torch.isfinite(self.loss) and not hasattr(self.learn, "lr_finder"):  # lr_find diverges on purpose
            raise FloatingPointError(
                f"the training loss is {self.loss.item()} in epoch {self.epoch}: training diverged. "
                "Use a lower learning rate, and start again from a new model."
            )


class StartAtMean(Callback):
    """When a fit begins, a model that has learnt nothing yet starts at the mean of the training ratings."""

    order = schedule.ParamScheduler.order + 1  # after lr_find has saved the model that it will put back

    def before_fit(self) -> None:
        data = self.dls.train.dataset
        start_at_mean(self.model, data.x, data.y)
