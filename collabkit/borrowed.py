"""Private parts of fastai and PyTorch that the course leans on, all of them here.

``make versions`` runs them with the lowest versions, Colab's and the newest: fastai 2.8.8 to 2.8.12, PyTorch 2.11 to
2.13. A part that goes in a later version is an ``ImportError`` that says so, never a fit that means something else:

============================================  ======================================================================
``torch.optim.adamw.adamw``                   A step of AdamW as a function. ``torch.optim.AdamW`` makes the same steps.
``torch._standard_gamma``                     Gamma draws from a generator of one's own; ``torch.distributions`` has the
                                              global one alone.
``fastai.optimizer.Optimizer._set_hyper``     Where every setting passes: ``DecaysByGroup`` keeps the decay from
                                              biases.
``fastai.learner.Learner.__call__``           Where every event passes: ``AsksWhoListens`` is only quicker, and can
                                              be left out.
============================================  ======================================================================
"""

from __future__ import annotations

import time
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch.optim import adamw as adamw_module

IN_A_BATCH = [f"{when}_{what}" for when in ("before", "after") for what in ("batch", "backward", "step")]
IN_A_BATCH += ["after_pred", "after_loss"]
REDRAW = 0.1  # seconds between two looks at the progress bar: it fetches the loss, for which a GPU has to be waited for


def part(owner: Any, name: str) -> Any:
    """A private part, or an ``ImportError`` that says which one has gone."""
    if not hasattr(owner, name):
        raise ImportError(
            f"{owner.__name__} has no {name} any more, which collabkit leans on: it was tested with fastai 2.8 and "
            f"PyTorch 2.11 to 2.13, and this is PyTorch {torch.__version__}. Install one of those."
        )
    return getattr(owner, name)


adamw = part(adamw_module, "adamw")
part(torch, "_standard_gamma")


def standard_gamma(shape: Tensor, generator: torch.Generator) -> Tensor:
    """Draws from gamma distributions of the rate 1, as many as ``shape`` has numbers, on its device."""
    return torch._standard_gamma(shape, generator=generator)


class DecaysByGroup:
    """A mix-in for optimizers of fastai: some parameter groups are never decayed, however the decay is set."""

    decays: tuple[bool, ...]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        part(cls.__mro__[2], "_set_hyper")

    def _set_hyper(self, k: str, v: list[float]) -> None:
        v = [wd * on for wd, on in zip(v, self.decays, strict=True)] if k == "wd" else v
        super()._set_hyper(k, v)  # type: ignore[misc]  # the optimizer mixed with has it


class AsksWhoListens:
    """A mix-in for fastai's ``Learner``: within a batch, a callback is called only for events it has a method for.

    Plain fastai sorts and asks every callback ten times a batch, which takes longer than the arithmetic of a small one.
    The progress bar is redrawn ten times a second at most.
    """

    cbs: list[Any]
    _redrawn = 0.0

    def __call__(self, event_name: str) -> None:
        if event_name not in IN_A_BATCH:
            return super().__call__(event_name)  # type: ignore[misc]  # the learner mixed with has it
        for cb in sorted(self.cbs, key=attrgetter("order")):
            if event_name == "after_batch" and cb.name == "progress":
                if time.monotonic() < self._redrawn + REDRAW:
                    continue
                self._redrawn = time.monotonic()
            if event_name in vars(cb) or hasattr(type(cb), event_name):
                cb(event_name)
