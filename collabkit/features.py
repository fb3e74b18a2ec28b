"""Features of films and users for models that can use them: what is known of them, and who rated what."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from collabkit.checks import whole
from collabkit.ratings import Ratings, rated


class Known(NamedTuple):
    """Groups of features by name, each a table with a row a code: ``model.fit(train, *known)``."""

    item_features: dict[str, pd.DataFrame]
    user_features: dict[str, pd.DataFrame]


def everything_known(train: Ratings, users: pd.DataFrame | None = None, n_features: int = 128) -> Known:
    """All that training ratings tell of films and users besides the stars, in groups for :class:`collabkit.BayesianMF`.

    ========== ===================================================================
    of a film  ``genres``, ``years``, ``popularity``, ``audience`` (who rated it)
    of a user  ``activity`` (how much they rate), ``audience`` (what they rated),
               ``taste`` (genres and years of that, in shares less everybody's)
    ========== ===================================================================

    Args:
        train: only training ratings. No held-out pair has a say in any of this.
        users: columns of their own, such as age, a row a user code ``(U, F)``: a further group, ``own``.
        n_features: columns of each audience, as in :func:`collabkit.who_rated`.

    Example:
        >>> known = everything_known(split.train)
        >>> BayesianMF(24, n_samples=200, overrelaxation=0.95).fit(split.train, *known)
    """
    films = film_features(rated(train, "train"))
    is_year = films.columns.str.match(r"\d+-\d+$")
    of_users, of_items = _audiences(train, n_features)
    item_features = {
        "genres": films.loc[:, ~is_year],
        "years": films.loc[:, is_year],
        "popularity": popularity(train),
        "audience": of_items,
    }
    user_features = {"activity": _activity(train), "audience": of_users, "taste": _taste(train, films)}
    return Known(item_features, user_features if users is None else user_features | {"own": users})


def film_features(ratings: Ratings, years: int = 3) -> pd.DataFrame:
    """Genres and release years as columns of 0 and 1, a row for each film in the order of the item codes ``(I, F)``.

    Args:
        years: how many years share one column; a film without a year has 0 in all of them.

    These are known before anybody rates, so they are the same for every split of one table. A table without genres and
    years gives no columns.
    """
    films, years = rated(ratings).films, whole("years", years, at_least=1, at_most=10_000)
    genres = films["genres"].fillna("").str.replace("(no genres listed)", "", regex=False).str.get_dummies("|")
    first = (films["year"] // years * years).astype("Int16")
    bins = pd.get_dummies(first)
    bins.columns = [f"{year}-{year + years - 1}" for year in bins.columns]
    table = pd.concat([genres, bins], axis=1).astype("float32")
    table.index = pd.Index(films["item"], name="item")
    return table


def popularity(train: Ratings) -> pd.DataFrame:
    r"""One column ``(I, 1)``: :math:`\log(1 + n_i)` of a film's number of training ratings, less its mean."""
    count = np.log1p(np.bincount(rated(train, "train").item, minlength=train.n_items))
    return pd.DataFrame({"popularity": (count - count.mean()).astype("float32")}, index=_ids(train))


def who_rated(train: Ratings, n_features: int = 32) -> pd.DataFrame:
    r"""Who rated a film, whatever the stars, in a few columns ``(I, F)``: films with the same audience get like rows.

    The 0/1 matrix :math:`R` of who rated what is scaled by the root of both counts, and cut to its largest singular
    values:

    .. math:: D_U^{-1/2} R\, D_I^{-1/2} \approx A\, S\, V^\top, \qquad \text{features } \sqrt{I}\; V S

    Args:
        train: only training ratings. That somebody rated a film is told here, so held-out pairs must not be in it.
        n_features: F; fewer than users and than items, or as many as there can be.

    A film that nobody rated has zeros. Source: the idea that who rated what is information is that of
    :cite:t:`koren2008factorization`.
    """
    return _audiences(train, n_features)[1]


def _audiences(train: Ratings, n_features: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What each user rated (U, F), and who rated each film (I, F)."""
    n_features, shape = whole("n_features", n_features, at_least=0), (rated(train, "train").n_users, train.n_items)
    n_users, n_items = (np.bincount(code, minlength=n) for code, n in zip((train.user, train.item), shape, strict=True))
    n_features = min(n_features, min(shape) - 1)
    indices = pd.Index(train.users.ids, name="user"), pd.Index(train.items.ids, name="item")
    if n_features < 1:
        return pd.DataFrame(index=indices[0]), pd.DataFrame(index=indices[1])
    scaled = 1 / np.sqrt(n_users[train.user] * n_items[train.item])
    matrix = csr_matrix((scaled, (train.user, train.item)), shape)
    left, size, right = svds(matrix, k=n_features, v0=np.ones(min(shape)))
    left, size, right = left[:, ::-1], size[::-1], right[::-1]  # the largest first
    sign = np.sign(right.sum(axis=1) + 1e-12)  # a singular vector has no sign of its own
    columns = [f"audience {k}" for k in range(1, n_features + 1)]
    of_users, of_items = (
        pd.DataFrame((vectors * sign * size * np.sqrt(n)).astype("float32"), index, columns)
        for vectors, n, index in zip((left, right.T), shape, indices, strict=True)
    )
    return of_users, of_items


def _activity(train: Ratings) -> pd.DataFrame:
    count = np.log1p(np.bincount(train.user, minlength=train.n_users))
    return pd.DataFrame({"activity": (count - count.mean()).astype("float32")}, pd.Index(train.users.ids, name="user"))


def _taste(train: Ratings, films: pd.DataFrame) -> pd.DataFrame:
    """Mean features of the films that a user rated, less those of all ratings (U, F); 0 for who rated nothing."""
    X = films.to_numpy("float32") - films.to_numpy("float32")[train.item].mean(axis=0)
    shape = (train.n_users, train.n_items)
    total = csr_matrix((np.ones(len(train), dtype="float32"), (train.user, train.item)), shape) @ X
    mean = total / np.bincount(train.user, minlength=train.n_users).clip(min=1)[:, None]
    return pd.DataFrame(mean.astype("float32"), pd.Index(train.users.ids, name="user"), films.columns)


def _ids(ratings: Ratings) -> pd.Index:
    return pd.Index(ratings.items.ids, name="item")
