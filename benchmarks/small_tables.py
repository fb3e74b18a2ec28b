"""When is a table too small? The recipe beside means, ALS and BayesianMF on samples of 500 to 100,000 ratings.

    python -m benchmarks.small_tables                  into collabkit/results/small_tables.json (about eight minutes)
    python -m benchmarks.small_tables whole_users      one of them, the others kept

Each sample is split in five fifths, four of them for training. Errors are over all validation ratings, those of users
and items without training ratings included.
"""

from __future__ import annotations

import json
import platform
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from collabkit import (
    ALS,
    RECIPE,
    BayesianMF,
    DotProductBias,
    MeanBaseline,
    Ratings,
    Split,
    collab_dataloaders,
    load_movielens,
    random_split,
    rating_learner,
    rmse,
)

OUT = Path(__file__).parent.parent / "collabkit/results/small_tables.json"
SIZES = (500, 2_000, 5_000, 10_000, 30_000, 100_000)
SEEDS = range(5)
DAMPING = 4  # as in exercise 1.3
RANGE = (0, 5.5)


def movielens(n: int, seed: int) -> Ratings:
    """``n`` ratings of the embedded edition, drawn at random: most users and films have very few."""
    return Ratings.from_frame(load_movielens().frame[["user", "item", "rating"]].sample(n, random_state=seed))


def whole_users(n: int, seed: int) -> Ratings:
    """``n`` ratings of a few users of the embedded edition: they have many each, their films few."""
    frame = load_movielens().frame[["user", "item", "rating"]]
    order = np.random.default_rng(seed).permutation(frame["user"].unique())
    total = frame.groupby("user").size().loc[order].cumsum()
    few = frame[frame["user"].isin(order[: (total < n).sum() + 1])]
    return Ratings.from_frame(few.sample(min(n, len(few)), random_state=seed))


def three_to_five(n: int, seed: int, taste: float = 0.3) -> Ratings:
    """Made-up whole stars from 3 to 5 with a mean of 4.1: a user and an item effect, and noise. No factors."""
    rng = np.random.default_rng(seed)
    n_users, n_items = max(20, n // 20), max(30, n // 15)
    user, item = np.divmod(rng.choice(n_users * n_items, size=n, replace=False), n_items)
    stars = 4.1 + rng.normal(0, taste, n_users)[user] + rng.normal(0, taste, n_items)[item] + rng.normal(0, 0.6, n)
    return Ratings.from_frame(pd.DataFrame({"user": user, "item": item, "rating": stars.round().clip(3, 5)}))


def only_noise(n: int, seed: int) -> Ratings:
    """The same stars, by nobody's habit: there is nothing to learn but the mean."""
    return three_to_five(n, seed, taste=0.0)


TABLES = {table.__name__: table for table in (movielens, whole_users, three_to_five, only_noise)}


def recipe(split: Split, seed: int) -> float:
    """Validation RMSE of the course recipe, as somebody with a table of their own would call it."""
    torch.manual_seed(seed)
    model = DotProductBias(split.train.n_users, split.train.n_items, RECIPE.n_factors, RANGE)
    learn = rating_learner(collab_dataloaders(split, seed=seed), model)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(RECIPE.epochs)
    return learn.recorder.values[-1][2]


def predictor(model, split: Split) -> float:
    asked = split.valid.frame
    return rmse(split.valid.rating, model.fit(split.train).predict(asked["user"], asked["item"]))


def scores(split: Split, seed: int) -> dict[str, float]:
    """Validation RMSE in stars of each model."""
    return {
        "global mean": predictor(MeanBaseline(()), split),
        "damped means": predictor(MeanBaseline(damping=DAMPING), split),
        "RECIPE": recipe(split, seed),
        "ALS": predictor(ALS(seed=seed), split),
        "BayesianMF": predictor(BayesianMF(seed=seed), split),
    }


def main(wanted: list[str]) -> None:
    result = json.loads(OUT.read_text()) if wanted and OUT.exists() else {"tables": {}}
    for name in wanted or ["movielens", "whole_users"]:
        by_size = result["tables"][name] = {}
        for n in SIZES:
            runs = [scores(random_split(TABLES[name](n, seed), seed=seed), seed) for seed in SEEDS]
            by_size[str(n)] = {model: [round(float(run[model]), 4) for run in runs] for model in runs[0]}
            print(
                f"{name} {n:7,} ", {model: f"{np.mean(run):.4f}" for model, run in by_size[str(n)].items()}, flush=True
            )
    versions = {"python": platform.python_version()} | {p: version(p) for p in ("torch", "fastai", "numpy", "pandas")}
    result |= {"measured": str(date.today()), "versions": versions, "recipe": RECIPE._asdict()}
    OUT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
