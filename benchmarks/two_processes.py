"""One fit shared by two processes: rows seen by each, losses beside those of one process, and what a killed one costs.

    python -m benchmarks.two_processes    (needs the 2018 edition in $COLLABKIT_DATA; two minutes on two cores)

The course recipe on a random 80/20 split, with the same rows in a batch throughout: one process, two that ``torchrun``
starts, and two of which one is killed in the middle of the third epoch; `torchrun` then starts both again, and they go
on from the checkpoint. Each process has one thread. The seconds of a fit are those of its epochs; ``with the start``
counts the processes and their imports too.

Writes results/two_processes.json.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from fastai.callback.core import Callback

from benchmarks.results import write
from benchmarks.settings import plain
from collabkit import RECIPE, DotProductBias, collab_dataloaders, load_movielens, random_split, rating_learner
from collabkit.training.checkpoint import Checkpoint
from collabkit.training.parallel import InParallel, join_processes

EDITION = "small-2018"
DIES = 2, 20  # epoch, and step in it
RUNS = {"one process": (1, False), "two processes": (2, False), "one of two is killed": (2, True)}


class Diary(Callback):
    """Counts the rows that this process trains on, and dies when told to."""

    def __init__(self, die: bool):
        self.die = die
        self.rows: list[torch.Tensor] = []

    def after_batch(self) -> None:
        if self.training:
            self.rows.append(self.x.clone())
            if self.die and (self.epoch, self.iter) == DIES:
                os.kill(os.getpid(), signal.SIGKILL)


def work(folder: Path, die: bool) -> None:
    """What each process does."""
    torch.set_num_threads(1)
    rank, _ = join_processes()
    ratings = load_movielens(EDITION)
    split = random_split(ratings, seed=0)
    torch.manual_seed(0)
    model = DotProductBias(ratings.n_users, ratings.n_items, RECIPE.n_factors, y_range=(0, 5.5))
    diary = Diary(die and rank == 1 and os.environ.get("TORCHELASTIC_RESTART_COUNT") == "0")
    callbacks = [InParallel(), Checkpoint(folder / "fit.pt"), diary]
    learn = rating_learner(collab_dataloaders(split, bs=RECIPE.bs), model, wd=RECIPE.wd, cbs=callbacks)
    start = time.perf_counter()
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(RECIPE.epochs, RECIPE.lr)
    found = {
        "seconds": time.perf_counter() - start,
        "losses": torch.stack(learn.recorder.losses),
        "rmse": learn.recorder.values[-1][-1],
        "rows": torch.cat(diary.rows),
        "trained on": len(split.train),
        "tables": [one.detach() for one in learn.model.parameters()],
    }
    torch.save(found, folder / f"{rank}.pt")


def measure(processes: int, die: bool) -> tuple[list[dict[str, Any]], float]:
    """What each process found, and the seconds of all together."""
    command = [sys.executable, "-m"]
    if processes > 1:
        command += ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "--max-restarts=1", "-m"]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        command += ["benchmarks.two_processes", folder, *(["die"] if die else [])]
        subprocess.run(command, check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        seconds = time.perf_counter() - start
        return [torch.load(Path(folder, f"{rank}.pt")) for rank in range(processes)], seconds


def seen_once(found: list[dict[str, Any]]) -> bool:
    """Whether each epoch's rows are all training rows, each in one process alone; of a fit that was not cut off."""
    steps = len(found[0]["losses"]) // RECIPE.epochs
    rows = torch.cat([one["rows"] for one in found])
    each = torch.unique(rows, dim=0, return_counts=True)[1]
    return steps > 0 and len(each) == found[0]["trained on"] and bool((each == RECIPE.epochs).all())


def main() -> None:
    results = {name: measure(*run) for name, run in RUNS.items()}
    (alone,), shared = results["one process"][0], results["two processes"][0]
    rows = {}
    for name, (found, seconds) in results.items():
        first = found[0]
        whole = len(first["losses"]) == len(alone["losses"])  # what was smoothed anew after a restart does not compare
        rows[name] = {
            "processes": len(found),
            "rmse": first["rmse"],
            "rows of each process": [len(one["rows"]) for one in found],
            "each row once an epoch": seen_once(found) if whole else None,
            "steps": len(first["losses"]),
            "largest difference of a loss": float((first["losses"] - alone["losses"]).abs().max()) if whole else None,
            "tables of two processes": all(map(torch.equal, first["tables"], shared[0]["tables"])),
            "seconds": first["seconds"],
            "with the start": seconds,
        }
        print(name, *(f"  {what}: {value}" for what, value in rows[name].items()), sep="\n", flush=True)
    write("two_processes", {"edition": EDITION, "settings": plain(RECIPE), "rows": rows})


if __name__ == "__main__":
    if sys.argv[1:]:
        work(Path(sys.argv[1]), "die" in sys.argv)
    else:
        main()
