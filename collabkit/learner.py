"""The learner: the one place that meets fastai's training loop."""

from __future__ import annotations

from functools import partial

import torch
from fastai.callback import hook, progress, schedule  # noqa: F401  they add summary, no_bar, fit_one_cycle to Learner
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import MSELossFlat
from fastai.metrics import AccumMetric
from fastai.optimizer import OptimWrapper
from torch import nn

from collabkit.metrics import rmse
from collabkit.recipe import RECIPE


def rating_learner(
    dls: DataLoaders,
    model: nn.Module,
    wd: float = RECIPE.wd,
    decay_factors: bool = True,
    decay_biases: bool = False,
    lr: float = RECIPE.lr,
    **kwargs,
) -> Learner:
    r"""A fastai ``Learner`` for ratings: mean squared error, AdamW, RMSE in stars as its metric.

    Each step of the rate :math:`\eta` shrinks a parameter by the decay :math:`\lambda` and, apart from that, moves it
    by Adam's step for its gradient: :math:`w \leftarrow (1 - \eta\lambda)\,w - \eta\,\text{Adam}(g)`.

    Args:
        dls: from :func:`collabkit.collab_dataloaders`.
        model: any module ``(B, 2) -> (B, 1)``.
        wd: decoupled weight decay, :math:`\lambda`. It reaches factors and weights, not biases, told apart by
            parameter name.
        decay_factors, decay_biases: switch either part on or off. They hold for ``fit(wd=…)`` and
            ``fit_one_cycle(wd=…)`` too, which in plain fastai write one decay into every group.
        lr: the rate that ``fit_one_cycle`` uses when it is not told another.
        kwargs: what fastai's ``Learner`` takes (``cbs``, ``metrics``, ``path``, …).

    The model trains where ``dls`` live: the GPU when there is one.

    Raises: ``FloatingPointError``, in training, when the loss is no longer a number.
    Source: :cite:t:`loshchilov2019decoupled`; :cite:t:`howard2020fastai`.
    """
    # fused: one kernel updates all tables. eps: AdamW's own 1e-8 lets rarely seen rows take huge steps.
    adamw = partial(torch.optim.AdamW, betas=(0.9, 0.99), eps=1e-5, weight_decay=0.0, fused=_can_fuse(dls.device))
    opt_func = partial(GroupedDecay, opt=adamw, decays=(decay_factors, decay_biases))
    kwargs = {
        "loss_func": MSELossFlat(),
        "metrics": AccumMetric(rmse),
        "opt_func": opt_func,
        "splitter": split_biases,
        **kwargs,
    }
    return Learner(dls, model, wd=wd, lr=lr, **kwargs).add_cb(StopOnNaN())


def split_biases(model: nn.Module) -> list[list[nn.Parameter]]:
    """Two parameter groups by name: factors and weights, then biases (``user_bias.weight``, ``layers.0.bias``)."""
    groups: tuple[list, list] = ([], [])
    for name, parameter in model.named_parameters():
        is_bias = any(part == "bias" or part.endswith("_bias") for part in name.split("."))
        groups[is_bias].append(parameter)
    return list(groups)


class GroupedDecay(OptimWrapper):
    """fastai's wrapper of a PyTorch optimizer, in which some parameter groups are never decayed.

    Args:
        decays: for each group, whether weight decay reaches it, however it is set.
    """

    def __init__(self, params, opt, decays: tuple[bool, ...], **kwargs):
        self.decays = decays
        super().__init__(params, opt, **kwargs)

    def _set_hyper(self, k, v):
        super()._set_hyper(k, [wd * on for wd, on in zip(v, self.decays, strict=True)] if k == "wd" else v)


class StopOnNaN(Callback):
    """Stop at the end of the epoch in which the training loss is no longer a number."""

    def after_train(self):
        if not torch.isfinite(self.loss) and not hasattr(self.learn, "lr_finder"):  # lr_find diverges on purpose
            raise FloatingPointError(
                f"the training loss is {self.loss.item()} in epoch {self.epoch}: training diverged. "
                "Use a lower learning rate, and start again from a new model."
            )


def _can_fuse(device) -> bool:
    return torch.device(device).type in ("cpu", "cuda")
