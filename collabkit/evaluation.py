"""Evaluation: how well any predictor, and any list of recommendations, does on ratings it has not seen."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from collabkit.checks import as_numbers, number, whole
from collabkit.metrics import coverage, mae, popularity_lift, rmse
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
            recommended again. Of :func:`collabkit.strong_generalization`, one on the history.
        k: the length of a list.
        relevant: stars from which a held-out rating makes an item relevant, with a gain of 1. Every other item counts
            as not relevant, whether it was rated lower or not at all. The default is meant for stars up to five: a
            ``UserWarning`` says so where a mark lies in the lower half of the scale.

    Users without a relevant item in this part are not judged, since there is nothing their list could find. Users
    without a training rating, nor a history, are judged like any other, and once more apart.

    Returns: means over the judged users of ``recall``, ``ndcg`` and ``map`` at k (:func:`ranking_scores` has those of
    each), and as ``…_warm`` the same over those with a training rating or a history, NaN when there are none;
    ``coverage`` and ``popularity_lift`` of all their lists; ``users`` judged, and ``cold_users``, how many of them have
    neither; and as ``…_se`` the standard errors of the first three means, NaN for one user. A mean ± 1.96 of them is
    its 95 % interval over users.
    Raises: ``ValueError`` when nothing in this part is relevant, when a judged user gets no list, or one with items
        of their own history.
    """
    scores, lists = _judged(recommender, split, part, k, relevant)
    measures, cold = scores.drop(columns="cold"), scores["cold"]
    return {
        **measures.mean().to_dict(),
        **measures[~cold].mean().add_suffix("_warm").to_dict(),
        "coverage": coverage(lists, split.known),
        "popularity_lift": popularity_lift(lists, split.known),
        "users": len(scores),
        "cold_users": int(cold.sum()),
        **measures.sem().add_suffix("_se").to_dict(),
    }


def ranking_scores(
    recommender: Ranker, split: Split, part: str = "valid", k: int = 10, relevant: float = 4.0
) -> pd.DataFrame:
    """How well the list of each user finds what that user went on to like: whose means :func:`evaluate_ranking` takes.

    Two models are compared on the same users, by the mean of their differences and its standard error, which is
    smaller than either model's own::

        gain = ranking_scores(one, split)["ndcg"] - ranking_scores(other, split)["ndcg"]
        gain.mean(), 1.96 * gain.sem()

    Returns: one row a judged user, indexed by id: ``recall``, ``ndcg`` and ``map`` at k, as
    :func:`collabkit.recall_at_k`, :func:`collabkit.ndcg_at_k` and :func:`collabkit.average_precision_at_k` have them,
    and ``cold``, True without a training rating or a history. Arguments and errors as in :func:`evaluate_ranking`.
    """
    return _judged(recommender, split, part, k, relevant)[0]


def _judged(recommender: Ranker, split: Split, part: str, k: int, relevant: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of each judged user, and the lists that they are of."""
    rows, k, relevant = part_of(split, part), whole("k", k, at_least=1), number("relevant", relevant)
    if not callable(getattr(recommender, "recommend", None)):
        raise TypeError(
            f"{type(recommender).__name__} has no recommend(user, k): pass a Recommender(model, split.train)."
        )
    liked = rows.take(rows.rating >= _mark(relevant, split, rows, part))
    users, place, n = np.unique(liked.user, return_inverse=True, return_counts=True)  # (J,), one a row, (J,)
    lists = recommender.recommend(rows.users.ids[users], k=k)
    of, item = pd.Index(rows.users.ids[users]).get_indexer(lists["user"]), rows.items.index(lists["item"])
    rank = lists.groupby("user").cumcount().to_numpy()
    of, item, rank = (one[(of >= 0) & (rank < k)] for one in (of, item, rank))  # one an entry of a judged list
    pairs = of * rows.n_items + item
    if len(np.unique(pairs)) < len(pairs):
        raise ValueError("an item stands in a user's list more than once: keep the first place of each.")
    if len(missing := np.setdiff1d(np.arange(len(users)), of)):
        first = rows.users.ids[users[missing[0]]].item()
        raise ValueError(f"{len(missing)} of {len(users)} judged users got no list, the first {first!r}.")
    if split.history is not None:
        code = users[of].astype("int64") * rows.n_items + item
        if np.isin(code, split.history.user.astype("int64") * rows.n_items + split.history.item).any():
            raise ValueError(
                "these lists hold items of the users' own history, which is shown and not to be found: pass "
                "Recommender(model.with_history(split.history), split.history)."
            )
    hit = np.zeros((len(users), k))
    hit[of, rank] = np.isin(pairs, place * rows.n_items + liked.item)  # (J, k)
    discount = 1 / np.log2(np.arange(2, k + 2))  # (k,)
    most = np.minimum(n, k)  # hits of the best list there is
    precision = np.cumsum(hit, axis=1) / np.arange(1, k + 1)  # (J, k)
    scores = {
        "recall": hit.sum(axis=1) / n,
        "ndcg": hit @ discount / np.cumsum(discount)[most - 1],
        "map": (hit * precision).sum(axis=1) / most,
        "cold": np.bincount(split.known.user, minlength=rows.n_users)[users] == 0,
    }
    return pd.DataFrame(scores, index=pd.Index(rows.users.ids[users], name="user")), lists


def _mark(relevant: float, split: Split, rows: Ratings, part: str) -> float:
    """The stars from which a rating is relevant, held against the stars that there are."""
    lowest, highest = (float(bound([bound(split.train.rating), bound(rows.rating)])) for bound in (np.min, np.max))
    if relevant > rows.rating.max():
        raise ValueError(
            f"no rating of the {part!r} part reaches {relevant} stars: nobody can be judged. Pass relevant= on the "
            f"scale of these ratings, which go from {lowest:g} to {highest:g}."
        )
    if lowest < relevant < (lowest + highest) / 2:
        share = np.mean(rows.rating >= relevant)
        warnings.warn(
            f"relevant={relevant:g} lies in the lower half of these ratings, which go from {lowest:g} to {highest:g}: "
            f"{share:.0%} of those held out count as liked. Pass relevant= on their scale, or relevant={lowest:g} "
            "where each of them is to count.",
            stacklevel=4,
        )
    return relevant


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
