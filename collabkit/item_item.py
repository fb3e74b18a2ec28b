"""Item-item models: what somebody chose, times one matrix of what each item says for each other."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from scipy.sparse import csr_matrix

from collabkit import checks
from collabkit.ratings import Ratings, Vocabulary, fitted_to, rated
from collabkit.weights import Weights

Times: TypeAlias = Callable[[csr_matrix, Weights, np.ndarray], np.ndarray]
Same = TypeVar("Same", bound="ItemItem")


class Yes(NamedTuple):
    """Which ratings count as a yes, and for how much.

    Attributes:
        at_least: stars from which they do; ``None`` takes every rating.
        zero_at: stars that would count for nothing: a yes counts for what it has above them; ``None``: for 1.
        top: the most stars there are, whose yes counts for 1.
    """

    at_least: float | None
    zero_at: float | None
    top: float

    @classmethod
    def of(cls, train: Ratings, at_least: float | None, zero_at: float | None) -> Yes:
        """The settings, checked."""
        at_least, zero_at = (
            None if value is None else checks.number(name, value)
            for name, value in (("at_least", at_least), ("zero_at", zero_at))
        )
        return cls(at_least, zero_at, float(train.rating.max() if train.scale is None else train.scale[1]))

    def counts(self, stars: np.ndarray) -> np.ndarray:
        """For how much ratings count ``(n,)``: from 0, where they are as if not there, to 1."""
        stars, x = stars.astype("float64"), np.ones(len(stars))
        if self.zero_at is not None:
            x = ((stars - self.zero_at) / max(self.top - self.zero_at, 1e-9)).clip(0, 1)
        return x if self.at_least is None else np.where(stars >= self.at_least, x, 0)

    def matrix(self, ratings: Ratings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """User code, item code, and for how much, of each yes ``(n,)``.

        Raises: ``ValueError`` where there is none.
        """
        x = self.counts(ratings.rating)
        if not x.any():
            reached = "at_least" if self.zero_at is None else "zero_at"
            raise ValueError(
                f"no rating reaches {reached}={getattr(self, reached):g} stars: nothing is left to learn from."
            )
        return ratings.user[x > 0], ratings.item[x > 0], x[x > 0]


class ItemItem:
    r"""A model that keeps one number for each pair of items, and none for a user but their own ratings.

    .. math:: s_{ui} = \sum_{j} x_{uj} B_{ji}

    Row u of X is what the user chose. So a user may come, go or change without anything being learnt anew.

    Attributes:
        weights_: B, of the n items that are kept ``(n, n)``: row j has what a yes to j adds to each score.
        history_: X ``(U + 1, n)``; the last row is of somebody unknown, and empty.
        place_: of each item, its row in the weights, or -1 ``(I + 1,)``.
        popular_: the mean row of X ``(I + 1,)``, which has the scores of whoever has no history.
        yes_: which ratings count.
        users_, items_: the vocabularies that it was trained on.
    """

    users_: Vocabulary
    items_: Vocabulary
    weights_: Weights
    history_: csr_matrix
    place_: np.ndarray
    popular_: np.ndarray
    yes_: Yes

    def predict_codes(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Scores ``(n,)`` for codes ``(n,)`` of both. An item that is not kept scores 0."""
        checks.fitted(self)
        return self.score(of_pairs, users, items)

    def score(self, times: Times, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Scores of pairs ``(n,)``, with ``of_pairs``; of all with all ``(users, items)``, with ``of_all``."""
        x, at = self.history_[users], self.place_[items]
        score = times(x, self.weights_, at)
        return np.where(rowwise(np.diff(x.indptr) == 0, score), self.popular_[items], score)

    def with_history(self: Same, history: Ratings) -> Same:
        """A copy in which each user is what they rated here, and nothing else; whoever did not is unknown.

        Nothing is learnt anew, and the weights are shared.

        Raises: ``ValueError`` for ratings of other users or items than it was fitted to.
        """
        checks.fitted(self)
        fitted_to(self, rated(history, "history"))
        return self.placed(history.user, history.item, history.rating, history.n_users)

    def placed(self: Same, user: np.ndarray, item: np.ndarray, stars: np.ndarray, n_users: int) -> Same:
        """A copy whose users are those of these codes and stars ``(n,)`` alone."""
        other = copy.copy(self)
        vars(other).update(self.rows_of(user, item, stars, n_users))
        return other

    def rows_of(self, user: np.ndarray, item: np.ndarray, stars: np.ndarray, n_users: int) -> dict[str, Any]:
        """What :meth:`placed` replaces."""
        x, at = self.yes_.counts(stars), self.place_[item]
        rows = (at >= 0) & (x > 0)
        return {"history_": table(user[rows], at[rows], x[rows], (n_users + 1, self.weights_.n))}

    def parts(self, user: int, item: int) -> np.ndarray:
        """What each item that a user chose adds to their score for this one ``(I,)``."""
        found, x, at = np.zeros(len(self.items_)), self.history_[[user]], self.place_[item]
        if at >= 0:
            kept = np.flatnonzero(self.place_[:-1] >= 0)
            found[kept[x.indices]] = x.data * self.weights_.column(at)[x.indices]
        return found


def learnt(train: Ratings, yes: Yes, item: np.ndarray, x: np.ndarray, max_items: int | None = None) -> dict[str, Any]:
    """What a fit leaves behind besides its weights and its users, by name.

    Args:
        item, x: of each yes, its item's code, and for how much it counts ``(n,)``.
        max_items: items to keep, those with the most; ``None`` keeps all that have one.
    """
    counts = np.bincount(item, weights=x, minlength=train.n_items)
    kept = np.argsort(-counts, kind="stable")[: min(max_items or len(counts), np.count_nonzero(counts))]
    place = np.full(train.n_items + 1, -1)
    place[np.sort(kept)] = np.arange(len(kept))
    popular = np.append(counts / train.n_users, 0)
    return {"users_": train.users, "items_": train.items, "place_": place, "popular_": popular, "yes_": yes}


def table(user: np.ndarray, item: np.ndarray, x: np.ndarray, shape: tuple[int, int]) -> csr_matrix:
    """X: for how much each user's yes to an item counts."""
    return csr_matrix((x, (user, item)), shape=shape)


def of_pairs(x: csr_matrix, weights: Weights, at: np.ndarray) -> np.ndarray:
    """Row r of x times column ``at[r]`` of the weights ``(n,)``, in float64; 0 for -1."""
    return np.where(at >= 0, weights.pairs(x, at), 0)


def of_all(x: csr_matrix, weights: Weights, at: np.ndarray) -> np.ndarray:
    """Each row of x times these columns of the weights ``(rows, items)``, in float64; 0 for -1."""
    found, kept = np.zeros((x.shape[0], len(at))), at >= 0
    found[:, kept] = weights.all(x, at[kept])
    return found


def rowwise(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """One value a row ``(n,)``, in a shape that goes with scores of pairs ``(n,)`` or of all ``(n, items)``."""
    return values.reshape(-1, *[1] * (like.ndim - 1))
