"""Checks for chapter 15, *Learning to rank*."""

from __future__ import annotations

import numpy as np

from collabkit.exercises import Answer, check, hint_for


@check("15.1", praise="Scores of any size will do here: only their order counts.")
def check_1(pairs_in_order: Answer) -> str | None:
    """A function (chosen, other) -> share of the pairs in which the chosen one scores higher; a tie counts half."""
    if not callable(pairs_in_order):
        return "pass the function itself: check_1(my_pairs_in_order), without calling it."
    cases = [
        ([3.0, 1.0], [2.0, 0.0, -1.0, 4.0], 5 / 8, "3 stands before three of the four others, and 1 before two"),
        ([1.0], [1.0, 0.0], 0.75, "one tie and one pair in order"),
        ([2.0, 2.0, 2.0], [2.0], 0.5, "nothing but ties"),
        ([-5.0], [5.0], 0.0, "one pair, and it is the wrong way round"),
    ]
    for chosen, other, right, why in cases:
        one, two = np.array(chosen), np.array(other)
        answer = float(pairs_in_order(one.copy(), two.copy()))
        if np.isclose(answer, right):
            continue
        above, ties = np.greater.outer(one, two), np.equal.outer(one, two)
        mistakes = [
            (above.mean(), "a tie counts half: neither film stands before the other."),
            ((above | ties).mean(), "a tie counts half, and here it counts in full."),
            (1 - right, "that is the share in the wrong order."),
            ((above + ties / 2).sum(), "that is the number of pairs in order. Divide it by how many pairs there are."),
            (float(one.mean() > two.mean()), "compare pairs of films, each with each, and not the means."),
        ]
        hint = hint_for(answer, mistakes, otherwise=f"it gives {answer:.3g}.")
        return f"{hint} ({why}, so the answer is {right:g}.)"
    return None


@check("15.2", praise="A pair in the wrong order moves a full step; one that is clearly right hardly moves at all.")
def check_2(step: Answer) -> str | None:
    """A function (p, qi, qj, lr) -> the three vectors after one step on the loss of BPR."""
    if not callable(step):
        return "pass the function itself: check_2(my_step), without calling it."
    rng = np.random.default_rng(15)
    for lr in (0.5, 0.1):
        given = [rng.normal(size=3) for _ in range(3)]
        p, qi, qj = given
        before = [one.copy() for one in given]
        answer = step(p, qi, qj, lr)
        if not all(np.array_equal(one, copy) for one, copy in zip(given, before, strict=True)):
            return "it changes one of its arguments. Return new arrays."
        if not isinstance(answer, tuple | list) or len(answer) != 3:
            return "return three arrays: the user's factors, those of the chosen film, those of the other."
        answer = np.array([np.asarray(one, dtype="float64") for one in answer])
        if answer.shape != (3, 3):
            return f"with K = 3 factors the three arrays make a table of shape {answer.shape}: each has shape (3,)."
        difference = float(p @ (qi - qj))
        wrong, right = float(1 / (1 + np.exp(difference))), float(1 / (1 + np.exp(-difference)))

        def moved(weight: float, sign: float = 1, of: list[np.ndarray] = before, lr: float = lr) -> np.ndarray:
            p, qi, qj = of
            step = sign * lr * weight
            return np.array([p + step * (qi - qj), qi + step * p, qj - step * p])

        if np.allclose(answer, moved(wrong)):
            continue
        after_p = before[0] + lr * wrong * (qi - qj)
        in_turn = np.array([after_p, qi + lr * wrong * after_p, qj - lr * wrong * after_p])
        same_side = moved(wrong) + np.array([0 * p, 0 * p, 2 * lr * wrong * p])
        mistakes = [
            (moved(wrong, -1), "that goes up the loss: the chosen film should end up higher, and the other lower."),
            (moved(right), "the weight is 1 - sigmoid(difference): near 1 where the order is wrong."),
            (moved(1.0), "the weight is missing: 1 - sigmoid(difference), which is small for a pair in clear order."),
            (in_turn, "the films moved by the user's *new* factors. Take all gradients first."),
            (same_side, "the other film moves the other way: its gradient has the opposite sign."),
            (np.array(before), "nothing has moved."),
            (moved(wrong) - np.array(before), "those are the steps. Add each to its vector."),
        ]
        return hint_for(
            answer,
            mistakes,
            otherwise="with w = 1 - sigmoid(p·qi - p·qj): p + lr·w·(qi - qj), qi + lr·w·p, qj - lr·w·p.",
        )
    return None


@check("15.3", praise="One film at a time, each beside those that are there: that is all of MMR.")
def check_3(mmr: Answer) -> str | None:
    """A function (scores, alike, relevance, k) -> places in their new order."""
    if not callable(mmr):
        return "pass the function itself: check_3(my_mmr), without calling it."
    rng = np.random.default_rng(5)  # with which no two of the mistakes below make the same list
    vectors = rng.normal(size=(8, 2))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores, alike = rng.permutation(np.linspace(0, 1, 8)), vectors @ vectors.T
    for relevance, k in ((1.0, 4), (0.5, 5), (0.2, 8), (0.5, 20), (0.0, 3)):
        given = scores.copy(), alike.copy()
        answer = [int(place) for place in mmr(*given, relevance, k)]
        if not (np.array_equal(given[0], scores) and np.array_equal(given[1], alike)):
            return "it changes one of its arguments. Work on a copy."
        right = _mmr(scores, alike, relevance, k, np.max)
        if answer == right:
            continue
        asked = f"with relevance = {relevance:g} and k = {k}"
        if len(set(answer)) < len(answer):
            return f"{asked} a film stands in the list twice: leave out those that are taken."
        if len(answer) != len(right):
            return f"{asked} the list has {len(answer)} films instead of {len(right)}."
        if answer[:1] != right[:1]:
            return f"{asked} the first film is place {answer[0]}: it should be the one with the best score."
        mistakes = [
            (_mmr(scores, alike, relevance, k, np.mean), "take the *most* alike of the chosen films, not their mean."),
            (_mmr(scores, alike, relevance, k, np.min), "take the most alike of the chosen films, not the least."),
            (_mmr(scores, alike, relevance, k, np.sum), "take the most alike of the chosen films, not their sum."),
            (_mmr(scores, -alike, relevance, k, np.max), "likeness is *subtracted*: a film like the others loses."),
            (_mmr(scores, alike, 1 - relevance, k, np.max), "relevance weighs the score, and 1 - relevance likeness."),
            (_mmr(scores, alike, 1.0, k, np.max), "that is the order of the scores alone."),
            (_last(scores, alike, relevance, k), "compare with all films chosen so far, not with the last one alone."),
        ]
        for wrong, hint in mistakes:
            if answer == wrong:
                return hint
        return f"{asked} the places are {right}, and yours are {answer}."
    return None


def _mmr(scores: np.ndarray, alike: np.ndarray, relevance: float, k: int, of: object) -> list[int]:
    """MMR, with another way to sum up the likeness to what is chosen."""
    new = [int(scores.argmax())]
    while len(new) < min(k, len(scores)):
        worth = relevance * scores - (1 - relevance) * of(alike[:, new], axis=1)  # type: ignore[operator]
        worth[new] = -np.inf
        new.append(int(worth.argmax()))
    return new


def _last(scores: np.ndarray, alike: np.ndarray, relevance: float, k: int) -> list[int]:
    new = [int(scores.argmax())]
    while len(new) < min(k, len(scores)):
        worth = relevance * scores - (1 - relevance) * alike[:, new[-1]]
        worth[new] = -np.inf
        new.append(int(worth.argmax()))
    return new
