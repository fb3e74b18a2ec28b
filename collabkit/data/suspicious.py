"""Suspicious: numbers that hardly are ratings: a code for "not rated" among them, or counts, or dates and ids."""

from __future__ import annotations

import numpy as np
import pandas as pd

NINES = tuple(sign * (10**n - 1) for n in (2, 3, 4, 5) for sign in (1, -1))  # 99, -99, 999 …, as forms write "none"
FAR = 1000  # no scale of ratings begins there


def suspicion(stars: np.ndarray) -> str | None:
    """What is suspicious about a column of ratings, to go on from its name; None where nothing is."""
    code = code_among(stars)
    if code is not None:
        share = f"{code:g} in {np.mean(stars == code):.0%} of its rows"
        return f"has {share}, apart from all other ratings: does it stand for 'not rated'? Then drop those rows"
    if stars.min() >= FAR:
        return f"has no value below {stars.min():,.0f}: are these dates, times or ids? Then name the column of ratings"
    if looks_like_counts(stars):
        halves = f"half of its values at or below {np.median(stars):g}, and goes up to {stars.max():g}"
        return f"has {halves}: are these counts, as of plays or hours? Models of stars are wrong for them"
    return None


def code_among(stars: np.ndarray) -> float | None:
    """A value that hardly is a rating, or None.

    One negative number, below a scale that is not the same on both sides of 0, as -1 below 1 to 10; nines, as 99, far
    from the rest; and a 0 that is the most frequent of all although low ratings are rare, as in Book-Crossing.
    """
    counts = _tally(stars)
    values, frequent = counts.index.to_numpy(), counts.to_numpy()
    if len(values) < 4:
        return None  # likes, or too few to tell
    for code, rest in ((values[-1], values[:-1]), (values[0], values[1:])):
        if code in NINES and abs(code) >= 5 * np.abs(rest).max():
            return float(code)
    if values[0] < 0 <= values[1] and values[0] % 1 == 0 and values[-1] > -values[0]:
        return float(values[0])
    if values[0] == 0 and frequent.argmax() == 0 and frequent[1:].argmax() > 0:
        return 0.0
    return None


def looks_like_counts(stars: np.ndarray) -> bool:
    """Whether the largest is so far above the median that it is no end of a scale: ten times, and of many values."""
    if stars.min() < 0 or stars.max() < 10 * np.median(stars):
        return False
    return len(_tally(stars)) > 10


def _tally(stars: np.ndarray) -> pd.Series:
    """How often each value occurs, from the lowest; quicker than to sort many millions."""
    return pd.Series(stars).value_counts().sort_index()
