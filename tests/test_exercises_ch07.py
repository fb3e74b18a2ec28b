"""Exercises of chapter 7: the checks accept what is right, and tell typical mistakes apart."""

import math

import numpy as np
import pytest

from collabkit.exercises import ch07, questions


@pytest.mark.parametrize("check", [ch07.check_1, ch07.check_2, ch07.check_3])
def test_not_tried(check, said):
    assert "not tried yet" in said(check, None)


@pytest.mark.parametrize("check", [ch07.check_2, ch07.check_3])
def test_a_stub_is_not_tried(check, said):
    assert "not tried yet" in said(check, lambda *args: None)
    assert "pass the function itself" in said(check, 0.7)


def test_every_answer_of_the_quiz_teaches():
    quiz = questions(7)
    assert len(quiz) == 4
    assert all(answer["feedback"] for question in quiz for answer in question["answers"])


# ---------------------------------------------------------------- 7.1: a cosine

COSINE = -5 / (5 * math.sqrt(5))


def test_cosine():
    for answer in (COSINE, np.float32(COSINE), np.array(COSINE), round(COSINE, 3)):
        assert ch07.check_1(answer)


@pytest.mark.parametrize(
    "answer, hint",
    [
        (-5, "that is the dot product"),
        (-1, "first film only"),
        (-math.sqrt(5), "second film only"),
        (-5 / 125, "squares of the lengths"),
        (-5 / 21, "not the sum of the numbers"),
        (-COSINE, "3 - 8"),
        (11 / (5 * math.sqrt(5)), "4 times -2"),
        (math.acos(COSINE), "in radians"),
        (math.degrees(math.acos(COSINE)), "in degrees"),
        (math.sqrt(40), "distance between the two points"),
        (1 - COSINE, "cosine distance"),
        (-0.45, "three digits"),
        (7, "between -1 and 1"),
        (0.5, "three steps"),
        ("-0.447", "one number"),
        ([COSINE], "one number"),
    ],
)
def test_cosine_hints(answer, hint, said):
    assert hint in said(ch07.check_1, answer)


# ---------------------------------------------------------------- 7.2: similar items


def rank(closeness, allowed, item, k):
    allowed = allowed[allowed != item]
    return allowed[np.argsort(-closeness[allowed])][:k]


def unit(factors):
    return factors / np.linalg.norm(factors, axis=1, keepdims=True)


def similar(factors, item, counts, at_least, k):
    return rank(unit(factors) @ unit(factors)[item], np.flatnonzero(counts >= at_least), item, k)


def as_list(*args):
    return similar(*args).tolist()


def masked(factors, item, counts, at_least, k):
    cosine = unit(factors) @ unit(factors)[item]
    cosine[counts < at_least] = -np.inf
    cosine[item] = -np.inf
    return np.argsort(-cosine)[:k]


@pytest.mark.parametrize("function", [similar, as_list, masked])
def test_similar_items(function):
    assert ch07.check_2(function)


def with_itself(factors, item, counts, at_least, k):
    allowed = np.flatnonzero(counts >= at_least)
    return allowed[np.argsort(-(unit(factors)[allowed] @ unit(factors)[item]))][:k]


def by_dot(factors, item, counts, at_least, k):
    return rank(factors @ factors[item], np.flatnonzero(counts >= at_least), item, k)


def by_half_a_cosine(factors, item, counts, at_least, k):
    return rank(factors @ unit(factors)[item], np.flatnonzero(counts > at_least - 1), item, k)


def by_distance(factors, item, counts, at_least, k):
    return rank(-np.linalg.norm(factors - factors[item], axis=1), np.flatnonzero(counts >= at_least), item, k)


def positions(factors, item, counts, at_least, k):
    allowed = np.setdiff1d(np.flatnonzero(counts >= at_least), [item])
    return np.argsort(-(unit(factors)[allowed] @ unit(factors)[item]))[:k]


def in_place(factors, item, counts, at_least, k):
    factors /= np.linalg.norm(factors, axis=1, keepdims=True)
    return similar(factors, item, counts, at_least, k)


def fails_below_the_floor(factors, item, counts, at_least, k):
    return similar(factors, item, counts, at_least, k if counts[item] >= at_least else k - 1)


@pytest.mark.parametrize(
    "function, hint",
    [
        (with_itself, "the item itself is in the list"),
        (by_dot, "prefers long factors"),
        (by_half_a_cosine, "prefers long factors"),
        (by_distance, "nearest by distance"),
        (positions, "positions among the allowed"),
        (in_place, "changes the arrays"),
        (fails_below_the_floor, "until the item itself has few ratings"),
        (lambda f, i, c, a, k: similar(f, i, c, 0, k), "floor is ignored"),
        (lambda f, i, c, a, k: similar(f, i, c, a + 1, k), "exactly `at_least` ratings"),
        (lambda f, i, c, a, k: similar(f, i, c, a, 999)[::-1][:k], "least similar"),
        (lambda f, i, c, a, k: similar(f, i, c, a, k)[::-1], "wrong order"),
        (lambda f, i, c, a, k: similar(f, i, c, a, 10), "shape (10,)"),
        (lambda f, i, c, a, k: (unit(f) @ unit(f)[i])[similar(f, i, c, a, k)], "Return codes, not cosines"),
        (lambda f, i, c, a, k: np.arange(20, 20 + k), "check the steps"),
        (lambda f, i, c, a, k: f.missing, "raised AttributeError"),
    ],
)
def test_similar_items_hints(function, hint, said):
    assert hint in said(ch07.check_2, function)


# ---------------------------------------------------------------- 7.3: a direction


def difference(factors, new):
    return factors[new].mean(axis=0) - factors[~new].mean(axis=0)


def fisher(factors, new):
    within = np.cov(factors[new].T) + np.cov(factors[~new].T)
    return np.linalg.solve(within, difference(factors, new))


def regression(factors, new):
    centred = factors - factors.mean(axis=0)
    return np.linalg.lstsq(centred, new - new.mean(), rcond=None)[0]


@pytest.mark.parametrize("function", [difference, fisher, regression])
def test_direction(function, capsys):
    assert ch07.check_3(function)
    assert "of all pairs in the right order" in capsys.readouterr().out


def component(number):
    return lambda factors, new: np.linalg.svd(factors - factors.mean(axis=0), full_matrices=False)[2][number - 1]


@pytest.mark.parametrize(
    "function, hint",
    [
        (component(1), "principal component 1"),
        (component(3), "principal component 3"),
        (lambda factors, new: -difference(factors, new), "wrong way"),
        (lambda factors, new: factors[new].mean(axis=0), "Take the difference"),
        (lambda factors, new: factors @ difference(factors, new), "a number for each film"),
        (lambda factors, new: difference(factors, new)[None], "shape (1, 8)"),
        (lambda factors, new: np.full(8, np.nan), "not finite"),
        (lambda factors, new: np.zeros(8), "point nowhere"),
        (lambda factors, new: factors.std(axis=0), "when old and new change places"),
        (lambda factors, new: factors[new][0] - factors[~new][0], "better than a coin"),
    ],
)
def test_direction_hints(function, hint, said):
    assert hint in said(ch07.check_3, function)
