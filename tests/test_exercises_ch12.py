"""Exercises of chapter 12: the checks accept what is right, and tell typical mistakes apart."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from collabkit.exercises import ch12

RNG = np.random.default_rng(0)
STARS, DEVIATION = RNG.normal(3.5, 0.5, 500), RNG.uniform(0.5, 1.2, 500)
HELD_OUT = (RNG.normal(STARS, DEVIATION), STARS, DEVIATION)


def test_not_tried(said):
    def stub(*args):
        return None

    for check, answers in [
        (ch12.check_1, [None, None]),
        (ch12.check_1, [0.75, None]),
        (ch12.check_2, [stub]),
        (ch12.check_3, [stub, HELD_OUT, None]),
        (ch12.check_3, [stub, HELD_OUT, 0.8]),
    ]:
        assert "not tried yet" in said(check, *answers)


# ---------------------------------------------------------------- 12.1: a bias


@pytest.mark.parametrize("answer", [(0.75, 0.25), (np.float32(0.75), np.array(0.25)), (3 / 4, 16**-0.5)])
def test_bias(answer):
    assert ch12.check_1(*answer)


@pytest.mark.parametrize(
    ("mean", "deviation", "hint"),
    [
        (1, 0.25, "prior pulls"),
        (0.6, 0.25, "α is missing"),
        (0.375, 0.25, "α is missing above"),
        (1 / 3, 0.25, "six ratings"),
        (0.25, 0.25, "weight of the prior"),
        (0, 0.25, "a say"),
        (0.5, 0.25, "precision = n α + λ"),
        ("0.75", 0.25, "one number"),
        (0.75, 1 / 16, "variance"),
        (0.75, 16, "that is the precision"),
        (0.75, 4, "Divide 1"),
        (0.75, 12**-0.5, "prior is missing"),
        (0.75, 10**-0.5, "adds α"),
        (0.75, 6**-0.5, "six ratings"),
        (0.75, 2**-0.5, "scatter of one"),
        (0.75, 0.5, "before the ratings"),
        (0.75, 0.33, "precision = n α + λ"),
        (0.75, float("nan"), "one number"),
        (0.75, True, "one number"),
    ],
)
def test_bias_hints(mean, deviation, hint, said):
    assert hint in said(ch12.check_1, mean, deviation)


# ---------------------------------------------------------------- 12.2: a row


def posterior(X, y, alpha, Lambda):
    covariance = np.linalg.inv(alpha * X.T @ X + np.diag(Lambda))
    return covariance @ (alpha * X.T @ y), covariance


def by_ridge(X, y, alpha, Lambda):
    A = torch.from_numpy(alpha * X.T @ X + np.diag(Lambda))
    return [torch.linalg.solve(A, torch.from_numpy(alpha * X.T @ y)), torch.cholesky_inverse(torch.linalg.cholesky(A))]


@pytest.mark.parametrize("function", [posterior, by_ridge])
def test_row(function):
    assert ch12.check_2(function)


def with_covariance(change):
    def wrong(X, y, alpha, Lambda):
        return posterior(X, y, alpha, Lambda)[0], change(X, alpha, Lambda)

    return wrong


def with_mean(change):
    def wrong(X, y, alpha, Lambda):
        return change(X, y, alpha, Lambda), posterior(X, y, alpha, Lambda)[1]

    return wrong


def A_of(X, alpha, Lambda):
    return alpha * X.T @ X + np.diag(Lambda)


def spoils(X, y, alpha, Lambda):
    answer = posterior(X, y, alpha, Lambda)
    Lambda *= 2
    return answer


def only_with_ratings(X, y, alpha, Lambda):
    return posterior(X, y, alpha, Lambda) if len(X) else (np.ones(4), np.diag(1 / Lambda))


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (with_covariance(A_of), "precision A"),
        (with_covariance(lambda *a: np.diag(np.diag(np.linalg.inv(A_of(*a))))), "depend on each other"),
        (with_covariance(lambda *a: np.diag(1 / np.diag(A_of(*a)))), "not its entries"),
        (with_covariance(lambda X, a, L: np.linalg.inv(A_of(X, 1, L))), "precision of the ratings is missing"),
        (with_covariance(lambda X, a, L: np.linalg.inv(a * A_of(X, 1, L))), "ratings alone"),
        (with_covariance(lambda X, a, L: np.linalg.inv(A_of(X, 1 / a, L))), "you divide by it"),
        (with_covariance(lambda X, a, L: np.linalg.inv(A_of(X, a, 1 / L))), "holds precisions"),
        (with_covariance(lambda X, a, L: np.linalg.inv(A_of(X, a, 0 * L + L.mean()))), "its own precision"),
        (with_covariance(lambda X, a, L: np.eye(4)), "not right yet"),
        (with_mean(lambda X, y, a, L: np.linalg.inv(A_of(X, a, L)) @ X.T @ y), "α is missing"),
        (with_mean(lambda X, y, a, L: a * X.T @ y), "you return α Xᵀy"),
        (with_mean(lambda X, y, a, L: A_of(X, a, L) @ (a * X.T @ y)), "multiply by A"),
        (with_mean(lambda X, y, a, L: np.ones(4)), "not yet"),
        (with_mean(lambda X, y, a, L: np.ones(3)), "(4,) and (4, 4)"),
        (only_with_ratings, "rated nothing"),
        (lambda *a: posterior(*a)[0], "two things"),
        (spoils, "changes one of its arguments"),
        (3, "the function itself"),
    ],
)
def test_row_hints(function, hint, said):
    assert hint in said(ch12.check_2, function)


# ---------------------------------------------------------------- 12.3: coverage


def coverage(actual, stars, deviation, share):
    return np.mean(np.abs(actual - stars) <= norm.ppf((1 + share) / 2) * deviation)


def by_probability(actual, stars, deviation, share):
    z = torch.from_numpy((np.asarray(actual) - stars) / deviation)
    return float((torch.erf(z.abs() / 2**0.5) <= share).double().mean())


@pytest.mark.parametrize("function", [coverage, by_probability])
def test_coverage(function):
    assert ch12.check_3(function, HELD_OUT, coverage(*HELD_OUT, 0.8))
    assert ch12.check_3(function, HELD_OUT, round(coverage(*HELD_OUT, 0.8), 3))


def width(make):
    return lambda actual, stars, deviation, share: np.mean(np.abs(actual - stars) <= make(deviation, share))


def half(share):
    return norm.ppf((1 + share) / 2)


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda *a: 1 - coverage(*a), "share outside"),
        (lambda *a: 100 * coverage(*a), "per cent"),
        (lambda *a: len(a[0]) * coverage(*a), "Divide it by all"),
        (width(lambda d, s: norm.ppf(s) * d + 1e-12), "both sides"),
        (width(lambda d, s: norm.ppf(1 - (1 - s) / 4) * d), "twice"),
        (width(lambda d, s: half(s) * d**2), "not with its square"),
        (width(lambda d, s: half(s) * d**0.5), "root already"),
        (width(lambda d, s: half(s) * d.mean()), "its own deviation"),
        (width(lambda d, s: half(s)), "multiply by deviation"),
        (width(lambda d, s: half(s) / 2 * d), "each* side"),
        (width(lambda d, s: s * d), "probability"),
        (lambda a, m, d, s: np.mean(a - m <= half(s) * d), "absolute value"),
        (lambda a, m, d, s: s, "what is claimed"),
        (width(lambda d, s: 3 * d), "lie inside"),
        (lambda a, m, d, s: np.abs(a - m) <= half(s) * d, "one number"),
        (0.8, "the function itself"),
    ],
)
def test_coverage_hints(function, hint, said):
    assert hint in said(ch12.check_3, function, HELD_OUT, 0.8)


@pytest.mark.parametrize(
    ("share", "hint"),
    [(0.8, "not what is claimed"), (79.6, "per cent"), (0.5, "Call it at 0.8"), ("0.8", "one number")],
)
def test_share_hints(share, hint, said):
    held_out = (STARS + 0.8 * (HELD_OUT[0] - STARS), STARS, DEVIATION)
    right = coverage(*held_out, 0.8)
    assert abs(right - 0.8) > 2 * ch12.SAME
    answer = 100 * right if share == 79.6 else share
    assert hint in said(ch12.check_3, coverage, held_out, answer)
