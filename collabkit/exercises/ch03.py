"""Checks for chapter 3, *Sigmoid range*."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from collabkit.exercises import Answer, came_back, check, one_number
from collabkit.models import sigmoid_range


@check("3.1", praise="The way back through a sigmoid is called the logit.")
def check_1(score: Answer) -> str | None:
    """The score that gives 4 stars under (0, 5.5)."""
    score = one_number(score)
    if score is None:
        return "give one number."
    if not math.isfinite(score):
        return "that is no finite number. 4 lies well inside the range, so an ordinary score leads there."
    if abs(score - math.log(4 / 1.5)) < 0.005:
        return None
    wrong = [
        (4, "4 is where you want to arrive, in stars. Which score leads there?"),
        (5.5 / (1 + math.exp(-4)), "you sent 4 forwards through the sigmoid. Go backwards: 4 is what comes out."),
        (math.log(4 / 1), "that is the score for the range (0, 5). The end is at 5.5."),
        (4 / 5.5, "that is the share of the range, between 0 and 1. Now undo the sigmoid."),
        (4 / 1.5, "nearly: that is exp(score). Take the logarithm."),
        (math.log10(4 / 1.5), "take the natural logarithm, to the base e: the sigmoid is made of exp."),
        (-math.log(4 / 1.5), "mind the sign: 4 is above the middle of the range, so the score is above 0."),
    ]
    stars = sigmoid_range(torch.tensor(score, dtype=torch.float64), 0, 5.5).item()
    fallback = f"that score gives {stars:.3f} stars, {'too many' if stars > 4 else 'too few'}."
    return next((hint for value, hint in wrong if abs(score - value) < 0.005), fallback)


@check("3.2", praise="Any score, any range, and a slope that is always a number.")
def check_2(function: Answer) -> str | None:
    """A function like ``sigmoid_range`` that does not call PyTorch's sigmoid."""
    if not callable(function):
        return "pass the function itself: check_2(my_sigmoid_range), without calling it."
    for lo, hi in [(0, 5.5), (1, 10), (-2, 0.5)]:
        x = torch.tensor([[-3.0, -0.5, 0.0], [0.25, 2.0, 5.0]], requires_grad=True)  # (2, 3)
        with _Watch() as watch:
            stars = function(x, lo, hi)
        if not isinstance(stars, torch.Tensor):
            return f"it returns a {type(stars).__name__}. Stay with tensors, or PyTorch cannot follow the gradient."
        if stars.shape != x.shape:
            return f"scores of shape {tuple(x.shape)} came back as {tuple(stars.shape)}. Keep the shape."
        if hint := _value_hint(stars.detach(), x.detach(), lo, hi):
            return hint
        if not stars.requires_grad:
            return "no gradient flows through it: is there a NumPy step, .detach(), .item() or torch.tensor(...)?"
        if watch.called:
            return "right, but it calls PyTorch's own sigmoid. Build it from torch.exp or torch.tanh."
        if hint := _edge_hint(function, lo, hi):
            return hint
    return None


def _value_hint(stars: torch.Tensor, x: torch.Tensor, lo: float, hi: float) -> str | None:
    """What is wrong with the stars for ordinary scores, if anything."""
    share = torch.sigmoid(x)
    mistakes = [
        (share, "it still ends between 0 and 1. Stretch that to the width of the range, and shift it by lo."),
        (share * (hi - lo), "right width, wrong place: add lo."),
        (share * hi + lo, "stretch by the width of the range, hi - lo, not by hi."),
        (share * hi, "right for lo = 0 only. Stretch by hi - lo, then add lo."),
        (sigmoid_range(-x, lo, hi), "it falls as the score rises. Check the sign in exp(-x)."),
        ((1 + torch.tanh(x)) / 2 * (hi - lo) + lo, "tanh(x) is too steep: sigmoid(x) needs tanh(x / 2)."),
        (torch.tanh(x) * (hi - lo) + lo, "tanh runs from -1 to 1. Bring it to 0 … 1 before you stretch it."),
        (
            x.clamp(lo, hi),
            "that is clipping: it has corners, and no slope beyond them. Use the formula of the sigmoid.",
        ),
    ]
    if torch.allclose(stars.float(), sigmoid_range(x, lo, hi), atol=1e-4):
        return None
    fallback = (
        f"under ({lo}, {hi}) a score of 0 should give {(lo + hi) / 2:g} stars, and yours gives {stars[0, 2]:.3f}."
    )
    if abs(stars[0, 2] - (lo + hi) / 2) < 1e-4:
        fallback = (
            f"0 goes to the middle, as it should. But under ({lo}, {hi}) a score of 2 should give "
            f"{sigmoid_range(x[1, 1], lo, hi):.3f} stars, and yours gives {stars[1, 1]:.3f}."
        )
    return next((hint for value, hint in mistakes if torch.allclose(stars.float(), value, atol=1e-4)), fallback)


def _edge_hint(function: Answer, lo: float, hi: float) -> str | None:
    """What goes wrong far out, in the value or in its gradient, if anything."""
    x = torch.tensor([-1000.0, -100.0, 100.0, 1000.0], requires_grad=True)  # (4,)
    stars = function(x, lo, hi)
    if not torch.isfinite(stars).all():
        return "right for ordinary scores, but not a number for very large ones: infinity divided by infinity?"
    if not torch.allclose(stars, torch.tensor([lo, lo, hi, hi], dtype=stars.dtype), atol=1e-4):
        return f"for very large scores it should come as near to {lo} and {hi} as a computer can."
    (slope,) = torch.autograd.grad(stars.sum(), x)
    if not torch.isfinite(slope).all():
        at = x[~torch.isfinite(slope)][0].item()
        return (
            f"the stars are right, but the gradient at {at:g} is not a number: exp({-at:g}) is infinite, and the "
            "gradient divides infinity by infinity. One such score would spoil a whole training. Try tanh."
        )
    return None


class _Watch(TorchFunctionMode):
    """Notice calls of PyTorch's sigmoid, under any of its names."""

    called = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.called |= getattr(func, "__name__", "") in {"sigmoid", "sigmoid_", "special_expit", "expit"}
        return func(*args, **(kwargs or {}))


@check("3.3", praise="Now train it: what is left for the sigmoid?")
def check_3(build: Answer) -> str | None:
    """A class ``(n_users, n_items, n_factors, mean)`` of modules that predict the mean plus the dot product."""
    if isinstance(build, nn.Module):
        return "pass the class itself, not a model made from it: check_3(my_mean_start)."
    if not callable(build):
        return "pass a class: it is called with (n_users, n_items, n_factors, mean)."
    with torch.random.fork_rng(devices=[]):  # a check must not change the random numbers of the next cell
        return _hint_for(build, 3.5) or _hint_for(build, 2.0)


def _hint_for(build: Answer, mean: float) -> str | None:
    n_users, n_items, n_factors = 7, 5, 3
    model = build(n_users, n_items, n_factors, mean)
    if not isinstance(model, nn.Module):
        return f"calling it gives a {type(model).__name__}, not an nn.Module."
    x = torch.tensor([[0, 0], [6, 4], [3, 1], [3, 2]])  # (B, 2)
    stars = came_back(model(x), type(model).forward)
    if not isinstance(stars, torch.Tensor):
        return f"forward returns a {type(stars).__name__}. Return a tensor."
    if tuple(stars.shape) != (len(x), 1):
        return f"pairs of shape (B, 2) gave predictions of shape {tuple(stars.shape)}. It should be (B, 1)."
    start = stars.mean().item()
    if stars.max() - stars.min() > 0.2:
        return f"fresh predictions vary from {stars.min():.1f} to {stars.max():.1f}: start the factors near 0."
    if abs(start) < 0.1:
        return "a fresh model still predicts about 0 stars. Add the mean to the dot product."
    if abs(start - mean) > 0.1:
        return f"a fresh model should predict about the mean, here {mean:g}. Yours predicts {start:.2f}."
    tables = [p for p in model.parameters() if p.ndim == 2 and p.shape[1] == n_factors]
    if sorted(len(table) for table in tables) != [n_items, n_users]:
        return f"it should have a table ({n_users}, {n_factors}) and a table ({n_items}, {n_factors}) to train."
    with torch.no_grad():
        for table in tables:
            table.fill_(4.0)
        far = model(x)
        for table in tables:
            table.fill_(2.0)
    stars, expected = model(x), mean + n_factors * 4.0
    if torch.allclose(stars, far, atol=0.5):
        return "the larger the factors, the less it moves: it is still squeezed. Leave the range out."
    if not torch.allclose(stars, torch.full_like(stars, expected), atol=1e-3):
        return (
            f"with all factors at 2, K = {n_factors} and a mean of {mean:g} it should predict {expected:g}, "
            f"the mean plus the dot product. Yours predicts {stars.mean():.2f}."
        )
    stars.sum().backward()
    if any(table.grad is None or not table.grad.any() for table in tables):
        return "no gradient reaches one of the tables, so it would never be trained."
    return None
