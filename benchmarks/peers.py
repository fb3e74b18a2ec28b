"""One model, fitted once, in a process of its own: how the leaderboard measures other people's libraries.

    .peers/<library>/bin/python benchmarks/peers.py job.json

`benchmarks.leaderboard` calls this with the interpreter of the library's own environment, so nothing here imports
collabkit. A model is a generator function of a fold and of its settings that stops twice: when it holds the data in
the form that its library wants, and when it has been fitted. What it yields last are its predictions.
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

Model = Callable[..., Iterator[Any]]
SCALE = (0.5, 5.0)  # stars; every prediction is clipped to it
FILM_YEARS = 3  # release years in one bin


def read_fold(path: str) -> SimpleNamespace:
    """What a model may see: training ids, stars and times; ids and times to predict for; years and genres of all films.

    Also what the training rows tell of users and films besides, as collabkit's `everything_known` has it, in columns:
    `user_known` and `film_known`, a row for each of `user_ids` and `film_item`, with the group of each column. The
    stars to predict are not in the file.
    """
    with np.load(path) as arrays:
        return SimpleNamespace(**{name: arrays[name] for name in arrays.files})


def run(model: Model, fold: SimpleNamespace, settings: dict) -> tuple[np.ndarray, dict]:
    """Predictions ``(n,)`` as the model gives them, and the seconds and memory that they took.

    Seconds come twice: by the clock, and of the processor, which count where a machine has other work too.
    """
    steps = model(fold, **settings)
    seconds, processor, predictions = [], [], None
    for _ in range(3):
        start = time.perf_counter(), time.process_time()
        predictions = next(steps)
        seconds.append(time.perf_counter() - start[0])
        processor.append(time.process_time() - start[1])
    stars = np.asarray(predictions, dtype="float64")
    if stars.shape != fold.valid_user.shape or not np.isfinite(stars).all():
        raise ValueError(f"{np.isfinite(stars).sum()} finite predictions for {len(fold.valid_user)} rows")
    names = ("prepare_seconds", "fit_seconds", "predict_seconds")
    took = dict(zip(names, seconds, strict=True)) | {"processor": dict(zip(names, processor, strict=True))}
    return stars, took | {"peak_mb": peak_mb()}


def peak_mb() -> float:
    """The most memory that this process ever held, libraries included.

    Linux hands `ru_maxrss` down from the process that started this one, so the count of its own is read where it is.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


def main(models: dict[str, Model]) -> None:
    """Read a job, fit its model with each of the settings in turn, and write predictions and what they took."""
    job = json.loads(Path(sys.argv[1]).read_text("utf8"))
    fold = read_fold(job["fold"])
    runs = [run(models[job["model"]], fold, settings) for settings in job["settings"]]
    np.save(job["stars"], np.array([stars for stars, _ in runs]))  # (runs, n)
    Path(job["measured"]).write_text(json.dumps([measured for _, measured in runs]), "utf8")


# ---------------------------------------------------------------- Surprise


def surprise(fold, algorithm: str, **settings):
    """Its own data set, its own fallback for what it does not know."""
    import pandas as pd
    import surprise

    frame = pd.DataFrame({"user": fold.user, "item": fold.item, "rating": fold.rating})
    train = surprise.Dataset.load_from_df(frame, surprise.Reader(rating_scale=SCALE)).build_full_trainset()
    if algorithm in ("SVD", "SVDpp"):
        settings["random_state"] = 0
    model = getattr(surprise, algorithm)(verbose=False, **settings)
    yield
    model.fit(train)
    yield
    pairs = zip(fold.valid_user.tolist(), fold.valid_item.tolist(), strict=True)
    yield [model.predict(user, item).est for user, item in pairs]


# ---------------------------------------------------------------- myFM


def one_hot(values, known):
    """A 1 a row, in the column of its value among the sorted ``known`` ``(n, known)``; none for another value."""
    from scipy import sparse

    at = np.searchsorted(known, values).clip(max=len(known) - 1)
    rows = np.flatnonzero(known[at] == values)
    return sparse.csr_matrix((np.ones(len(rows)), (rows, at[rows])), shape=(len(values), len(known)))


def in_equal_parts(seen):
    """Rows of 0 and 1, each divided by the root of its sum, as SVD++ has it."""
    from scipy import sparse

    return sparse.diags(np.maximum(seen.getnnz(axis=1), 1) ** -0.5) @ seen


def film_features(fold) -> list:
    """Genres and three-year bins of release of every film: two sparse matrices, films down."""
    from scipy import sparse

    genres = [set(text.split("|")) - {"", "(no genres listed)"} for text in fold.film_genres.tolist()]
    flags = [[name in film for name in sorted(set().union(*genres))] for film in genres]
    bins = np.where(np.isnan(fold.film_year), -1, fold.film_year // FILM_YEARS)  # no year is a bin too
    return [sparse.csr_matrix(np.array(flags, dtype="float64")), one_hot(bins, np.unique(bins))]


def known_of(table, groups, who: int) -> list:
    """Groups of known columns, each a sparse matrix; of the audience so many, the largest first."""
    from scipy import sparse

    tables = {name: table[:, groups == name] for name in dict.fromkeys(groups.tolist())}
    audience = tables.pop("audience")
    parts = [*tables.values(), audience[:, :who]]
    return [sparse.csr_matrix(part.astype("float64")) for part in parts if part.size]


def myfm(fold, rank: int, sweeps: int, films=False, watched=False, known=None, day=False, ordered=False):
    """Bayesian factorization machine on one-hot ids, each kind of column with a prior of its own.

    Args:
        films: genres and years of the films besides.
        watched: for a user the films that he rated in training, and for a film its users, as in SVD++, both ways.
        known: all that `everything_known` tells of users and films, genres and years too, with so many columns of each
            audience; with 0 of them, who rated what is told as pairs, as by ``watched``.
        day: the day of the rating.
        ordered: its ordered probit: a probability for each number of stars, of which the mean is taken.

    What depends on the user or film alone goes into relation blocks, as the library's manual advises.
    """
    import myfm
    from scipy import sparse

    users, films_ids = fold.user_ids, fold.film_item
    yield
    user, item = np.searchsorted(users, fold.user), np.searchsorted(films_ids, fold.item)
    # A film without training ratings has its column too: the prior of its kind speaks for it.
    of_user, of_film = [sparse.identity(len(users), format="csr")], [sparse.identity(len(films_ids), format="csr")]
    if watched or known == 0:
        seen = sparse.csr_matrix((np.ones(len(user)), (user, item)), shape=(len(users), len(films_ids)))
        of_user.append(in_equal_parts(seen))
        of_film.append(in_equal_parts(seen.T.tocsr()))
    if films:
        of_film += film_features(fold)
    if known is not None:
        of_user += known_of(fold.user_known, fold.user_groups, known)
        of_film += known_of(fold.film_known, fold.film_groups, known)
    days = np.unique(fold.time // 86_400)
    tables = sparse.hstack(of_user, "csr"), sparse.hstack(of_film, "csr")

    def rows(user_ids, item_ids, times):
        codes = np.searchsorted(users, user_ids), np.searchsorted(films_ids, item_ids)
        blocks = [myfm.RelationBlock(code.tolist(), table) for code, table in zip(codes, tables, strict=True)]
        return (one_hot(times // 86_400, days) if day else None), blocks

    sizes = ([len(days)] if day else []) + [part.shape[1] for part in (*of_user, *of_film)]
    X, blocks = rows(fold.user, fold.item, fold.time)
    stars, classes = np.unique(fold.rating.astype("float64"), return_inverse=True)
    model = (myfm.MyFMOrderedProbit if ordered else myfm.MyFMRegressor)(rank=rank, random_seed=0)
    y = classes if ordered else stars[classes]
    model.fit(X, y, X_rel=blocks, n_iter=sweeps, n_kept_samples=sweeps - 20, group_shapes=sizes)
    yield
    asked = rows(fold.valid_user, fold.valid_item, fold.valid_time)
    yield model.predict_proba(*asked, n_workers=1) @ stars if ordered else model.predict(*asked)


# ---------------------------------------------------------------- LensKit


def lenskit(fold, scorer: str, **settings):
    """Its pipeline for predictions: what the scorer cannot answer gets the library's bias model."""
    import pandas as pd
    from lenskit.als import BiasedMFScorer
    from lenskit.batch import predict
    from lenskit.data import ItemListCollection, UserIDKey, from_interactions_df
    from lenskit.knn import ItemKNNScorer
    from lenskit.pipeline import predict_pipeline
    from lenskit.random import init_global_rng

    init_global_rng(0)
    frame = pd.DataFrame({"user_id": fold.user, "item_id": fold.item, "rating": fold.rating})
    train = from_interactions_df(frame)
    asked = pd.DataFrame({"user_id": fold.valid_user, "item_id": fold.valid_item})
    pipeline = predict_pipeline({"BiasedMF": BiasedMFScorer, "ItemKNN": ItemKNNScorer}[scorer](**settings))
    yield
    pipeline.train(train)
    yield
    answers = predict(pipeline, ItemListCollection.from_df(asked, UserIDKey), n_jobs=1).to_df()
    yield asked.merge(answers, on=["user_id", "item_id"], how="left", validate="one_to_one")["score"].to_numpy()


# ---------------------------------------------------------------- Cornac


def cornac(fold, **settings):
    """Matrix factorization with biases; `rate` answers what it does not know with the global mean."""
    from cornac.data import Dataset
    from cornac.models import MF

    triples = zip(fold.user.tolist(), fold.item.tolist(), fold.rating.tolist(), strict=True)
    train = Dataset.from_uir(list(triples), seed=0)
    model = MF(seed=0, verbose=False, **settings)
    yield
    model.fit(train)
    yield
    unknown = (train.num_users, train.num_items)
    pairs = zip(fold.valid_user.tolist(), fold.valid_item.tolist(), strict=True)
    yield [model.rate(train.uid_map.get(u, unknown[0]), train.iid_map.get(i, unknown[1])) for u, i in pairs]


if __name__ == "__main__":
    main({"surprise": surprise, "myfm": myfm, "lenskit": lenskit, "cornac": cornac})
