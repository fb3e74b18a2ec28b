"""Shapes: ten small tables, made up after public ones, to see where BayesianMF does worse than damped means do.

    python -m benchmarks.shapes                        into collabkit/results/shapes.json (some minutes)
    python -m benchmarks.shapes "two users"            one of them, the others kept

Each has a size, and is another one for each seed. Together they are short and long, sparse and dense, in whole stars
and continuous, with a taste to be found and with none. Errors are over all held-out ratings, cold ones included.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.results import in_order, kept, write
from benchmarks.settings import plain
from collabkit import BayesianMF, MeanBaseline, Ratings, Split, random_split, rmse
from collabkit.chains import watched

SEEDS = range(10)
DAMPED = MeanBaseline(damping=4)  # as in exercise 1.3


def effects(
    user: np.ndarray, item: np.ndarray, rng: np.random.Generator, size: float, n_factors: int = 3
) -> np.ndarray:
    """What users and items add to a rating: a bias each with this standard deviation, and a dot product with half."""
    biases = [rng.normal(0, size, code.max() + 1)[code] for code in (user, item)]
    P, Q = (rng.normal(size=(code.max() + 1, n_factors))[code] for code in (user, item))
    return sum(biases) + (P * Q).sum(axis=1) * size / 2 / n_factors**0.5


def rare(n: int, size: int, rng: np.random.Generator, power: float) -> np.ndarray:
    """n codes below ``size``: the share of the k-th falls as :math:`k^{-power}`."""
    share = np.arange(1, size + 1) ** -power
    return rng.choice(size, size=n, p=share / share.sum())


def pairs(n: int, n_users: int, n_items: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n different pairs of codes; of both sides a few have many, and most have few."""
    user, item = rare(4 * n, n_users, rng, 0.6), rare(4 * n, n_items, rng, 0.8)
    _, first = np.unique(user * n_items + item, return_index=True)
    rows = rng.permutation(first)[:n]
    return user[rows], item[rows]


def table(user: np.ndarray, item: np.ndarray, rating: np.ndarray) -> Ratings:
    return Ratings.from_frame(pd.DataFrame({"user": user, "item": item, "rating": rating.astype("float32")}))


def long_tail(n: int, rng: np.random.Generator) -> Ratings:
    """As MovieLens: half stars, some users and films with hundreds of ratings, and most with few."""
    user, item = pairs(n, n // 25, n // 8, rng)
    stars = 3.5 + effects(user, item, rng, 0.45) + rng.normal(0, 0.8, n)
    return table(user, item, (stars * 2).round().clip(1, 10) / 2)


def dense(n: int, rng: np.random.Generator) -> Ratings:
    """As Jester: a hundred items of which a user rates half, from −10 to 10 without steps."""
    n_users = n // 50
    user, item = np.divmod(rng.choice(n_users * 100, size=n, replace=False), 100)
    return table(user, item, (0.7 + effects(user, item, rng, 2.2) + rng.normal(0, 4, n)).clip(-10, 10))


def one_each(n: int, rng: np.random.Generator) -> Ratings:
    """As Book-Crossing: 1 to 10, most users and most books with one rating, and hardly a bad word."""
    user, item = pairs(n, n, n, rng)
    stars = 8.2 + effects(user, item, rng, 0.8) - rng.gamma(2, 1.2, n) + 2.4
    return table(user, item, stars.round().clip(1, 10))


def five_stars(n: int, rng: np.random.Generator) -> Ratings:
    """As a shop's reviews: a handful a customer, 5 stars for most, else often 1."""
    user, item = pairs(n, n // 5, n // 8, rng)
    good = 1.6 + 2 * effects(user, item, rng, 0.45) + rng.logistic(size=n)
    return table(user, item, np.select([good > 0.8, good > 0, good > -0.6, good > -1], [5, 4, 3, 2], 1))


def plays(n: int, rng: np.random.Generator) -> Ratings:
    """As Last.fm: how often a listener played an artist, from once to a hundred thousand times, as a logarithm."""
    user, item = pairs(n, n // 40, n // 5, rng)
    return table(user, item, np.log10(np.exp(4.5 + 2 * effects(user, item, rng, 0.5) + rng.normal(0, 1.2, n)).clip(1)))


def one_star(n: int, rng: np.random.Generator) -> Ratings:
    """All ratings are the same."""
    return table(*pairs(n, n // 10, n // 5, rng), np.full(n, 4.0))


def nearly_one_star(n: int, rng: np.random.Generator) -> Ratings:
    """All ratings but one in fifty are the same."""
    user, item = pairs(n, n // 10, n // 5, rng)
    return table(user, item, np.where(rng.random(n) < 0.02, 1.5, 1.0))


def two_users(n: int, rng: np.random.Generator) -> Ratings:
    """Two people, each with half of the ratings; a third of what they rated is the same."""
    item = np.concatenate([rng.choice(n * 3 // 4, size=n // 2, replace=False) for _ in range(2)])
    user = np.repeat([0, 1], n // 2)
    return table(user, item, (3.5 + effects(user, item, rng, 0.5) + rng.normal(0, 0.8, len(user))).round().clip(1, 5))


def by_nobody(n: int, rng: np.random.Generator) -> Ratings:
    """Stars by chance: there is nothing to learn but the mean."""
    user, item = pairs(n, n // 20, n // 10, rng)
    return table(user, item, rng.choice([1, 2, 3, 4, 5], size=n, p=[0.06, 0.1, 0.26, 0.35, 0.23]))


def strangers(ratings: Ratings, seed: int) -> Split:
    """Held out: all ratings of a tenth of the users and of a tenth of the items, who are new to a model."""
    rng = np.random.default_rng(seed)
    new = (rng.random(n)[code] < 0.1 for n, code in ((ratings.n_users, ratings.user), (ratings.n_items, ratings.item)))
    held_out = np.logical_or(*new)
    return Split(ratings.take(~held_out), ratings.take(held_out))


class Shape(NamedTuple):
    made: Callable[[int, np.random.Generator], Ratings]
    n: int
    cut: Callable[..., Split] = random_split

    def split(self, seed: int) -> Split:
        return self.cut(self.made(self.n, np.random.default_rng(seed)), seed=seed)


SHAPES = {
    "all the same star": Shape(one_star, 500),
    "nearly all the same star": Shape(nearly_one_star, 500),
    "two users": Shape(two_users, 500),
    "stars by chance": Shape(by_nobody, 2_000),
    "long tail, new users and items": Shape(long_tail, 2_000, strangers),
    "one rating each": Shape(one_each, 2_000),
    "plays": Shape(plays, 8_000),
    "mostly five stars": Shape(five_stars, 8_000),
    "dense and continuous": Shape(dense, 20_000),
    "long tail": Shape(long_tail, 50_000),
}


# ---- what is measured ----


def quietly(fit: Callable[[], Any]) -> tuple[Any, bool]:
    """What it gives, and whether it warned that a chain has not settled."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = fit()
    return found, any("has not settled" in str(one.message) for one in said)


def error(model, split: Split) -> float:
    rows = split.valid.frame
    return rmse(split.valid.rating, model.predict(rows["user"], rows["item"]))


def moved(model: BayesianMF, train: Ratings) -> float:
    """How far another chain's predictions are from the mean of both: root mean square over the pairs it watches."""
    other, _ = quietly(lambda: BayesianMF(seed=model.seed + 1_000, progress=False).fit(train))
    return rmse(*(one.predict_codes(*watched(train)) for one in (model, other))) / 2


def compared(split: Split, seed: int) -> dict[str, Any]:
    """Of one sample the RMSE of both and, where a chain warned, how far its predictions still moved."""
    model, warned = quietly(lambda: BayesianMF(seed=seed, progress=False).fit(split.train))
    found = {"damped means": error(DAMPED.fit(split.train), split), "BayesianMF": error(model, split)}
    return found | {"moved": moved(model, split.train) if warned else None}


def worse(runs: list[dict[str, Any]]) -> tuple[float, float]:
    """Mean by which BayesianMF is worse, over samples, and the standard error of that mean."""
    by = [run["BayesianMF"] - run["damped means"] for run in runs]
    return float(np.mean(by)), float(np.std(by, ddof=1)) / len(by) ** 0.5


def settings() -> dict[str, Any]:
    return plain({"seeds": SEEDS, "damped means": MeanBaseline(damping=DAMPED.damping), "BayesianMF": BayesianMF()})


def main(wanted: list[str]) -> None:
    shapes = kept("shapes", wanted).get("shapes", {})
    for name in wanted or SHAPES:
        runs = [compared(SHAPES[name].split(seed), seed) for seed in SEEDS]
        runs = [{key: value if value is None else round(value, 5) for key, value in run.items()} for run in runs]
        shapes[name] = {"ratings": SHAPES[name].n, "runs": runs}
        by, doubt = worse(runs)
        told = [run["moved"] for run in runs if run["moved"]]
        print(f"{name:32} {by:+.4f} ± {doubt:.4f}; warned {len(told)} of {len(runs)}, moved by {told}", flush=True)
        write("shapes", {"settings": settings(), "shapes": in_order(SHAPES, shapes)})


if __name__ == "__main__":
    main(sys.argv[1:])
