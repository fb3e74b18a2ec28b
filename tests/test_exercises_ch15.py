"""Exercises of chapter 15: the checks accept what is right, and tell typical mistakes apart."""

import numpy as np
import pytest

from collabkit.exercises import ch15


def test_not_tried(said):
    for check, stub in (
        (ch15.check_1, lambda chosen, other: None),
        (ch15.check_2, lambda p, qi, qj, lr: None),
        (ch15.check_3, lambda scores, alike, relevance, k: None),
    ):
        assert "not tried yet" in said(check, None)
        assert "not tried yet" in said(check, stub)
        assert "pass the function itself" in said(check, 0.5)


# ---------------------------------------------------------------- 15.1: pairs in order


def gaps(chosen, other):
    return np.subtract.outer(chosen, other)


def pairs_in_order(chosen, other):
    return ((gaps(chosen, other) > 0) + 0.5 * (gaps(chosen, other) == 0)).mean()


def test_pairs_in_order():
    assert ch15.check_1(pairs_in_order)


@pytest.mark.parametrize(
    "function, hint",
    [
        (lambda c, o: (gaps(c, o) > 0).mean(), "a tie counts half: neither"),
        (lambda c, o: (gaps(c, o) >= 0).mean(), "counts in full"),
        (lambda c, o: 1 - pairs_in_order(c, o), "wrong order"),
        (lambda c, o: pairs_in_order(c, o) * len(c) * len(o), "Divide it by how many pairs"),
        (lambda c, o: float(c.mean() > o.mean()), "and not the means"),
        (lambda c, o: 0.123, "it gives 0.123"),
    ],
)
def test_pairs_in_order_hints(function, hint, said):
    assert hint in said(ch15.check_1, function)


# ---------------------------------------------------------------- 15.2: one step of BPR


def weight(p, qi, qj):
    return 1 / (1 + np.exp(p @ (qi - qj)))


def step(p, qi, qj, lr, scale=None):
    w = lr * (weight(p, qi, qj) if scale is None else scale)
    return p + w * (qi - qj), qi + w * p, qj - w * p


def in_turn(p, qi, qj, lr):
    w = lr * weight(p, qi, qj)
    p = p + w * (qi - qj)
    return p, qi + w * p, qj - w * p


def in_place(p, qi, qj, lr):
    p += lr * weight(p, qi, qj) * (qi - qj)
    return p, qi, qj


def both_up(p, qi, qj, lr):
    new = step(p, qi, qj, lr)
    return new[0], new[1], qj + lr * weight(p, qi, qj) * p


def test_step():
    assert ch15.check_2(step)
    assert ch15.check_2(lambda *given: np.array(step(*given)).tolist())


@pytest.mark.parametrize(
    "function, hint",
    [
        (lambda p, qi, qj, lr: step(p, qi, qj, -lr), "up the loss"),
        (lambda p, qi, qj, lr: step(p, qi, qj, lr, 1 - weight(p, qi, qj)), "near 1 where the order is wrong"),
        (lambda p, qi, qj, lr: step(p, qi, qj, lr, 1), "the weight is missing"),
        (in_turn, "Take all gradients first"),
        (in_place, "changes one of its arguments"),
        (both_up, "opposite sign"),
        (lambda p, qi, qj, lr: (p, qi, qj), "nothing has moved"),
        (
            lambda p, qi, qj, lr: tuple(a - b for a, b in zip(step(p, qi, qj, lr), (p, qi, qj), strict=True)),
            "the steps",
        ),
        (lambda p, qi, qj, lr: step(p, qi, qj, lr)[:2], "return three arrays"),
        (lambda p, qi, qj, lr: np.zeros(2), "return three arrays"),
        (lambda p, qi, qj, lr: tuple(one[:2] for one in step(p, qi, qj, lr)), "each has shape (3,)"),
        (lambda p, qi, qj, lr: step(p, qi, qj, 3 * lr), "with w = 1 - sigmoid"),
    ],
)
def test_step_hints(function, hint, said):
    assert hint in said(ch15.check_2, function)


# ---------------------------------------------------------------- 15.3: maximal marginal relevance


def mmr(scores, alike, relevance, k, of=np.max, sign=1):
    new = [int(scores.argmax())]
    while len(new) < min(k, len(scores)):
        worth = relevance * scores - sign * (1 - relevance) * of(alike[:, new], axis=1)
        worth[new] = -np.inf
        new.append(int(worth.argmax()))
    return new


def last_alone(scores, alike, relevance, k):
    return mmr(scores, alike, relevance, k, of=lambda chosen, axis: chosen[:, -1])


def twice(scores, alike, relevance, k):
    return [int(scores.argmax())] * k


def first_by_chance(scores, alike, relevance, k):
    found = mmr(scores, alike, relevance, k)
    return [*found[1:], found[0]]


def in_its_place(scores, alike, relevance, k):
    found = mmr(scores, alike, relevance, k)
    scores[found] = -1
    return found


def test_mmr():
    assert ch15.check_3(mmr)
    assert ch15.check_3(lambda *given: np.array(mmr(*given)))


@pytest.mark.parametrize(
    "function, hint",
    [
        (lambda s, a, r, k: mmr(s, a, r, k, np.mean), "not their mean"),
        (lambda s, a, r, k: mmr(s, a, r, k, np.min), "not the least"),
        (lambda s, a, r, k: mmr(s, a, r, k, np.sum), "not their sum"),
        (lambda s, a, r, k: mmr(s, -a, r, k), "is *subtracted*"),
        (lambda s, a, r, k: mmr(s, a, 1.0, k), "scores alone"),
        (lambda s, a, r, k: mmr(s, a, 1 - r, k), "relevance weighs the score"),
        (last_alone, "not with the last one alone"),
        (twice, "stands in the list twice"),
        (lambda s, a, r, k: mmr(s, a, r, k)[:-1], "the list has 3 films instead of 4"),
        (first_by_chance, "the one with the best score"),
        (in_its_place, "changes one of its arguments"),
        (lambda s, a, r, k: [mmr(s, a, r, k)[0], *mmr(s, a, r, k)[:0:-1]], "and yours are"),
    ],
)
def test_mmr_hints(function, hint, said):
    assert hint in said(ch15.check_3, function)
