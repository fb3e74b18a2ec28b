"""Whose lists find what people go on to like, and whose stars come nearest? Not the same model's.

    python -m benchmarks.ranking [ROW ...]  (needs the 2018 edition in $COLLABKIT_DATA; about ten minutes for all rows)

Writes collabkit/results/ranking.json, which chapter 10 shows.

Two ways to hold ratings out. *In time*: the last tenth of all ratings; few users rate on both sides of that cut, so
most of those judged are new. *Last five*: those of each user, who all have a past to learn from, though training then
knows what others did later. Settings are chosen by NDCG@10 on ratings held out of training in the same way; the models
are then fitted anew on all of training and measured once on the part that chose nothing. DotProductBias and
EmbeddingNet keep the course recipe; the first ALS has its defaults, which were chosen for stars, and the last
ImplicitALS has its own, which fit in a quarter of the time. BayesianMF, on ids alone, has its defaults. Means of three
seeds. Named rows are measured again with the settings that were chosen before, and the others stay.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from benchmarks.bands import bias, net
from benchmarks.results import in_order, kept, write
from benchmarks.settings import arguments, combinations, plain
from collabkit import (
    ALS,
    RECIPE,
    BayesianMF,
    ImplicitALS,
    PopularityBaseline,
    Ratings,
    Recommender,
    Split,
    evaluate,
    evaluate_ranking,
    leave_last_out,
    load_movielens,
    temporal_split,
)
from collabkit.recipe import Recipe
from collabkit.training.fit import Model, fit_recipe

EDITION = "small-2018"
SEEDS = range(3)
GRIDS: dict[str, dict[str, tuple]] = {
    "ALS": {"n_factors": (8, 20), "penalty": (8.0, 14.0, 30.0), "bias_penalty": (4.0, 14.0, 40.0, 100.0)},
    "ImplicitALS": {
        "n_factors": (32, 64),
        "penalty": (5.0, 10.0, 20.0),
        "alpha": (0.5, 1.0, 2.0, 4.0),
        "at_least": (None, 4.0),
    },
}

Solver = ALS | BayesianMF | ImplicitALS
Fit = partial[Any]  # called with (split, seed): what a Recommender takes


def popularity(split: Split, seed: int) -> PopularityBaseline:
    return PopularityBaseline().fit(split.train)


def trained(split: Split, seed: int, model: Model, recipe: Recipe) -> nn.Module:
    return fit_recipe(split, model, recipe, seed).model


def solved(split: Split, seed: int, model: Solver) -> Solver:
    return type(model)(**arguments(model) | {"seed": seed}).fit(split.train)


def models(chosen: dict[str, dict]) -> dict[str, tuple[Fit, bool]]:
    """Every model by name, given what was chosen of each grid; and whether it predicts stars."""
    return {
        "popularity": (partial(popularity), False),
        "DotProductBias": (partial(trained, model=bias, recipe=RECIPE), True),
        "EmbeddingNet": (partial(trained, model=net, recipe=RECIPE), True),
        "ALS, for stars": (partial(solved, model=ALS()), True),
        "ALS, for lists": (partial(solved, model=ALS(**chosen["ALS"])), True),
        "BayesianMF": (partial(solved, model=BayesianMF()), True),
        "ImplicitALS": (partial(solved, model=ImplicitALS(**chosen["ImplicitALS"])), False),
        "ImplicitALS, K = 32": (partial(solved, model=ImplicitALS(at_least=4.0)), False),
    }


def choose(split: Split, kind: type[ALS | ImplicitALS]) -> dict[str, Any]:
    """The settings of a grid whose lists score the highest NDCG@10; the best five are printed."""
    name, tried = kind.__name__, combinations(GRIDS[kind.__name__])
    fits = (kind(**one).fit(split.train) for one in tried)
    scores = [evaluate_ranking(Recommender(model, split.train), split)["ndcg"] for model in fits]
    best = np.argsort(scores)[::-1]
    for i in best[:5]:
        print(f"  {name:12} {scores[i]:.4f}  {tried[i]}", flush=True)
    return tried[best[0]]


def measure(fit: Fit, split: Split, seed: int, in_stars: bool) -> dict[str, float]:
    """One fit: how its lists and its stars do, and how long that takes."""
    start = time.perf_counter()
    model = fit(split, seed)
    fitted = time.perf_counter()
    recommender = Recommender(model, split.train)
    found = evaluate_ranking(recommender, split)
    listed = time.perf_counter()
    return {
        **found,
        "ratings of a listed film": typical_count(recommender, split),
        "pairs in order": pairs_in_order(recommender, split.valid),
        "rmse": evaluate(recommender, split)["rmse"] if in_stars else float("nan"),
        "fit s": fitted - start,
        "lists s": listed - fitted,
    }


def typical_count(recommender: Recommender, split: Split) -> float:
    """The median number of training ratings of the films in the lists of the users judged."""
    liked = split.valid.take(split.valid.rating >= 4)
    lists = recommender.recommend(np.unique(liked.frame["user"]))
    counts = np.bincount(split.train.item, minlength=split.train.n_items)
    return float(np.median(counts[split.train.items.index(lists["item"])]))


def pairs_in_order(recommender: Recommender, rows: Ratings) -> float:
    """Of two held-out films that one user gave different stars, how often the better one scores higher.

    Mean over users. Every film here was chosen: what is left is how much it was liked. Guessing gets half of them.
    """
    frame = rows.frame[["user", "item", "rating"]]
    frame["score"] = recommender.predict(frame["user"], frame["item"])
    pairs = frame.merge(frame, on="user")
    pairs = pairs[pairs["rating_x"] > pairs["rating_y"]]
    right = (pairs["score_x"] > pairs["score_y"]) + 0.5 * (pairs["score_x"] == pairs["score_y"])
    return float(right.groupby(pairs["user"]).mean().mean())


def compare(name: str, chooses: Split, reports: Split, rows: list[str], stored: dict[str, Any]) -> dict[str, Any]:
    """Print a table of the models of these rows, or of all, and return it with what was chosen, and what is stored."""
    if stored:
        chosen = stored["chosen"]
    else:
        print(f"\n{name}: chosen on {len(chooses.valid):,} ratings, by NDCG@10")
        chosen = {kind.__name__: choose(chooses, kind) for kind in (ALS, ImplicitALS)}
    if odd := sorted(set(rows) - models(chosen).keys()):
        sys.exit(f"no row {', '.join(odd)}: choose from {', '.join(models(chosen))}.")
    table = pd.DataFrame(
        {
            label: pd.DataFrame([measure(fit, reports, seed, stars) for seed in SEEDS]).mean()
            for label, (fit, stars) in models(chosen).items()
            if not stored or label in rows
        }
    ).T
    users, cold = (int(table[column].iloc[0]) for column in ("users", "cold_users"))
    print(f"\n{name}: {len(reports.valid):,} ratings held out; {users} users judged, {cold} of them new to the models")
    print(table.drop(columns=["users", "cold_users"]).round(4).to_string(), flush=True)
    found = stored.get("models", {}) | json.loads(str(table.round(5).to_json(orient="index")))  # NaN becomes null
    now = models(chosen)
    settings = stored.get("settings", {}) | {label: plain(now[label][0].keywords) for label in table.index}
    rest = {"settings": in_order(now, settings), "models": in_order(now, found)}
    return {"held_out": len(reports.valid), "chosen": chosen, **rest}


if __name__ == "__main__":
    rows = sys.argv[1:]
    ratings, stored = load_movielens(EDITION), kept("ranking", rows).get("splits", {})
    last_five = leave_last_out(ratings, 5)
    parts = {
        # the first judges on older ratings than the second, which judges on the test part of temporal_split(ratings)
        "in time": (temporal_split(ratings), temporal_split(ratings, valid=0.1, test=0)),
        "last five": (leave_last_out(last_five.train, 5), last_five),
    }
    found = {name: compare(name, *splits, rows, stored.get(name, {})) for name, splits in parts.items()}
    write("ranking", {"edition": EDITION, "seeds": len(SEEDS), "grids": GRIDS, "splits": found})
