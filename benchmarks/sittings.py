"""What a user's day, hour and ten minutes are worth: how much of it may be known when a rating is predicted?

    python -m benchmarks.sittings            all (needs the 2018 edition in $COLLABKIT_DATA; some minutes on one core)
    python -m benchmarks.sittings small-2016 one edition

On five random folds, on the last tenth of all time, and on the last five ratings of each user: RMSE of the model with
everything known, without windows and with them, asked without times, and in both modes of `predict_at`. The z beside
an error is the standard deviation of what was missed in units of the doubt that was stated.

Writes results/sittings.json, fold by fold.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any, get_args

from benchmarks.results import kept, write
from benchmarks.settings import arguments
from collabkit import (
    BayesianMF,
    Split,
    everything_known,
    k_fold,
    leave_last_out,
    load_movielens,
    rmse,
    temporal_split,
)
from collabkit.sittings import Sitting

EDITIONS = ("small-2018", "small-2016")
WINDOWS = (86_400, 3_600, 600)
SETTINGS: dict[str, Any] = {"n_factors": 16, "n_samples": 50, "overrelaxation": 0.9}


NAMES = (*(f"fold {k}" for k in range(5)), "last tenth of time", "last five of each user")


def splits(edition: str) -> Iterator[Split]:
    """In the order of their names."""
    ratings = load_movielens(edition)
    yield from k_fold(ratings)
    yield temporal_split(ratings, valid=0.1, test=0)
    yield leave_last_out(ratings, n=5)


def compare(split: Split) -> dict[str, dict[str, float]]:
    """For the model without windows, and for each way to ask the one with them: RMSE, z, seconds of fit or answer."""
    rows, known, found = split.valid.frame, everything_known(split.train), {}

    def say(name, ask):
        start = time.perf_counter()
        stars, deviation = ask()
        missed = split.valid.rating - stars
        seconds = time.perf_counter() - start
        found[name] = {"rmse": rmse(split.valid.rating, stars), "z": float((missed / deviation).std())}
        found[name] |= {"seconds": seconds}

    for windows in ((), WINDOWS):
        start = time.perf_counter()
        model = BayesianMF(windows=windows, progress=False, **SETTINGS).fit(split.train, *known)
        fit = time.perf_counter() - start
        name = "windows, no times" if windows else "without"
        say(name, lambda model=model: model.predict(rows["user"], rows["item"], return_std=True))
        found[name]["fit"] = fit
        for sitting in get_args(Sitting) if windows else ():
            at = (rows["user"], rows["item"], rows["timestamp"], sitting)
            say(sitting, lambda model=model, at=at: model.predict_at(*at))
    return found


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="the chain has not settled")
    found = kept("sittings", sys.argv[1:])
    for edition in sys.argv[1:] or EDITIONS:
        found[edition] = {}
        for name, split in zip(NAMES, splits(edition), strict=True):
            found[edition][name] = compare(split)
            each = ", ".join(f"{how} {one['rmse']:.4f} (z {one['z']:.2f})" for how, one in found[edition][name].items())
            print(f"{edition}, {name}: {each}", flush=True)
            write("sittings", {"settings": arguments(BayesianMF(windows=WINDOWS, **SETTINGS))} | found)
