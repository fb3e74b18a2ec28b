"""What decay does on the way: errors after each epoch, and how long the factors of films become.

    python -m benchmarks.decays       into collabkit/results/decays.json (about two minutes)

The figure of chapter 6 that moves shows it. The model and the recipe are that chapter's, on five random splits of the
embedded edition. Both errors are measured after an epoch, by the same model: the training loss that a learner prints is
a mean over the epoch, while the model was still getting better.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from fastai.callback.core import Callback

from benchmarks.bands import bias
from benchmarks.results import in_order, kept, write
from benchmarks.settings import plain
from collabkit import RECIPE, Split, load_movielens, random_split, rmse
from collabkit.training.fit import fit_recipe

SEEDS = range(5)
DECAYS = (0, 0.2, 0.5, 1, 2, 5)
POPULARITY = (1, 2, 4, 8, 16, 32, 64)  # training ratings of a film: the lower ends of the groups
PARTS = ("training", "validation")


class Watch(Callback):
    """Keeps both errors, in stars, of the model at the end of each epoch."""

    def __init__(self, split: Split):
        self.split = split
        self.errors: dict[str, list[float]] = {part: [] for part in PARTS}

    def after_epoch(self) -> None:
        for part, rows in zip(PARTS, (self.split.train, self.split.valid), strict=True):
            loader = self.dls.train if part == "training" else self.dls.valid
            with torch.no_grad():
                guess = self.learn.model(loader.dataset.x).flatten().cpu()  # (n,)
            self.errors[part].append(rmse(rows.rating, guess))


def settings() -> dict[str, Any]:
    return plain({"recipe": RECIPE, "model": bias, "popularity": POPULARITY, "splits": len(SEEDS)})


def measure(wd: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Errors (2, epochs) in stars, and the median length (7,) of a film's factors in each group."""
    split = random_split(load_movielens(), seed=seed)
    watch = Watch(split)
    learn = fit_recipe(split, bias, RECIPE._replace(wd=wd), seed, cbs=[watch])
    length = learn.model.item_factors.weight.detach().double().norm(dim=1).cpu().numpy()  # (I,)
    group = np.digitize(np.bincount(split.train.item, minlength=split.train.n_items), POPULARITY)  # (I,)
    medians = [np.median(length[group == n]) for n in range(1, len(POPULARITY) + 1)]
    return np.array([watch.errors[part] for part in PARTS]), np.array(medians)


def main(wanted: list[str]) -> None:
    decays = kept("decays", wanted).get("decays", {})
    for wd in map(float, wanted or DECAYS):
        errors, lengths = (np.mean(runs, axis=0) for runs in zip(*(measure(wd, s) for s in SEEDS), strict=True))
        row = {part: error.round(4).tolist() for part, error in zip(PARTS, errors, strict=True)}
        decays[f"{wd:g}"] = row | {"lengths": lengths.round(3).tolist()}
        print(f"decay {wd:4g}", decays[f"{wd:g}"], flush=True)
        write("decays", {"settings": settings(), "decays": in_order((f"{one:g}" for one in DECAYS), decays)})


if __name__ == "__main__":
    main(sys.argv[1:])
