"""Parallel: one fit shared by several processes, each of which takes its part of every batch."""

from __future__ import annotations

import os

import torch
from fastai.callback.core import Callback
from torch import distributed
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

LAST = 80  # of callbacks before a fit: the model that the processes share is the one that all others have prepared


def join_processes() -> tuple[int, int]:
    """Join the processes that ``torchrun`` has started; returns the rank of this one, and how many there are.

    They talk by NCCL where each has a GPU of its own, which becomes this process's default device, and by gloo
    elsewhere. A script that was started without ``torchrun`` is alone: ``(0, 1)``.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return 0, 1
    if not distributed.is_initialized():
        own = torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"])
        if own:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        store, rank, world = next(rendezvous("env://"))
        # after a restart, torchrun's store still holds the addresses of processes that are gone
        store = distributed.PrefixStore(f"attempt {os.environ['TORCHELASTIC_RESTART_COUNT']}", store)
        distributed.init_process_group("nccl" if own else "gloo", store=store, rank=rank, world_size=world)
    return distributed.get_rank(), distributed.get_world_size()


class InParallel(Callback):
    r"""Train one model in all processes of the group: the same steps as one process takes with the same batches.

    Every process draws the same permutation and takes each W-th row of a batch, W being the number of processes, so
    that an epoch sees each row once. The gradient is that of the whole batch of B rows,

    .. math:: \frac1W \sum_{w=1}^{W} \frac{W B_w}{B}\, \nabla L_w = \nabla L

    where process w has :math:`B_w` rows and the mean loss :math:`L_w`: the mean over processes is what PyTorch's
    ``DistributedDataParallel`` takes. The recorder shows L. Each process validates on all rows. The random numbers of
    dropout are each process's own.

    Make ``dls`` with the same ``seed`` and ``bs`` in all of them: ``bs`` is the rows of a batch of all together. The
    tables are copied to each, and all of their gradients travel in each step.

    Without a group, or alone in one, it does nothing.

    Source: :cite:t:`li2020pytorch`.
    """

    order = LAST

    def before_fit(self) -> None:
        self.after_fit()  # which fastai leaves out when a fit has failed
        self.rank, self.world = 0, 1
        if not distributed.is_initialized() or hasattr(self.learn, "lr_finder"):
            return
        self.rank, self.world = distributed.get_rank(), distributed.get_world_size()
        if self.world > 1:
            self.dls.train.share = self.rank, self.world
            self.learn.model = DistributedDataParallel(self.model)  # which sends the first process's start to all

    def after_loss(self) -> None:
        if self.world == 1 or not self.training:
            return
        loader = self.dls.train
        n, whole = len(self.y), min(loader.bs, loader.n - self.iter * loader.bs)
        # without rows a mean is no number, and its gradient is none: an empty sum has the loss 0 and the gradient 0
        grad = self.loss_grad if n else self.pred.sum()
        self.learn.loss_grad = grad if self.world * n == whole else grad * (self.world * n / whole)
        shared = self.learn.loss_grad.detach() / self.world
        distributed.all_reduce(shared)
        self.learn.loss = shared

    def after_fit(self) -> None:
        if isinstance(self.model, DistributedDataParallel):
            self.learn.model = self.model.module
        self.dls.train.share = 0, 1
