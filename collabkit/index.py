"""Index: the nearest of very many vectors by inner product, found without looking at all of them."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from collabkit import checks, shells
from collabkit.data.vocabulary import as_ids, is_text
from collabkit.index_recall import recall_of
from collabkit.saving.atomic import write_together

MAGIC, FORMAT, HASH = b"collabkit index\n", 2, hashlib.sha256().digest_size
ENOUGH = 0.9  # of the nearest that an index finds, before it says so
DAMAGED = "is damaged: it was truncated or changed after it was saved. Copy it again, or build and save it again."


class Nearest(NamedTuple):
    """What an index found: one row a neighbour, the best first within a query.

    Attributes:
        query: the row of the query ``(n,)``.
        item: the id of the neighbour ``(n,)``.
        score: their inner product ``(n,)``, in float32.
    """

    query: np.ndarray
    item: np.ndarray
    score: np.ndarray


class Index:
    r"""An index of vectors, which answers one question quickly and often rightly:

    .. math:: \text{which } k \text{ items } i \text{ have the largest } u^\top v_i \text{ ?}

    The vectors are sorted by length, and cut into shells: one holds lengths down to two thirds of its longest, and a
    thousand vectors at least. A shell is a graph (HNSW): each vector is linked to some that are near, in a few layers
    of fewer and fewer vectors. A query walks from link to link towards larger products, and keeps the best it has met.
    It may miss some, most of all among tight clusters of more than ``width`` vectors, whose links stay within them.
    Equal ones are linked as one.

    It begins in the shell of the longest, and leaves out those in which no vector can be among the best k, since
    :math:`u^\top v_i \le \lVert u\rVert \lVert v_i\rVert`. What is left out for that reason is never missed.

    To be near means on a sphere: each vector gets one number more, which makes it as long as the first of its shell,
    and a query gets a 0. That leaves their product as it is. Before all this the mean of all vectors is taken off each:
    that moves the products of one query by one number, so their order stays, and without it vectors that share a
    direction, as biases make them, would all be near.

    Args:
        links: of a vector, in the lowest layer twice as many; more find more, and take memory.
        width: candidates kept while a vector is linked; more make better links, more slowly.
        threads: that build. With one, the same vectors give the same index; with more they need not.

    Attributes:
        ids: of the vectors ``(I,)``, in the order in which they came.
        n_factors: K, the length of a vector.

    Raises: ``ModuleNotFoundError`` without the package usearch, which ``pip install 'collabkit[index]'`` brings;
        ``ValueError`` or ``TypeError`` for a setting outside its range.
    Source: the graph, :cite:t:`malkov2018hnsw`; the sphere, :cite:t:`bachrach2014xbox`; from long to short until the
        bound, :cite:t:`teflioudi2015lemp`.
    """

    ids: np.ndarray
    n_factors: int

    def __init__(self, links: int = 16, width: int = 128, threads: int = 1):
        self.links = checks.whole("links", links, at_least=2, at_most=512)
        self.width = checks.whole("width", width, at_least=1, at_most=100_000)
        self.threads = checks.whole("threads", threads, at_least=1, at_most=1024)
        shells.usearch()

    def build(self, vectors: ArrayLike, ids: ArrayLike | None = None) -> Index:
        """Link these vectors ``(I, K)``; returns itself. What was built before is kept until the new one is whole.

        Args:
            vectors: numbers, or a tensor.
            ids: of each, whole numbers or text, none twice; by default 0, 1, 2, ….

        Warns: when a query would miss more than a tenth of the nearest of random vectors.

        Raises: ``ValueError`` for vectors that are no table ``(I, K)``, for none at all, and for a NaN or an infinity
            among them; for ids of another number, and for one that comes twice.
        """
        rows = _vectors(vectors)
        names = np.arange(len(rows)) if ids is None else np.array(as_ids(ids))
        if not rows.size:
            raise ValueError("vectors has none, so there is nothing to find: give a table (I, K) with a row an item.")
        if len(names) != len(rows) or len(set(names.tolist())) < len(names):
            raise ValueError(f"there are {len(names)} ids for {len(rows)} vectors, or one twice: give each its own.")
        centre = rows.mean(axis=0, dtype="float64").astype("float32")  # (K,)
        first, group = shells.distinct(rows)
        parts = shells.cut(rows[first] - centre, self.links, self.width, self.threads)
        self._hold(parts, centre, names, group)
        if (found := recall_of(self, rows)) < ENOUGH:
            warnings.warn(
                f"this index finds {found:.0%} of the nearest of random vectors: these lie such that links lead past "
                "many, as in tight clusters. Ask, or build, with a larger width, or search exactly.",
                stacklevel=2,
            )
        return self

    def _hold(self, parts: list[shells.Shell], centre: np.ndarray, ids: np.ndarray, group: np.ndarray) -> Index:
        """Keep what was built or loaded, and where ids and equal vectors stand in it."""
        self._shells, self._centre, self._group, self.ids, self.n_factors = parts, centre, group, ids, len(centre)
        self._places, self._by_group = pd.Index(ids, dtype=ids.dtype), np.argsort(group, kind="stable")
        self._count = np.bincount(group)  # how many are equal
        self._start = self._count.cumsum() - self._count
        return self

    @classmethod
    def of(cls, recommender: Any, **settings: Any) -> Index:
        """An index of the items of a :class:`collabkit.Recommender`, to give back to its ``recommend(…, index=…)``.

        Raises: ``TypeError`` for a model whose score is no dot product of one row of each.
        """
        return cls(**settings).build(recommender.served.item_rows(), recommender.ratings.items.ids)

    def __len__(self) -> int:
        return len(self.ids) if hasattr(self, "ids") else 0

    def query(
        self,
        vectors: ArrayLike,
        k: int = 10,
        exclude: Sequence[ArrayLike] | None = None,
        width: int = 128,
        threads: int = 1,
    ) -> Nearest:
        """The k items with the largest inner products; of those found, equal ones in the order of the index.

        Args:
            vectors: of whom it is asked for ``(n, K)``, or of one ``(K,)``.
            k: how many of each. Who has fewer left gets fewer.
            exclude: for each query, ids that it is not to be given, such as what a user has seen: so many more are
                looked for, and these left out. An id that the index does not have is passed over.
            width: candidates kept on the walk through the longest, half of it in the next shell, a third in the one
                after that, and so on, but never fewer than twice those looked for: more find more, and take longer.
            threads: that share the queries.

        Raises: ``ValueError`` for vectors of another length, a NaN or an infinity, and for another number of lists to
            exclude than queries; ``TypeError`` for text to exclude where the ids are whole numbers, and the other way
            round; ``NotFittedError`` of scikit-learn, when nothing was built.
        """
        k, width = checks.whole("k", k, at_least=1), checks.whole("width", width, at_least=1, at_most=1_000_000)
        threads, rows = checks.whole("threads", threads, at_least=1, at_most=1024), _vectors(vectors)
        parts = self._built()
        if rows.shape[1] != self.n_factors:
            raise ValueError(f"the vectors have {rows.shape[1]} numbers, those of the index {self.n_factors}.")
        gone = self._excluded(exclude, len(rows))
        more = np.bincount(gone // len(self), minlength=len(rows))  # what is excluded may stand before all else
        asked = np.minimum(k + _rounded_up(more), len(self._count))  # (n,), of few different sizes
        found = [(np.empty(0, dtype="int64"), np.empty(0, dtype="int64"), np.empty(0))]
        for n in np.unique(asked).tolist():
            these = np.flatnonzero(asked == n)
            group, score = shells.nearest(parts, rows[these], n, width, threads)  # (queries, n)
            found.append((np.repeat(these, n), group.ravel(), score.ravel()))
        row, group, score = (np.concatenate(part) for part in zip(*found, strict=True))
        some = np.minimum(self._count[group], (k + more)[row])  # of equal ones, as many as could be left
        nth = np.arange(some.sum()) - np.repeat(some.cumsum() - some, some)
        place = self._by_group[np.repeat(self._start[group], some) + nth]
        row, score = np.repeat(row, some), np.repeat(score, some)
        left = ~np.isin(row * len(self) + place, gone)
        order = np.lexsort((place[left], -score[left], row[left]))
        row, place, score = (one[left][order] for one in (row, place, score))
        best = np.arange(len(row)) - np.searchsorted(row, row) < k
        score = score[best] + (rows.astype("float64") @ self._centre)[row[best]]
        with np.errstate(over="ignore"):  # a product too large for float32 is infinite
            return Nearest(row[best], self.ids[place[best]], score.astype("float32"))

    def vectors(self, places: ArrayLike) -> np.ndarray:
        """The vectors ``(n, K)`` at these places in the order of ``ids``, but for rounding.

        Raises: ``IndexError`` for a place below 0 or past the end.
        """
        parts, at = self._built(), np.asarray(places, dtype="int64").ravel()
        if len(wrong := at[(at < 0) | (at >= len(self))]):
            raise IndexError(f"place {wrong[0]} is none of the {len(self):,} vectors of this index, from 0 on.")
        return shells.vectors(parts, self._group[at], self.n_factors) + self._centre

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it into one file, whole or not at all. Its last bytes are the hash of the others.

        Raises: ``FileNotFoundError`` for a folder that is not there; ``PermissionError`` for a file that is read-only.
        """
        graphs = [graph.save() for _, graph in self._built()]
        settings = {"links": self.links, "width": self.width, "threads": self.threads}
        parts = {"centre": self._centre.tolist(), "ids": self.ids.tolist()}
        if self._group[-1] < len(self) - 1:  # some are equal
            parts["group"] = self._group.tolist()
        parts |= {"lengths": [longest for longest, _ in self._shells], "bytes": [len(graph) for graph in graphs]}
        head = json.dumps({"format": FORMAT, "settings": settings, **parts}).encode()
        content = b"".join([MAGIC, len(head).to_bytes(8, "little"), head, *graphs])
        write_together({Path(path): content + hashlib.sha256(content).digest()})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Index:
        """The index that :meth:`save` wrote: it answers alike. Nothing is unpickled; load only files that you trust.

        Raises: ``FileNotFoundError``; ``ValueError`` for a file that is empty, truncated, changed in any byte, of
            another format or of another program.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"no file {path}: check its name and its folder, or save an index there first.")
        content = memoryview(path.read_bytes())
        if content[: len(MAGIC)] != MAGIC:
            raise ValueError(f"{path} is no index that collabkit saved, or its beginning is damaged. Check its name.")
        if hashlib.sha256(content[:-HASH]).digest() != content[-HASH:]:
            raise ValueError(f"{path} {DAMAGED}")
        start = len(MAGIC) + 8
        end = start + int.from_bytes(content[len(MAGIC) : start], "little")
        head = json.loads(bytes(content[start:end]))
        if head["format"] != FORMAT:
            raise ValueError(f"{path} is of format {head['format']}; this collabkit reads {FORMAT}. Build it again.")
        parts = []
        for longest, size in zip(head["lengths"], head["bytes"], strict=True):
            parts.append(shells.Shell(longest, shells.usearch().Index.restore(bytes(content[end : end + size]))))
            end += size
        ids, centre = np.array(as_ids(head["ids"])), np.array(head["centre"], dtype="float32")
        return cls(**head["settings"])._hold(parts, centre, ids, np.array(head.get("group", range(len(ids)))))

    def _built(self) -> list[shells.Shell]:
        if not hasattr(self, "_shells"):
            from sklearn.exceptions import NotFittedError  # here, since to import scikit-learn takes a second

            raise NotFittedError("this Index has nothing in it yet: call build(vectors, ids) before you ask it.")
        return self._shells

    def _excluded(self, exclude: Sequence[ArrayLike] | None, n: int) -> np.ndarray:
        """The places that each query does without, as ``query * I + place``, none twice."""
        if exclude is None:
            return np.empty(0, dtype="int64")
        if len(exclude) != n:
            raise ValueError(f"exclude has {len(exclude)} lists of ids for {n} queries: give each query one.")
        lists = [ids.ravel() if isinstance(ids, np.ndarray) else as_ids(ids, "excluded") for ids in exclude]
        row = np.repeat(np.arange(n), [len(one) for one in lists])
        ids = as_ids(np.concatenate([self.ids[:0], *(one for one in lists if len(one))]), "excluded")
        if len(ids) and is_text(ids) != is_text(self.ids):
            kind = "text" if is_text(self.ids) else "whole numbers"
            raise TypeError(f"exclude has ids of another kind than the index, whose ids are {kind}: convert them.")
        at = self._places.get_indexer(ids)
        return np.unique(row[at >= 0] * len(self) + at[at >= 0])


def _rounded_up(n: np.ndarray) -> np.ndarray:
    """To a power of two; 0 stays 0."""
    return np.where(n > 0, 2 ** np.ceil(np.log2(n.clip(min=1))).astype("int64"), 0)


def _vectors(value: Any) -> np.ndarray:
    """A float32 table ``(n, K)``."""
    given = value.detach().cpu().numpy() if hasattr(value, "detach") else value
    try:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
            rows = np.atleast_2d(np.asarray(given, dtype="float32"))
    except (TypeError, ValueError):
        raise TypeError("vectors holds what is no number: it takes a table (n, K).") from None
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise ValueError(f"vectors is {rows.shape}, or has a NaN or an infinity: it takes a table (n, K) of numbers.")
    return np.ascontiguousarray(rows)
