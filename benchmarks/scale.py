"""How seconds and memory grow with a table, from a hundred thousand ratings to 25 million.

    python -m benchmarks.scale                       into collabkit/results/scale.json (half an hour on one thread)
    python -m benchmarks.scale BayesianMF            one of the models, the others kept
    python -m benchmarks.scale --trial 100000        one size, and nothing is written

Made-up tables have the users, the films and the long tail of MovieLens' editions. Each model and size runs in a process
of its own, one after the other, so its peak of memory is its own. Seconds are those of the clock and, as "_cpu", of the
processor, which say how much work it is on a machine that does other things too. A sweep is the middle one of several.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch

from benchmarks.bands import bias
from benchmarks.peers import peak_mb
from benchmarks.results import in_order, kept, write
from benchmarks.settings import plain
from benchmarks.speed import SIZES, Clocks, batch_sizes, by_sweep, clocks, middle, quietly, synthetic, timed
from collabkit import (
    ALS,
    RECIPE,
    BayesianMF,
    MeanBaseline,
    Ratings,
    Recommender,
    collab_dataloaders,
    everything_known,
    random_split,
    rating_learner,
)

SWEEPS = 4  # of which the first warms up
IDS = BayesianMF(8, n_samples=SWEEPS, burn_in=0, progress=False)
KNOWN = BayesianMF(16, n_samples=SWEEPS, burn_in=0, progress=False)
FACTORED = ALS(n_sweeps=SWEEPS)
ASKED, LISTS = 1_000_000, 20  # pairs to predict; lists of ten, of which the middle one counts
GENRES = ("Action", "Comedy", "Crime", "Drama", "Horror", "Romance", "Sci-Fi", "Thriller", "War", "Western")

Measured = tuple[Any, Clocks, Clocks, dict[str, Any]]  # what recommends, set-up, once, and more


def films(ratings: Ratings, seed: int = 0) -> Ratings:
    """The same table with made-up years and genres, two a film."""
    rng, n = np.random.default_rng(seed), ratings.n_items
    table = ratings.films.assign(year=rng.integers(1920, 2020, n))
    table["genres"] = pd.Series(["|".join(rng.choice(GENRES, 2, replace=False)) for _ in range(n)])
    return Ratings(ratings.user, ratings.item, ratings.rating, None, ratings.users, ratings.items, table)


def sampled(model: BayesianMF, ratings: Ratings, features: bool) -> Measured:
    table = films(ratings) if features else ratings
    known, spent = timed(partial(everything_known, table)) if features else ((), (0.0, 0.0))
    columns = sum(table.shape[1] for groups in known for table in groups.values())
    before, _, *sweeps, after = by_sweep(lambda: model.fit(ratings, *known))
    setup = (before[0] + after[0], before[1] + after[1])
    more = {"columns": columns, "draws": SWEEPS, "known": spent[0], "known_cpu": spent[1]}
    return Recommender(model, ratings), setup, middle(sweeps), more


def alternating(model: ALS, ratings: Ratings) -> Measured:
    marks = []

    def now() -> float:  # ALS asks when its first sweep begins, and when each is done
        marks.append(clocks())
        return marks[-1][0]

    with patch("collabkit.als.time", SimpleNamespace(perf_counter=now)):
        _, whole = timed(partial(model.fit, ratings))
    sweeps = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(marks)]
    setup = tuple(all_ - sum(parts) for all_, parts in zip(whole, zip(*sweeps, strict=True), strict=True))
    return Recommender(model, ratings), setup, middle(sweeps[1:]), {}


def trained(ratings: Ratings) -> Measured:
    split = random_split(ratings)
    bs = batch_sizes(len(ratings))[1]
    dls, setup = timed(partial(collab_dataloaders, split, bs=bs))
    learn = rating_learner(dls, bias(ratings.n_users, ratings.n_items, RECIPE.n_factors))
    epochs = [timed(partial(quietly, learn, 1, RECIPE.lr))[1] for _ in range(2)]
    return Recommender(learn.model, split.train), setup, min(epochs), {"bs": bs}


def averaged(ratings: Ratings) -> Measured:
    model, once = timed(partial(MeanBaseline(damping=4).fit, ratings))
    return Recommender(model, ratings), (0.0, 0.0), once, {}


# Of each: what is done again and again, its factors, whether it has features, and how it is measured
MODELS: dict[str, tuple[str, int, bool, Callable[[Ratings], Measured]]] = {
    "MeanBaseline": ("fit", 0, False, averaged),
    "RECIPE": ("epoch", RECIPE.n_factors, False, trained),
    "ALS": ("sweep", FACTORED.n_factors, False, partial(alternating, FACTORED)),
    "BayesianMF": ("sweep", IDS.n_factors, False, partial(sampled, IDS, features=False)),
    "BayesianMF with features": ("sweep", KNOWN.n_factors, True, partial(sampled, KNOWN, features=True)),
}


def one(name: str, n: int) -> dict[str, Any]:
    """A row of the file: one model on one table, here and now."""
    ratings = synthetic(n, *SIZES[n])
    what, n_factors, features, measure = MODELS[name]
    table_mb = peak_mb()
    recommender, setup, once, more = measure(ratings)
    rng = np.random.default_rng(0)
    users, items = rng.integers(ratings.n_users, size=ASKED), rng.integers(ratings.n_items, size=ASKED)
    _, predict = timed(lambda: recommender.predict(users, items))
    serve = middle([timed(partial(recommender.recommend, int(user), k=10))[1] for user in ratings.user[:LISTS]])
    head = {"model": name.split()[0], "features": features, "ratings": n, "users": SIZES[n][0], "items": SIZES[n][1]}
    spent = {"once": once, "setup": setup, "predict": predict, "serve": serve}
    seconds = {key + end: value[i] for key, value in spent.items() for i, end in enumerate(("", "_cpu"))}
    more = {"columns": 0, "draws": 1, "known": 0.0, "known_cpu": 0.0} | more
    return head | {"n_factors": n_factors, "what": what} | seconds | more | {"mb_before": table_mb, "mb": peak_mb()}


def slope(rows: list[dict[str, Any]], key: str) -> float:
    """The exponent b of ``seconds = a · ratings^b``, by least squares on logarithms; from a million on, so that what
    each call costs at any size is left out."""
    large = [row for row in rows if row["ratings"] >= 1_000_000]
    x, y = (np.log([row[name] for row in large]) for name in ("ratings", key))
    return round(float(np.polyfit(x, y, 1)[0]), 3)


def exponents(rows: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, float]]:
    """Of each model that has all sizes: how the work of a sweep, and memory beyond that of the ratings, grow."""
    found = {}
    for name, of_model in rows.items():
        if len(of_model) == len(SIZES):
            grown = [row | {"grown": row["mb"] - row["mb_before"]} for row in of_model]
            found[name] = {"once_cpu": slope(grown, "once_cpu"), "mb": slope(grown, "grown")}
    return found


def settings() -> dict[str, Any]:
    models = {"MeanBaseline": MeanBaseline(damping=4), "ALS": FACTORED, "ids": IDS, "features": KNOWN}
    return plain(
        {"sizes": {str(n): shape for n, shape in SIZES.items()}, "RECIPE": RECIPE, "asked": ASKED, "lists": LISTS}
        | models
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="model", help=f"of {', '.join(MODELS)}; all of them by default")
    parser.add_argument("--trial", type=int, choices=list(SIZES), help="this size alone: nothing is written")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(args.one[0], int(args.one[1]))))
        return
    if unknown := set(args.models) - set(MODELS):
        parser.error(f"unknown model {sorted(unknown)[0]!r}: choose from {', '.join(MODELS)}")
    body = {} if args.trial else kept("scale", args.models)
    rows = {name: [row for row in body.get("rows", []) if named(row) == name] for name in MODELS}
    rows |= {name: [] for name in args.models or MODELS}
    for n in [args.trial] if args.trial else SIZES:
        for name in args.models or MODELS:
            command = [sys.executable, "-W", "ignore", "-m", "benchmarks.scale", "--one", name, str(n)]
            start = time.perf_counter()
            row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            row = {key: round(value, 6) if isinstance(value, float) else value for key, value in row.items()}
            rows[name].append(row)
            print(
                f"{n:>11,} {name:25} {row['what']:6} {row['once']:8.3f} s ({row['once_cpu']:.3f}), set-up "
                f"{row['setup']:.2f} s ({row['setup_cpu']:.2f}), features {row['known_cpu']:.1f}, a million pairs "
                f"{row['predict']:.2f} s, a list {row['serve'] * 1e3:.1f} ms, {row['mb']:,.0f} MB, of which "
                f"{row['mb_before']:,.0f} before; all in {time.perf_counter() - start:.0f} s",
                flush=True,
            )
            if not args.trial:
                flat = [row for of_model in in_order(MODELS, rows).values() for row in of_model]
                here = {"cores": os.cpu_count(), "threads": torch.get_num_threads(), "load": os.getloadavg()[0]}
                write("scale", {"settings": settings()} | here | {"rows": flat, "exponents": exponents(rows)})


def named(row: dict[str, Any]) -> str:
    return row["model"] + " with features" * row["features"]


if __name__ == "__main__":
    main()
