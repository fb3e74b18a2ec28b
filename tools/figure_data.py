"""What the figures that move show: the data of each as its page gets it, in JSON. Some need none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TOY = [
    [0, 0, 5], [0, 1, 5], [0, 2, 1], [1, 0, 4], [1, 2, 1], [1, 3, 2],
    [2, 1, 2], [2, 2, 5], [2, 3, 5], [3, 0, 1], [3, 1, 1], [3, 2, 4],
]  # fmt: skip


def vectors() -> dict[str, Any]:
    """The toy of chapter 2, and the two random tables it starts from."""
    import numpy as np

    rng = np.random.default_rng(seed=0)
    return {
        "people": ["Ada", "Bo", "Cleo", "Dan"],
        "titles": ["Alien", "Blade Runner", "Notting Hill", "Amélie"],
        "toy": TOY,
        "P": rng.normal(0, 0.1, size=(4, 2)).tolist(),
        "Q": rng.normal(0, 0.1, size=(4, 2)).tolist(),
        "learning_rate": 0.02,
        "epochs": 80,
    }


LADDER = {
    "one mean for all": (1, "means/global"),
    "means of user and film": (1, "means/user+item"),
    "a dot product": (2, "course-no-decay/dot"),
    "a range for the stars": (3, "course-no-decay/dot+sigmoid"),
    "biases": (4, "course-no-decay/bias"),
    "weight decay": (6, "course/bias"),
    "many models for one": (12, "bayes"),
    "genres and years": (13, "bayes-films-popularity"),
    "all that is known": (13, "bayes-everything"),
}


def ladder() -> list[list[Any]]:
    """What each chapter adds, its number, and the error that is left: the mean of its band, in stars."""
    from collabkit import band

    return [[name, n, round(band(f"small-2016/{model}").mean, 4)] for name, (n, model) in LADDER.items()]


def decay() -> dict[str, Any]:
    """Errors after each epoch, and lengths of factors, at each decay: `benchmarks/decays.py`."""
    from collabkit.results import load

    stored = load("decays")
    return {"popularity": stored["settings"]["popularity"], "decays": stored["decays"]}


def posterior() -> dict[str, Any]:
    """The training ratings of chapter 12's three films, in the order in which they were given, less the global mean."""
    import numpy as np

    from collabkit import load_movielens, random_split
    from collabkit.maps import short_name

    train = random_split(load_movielens(), seed=0).train
    mu = float(train.rating.mean())
    count = np.bincount(train.item, minlength=train.n_items)  # (I,)
    total = np.bincount(train.item, train.rating - mu, minlength=train.n_items)  # (I,)
    rating, timestamp = (train.frame[name].to_numpy() for name in ("rating", "timestamp"))  # (n,), (n,)
    films = []
    for n in (2, 20, 200):
        liked = total > 0.5 * count
        film = int(np.where(liked, total - 99 * abs(count - n), -9999).argmax())
        mine = np.flatnonzero(train.item == film)
        stars = rating[mine[np.argsort(timestamp[mine], kind="stable")]]
        films.append({"title": short_name(train.labels[film], 24), "stars": stars.tolist()})
    return {"mu": round(mu, 4), "alpha": 1, "lambda": 4, "films": films}


DATA: dict[str, Callable[[], Any]] = {"vectors": vectors, "ladder": ladder, "decay": decay, "posterior": posterior}
