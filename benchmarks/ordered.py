"""Stars as classes or as lengths: is a probability for each star worth more than an error in stars says?

    python -m benchmarks.ordered             all (needs the 2018 edition in $COLLABKIT_DATA; some ten minutes of a core)
    python -m benchmarks.ordered small-2016  one edition

On the first random folds, for both likelihoods of BayesianMF with everything known: RMSE of the stars to expect, and of
the probabilities the log score, which is the mean logarithm of what was given to the star that came, and calibration:
of all that were said to be so likely, how many came, by bins of probability and by star.

Writes results/ordered.json, fold by fold, and how far the two are apart on the same folds, with its standard error.
"""

from __future__ import annotations

import sys
import time
import warnings
from itertools import islice
from typing import Any, Literal

import numpy as np

from benchmarks.results import kept, write
from benchmarks.settings import arguments
from collabkit import BayesianMF, Split, everything_known, k_fold, load_movielens, rmse

EDITIONS = ("small-2018", "small-2016")
FOLDS = 3  # of five
BINS = 10  # of probability, of one width
SETTINGS: dict[str, Any] = {"n_factors": 16, "n_samples": 150, "overrelaxation": 0.9}
LIKELIHOODS: tuple[Literal["gaussian"], Literal["ordered"]] = ("gaussian", "ordered")
SCORES = ("rmse", "log score", "calibration error", "error by star")


def settings() -> dict[str, Any]:
    return {name: arguments(BayesianMF(likelihood=name, **SETTINGS)) for name in LIKELIHOODS}


def judged(shares: np.ndarray, came: np.ndarray) -> dict[str, Any]:
    """Log score and calibration of probabilities ``(n, C)``, given the place of the star that came ``(n,)``.

    The calibration error is the mean of what is said and what is so apart, over bins of probability, each with as much
    weight as it has probabilities in it; the one by star is that over stars.
    """
    hit = came[:, None] == np.arange(shares.shape[1])  # (n, C)
    place = np.minimum((shares * BINS).astype("int64"), BINS - 1).ravel()
    count, said, so = (np.bincount(place, of, BINS) for of in (None, shares.ravel(), hit.ravel()))
    return {
        "log score": float(np.log(shares[hit]).mean()),
        "calibration error": float(np.abs(said - so).sum() / shares.size),
        "error by star": float(np.abs(shares.mean(axis=0) - hit.mean(axis=0)).mean()),
        "bins": {"count": count.tolist(), "said": said.round(3).tolist(), "so": so.tolist()},  # sums
        "stars": {"said": shares.mean(axis=0).round(6).tolist(), "so": hit.mean(axis=0).round(6).tolist()},
    }


def fold(split: Split) -> dict[str, dict[str, Any]]:
    """Of each likelihood, all scores, and seconds of one core for the fit."""
    rows, known = split.valid.frame, everything_known(split.train)
    found: dict[str, dict[str, Any]] = {}
    for name in LIKELIHOODS:
        start = time.process_time()
        model = BayesianMF(likelihood=name, progress=False, **SETTINGS).fit(split.train, *known)
        seconds = time.process_time() - start
        assert model.stars_ is not None
        stars, shares = (ask(rows["user"], rows["item"]) for ask in (model.predict, model.predict_proba))
        came = np.searchsorted(model.stars_, split.valid.rating)
        found[name] = {"rmse": rmse(split.valid.rating, stars), **judged(shares, came), "seconds": round(seconds, 2)}
    return found


def apart(folds: list[dict[str, dict[str, Any]]]) -> dict[str, list[float]]:
    """By how much each score of the ordered model is above the Gaussian's: the mean over folds and its error."""
    found = {}
    for score in SCORES:
        difference = [one["ordered"][score] - one["gaussian"][score] for one in folds]
        found[score] = [float(np.mean(difference)), float(np.std(difference, ddof=1) / len(difference) ** 0.5)]
    return found


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="the chain has not settled")
    body = kept("ordered", sys.argv[1:])
    body.setdefault("editions", {})
    for edition in sys.argv[1:] or EDITIONS:
        ratings, folds = load_movielens(edition), []
        for split in islice(k_fold(ratings), FOLDS):
            folds.append(fold(split))
            for name, one in folds[-1].items():
                said = ", ".join(f"{score} {one[score]:.4f}" for score in SCORES)
                print(f"{edition}, fold {len(folds) - 1}, {name}: {said}, {one['seconds']:.0f} s", flush=True)
        stars = np.unique(ratings.rating).tolist()
        body["editions"][edition] = {"stars": stars, "folds": folds, "ordered less gaussian": apart(folds)}
        for score, (mean, error) in apart(folds).items():
            print(f"{edition}, {score}: {mean:+.4f} ± {error:.4f}", flush=True)
        write("ordered", {"settings": settings()} | body)
