"""Neighbours: items whose columns of ratings rise and fall together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix, diags_array, vstack

from collabkit import checks
from collabkit.data.pairs import pair_codes_or_last
from collabkit.item_item import ItemItem, Times, Yes, learnt, rowwise, table
from collabkit.ratings import Ratings, rated
from collabkit.weights import VALUES, Neighbours

RESERVE = 0.3  # h': neighbours as far from what is asked as this lend less than a whole deviation


class ItemKNN(ItemItem):
    r"""The nearest neighbours of items, for lists: a score adds up how near what the user chose lies to an item.

    .. math:: s_{ui} = \sum_{j \in N(i)} x_{uj} s_{ji}, \qquad
              s_{ji} = \frac{n_{ji}}{n_{ji} + h} \cdot \frac{n_{ji}}{\sqrt{n_j\, n_i}}

    X holds a 1 where a user chose an item. The similarity is the cosine of two of its columns, where :math:`n_{ji}`
    users chose both, shrunk where these are few; N(i) are the k items with the largest.

    Args:
        n_neighbours: k. Each item keeps so many, and fewer where fewer have a user in common with it.
        shrink: h, as if each pair had so many users more who have only one of the two.
        at_least: stars from which a rating counts as a yes; ``None`` takes every rating. A rating below it is treated
            as if it were not there.
        zero_at: stars that would count for nothing: a yes of r stars then counts for (r - zero_at) / (top - zero_at),
            where top is the end of the scale, and not for 1. A rating of no more is as if it were not there.

    Nothing is random. Memory: 8 bytes for each neighbour that is kept, and some blocks of similarities in a fit.

    A score is not a number of stars, so there is no ``predict``: it ranks, through :class:`collabkit.Recommender`.
    :class:`ItemKNNStars` predicts stars. A user without history is answered by how popular items are.

    Raises: when fitted, ``ValueError`` or ``TypeError`` for a setting outside its range, or when no rating reaches
        ``at_least``; ``NotFittedError`` of scikit-learn, when asked before.
    Source: :cite:t:`deshpande2004item`.
    """

    weights_: Neighbours

    def __init__(
        self, n_neighbours: int = 100, shrink: float = 10.0, at_least: float | None = None, zero_at: float | None = None
    ):
        self.n_neighbours, self.shrink, self.at_least, self.zero_at = n_neighbours, shrink, at_least, zero_at

    def fit(self, train: Ratings) -> ItemKNN:
        """Find the neighbours of each item in these ratings; returns itself."""
        rated(train, "train")
        n_neighbours = checks.whole("n_neighbours", self.n_neighbours, at_least=1)
        shrink = checks.number("shrink", self.shrink, at_least=0, at_most=checks.WIDEST)
        yes = Yes.of(train, self.at_least, self.zero_at)
        user, item, x = yes.matrix(train)
        found = learnt(train, yes, item, x)
        X = table(user, found["place_"][item], x, (train.n_users + 1, 1 + found["place_"].max()))
        vars(self).update(found, weights_=nearest(X, n_neighbours, shrink), history_=X)  # all at once
        return self


class ItemKNNStars(ItemItem):
    r"""The nearest neighbours of items, for stars: how much more than expected a user gave what is like an item.

    .. math:: \hat r_{ui} = b_{ui} + \frac{\sum_{j \in N(i)} s_{ji} (r_{uj} - b_{uj})}{h' + \sum_{j \in N(i)} s_{ji}},
              \qquad b_{ui} = \mu + b_u + b_i

    The sums are over neighbours that u rated. :math:`b_i` is the damped mean of how far an item's ratings lie from
    :math:`\mu`, and :math:`b_u` that of what is then left of the user's. The similarity :math:`s_{ji}` is the cosine of
    two columns of :math:`r - b`, a missing rating counting as 0, times :math:`n_{ji} / (n_{ji} + h)`, where
    :math:`n_{ji}` users rated both; N(i) are the k items with the largest that is above 0.

    Args:
        n_neighbours, shrink: k and h, as in :class:`ItemKNN`.
        damping: of the means, as if each item and user had so many more ratings, exactly average ones.

    An unknown user or item counts as average. Predictions can leave the scale; they are not clipped.

    Raises: as :class:`ItemKNN`.
    Source: :cite:t:`sarwar2001item`; the means below it, :cite:t:`koren2009matrix`.
    """

    weights_: Neighbours
    mean_: float
    damping_: float
    item_offset_: np.ndarray
    user_offset_: np.ndarray

    def __init__(self, n_neighbours: int = 50, shrink: float = 30.0, damping: float = 5.0):
        self.n_neighbours, self.shrink, self.damping = n_neighbours, shrink, damping

    def fit(self, train: Ratings) -> ItemKNNStars:
        """Take the means of these ratings, and find the neighbours of each item; returns itself."""
        rated(train, "train")
        n_neighbours = checks.whole("n_neighbours", self.n_neighbours, at_least=1)
        shrink = checks.number("shrink", self.shrink, at_least=0, at_most=checks.WIDEST)
        damping = checks.number("damping", self.damping, at_least=0, at_most=checks.WIDEST)
        new = ItemKNNStars()
        mean = float(train.rating.mean(dtype="float64"))
        of_items = damped(train.item, train.rating - mean, train.n_items + 1, damping)
        found = learnt(train, Yes.of(train, None, None), train.item, np.ones(len(train)))
        vars(new).update(found, mean_=mean, damping_=damping, item_offset_=of_items)
        rows = new.rows_of(train.user, train.item, train.rating, train.n_users)
        vars(new).update(rows, weights_=nearest(rows["history_"], n_neighbours, shrink))
        vars(self).update({name: one for name, one in vars(new).items() if name.endswith("_")})  # all at once
        return self

    def predict(self, users: ArrayLike, items: ArrayLike) -> np.ndarray:
        """Stars ``(n,)`` for pairs of user and item ids."""
        checks.fitted(self)
        return self.predict_codes(*pair_codes_or_last(self.users_, self.items_, users, items))

    def score(self, times: Times, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        x, at = self.history_[users], self.place_[items]
        rises = times(x, self.weights_, at)
        near = times(there(x), self.weights_, at)
        rises = np.divide(rises, near + RESERVE, out=np.zeros_like(rises), where=near > 0)
        return self.mean_ + rowwise(self.user_offset_[users], rises) + self.item_offset_[items] + rises

    def rows_of(self, user: np.ndarray, item: np.ndarray, stars: np.ndarray, n_users: int) -> dict[str, Any]:
        left = stars - self.mean_ - self.item_offset_[item]
        of_users = damped(user, left, n_users + 1, self.damping_)
        at = self.place_[item]
        rows = at >= 0
        shape = n_users + 1, int(np.count_nonzero(self.place_ >= 0))
        deviations = (left - of_users[user])[rows]
        return {"user_offset_": of_users, "history_": table(user[rows], at[rows], deviations, shape)}

    def parts(self, user: int, item: int) -> np.ndarray:
        near = there(self.history_[[user]])
        if (at := self.place_[item]) < 0:
            return super().parts(user, item)
        return super().parts(user, item) / (RESERVE + near.data @ self.weights_.column(at)[near.indices])


def nearest(X: csr_matrix, k: int, shrink: float) -> Neighbours:
    """The k largest similarities of each column of X with the others, if above 0, in float32 ``(n, n)``.

    What is kept of a column is in that column.
    """
    n = X.shape[1]
    length = np.sqrt(np.asarray(X.multiply(X).sum(axis=0))).ravel()
    unit = (X @ diags_array(1 / np.maximum(length, 1e-150))).tocsr()
    both = there(unit)
    step, k = max(1, VALUES // n), min(k, n)
    found = []
    for start in range(0, n, step):
        part = slice(start, start + step)
        similar = (unit[:, part].T.tocsr() @ unit).toarray()  # (items, n)
        together = (both[:, part].T.tocsr() @ both).toarray()
        similar *= np.divide(together, together + shrink, out=together, where=together > 0)
        rows = np.arange(len(similar))[:, None]
        similar[rows[:, 0], start + rows[:, 0]] = 0  # nothing is its own neighbour
        best = np.argpartition(-similar, k - 1, axis=1)[:, :k]  # (items, k)
        values = similar[rows, best].astype("float32")
        row, at = np.nonzero(values > 0)
        found.append(csr_matrix((values[row, at], (row, best[row, at])), shape=similar.shape))
    return Neighbours(vstack(found, format="csr").T.tocsc())


def there(x: csr_matrix) -> csr_matrix:
    """1 for each value, 0 included, that is written into x."""
    return csr_matrix((np.ones(len(x.data)), x.indices, x.indptr), shape=x.shape)


def damped(code: np.ndarray, values: np.ndarray, n: int, damping: float) -> np.ndarray:
    """Damped mean of the values for each code ``(n,)``; 0 where a code never occurs."""
    count = np.bincount(code, minlength=n)
    return np.bincount(code, weights=values, minlength=n) / np.where(count, count + damping, 1)
