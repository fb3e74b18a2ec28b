"""Checkpoint: what a fit needs to go on after its machine, or one of its processes, was lost."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import torch
from fastai.callback.core import Callback, CancelEpochException
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from collabkit.saving.atomic import target, write_together
from collabkit.training.parallel import LAST


class Checkpoint(Callback):
    """After each epoch, write down the tables, the optimizer's state and the place in the order of the batches.

    The same call of ``fit`` or ``fit_one_cycle`` in a new process then passes over the epochs that were done and ends
    with the same tables, bit for bit, as if nothing had happened; only the dropout of a net draws other numbers.
    What is lost is the epoch that was not over. A fit that was over is not repeated.

    Args:
        path: the file. It is replaced whole or not at all. Of several processes, the first writes it.

    Raises: when a fit begins, ``ValueError`` for a file that was written by another fit (other sizes, batches, seed or
        number of epochs), or is no checkpoint; ``FileNotFoundError`` when there is no such folder.
    """

    order = LAST - 1  # before the processes share the model, and after all that prepares it

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)

    def before_fit(self) -> None:
        self.done = 0  # epochs
        if hasattr(self.learn, "lr_finder"):
            return
        target(self.path)
        if self.path.exists():
            self._restore()

    def before_epoch(self) -> None:
        if self.epoch < self.done:
            raise CancelEpochException

    def after_epoch(self) -> None:
        if self.epoch < self.done or hasattr(self.learn, "lr_finder"):
            return
        self.done = self.epoch + 1
        if not distributed.is_initialized() or distributed.get_rank() == 0:
            buffer = io.BytesIO()
            torch.save(self._state(), buffer)
            write_together({self.path: buffer.getvalue()})

    def _state(self) -> dict[str, Any]:
        return {
            "fit": self._fit(),
            "done": self.done,
            "model": self._module().state_dict(),
            "optimizer": list(self.opt.state_dict()["state"]),  # its settings are those of the new fit
            "order": self.dls.train.generator.get_state(),
        }

    def _fit(self) -> dict[str, Any]:
        """What two fits have in common of which one goes on with the other."""
        sizes = {name: list(one.shape) for name, one in self._module().state_dict().items()}
        train = self.dls.train
        return {"epochs": self.n_epoch, "rows": train.n, "bs": train.bs, "seed": train.seed, "sizes": sizes}

    def _module(self) -> nn.Module:
        return self.model.module if isinstance(self.model, DistributedDataParallel) else self.model

    def _restore(self) -> None:
        device = self.dls.train.dataset.x.device
        try:
            state = torch.load(self.path, map_location=device, weights_only=True)
            found, epochs = state["fit"], state["done"]
        except Exception as error:
            raise ValueError(
                f"{self.path} is no checkpoint, or is damaged: remove it, and the fit starts anew."
            ) from error
        if odd := [name for name, now in self._fit().items() if found.get(name) != now]:
            raise ValueError(
                f"{self.path} was written by a fit with other {', '.join(odd)}: name another file, or remove this one "
                "to start anew."
            )
        self._module().load_state_dict(state["model"])
        self.opt.load_state_dict({"state": state["optimizer"], "hypers": self.opt.hypers})
        self.dls.train.generator.set_state(state["order"].cpu())
        self.done = epochs
