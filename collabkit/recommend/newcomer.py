"""Newcomers: a user or a film that a trained model has not met, placed in it by fold-in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from collabkit.checks import number, whole
from collabkit.data.pairs import code_or_last
from collabkit.ratings import Ratings, Vocabulary
from collabkit.recommend.catalogue import Catalogue
from collabkit.recommend.fold_in import AnyFoldIn


class Newcomer:
    """Somebody folded into a model from a few ratings.

    Args:
        fold_in: where the other side is held fixed.
        others: the vocabulary of that other side: of films for a new user, of users for a new film.
        codes, stars: whom (or what) the newcomer has ratings with ``(n,)``.

    Attributes:
        w: the newcomer's ``[bias, factors]`` ``(1 + K,)``; of a model of many draws, in each of them ``(S, 1 + K)``.
    """

    def __init__(self, fold_in: AnyFoldIn, others: Vocabulary, codes: np.ndarray, stars: np.ndarray):
        self.fold_in, self.others, self.codes, self.given = fold_in, others, codes, stars
        self.w = fold_in.solve(codes, stars)

    @cached_property
    def stars(self) -> np.ndarray:
        """Predicted stars with each of the other side, by code, and at the end with one who is average."""
        return self.fold_in.stars(self.w)

    def predict(self, others: ArrayLike) -> np.ndarray:
        """Stars ``(n,)`` for these ids of the other side; an unknown one is average."""
        return self.stars[code_or_last(self.others, others)]


class Explanation(NamedTuple):
    """Why so many stars for a film: the average user's, and what each of a user's own ratings adds to them.

    Attributes:
        shares: the rated films as columns ``item, label, stars`` (given) and ``contribution`` (in stars), the largest
            first whatever its sign.
        baseline: the average user's stars for this film.
        stars: this user's: the baseline and *all* contributions add up to them.
    """

    shares: pd.DataFrame
    baseline: float
    stars: float


class NewUser(Newcomer):
    """A user folded in. The same numbers come out of each method, to the bit."""

    def __init__(self, fold_in: AnyFoldIn, catalogue: Catalogue, codes: np.ndarray, stars: np.ndarray):
        super().__init__(fold_in, catalogue.ratings.items, codes, stars)
        self.catalogue = catalogue

    def recommend(self, k: int = 10, candidates: ArrayLike | None = None) -> pd.DataFrame:
        """The k films with the most predicted stars, without those this user has rated; ties in the order of ids.

        Returns: columns ``item, label, stars``, indexed by rank from 1, as :meth:`collabkit.Recommender.recommend`.
        Raises: ``KeyError`` for an unknown candidate.
        """
        everything = np.arange(len(self.others))
        items = everything if candidates is None else np.unique(self.catalogue.codes(candidates))
        items = np.setdiff1d(items, self.codes)
        best = items[np.argsort(-self.stars[items], kind="stable")[: whole("k", k, at_least=1)]]
        listed = self.catalogue.table(best, stars=self.stars[best])
        return listed.set_index(pd.RangeIndex(1, len(best) + 1, name="rank"))

    def explain(self, item: int | str, n: int | None = 5) -> Explanation:
        """Why so many stars for this film: what each of the user's own ratings adds to what the average user gives.

        Args:
            item: the film's id.
            n: shares to keep, of the ratings that count for most; ``None`` keeps them all.

        Raises: ``KeyError`` for an unknown film.
        """
        contribution, baseline, stars = self.fold_in.explain(self.codes, self.given, self.catalogue.code(item))
        order = np.argsort(-np.abs(contribution), kind="stable")[: None if n is None else whole("n", n, at_least=1)]
        shares = self.catalogue.table(self.codes[order], stars=self.given[order], contribution=contribution[order])
        return Explanation(shares, baseline, stars)


def checked_stars(stars: Mapping[Any, float], ratings: Ratings) -> np.ndarray:
    """The values as numbers on the scale of these ratings ``(n,)``.

    Raises: ``ValueError`` for one that is missing, not a number, or off the scale.
    """
    ends = ratings.scale or (ratings.rating.min(), ratings.rating.max())
    lo, hi = (np.float32(end) for end in ends)  # as the ratings themselves
    numbers = np.empty(len(stars))
    for place, (id, given) in enumerate(stars.items()):
        try:
            numbers[place] = number("stars", given)
            with np.errstate(over="ignore"):
                within = bool(lo <= np.float32(numbers[place]) <= hi)
        except (TypeError, ValueError):
            within = False
        if not within:
            raise ValueError(
                f"{given!r} for {id!r} is not a number of stars from {lo:g} to {hi:g}, the scale trained on."
            )
    return numbers
