"""Evaluation: how well any predictor, and any list of recommendations, does on ratings it has not seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from collabkit.checks import as_numbers, number, whole
from collabkit.metrics import average_precision_at_k, coverage, mae, ndcg_at_k, popularity_lift, recall_at_k, rmse
from collabkit.ratings import Ratings
from collabkit.splits import Split, k_fold, part_of


class Predictor(Protocol):
    """Anything that turns pairs of ids into stars. Ids it does not know get its documented fallback, never an error."""

    def predict(self, users: np.ndarray, items: np.ndarray, /) -> ArrayLike: ...


class Fittable(Predictor, Protocol):
    """A predictor that learns from ratings."""

    def fit(self, train: Ratings, /) -> Predictor: ...


class Ranker(Protocol):
    """Anything that gives each of many users a list: rows ``user, item``, best first within a user."""

    def recommend(self, users: np.ndarray, /, *, k: int) -> pd.DataFrame: ...


def evaluate(model: Predictor, split: Split, part: str = "valid") -> dict[str, float]:
    """Errors in stars over all rows of a part, cold ones included.

    Returns: ``rmse`` and ``mae`` over all rows; ``rmse_warm`` over the rows whose user and item were trained on, NaN
    when there are none; ``n`` rows; ``cold``, the share of rows with an unseen user or item.
    Raises: ``ValueError`` when the predictor returns another number of values than rows, or a NaN; ``TypeError`` for
        what is no predictor, or no split.
    """
    rows = part_of(split, part)
    if not callable(getattr(model, "predict", None)):
        raise TypeError(
            f"{type(model).__name__} has no predict(users, items): pass a fitted model, or a trained module as "
            "Recommender(module, split.train)."
        )
    frame, cold = rows.frame, split.cold(part)
    stars = as_numbers("the prediction", model.predict(frame["user"].to_numpy(), frame["item"].to_numpy()))
    errors = {"rmse": rmse(rows.rating, stars), "mae": mae(rows.rating, stars)}
    warm = rmse(rows.rating[~cold], stars[~cold]) if not cold.all() else float("nan")
    return errors | {"rmse_warm": warm, "n": len(rows), "cold": float(cold.mean())}


def evaluate_ranking(
    recommender: Ranker, split: Split, part: str = "valid", k: int = 10, relevant: float = 4.0
) -> dict[str, float]:
    """How well lists of k find, out of all items, those that users went on to like.

    Args:
        recommender: a :class:`collabkit.Recommender` on the training ratings: what a user rated there is not
            recommended again.
        k: the length of a list.
        relevant: stars from which a held-out rating makes an item relevant, with a gain of 1. Every other item counts
            as not relevant, whether it was rated lower or not at all.

    Users without a relevant item in this part are not judged, since there is nothing their list could find. Users
    without a training rating are judged like any other, and once more apart.

    Returns: means over the judged users of ``recall``, ``ndcg`` and ``map`` at k, and as ``…_warm`` the same over those
    with a training rating, NaN when there are none; ``coverage`` and ``popularity_lift`` of all their lists; ``users``
    judged, and ``cold_users``, how many of them have no training rating.
    Raises: ``ValueError`` when nothing in this part is relevant, or when a judged user gets no list.
    """
    rows, k, relevant = part_of(split, part), whole("k", k, at_least=1), number("relevant", relevant)
    if not callable(getattr(recommender, "recommend", None)):
        raise TypeError(
            f"{type(recommender).__name__} has no recommend(user, k): pass a Recommender(model, split.train)."
        )
    liked = rows.take(rows.rating >= relevant)
    if not len(liked):
        raise ValueError(f"no rating of the {part!r} part reaches {relevant} stars: nobody can be judged.")
    wanted = liked.frame.groupby("user")["item"].agg(set)  # one set of ids a user
    lists = recommender.recommend(wanted.index.to_numpy(), k=k)
    ranked = lists.groupby("user")["item"].agg(list)
    if missing := set(wanted.index) - set(ranked.index):
        raise ValueError(f"{len(missing)} of {len(wanted)} judged users got no list, the first {min(missing)!r}.")
    measures = {"recall": recall_at_k, "ndcg": ndcg_at_k, "map": average_precision_at_k}
    scores = pd.DataFrame(
        [
            {name: measure(ranked[user], items, k) for name, measure in measures.items()}
            for user, items in wanted.items()
        ]
    )
    warm = np.bincount(split.train.user, minlength=rows.n_users)[rows.users.index(wanted.index)] > 0
    return {
        **scores.mean().to_dict(),
        **scores[warm].mean().add_suffix("_warm").to_dict(),
        "coverage": coverage(lists, split.train),
        "popularity_lift": popularity_lift(lists, split.train),
        "users": len(wanted),
        "cold_users": int((~warm).sum()),
    }


def cross_validate(make: Callable[[], Fittable], ratings: Ratings, k: int = 5, seed: int = 0) -> pd.DataFrame:
    """Fit and evaluate a fresh model on each of k folds.

    Args:
        make: builds an untrained model; called once a fold, so that nothing learnt in one reaches the next.
        k, seed: as in :func:`collabkit.k_fold`.

    Returns: one row a fold, the columns of :func:`evaluate` and ``seconds`` of the fit. Its ``.mean()`` and ``.std()``
    are what to report; to compare two models, take the differences fold by fold first.
    """
    if not callable(make):
        raise TypeError(f"make is a {type(make).__name__}: pass what builds a model, such as lambda: MeanBaseline().")
    rows = []
    for split in k_fold(ratings, k=k, seed=seed):
        start = time.perf_counter()
        model = make().fit(split.train)
        seconds = time.perf_counter() - start
        rows.append(evaluate(model, split) | {"seconds": seconds})
    return pd.DataFrame(rows, index=pd.RangeIndex(len(rows), name="fold"))
