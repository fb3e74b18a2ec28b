"""Checks for chapter 2, *The dot product, from scratch*."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from collabkit.exercises import Answer, check, is_number, mistaken_error, one_number
from collabkit.models import DotProduct
from collabkit.movielens import load_movielens
from collabkit.recipe import RECIPE
from collabkit.splits import random_split
from collabkit.training.fit import fit_recipe

FACTORS = (5, 20, 50, 100)
TOLERANCE = 0.03  # stars: wider than seeds and machines differ, narrower than these numbers of factors do


@check("2.1", praise="The middle factor speaks against the film, the other two outvote it.")
def check_1(prediction: Answer) -> str | None:
    """The dot product of (1.2, -0.5, 0.8) and (2, 1, 1.5)."""
    if np.shape(prediction) in [(3,), (1, 3), (3, 1)]:
        return "those are three numbers. Add the three products up, to one prediction."
    prediction = one_number(prediction)
    if prediction is None:
        return "give one number, in stars."
    p, q = np.array([1.2, -0.5, 0.8]), np.array([2.0, 1.0, 1.5])
    mistakes = [
        (np.abs(p) @ q, "mind the sign of the middle product: −0.5 times 1 is negative."),
        (p.sum() * q.sum(), "multiply factor by factor first, and add up after that; not the other way round."),
        ((p + q).sum(), "that adds everything. Multiply the first factor by the first, the second by the second, …"),
        (p @ q / 3, "that is the mean of the products. A dot product is their sum."),
        (p @ q / np.linalg.norm(p) / np.linalg.norm(q), "that is the cosine. Leave out the division by the lengths."),
    ]
    if np.isclose(prediction, p @ q, atol=1e-6):
        return None
    for value, hint in mistakes:
        if np.isclose(prediction, value, atol=1e-3):
            return hint
    if abs(prediction - p @ q) < 0.15:
        return "close. Do not round: the answer has one decimal."
    return "three products, one for each factor, and their sum. The first product is 1.2 · 2 = 2.4."


@check("2.2", praise="It agrees with autograd. The mean only enters through the error.")
def check_2(function: Answer) -> str | None:
    """A function ``(p, q, r, mu, lr) -> (new p, new q)``."""
    if not callable(function):
        return "pass the function itself: check_2(my_step), without calling it."
    rng = np.random.default_rng(22)
    for n_factors, r in [(2, 5.0), (3, 0.5), (50, 4.0)]:
        p, q = rng.normal(0, 0.7, (2, n_factors))  # (K,), (K,)
        mu, lr = 3.4, 0.03
        arguments = p.copy(), q.copy()
        answer = function(*arguments, r, mu, lr)
        if not isinstance(answer, (tuple, list)) or len(answer) != 2:
            return "return two things, the new p and the new q: return new_p, new_q"
        if answer[0] is None or answer[1] is None:
            return "one of the two that you return is None."
        new_p, new_q = (np.asarray(part, dtype="float64") for part in answer)
        if new_p.shape != p.shape or new_q.shape != q.shape:
            return (
                f"for K = {n_factors} you return shapes {new_p.shape} and {new_q.shape}; both should be ({n_factors},)."
            )
        if hint := _step_hint(new_p, new_q, p, q, r, mu, lr):
            return hint
        if not (np.array_equal(arguments[0], p) and np.array_equal(arguments[1], q)):
            return "the step is right, but it changes the arrays that were passed in. Return new ones instead."
    return None


def _step_hint(
    new_p: np.ndarray, new_q: np.ndarray, p: np.ndarray, q: np.ndarray, r: float, mu: float, lr: float
) -> str | None:
    """What is wrong with one step, if anything."""
    down_p, down_q = _autograd_step(p, q, r, mu, lr)
    if np.allclose(new_p, down_p) and np.allclose(new_q, down_q):
        return None
    error = mu + p @ q - r

    def step(
        error_p: float, error_q: float, q_used: np.ndarray = q, p_used: np.ndarray = p
    ) -> tuple[np.ndarray, np.ndarray]:
        return p - lr * error_p * q_used, q - lr * error_q * p_used

    other_error = mu + down_p @ q - r
    mistakes = [
        (step(-2 * error, -2 * error), "that walks up the hill: the loss grows. Subtract the gradient."),
        (step(error, error), "the derivative of error² is 2 · error · …; the 2 is missing."),
        (step(-error, -error), "the loss grows: subtract the gradient. And the 2 of the derivative is missing."),
        (step(2 * (p @ q - r), 2 * (p @ q - r)), "the error lacks the mean: the model predicts mu + p @ q."),
        (
            step(2 * error, 2 * error, p, q),
            "the factors are swapped: the gradient for p holds q, and that for q holds p.",
        ),
        (step(2, 2), "the gradient has the error in it too: 2 · error · q."),
        (step(2 * error / lr, 2 * error / lr), "the step is too long by far: multiply the gradient by lr."),
        ((2 * error * q, 2 * error * p), "those are the gradients. Take a step: p - lr · gradient."),
        ((p, q), "nothing has moved: both come back as they were."),
        ((down_p, q - lr * 2 * error * down_p), "q's step uses the new p. Work out both steps before either moves."),
        (
            (down_p, q - lr * 2 * other_error * down_p),
            "q's step uses the new p. Work out both steps before either moves.",
        ),
        ((p - lr * 2 * error * down_q, down_q), "p's step uses the new q. Work out both steps before either moves."),
        ((down_q, down_p), "you return them in the wrong order: first the new p, then the new q."),
    ]
    for (wrong_p, wrong_q), hint in mistakes:
        if np.allclose(new_p, wrong_p) and np.allclose(new_q, wrong_q):
            return hint
    if np.allclose(new_p, down_p):
        return "the new p is right, the new q is not."
    if np.allclose(new_q, down_q):
        return "the new q is right, the new p is not."
    return "start with error = mu + p @ q - r. The gradient for p is then 2 · error · q; subtract lr times that."


def _autograd_step(p: np.ndarray, q: np.ndarray, r: float, mu: float, lr: float) -> tuple[np.ndarray, np.ndarray]:
    """The same step from PyTorch's own gradient."""
    tensors = [torch.tensor(part, requires_grad=True) for part in (p, q)]
    gradients = torch.autograd.grad((mu + tensors[0] @ tensors[1] - r) ** 2, tensors)
    new_p, new_q = (tensor.detach() - lr * gradient for tensor, gradient in zip(tensors, gradients, strict=True))
    return new_p.cpu().numpy(), new_q.cpu().numpy()


@check(
    "2.3",
    praise="Is a model with 5 factors too small? Look at its training loss, then train it for 20 epochs: it was mostly "
    "too slow. With few factors, each has to grow further before a dot product reaches three stars.",
)
def check_3(scores: Answer, best: Answer) -> str | None:
    """Validation RMSE by number of factors, and the best number."""
    if not isinstance(scores, dict) or set(scores) != set(FACTORS):
        return "the scores are a dictionary with the keys 5, 20, 50 and 100: {5: ..., 20: ..., 50: ..., 100: ...}"
    numbers = {key: value.item() if hasattr(value, "item") else value for key, value in scores.items()}
    for key, value in numbers.items():
        if value is None:
            return f"the score of {key} factors is still None."
        if not is_number(value):
            return f"the score of {key} factors is {value!r}: give one number, its validation RMSE in stars."
    lowest = min(numbers, key=numbers.__getitem__)
    if best in numbers and best == max(numbers, key=numbers.__getitem__):
        return f"{best} has the largest error of the four. The best has the smallest."
    if best != lowest:
        return f"by your own scores, {lowest} factors have the smallest validation error, and you name {best!r}."
    if hint := _measure_hint(numbers, lowest):
        return hint
    if not 0.08 < numbers[5] - numbers[lowest] < 0.3 or numbers[5] < max(numbers.values()):
        return (
            f"the score of {lowest} factors is right, but the others do not fit to it: 5 factors should be clearly the "
            "worst. Is each model a fresh one, with all five epochs?"
        )
    return None


def _measure_hint(scores: dict[int, float], n_factors: int) -> str | None:
    """Train this number of factors again; what is wrong with its score, if anything."""
    train_mse, valid_mse = _train(n_factors)
    score, expected = scores[n_factors], valid_mse**0.5
    if abs(score - expected) <= TOLERANCE:
        return None
    if hint := mistaken_error(score, train_mse, valid_mse, TOLERANCE):
        return f"{n_factors} factors: {score:.3f}? {hint}"
    return (
        f"{n_factors} factors trained by the recipe end at {expected:.3f} stars, and you have {score:.3f}. "
        "For each number: a new DotProduct, rating_learner(collab_dataloaders(split), model, wd=0), and then "
        "fit_one_cycle(RECIPE.epochs)."
    )


@cache
def _train(n_factors: int) -> tuple[float, float]:
    """Training and validation MSE of one fit of the course recipe without decay."""
    recipe = RECIPE._replace(wd=0.0, n_factors=n_factors)
    learn = fit_recipe(random_split(load_movielens(), seed=0), DotProduct, recipe, seed=1)
    return tuple(learn.recorder.values[-1][:2])
