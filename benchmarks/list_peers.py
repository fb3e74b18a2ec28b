"""One library's model, in a process of its own, and its lists: how the leaderboard of lists measures the others.

    .peers/<library>/bin/python benchmarks/list_peers.py job.json

`benchmarks.lists` calls this with the interpreter of the library's own environment, so nothing here imports collabkit.
A model is a generator function of a table and of its settings that stops three times: when it holds the data in the
form that its library wants, when it has been fitted, and with the lists. A library scores every item; what the user has
rated is then taken out, and of the rest the twenty best are kept, in the same way for all of them.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import sparse

Model = Callable[..., Iterator[Any]]
PLACES = 20  # of a list
DAY = 86_400


def read_table(path: str) -> SimpleNamespace:
    """What a model may see: ratings to learn from, by code; what is shown of users besides; whom it is asked about.

    `known` has what each of them has rated before: the history of a user who was held out whole, and otherwise the
    training ratings.
    """
    with np.load(path) as arrays:
        return SimpleNamespace(**{name: arrays[name] for name in arrays.files})


def run(model: Model, table: SimpleNamespace, settings: dict) -> tuple[np.ndarray, dict]:
    """Lists ``(asked, 20)`` of codes, -1 past the end of one; and the seconds and memory that they took.

    Seconds are the processor's, which other work on the machine does not stretch as it does those of the clock.
    """
    steps = model(table, **settings)
    took: dict[str, float] = {}
    for name in ("prepare", "fit", "list"):
        clock, busy = time.perf_counter(), time.process_time()
        lists = next(steps)
        took |= {f"{name}_clock": time.perf_counter() - clock, f"{name}_seconds": time.process_time() - busy}
    return checked(table, lists), took | {"peak_mb": peak_mb()}


def checked(table: SimpleNamespace, lists: np.ndarray) -> np.ndarray:
    """The lists themselves, when there is one for each user, no item twice, and none that the user has rated."""
    seen = set(zip(table.known_user.tolist(), table.known_item.tolist(), strict=True))
    if lists.shape != (len(table.asked), PLACES):
        raise ValueError(f"lists of shape {lists.shape} for {len(table.asked)} users")
    for user, codes in zip(table.asked.tolist(), lists.tolist(), strict=True):
        codes = [code for code in codes if code >= 0]
        if not codes or len(set(codes)) < len(codes) or any((user, code) in seen for code in codes):
            raise ValueError(f"user {user} gets an empty list, an item twice, or one that is known: {codes}")
    return lists


def best(table: SimpleNamespace, scores: np.ndarray) -> np.ndarray:
    """The best unseen items ``(asked, 20)``, ties in the order of the codes. An item without a score is not listed."""
    scores = np.where(np.isnan(scores), -np.inf, scores)  # (asked, I)
    row = np.full(int(table.n_users), -1)
    row[table.asked] = np.arange(len(table.asked))
    at = row[table.known_user]
    scores[at[at >= 0], table.known_item[at >= 0]] = -np.inf
    some = np.sort(np.argpartition(-scores, PLACES, axis=1)[:, : PLACES + 1], axis=1)  # no need to sort all of them
    order = np.argsort(-np.take_along_axis(scores, some, axis=1), axis=1, kind="stable")[:, :PLACES]
    order = np.take_along_axis(some, order, axis=1)
    return np.where(np.isneginf(np.take_along_axis(scores, order, axis=1)), -1, order)


def peak_mb() -> float:
    """The most memory that this process ever held, libraries included; as `benchmarks.peers` has it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


def main(models: dict[str, Model]) -> None:
    """Read a job, do its runs in turn, each a fit to a table, and write lists and what they took."""
    job = json.loads(Path(sys.argv[1]).read_text("utf8"))
    done = [run(models[job["model"]], read_table(one["table"]), one["settings"]) for one in job["runs"]]
    np.savez(job["lists"], *(lists for lists, _ in done))  # (asked, 20) each
    Path(job["measured"]).write_text(json.dumps([measured for _, measured in done]), "utf8")


# ---------------------------------------------------------------- what all of them share


def matrix(table: SimpleNamespace, which: str, at_least: float, stars: bool = False) -> sparse.csr_matrix:
    """Who rated what ``(U, I)``, from so many stars: a 1 each, or the stars themselves."""
    user, item, rating = (getattr(table, f"{which}{name}") for name in ("user", "item", "rating"))
    rows = rating >= at_least
    values = rating[rows] if stars else np.ones(rows.sum())
    shape = int(table.n_users), int(table.n_items)
    return sparse.csr_matrix((values.astype("float32"), (user[rows], item[rows])), shape=shape)


def or_popular(table: SimpleNamespace, scores: np.ndarray, at_least: float, x: sparse.csr_matrix) -> np.ndarray:
    """The scores, and for users of whom nothing is known those of the most popular items, from so many stars.

    Args:
        x: what is known of the users asked for ``(asked, I)``.
    """
    counts = np.asarray(matrix(table, "", at_least).sum(axis=0)).ravel()
    return np.where((x.getnnz(axis=1) == 0)[:, None], counts, scores)


# ---------------------------------------------------------------- implicit


def implicit(table, model: str, at_least: float, stars: bool = False, seed: int = 0, **settings):
    """Its ALS places users held out by one solve. Its BPR has no way to: it is not asked about them."""
    from implicit.als import AlternatingLeastSquares
    from implicit.bpr import BayesianPersonalizedRanking

    kinds = {"ALS": AlternatingLeastSquares, "BPR": BayesianPersonalizedRanking}
    fitted = kinds[model](random_state=seed, num_threads=0, **({"use_gpu": False} | settings))
    X = matrix(table, "", at_least, stars)
    yield
    fitted.fit(X, show_progress=False)
    yield
    x = matrix(table, "known_", at_least, stars)[table.asked]
    users = fitted.recalculate_user(table.asked, x) if model == "ALS" else fitted.user_factors[table.asked]
    yield best(table, or_popular(table, users @ fitted.item_factors.T, at_least, x))


# ---------------------------------------------------------------- LensKit


def lenskit(table, scorer: str, at_least: float, days: float | None = None, seed: int = 0, **settings):
    """Its scorers, asked with what is known of each user, as its pipelines ask them.

    Args:
        days: of `TimeBoundedPopScore`, how long before the last rating a rating still counts.
    """
    from datetime import datetime

    import pandas as pd
    from lenskit.als import ImplicitMFScorer
    from lenskit.basic.popularity import TimeBoundedPopScore
    from lenskit.data import ItemList, RecQuery, from_interactions_df
    from lenskit.knn import EASEScorer, ItemKNNScorer
    from lenskit.random import init_global_rng
    from lenskit.training import TrainingOptions

    init_global_rng(seed)
    kinds = {"ItemKNN": ItemKNNScorer, "ImplicitMF": ImplicitMFScorer, "EASE": EASEScorer, "Pop": TimeBoundedPopScore}
    if days is not None:
        since = np.datetime64(int(table.time.max() - days * DAY), "s")
        settings |= {"cutoff": since.astype(datetime), "score": "count"}
    if scorer == "ItemKNN":
        settings |= {"feedback": "implicit"}
    rows = table.rating >= at_least
    frame = {"user_id": table.user[rows], "item_id": table.item[rows], "rating": table.rating[rows]}
    frame |= {"timestamp": pd.to_datetime(table.time[rows], unit="s")}
    train = from_interactions_df(pd.DataFrame(frame))
    fitted = kinds[scorer](**settings)
    yield
    fitted.train(train, TrainingOptions(rng=seed))
    yield
    x, items = matrix(table, "known_", at_least)[table.asked], ItemList(item_ids=np.arange(int(table.n_items)))
    scores, known = np.empty(x.shape), np.unique(frame["item_id"]).astype("int64")
    for row in range(len(scores)):
        chosen = np.intersect1d(x[[row]].indices, known)  # an item that nobody trained with is refused
        query = {} if scorer == "Pop" else {"query": RecQuery(user_items=ItemList(item_ids=chosen))}
        scores[row] = fitted(items=items, **query).scores()
    yield best(table, scores if scorer == "Pop" else or_popular(table, scores, at_least, x))


# ---------------------------------------------------------------- Cornac


def cornac(table, model: str, at_least: float, seed: int = 0, **settings):
    """Its EASE learns from the stars themselves. Users held out are placed by the very products that it scores with."""
    import cornac.models
    import torch
    from cornac.data import Dataset

    kinds = {"EASE": cornac.models.EASE, "VAECF": cornac.models.VAECF}
    rows = np.flatnonzero(table.rating >= at_least)
    triples = zip(table.user[rows].tolist(), table.item[rows].tolist(), table.rating[rows].tolist(), strict=True)
    train = Dataset.from_uir(list(triples), seed=seed)
    fitted = kinds[model](seed=seed, verbose=False, **settings)
    yield
    fitted.fit(train)
    yield
    items = np.fromiter(train.iid_map.keys(), dtype="int64")  # in the order of its own codes
    x = matrix(table, "known_", at_least, stars=model == "EASE")[table.asked]
    scores = np.full(x.shape, np.nan)
    if model == "EASE":
        scores[:, items] = x[:, items] @ fitted.B
    else:
        with torch.no_grad():
            codes, _ = fitted.vae.encode(torch.from_numpy(x[:, items].toarray()))
            scores[:, items] = fitted.vae.decode(codes).cpu().numpy()
    yield best(table, or_popular(table, scores, at_least, x))


if __name__ == "__main__":
    main({"implicit": implicit, "lenskit": lenskit, "cornac": cornac})
