"""Exercises of chapter 16: the checks accept what is right, and tell typical mistakes apart."""

import numpy as np
import pytest
import torch

from collabkit.exercises import ch16


def test_not_tried(said):
    def stub(*args):
        return None

    for check, answers in [
        (ch16.check_1, [None, None]),
        (ch16.check_1, [2.6, None]),
        (ch16.check_2, [stub]),
        (ch16.check_3, [stub]),
    ]:
        assert "not tried yet" in said(check, *answers)


# ---------------------------------------------------------------- 16.1: the correction

RARE, POPULAR = (1 - np.log(4 * q) for q in (0.05, 0.5))


@pytest.mark.parametrize("answer", [(RARE, POPULAR), (2.61, 0.31), (np.float32(RARE), np.array(POPULAR))])
def test_correction(answer):
    assert ch16.check_1(*answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((1 + np.log(0.2), POPULAR), "rare film: subtract the logarithm"),
        ((1 - np.log(0.05), POPULAR), "m is missing"),
        ((1 - np.log(0.05 / 4), POPULAR), "m multiplies Q"),
        ((1 - np.log10(0.2), POPULAR), "natural logarithm"),
        ((0.8, POPULAR), "not m Q itself"),
        ((np.e / 0.2, POPULAR), "that is the term of the sum"),
        ((5.0, POPULAR), "how many of its kind"),
        ((1.0, POPULAR), "without a correction"),
        ((RARE, 1 + np.log(2)), "popular film: subtract"),
        ((RARE, 7.0), "s − ln(m Q)"),
        (("2.6", POPULAR), "should be one number"),
        ((RARE, float("nan")), "should be one number"),
    ],
)
def test_correction_hints(answer, hint, said):
    assert hint in said(ch16.check_1, *answer)


# ---------------------------------------------------------------- 16.2: recall


def right(found, best):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found.tolist(), best.tolist(), strict=True)])


@pytest.mark.parametrize("wrap", [float, np.float32, torch.tensor, lambda x: np.array([x])])
def test_recall(wrap):
    assert ch16.check_2(lambda found, best: wrap(right(found, best)))


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda found, best: (found == best).mean(), "order within a row does not count"),
        (lambda found, best: right(found, best) * 5, "Divide by k"),
        (lambda found, best: np.mean([set(a) == set(b) for a, b in zip(found, best, strict=True)]), "all were found"),
        (
            lambda found, best: np.mean([bool(set(a) & set(b)) for a, b in zip(found, best, strict=True)]),
            "any was found",
        ),
        (lambda found, best: np.isin(best, found).mean(), "compare within a row"),
        (lambda found, best: 1 - right(found, best), "share that was missed"),
        (lambda found, best: 100 * right(found, best), "not per cent"),
        (lambda found, best: 0.123, "Then the mean"),
        (lambda found, best: [0.5, 0.5], "one number"),
        (lambda found, best: found.sort(axis=1) or 1, "changes one of its arguments"),
        (0.5, "pass the function itself"),
    ],
)
def test_recall_hints(function, hint, said):
    assert hint in said(ch16.check_2, function)


# ---------------------------------------------------------------- 16.3: fusion


def fusion(rankings, k, start=1):
    sums = {}
    for ranking in rankings:
        for place, item in enumerate(ranking, start):
            sums[item] = sums.get(item, 0) + 1 / (60 + place)
    return sorted(sums, key=sums.get, reverse=True)[:k]


def turns(rankings, k):
    found = []
    for place in range(max(map(len, rankings))):
        found += [one[place] for one in rankings if place < len(one) and one[place] not in found]
    return found[:k]


def best_place(rankings, k):
    best = {}
    for ranking in rankings:
        for place, item in enumerate(ranking, 1):
            best[item] = max(best.get(item, 0), 1 / (60 + place))
    return sorted(best, key=best.get, reverse=True)[:k]


@pytest.mark.parametrize("wrap", [list, tuple, np.array])
def test_fusion(wrap):
    assert ch16.check_3(lambda rankings, k: wrap(fusion(rankings, k)))


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda rankings, k: fusion(rankings, k)[::-1], "largest sum comes first"),
        (lambda rankings, k: fusion(rankings, 99), "return k items"),
        (lambda rankings, k: [(item, 1.0) for item in fusion(rankings, k)], "without their sums"),
        (lambda rankings, k: dict.fromkeys(fusion(rankings, k)), "a list of items"),
        (lambda rankings, k: rankings.pop() and [], "changes the rankings"),
        (lambda rankings, k: rankings[0][:k], "the best 4 are"),
        (turns, "take no turns"),
        (best_place, "*every* ranking"),
        (["c"], "pass the function itself"),
    ],
)
def test_fusion_hints(function, hint, said):
    assert hint in said(ch16.check_3, function)
