"""The records that others published on MovieLens, and the course's model on the same folds, where a copy is.

    python -m benchmarks.official             every edition that is in $COLLABKIT_DATA (100K: a few minutes)
    python -m benchmarks.official 100k        one of them, the others kept

An edition that is not there is named, and keeps what was measured of it before. Writes results/official.json, which
the leaderboard page of the book shows.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from itertools import islice
from statistics import mean
from typing import Any

import pandas as pd
import torch

from benchmarks.results import in_order, kept, write
from benchmarks.settings import arguments
from collabkit import BayesianMF, Split, everything_known, load_users, official_folds, rmse

FIRST = {"100k": 5, "1m": 1, "10m": 1}  # how many folds are fitted: u1 to u5, and one of the ten as others did
IDS, ALL, DAYS = "BayesianMF", "BayesianMF, everything known", "BayesianMF, everything known and the day"
FULL: dict[str, Any] = {"n_factors": 24, "n_samples": 300, "overrelaxation": 0.95}
MODELS = {
    IDS: arguments(BayesianMF()),
    ALL: arguments(BayesianMF(**FULL)),
    DAYS: arguments(BayesianMF(**FULL, windows=(86_400, 3_600, 600))),
}

NOTEBOOK, RENDLE = "Ohtsuki 2022", "Rendle et al. 2019"
U1, TENTHS = "u1", "90:10"  # the split of 100K; a random one
BEST = "best epoch"  # their notebook keeps the lowest error on the test file
DAY = "who rated what, day of the rating"
#: others' numbers, as they stand in the source: edition, model, RMSE, what it knows besides ids and stars, how it was
#: measured, source, and the model of ours that stands beside it with the folds
PUBLISHED = [
    dict(zip(("edition", "model", "rmse", "knows", "protocol", "source", "ours", "folds"), record, strict=True))
    for record in (
        ("100k", "myFM, ordered probit", 0.8808, f"films, users, {DAY}", U1, NOTEBOOK, DAYS, ["u1"]),
        ("100k", "myFM, Gaussian", 0.8833, f"films, users, {DAY}", U1, NOTEBOOK, DAYS, ["u1"]),
        ("100k", "GLocal-K", 0.8889, "", f"{U1}, {BEST}", "Han et al. 2021", IDS, ["u1"]),
        ("1m", "myFM, ordered probit", 0.8140, DAY, TENTHS, NOTEBOOK, DAYS, ["fold 0"]),
        ("1m", "myFM, Gaussian", 0.8161, DAY, TENTHS, NOTEBOOK, DAYS, ["fold 0"]),
        ("1m", "GLocal-K", 0.8227, "", f"{TENTHS}, {BEST}", "Han et al. 2021", IDS, ["fold 0"]),
        ("1m", "CF-NADE", 0.829, "", TENTHS, "Zheng et al. 2016", IDS, ["fold 0"]),
        ("10m", "timeSVD++, flipped", 0.7485, DAY, TENTHS, RENDLE, DAYS, ["fold 0"]),
        ("10m", "timeSVD++", 0.7523, DAY, TENTHS, RENDLE, DAYS, ["fold 0"]),
        ("10m", "SVD++", 0.7563, "who rated what", TENTHS, RENDLE, ALL, ["fold 0"]),
        ("10m", "Bayesian MF", 0.7633, "", TENTHS, RENDLE, IDS, ["fold 0"]),
        ("10m", "SGD MF", 0.7720, "", TENTHS, RENDLE, IDS, ["fold 0"]),
    )
]


def fold(name: str, split: Split, users: pd.DataFrame | None) -> dict[str, float]:
    """RMSE on what is held out, and the seconds of the fit, features included.

    The model that knows the day is asked around its time, since that is what the others' column of days amounts to.
    """
    start = time.perf_counter()
    known = () if name == IDS else everything_known(split.train, users)
    model = BayesianMF(**MODELS[name]).fit(split.train, *known)
    seconds = time.perf_counter() - start
    rows = split.valid.frame
    if name == DAYS:
        stars, _ = model.predict_at(rows["user"], rows["item"], rows["timestamp"], sitting="around")
    else:
        stars = model.predict(rows["user"], rows["item"])
    return {"rmse": round(rmse(split.valid.rating, stars), 5), "seconds": round(seconds, 2)}


def measured(edition: str, folds: Iterator[tuple[str, Split]], users: pd.DataFrame | None) -> dict[str, Any]:
    """Of each model, each fold."""
    found: dict[str, dict] = {name: {} for name in MODELS}
    for number, split in islice(folds, FIRST[edition]):
        for name in MODELS:
            found[name][number] = one = fold(name, split, users)
            print(f"{edition} {number}, {name}: {one['rmse']:.4f}, fitted in {one['seconds']:.1f} s", flush=True)
    for name, by_fold in found.items():
        print(f"{edition}, {name}: {mean(one['rmse'] for one in by_fold.values()):.4f}")
    return {"threads": torch.get_num_threads(), "models": found}


def main(wanted: list[str]) -> None:
    place, there = os.environ.get("COLLABKIT_DATA", "."), {}  # a path, so that no host is asked
    for edition in wanted or FIRST:
        try:
            there[edition] = official_folds(edition, path=place)
        except FileNotFoundError as missing:
            print(f"{edition} is not run, for the data is not here: {missing} $COLLABKIT_DATA says where to look.")
    body = kept("official", [] if set(there) == set(FIRST) else ["published", *there])
    ours = body.get("ours", {})
    for edition, folds in there.items():
        users = None if edition == "10m" else load_users(edition, path=place)
        ours[edition] = measured(edition, folds, users)
    write("official", {"first": FIRST, "models": MODELS, "published": PUBLISHED, "ours": in_order(FIRST, ours)})


if __name__ == "__main__":
    main(sys.argv[1:])
