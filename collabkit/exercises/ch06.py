"""Checks for chapter 6, *Weight decay*."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from collabkit.exercises import Answer, check, hint_for, is_number, mistaken_error, one_number
from collabkit.models import DotProductBias
from collabkit.movielens import load_movielens
from collabkit.recipe import QUICK
from collabkit.splits import random_split
from collabkit.training.fit import fit_recipe

N_FACTORS = 20
GOOD = 0.8  # a decay at the bottom of the valley of 20 factors
SAME = 0.005  # stars: wider than seeds and machines differ
WORSE = 0.0035  # stars above the score at GOOD: narrower than half and twice the best decays differ from too far


@check("6.1", praise="The decay took 0.2 off, Adam another 0.12.")
def check_1(weight: Answer) -> str | None:
    """Weight 2, direction 0.6, learning rate 0.2, decay 0.5: one step of AdamW."""
    answer = one_number(weight)
    if answer is None:
        return "give one number."
    w, direction, lr, wd = 2, 0.6, 0.2, 0.5
    mistakes = [
        (
            (1 - lr * wd) * (w - lr * direction),
            "you shrank the weight after the step. Shrink the old weight, then step.",
        ),
        (w - lr * direction, "that is Adam's step without any decay."),
        ((1 - lr * wd) * w, "that is the decay alone. Adam's step is still to come."),
        ((1 - wd) * w - lr * direction, "the weight loses the share lr · λ, not all of λ."),
        ((1 - lr) * w - lr * direction, "the weight loses the share lr · λ: not all of lr, and not twice lr · λ."),
        ((1 + lr * wd) * w - lr * direction, "decay makes the weight smaller: 1 - lr · λ."),
        ((1 - lr * wd) * w + lr * direction, "Adam steps against the gradient: subtract lr times the direction."),
        ((1 - lr * wd) * w - direction, "multiply the direction by the learning rate."),
        (w - lr * wd - lr * direction, "the decay takes off a share *of the weight*: lr · λ · w."),
        (lr * (direction + wd * w), "that is how far the weight moves. Where does it end?"),
    ]
    if math.isclose(answer, (1 - lr * wd) * w - lr * direction, abs_tol=1e-4):
        return None
    fallback = "first shrink the weight by the share lr · λ, then subtract lr times the direction."
    return hint_for(answer, mistakes, 1e-4, fallback)


@check("6.2", praise="That is the optimizer behind every fit of this course.")
def check_2(step: Answer) -> str | None:
    """A function (w, g, m, v, t, lr, wd, betas, eps) -> (new w, new m, new v)."""
    if not callable(step):
        return "pass the function itself: check_2(my_adamw_step), without calling it."
    runs: list[tuple[int, dict[str, Any]]] = [(3, {"betas": (0.8, 0.95), "eps": 0.05}), (1, {})]
    for t, options in runs:
        generator = torch.Generator().manual_seed(t)
        w, g, m, v = torch.randn(4, 3, 2, generator=generator, dtype=torch.float64)  # (3, 2) each
        m, v = m * (t > 1), v.abs() * (t > 1)  # before the first step both are 0
        given = [w.clone(), g.clone(), m.clone(), v.clone()]
        answer = step(w, g, m, v, t, 0.1, 0.5, **options)
        if hint := _form_hint(answer, w):
            return hint
        if not all(map(torch.equal, (w, g, m, v), given)):
            return "it changes its arguments. Write m = beta · m + …, which makes a new tensor, rather than m *= …"
        if hint := _step_hint(answer, given, t, 0.1, 0.5, **options):
            return hint
    return None if _follows_torch(step) else "single steps are right, but a run of them leaves PyTorch's AdamW."


def _form_hint(answer: Answer, w: Tensor) -> str | None:
    """What is wrong with the form of an answer, if anything."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 3:
        return "return three things: the new w, the new m and the new v."
    for name, part in zip("wmv", answer, strict=True):
        if part is None:
            return f"the new {name} is still None."
        if not isinstance(part, Tensor) or part.shape != w.shape:
            return f"the new {name} should be a tensor of the same shape as w, {tuple(w.shape)}."
    return None


def _step_hint(
    answer: Answer,
    given: Sequence[Tensor],
    t: int,
    lr: float,
    wd: float,
    betas: tuple[float, float] = (0.9, 0.99),
    eps: float = 1e-5,
) -> str | None:
    """What is wrong with one step from w, g, m and v, if anything."""
    w, g, m, v = given

    def adam(
        g: Tensor = g,
        b1: float = betas[0],
        b2: float = betas[1],
        correct: bool = True,
        inside: bool = False,
        root: bool = True,
        small: float = eps,
    ) -> tuple[Tensor, Tensor, Tensor]:
        new_m, new_v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        mean, square = (new_m / (1 - b1**t), new_v / (1 - b2**t)) if correct else (new_m, new_v)
        if not root:
            return new_m, new_v, mean / (square + small)
        return new_m, new_v, mean / ((square + small).sqrt() if inside else square.sqrt() + small)

    def same(a: Tensor, b: Tensor) -> bool:
        return torch.allclose(a.double(), b, rtol=1e-4, atol=1e-6)

    new_w, new_m, new_v = answer
    right_m, right_v, d = adam()
    right_w = (1 - lr * wd) * w - lr * d
    if same(new_w, right_w) and same(new_m, right_m) and same(new_v, right_v):
        return None
    coupled_m, coupled_v, coupled = adam(g + wd * w)
    if same(new_w, w - lr * coupled) or (same(new_m, coupled_m) and same(new_v, coupled_v)):
        return "that is Adam with an L2 penalty: λ w went into the gradient. Keep it out of m and v."
    if same(new_m, right_v) and same(new_v, right_m):
        return "you return m and v in the wrong order: w, m, v."
    if hint := _means_hint(new_m, new_v, g, m, v, t, betas, right_m, right_v, same):
        return hint
    mistakes = [
        (w - lr * d, "there is no decay in it: w has to lose the share lr · λ as well."),
        ((1 - wd) * w - lr * d, "the decay takes off all of λ. Take off the share lr · λ."),
        ((1 + lr * wd) * w - lr * d, "w grows: the factor is 1 - lr · λ."),
        ((1 - lr * wd) * (w - lr * d), "very nearly: you shrink after the step. Shrink the old w, then step."),
        ((1 - lr * wd) * w + lr * d, "it walks up the hill: subtract lr times the direction."),
        ((1 - lr * wd) * w - d, "the direction is not multiplied by lr."),
        ((1 - lr * wd) * w - lr * adam(correct=False)[2], "the hats are missing: divide by 1 - beta**t first."),
        ((1 - lr * wd) * w - lr * adam(inside=True)[2], "eps belongs outside the root: v_hat.sqrt() + eps."),
        ((1 - lr * wd) * w - lr * adam(root=False)[2], "take the root of v_hat."),
        ((1 - lr * wd) * w - lr * adam(small=0)[2], "divide by v_hat.sqrt() + eps, with the eps that is passed in."),
        ((1 - lr * wd) * w - lr * g, "that step uses the bare gradient. Use m_hat / (v_hat.sqrt() + eps)."),
        (w, "w is returned as it came."),
    ]
    fallback = (
        "m and v are right, the new w is not. Shrink w by 1 - lr · λ, then subtract lr · m_hat / (v_hat.sqrt() + eps)."
    )
    return next((hint for wrong, hint in mistakes if same(new_w, wrong)), fallback)


def _means_hint(
    new_m: Tensor,
    new_v: Tensor,
    g: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    betas: tuple[float, float],
    right_m: Tensor,
    right_v: Tensor,
    same: Callable[[Tensor, Tensor], bool],
) -> str | None:
    """What is wrong with the running means, if anything."""
    b1, b2 = betas
    if same(new_m, right_m) and same(new_v, right_v):
        return None
    if same(new_m, right_m / (1 - b1**t)) or same(new_v, right_v / (1 - b2**t)):
        return "return m and v without their hats: the next step starts from the running means themselves."
    if same(new_m, b2 * m + (1 - b2) * g) or same(new_v, b1 * v + (1 - b1) * g**2):
        return "the betas are swapped: the first is for m, the second for v."
    if same(new_m, 0.9 * m + 0.1 * g) or same(new_v, 0.99 * v + 0.01 * g**2):
        return "use the betas that are passed in."
    if same(new_v, b2 * v + (1 - b2) * g) or same(new_v, b2 * v + (1 - b2) * g.abs()):
        return "v is the running mean of the *squared* gradient."
    if same(new_m, b1 * m + g) or same(new_v, b2 * v + g**2):
        return "a running mean takes beta of the old and 1 - beta of the new."
    if same(new_m, (1 - b1) * m + b1 * g) or same(new_v, (1 - b2) * v + b2 * g**2):
        return "beta goes with the old mean, 1 - beta with the new gradient."
    which = " and ".join(name for name, a, b in [("m", new_m, right_m), ("v", new_v, right_v)] if not same(a, b))
    return f"start with the running means: the new {which} is not right yet."


def _follows_torch(step: Answer) -> bool:
    """Whether seven steps from the start end where PyTorch's AdamW does."""
    generator = torch.Generator().manual_seed(9)
    start, *gradients = torch.randn(8, 4, generator=generator, dtype=torch.float64)
    weight = start.clone().requires_grad_()
    adamw = torch.optim.AdamW([weight], lr=0.05, betas=(0.9, 0.99), eps=1e-5, weight_decay=0.4)
    w, m, v = start.clone(), torch.zeros_like(start), torch.zeros_like(start)
    for t, g in enumerate(gradients, 1):
        weight.grad = g.clone()
        adamw.step()
        w, m, v = step(w, g, m, v, t, 0.05, 0.4)
    return torch.allclose(w, weight.detach(), atol=1e-6)


@check(
    "6.3",
    praise="About half of what 50 factors want: there is less to hold back.",
)
def check_3(scores: Answer) -> str | None:
    """Validation RMSE by decay, for 20 factors."""
    if not isinstance(scores, dict) or len(scores) < 3:
        return "the scores are a dictionary of three decays or more: {0.1: ..., 0.5: ..., 2: ...}"
    numbers = {wd: value.item() if hasattr(value, "item") else value for wd, value in scores.items()}
    for wd, value in numbers.items():
        if not is_number(wd) or wd < 0:
            return f"a key should be a decay, 0 or more, and you have {wd!r}."
        if value is None:
            return f"the score of decay {wd:g} is still None."
        if not is_number(value):
            return f"the score of decay {wd:g} is {value!r}: give one number, its validation RMSE in stars."
    best = min(numbers, key=numbers.__getitem__)
    if hint := _measure_hint(best, numbers[best]):
        return hint
    if best == min(numbers):
        return f"your best decay, {best:g}, is the smallest that you tried. Try a smaller one too."
    if best == max(numbers):
        return f"your best decay, {best:g}, is the largest that you tried. Try a larger one too."
    if _train(best)[1] ** 0.5 > _train(GOOD)[1] ** 0.5 + WORSE:
        return (
            f"your scores are right, but there is a better decay than {best:g} between its neighbours. Try some there."
        )
    return None


def _measure_hint(wd: float, score: float) -> str | None:
    """Train with this decay again; what is wrong with its score, if anything."""
    train_mse, valid_mse = _train(wd)
    expected = valid_mse**0.5
    if abs(score - expected) <= SAME:
        return None
    if hint := mistaken_error(score, train_mse, valid_mse, SAME):
        return f"decay {wd:g}: {score:.3f}? {hint}"
    return (
        f"decay {wd:g} with {N_FACTORS} factors ends at {expected:.3f} stars, and you have {score:.3f}. For each "
        f"decay: a new DotProductBias with {N_FACTORS} factors and y_range=(0, 5.5), "
        "rating_learner(collab_dataloaders(split, bs=QUICK.bs), model, wd=wd), and then "
        "fit_one_cycle(QUICK.epochs, QUICK.lr)."
    )


@cache
def _train(wd: float) -> tuple[float, float]:
    """Training and validation MSE of one fit by the quick recipe with this decay."""
    recipe = QUICK._replace(wd=wd, n_factors=N_FACTORS)
    learn = fit_recipe(random_split(load_movielens(), seed=0), partial(DotProductBias, y_range=(0, 5.5)), recipe)
    return tuple(learn.recorder.values[-1][:2])
