"""Features of films for models that can use them: what is known of a film, and who rated it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from collabkit.checks import whole
from collabkit.ratings import Ratings, rated


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
    n_features, shape = whole("n_features", n_features, at_least=0), (rated(train, "train").n_users, train.n_items)
    n_users, n_items = (np.bincount(code, minlength=n) for code, n in zip((train.user, train.item), shape, strict=True))
    scaled = 1 / np.sqrt(n_users[train.user] * n_items[train.item])
    matrix = csr_matrix((scaled, (train.user, train.item)), shape)
    n_features = min(n_features, min(shape) - 1)
    if n_features < 1:
        return pd.DataFrame(index=_ids(train))
    _, size, right = svds(matrix, k=n_features, v0=np.ones(min(shape)))
    right, size = right[::-1], size[::-1]  # the largest first
    right = right * np.sign(right.sum(axis=1, keepdims=True) + 1e-12)  # a singular vector has no sign of its own
    columns = [f"audience {k}" for k in range(1, n_features + 1)]
    return pd.DataFrame((right.T * size * np.sqrt(train.n_items)).astype("float32"), _ids(train), columns)


def _ids(ratings: Ratings) -> pd.Index:
    return pd.Index(ratings.items.ids, name="item")
