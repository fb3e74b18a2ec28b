"""Small tables of ratings for the tests."""

from copy import deepcopy
from functools import cache

import numpy as np
import pandas as pd

from collabkit import Ratings


def tiny_frame() -> pd.DataFrame:
    """Seven ratings of three users and four items; ids are neither contiguous nor sorted."""
    return pd.DataFrame(
        {
            "user": [30, 10, 20, 10, 30, 20, 30],
            "item": [7, 7, 5, 900, 5, 11, 11],
            "rating": [4.0, 3.5, 5.0, 1.0, 2.5, 0.5, 3.0],
            "timestamp": [70, 60, 50, 40, 30, 20, 10],
        }
    )


def tiny_ratings() -> Ratings:
    return deepcopy(_tiny())


def random_ratings(n_users=40, n_items=60, n=900, seed=0) -> Ratings:
    """Ratings with structure to learn: a user and an item effect, and noise, in half stars."""
    return deepcopy(_random(n_users, n_items, n, seed))


def dated_films() -> Ratings:
    """The same, on three days, of films with years and genres; nothing is known of the first of them."""
    frame = random_ratings().frame
    frame["timestamp"] = 86_400 * (1 + np.arange(len(frame)) % 3)
    items = np.unique(frame["item"])
    years, genres = 1980 + items % 30, np.where(items % 3, "Drama|War", "Comedy")
    films = pd.DataFrame({"item": items, "title": items.astype(str), "year": years, "genres": genres})
    films.loc[0, ["year", "genres"]] = [None, None]
    return Ratings.from_frame(frame, timestamp="timestamp", items=films, scale=(0.5, 5))


# Made once, since they are asked for some thousand times, and copied, since a test may change its own.


@cache
def _tiny() -> Ratings:
    return Ratings.from_frame(tiny_frame(), scale=(0.5, 5))


@cache
def _random(n_users: int, n_items: int, n: int, seed: int) -> Ratings:
    rng = np.random.default_rng(seed)
    cells = rng.choice(n_users * n_items, size=n, replace=False)
    user, item = cells // n_items, cells % n_items
    stars = 3.2 + rng.normal(0, 0.6, n_users)[user] + rng.normal(0, 0.6, n_items)[item] + rng.normal(0, 0.3, n)
    stars = (np.round(stars * 2) / 2).clip(0.5, 5)
    df = pd.DataFrame({"user": user + 1, "item": (item + 1) * 10, "rating": stars, "timestamp": np.arange(n)})
    items = pd.DataFrame(
        {"item": (np.arange(n_items) + 1) * 10, "title": [f"Film {i}" for i in range(n_items)], "year": 1990}
    )
    return Ratings.from_frame(df, items=items, scale=(0.5, 5))
