"""Checks for chapter 9, *The whole matrix at once*."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from collabkit.blocks import Blocks
from collabkit.exercises import Answer, check, hint_for, is_number
from collabkit.metrics import rmse
from collabkit.movielens import load_movielens
from collabkit.ratings import Ratings
from collabkit.splits import random_split

N_FACTORS, N_SWEEPS = 8, 6
GOOD = 0.16  # a weighted λ at the bottom of the valley
SAME = 0.003  # stars: wider than machines differ
WORSE = 0.004  # stars above the score at GOOD: narrower than half and twice the best λ differ from it


@check(
    "9.1",
    praise="With λ = 0 it would be 1 and 1/2, which fits both ratings exactly: the penalty took its share of both.",
)
def check_1(row: Answer) -> str | None:
    """Films [1, 2] and [1, 0], left-overs 2 and 1, λ = 1: the row [bias, factor]."""
    answer = _array(row)
    if answer is None or answer.size != 2:
        return "give two numbers, the bias and the factor: [b, p]."
    answer = answer.ravel()
    mistakes: list[tuple[list[float], str]] = [
        ([1, 0.5], "that fits both ratings exactly: λ is missing. Add it to the diagonal of the matrix."),
        ([7 / 6, 1 / 3], "the bias pays λ too: it belongs on both entries of the diagonal."),
        ([0.5, 0.75], "the factor pays λ too: it belongs on both entries of the diagonal."),
        ([0.5, 0.5], "λ I is 0 off the diagonal: only the entries 2 and 4 grow, not the 2s beside them."),
        ([6 / 11, 7 / 11], "you have them the other way round: the bias first."),
        ([7, 6], "divide both by the determinant, 3 · 5 - 2 · 2."),
        ([23 / 11, 18 / 11], "check the signs: b = (5 · 3 - 2 · 4) / 11."),
        ([3 / 3, 4 / 5], "the equations are not separate: 3 b + 2 p = 3 and 2 b + 5 p = 4."),
        ([3, 4], "that is the right-hand side. Now solve the two equations."),
        ([0, 1.2], "that is what the model would be without a bias: the first entry of each x is 1."),
        ([0.8, 0.6], "off the diagonal is the sum of 1 · q over both films, which is 2 + 0."),
    ]
    if np.allclose(answer, [7 / 11, 6 / 11], atol=2e-3):
        return None
    fallback = (
        "each film is x = [1, q]. Add up x xᵀ over both films and put λ on the diagonal: [[3, 2], [2, 5]]. "
        "On the right is the sum of x · y."
    )
    return hint_for(answer, mistakes, 2e-3, fallback)


@check(
    "9.2", praise="One small system of equations, and a new user is in the model. A user without ratings gets zeros."
)
def check_2(update: Answer) -> str | None:
    """A function (Q (m, 1 + K), y (m,), penalty) -> [bias, factors] (1 + K,)."""
    if not callable(update):
        return "pass the function itself: check_2(my_user_update), without calling it."
    rng = np.random.default_rng(0)
    for m, n_factors, penalty in [(12, 3, 5.0), (3, 4, 0.5), (1, 2, 2.0)]:
        Q, y = rng.normal(size=(m, 1 + n_factors)), rng.normal(size=m)
        given = Q.copy(), y.copy()
        answer = update(Q, y, penalty)
        if not (np.array_equal(Q, given[0]) and np.array_equal(y, given[1])):
            return "it changes its arguments. Make a new array rather than writing into Q or y."
        if hint := _update_hint(answer, Q, y, penalty):
            return hint
    answer = _array(update(np.empty((0, 4)), np.empty(0), 2.0))
    if answer is None or answer.shape != (4,) or not np.allclose(answer, 0):
        return "a user who has rated nothing, Q of shape (0, 1 + K), should get 1 + K zeros."
    return None


def _update_hint(answer: Answer, Q: np.ndarray, y: np.ndarray, penalty: float) -> str | None:
    """What is wrong with one user's row, if anything."""
    m, width = Q.shape
    row = _array(answer)
    if row is None:
        return f"return one array of numbers, [bias, factors], not {type(answer).__name__}."
    if row.shape == (width - 1,):
        return "you return K numbers. The bias is missing: put a column of ones in front of the factors."
    if row.shape == (m,) != (width,):
        return f"you return {m} numbers, one a film. Those are predictions; return the row w, 1 + K numbers."
    if row.shape != (width,):
        return f"with K = {width - 1} the row has shape ({width},), not {row.shape}."
    X, eye = np.column_stack([np.ones(m), Q[:, 1:]]), np.eye(width)
    left = y - Q[:, 0]

    def ridge(X: np.ndarray = X, left: np.ndarray = left, pay: np.ndarray = penalty * eye) -> np.ndarray:
        matrix = X.T @ X + pay
        return np.linalg.solve(matrix, X.T @ left) if np.linalg.cond(matrix) < 1e12 else np.full(width, np.nan)

    right = ridge()
    if np.allclose(row, right, atol=1e-5):
        return None
    only_factors, only_bias = (
        penalty * np.diag([0.0, *[1.0] * (width - 1)]),
        penalty * np.diag([1.0] + [0.0] * (width - 1)),
    )
    mistakes = [
        (ridge(left=y), "the films' biases are still in y. What is left for the user is y - Q[:, 0]."),
        (ridge(left=y + Q[:, 0]), "subtract the films' biases from y; you add them."),
        (ridge(X=Q, left=left), "the first column of X is 1, for the user's bias. You left the films' biases there."),
        (ridge(X=Q, left=y), "the first column of Q holds the films' biases: subtract it from y, and put ones there."),
        (ridge(pay=0 * eye), "the penalty is missing: add penalty · I to XᵀX."),
        (ridge(pay=only_factors), "here the bias pays the penalty too: the first entry of the diagonal as well."),
        (ridge(pay=only_bias), "the factors pay the penalty too: all entries of the diagonal."),
        (ridge(pay=m * penalty * eye), "the penalty is not multiplied by the number of ratings here."),
        (ridge(pay=penalty / m * eye), "the errors are summed, not averaged: use XᵀX as it is."),
        (ridge(pay=penalty**2 * eye), "the penalty goes on the diagonal as it is, not squared."),
        (ridge(pay=penalty**0.5 * eye), "the penalty goes on the diagonal as it is, without a root."),
        (ridge(pay=penalty / 2 * eye), "set the gradient to 0 again: both twos cancel, and the penalty stays whole."),
        (
            ridge(pay=2 * penalty * eye),
            "set the gradient to 0 again: both twos cancel, and the penalty stays as it is.",
        ),
        (ridge(pay=-penalty * eye), "add the penalty to the diagonal; you subtract it."),
        (ridge(pay=np.full((width, width), penalty)), "penalty · I is 0 off the diagonal: use np.eye."),
        (np.roll(right, -1), "the bias comes first."),
        (-right, "the sign is wrong: solve (XᵀX + λI) w = Xᵀy."),
        (X.T @ left, "that is the right-hand side. Solve the equations with it."),
        (X.T @ left / (np.diag(X.T @ X) + penalty), "that solves each equation alone. Solve them together."),
    ]
    fallback = (
        f"for {m} ratings and K = {width - 1} it is not right yet. X is a column of ones beside the films' factors, "
        "what is left is y - Q[:, 0], and (XᵀX + λI) w = Xᵀ(what is left)."
    )
    return hint_for(row, mistakes, 1e-5, fallback)


@check(
    "9.3",
    praise="λ is now a share of each row's ratings, so it is small. On these ratings it does not beat the plain "
    "penalty, which holds rows with few ratings back harder.",
)
def check_3(solve: Answer, scores: Answer) -> str | None:
    """The weighted half-step, and held-out RMSE by λ."""
    if not callable(solve):
        return "pass the function itself first: check_3(my_weighted_solve, my_scores)."
    if hint := _solve_hint(solve):
        return hint
    if not isinstance(scores, dict) or len(scores) < 3:
        return "your solve is right. Now the scores: a dictionary of three values of λ or more, {0.1: ..., 0.3: ...}"
    numbers = {lam: value.item() if hasattr(value, "item") else value for lam, value in scores.items()}
    for lam, value in numbers.items():
        if not is_number(lam) or lam <= 0:
            return f"a key should be a λ above 0, and you have {lam!r}."
        if not is_number(value):
            return f"the score of λ = {lam:g} is {value!r}: give one number, its held-out RMSE in stars."
    best = min(numbers, key=numbers.__getitem__)
    if hint := _measure_hint(float(best), numbers[best]):
        return hint
    if best == min(numbers):
        return f"your best λ, {best:g}, is the smallest that you tried. Try a smaller one too."
    if best == max(numbers):
        return f"your best λ, {best:g}, is the largest that you tried. Try a larger one too."
    if _fit(float(best))[1] > _fit(GOOD)[1] + WORSE:
        return f"your scores are right, but there is a better λ than {best:g} between its neighbours. Try some there."
    return None


def _solve_hint(solve: Answer) -> str | None:
    """What is wrong with a weighted half-step, if anything."""
    generator = torch.Generator().manual_seed(0)
    n, width, penalty = 7, 4, 0.3
    R = (torch.rand(n, n, generator=generator) < 0.55).float()
    R[0] = 1  # one row has all, one has none
    R[3] = 0
    Y = R * torch.randn(n, n, generator=generator)
    fixed = torch.randn(n, width, generator=generator)
    given = [tensor.clone() for tensor in (Y, R, fixed)]
    try:
        answer = solve(Y, R, fixed, penalty)
    except RuntimeError as error:
        if "singular" in str(error) or "positive-definite" in str(error):
            return "a row without ratings makes its matrix singular: there n is 0, and so is λ · n. Use at least 1."
        raise
    if not all(map(torch.equal, (Y, R, fixed), given)):
        return "it changes its arguments. Write A = A + …, which makes a new tensor, rather than A += … on an argument."
    if not isinstance(answer, Tensor) or answer.shape != (n, width):
        form = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
        return f"return a table with a row for each row of Y, here of shape ({n}, {width}), not {form}."
    X = torch.cat([torch.ones(n, 1), fixed[:, 1:]], dim=1)
    A = torch.einsum("ui,ik,il->ukl", R, X, X)
    c = (R * (Y - fixed[:, 0])) @ X

    def ridge(pay: Tensor) -> Tensor:
        return torch.linalg.solve(A + pay.clamp(min=1e-6)[:, None, None] * torch.eye(width), c)

    count = R.sum(dim=1)
    rows = count > 0

    def same(wrong: Tensor) -> bool:
        return torch.allclose(answer[rows], wrong[rows], atol=1e-3)

    if same(ridge(penalty * count)):
        if not torch.allclose(answer[~rows], torch.zeros(width), atol=1e-5):  # NaN fails too
            return "a row without ratings should come out as zeros: there n is 0, and so is λ · n. Use at least 1."
        return None
    mistakes = [
        (torch.full((n,), penalty), "that is the plain penalty. Multiply it by each row's number of ratings."),
        (penalty * R.sum(dim=0), "you counted the ratings of the columns. Each *row* pays for its own: R.sum(dim=1)."),
        (penalty * count.sqrt(), "the number of ratings itself counts, not its root."),
        (penalty / count.clamp(min=1), "λ is multiplied by the number of ratings; you divide by it."),
        (penalty * count.mean().expand(n), "you used the mean number of ratings for all. Each row has its own."),
        (penalty * count.sum().expand(n), "you used the number of all ratings. Each row has its own."),
        (penalty * count**2, "the number of ratings counts once, not squared."),
        (penalty + count, "λ *times* the number of ratings, not plus."),
    ]
    fallback = "not right yet. Only the penalty differs from `solve`: row u has λ · n_u on its diagonal."
    return next((hint for pay, hint in mistakes if same(ridge(pay))), fallback)


def _measure_hint(lam: float, score: float) -> str | None:
    """Solve again with this λ; what is wrong with its score, if anything."""
    train_error, expected = _fit(lam)
    if abs(score - expected) <= SAME:
        return None
    mistakes = [
        (expected**2, "that is the mean *squared* error. Take its root."),
        (train_error, "that is the error on the training ratings. Take the held-out ones."),
        (_fit(lam, weighted=False)[1], "that is the score of the plain penalty. Pass your own solve to the sweeps."),
    ]
    for value, hint in mistakes:
        if abs(score - value) <= SAME:
            return f"λ = {lam:g}: {score:.3f}? {hint}"
    return (
        f"λ = {lam:g} ends at {expected:.3f} stars after {N_SWEEPS} sweeps from start(0), and you have {score:.3f}. "
        "For each λ: begin with P, Q = start(0); in each sweep solve the users, then the films with Y.T and R.T; "
        "predict mu + both biases + the dot product for the held-out pairs."
    )


@cache
def _fit(penalty: float, weighted: bool = True) -> tuple[float, float]:
    """Training and held-out RMSE of six sweeps with this λ, from the start of seed 0."""
    split = random_split(load_movielens(), seed=0)
    train = split.train
    mu = float(train.rating.mean(dtype="float64"))
    user, item = torch.from_numpy(train.user).long(), torch.from_numpy(train.item).long()
    y = torch.from_numpy(train.rating) - mu
    P, Q = torch.zeros(train.n_users, 1 + N_FACTORS), torch.zeros(train.n_items, 1 + N_FACTORS)
    Q[:, 1:].normal_(0, 0.1, generator=torch.Generator().manual_seed(0))
    users, films = Blocks(train.user, train.item, train.n_items), Blocks(train.item, train.user, train.n_users)

    def half(side: Blocks, count: Tensor, fixed: Tensor, left: Tensor) -> Tensor:
        design = torch.cat([torch.ones(len(fixed), 1), fixed[:, 1:]], dim=1)
        solved = torch.zeros(len(count), fixed.shape[1])
        for owner, A, c in side.normal_equations(design, left):
            pay = penalty * (count[owner] if weighted else torch.ones(len(owner)))
            solved[owner] = torch.linalg.solve(A + pay[:, None, None] * torch.eye(fixed.shape[1]), c)
        return solved

    for _ in range(N_SWEEPS):
        P = half(users, torch.bincount(user, minlength=train.n_users), Q, y - Q[item, 0])
        Q = half(films, torch.bincount(item, minlength=train.n_items), P, y - P[user, 0])

    def error(part: Ratings) -> float:
        p, q = P[torch.from_numpy(part.user).long()], Q[torch.from_numpy(part.item).long()]
        return rmse(part.rating, mu + p[:, 0] + q[:, 0] + (p[:, 1:] * q[:, 1:]).sum(dim=1))

    return error(train), error(split.valid)


def _array(answer: Answer) -> np.ndarray | None:
    """An answer as numbers, or None."""
    try:
        return np.asarray(answer.detach() if isinstance(answer, Tensor) else answer, dtype="float64")
    except (TypeError, ValueError):
        return None
