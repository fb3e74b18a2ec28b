"""When is a table too small? The recipe beside means, ALS and BayesianMF on samples of 500 to 100,000 ratings.

    python -m benchmarks.small_tables                  into collabkit/results/small_tables.json (about eight minutes)
    python -m benchmarks.small_tables whole_users      one of them, the others kept

Each sample is split in five fifths, four of them for training. Errors are over all validation ratings, those of users
and items without training ratings included.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.bands import bias
from benchmarks.results import kept, write
from benchmarks.settings import plain
from collabkit import (
    ALS,
    RECIPE,
    BayesianMF,
    MeanBaseline,
    Ratings,
    Split,
    load_movielens,
    random_split,
    rmse,
)
from collabkit.training.fit import fit_recipe

SIZES = (500, 2_000, 5_000, 10_000, 30_000, 100_000)
SEEDS = range(5)
DAMPING = 4  # as in exercise 1.3


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
MEASURED = ("movielens", "whole_users")  # on made-up ratings only the tests look


def recipe(split: Split, seed: int) -> float:
    """Validation RMSE of the course recipe, as somebody with a table of their own would call it."""
    return fit_recipe(split, bias, seed=seed).recorder.values[-1][2]


def predictor(model, split: Split) -> float:
    asked = split.valid.frame
    return rmse(split.valid.rating, model.fit(split.train).predict(asked["user"], asked["item"]))


def compared(seed: int) -> dict[str, Any]:
    """What stands side by side: predictors, and the recipe."""
    return {
        "global mean": MeanBaseline(()),
        "damped means": MeanBaseline(damping=DAMPING),
        "RECIPE": RECIPE,
        "ALS": ALS(seed=seed),
        "BayesianMF": BayesianMF(seed=seed),
    }


def settings() -> dict[str, Any]:
    """Of all that is measured, for the file."""
    return plain({"sizes": SIZES, "model": bias, **compared(seed=0)})


def scores(split: Split, seed: int) -> dict[str, float]:
    """Validation RMSE in stars of each."""
    return {
        name: recipe(split, seed) if one is RECIPE else predictor(one, split) for name, one in compared(seed).items()
    }


def main(wanted: list[str]) -> None:
    tables = kept("small_tables", wanted).get("tables", {})
    for name in wanted or MEASURED:
        by_size = tables[name] = {}
        for n in SIZES:
            runs = [scores(random_split(TABLES[name](n, seed), seed=seed), seed) for seed in SEEDS]
            by_size[str(n)] = {model: [round(float(run[model]), 4) for run in runs] for model in runs[0]}
            print(
                f"{name} {n:7,} ", {model: f"{np.mean(run):.4f}" for model, run in by_size[str(n)].items()}, flush=True
            )
        write("small_tables", {"settings": settings(), "tables": tables})


if __name__ == "__main__":
    main(sys.argv[1:])
