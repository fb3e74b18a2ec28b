"""Splits: which ratings a model may learn from, and which it is measured on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from collabkit import checks
from collabkit.checks import number, whole
from collabkit.ratings import Ratings, rated


@dataclass(frozen=True)
class Split:
    """Parts of one table that share its vocabularies, each a :class:`Ratings`.

    Args:
        train: what a model learns from.
        valid, test: what it is measured on; ``test`` is kept for the last measurement.
        history: what is shown of users who are not in training, once a model is fitted (:func:`strong_generalization`).

    Raises: ``TypeError`` for a part that is none; ``ValueError`` for one that is empty or has other ids.
    """

    train: Ratings
    valid: Ratings
    test: Ratings | None = None
    history: Ratings | None = None

    def __post_init__(self) -> None:
        for name in ("train", "valid", "test", "history"):
            if name in ("test", "history") and getattr(self, name) is None:
                continue
            part = rated(getattr(self, name), name)
            for mine, ours in ((part.users, self.train.users), (part.items, self.train.items)):
                if mine is not ours and not np.array_equal(mine.ids, ours.ids):
                    raise ValueError(
                        f"{name} has other {ours.what} ids than train: take both from one table, with take."
                    )

    def cold(self, part: str = "valid") -> np.ndarray:
        """True for the rows of a part whose user or item has no training rating ``(n,)``.

        A model scores such a row from a table row that training never touched. They are counted like any other row
        in every error measure here; this mask lets you look at them apart. A user with a ``history`` is not cold.
        """
        rows, known = part_of(self, part), self.known
        seen_user = np.bincount(known.user, minlength=known.n_users) > 0
        seen_item = np.bincount(self.train.item, minlength=self.train.n_items) > 0
        return ~(seen_user[rows.user] & seen_item[rows.item])

    @property
    def known(self) -> Ratings:
        """All that may be known when lists are made: ``train``, and ``history`` after it where there is one."""
        return self.train if self.history is None else _both(self.train, self.history)


def part_of(split: Split, part: str) -> Ratings:
    """One part of a split by its name. Raises: ``TypeError`` for no split, ``ValueError`` for a part it lacks."""
    if part not in ("train", "valid", "test"):
        raise ValueError(f"part={part!r}: choose 'train', 'valid' or 'test'.")
    rows = getattr(parted(split), part)
    if rows is None:
        raise ValueError(f"this split has no {part!r} part.")
    return rows


def random_split(ratings: Ratings, valid: float = 0.2, seed: int = 0, test: float = 0.0) -> Split:
    """Hold out a random share of the ratings.

    Args:
        valid: the share held out, between 0 and 1.
        seed: of NumPy's generator; the same seed gives the same rows on every machine.
        test: a further share, kept apart for the last measurement; the validation rows do not depend on it.

    Every part keeps the order of the table and none is empty.

    Raises: ``ValueError`` for shares that leave a part empty.
    """
    rated(ratings)
    valid, test = number("valid", valid, above=0, below=1), number("test", test, at_least=0, below=1)
    n_valid, n_test = round(len(ratings) * valid), round(len(ratings) * test)
    if n_valid < 1 or (test and not n_test) or n_valid + n_test >= len(ratings):
        raise ValueError(
            f"valid={valid}, test={test} of {len(ratings)} ratings leaves a part empty: choose shares between 0 and 1."
        )
    order = np.random.default_rng(checks.seed(seed)).permutation(len(ratings))
    part = np.zeros(len(ratings), dtype=int)
    part[order[:n_valid]] = 1
    part[order[n_valid : n_valid + n_test]] = 2
    return _parts(ratings, part, with_test=n_test > 0)


def k_fold(ratings: Ratings, k: int = 5, seed: int = 0) -> Iterator[Split]:
    """Cut the ratings into k random parts of (nearly) one size; each is held out once while the others train.

    Returns: an iterator over k :class:`Split`.
    Raises: ``ValueError`` unless k lies between 2 and the number of ratings.
    """
    k = whole("k", k, at_least=2, at_most=len(rated(ratings)))
    fold = np.random.default_rng(checks.seed(seed)).permutation(len(ratings)) % k
    return (Split(ratings.take(fold != i), ratings.take(fold == i)) for i in range(k))


def temporal_split(ratings: Ratings, valid: float = 0.1, test: float = 0.1) -> Split:
    """Cut the table in time: learn from the past, be measured on the future.

    Args:
        valid, test: shares of the ratings, the last of all going to ``test``; with ``test=0`` there is no test part.

    Every training rating is older than every validation rating, and those than every test rating. Ratings of one
    second stay together on the later side of a cut, so the shares may be a little larger than asked for. Users may
    have all their ratings on one side.

    Raises: ``ValueError`` without timestamps, or when a part would be empty.
    """
    times = _times(ratings)
    valid, test = number("valid", valid, above=0, below=1), number("test", test, at_least=0, below=1)
    if valid + test >= 1:
        raise ValueError(f"valid={valid}, test={test}: choose shares that leave something to learn from.")
    in_time, last = np.sort(times), len(times) - 1
    cuts = [in_time[min(int(len(times) * share), last)] for share in (1 - test - valid, 1 - test)]
    if not test:
        cuts[1] = np.inf
    part = np.searchsorted(cuts, times, side="right")  # 0 train, 1 valid, 2 test; the cut itself goes to the later part
    return _parts(ratings, part, with_test=test > 0)


def leave_last_out(ratings: Ratings, n: int = 1) -> Split:
    """Hold out the last n ratings of each user.

    A user with n ratings or fewer stays in training whole: nobody is emptied. Ties in time are broken by the order of
    the table. The held-out ratings of one user may be older than training ratings of another; use
    :func:`temporal_split` where that matters.

    Raises: ``ValueError`` without timestamps, or when nobody has more than n.
    """
    times = _times(ratings)
    n = whole("n", n, at_least=1)
    order = np.lexsort((np.arange(len(times)), times, ratings.user))  # by user, then time, then place in the table
    count = np.bincount(ratings.user, minlength=ratings.n_users)
    from_last = np.empty(len(times), dtype="int64")
    from_last[order] = (np.cumsum(count)[ratings.user[order]] - 1) - np.arange(len(times))  # 0 for a user's last
    held_out = (from_last < n) & (count[ratings.user] > n)
    return _parts(ratings, held_out.astype(int))


def strong_generalization(
    ratings: Ratings,
    valid: float = 0.1,
    test: float = 0.1,
    fold_in: float = 0.8,
    min_ratings: int = 5,
    seed: int = 0,
) -> Split:
    """Hold out whole users: the model is asked about people whom it was not trained on.

    A random part of what each of them rated is the ``history`` from which a fitted model places them; the rest is to
    be found. With any model that has ``with_history``::

        split = strong_generalization(ratings)
        model = ImplicitALS(at_least=4).fit(split.train)
        evaluate_ranking(Recommender(model.with_history(split.history), split.history), split)

    Args:
        valid, test: shares of the users held out; with ``test=0`` there is no test part. Who is in ``valid`` does not
            depend on ``test``.
        fold_in: the share of a held-out user's ratings that goes to ``history``, one at least; one at least is left.
        min_ratings: whoever has fewer ratings is not held out, since little could be shown and little found, and stays
            in training whole.
        seed: of NumPy's generator.

    An item that only users held out have rated can be found by nobody, and counts like any other.

    Returns: ``train`` has all ratings of the other users, ``history`` those shown of users held out, ``valid`` and
    ``test`` those to find.
    Raises: ``ValueError`` for shares that leave a part without users, or when too few have ``min_ratings``.
    Source: :cite:t:`liang2018variational`, with these shares of a user's ratings and this least number of them.
    """
    rated(ratings)
    valid, test = number("valid", valid, above=0, below=1), number("test", test, at_least=0, below=1)
    fold_in = number("fold_in", fold_in, above=0, below=1)
    min_ratings, rng = whole("min_ratings", min_ratings, at_least=2), np.random.default_rng(checks.seed(seed))
    count = np.bincount(ratings.user, minlength=ratings.n_users)
    n_users, enough = np.count_nonzero(count), np.flatnonzero(count >= min_ratings)
    n_valid, n_test = round(n_users * valid), round(n_users * test)
    if n_valid < 1 or (test and not n_test) or n_valid + n_test >= n_users:
        raise ValueError(
            f"valid={valid}, test={test} of {n_users} users leaves a part empty: choose shares between 0 and 1."
        )
    if n_valid + n_test > len(enough):
        raise ValueError(
            f"{n_valid + n_test} of {n_users} users are to be held out, and only {len(enough)} have "
            f"min_ratings={min_ratings} ratings: choose smaller shares, or fewer ratings."
        )
    held_out = rng.permutation(enough)
    group = np.zeros(ratings.n_users, dtype=int)  # of a user: 0 train, 1 valid, 2 test
    group[held_out[:n_valid]], group[held_out[n_valid : n_valid + n_test]] = 1, 2
    part = group[ratings.user]
    order = np.lexsort((rng.random(len(part)), ratings.user))  # by user, and within a user at random
    place = np.empty(len(part), dtype="int64")
    place[order] = np.arange(len(part)) - (np.cumsum(count) - count)[ratings.user[order]]  # 0 for a user's first
    shown = place < np.clip(np.round(fold_in * count), 1, count - 1)[ratings.user]
    part[shown & (part > 0)] = 3
    return replace(_parts(ratings, part, with_test=n_test > 0), history=ratings.take(part == 3))


def _times(ratings: Ratings) -> np.ndarray:
    times = rated(ratings).timestamp
    if times is None:
        raise ValueError("these ratings have no timestamps, so there is no order in time: use random_split.")
    return times


def _parts(ratings: Ratings, part: np.ndarray, with_test: bool = False) -> Split:
    """The split in which row j belongs to part[j]: 0 train, 1 valid, 2 test, any other to none."""
    parts = [ratings.take(part == i) for i in range(2 + with_test)]
    if not all(len(one) for one in parts):
        sizes = [len(one) for one in parts]
        raise ValueError(f"a part of this split would be empty (sizes {sizes}): ask for other shares.")
    return Split(*parts)


def _both(one: Ratings, other: Ratings) -> Ratings:
    """The ratings of two parts of one table, one below the other."""
    return Ratings(
        np.concatenate([one.user, other.user]),
        np.concatenate([one.item, other.item]),
        np.concatenate([one.rating, other.rating]),
        None if one.timestamp is None or other.timestamp is None else np.concatenate([one.timestamp, other.timestamp]),
        one.users,
        one.items,
        one.films,
        one.scale,
    )


def parted(split: Split, name: str = "split") -> Split:
    """The split itself, when it is one; :class:`collabkit.Split` has checked its parts."""
    if not isinstance(split, Split):
        cure = "random_split(ratings) makes one of Ratings, and Ratings.from_frame(df) those of a DataFrame"
        raise TypeError(f"{name} is a {type(split).__name__} and has to be a Split: {cure}.")
    return split
