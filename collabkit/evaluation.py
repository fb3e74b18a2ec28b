"""Evaluation: how well any predictor does on ratings it has not seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
import pandas as pd

from collabkit.metrics import mae, rmse
from collabkit.ratings import Ratings
from collabkit.splits import Split, k_fold


class Predictor(Protocol):
    """Anything that turns pairs of ids into stars. Ids it does not know get its documented fallback, never an error."""

    def predict(self, users, items) -> np.ndarray: ...


class Fittable(Predictor, Protocol):
    """A predictor that learns from ratings."""

    def fit(self, train: Ratings) -> Predictor: ...


def evaluate(model: Predictor, split: Split, part: str = "valid") -> dict[str, float]:
    """Errors in stars over all rows of a part, cold ones included.

    Returns: ``rmse`` and ``mae`` over all rows; ``rmse_warm`` over the rows whose user and item were trained on, NaN
    when there are none; ``n`` rows; ``cold``, the share of rows with an unseen user or item.
    Raises: ``ValueError`` when the predictor returns another number of values than rows, or a NaN.
    """
    rows = getattr(split, part)
    if rows is None:
        raise ValueError(f"this split has no {part!r} part.")
    frame, cold = rows.frame, split.cold(part)
    stars = np.asarray(model.predict(frame["user"].to_numpy(), frame["item"].to_numpy())).ravel()
    errors = {"rmse": rmse(rows.rating, stars), "mae": mae(rows.rating, stars)}
    warm = rmse(rows.rating[~cold], stars[~cold]) if not cold.all() else float("nan")
    return errors | {"rmse_warm": warm, "n": len(rows), "cold": float(cold.mean())}


def cross_validate(make: Callable[[], Fittable], ratings: Ratings, k: int = 5, seed: int = 0) -> pd.DataFrame:
    """Fit and evaluate a fresh model on each of k folds.

    Args:
        make: builds an untrained model; called once a fold, so that nothing learnt in one reaches the next.
        k, seed: as in :func:`collabkit.k_fold`.

    Returns: one row a fold, the columns of :func:`evaluate` and ``seconds`` of the fit. Its ``.mean()`` and ``.std()``
    are what to report; to compare two models, take the differences fold by fold first.
    """
    rows = []
    for split in k_fold(ratings, k=k, seed=seed):
        start = time.perf_counter()
        model = make().fit(split.train)
        seconds = time.perf_counter() - start
        rows.append(evaluate(model, split) | {"seconds": seconds})
    return pd.DataFrame(rows, index=pd.RangeIndex(k, name="fold"))
