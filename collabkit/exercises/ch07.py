"""Checks for chapter 7, *Reading the model*."""

from __future__ import annotations

import math

import numpy as np

from collabkit.exercises import Answer, check, one_number


@check("7.1", praise="Below 0: the two films point away from each other.")
def check_1(cosine: Answer) -> str | None:
    """The cosine between (3, 4) and (1, -2)."""
    if one_number(cosine) is None or np.ndim(cosine) != 0:
        return "give one number."
    right = -5 / (5 * math.sqrt(5))
    if abs(cosine - right) < 5e-4:
        return None
    wrong = [
        (-5, "that is the dot product. Divide it by both lengths."),
        (-5 / 5, "you divided by the length of the first film only. Divide by that of the second, too."),
        (-5 / math.sqrt(5), "you divided by the length of the second film only. Divide by that of the first, too."),
        (-5 / 125, "you divided by the squares of the lengths. A length is the root of the sum of squares."),
        (-5 / 21, "a length is the root of the sum of squares, not the sum of the numbers."),
        (-right, "mind the sign: the dot product is 3 - 8."),
        (11 / (5 * math.sqrt(5)), "mind the sign: 4 times -2 is -8."),
        (math.acos(right), "that is the angle, in radians. Give its cosine."),
        (math.degrees(math.acos(right)), "that is the angle, in degrees. Give its cosine."),
        (math.sqrt(40), "that is the distance between the two points. The cosine looks at the angle only."),
        (1 - right, "that is 1 minus the cosine, which is called the cosine distance."),
    ]
    if abs(cosine - right) < 5e-3:
        return "close. Give at least three digits, and do not round on the way."
    if abs(cosine) > 1 and all(abs(cosine - value) >= 5e-3 for value, _ in wrong):
        return "a cosine lies between -1 and 1."
    fallback = "three steps: the dot product, the two lengths, and the first divided by both of the others."
    return next((hint for value, hint in wrong if abs(cosine - value) < 5e-3), fallback)


@check("7.2", praise="The floor keeps the accidents out.")
def check_2(function: Answer) -> str | None:
    """A function of factors, item, counts, a floor and k that returns the codes of the k most similar items."""
    if not callable(function):
        return "pass the function itself: check_2(my_similar_items), without calling it."
    for seed, item_below_the_floor in [(70, False), (71, False), (72, True)]:
        rng = np.random.default_rng(seed)
        factors = rng.normal(size=(80, 4)) * rng.uniform(0.2, 5, (80, 1)) + 0.3  # (I, K) of very different lengths
        counts = rng.integers(0, 60, 80)  # (I,)
        item, at_least, k = 17, 20, 6
        counts[item] = 3 if item_below_the_floor else 40
        unit = factors / np.linalg.norm(factors, axis=1, keepdims=True)
        best = np.argsort(-(unit @ unit[item]))
        counts[best[1:4]] = [at_least, 5, at_least]  # two on the floor and one below it, near the front
        given = factors.copy(), counts.copy()
        answer = function(given[0], item, given[1], at_least, k)
        if not (np.array_equal(given[0], factors) and np.array_equal(given[1], counts)):
            return "it changes the arrays that it is given. Make a new one: unit = factors / lengths."
        if hint := _similar_hint(np.asarray(answer), factors, item, counts, at_least, k):
            if item_below_the_floor:
                return "right, until the item itself has few ratings. The floor is for the others. " + hint
            return hint
    return None


def _similar_hint(
    answer: np.ndarray, factors: np.ndarray, item: int, counts: np.ndarray, at_least: int, k: int
) -> str | None:
    """What is wrong with a list of similar items, if anything."""
    if answer.shape != (k,):
        return f"for k = {k} it returns shape {answer.shape}. It should be k codes, of shape ({k},)."
    if not np.issubdtype(answer.dtype, np.integer):
        return f"it returns values of type {answer.dtype}. Return codes, not cosines: np.argsort gives positions."
    unit = factors / np.linalg.norm(factors, axis=1, keepdims=True)  # (I, K)
    everybody = np.arange(len(factors))

    def ranked(closeness: np.ndarray, allowed: np.ndarray) -> np.ndarray:
        allowed = allowed[allowed != item]
        return allowed[np.argsort(-closeness[allowed])][:k]

    cosine, dot = unit @ unit[item], factors @ factors[item]
    distance = np.linalg.norm(factors - factors[item], axis=1)
    allowed = np.flatnonzero(counts >= at_least)
    right = ranked(cosine, allowed)
    if np.array_equal(answer, right):
        return None
    if item in answer:
        return "the item itself is in the list: every film is most like itself. Leave it out."
    if sorted(answer) == sorted(right):
        return "the right items, in the wrong order: the most similar one comes first."
    wrong = [
        (ranked(cosine, everybody), "the floor is ignored. Keep the items with counts >= at_least."),
        (ranked(cosine, np.flatnonzero(counts > at_least)), "an item with exactly `at_least` ratings should count."),
        (ranked(-cosine, allowed), "these are the least similar ones. np.argsort sorts from low to high."),
        (
            ranked(dot, allowed),
            "that is the dot product, which prefers long factors. Divide every row by its own length.",
        ),
        (ranked(-distance, allowed), "that is the nearest by distance. Compare angles: divide by the lengths."),
    ]
    rest = allowed[allowed != item]
    positions = np.argsort(-cosine[rest])[:k]
    if np.array_equal(answer, positions) or np.array_equal(answer, np.argsort(-cosine[allowed])[:k]):
        return "these are positions among the allowed items. Turn them into codes: allowed[positions]."
    fallback = "check the steps: rows of length 1, items above the floor, cosines, the k highest, their codes."
    return next((hint for value, hint in wrong if np.array_equal(answer, value)), fallback)


@check("7.3", praise="A direction with a name, since you gave it one.")
def check_3(function: Answer) -> str | None:
    """A function of factors and a bool array that returns a direction from old to new films ``(K,)``."""
    if not callable(function):
        return "pass the function itself: check_3(my_direction), without calling it."
    shares = []
    for seed in (73, 74, 75):
        factors, new = _films(seed)
        direction = function(factors.copy(), new.copy())
        direction = np.asarray(direction, dtype="float64")
        if hint := _direction_hint(direction, factors, new, function):
            return hint
        unseen, unseen_new = _films(seed, first=400)
        shares.append(_in_order(unseen @ direction, unseen_new))
    share = float(np.mean(shares))
    if share < 0.3:
        return "it points the wrong way: new films should lie higher than old ones."
    print(f"On films it has not seen, your direction puts {share:.0%} of all pairs in the right order.")
    if share < 0.77:
        return "that is not much better than a coin. Start with where the new films lie on average, and the old ones."
    return None


def _films(seed: int, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """400 made-up films with 8 factors, of which a third is old; age is spread over several small directions."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    common = 4 * rng.normal(size=8)
    new = rng.random(800) < 2 / 3
    factors = rng.normal(size=(800, 8)) * [3, 2.5, 2, 1.5, 1.5, 1, 1, 0.7]
    factors += new[:, None] * np.array([0, 0, 0, 1, 1, 0.8, 0.8, 0.6])
    rows = slice(first, first + 400)
    return (factors @ turn + common)[rows], new[rows]


def _in_order(coordinate: np.ndarray, new: np.ndarray) -> float:
    """The share of pairs of an old and a new film that come out in the right order."""
    return float(np.mean(coordinate[new][:, None] > coordinate[~new]))


def _direction_hint(direction: np.ndarray, factors: np.ndarray, new: np.ndarray, function: Answer) -> str | None:
    """What is wrong with a direction, if it can be seen without trying it on other films."""
    n, k = factors.shape
    if direction.shape == (n,):
        return "it returns a number for each film. Return the direction itself, with K numbers."
    if direction.shape != (k,):
        return f"for factors of shape {factors.shape} it returns shape {direction.shape}. It should be ({k},)."
    if not np.isfinite(direction).all():
        return "some numbers of the direction are not finite."
    if not direction.any():
        return "it returns zeros, which point nowhere."

    def alike(other: np.ndarray) -> bool:
        return bool(abs(direction @ other) > 0.98 * np.linalg.norm(direction) * np.linalg.norm(other))

    components = np.linalg.svd(factors - factors.mean(axis=0), full_matrices=False)[2]
    for number, component in enumerate(components, 1):
        if alike(component):
            return f"that is principal component {number} of all films. PCA does not know which films are new."
    if alike(factors[new].mean(axis=0)) or alike(factors[~new].mean(axis=0)):
        return "that is where one of the two groups lies, with all that both have in common. Take the difference."
    other = np.asarray(function(factors.copy(), ~new), dtype="float64")
    if alike(other) and direction @ other > 0:
        return "it stays the same when old and new change places. Does it use `new`?"
    return None
