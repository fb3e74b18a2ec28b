"""Measures: of error, in stars, over all rows; and of lists, one user's or those of many users together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from collabkit.checks import as_numbers, number, whole
from collabkit.ratings import Ratings, rated


def rmse(actual: ArrayLike, predicted: ArrayLike) -> float:
    r"""Root mean squared error, :math:`\sqrt{\frac1n \sum (r - \hat r)^2}`, in stars.

    Args:
        actual, predicted: stars, arrays or tensors of the same number of elements; ``(n,)`` and ``(n, 1)`` mix safely.

    Raises: ``ValueError`` when they differ in length, are empty, or hold a NaN; ``TypeError`` for what is no numbers.
    """
    return float(np.sqrt(np.mean(np.square(_residuals(actual, predicted)))))


def mae(actual: ArrayLike, predicted: ArrayLike) -> float:
    r"""Mean absolute error, :math:`\frac1n \sum |r - \hat r|`, in stars. Arguments and errors as in :func:`rmse`."""
    return float(np.mean(np.abs(_residuals(actual, predicted))))


def _residuals(actual: ArrayLike, predicted: ArrayLike) -> np.ndarray:
    """float64 differences ``(n,)``: flat on both sides, since ``(n,) - (n, 1)`` would make an ``(n, n)`` table."""
    actual, predicted = as_numbers("actual", actual), as_numbers("predicted", predicted)
    if len(actual) != len(predicted):
        raise ValueError(f"{len(actual)} ratings but {len(predicted)} predictions: they must match row by row.")
    if len(actual) == 0:
        raise ValueError("no rows to measure: the error of an empty table is undefined.")
    residuals = actual - predicted
    if not np.isfinite(residuals).all():
        bad = (~np.isfinite(residuals)).sum()
        raise ValueError(f"{bad} of {len(residuals)} rows are not finite: did training diverge, or is a mean missing?")
    return residuals


# ---------------------------------------------------------------- lists


def recall_at_k(ranked: Iterable[Hashable], relevant: Iterable[Hashable] | Mapping[Any, float], k: int = 10) -> float:
    r"""The share of a user's relevant items that stand among the first k of a list, :math:`n_k / n`.

    Args:
        ranked: item ids, best first. A list shorter than k finds no more than it holds.
        relevant: ids of the :math:`n` items it should have found, in any order; or a dict ``{id: gain}``, in which
            those of gain 0 are not relevant.
        k: places that count, :math:`n_k` of them taken by relevant items.

    A user with more than k relevant items cannot reach 1.

    Raises: ``ValueError`` for an item that is ranked twice, when nothing is relevant (the measure is undefined: leave
    that user out), for a gain that is negative or not finite, and for k below 1.
    """
    k = whole("k", k, at_least=1)
    found, ideal = _gains(ranked, relevant, k)
    return np.count_nonzero(found) / len(ideal)


def average_precision_at_k(
    ranked: Iterable[Hashable], relevant: Iterable[Hashable] | Mapping[Any, float], k: int = 10
) -> float:
    r"""The precision of a list at each of its hits, averaged; the mean over users is known as MAP.

    .. math:: \mathrm{AP@}k = \frac{1}{\min(k, n)} \sum_{j \le k} [\text{place } j \text{ is relevant}]\, \frac{n_j}{j}

    :math:`n_j` of the first j places are relevant, of :math:`n` relevant items. Dividing by :math:`\min(k, n)`, the
    hits of the best list there is, lets that list score 1; some libraries divide by n. Arguments and errors as in
    :func:`recall_at_k`.

    Source: :cite:t:`manning2008introduction`.
    """
    k = whole("k", k, at_least=1)
    found, ideal = _gains(ranked, relevant, k)
    hit = found > 0
    precision = np.cumsum(hit) / np.arange(1, len(hit) + 1)  # (places,)
    return float(precision[hit].sum() / min(k, len(ideal)))


def ndcg_at_k(ranked: Iterable[Hashable], relevant: Iterable[Hashable] | Mapping[Any, float], k: int = 10) -> float:
    r"""Normalized discounted cumulative gain: what a list gains, as a share of what the best list would.

    .. math:: \mathrm{DCG@}k = \sum_{j \le k} \frac{g_j}{\log_2(j + 1)}, \qquad
              \mathrm{NDCG@}k = \frac{\mathrm{DCG@}k}{\text{that of the same items, highest gain first}}

    Args:
        ranked, k: as in :func:`recall_at_k`.
        relevant: a dict ``{id: gain}`` of gains :math:`g \ge 0`, such as stars, where any other id gains 0; or ids
            alone, which gain 1 each.

    Gain and discount are those of scikit-learn's ``ndcg_score``. Errors as in :func:`recall_at_k`.

    Source: :cite:t:`jarvelin2002cumulated`.
    """
    k = whole("k", k, at_least=1)
    found, ideal = _gains(ranked, relevant, k)
    return float(_dcg(found) / _dcg(ideal[:k]))


def coverage(lists: pd.DataFrame, train: Ratings) -> float:
    """The share of the catalogue that stands in at least one list.

    Args:
        lists: recommendations for many users, as :meth:`collabkit.Recommender.recommend` returns them.
        train: ratings whose vocabulary of items is the catalogue.

    Raises: ``KeyError`` for an item that is not in the catalogue.
    Source: :cite:t:`ge2010beyond`, who call it catalogue coverage.
    """
    rated(train, "train")
    return len(np.unique(train.items.index(_column(lists, "item")))) / train.n_items


def popularity_lift(lists: pd.DataFrame, train: Ratings) -> float:
    r"""How much more popular the items of the lists are than those that the same users have rated themselves.

    .. math:: \frac{\mathrm{GAP}_\text{lists} - \mathrm{GAP}_\text{rated}}{\mathrm{GAP}_\text{rated}}, \qquad
              \mathrm{GAP} = \frac{1}{|U|} \sum_{u} \frac{1}{|L_u|} \sum_{i \in L_u} \phi_i

    :math:`\phi_i` is the number of training ratings of an item, and GAP ("group average popularity") the mean over
    users of its mean over the items :math:`L_u` of one user. 0: as popular as what they rate; 1: twice as popular;
    -1: rated by nobody.

    Args:
        lists: recommendations, with columns ``user`` and ``item``. Users without a training rating are left out.
        train: the ratings that count as popularity, and in which users show what they rate.

    Returns: the lift; NaN when no user has a training rating.
    Source: :cite:t:`abdollahpouri2019unfairness`, who write it ΔGAP.
    """
    rated(train, "train")
    popularity = np.bincount(train.item, minlength=train.n_items)
    has_rated = np.bincount(train.user, minlength=train.n_users)
    user, item = train.users.index(_column(lists, "user")), train.items.index(_column(lists, "item"))
    asked = np.bincount(user, minlength=train.n_users)
    both = (has_rated > 0) & (asked > 0)
    if not both.any():
        return float("nan")
    listed = np.bincount(user, weights=popularity[item], minlength=train.n_users)[both] / asked[both]
    own = np.bincount(train.user, weights=popularity[train.item], minlength=train.n_users)[both] / has_rated[both]
    return float(listed.mean() / own.mean() - 1)


def _gains(
    ranked: Iterable[Hashable], relevant: Iterable[Hashable] | Mapping[Any, float], k: int
) -> tuple[np.ndarray, np.ndarray]:
    """What stands in the first k places, as gains ``(places,)``, and all gains there are, highest first ``(n,)``."""
    ranked = _ids(ranked)
    if len(set(ranked)) < len(ranked):
        raise ValueError("an item stands in the list more than once: keep the first place of each.")
    gains = relevant if isinstance(relevant, Mapping) else dict.fromkeys(_ids(relevant), 1.0)
    if len({isinstance(id, str) for id in (*ranked, *gains)}) > 1:
        raise TypeError("some of these ids are text and some are not, so none would be found: make them of one kind.")
    values = np.array([number(f"gain of {id!r}", gain, at_least=0) for id, gain in gains.items()])
    if not values.any():
        raise ValueError("no item is relevant, so there is nothing to find and no measure: leave this user out.")
    found = np.array([gains.get(item, 0.0) for item in ranked[:k]], dtype="float64")
    return found, np.sort(values[values > 0])[::-1]


def _column(lists: pd.DataFrame, name: str) -> pd.Series:
    if not isinstance(lists, pd.DataFrame) or name not in lists:
        raise TypeError(
            f"lists has to be a DataFrame with a column {name!r}, as recommend() of several users returns it."
        )
    return lists[name]


def _ids(ids: Iterable[Hashable]) -> list[Hashable]:
    """Plain Python ids, from a list, set, array, Series or tensor: elements of a tensor would never be equal."""
    if isinstance(ids, str):
        raise TypeError(f"{ids!r} is one text: pass a list of ids.")
    return ids.tolist() if hasattr(ids, "tolist") else list(ids)


def _dcg(gains: np.ndarray) -> float:
    return (gains / np.log2(np.arange(2, len(gains) + 2))).sum()
