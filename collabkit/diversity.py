"""Diversity: how unlike the items of one list are, and a knob that trades a little of their scores for more of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from collabkit.checks import number, whole

BUDGET = 4_000_000  # numbers of vectors held at a time: 32 MB


def mmr(lists: pd.DataFrame, vectors: pd.DataFrame, relevance: float = 0.7, k: int = 10) -> pd.DataFrame:
    r"""Rank long lists again, into shorter ones whose items are less alike: maximal marginal relevance.

    .. math:: \text{next} = \arg\max_{i \notin S}\; \lambda\, s_i - (1 - \lambda) \max_{j \in S} \cos(v_i, v_j)

    S is what the new list has already, and :math:`s_i` the score of an item, moved to the range from 0 to 1 within its
    list. The first place stays the best; ties keep the order of the list.

    Args:
        lists: as :meth:`collabkit.Recommender.recommend` returns them, of one user or many, and longer than k: columns
            ``item`` and ``stars``, best first, and ``user`` where there are many.
        vectors: what makes items alike: one row of numbers an item, indexed by id, such as
            :func:`collabkit.film_features` or :func:`collabkit.who_rated`. A row of zeros is like nothing.
        relevance: λ, from 1, which keeps the order of the lists, to 0, which looks at likeness alone.
        k: the length of a new list, or less where a list is shorter.

    Returns: the rows that were chosen, in their new order, with all columns, indexed by rank from 1.
    Raises: ``TypeError`` for what are no lists or vectors; ``ValueError`` for scores or vectors that are not finite;
        ``KeyError`` for an item without a vector.
    Source: :cite:t:`carbonell1998mmr`.
    """
    relevance, k = number("relevance", relevance, at_least=0, at_most=1), whole("k", k, at_least=1)
    rows, owner = _rows(lists, vectors), _owner(lists)
    scores = lists["stars"].to_numpy("float64") if "stars" in lists else None
    if scores is None or not np.isfinite(scores).all():
        raise ValueError("lists need a column 'stars' of finite scores, as recommend() returns them.")
    first = np.flatnonzero(np.diff(owner, prepend=-1))  # of each list
    length = np.diff(np.append(first, len(owner)))
    step, chosen = max(1, BUDGET // max(1, int(length.max(initial=1)) * rows.shape[1])), [np.empty(0, dtype="int64")]
    for start in range(0, len(first), step):
        block = slice(start, start + step)
        chosen.append(_rerank(first[block], length[block], rows, scores, relevance, k))
    place = np.concatenate(chosen)
    return lists.iloc[place].set_index(pd.Index(_within(owner[place]), name="rank"))


def _rerank(
    first: np.ndarray, length: np.ndarray, rows: np.ndarray, scores: np.ndarray, relevance: float, k: int
) -> np.ndarray:
    """Rows of the table in their new order, of the lists from ``first`` ``(g,)`` on, all of them a place at a time."""
    at = np.arange(length.max())
    real = at < length[:, None]  # (g, m): lists shorter than the longest are filled up
    place = np.where(real, first[:, None] + at, first[:, None])
    score = scores[place]
    lo, hi = score.min(axis=1, keepdims=True), score.max(axis=1, keepdims=True)
    score = np.divide(score - lo, hi - lo, out=np.zeros_like(score), where=hi > lo)
    vectors, everybody = rows[place], np.arange(len(place))  # (g, m, n), (g,)
    alike = np.zeros_like(score)  # with the most like of those chosen; at first with nobody
    taken, picks = ~real, []
    for turn in range(min(k, len(at))):
        worth = np.where(taken, -np.inf, relevance * score - (1 - relevance) * alike if turn else score)
        best = worth.argmax(axis=1)  # the first of equals
        picks.append(np.where(turn < length, place[everybody, best], -1))
        taken[everybody, best] = True
        now = np.einsum("gmn,gn->gm", vectors, vectors[everybody, best])
        alike = np.maximum(alike, now) if turn else now
    found = np.stack(picks, axis=1).ravel()
    return found[found >= 0]


def intra_list_diversity(lists: pd.DataFrame, vectors: pd.DataFrame) -> float:
    r"""How unlike the items of one list are, in the mean over lists.

    .. math:: \frac{1}{|U|} \sum_u \frac{1}{n_u (n_u - 1)} \sum_{i \ne j \in L_u} \bigl(1 - \cos(v_i, v_j)\bigr)

    0: all alike; 1: as if unrelated. Lists of one item have no pairs, and are left out.

    Args:
        lists, vectors: as in :func:`mmr`.

    Returns: the mean; NaN when no list has two items. Errors as in :func:`mmr`.
    Source: :cite:t:`ziegler2005improving`, who add up likeness.
    """
    rows, owner = _rows(lists, vectors), _owner(lists)
    n = np.bincount(owner)
    total = np.zeros((len(n), rows.shape[1]))
    np.add.at(total, owner, rows)
    own = np.bincount(owner, weights=np.square(rows).sum(axis=1))  # n, but for rows of zeros
    many = n > 1
    alike = (np.square(total).sum(axis=1) - own)[many] / (n * (n - 1))[many]
    return float(1 - alike.mean()) if many.any() else float("nan")


def _rows(lists: pd.DataFrame, vectors: pd.DataFrame) -> np.ndarray:
    """The vector of each row of the lists, of length 1 or 0 ``(rows, n)``."""
    if not isinstance(lists, pd.DataFrame) or "item" not in lists:
        raise TypeError("lists has to be a DataFrame with a column 'item', as recommend() returns it.")
    if not isinstance(vectors, pd.DataFrame):
        raise TypeError(
            f"vectors is a {type(vectors).__name__}: give a DataFrame indexed by item id, as film_features."
        )
    if not vectors.index.is_unique:
        raise ValueError("vectors has more than one row of some item: keep one of each.")
    where = vectors.index.get_indexer(lists["item"])
    if (where < 0).any():
        missing = lists["item"][where < 0].unique().tolist()
        raise KeyError(f"item {missing[0]!r} ({len(missing)} in all) has no row in vectors, which are indexed by id.")
    rows = vectors.to_numpy("float64")[where]
    if not np.isfinite(rows).all():
        raise ValueError("some vectors are not finite: fill in what is missing.")
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(size > 0, size, 1)


def _owner(lists: pd.DataFrame) -> np.ndarray:
    """Which list each row is in ``(rows,)``, from 0 in the order of the table, where a list stands in one piece."""
    if "user" not in lists:
        return np.zeros(len(lists), dtype="int64")
    user = pd.factorize(lists["user"])[0]
    if (np.diff(user) < 0).any():
        raise ValueError("the rows of some user stand apart: sort the lists by user first, best first within each.")
    return user


def _within(owner: np.ndarray) -> np.ndarray:
    """Ranks from 1 within each list."""
    return 1 + np.arange(len(owner)) - np.searchsorted(owner, owner)
