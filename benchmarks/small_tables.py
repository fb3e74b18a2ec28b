"""When is a table too small, or too cold? The recipe beside means, ALS and BayesianMF on 500 to 100,000 ratings.

    python -m benchmarks.small_tables                  into collabkit/results/small_tables.json (half an hour)
    python -m benchmarks.small_tables whole_users      one of the tables, the others kept
    python -m benchmarks.small_tables lists            the lists of each, of ImplicitALS beside popularity

Each sample is split in five fifths, four of them for training. Errors are over all validation ratings, those of users
and items without training ratings included. Lists are to find what was held out, whatever its stars: NDCG at 10.
`which_models` reads from here from how many ratings, and how many in a row of the tables, a model is ahead.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.bands import bias
from benchmarks.results import in_order, kept, write
from benchmarks.settings import plain
from collabkit import (
    ALS,
    RECIPE,
    BayesianMF,
    ImplicitALS,
    MeanBaseline,
    PopularityBaseline,
    Ratings,
    Recommender,
    Split,
    evaluate_ranking,
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


def five_each(n: int, seed: int) -> Ratings:
    """``n`` ratings of the embedded edition, whose users are forgotten after five: many rows, and little on each."""
    frame = load_movielens().frame[["user", "item", "rating"]].sample(n, random_state=seed)
    life = frame.groupby("user").cumcount() // 5
    return Ratings.from_frame(frame.assign(user=frame["user"] * 1_000 + life))


def the_busiest(n: int, seed: int) -> Ratings:
    """``n`` ratings of the most active users and the most rated films of the embedded edition: few rows, full ones."""
    frame = load_movielens().frame[["user", "item", "rating"]]
    place = [frame[side].map(frame[side].value_counts().rank(ascending=False, method="first")) for side in frame][:2]
    block = frame.assign(place=np.maximum(*place)).nsmallest(min(n * 5 // 4, len(frame)), "place")
    return Ratings.from_frame(block[["user", "item", "rating"]].sample(n, random_state=seed))


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


TABLES = {
    table.__name__: table for table in (movielens, whole_users, five_each, the_busiest, three_to_five, only_noise)
}
MEASURED = ("movielens", "whole_users", "five_each", "the_busiest")  # on made-up ratings only the tests look


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


def listed(seed: int) -> dict[str, Any]:
    """What makes lists, side by side."""
    return {"popularity": PopularityBaseline(), "ImplicitALS": ImplicitALS(seed=seed)}


def settings() -> dict[str, Any]:
    """Of all that is measured, for the file."""
    return plain({"sizes": SIZES, "model": bias, **compared(seed=0), **listed(seed=0)})


def scores(split: Split, seed: int) -> dict[str, float]:
    """Validation RMSE in stars of each."""
    return {
        name: recipe(split, seed) if one is RECIPE else predictor(one, split) for name, one in compared(seed).items()
    }


def ranked(split: Split, seed: int) -> dict[str, float]:
    """NDCG at 10 of the lists of both, for the held-out ratings, whatever their stars."""
    fitted = {name: Recommender(model.fit(split.train), split.train) for name, model in listed(seed).items()}
    return {name: evaluate_ranking(one, split, relevant=0)["ndcg"] for name, one in fitted.items()}


def shape(name: str, n: int) -> dict[str, float]:
    """Of the samples of one size, on average: ratings per row of the two tables, and the cold share when held out."""
    samples = [TABLES[name](n, seed) for seed in SEEDS]
    cold = [random_split(one, seed=seed).cold().mean() for one, seed in zip(samples, SEEDS, strict=True)]
    per_row = [len(one) / (one.n_users + one.n_items) for one in samples]
    return {"per row": round(float(np.mean(per_row)), 2), "cold": round(float(np.mean(cold)), 4)}


def over_seeds(name: str, n: int, measure: Callable[[Split, int], dict[str, float]]) -> dict[str, list[float]]:
    """What is measured on each sample."""
    runs = [measure(random_split(TABLES[name](n, seed), seed=seed), seed) for seed in SEEDS]
    found = {model: [round(float(run[model]), 4) for run in runs] for model in runs[0]}
    print(f"{name} {n:7,} ", {model: f"{np.mean(run):.4f}" for model, run in found.items()}, flush=True)
    return found


def main(wanted: list[str]) -> None:
    body = kept("small_tables", wanted)
    tables, lists = body.get("tables", {}), body.get("lists", {})
    for name in MEASURED:
        if not wanted or name in wanted:
            tables[name] = {str(n): over_seeds(name, n, scores) for n in SIZES}
        if not wanted or name in wanted or "lists" in wanted:
            lists[name] = {str(n): over_seeds(name, n, ranked) for n in SIZES}
        shapes = {name: {str(n): shape(name, n) for n in SIZES} for name in in_order(MEASURED, tables)}
        parts = {"tables": in_order(MEASURED, tables), "lists": in_order(MEASURED, lists), "shapes": shapes}
        write("small_tables", {"settings": settings()} | parts)


if __name__ == "__main__":
    main(sys.argv[1:])
