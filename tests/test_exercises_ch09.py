"""Exercises of chapter 9: the checks accept what is right, and tell typical mistakes apart."""

import numpy as np
import pytest
import torch

from collabkit.exercises import ch09

pytestmark = pytest.mark.usefixtures("read_once")


def test_not_tried(said):
    stub = lambda *args: None  # noqa: E731
    for check, answers in [
        (ch09.check_1, [None]),
        (ch09.check_2, [None]),
        (ch09.check_2, [stub]),
        (ch09.check_3, [stub, {}]),
    ]:
        assert "not tried yet" in said(check, *answers)


# ---------------------------------------------------------------- 9.1: two equations


@pytest.mark.parametrize(
    "row", [[7 / 11, 6 / 11], (0.636, 0.545), np.array([[7 / 11], [6 / 11]]), torch.tensor([0.6364, 0.5455])]
)
def test_row(row):
    assert ch09.check_1(row)


@pytest.mark.parametrize(
    "row, hint",
    [
        ([1, 0.5], "λ is missing"),
        ([7 / 6, 1 / 3], "the bias pays λ too"),
        ([0.5, 0.75], "the factor pays λ too"),
        ([0.5, 0.5], "0 off the diagonal"),
        ([6 / 11, 7 / 11], "other way round"),
        ([7, 6], "determinant"),
        ([23 / 11, 18 / 11], "signs"),
        ([1, 0.8], "not separate"),
        ([3, 4], "right-hand side"),
        ([0, 0], "Add up x xᵀ"),
        ([0.6], "two numbers"),
        ("0.6", "two numbers"),
        ("b, p", "two numbers"),
    ],
)
def test_row_hints(row, hint, said):
    assert hint in said(ch09.check_1, row)


# ---------------------------------------------------------------- 9.2: one user's row


def update(Q, y, penalty, film_bias=-1, ones=True, pay=lambda penalty, m, k: penalty * np.eye(k)):
    X = np.column_stack([np.ones(len(Q)), Q[:, 1:]]) if ones else Q
    return np.linalg.solve(X.T @ X + pay(penalty, *X.shape), X.T @ (y + film_bias * Q[:, 0]))


def wrong(**mistake):
    return lambda Q, y, penalty: update(Q, y, penalty, **mistake)


def paid(pay):
    return wrong(pay=pay)


def by_descent(Q, y, penalty):
    w = torch.zeros(Q.shape[1], dtype=torch.float64)
    X = torch.from_numpy(np.column_stack([np.ones(len(Q)), Q[:, 1:]]))
    left = torch.from_numpy(y - Q[:, 0])
    for _ in range(5000):
        w -= 0.01 * (2 * penalty * w - 2 * X.T @ (left - X @ w))
    return w


def by_rows(Q, y, penalty):
    X = np.vstack([np.column_stack([np.ones(len(Q)), Q[:, 1:]]), penalty**0.5 * np.eye(Q.shape[1])])
    return list(np.linalg.lstsq(X, np.concatenate([y - Q[:, 0], np.zeros(Q.shape[1])]), rcond=None)[0])


@pytest.mark.parametrize("function", [update, by_descent, by_rows])
def test_update(function):
    assert ch09.check_2(function)


def writes_into_q(Q, y, penalty):
    bias = Q[:, 0].copy()
    Q[:, 0] = 1
    return np.linalg.solve(Q.T @ Q + penalty * np.eye(Q.shape[1]), Q.T @ (y - bias))


def refuses_nobody(Q, y, penalty):
    if not len(Q):
        return np.full(Q.shape[1], 3.5)
    return update(Q, y, penalty)


@pytest.mark.parametrize(
    "function, hint",
    [
        (wrong(film_bias=0), "still in y"),
        (wrong(film_bias=1), "you add them"),
        (wrong(ones=False), "You left the films' biases there"),
        (wrong(ones=False, film_bias=0), "put ones there"),
        (paid(lambda p, m, k: 0 * np.eye(k)), "penalty is missing"),
        (paid(lambda p, m, k: p * np.diag([0] + [1] * (k - 1))), "the bias pays the penalty too"),
        (paid(lambda p, m, k: p * np.diag([1] + [0] * (k - 1))), "the factors pay"),
        (paid(lambda p, m, k: p * m * np.eye(k)), "not multiplied by the number of ratings"),
        (paid(lambda p, m, k: p / m * np.eye(k)), "summed, not averaged"),
        (paid(lambda p, m, k: p**2 * np.eye(k)), "not squared"),
        (paid(lambda p, m, k: p**0.5 * np.eye(k)), "without a root"),
        (paid(lambda p, m, k: p / 2 * np.eye(k)), "both twos cancel"),
        (paid(lambda p, m, k: 2 * p * np.eye(k)), "both twos cancel"),
        (paid(lambda p, m, k: -p * np.eye(k)), "you subtract it"),
        (paid(lambda p, m, k: p * np.ones((k, k))), "np.eye"),
        (lambda Q, y, p: np.roll(update(Q, y, p), -1), "bias comes first"),
        (lambda Q, y, p: -update(Q, y, p), "sign is wrong"),
        (lambda Q, y, p: update(Q, y, p)[1:], "bias is missing"),
        (lambda Q, y, p: Q @ update(Q, y, p), "Those are predictions"),
        (lambda Q, y, p: update(Q, y, p)[:, None], "has shape (4,), not (4, 1)"),
        (lambda Q, y, p: update(Q, y, p) + 0.1, "not right yet"),
        (lambda Q, y, p: "a row", "not str"),
        (writes_into_q, "changes its arguments"),
        (refuses_nobody, "rated nothing"),
        (np.zeros(4), "pass the function itself"),
        (lambda Q, y: y, "positional argument"),
    ],
)
def test_update_hints(function, hint, said):
    assert hint in said(ch09.check_2, function)


# ---------------------------------------------------------------- 9.3: a weighted penalty


def weighted(Y, R, fixed, penalty, pay=lambda penalty, R: penalty * R.sum(dim=1).clamp(min=1)):
    X = torch.cat([torch.ones(len(fixed), 1), fixed[:, 1:]], dim=1)
    A = torch.einsum("ui,ik,il->ukl", R, X, X) + pay(penalty, R)[:, None, None] * torch.eye(X.shape[1])
    return torch.linalg.solve(A, (R * (Y - fixed[:, 0])) @ X)


def pays(pay):
    return lambda *args: weighted(*args, pay=pay)


def over_zero(Y, R, fixed, penalty):
    return weighted(Y, R, fixed, penalty) / (R.sum(dim=1, keepdim=True) > 0)  # NaN for a row without ratings


def in_place(Y, R, fixed, penalty):
    Y -= R * fixed[:, 0]
    return weighted(Y + R * fixed[:, 0], R, fixed, penalty)


@pytest.fixture(scope="module")
def scores():
    return {lam: ch09._fit(lam)[1] for lam in (0.08, 0.16, 0.32)}


def test_weighted(scores):
    assert ch09.check_3(weighted, scores)
    assert ch09.check_3(weighted, {lam: np.float32(score) for lam, score in scores.items()})


@pytest.mark.parametrize(
    "function, hint",
    [
        (pays(lambda p, R: torch.full((len(R),), p)), "plain penalty"),
        (pays(lambda p, R: p * R.sum(dim=0)), "columns"),
        (pays(lambda p, R: p * R.sum(dim=1).clamp(min=1).sqrt()), "not its root"),
        (pays(lambda p, R: p / R.sum(dim=1).clamp(min=1)), "divide by it"),
        (pays(lambda p, R: p * R.sum(dim=1).mean().expand(len(R))), "mean number"),
        (pays(lambda p, R: p * R.sum().expand(len(R))), "number of all ratings"),
        (pays(lambda p, R: p * R.sum(dim=1).clamp(min=1) ** 2), "not squared"),
        (pays(lambda p, R: p + R.sum(dim=1)), "not plus"),
        (pays(lambda p, R: 3 * p * R.sum(dim=1).clamp(min=1)), "Only the penalty differs"),
        (pays(lambda p, R: p * R.sum(dim=1)), "singular"),
        (over_zero, "should come out as zeros"),
        (in_place, "changes its arguments"),
        (lambda *args: weighted(*args)[:3], "of shape (7, 4), not (3, 4)"),
        (lambda *args: weighted(*args).numpy(), "not ndarray"),
        (lambda Y: Y, "positional argument"),
        (torch.zeros(3), "pass the function itself"),
    ],
)
def test_weighted_hints(function, hint, said, scores):
    assert hint in said(ch09.check_3, function, scores)


@pytest.mark.parametrize(
    "change, hint",
    [
        (lambda s: {}, "Now the scores"),
        (lambda s: list(s.values()), "Now the scores"),
        (lambda s: {"a": 0.9, **s}, "a key should be"),
        (lambda s: {0: 0.9, **s}, "a key should be"),
        (lambda s: {**s, 0.5: None}, "give one number"),
        (lambda s: {lam: score**2 for lam, score in s.items()}, "Take its root"),
        (lambda s: {lam: ch09._fit(lam)[0] for lam in s}, "training ratings"),
        (lambda s: {lam: ch09._fit(lam, weighted=False)[1] for lam in (8.0, 12.0, 20.0)}, "plain penalty"),
        (lambda s: {lam: score - 0.02 for lam, score in s.items()}, "ends at"),
        (lambda s: {lam: ch09._fit(lam)[1] for lam in (0.16, 0.2, 0.32)}, "smallest that you tried"),
        (lambda s: {lam: ch09._fit(lam)[1] for lam in (0.05, 0.08, 0.12)}, "largest that you tried"),
        (lambda s: {lam: ch09._fit(lam)[1] for lam in (0.05, 0.3, 2.0)}, "between its neighbours"),
    ],
)
def test_score_hints(change, hint, said, scores):
    assert hint in said(ch09.check_3, weighted, change(scores))
