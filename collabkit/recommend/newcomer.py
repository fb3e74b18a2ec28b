"""Newcomers: a user or a film that a trained model has not met, placed in it by fold-in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from collabkit.checks import number, whole
from collabkit.data.pairs import code_or_last
from collabkit.ratings import Ratings, Vocabulary
from collabkit.recommend.catalogue import Catalogue
from collabkit.recommend.fold_in import Fold


class Newcomer:
    """Somebody folded into a model from a few ratings.

    Args:
        fold_in: where the other side is held fixed.
        others: the vocabulary of that other side: of films for a new user, of users for a new film.
        codes, stars: whom (or what) the newcomer has ratings with ``(n,)``.

    Attributes:
        w: the newcomer's ``[bias, factors]`` ``(1 + K,)``; of a model of many draws, in each of them ``(S, 1 + K)``.
    """

    def __init__(self, fold_in: Fold, others: Vocabulary, codes: np.ndarray, stars: np.ndarray):
        self.fold, self.others, self.codes, self.given = fold_in, others, codes, stars
        self.w = fold_in.solve(codes, stars)

    @cached_property
    def stars(self) -> np.ndarray:
        """Predicted stars with each of the other side, by code, and at the end with one who is average."""
        return self.fold.stars(self.w)

    def predict(self, others: ArrayLike) -> np.ndarray:
        """Stars ``(n,)`` for these ids of the other side; an unknown one is average."""
        return self.stars[code_or_last(self.others, others)]


class NewUser(Newcomer):
    """A user folded in. The same numbers come out of each method, to the bit."""

    def __init__(self, fold_in: Fold, catalogue: Catalogue, codes: np.ndarray, stars: np.ndarray):
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

    def explain(self, item: int | str, n: int | None = 5) -> pd.DataFrame:
        """Why so many stars for this film: what each of the user's own ratings adds to what the average user gives.

        Args:
            item: the film's id.
            n: rows to show; ``None`` shows them all.

        Returns: the rated films as columns ``item, label, stars`` (given) and ``contribution`` (in stars), the largest
        first whatever its sign. ``.attrs`` has ``baseline``, the average user's stars for this film, and ``stars``,
        this user's: the baseline and *all* contributions add up to them.
        Raises: ``KeyError`` for an unknown film.
        """
        contribution, baseline, stars = self.fold.explain(self.codes, self.given, self.catalogue.code(item))
        order = np.argsort(-np.abs(contribution), kind="stable")[: None if n is None else whole("n", n, at_least=1)]
        why = self.catalogue.table(self.codes[order], stars=self.given[order], contribution=contribution[order])
        why.attrs |= {"baseline": baseline, "stars": stars}
        return why


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
