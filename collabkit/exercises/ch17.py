"""Checks for chapter 17, *Scaling up*."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from collabkit.exercises import Answer, check, hint_for, is_number

CELLS = 4e-9 * 52e6  # GB of one column of both tables of 17.1


@check("17.1", praise="The tables of a very large shop fit into a laptop; to train them takes a larger machine.")
def check_1(tables: Answer, training: Answer) -> str | None:
    """GB of the tables of 50 million users and 2 million items, 31 factors and a bias; and while AdamW trains them."""
    for value, name in ((tables, "my_tables"), (training, "my_training")):
        if not is_number(value):
            return f"{name} should be one number of GB, and you have {value!r}."
    right = 32 * CELLS
    sizes = [
        (right, None),
        (31 * CELLS, "the bias is a column, too: 1 + 31."),
        (2 * right, "a float32 has four bytes, not eight."),
        (right / 4, "that is how many numbers there are. Each takes four bytes."),
        (right * 1e9, "that is in bytes. Divide by 10⁹."),
        (right * 1e3, "that is in MB. Divide once more by 1000."),
        (right * 1e9 / 2**30, "that is in GiB, of 2³⁰ bytes; a GB has 10⁹."),
        (32 * 4e-9 * 50e6, "the items have a table as well."),
        (32 * 4e-9 * 50e6 * 2e6, "the tables have U + I rows, not U · I: nobody stores the matrix."),
        (4 * 50e6 * 2e6 / 1e9, "that is the matrix with every cell. The tables have U + I rows."),
    ]
    if hint := hint_for(tables, sizes, 1e-3, "4 bytes · (U + I) rows · (1 + K) columns, over 10⁹."):
        return f"the tables: {hint}"
    states = [
        (4 * right, None),
        (3 * right, "gradients have a table each, too: parameters, gradients, two averages."),
        (2 * right, "AdamW keeps two averages beside parameters and gradients: four numbers in all."),
        (right, "that is the tables alone. AdamW keeps three more numbers beside each parameter."),
        (5 * right, "four numbers in all: the parameter is one of them."),
    ]
    if hint := hint_for(training, states, 1e-3, "four numbers stand where one stood: four times the tables."):
        return f"while AdamW trains: {hint}"
    return None


@check("17.2", praise="It looks up once for each different id of a piece, not once for each row.")
def check_2(codes_of: Answer) -> str | None:
    """A function of pieces of ids -> codes ``(n,)`` and ids."""
    if not callable(codes_of):
        return "pass the function itself: check_2(my_codes), without calling it."
    rng = np.random.default_rng(17)
    cases = {
        "one piece": [np.array([7, 3, 7, 9])],
        "an id that comes again in a later piece": [np.array([7, 3]), np.array([3, 9, 7])],
        "an empty piece": [np.array([5, 1]), np.array([], dtype="int64"), np.array([1, 2])],
        "many pieces": [rng.integers(0, 50, 200) for _ in range(5)],
    }
    for name, pieces in cases.items():
        given = [piece.copy() for piece in pieces]
        answer = codes_of(iter(given))
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            return "return two things: the codes, and the ids."
        codes, ids = (np.asarray(one) for one in answer)
        if not all(np.array_equal(a, b) for a, b in zip(given, pieces, strict=True)):
            return "it changes the pieces. Work on copies."
        if hint := _codes_hint(codes, ids, np.concatenate(pieces), name):
            return hint
    return None


def _codes_hint(codes: np.ndarray, ids: np.ndarray, rows: np.ndarray, name: str) -> str | None:
    """What is wrong with codes of these rows, pieces end to end."""
    if codes.shape != rows.shape:
        return f"{name}: {len(rows)} rows want as many codes, and you return an array of shape {codes.shape}."
    if codes.dtype.kind not in "iu":
        return f"{name}: codes are whole numbers, and yours are {codes.dtype}."
    first = list(dict.fromkeys(rows.tolist()))
    if len(set(ids.tolist())) < len(ids):
        return f"{name}: an id stands twice among your ids: look up what earlier pieces have had."
    if sorted(ids.tolist()) != sorted(first):
        return f"{name}: {len(first)} different ids came, and you return {len(ids)}."
    if (codes < 0).any() or (codes >= len(ids)).any():
        return f"{name}: some codes are no places in ids; a look-up that finds nothing gives -1: add new ids first."
    if not np.array_equal(ids[codes], rows):
        return f"{name}: ids[codes] should give the rows back. Are the codes of a piece still its own?"
    if ids.tolist() != first:
        return f"{name}: ids come in the order in which they first appear, and yours are sorted or turned."
    return None


@check("17.3", praise="Counts and sums can be added over pieces, processes and machines.")
def check_3(means: Answer) -> str | None:
    """A function (pieces of (item codes, stars), n_items, damping) -> mean of all ratings, offsets ``(n_items,)``."""
    if not callable(means):
        return "pass the function itself: check_3(my_means), without calling it."
    rng = np.random.default_rng(3)
    pieces = [(rng.integers(0, 6, n), rng.integers(1, 11, n) / 2) for n in (40, 3, 25)]
    pieces[1][0][:] = 2  # of one item, whose own stars are low
    pieces[1][1][:] = 0.5
    for damping in (0.0, 5.0):
        left = iter([(item.copy(), stars.copy()) for item, stars in pieces])
        answer = means(_once(left), 8, damping)  # items 6 and 7 have no ratings
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            return "return two things: the mean of all ratings, and the offsets of the items."
        if hint := _means_hint(answer[0], np.asarray(answer[1], dtype="float64"), pieces, damping):
            return hint
    return None


def _once(pieces: Iterator[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    yield from pieces


def _means_hint(
    mean: Answer, offsets: np.ndarray, pieces: list[tuple[np.ndarray, np.ndarray]], damping: float
) -> str | None:
    item, stars = (np.concatenate(one) for one in zip(*pieces, strict=True))
    right = stars.mean()
    if not is_number(mean):
        return f"the first thing to return is one number, the mean of all ratings; you return {mean!r}."
    mistakes = [
        (right, None),
        (
            np.mean([one.mean() for _, one in pieces]),
            "that is the mean of the pieces' means; they are not equally long.",
        ),
        (pieces[-1][1].mean(), "that is the mean of the last piece alone: add up sums and counts over all of them."),
        (stars.sum(), "that is the sum of all stars. Divide it by their number."),
    ]
    if hint := hint_for(mean, mistakes, 1e-8, f"the mean of all ratings is {right:.3f}, and you return {mean:.3f}."):
        return hint
    if offsets.shape != (8,):
        return f"the offsets have one entry an item, shape (8,), and yours have {offsets.shape}."
    if not np.isfinite(offsets).all():
        return "an item without ratings has the offset 0; yours is none, by 0 / 0."
    count, total = np.bincount(item, minlength=8), np.bincount(item, weights=stars, minlength=8)
    rated = count > 0
    divisor = np.where(rated, count + damping, 1)
    mistakes_of = [
        (np.where(rated, total - right * count, 0) / divisor, None),
        (np.where(rated, total, 0) / divisor, "subtract the mean, as often as the item has ratings."),
        (np.where(rated, total / np.where(rated, count, 1) - right, 0), "the damping is missing: divide by n + k."),
        (np.where(rated, total / divisor - right, 0), "the damping pulls to the mean, and yours pulls to 0 stars."),
        (np.where(rated, total - right, 0) / divisor, "subtract the mean once for each rating, not once an item."),
        (total - right * count, "divide by n + k."),
        (_by_first_means(pieces, damping), "each piece is held against its own mean. Wait with the mean to the end."),
    ]
    fallback = f"with damping {damping:g} the offsets are not right yet: (sum of stars − μ n) / (n + k)."
    return hint_for(offsets, mistakes_of, 1e-8, fallback)


def _by_first_means(pieces: list[tuple[np.ndarray, np.ndarray]], damping: float) -> np.ndarray:
    """Offsets of somebody who subtracts from each piece its own mean."""
    count, above = np.zeros(8), np.zeros(8)
    for item, stars in pieces:
        count += np.bincount(item, minlength=8)
        above += np.bincount(item, weights=stars - stars.mean(), minlength=8)
    return above / np.where(count, count + damping, 1)
