"""The course's own models, fitted once in a process of their own, as `benchmarks.list_peers` does it for the others.

python -m benchmarks.list_ours job.json
"""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.list_peers import PLACES, main
from collabkit import (
    BPR,
    EASE,
    BPRLoss,
    ImplicitALS,
    ItemKNN,
    PopularityBaseline,
    Ratings,
    Recommender,
    SampledSoftmax,
    TwoTower,
)
from collabkit.data.vocabulary import Vocabulary
from collabkit.recency import by_recency
from collabkit.recipe import RANKING
from collabkit.training.fit import fit_ranking

SCALE = (0.5, 5.0)


def ratings_of(table: SimpleNamespace, which: str = "") -> Ratings:
    """Ratings by code, under vocabularies of the codes themselves: those to learn from, or those that are known."""
    user, item, stars, times = (getattr(table, f"{which}{name}") for name in ("user", "item", "rating", "time"))
    users, items = (
        Vocabulary(np.arange(int(n)), what) for n, what in ((table.n_users, "user"), (table.n_items, "item"))
    )
    films = pd.DataFrame({"item": items.ids, "label": items.ids.astype(str)})
    return Ratings(user, item, stars, times, users, items, films, SCALE)


def lists_of(table: SimpleNamespace, model, known: Ratings) -> np.ndarray:
    """The lists ``(asked, 20)`` that a Recommender makes, by code; -1 past the end of one."""
    lists = Recommender(model, known).recommend(table.asked, k=PLACES)
    found = np.full((len(table.asked), PLACES), -1)
    row = pd.Index(table.asked).get_indexer(lists["user"])
    found[row, lists.index - 1] = lists["item"]
    return found


def popularity(table, at_least: float):
    train, known = ratings_of(table), ratings_of(table, "known_")
    yield
    model = PopularityBaseline().fit(train.take(train.rating >= at_least))
    yield
    yield lists_of(table, model, known)


def solved(table, model: str, seed: int = 0, recent: dict | None = None, **settings):
    """ItemKNN, EASE or ImplicitALS, which place users held out by what is known of them.

    Args:
        recent: arguments of :func:`collabkit.recency.by_recency`, which weighs the histories once the model is fitted.
    """
    train, known = ratings_of(table), ratings_of(table, "known_")
    yield
    kind: Any = {"ItemKNN": ItemKNN, "EASE": EASE, "ImplicitALS": partial(ImplicitALS, seed=seed)}[model]
    fitted = kind(**settings).fit(train)
    yield
    if recent is not None:
        fitted = by_recency(fitted, known, **recent)
    elif table.held_out:
        fitted = fitted.with_history(known)
    yield lists_of(table, fitted, known)


def ranked(table, loss: str, towers: bool = False, seed: int = 0, at_least: float | None = None, **recipe):
    """Factors that were trained on pairs, or on a softmax: of users in training alone.

    Args:
        towers: whether films have genres and years besides.
    """
    train, known = ratings_of(table), ratings_of(table, "known_")
    losses: dict[str, Any] = {"BPR": BPRLoss, "softmax": SampledSoftmax}
    kind: Any = partial(TwoTower, item_features=table.film_features) if towers else BPR
    yield
    model = fit_ranking(train, at_least, losses[loss], RANKING._replace(**recipe), seed, kind)
    yield
    yield lists_of(table, model, known)


if __name__ == "__main__":
    main({"popularity": popularity, "solved": solved, "ranked": ranked})
