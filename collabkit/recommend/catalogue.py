"""Catalogue: the items of a table of ratings, found by id or by what people type, and shown with their labels."""

from __future__ import annotations

import re
import unicodedata
from difflib import get_close_matches
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from collabkit.checks import whole
from collabkit.data.titles import spoken
from collabkit.data.vocabulary import as_ids, flat, is_text
from collabkit.ratings import Ratings, rated


class Catalogue:
    """The items of a table of ratings. In titles, case and accents do not count.

    A title filed under its noun, "Matrix, The (1999)", is found as "the matrix" too. The most rated come first.

    Attributes:
        counts: ratings of each item in this table ``(I,)``.
    """

    def __init__(self, ratings: Ratings):
        self.ratings = rated(ratings)

    @cached_property
    def counts(self) -> np.ndarray:
        return np.bincount(self.ratings.item, minlength=self.ratings.n_items)

    def table(self, codes: np.ndarray, **columns: np.ndarray) -> pd.DataFrame:
        """Columns ``item, label`` for these codes, and then these."""
        return pd.DataFrame({"item": self.ratings.items.ids[codes], "label": self.ratings.labels[codes], **columns})

    def codes(self, ids: ArrayLike) -> np.ndarray:
        """Codes ``(n,)`` of one id or many.

        Raises: ``KeyError`` for an unknown one, with titles close to it where it is text; ``TypeError`` and
        ``ValueError`` as :meth:`collabkit.Vocabulary.index` has them.
        """
        vocabulary, values = self.ratings.items, flat(ids, "item")
        like = vocabulary.ids[:1].tolist()[0]
        cure = f"no item has that id; they look like {like!r}. Find one with search('part of a title')."
        wrong = [] if is_text(vocabulary.ids) else [one for one in values if _is_title(one)]
        if not wrong:
            codes, known = vocabulary.index(values, missing="unknown")
            if known.all():
                return codes
            wrong = as_ids(values)[~known].tolist()
        near = self.search(wrong[0], 3) if isinstance(wrong[0], str) and wrong[0] else np.empty(0, dtype="int64")
        if len(near):
            found = self.table(near)
            named = ", ".join(f"{id!r} for {label!r}" for id, label in zip(found["item"], found["label"], strict=True))
            cure = f"ids are asked for, not titles. Perhaps {named}."
        raise KeyError(f"unknown item {wrong[0]!r} ({len(wrong)} of {len(values)} asked for): {cure}")

    def code(self, id: int | str) -> int:
        """The code of one id; errors as in :meth:`codes`, and ``ValueError`` for more than one."""
        codes = self.codes(id)
        if len(codes) != 1:
            raise ValueError(f"{len(codes)} items where one is asked for: ask for each by itself.")
        return int(codes[0])

    def search(self, text: str, n: int) -> np.ndarray:
        """Codes ``(up to n,)`` of the items with this text in their label; of those spelt most like it when none has.

        Items of just this title come first, then the most rated. Every label has the empty text in it.
        """
        if not isinstance(text, str):
            raise TypeError(f"{text!r} is a {type(text).__name__}: search for a part of a title, which is text.")
        n, typed = whole("n", n, at_least=1), plain(text)
        names = list(zip(self._filed, self._spoken, strict=True))
        found = self._most_rated_first(np.flatnonzero([typed in filed or typed in spoken for filed, spoken in names]))
        just_this = [any(typed in (name, _without_year(name)) for name in names[code]) for code in found]
        found = found[np.argsort(np.logical_not(just_this), kind="stable")]
        return (found if len(found) else self._close(typed, n))[:n]

    def _close(self, typed: str, n: int) -> np.ndarray:
        """Codes of the items whose titles are spelt most like this; what is in brackets counts where it is typed."""
        codes: dict[str, list[int]] = {}
        for code in self._most_rated_first(np.arange(len(self._spoken))):
            name = self._spoken[code]
            codes.setdefault(name if "(" in typed else name.split(" (")[0], []).append(code)
        near = get_close_matches(typed, codes, n)
        return np.array([code for name in near for code in codes[name]], dtype="int64")

    def _most_rated_first(self, codes: np.ndarray) -> np.ndarray:
        return codes[np.argsort(-self.counts[codes], kind="stable")]

    @cached_property
    def _filed(self) -> list[str]:
        return [plain(label) for label in self.ratings.labels]

    @cached_property
    def _spoken(self) -> list[str]:
        return [spoken(label) for label in self._filed]


def plain(text: str) -> str:
    """Text as it is compared: without accents, capitals, and spaces around it."""
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return bare.casefold().strip()


def _is_title(one: object) -> bool:
    """Whether it is text, and no number written as text."""
    return isinstance(one, str) and not one.strip().removeprefix("-").isdecimal()


def _without_year(name: str) -> str:
    return re.sub(r" \(\d{4}\)$", "", name)
