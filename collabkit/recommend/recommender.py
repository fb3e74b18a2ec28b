"""Recommender: from a trained model and its ratings to films for a person, and the reasons for them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike

from collabkit import checks
from collabkit.data.pairs import pair_codes_or_last
from collabkit.data.vocabulary import as_ids
from collabkit.index import Index
from collabkit.interpret import most_similar
from collabkit.ratings import Ratings, fitted_to, rated
from collabkit.recommend.candidates import from_index, from_table
from collabkit.recommend.catalogue import Catalogue
from collabkit.recommend.fold_in import AnyFoldIn
from collabkit.recommend.newcomer import Explanation, Newcomer, NewUser, checked_stars
from collabkit.recommend.seen import Seen
from collabkit.recommend.served import Servable, Served
from collabkit.recommend.serving import serve
from collabkit.recommend.topk import best_pairs, top_k


class Recommender:
    r"""What a trained model can do for people: predict, recommend, explain, and take in somebody new.

    .. math:: \text{list of } u = \text{the } k \text{ items } i \text{ with the largest } \hat r_{ui}
              \text{ that } u \text{ has not rated}

    Args:
        model: a module ``(B, 2) -> (B, 1)`` over the codes of ``ratings``; or what was fitted to them: any solver or
            baseline of the package, :class:`collabkit.BayesianMF`, and your own if it has ``as_module()``, or
            ``users_``, ``items_`` and ``predict_codes(users, items)`` as
            :class:`~collabkit.recommend.served.PredictorByCode` has them. A copy is kept: later training does not
            reach it.
        ratings: the ratings that it was trained on, or another part of the same table. They say what each user has
            rated, and whom the model knows: what was fitted knows its ids, and others are refused; a module knows no
            ids, and only the sizes of its tables can be compared.
        device: where it serves from, wherever it was trained. Processors and GPUs round differently: the same answers,
            to the bit, come from the same device only, and so the default is the one that everybody has.

    In a module, a user or film without training ratings is average: it gets the mean of the rows that training has
    reached, in each table whose name starts with ``user_`` or ``item_``. A predictor by code answers for itself.
    :meth:`predict` answers unknown ids in the same way; all else refuses them with a ``KeyError``, which names
    :meth:`fold_in` for a user and close titles for a film.

    :meth:`fold_in` and :meth:`explain` need a model whose score is a dot product, which declares its
    :class:`~collabkit.tables.Tables`, or the mean of many, as that of a Gaussian ``BayesianMF`` is, or one that knows a
    user by their ratings alone, as ``EASE`` does; :meth:`similar_items` needs factors of items, or weights between
    them; the rest works with any. Stars are what the model calls them: one that counts or ranks instead gives its
    scores.

    Raises: ``TypeError`` for what is no model; ``ValueError`` for one that holds a NaN, has no tables of the right
        sizes, or was fitted to other users or items; ``NotFittedError`` of scikit-learn for one that was not fitted.
    """

    def __init__(self, model: Servable | Served, ratings: Ratings, device: str | torch.device = "cpu"):
        rated(ratings)
        self.ratings, self.device = ratings, checks.device(device)
        fitted_to(model, ratings)
        self.served = serve(model, ratings, self.device)
        self.model = self.served.model
        self._seen = Seen(ratings)

    def predict(self, users: ArrayLike, items: ArrayLike) -> np.ndarray:
        """Stars ``(n,)`` for pairs of user and item ids; one id on either side goes with all on the other."""
        return self.served.predict(*pair_codes_or_last(self.ratings.users, self.ratings.items, users, items))

    def recommend(
        self,
        user: ArrayLike,
        k: int = 10,
        exclude_seen: bool = True,
        candidates: ArrayLike | pd.DataFrame | None = None,
        index: Index | None = None,
    ) -> pd.DataFrame:
        """The k items with the most predicted stars, exactly; ties in the order of their ids.

        Args:
            user: one id, or a list or array of them.
            exclude_seen: leave out what the user has rated.
            candidates: ids to choose from; all of them unless told. A table with columns ``user, item``, such as
                another recommender's lists of these users, gives each user their own.
            index: of :meth:`collabkit.Index.of` this recommender, which proposes the k items: nearly the same ones,
                without looking at all.

        Returns: columns ``item, label, stars``, indexed by rank from 1, with fewer than k rows when fewer items
        remain. For several users, a first column ``user``, and the same tables one below the other. The stars are
        those of :meth:`predict`, to the bit.
        Raises: ``KeyError`` for an unknown user or candidate; ``ValueError`` for an index of other items or of another
            model, and for both candidates and an index.
        """
        users, k = self._user_codes(user), checks.whole("k", k, at_least=1)
        seen = self._seen.of(users) if checks.flag("exclude_seen", exclude_seen) else None
        if index is not None and candidates is not None:
            raise ValueError("an index proposes candidates by itself: give either candidates or an index.")
        if index is not None:
            pairs = from_index(index, self.served, self.ratings, users, k, seen)
            place, item, stars = best_pairs(self.served.predict, users, *pairs, k)
        elif isinstance(candidates, pd.DataFrame):
            pairs = from_table(candidates, self.ratings, users)
            place, item, stars = best_pairs(self.served.predict, users, *pairs, k, seen)
        else:
            every = np.arange(self.ratings.n_items)
            items = every if candidates is None else np.unique(self._catalogue.codes(candidates))
            place, item, stars = top_k(self.served.predict, users, items, k, seen, self.served.scores)
        lists = self._catalogue.table(item, stars=stars)
        lists.index = pd.Index(1 + np.arange(len(place)) - np.searchsorted(place, place), name="rank")
        if pd.api.types.is_list_like(user):
            lists.insert(0, "user", self.ratings.users.ids[users[place]])
        return lists

    def recommend_to_parquet(self, path: str | os.PathLike[str], k: int = 10, exclude_seen: bool = True) -> int:
        """Write the lists of all users as Parquet: columns ``user, rank, item, stars``, those of :meth:`recommend`.

        They are made and written in pieces of a million rows, and the file appears whole or not at all: an older one
        stays until then. Returns: how many rows it has.

        Raises: as :meth:`save`, for a path that cannot be written.
        """
        from collabkit.recommend.batch import write_lists

        return write_lists(self, path, checks.whole("k", k, at_least=1), checks.flag("exclude_seen", exclude_seen))

    def similar_items(self, item: int | str, k: int = 10) -> pd.DataFrame:
        """The k items whose factors point most nearly the same way; see :func:`collabkit.similar_items`.

        Only items with training ratings: the factors of others say nothing. (Of a :class:`collabkit.TwoTower` with
        features, the film asked for may do without.) Those of ``BayesianMF`` are the factors of all draws, end to end:
        a draw turns them as it likes, so that their mean says nothing, and their angles stay.
        Of ``EASE``, ``ItemKNN`` and ``ItemKNNStars`` it is the k items that say most for this one, with their weights.

        Raises: ``KeyError`` for an unknown item; ``ValueError`` for one without training ratings, and for a model of
            biases alone; ``TypeError`` for one whose items have no factors.
        """
        code = self._catalogue.codes(item)[0]
        if not self._catalogue.counts[code] and not self.served.places_cold_items:
            raise ValueError(f"{self.ratings.labels[code]!r} has no training ratings: its factors mean nothing.")
        rated = np.flatnonzero(self._catalogue.counts)
        k = checks.whole("k", k, at_least=1)
        return most_similar(self.served.similarity(code), self.ratings, code, k, codes=rated)

    def search(self, part: str, n: int = 10) -> pd.DataFrame:
        """Films by a part of their title or year; case and accents do not count.

        Returns: columns ``item, label, ratings`` (how many in training), the most rated first, but before them those of
        just this title. When no label has this part, those spelt most like it; when there are none either, an empty
        table. An empty part finds the most rated of all.
        """
        codes = self._catalogue.search(part, checks.whole("n", n, at_least=1))
        return self._catalogue.table(codes, ratings=self._catalogue.counts[codes])

    def fold_in(self, stars: Mapping[Any, float]) -> NewUser:
        """Somebody the model was not trained on, from the films they rate: ``{item id: stars}``.

        One small ridge regression (:class:`~collabkit.recommend.fold_in.FoldIn`; of ``ImplicitALS``, its own,
        :class:`~collabkit.recommend.choices.ChosenFoldIn`), or one in each draw of ``BayesianMF``
        (:class:`~collabkit.recommend.drawn_fold_in.DrawnFoldIn`), or, where a user is their ratings, nothing but these
        (:class:`~collabkit.recommend.served_items.ItemFoldIn`); the model stays as it is. ``{}`` is the average user.
        What comes back has ``predict(items)``, ``recommend(k)`` and ``explain(item)``.

        Raises: ``KeyError`` for an unknown film; ``ValueError`` for stars that are missing or outside the scale of the
        training ratings, and for a module that does not predict stars; ``TypeError`` for one whose score is not a dot
        product.
        """
        stars = _by_id(stars)
        codes = _each_once(self._catalogue.codes(list(stars)), "film")
        return NewUser(self._new_user, self._catalogue, codes, checked_stars(stars, self.ratings))

    def fold_in_item(self, stars: Mapping[Any, float]) -> Newcomer:
        """A new film, from the users who have rated it: ``{user id: stars}``; errors as in :meth:`fold_in`.

        What comes back has ``predict(users)``.
        """
        stars = _by_id(stars)
        codes = _each_once(self._user_codes(list(stars)), "user")
        return Newcomer(self._new_item, self.ratings.users, codes, checked_stars(stars, self.ratings))

    def explain(self, user: int | str, item: int | str, n: int | None = 5) -> Explanation:
        """Why this film for this user: what each of their ratings adds.

        :class:`~collabkit.recommend.newcomer.NewUser` does the same for somebody new.

        It explains the user *folded in* from their training ratings. Their stars differ a little from those of the row
        that was trained: ``.stars`` has the one, :meth:`predict` the other. Of an item-item model both are the same.
        """
        theirs = self.ratings.take(self.ratings.user == self._user_codes(user)[0])
        return NewUser(self._new_user, self._catalogue, theirs.item, theirs.rating).explain(item, n)

    def save(
        self,
        path: str | os.PathLike[str],
        scores: Mapping[str, float | str | None] | None = None,
        terms: str | None = None,
    ) -> None:
        """Write the model and what is needed to serve it, by :func:`collabkit.saving.storage.save_model`.

        The ``terms`` are those of your ratings; without any, the file has MovieLens'.
        """
        from collabkit.saving.storage import TERMS, save_model

        return save_model(path, self.model, self.ratings, scores=scores, terms=TERMS if terms is None else terms)

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: str | torch.device = "cpu", mmap: bool = False) -> Recommender:
        """The recommender that :meth:`save` wrote, to serve from this device.

        With ``mmap`` the tables and ratings of a module stay in the file, and memory holds the pages that were asked
        for: the same answers, to the bit, from the CPU. The file must stay as it is meanwhile; :meth:`save` replaces
        it by a new one, and the old one lives on until nobody serves it.
        """
        if checks.flag("mmap", mmap):
            from collabkit.recommend.mapped import ServedInPlace
            from collabkit.saving.mapped import mapped_model

            if checks.device(device).type != "cpu":
                raise ValueError(f"device={str(device)!r}: a file is mapped into the memory of the CPU. Leave one out.")
            with mapped_model(path) as (module, its):
                return cls(ServedInPlace(module, its), its)
        from collabkit.saving.storage import load_model

        model, ratings, _ = load_model(path)
        return cls(model, ratings, device)

    def _user_codes(self, ids: ArrayLike) -> np.ndarray:
        ids = as_ids(ids)
        codes, known = self.ratings.users.index(ids, missing="unknown")
        if not known.all():
            raise KeyError(
                f"unknown user {ids[~known].tolist()[0]!r} ({(~known).sum()} of {len(ids)} asked for): the model was "
                "not trained on them. Place somebody new with fold_in({item: stars, ...}), and ask that to recommend."
            )
        return codes

    @cached_property
    def _catalogue(self) -> Catalogue:
        return Catalogue(self.ratings)

    @cached_property
    def _new_user(self) -> AnyFoldIn:
        return self.served.fold_in("user")

    @cached_property
    def _new_item(self) -> AnyFoldIn:
        return self.served.fold_in("item")


def _by_id(stars: Mapping[Any, float]) -> dict[Any, float]:
    if not hasattr(stars, "keys"):
        raise TypeError(f"stars is a {type(stars).__name__}: give them by id, as {{id: stars, …}}.")
    return dict(stars)


def _each_once(codes: np.ndarray, what: str) -> np.ndarray:
    """The codes themselves, unless two ids that look different are of one film or user."""
    if len(np.unique(codes)) < len(codes):
        raise ValueError(f"two of these ids are the same {what}, which would count twice: give each one once.")
    return codes
