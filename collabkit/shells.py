"""Shells: vectors sorted by length, cut where it falls, and a graph of each part, walked from long to short."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

NOT_THERE = "an index needs the package usearch: pip install 'collabkit[index]', or pip install usearch."
SHORTER, LEAST = 1.5, 1000  # a shell ends where vectors are so many times shorter than its first, but holds so many


class Shell(NamedTuple):
    """Vectors of like length.

    Attributes:
        longest: the length of its longest vector.
        graph: of usearch, with the vectors divided by that length, and lifted onto the unit sphere; its keys are
            their places in the table that was cut.
    """

    longest: float
    graph: Any


def distinct(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The place of the first of equal rows ``(n,)``, in order, and which of these each row equals ``(I,)``.

    Equal vectors would be linked to each other alone, and a walk would not leave them.
    """
    whole = np.ascontiguousarray(rows + 0).view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()  # no -0
    _, first, group = np.unique(whole, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return first[order], np.argsort(order)[group.ravel()]


def cut(rows: np.ndarray, links: int, width: int, threads: int) -> list[Shell]:
    """Shells of all rows ``(I, K)``, the longest first."""
    length = lengths(rows)
    order, shells = np.argsort(-length, kind="stable"), []
    while len(order):
        longest = length[order[0]]
        shortest = min(longest / SHORTER, length[order[:LEAST][-1]])
        end = np.searchsorted(-length[order], -shortest, side="right")  # equally long ones stay together
        graph = usearch().Index(
            ndim=rows.shape[1] + 1, metric="ip", dtype="f32", connectivity=links, expansion_add=width
        )
        part = np.divide(rows[order[:end]], longest or 1, dtype="float32")
        lift = np.sqrt((1 - (part**2).sum(axis=1, keepdims=True)).clip(min=0))  # 0 for the longest
        lifted = np.concatenate([part, lift], axis=1)
        # The longest first: they are the answer to many queries, and who comes early is linked by many. By one thread,
        # since vectors that are linked at once do not see each other, and of few that would be many.
        for some, n_threads in ((slice(LEAST), 1), (slice(LEAST, end), threads)):
            graph.add(order[:end][some], lifted[some], threads=n_threads)
        shells.append(Shell(float(longest), graph))
        order = order[end:]
    return shells


def nearest(shells: list[Shell], rows: np.ndarray, n: int, width: int, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Places and inner products ``(queries, n)`` of the n largest, the best first, equal ones by place; in float64.

    A query leaves out the shells in which no product can be among them, by the inequality of Cauchy and Schwarz.
    """
    place, score = np.zeros((len(rows), n), dtype="int64"), np.full((len(rows), n), -np.inf)
    length = lengths(rows)[:, None]
    unit = np.divide(rows, np.where(length > 0, length, 1), dtype="float32")  # a graph rounds products to 1e-7
    lifted = np.concatenate([unit, np.zeros_like(unit[:, :1])], axis=1)
    for number, (longest, graph) in enumerate(shells, 1):
        still = np.flatnonzero(longest >= score[:, -1])
        if not len(still):
            break
        graph.expansion_search = max(width // number, 2 * n)
        at, product = _search(graph, lifted[still], min(n, len(graph)), threads)
        at = np.concatenate([place[still], at], axis=1)
        product = np.concatenate([score[still], product * longest], axis=1)
        best = np.lexsort((at, -product))[:, :n]
        place[still], score[still] = np.take_along_axis(at, best, axis=1), np.take_along_axis(product, best, axis=1)
    return place, score * length


def lengths(rows: np.ndarray) -> np.ndarray:
    """Of each row ``(n,)``, in float64, where no square of a float32 is lost."""
    return np.sqrt(np.einsum("nk,nk->n", rows, rows, dtype="float64"))


def vectors(shells: list[Shell], places: np.ndarray, K: int) -> np.ndarray:
    """The rows ``(n, K)`` at these places, but for rounding."""
    rows = np.empty((len(places), K), dtype="float32")
    for longest, graph in shells:
        if (here := graph.contains(places)).any():
            rows[here] = np.stack(graph.get(places[here]))[:, :K] * longest
    return rows


def _search(graph: Any, rows: np.ndarray, n: int, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Places and inner products ``(queries, n)``; those are found exactly that the walk does not reach."""

    def found(rows: np.ndarray, exact: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        one = graph.search(rows, n, threads=threads, exact=exact)
        counts = np.atleast_1d(getattr(one, "counts", len(one)))  # of one query alone, keys end with what was found
        place, score = np.zeros((len(rows), n), dtype="int64"), np.zeros((len(rows), n), dtype="float32")
        keys = np.atleast_2d(one.keys)
        place[:, : keys.shape[1]], score[:, : keys.shape[1]] = keys, 1 - np.atleast_2d(one.distances)
        return place, score, counts

    if 2 * n > len(graph):
        return found(rows, exact=True)[:2]
    place, score, counts = found(rows, exact=False)
    if (short := counts < n).any():
        place[short], score[short] = found(rows[short], exact=True)[:2]
    return place, score


def usearch() -> Any:
    """Its module, which is imported when it is needed.

    Raises: ``ModuleNotFoundError`` that says how to install it.
    """
    try:
        from usearch import index
    except ModuleNotFoundError:
        raise ModuleNotFoundError(NOT_THERE) from None
    return index
