"""The start: a model that has learnt nothing yet says the mean of the training ratings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from collabkit.tables import level

SPREAD = 0.05  # of the scores of a model that has learnt nothing; one epoch of the course takes them far beyond


def start_at_mean(model: nn.Module, x: Tensor, stars: Tensor) -> None:
    r"""Lift the scores of a fresh model, so that it says the mean of the training ratings for every pair.

    The shift goes to the biases of all items, or of the last layer of a net. With a range it is

    .. math:: \operatorname{logit}\frac{\mu - lo}{hi - lo} - \bar s

    where :math:`\bar s` is the mean score so far; without one it is :math:`\mu - \bar s`.

    Args:
        model: any module ``(B, 2) -> (B, 1)`` with an attribute ``y_range``.
        x: codes of training ratings ``(n, 2)``.
        stars: of the same ratings ``(n, 1)``.

    A model whose scores differ from pair to pair has been trained: it is left alone. So is one that has no such bias,
    a frozen one, or no ``y_range``.
    """
    bias = level(model)
    if bias is None or not bias.requires_grad or not hasattr(model, "y_range") or not len(x):
        return
    y_range: Any = model.y_range  # which torch's types take for a tensor
    score = _score(_predict(model, x[:4096]), y_range)  # (n, 1)
    if score.std(correction=0) < SPREAD:
        with torch.no_grad():
            bias.add_(_score(stars.mean(), y_range) - score.mean())


def _predict(model: nn.Module, x: Tensor) -> Tensor:
    training = model.training
    try:
        with torch.no_grad():
            return model.eval()(x)
    finally:
        model.train(training)


def _score(stars: Tensor, y_range: tuple[float, float] | None) -> Tensor:
    """The score that becomes these stars; those at the ends of the range, or beyond, would need an infinite one."""
    if y_range is None:
        return stars
    lo, hi = y_range
    return ((stars - lo) / (hi - lo)).clamp(0.01, 0.99).logit()
