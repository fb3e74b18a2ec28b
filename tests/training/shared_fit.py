"""A fit for ``torchrun``: what one process has seen and learnt, into a file.

    torchrun --nproc-per-node 2 tests/training/shared_fit.py FOLDER [rows] [batch] [die]

With "die", the second process is killed in the middle of the second epoch, the first time.
"""

import os
import signal
import sys
from pathlib import Path

import torch
from fastai.callback.core import Callback

from collabkit import collab_dataloaders, random_split, rating_learner
from collabkit.models import DotProductBias
from collabkit.training.checkpoint import Checkpoint
from collabkit.training.parallel import InParallel, join_processes
from tests.tables import random_ratings


class Diary(Callback):
    """Notes the rows of each batch, and dies when told to."""

    def __init__(self, die: bool):
        self.die, self.seen = die, []

    def after_batch(self):
        if not self.training:
            return
        self.seen.append(self.x.clone())
        if self.die and self.epoch == 1 and self.iter == 2:
            os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path, rows: int, bs: int, die: bool) -> None:
    rank, world = join_processes()
    torch.manual_seed(0)
    split = random_split(random_ratings().take(slice(0, rows)), seed=0)
    first_life = os.environ.get("TORCHELASTIC_RESTART_COUNT") == "0"
    diary = Diary(die and rank == 1 and first_life)
    model = DotProductBias(split.train.n_users, split.train.n_items, 4, y_range=(0, 5.5))
    callbacks = [InParallel(), Checkpoint(folder / "fit.pt"), diary]
    learn = rating_learner(collab_dataloaders(split, bs=bs, device="cpu"), model, wd=0.3, cbs=callbacks)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(3, 0.05)
    found = {
        "world": world,
        "tables": {name: one.detach() for name, one in learn.model.named_parameters()},
        "losses": torch.stack(learn.recorder.losses),
        "scores": [float(score) for score in learn.recorder.values[-1][1:]],
        "batches": diary.seen,
    }
    torch.save(found, folder / f"{rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), "die" in sys.argv)
