"""What recommending costs, whether it is exact, and how near fold-in comes to training again.

    python -m benchmarks.recommend              all parts (needs the 2018 edition in $COLLABKIT_DATA; about two minutes)
    python -m benchmarks.recommend large        one part: large, small, fold-in or few

large:   lists of ten for 10,000 of 162,541 users and 59,047 films, K = 50, 25 million ratings, all drawn at random;
         100 of the lists are held against a full sort of all predictions.
small:   lists of ten for every user of the 2018 small edition, all of them checked.
fold-in: 100 users are left out of training; half of the ratings of each is folded in, the other half predicted. A
         retrained model has learnt from the same halves. Errors are RMSE over all the predicted rows.
few:     the same with only the first n of each half, without training again.

Memory is the process's resident set (Linux): its peak, from zero, during the call, and what stood there before it.
"""

from __future__ import annotations

import re
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pandas as pd
import torch

from collabkit import (
    RECIPE,
    DotProductBias,
    MeanBaseline,
    Ratings,
    Recommender,
    Split,
    load_movielens,
    rmse,
)
from collabkit.ratings import Vocabulary

N_USERS, N_ITEMS, N_RATINGS = 162_541, 59_047, 25_000_000  # as MovieLens 25M has them, to the million
SEEDS = range(5)
GIVEN = (1, 3, 5, 10, 20)


def trained(train: Ratings, seed: int = 0, n_factors: int = RECIPE.n_factors) -> DotProductBias:
    """The course recipe; fastai wants a validation part, which nothing here looks at."""
    from collabkit.training.fit import fit_recipe  # fastai, which "large" is measured without

    split, model = Split(train, train.take(slice(100))), partial(DotProductBias, y_range=(0, 5.5))
    return fit_recipe(split, model, RECIPE._replace(n_factors=n_factors), seed).model


def resident(what: str) -> float:
    """GB, now (``VmRSS``) or at the peak (``VmHWM``)."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1e6 if found else float("nan")


@contextmanager
def measured(what: str):
    """Print the seconds and the memory that a block takes."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, start = resident("VmRSS"), time.perf_counter()
    yield
    seconds, peak = time.perf_counter() - start, resident("VmHWM")
    print(f"{what}: {seconds:.2f} s, peak {peak:.2f} GB, of which {before:.2f} GB before", flush=True)


def agree(recommender: Recommender, lists: pd.DataFrame, users: np.ndarray, k: int) -> None:
    """Hold lists against a full sort of all predictions of each user."""
    ratings, same = recommender.ratings, 0
    for user in users:
        stars = recommender.predict(user, ratings.items.ids)
        stars[ratings.item[ratings.user == ratings.users.index(user)[0]]] = -np.inf
        best = np.argsort(-stars, kind="stable")[:k]
        best = best[np.isfinite(stars[best])]
        mine = lists[lists["user"] == user]
        same += np.array_equal(mine["item"], ratings.items.ids[best]) and np.array_equal(mine["stars"], stars[best])
    print(f"  the same items and stars as a full sort, to the bit: {same} of {len(users)} users")


def small() -> None:
    ratings = load_movielens("small-2018")
    recommender = Recommender(trained(ratings), ratings)
    users = ratings.users.ids
    with measured(f"2018 small edition, top 10 of {ratings.n_items:,} for {len(users)} users"):
        lists = recommender.recommend(users)
    with measured("  one user alone"):
        recommender.recommend(users[0])
    agree(recommender, lists, users, 10)


def large() -> None:
    rng = np.random.default_rng(0)
    ratings = Ratings(
        user=rng.integers(N_USERS, size=N_RATINGS, dtype="int32"),
        item=rng.integers(N_ITEMS, size=N_RATINGS, dtype="int32"),
        rating=rng.integers(1, 11, size=N_RATINGS, dtype="int8").astype("float32") / 2,
        timestamp=None,
        users=Vocabulary(np.arange(N_USERS), "user"),
        items=Vocabulary(np.arange(N_ITEMS), "item"),
        films=pd.DataFrame({"label": [f"Film {i}" for i in range(N_ITEMS)]}),
    )
    torch.manual_seed(0)
    model = DotProductBias(N_USERS, N_ITEMS, 50, y_range=(0, 5.5))
    for table in model.parameters():
        torch.nn.init.normal_(table, std=0.2)
    users = rng.choice(N_USERS, 10_000, replace=False)
    with measured("25M sizes, Recommender built"):
        recommender = Recommender(model, ratings)
    with measured("  top 10 of 59,047 for 10,000 users"):
        lists = recommender.recommend(users)
    with measured("  once more"):
        recommender.recommend(users)
    with measured("  one user alone"):
        recommender.recommend(users[0])
    agree(recommender, lists, users[:100], 10)


def halves(ratings: Ratings, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows to train on, and those given and those to predict of 100 users whom the seed draws."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(ratings.n_users, 100, replace=False)
    theirs = np.isin(ratings.user, codes)
    rows = rng.permutation(np.flatnonzero(theirs))
    rows = rows[np.argsort(ratings.user[rows], kind="stable")]
    place = np.arange(len(rows)) - np.searchsorted(ratings.user[rows], ratings.user[rows])
    return np.flatnonzero(~theirs), rows[place % 2 == 0], rows[place % 2 == 1]


def folded(recommender: Recommender, given: pd.DataFrame, wanted: pd.DataFrame, n: int | None = None) -> np.ndarray:
    """Stars of the wanted rows, each user folded in from their first n given rows."""
    stars = np.empty(len(wanted))
    for user, rows in given.groupby("user"):
        new = recommender.fold_in(dict(zip(rows["item"][:n], rows["rating"][:n], strict=True)))
        theirs = (wanted["user"] == user).to_numpy()
        stars[theirs] = new.predict(wanted.loc[theirs, "item"])
    return stars


def fold_in() -> None:
    ratings = load_movielens("small-2018")
    scores: dict[str, list[float]] = {}
    for seed in SEEDS:
        train, given, wanted = halves(ratings, seed)
        rows, known = ratings.take(wanted), ratings.take(np.sort(np.concatenate([train, given])))
        frame = rows.frame
        without, retrained = (Recommender(trained(part), part) for part in (ratings.take(train), known))
        predicted = {
            "folded in": folded(without, ratings.take(given).frame, frame),
            "retrained": retrained.predict(frame["user"], frame["item"]),
            "retrained, then folded in": folded(retrained, ratings.take(given).frame, frame),
            "item mean": MeanBaseline(("item",)).fit(known).predict(frame["user"], frame["item"]),
            "user and item means": MeanBaseline().fit(known).predict(frame["user"], frame["item"]),
        }
        for name, stars in predicted.items():
            scores.setdefault(name, []).append(rmse(rows.rating, stars))
    print(f"100 users left out, {len(SEEDS)} draws: RMSE, mean and each")
    for name, each in scores.items():
        print(f"  {name:26} {mean(each):.4f}  {np.round(each, 4)}")
    gap = np.subtract(scores["folded in"], scores["retrained"])
    print(f"  folded in minus retrained  {gap.mean():+.4f} ± {stdev(gap):.4f}, largest {gap.max():+.4f}")


def few() -> None:
    ratings = load_movielens("small-2018")
    scores: dict[int, list[float]] = {n: [] for n in (0, *GIVEN)}
    for seed in SEEDS:
        train, given, wanted = halves(ratings, seed)
        recommender = Recommender(trained(ratings.take(train)), ratings.take(train))
        rows = ratings.take(wanted)
        for n, each in scores.items():
            each.append(rmse(rows.rating, folded(recommender, ratings.take(given).frame, rows.frame, n)))
    print("folded in from the first n of their ratings")
    for n, each in scores.items():
        print(f"  n = {n:2}  {mean(each):.4f}  {np.round(each, 4)}")


PARTS = {"large": large, "small": small, "fold-in": fold_in, "few": few}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
