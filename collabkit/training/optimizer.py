"""The optimizer: AdamW that decays factors and not biases, for fastai's training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from fastai.optimizer import Optimizer, OptimWrapper
from torch import nn

from collabkit.borrowed import DecaysByGroup, adamw


def split_biases(model: nn.Module) -> list[list[nn.Parameter]]:
    """Two parameter groups by name: factors and weights, then biases (``user_bias.weight``, ``layers.0.bias``)."""
    groups: tuple[list[nn.Parameter], list[nn.Parameter]] = ([], [])
    for name, parameter in model.named_parameters():
        is_bias = any(part == "bias" or part.endswith("_bias") for part in name.split("."))
        groups[is_bias].append(parameter)
    return list(groups)


class GroupedDecay(DecaysByGroup, OptimWrapper):
    """fastai's wrapper of a PyTorch optimizer, in which some parameter groups are never decayed.

    Args:
        decays: for each group, whether weight decay reaches it, however it is set.
    """

    def __init__(
        self,
        params: Iterable[Iterable[nn.Parameter]],
        opt: Callable[..., torch.optim.Optimizer],
        decays: tuple[bool, ...],
        **kwargs: Any,
    ):
        self.decays = decays
        super().__init__(params, opt, **kwargs)


class GroupedAdamW(DecaysByGroup, Optimizer):
    """AdamW as a fastai ``Optimizer``, in which some parameter groups are never decayed: one kernel call a group.

    ``torch.optim.AdamW`` makes the same steps, bit for bit, but its class loads PyTorch's compiler on first use,
    which takes longer than a fit, and fastai's wrapper rebuilds the settings of every group several times a batch.

    Args:
        decays: for each group, whether weight decay reaches it, however it is set.
        fused: whether the device has PyTorch's fused kernel.
        eps: AdamW's usual 1e-8 lets rarely seen rows take huge steps.

    Source: :cite:t:`loshchilov2019decoupled`.
    """

    def __init__(
        self,
        params: Iterable[Iterable[nn.Parameter]],
        lr: float,
        decays: tuple[bool, ...],
        fused: bool = True,
        mom: float = 0.9,
        sqr_mom: float = 0.99,
        eps: float = 1e-5,
        wd: float = 0.0,
    ):
        self.decays, self.fused = decays, fused
        super().__init__(params, [], lr=lr, mom=mom, sqr_mom=sqr_mom, eps=eps, wd=wd)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group, hyper in zip(self.param_lists, self.hypers, strict=True):
            params = [p for p in group if p.grad is not None]
            for p in params:
                if "step" not in self.state[p]:
                    zero = torch.zeros((), device=p.device if self.fused else None)  # the other kernels count here
                    self.state[p] |= {"grad_avg": torch.zeros_like(p), "sqr_avg": torch.zeros_like(p), "step": zero}
            grad_avg, sqr_avg, step = (
                [self.state[p][name] for p in params] for name in ("grad_avg", "sqr_avg", "step")
            )
            adamw(
                params,
                [p.grad for p in params],
                grad_avg,
                sqr_avg,
                [],
                step,
                fused=self.fused,
                amsgrad=False,
                maximize=False,
                lr=hyper["lr"],
                beta1=hyper["mom"],
                beta2=hyper["sqr_mom"],
                eps=hyper["eps"],
                weight_decay=hyper["wd"],
            )

    def zero_grad(self) -> None:
        """Drop the gradients: the next backward pass writes new ones instead of adding to a table of zeros."""
        for p, *_ in self.all_params():
            p.grad = None


def can_fuse(device: str | torch.device) -> bool:
    """Whether PyTorch has its fused AdamW, one kernel for a whole group, for this device."""
    return torch.device(device).type in ("cpu", "cuda")
