"""How much of what exact search finds an index finds, on vectors that nobody chose."""

from __future__ import annotations

from typing import Any

import numpy as np

from collabkit.shells import lengths


def recall_of(index: Any, rows: np.ndarray, n_queries: int = 100, k: int = 10) -> float:
    """The share of the exact k nearest of random vectors that a query finds by default.

    Args:
        index: a :class:`collabkit.Index`, built of these rows ``(I, K)``.
        n_queries: random vectors, each of which is held against every row.

    One as near as the k-th counts, whichever it is, so ties are no misses.
    """
    queries = np.random.default_rng(0).standard_normal((n_queries, rows.shape[1])).astype("float32")
    k, longest = min(k, len(rows)), lengths(rows).max()
    found, hits = index.query(queries, k, threads=index.threads), 0
    with np.errstate(over="ignore", invalid="ignore"):  # products too large for float32 are infinite, as in a query
        for number, query in enumerate(queries):
            least = np.partition(rows @ query, -k)[-k] - 1e-5 * np.linalg.norm(query) * longest  # but for rounding
            hits += int((found.score[found.query == number] >= least).sum())
    return hits / (n_queries * k)
