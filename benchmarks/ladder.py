"""What each thing that is known is worth: a ladder from ids alone to everything, on the folds of the leaderboard.

    python -m benchmarks.ladder             both editions (needs the 2018 edition in $COLLABKIT_DATA; five minutes)
    python -m benchmarks.ladder small-2016  one of them, the other kept

Each rung keeps what the rungs before it know. Settings are the same on all of them, with a shorter chain than on the
leaderboard, so that what is added is the only difference.

Writes results/ladder.json, fold by fold, for the leaderboard page of the book: differences of rungs are paired.
"""

from __future__ import annotations

import sys
import time
import warnings

import pandas as pd

from benchmarks.results import kept, write
from benchmarks.settings import arguments
from benchmarks.sittings import EDITIONS, SETTINGS, WINDOWS
from collabkit import BayesianMF, Split, everything_known, k_fold, load_movielens, rmse

#: what a rung adds: groups of film features, and of user features
FEATURES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ids": ((), ()),
    "genres and years": (("genres", "years"), ()),
    "popularity": (("popularity",), ()),
    "who rated each film": (("audience",), ()),
    "what each user rated": ((), ("activity", "audience", "taste")),
}
GROUPED, BEFORE, AROUND = "a prior for each group", "sitting, from ratings before", "sitting, from all around"
RUNGS = (*FEATURES, GROUPED, BEFORE, AROUND)


def climb(split: Split) -> dict[str, tuple[float, float]]:
    """Of each rung the RMSE, and the seconds of its fit without the features."""
    rows, found = split.valid.frame, {}
    known = everything_known(split.train)
    sides: tuple[list, list] = ([], [])

    def fit(*features, windows=()) -> tuple[BayesianMF, float]:
        start = time.perf_counter()
        model = BayesianMF(**SETTINGS, windows=windows, progress=False).fit(split.train, *features)
        return model, time.perf_counter() - start

    def score(stars) -> float:
        return rmse(split.valid.rating, stars)

    for rung, added in FEATURES.items():
        for tables, names, groups in zip(sides, added, known, strict=True):
            tables += [groups[name] for name in names]
        model, seconds = fit(*(pd.concat(tables, axis=1) if tables else None for tables in sides))
        found[rung] = score(model.predict(rows["user"], rows["item"])), seconds
    model, seconds = fit(*known)
    found[GROUPED] = score(model.predict(rows["user"], rows["item"])), seconds
    model, seconds = fit(*known, windows=WINDOWS)
    for rung, sitting in ((BEFORE, "before"), (AROUND, "around")):
        found[rung] = score(model.predict_at(rows["user"], rows["item"], rows["timestamp"], sitting)[0]), seconds
    return found


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="the chain has not settled")
    found = kept("ladder", sys.argv[1:])
    for edition in sys.argv[1:] or EDITIONS:
        found[edition] = {rung: {"rmse": [], "seconds": []} for rung in RUNGS}
        for fold, split in enumerate(k_fold(load_movielens(edition))):
            for rung, (error, seconds) in climb(split).items():
                found[edition][rung]["rmse"].append(round(error, 5))
                found[edition][rung]["seconds"].append(round(seconds, 2))
                print(f"{edition}, fold {fold}, {rung}: {error:.4f}, {seconds:.1f} s", flush=True)
            write("ladder", {"settings": arguments(BayesianMF(**SETTINGS))} | found)
