"""Interpret: read what a trained model has put into its tables."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from collabkit.checks import flag, whole
from collabkit.data.vocabulary import as_ids
from collabkit.ratings import Ratings, rated
from collabkit.tables import Trained, table


def most_rated(ratings: Ratings, n: int) -> np.ndarray:
    """Item codes of the n items with the most ratings, most rated first; ties in the order of the codes ``(n,)``."""
    counts = np.bincount(rated(ratings).item, minlength=ratings.n_items)
    return np.argsort(-counts, kind="stable")[: whole("n", n, at_least=1)]


def item_biases(model: Trained, ratings: Ratings, full: bool = False) -> pd.DataFrame:
    r"""What a model thinks of each item, apart from who rates it: one row an item, lowest bias first.

    Args:
        model: one with an ``item_bias`` table ``(I, 1)``.
        ratings: the training ratings, for labels, means and counts.
        full: add what the factors of the average user give each item, :math:`b_i + \bar p^\top q_i`. The model may
            keep any part of that in the bias, without a change in its predictions; added up, the choice is made.

    Returns: columns ``item, label, bias, mean, ratings``, indexed by item code. The bias is in the model's own score,
    before any sigmoid; ``mean`` is in stars, NaN for an item without training ratings.
    """
    bias = _of_items(model, "item_bias", ratings)[:, 0]  # (I,)
    if flag("full", full):
        bias = bias + table(model, "item_factors") @ table(model, "user_factors").mean(axis=0)
    counts = np.bincount(ratings.item, minlength=ratings.n_items)
    sums = np.bincount(ratings.item, weights=ratings.rating, minlength=ratings.n_items)
    mean = np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    columns = {"item": ratings.items.ids, "label": ratings.labels, "bias": bias}
    biases = pd.DataFrame({**columns, "mean": mean, "ratings": counts})
    return biases.sort_values("bias", kind="stable")


class Components(NamedTuple):
    """Principal components of items.

    Attributes:
        table: one row an item code, columns ``item, label, pc1 … pcn``.
        explained: the share of the variance that each component holds ``(n,)``.
    """

    table: pd.DataFrame
    explained: np.ndarray


def item_components(model: Trained, ratings: Ratings, codes: ArrayLike, n: int = 3) -> Components:
    """Principal components of item factors: the few directions in which these items differ most.

    Args:
        model: one with an ``item_factors`` table ``(I, K)``.
        codes: the items to compare, by code; few ratings make noisy factors, so take :func:`most_rated` ones.
        n: components to keep.

    A component's sign is arbitrary: it is set so that its largest entry is positive.
    """
    from sklearn.decomposition import PCA

    codes = _item_codes(codes, ratings)
    factors = _of_items(model, "item_factors", ratings)[codes]  # (items, K)
    pca = PCA(n_components=whole("n", n, at_least=1, at_most=min(factors.shape)), svd_solver="full")
    scores = pca.fit_transform(factors)  # (items, n)
    scores *= np.sign(scores[np.abs(scores).argmax(axis=0), np.arange(scores.shape[1])])
    found = pd.DataFrame(scores, index=codes, columns=[f"pc{i + 1}" for i in range(scores.shape[1])])
    found.insert(0, "label", ratings.labels[codes])
    found.insert(0, "item", ratings.items.ids[codes])
    return Components(found, pca.explained_variance_ratio_)


def similar_items(
    model: Trained, ratings: Ratings, item: int | str, k: int = 10, codes: ArrayLike | None = None
) -> pd.DataFrame:
    r"""The k items whose factors point most nearly the same way: :math:`\cos(q_i, q_j)`.

    Args:
        item: the id of an item.
        codes: items to choose from, by code; all of them unless told.

    Returns: columns ``item, label, similarity``, most similar first, without the item itself.
    Raises: ``KeyError`` for an unknown id; ``ValueError`` for more than one, and for a model without factors.
    """
    k, wanted = whole("k", k, at_least=1), rated(ratings).items.index(item)
    if len(wanted) != 1:
        raise ValueError(f"{len(wanted)} items where one is asked for: ask for each by itself.")
    code = wanted[0]
    among = np.arange(ratings.n_items) if codes is None else _item_codes(codes, ratings)
    return most_similar(cosines(_of_items(model, "item_factors", ratings), code), ratings, code, k, among)


def cosines(factors: np.ndarray, code: int) -> np.ndarray:
    """How nearly each row points the same way as this one, -1 to 1 ``(n,)``; 0 for a row of zeros.

    Raises: ``ValueError`` for rows of no length.
    """
    if not factors.shape[1]:
        raise ValueError("this model has no factors in which items could be alike: its score is biases alone.")
    unit = factors / np.maximum(np.linalg.norm(factors, axis=1, keepdims=True), 1e-12)  # (n, K)
    return unit @ unit[code]


def most_similar(similarity: np.ndarray, ratings: Ratings, code: int, k: int, codes: np.ndarray) -> pd.DataFrame:
    """The k of these items, without this one, whose ``similarity`` ``(I,)`` is largest."""
    codes = codes[codes != code]
    best = codes[np.argsort(-similarity[codes], kind="stable")[:k]]
    return pd.DataFrame(
        {"item": ratings.items.ids[best], "label": ratings.labels[best], "similarity": similarity[best]}
    )


def mean_overlap(lists: Iterable[Iterable[Hashable]]) -> float:
    """How much of a list two models share, on average over all pairs of lists: 0 nothing, 1 everything.

    Args:
        lists: one list of k ids a model, e.g. its twenty lowest biases; the order within a list does not matter.

    Raises: ``ValueError`` for fewer than two lists and for an empty one; ``TypeError`` for ids of two kinds.
    """
    sets = [set(as_ids(one).tolist()) for one in lists]
    if len(sets) < 2 or not all(sets):
        raise ValueError("an overlap needs at least two lists, and an id in each.")
    as_ids(next(iter(one)) for one in sets)  # text and numbers would never be equal
    return float(np.mean([len(a & b) / max(len(a), len(b)) for a, b in combinations(sets, 2)]))


def _of_items(model: Trained, name: str, ratings: Ratings) -> np.ndarray:
    """A table of a model with a row for each item of these ratings."""
    found = table(model, name)
    if len(found) != rated(ratings).n_items:
        raise ValueError(
            f"{name} has {len(found):,} rows, these ratings {ratings.n_items:,} items: pass those it was trained on."
        )
    return found


def _item_codes(codes: ArrayLike, ratings: Ratings) -> np.ndarray:
    """Codes ``(n,)``, each of an item of these ratings: a negative one would count from the end."""
    codes = as_ids(codes, "item")
    if not len(codes) or codes.dtype.kind != "i" or codes.min() < 0 or codes.max() >= rated(ratings).n_items:
        raise ValueError(
            f"codes have to be whole numbers from 0 to {ratings.n_items - 1:,}, at least one of them: "
            "ratings.items.index(ids) turns ids into them."
        )
    return codes
