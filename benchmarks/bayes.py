"""How the settings of BayesianMF were chosen, and how soon it is ahead of everybody's best.

    python -m benchmarks.bayes            both parts (needs the 2018 edition in $COLLABKIT_DATA; about fifteen minutes)
    python -m benchmarks.bayes reach      one part: choose or reach

choose: on the 2018 edition, fold by fold. A fifth of the *training* ratings of a fold is held out, every setting of a
        grid is tried on it, and the best one is then fitted on all of the fold's training ratings and scored on the
        fold. No rating that is scored has had a say in its settings. Beside it stand the settings in use, the defaults,
        which are the same in every fold and in both editions. (The model with everything known takes longer. Its
        settings are chosen once an edition, on the training ratings of the first fold, by `benchmarks/leaderboard.py`,
        in the same way as those of other libraries.)
reach:  seconds and RMSE of short chains on the same folds.

Writes results/bayes.json, which the leaderboard page of the book shows. Seconds are for two threads, on a machine
that does nothing else.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from statistics import mean
from typing import Any

import pandas as pd
import torch

from benchmarks.results import kept, write
from benchmarks.settings import arguments, combinations
from collabkit import BayesianMF, Ratings, Split, film_features, k_fold, load_movielens, popularity, random_split, rmse

EDITION = "small-2018"
Settings = dict[str, Any]


def side(train: Ratings, years: int) -> pd.DataFrame:
    """Genres, release years, and how often a film was rated in training."""
    return pd.concat([film_features(train, years), popularity(train)], axis=1)


# Of each model the settings in use, and the values tried: every combination of them.
MODELS: dict[str, tuple[Settings, dict[str, tuple]]] = {
    "ids": (
        {"n_factors": 8, "noise_df": 5.0},
        {"n_factors": (4, 8, 12, 16), "noise_df": (3.0, 5.0, 1e6)},
    ),
    "genres, years, popularity": (
        {"n_factors": 16, "n_samples": 200, "years": 3},
        {"n_factors": (8, 16, 24), "years": (1, 3, 5)},
    ),
}
CHAINS = [(2, 3), (5, 5), (5, 10), (5, 15), (10, 20), (10, 40), (20, 100)]  # burn_in, n_samples


def score(split: Split, settings: Settings) -> tuple[float, float]:
    """RMSE over all held-out rows, and the seconds of the fit, features included."""
    settings, start = dict(settings), time.perf_counter()
    years = settings.pop("years", None)
    features = None if years is None else side(split.train, years)
    model = BayesianMF(**settings).fit(split.train, features)
    seconds = time.perf_counter() - start
    rows = split.valid.frame
    return rmse(split.valid.rating, model.predict(rows["user"], rows["item"])), seconds


def choose() -> dict[str, dict]:
    """For each model: what each fold chose for itself, its RMSE with that, and with the settings in use."""
    found: dict[str, dict] = {}
    for name, (used, grid) in MODELS.items():
        tried = [used | one for one in combinations(grid)]
        folds: list[dict[str, Any]] = []
        for seed, fold in enumerate(k_fold(load_movielens(EDITION))):
            inner = random_split(fold.train, valid=0.2, seed=seed)
            errors = [score(inner, settings)[0] for settings in tried]
            best = tried[errors.index(min(errors))]
            own, common = (score(fold, settings)[0] for settings in (best, used))
            folds.append({"inner": [round(e, 5) for e in errors], "chose": best, "nested": own, "in use": common})
            print(f"{name}, fold {seed}: chose {best}; RMSE {own:.4f}, in use {common:.4f}", flush=True)
        nested, common = (mean(fold[key] for fold in folds) for key in ("nested", "in use"))
        print(f"{name}: nested {nested:.4f}, in use {common:.4f}")
        for setting, values in grid.items():
            print(f"  {setting}: chosen {dict(Counter(fold['chose'][setting] for fold in folds))} of {values}")
        found[name] = {"in use": used, "grid": grid, "tried": tried, "folds": folds}
    return found


def reach() -> dict[str, Any]:
    """Chains of growing length without features: seconds and RMSE of each, fold by fold."""
    splits, rows = list(k_fold(load_movielens(EDITION))), []
    score(splits[0], {"n_samples": 2})  # the first fit of a process loads what the later ones have
    for burn_in, n_samples in CHAINS:
        errors, seconds = zip(*(score(s, {"burn_in": burn_in, "n_samples": n_samples}) for s in splits), strict=True)
        rows.append({"burn_in": burn_in, "n_samples": n_samples, "rmse": errors, "seconds": seconds})
        each = " ".join(f"{error:.4f}" for error in errors)
        print(f"{burn_in:3} + {n_samples:3} sweeps  {mean(errors):.4f}  [{each}]  {mean(seconds):.2f} s", flush=True)
    return {"threads": torch.get_num_threads(), "load": os.getloadavg()[0], "chains": rows}


PARTS: dict[str, Callable[[], dict]] = {"choose": choose, "reach": reach}

if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="the chain has not settled")  # the short ones have not, on purpose
    found = kept("bayes", sys.argv[1:])
    for part in sys.argv[1:] or PARTS:
        found[part] = PARTS[part]()
        write("bayes", {"edition": EDITION, "defaults": arguments(BayesianMF())} | found)
