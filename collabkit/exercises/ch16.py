"""Checks for chapter 16, *Retrieval*."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from collabkit.exercises import Answer, check, hint_for, is_number, one_number

SAME = 5e-3  # answers of 16.1 may be rounded to two decimals


@check("16.1", praise="A rare film stands for many of its kind, a popular one for few: it is a weaker no.")
def check_1(rare: Answer, popular: Answer) -> str | None:
    """The corrected score of a film with s = 1 and m = 4, for Q = 0.05 and for Q = 0.5."""
    for value, q, name in ((rare, 0.05, "rare"), (popular, 0.5, "popular")):
        if not is_number(value):
            return f"the number of the {name} film should be one number, and you have {value!r}."
        known = [
            (1 - np.log(4 * q), None),
            (1 + np.log(4 * q), "subtract the logarithm: what is drawn often has to count less."),
            (1 - np.log(q), "m is missing: four are drawn, so it is ln(m Q)."),
            (1 - np.log(q / 4), "m multiplies Q: four draws find it four times as often."),
            (1 - np.log10(4 * q), "take the natural logarithm, np.log."),
            (1 - 4 * q, "the logarithm of m Q is taken off, not m Q itself."),
            (np.exp(1) / (4 * q), "that is the term of the sum. The exponent is its logarithm."),
            (1 / (4 * q), "that is how many of its kind it stands for. Its logarithm joins the score in the exponent."),
            (1.0, "that is the score as it comes, without a correction."),
        ]
        hint = hint_for(value, known, SAME, "the corrected score is s − ln(m Q).")
        if hint:
            return f"the {name} film: {hint}"
    return None


@check("16.2", praise="So is every curve of recall in this chapter measured.")
def check_2(recall: Answer) -> str | None:
    """A function (found (n, k), best (n, k)) -> the mean share of the best that was found."""
    if not callable(recall):
        return "pass the function itself: check_2(my_recall), without calling it."
    rng = np.random.default_rng(16)
    best = np.stack([rng.permutation(40)[:5] for _ in range(30)])
    found = np.stack([rng.permutation(np.r_[one[: rng.integers(1, 6)], 40 + np.arange(5)])[:5] for one in best])
    given = copy.deepcopy((found, best))
    answer = one_number(recall(found, best))
    if not all(np.array_equal(a, b) for a, b in zip(given, (found, best), strict=True)):
        return "it changes one of its arguments. Work on a copy."
    if answer is None:
        return "return one number: the share of the best that was found, averaged over users."
    there = (best[:, :, None] == found[:, None, :]).any(axis=2)  # (n, k)
    mistakes = [
        (there.mean(), None),
        ((best == found).mean(), "the order within a row does not count: an item may stand at another place."),
        (there.sum(axis=1).mean(), "that is how many were found. Divide by k."),
        (there.all(axis=1).mean(), "that counts users of whom all were found. One that is missing costs one k-th."),
        (there.any(axis=1).mean(), "that counts users of whom any was found."),
        (np.isin(best, found).mean(), "compare within a row: what was found for another user does not count."),
        (1 - there.mean(), "that is the share that was missed."),
        (100 * there.mean(), "return a share between 0 and 1, not per cent."),
    ]
    return hint_for(answer, mistakes, 1e-6, "of each of the best: is it in the same row of found? Then the mean.")


@check("16.3", praise="No scale, no weights: only places.")
def check_3(fusion: Answer) -> str | None:
    """A function (rankings, k) -> the k items with the largest sums of 1 / (60 + place)."""
    if not callable(fusion):
        return "pass the function itself: check_3(my_fusion), without calling it."
    rankings = [["a", "b", "c", "d"], ["c", "e", "b", "f"], ["g", "c"]]
    answer = _list(fusion, rankings, 4)
    if isinstance(answer, str):
        return answer
    if answer == _fused(rankings, 4):
        for other, k in (([["a", "b"], ["b", "a"]], 2), ([["x"], []], 3), ([[7, 8, 9], [9]], 1)):
            again = _list(fusion, other, k)
            if isinstance(again, str):
                return again
            if again != _fused(other, k):
                return f"of {other} the best {k} are {_fused(other, k)}, and you return {again}."
        return None
    mistakes = {
        ("a", "c", "g", "b"): "an item gets something from *every* ranking that has it: add up, and take no turns.",
        tuple(_fused(rankings, 4)[::-1]): "the largest sum comes first.",
        tuple(_fused(rankings, 4, start=0)): "the first place is 1, not 0.",
        tuple(_fused(rankings, 9)): "return k items, not all of them.",
    }
    said = mistakes.get(tuple(answer), f"of {rankings} the best 4 are {_fused(rankings, 4)}, and you return {answer}.")
    return said


def _list(fusion: Answer, rankings: list[list[Any]], k: int) -> list[Any] | str:
    """What the function returns, as a list; or what is wrong with it."""
    given = copy.deepcopy(rankings)
    answer = fusion(given, k)
    if given != rankings:
        return "it changes the rankings. Work on a copy."
    if isinstance(answer, dict | str) or not hasattr(answer, "__iter__"):
        return "return a list of items, best first."
    found = list(answer)
    if any(isinstance(one, tuple) for one in found):
        return "return the items alone, without their sums."
    return found


def _fused(rankings: list[list[Any]], k: int, start: int = 1) -> list[Any]:
    sums: dict[Any, float] = {}
    for ranking in rankings:
        for place, item in enumerate(ranking, start):
            sums[item] = sums.get(item, 0) + 1 / (60 + place)
    return sorted(sums, key=sums.__getitem__, reverse=True)[:k]
