"""What each thing that is known is worth: a ladder from ids alone to everything, on the folds of the leaderboard.

    python -m benchmarks.ladder             both editions (needs the 2018 edition in $COLLABKIT_DATA; five minutes)
    python -m benchmarks.ladder small-2016  one of them, the other kept

Each rung keeps what the rungs before it know. Settings are the same on all of them, with a shorter chain than on the
leaderboard, so that what is added is the only difference.

Writes results/ladder.json, fold by fold, for the leaderboard page of the book: differences of rungs are paired.
"""

from __future__ import annotations

import sys
import warnings
from typing import get_args

import pandas as pd

from benchmarks.results import kept, write
from benchmarks.settings import arguments
from benchmarks.sittings import EDITIONS, SETTINGS, WINDOWS
from collabkit import BayesianMF, Split, everything_known, k_fold, load_movielens, rmse
from collabkit.sittings import Sitting

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


def climb(split: Split) -> dict[str, float]:
    """Of each rung the RMSE over all held-out rows."""
    rows, found = split.valid.frame, {}
    known = everything_known(split.train)
    sides: tuple[list, list] = ([], [])

    def score(*features) -> float:
        model = BayesianMF(**SETTINGS, progress=False).fit(split.train, *features)
        return rmse(rows["rating"], model.predict(rows["user"], rows["item"]))

    for rung, added in FEATURES.items():
        for tables, names, groups in zip(sides, added, known, strict=True):
            tables += [groups[name] for name in names]
        found[rung] = score(*(pd.concat(tables, axis=1) if tables else None for tables in sides))
    found[GROUPED] = score(*known)
    model = BayesianMF(**SETTINGS, windows=WINDOWS, progress=False).fit(split.train, *known)
    for rung, sitting in zip((BEFORE, AROUND), get_args(Sitting), strict=True):
        stars, _ = model.predict_at(rows["user"], rows["item"], rows["timestamp"], sitting)
        found[rung] = rmse(rows["rating"], stars)
    return found


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="the chain has not settled")
    found = kept("ladder", sys.argv[1:])
    for edition in sys.argv[1:] or EDITIONS:
        found[edition] = {rung: [] for rung in RUNGS}
        for fold, split in enumerate(k_fold(load_movielens(edition))):
            for rung, error in climb(split).items():
                found[edition][rung].append(round(error, 5))
                print(f"{edition}, fold {fold}, {rung}: {error:.4f}", flush=True)
            write("ladder", {"settings": arguments(BayesianMF(**SETTINGS))} | found)
