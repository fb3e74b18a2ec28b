"""How the settings of BayesianMF were chosen, and what it scores over five folds of both small editions.

    python -m benchmarks.bayes            (needs the 2018 edition in $COLLABKIT_DATA; about twenty minutes)

Settings: one varied at a time on the 2018 edition, on training ratings only: within the training parts of folds 0 to 2,
one rating in ten is held out (seeds 5 to 7). A fold is never judged on ratings that it is scored on, so the choice can
be made within each; the settings in use are the same for every fold and both editions.
"""

from __future__ import annotations

import sys
import time
from statistics import mean
from typing import Any

import pandas as pd

from collabkit import (
    BayesianMF,
    Ratings,
    Split,
    film_features,
    k_fold,
    load_movielens,
    popularity,
    random_split,
    rmse,
    who_rated,
)


def nothing(train: Ratings) -> None:
    return None


def side(train: Ratings, years: int = 3) -> pd.DataFrame:
    """Genres, release years, and how often a film was rated in training."""
    return pd.concat([film_features(train, years), popularity(train)], axis=1)


WITH_FEATURES: dict[str, Any] = {"n_factors": 16, "n_samples": 200}
MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "ids": (nothing, {}),
    "ids, who rated": (who_rated, {}),
    "genres, years": (film_features, WITH_FEATURES),
    "genres, years, popularity": (side, WITH_FEATURES),
}
VARIED: dict[str, tuple[tuple[str, tuple[Any, ...]], ...]] = {
    "ids": (("n_factors", (4, 8, 16)), ("noise_df", (3.0, 5.0, 10.0, 1e6)), ("n_samples", (50, 100, 200))),
    "genres, years, popularity": (("n_factors", (8, 16, 24)), ("years", (1, 3, 5))),
}


def score(split: Split, features, settings: dict[str, Any]) -> tuple[float, float]:
    """RMSE over all held-out rows, and the seconds of the fit, features included."""
    start = time.perf_counter()
    model = BayesianMF(**settings).fit(split.train, item_features=features(split.train))
    seconds = time.perf_counter() - start
    rows = split.valid.frame
    return rmse(split.valid.rating, model.predict(rows["user"], rows["item"])), seconds


def choose(edition: str = "small-2018") -> None:
    """Print the RMSE of each setting on ratings held out of the training parts of three folds."""
    folds = list(k_fold(load_movielens(edition)))[:3]
    inner = [random_split(fold.train, valid=0.1, seed=seed) for fold, seed in zip(folds, (5, 6, 7), strict=True)]
    for what, varied in VARIED.items():
        features, settings = MODELS[what]
        print(f"\n{edition}, {what}, held out of training")
        for name, values in varied:
            for value in values:
                if name == "years":
                    results = [score(split, lambda train, n=value: side(train, n), settings) for split in inner]
                else:
                    results = [score(split, features, {**settings, name: value}) for split in inner]
                errors, seconds = zip(*results, strict=True)
                each = " ".join(f"{error:.4f}" for error in errors)
                print(f"{name:>12} {value!s:>9}  {mean(errors):.4f}  [{each}]  {mean(seconds):.1f} s", flush=True)


def folds(edition: str) -> None:
    """Print RMSE over five folds, and of each."""
    print(f"\n{edition}, five folds")
    for what, (features, settings) in MODELS.items():
        errors, seconds = zip(
            *(score(split, features, settings) for split in k_fold(load_movielens(edition))), strict=True
        )
        each = " ".join(f"{error:.4f}" for error in errors)
        print(f"{what:26} {mean(errors):.4f}  [{each}]  {mean(seconds):.1f} s", flush=True)


if __name__ == "__main__":
    if "folds" not in sys.argv:
        choose()
    for edition in ("small-2018", "small-2016"):
        folds(edition)
