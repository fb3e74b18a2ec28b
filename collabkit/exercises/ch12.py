"""Checks for chapter 12, *Bayesian matrix factorization*."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from collabkit.exercises import Answer, check, hint_for, is_number

SAME = 5e-3  # answers of 12.1 may be rounded to two decimals


@check("12.1", praise="Precisions add up, and the mean is where the two pulls balance.")
def check_1(mean: Answer, deviation: Answer) -> str | None:
    """Mean and standard deviation of a bias after six ratings of one star, α = 2, λ = 4."""
    for value, name in ((mean, "mean"), (deviation, "deviation")):
        if not is_number(value):
            return f"the {name} should be one number in stars, and you have {value!r}."
    n, alpha, lam = 6, 2, 4
    precision = n * alpha + lam
    means = [
        (n * alpha / precision, None),
        (1, "that is the mean of the ratings. The prior pulls it towards 0."),
        (n / (n + lam), "each rating counts with its precision: α is missing."),
        (n / precision, "the ratings pull with α times their sum; here α is missing above the line."),
        (alpha / (alpha + lam), "there are six ratings, not one."),
        (lam / precision, "that is the weight of the prior. The ratings have the rest."),
        (0, "the ratings have a say, too."),
    ]
    deviations = [
        (precision**-0.5, None),
        (1 / precision, "that is the variance. The deviation is its root."),
        (precision, "that is the precision. The deviation is one over its root."),
        (precision**0.5, "that is the root of the precision. Divide 1 by it."),
        ((n * alpha) ** -0.5, "the precision of the prior is missing: precisions add up."),
        ((n + lam) ** -0.5, "each rating adds α to the precision, not 1."),
        ((alpha + lam) ** -0.5, "there are six ratings, not one: each adds α to the precision."),
        (alpha**-0.5, "that is the scatter of one rating. Six of them, and the prior, say more."),
        (lam**-0.5, "that is the deviation of the prior, before the ratings."),
    ]
    for value, known, name in ((mean, means, "mean"), (deviation, deviations, "deviation")):
        fallback = "precision = n α + λ; mean = α · (sum of the ratings) / precision; deviation = 1 / root of it."
        hint = hint_for(value, known, SAME, fallback)
        if hint:
            return f"the {name}: {hint}"
    return None


@check("12.2", praise="Without ratings it gives back the prior, and with many it forgets it.")
def check_2(posterior: Answer) -> str | None:
    """A function (X, y, alpha, Lambda) -> mean ``(1 + K,)``, covariance ``(1 + K, 1 + K)``."""
    if not callable(posterior):
        return "pass the function itself: check_2(my_posterior), without calling it."
    rng = np.random.default_rng(12)
    X = np.column_stack([np.ones(6), rng.normal(size=(6, 3))])
    y, alpha, Lambda = rng.normal(size=6), 1.7, np.array([5.0, 2.0, 9.0, 3.0])
    for rows in (6, 0):  # somebody with ratings, and somebody without
        given = [one.copy() for one in (X[:rows], y[:rows], Lambda)]
        answer = posterior(given[0], given[1], alpha, given[2])
        if not all(np.array_equal(a, b) for a, b in zip(given, (X[:rows], y[:rows], Lambda), strict=True)):
            return "it changes one of its arguments. Work on a copy."
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            return "return two things: the mean, and the covariance."
        mean, covariance = (np.asarray(one, dtype="float64") for one in answer)
        if mean.shape != (4,) or covariance.shape != (4, 4):
            return (
                f"with 1 + K = 4 the shapes should be (4,) and (4, 4), and you return {mean.shape} and "
                f"{covariance.shape}."
            )
        if hint := _posterior_hint(mean, covariance, X[:rows], y[:rows], alpha, Lambda):
            return hint + ("" if rows else " (This is for somebody who has rated nothing.)")
    return None


def _posterior_hint(
    mean: np.ndarray, covariance: np.ndarray, X: np.ndarray, y: np.ndarray, alpha: float, Lambda: np.ndarray
) -> str | None:
    gram, prior = X.T @ X, np.diag(Lambda)
    A = alpha * gram + prior
    right = np.linalg.inv(A)
    if not np.allclose(covariance, right, atol=1e-8):
        mistakes = [
            (A, "that is the precision A. The covariance is its inverse."),
            (np.diag(np.diag(right)), "the entries of a row depend on each other: return all of A⁻¹."),
            (np.diag(1 / np.diag(A)), "invert the matrix A, not its entries."),
            (np.linalg.inv(gram + prior), "the precision of the ratings is missing: A = α XᵀX + Λ."),
            (np.linalg.inv(alpha * (gram + prior)), "α belongs to the ratings alone: A = α XᵀX + Λ."),
            (np.linalg.inv(gram / alpha + prior), "multiply XᵀX by the precision α; you divide by it."),
            (np.linalg.inv(alpha * gram + np.diag(1 / Lambda)), "Λ holds precisions: put them on the diagonal as is."),
            (np.linalg.inv(alpha * gram + np.eye(len(A)) * Lambda.mean()), "each entry has its own precision in Λ."),
        ]
        fallback = "the covariance is not right yet: it is A⁻¹ with A = α XᵀX + Λ, and Λ on the diagonal."
        return hint_for(covariance, mistakes, 1e-8, fallback)
    if not np.allclose(mean, right @ (alpha * X.T @ y), atol=1e-8):
        mistakes = [
            (right @ X.T @ y, "the covariance is right. In the mean α is missing: A m = α Xᵀy."),
            (alpha * X.T @ y, "the covariance is right. The mean solves A m = α Xᵀy; you return α Xᵀy."),
            (A @ (alpha * X.T @ y), "the covariance is right. The mean is A⁻¹ α Xᵀy; you multiply by A."),
        ]
        fallback = "the covariance is right. The mean is not yet: it solves A m = α Xᵀy."
        return hint_for(mean, mistakes, 1e-8, fallback)
    return None


@check("12.3", praise="It holds a little more than it claims: these intervals are slightly too wide, not too narrow.")
def check_3(coverage: Answer, held_out: Answer, share: Answer) -> str | None:
    """A function (actual, stars, deviation, share) -> observed share; (actual, stars, deviation); the share at 0.8."""
    if not callable(coverage):
        return "pass the function itself first: check_3(my_coverage, (valid.rating, stars, deviation), my_share)."
    rng = np.random.default_rng(5)
    stars, deviation = rng.normal(3.5, 0.5, 4000), rng.uniform(0.4, 1.4, 4000)
    actual = rng.normal(stars, deviation * 1.2)
    for level in (0.5, 0.9):
        if hint := _coverage_hint(coverage(actual, stars, deviation, level), actual, stars, deviation, level):
            return hint
    if not is_number(share):
        return f"your function is right. my_share should be one number, and you have {share!r}."
    actual, stars, deviation = (np.asarray(one, dtype="float64") for one in held_out)
    right = _covered(actual, stars, deviation, 0.8)
    if abs(share - right) <= SAME:
        return None
    if abs(share - 0.8) <= SAME:
        return "your function is right. my_share is what it finds on the held-out ratings, not what is claimed."
    if abs(share - 100 * right) <= 100 * SAME:
        return "your function is right. Give my_share as a number between 0 and 1, not in per cent."
    return f"your function is right, but at 0.8 the share is {right:.3f} and you have {share:.3f}. Call it at 0.8."


def _coverage_hint(
    answer: Answer, actual: np.ndarray, stars: np.ndarray, deviation: np.ndarray, level: float
) -> str | None:
    if not is_number(answer):
        return f"return one number, the share of ratings inside; it returns {type(answer).__name__}."
    right = _covered(actual, stars, deviation, level)
    if abs(answer - right) < 1e-9:
        return None
    away, half, one_sided = np.abs(actual - stars), norm.ppf((1 + level) / 2), norm.ppf(level)
    mistakes = [
        (1 - right, "that is the share outside. Count those inside."),
        (100 * right, "return a number between 0 and 1, not per cent."),
        (right * len(actual), "that is the number of ratings inside. Divide it by all."),
        (
            np.mean(away <= one_sided * deviation),
            "what is left out lies on both sides: take norm.ppf((1 + share) / 2).",
        ),
        (np.mean(away <= norm.ppf(1 - (1 - level) / 4) * deviation), "you halve what is left out twice."),
        (np.mean(away <= half * deviation**2), "the width goes with the deviation, not with its square."),
        (np.mean(away <= half * deviation**0.5), "the deviation is a root already."),
        (np.mean(away <= half * deviation.mean()), "each prediction has its own deviation; you take their mean."),
        (np.mean(away <= half), "the interval is so many *deviations* wide: multiply by deviation."),
        (np.mean(away <= half / 2 * deviation), "the interval reaches that far on *each* side. You halve it."),
        (np.mean(away <= level * deviation), "share is a probability. How many deviations hold it? Ask norm.ppf."),
        (np.mean(actual - stars <= half * deviation), "a rating can miss on both sides: take the absolute value."),
        (level, "that is what is claimed. Count what happens."),
    ]
    fallback = (
        f"for intervals that claim {level:g} it gives {answer:.3f}, and {right:.3f} lie inside. A rating lies inside "
        "when |actual − stars| is at most norm.ppf((1 + share) / 2) deviations."
    )
    return hint_for(answer, mistakes, 1e-9, fallback)


def _covered(actual: np.ndarray, stars: np.ndarray, deviation: np.ndarray, share: float) -> float:
    return float(np.mean(np.abs(actual - stars) <= norm.ppf((1 + share) / 2) * deviation))
