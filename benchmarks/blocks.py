"""What it costs to draw a posterior in blocks that never talk: error beside one chain's, and seconds.

    python -m benchmarks.blocks          (needs the 2018 edition in $COLLABKIT_DATA; ten minutes on two cores)

Two of five random folds of each small edition, two seeds each: one chain, and grids of blocks, all with the same
factors and draws. ``longest way`` is the seconds that a grid takes when every block has a processor: the first block,
then the longest of the second stage, then the longest of the third. Each block is drawn alone here, on one processor.

Writes results/blocks.json.
"""

from __future__ import annotations

import time
import warnings
from itertools import islice
from typing import Any

import numpy as np

from benchmarks.results import write
from benchmarks.settings import arguments
from collabkit import BayesianMF, Split, evaluate, k_fold, load_movielens
from collabkit.propagation import Place, PropagatedMF

EDITIONS = ("small-2018", "small-2016")
FOLDS, SEEDS = 2, 2
SETTINGS: dict[str, Any] = {"n_factors": 8, "n_samples": 100}
GRIDS: tuple[Place, ...] = ((1, 2), (2, 2), (3, 3))


def longest_way(seconds: dict[Place, float]) -> float:
    """Seconds with a processor for each block."""
    stages: list[list[float]] = [[], [], []]
    for (i, j), took in seconds.items():
        stages[(i > 0) + (j > 0)].append(took)
    return sum(max(stage, default=0.0) for stage in stages)


def measure(split: Split, seed: int) -> dict[str, dict[str, float]]:
    """Of one chain, and of each grid: RMSE, and seconds."""
    start = time.perf_counter()
    chain = BayesianMF(**SETTINGS, seed=seed).fit(split.train)
    took = time.perf_counter() - start
    found = {"one chain": {"rmse": evaluate(chain, split)["rmse"], "seconds": took, "longest way": took}}
    for grid in GRIDS:
        model = PropagatedMF(grid, **SETTINGS, seed=seed, n_jobs=1).fit(split.train)
        found["{} x {} blocks".format(*grid)] = {
            "rmse": evaluate(model, split)["rmse"],
            "seconds": sum(model.seconds_.values()),
            "longest way": longest_way(model.seconds_),
        }
    return found


def summary(runs: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Means, and how much more than one chain's the error is, with the standard error of that mean over the runs."""
    table = {}
    for name in runs[0]:
        more = np.array([run[name]["rmse"] - run["one chain"]["rmse"] for run in runs])
        table[name] = {what: float(np.mean([run[name][what] for run in runs])) for what in runs[0][name]}
        table[name] |= {"more": float(more.mean()), "more_se": float(more.std(ddof=1) / len(more) ** 0.5)}
    return table


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="the chain has not settled")
    settings, editions = arguments(PropagatedMF(**SETTINGS)), dict[str, Any]()
    for edition in EDITIONS:
        folds = islice(k_fold(load_movielens(edition)), FOLDS)
        runs = [measure(split, seed) for split in folds for seed in range(SEEDS)]
        editions[edition] = {"runs": runs, "means": summary(runs)}
        for name, row in editions[edition]["means"].items():
            print(f"{edition} {name:14}", *(f"{what} {value:.4f}" for what, value in row.items()), flush=True)
        write("blocks", {"folds": FOLDS, "seeds": SEEDS, "settings": settings, "grids": GRIDS, "editions": editions})
