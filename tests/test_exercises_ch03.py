"""Exercises of chapter 3: the checks accept what is right, and tell typical mistakes apart."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from collabkit import DotProduct, sigmoid_range
from collabkit.exercises import ch03
from collabkit.models import embedding


@pytest.mark.parametrize("check", [ch03.check_1, ch03.check_2, ch03.check_3])
def test_not_tried(check, said):
    assert "not tried yet" in said(check, None)


@pytest.mark.parametrize("check", [ch03.check_2, ch03.check_3])
def test_a_stub_is_not_tried(check, said):
    assert "not tried yet" in said(check, lambda *args: None)


# ---------------------------------------------------------------- 3.1: the score of four stars

FOUR = math.log(4 / 1.5)


def test_score():
    for answer in (FOUR, torch.tensor(FOUR), np.float64(FOUR), round(FOUR, 3), 0.98):
        assert ch03.check_1(answer)
    assert sigmoid_range(torch.tensor(FOUR), 0, 5.5).item() == pytest.approx(4)


@pytest.mark.parametrize(
    "answer, hint",
    [
        (4, "where you want to arrive"),
        (sigmoid_range(torch.tensor(4.0), 0, 5.5), "Go backwards"),
        (math.log(4), "range (0, 5)"),
        (4 / 5.5, "share of the range"),
        (4 / 1.5, "Take the logarithm"),
        (math.log10(4 / 1.5), "natural logarithm"),
        (-FOUR, "mind the sign"),
        (1, "4.021 stars, too many"),
        (0.5, "too few"),
        (math.inf, "no finite number"),
        ("0.98", "one number"),
        (torch.zeros(3), "one number"),
    ],
)
def test_score_hints(answer, hint, said):
    assert hint in said(ch03.check_1, answer)


# ---------------------------------------------------------------- 3.2: a sigmoid range


def by_exp(x, lo, hi):
    return (hi - lo) / (1 + torch.exp(-x)) + lo


def by_tanh(x, lo, hi):
    return (1 + torch.tanh(x / 2)) / 2 * (hi - lo) + lo


def by_two_exps(x, lo, hi):
    small = torch.exp(-x.abs())
    return torch.where(x >= 0, 1 / (1 + small), small / (1 + small)) * (hi - lo) + lo


@pytest.mark.parametrize("function", [by_tanh, by_two_exps])
def test_sigmoid_range(function):
    assert ch03.check_2(function)


@pytest.mark.parametrize(
    "function, hint",
    [
        (by_exp, "gradient at -1000 is not a number"),
        (lambda x, lo, hi: torch.exp(x) / (1 + torch.exp(x)) * (hi - lo) + lo, "infinity divided by infinity"),
        (sigmoid_range, "PyTorch's own sigmoid"),
        (lambda x, lo, hi: x.sigmoid() * (hi - lo) + lo, "PyTorch's own sigmoid"),
        (lambda x, lo, hi: torch.special.expit(x) * (hi - lo) + lo, "PyTorch's own sigmoid"),
        (lambda x, lo, hi: nn.functional.sigmoid(x) * (hi - lo) + lo, "PyTorch's own sigmoid"),
        (lambda x, lo, hi: by_tanh(x, 0, 1), "between 0 and 1"),
        (lambda x, lo, hi: by_tanh(x, 0, 1) * (hi - lo), "add lo"),
        (lambda x, lo, hi: by_tanh(x, 0, 1) * hi + lo, "not by hi"),
        (lambda x, lo, hi: by_tanh(x, 0, 1) * hi, "right for lo = 0 only"),
        (lambda x, lo, hi: by_tanh(x, 0, 5.5), "a score of 0 should give 5.5"),
        (lambda x, lo, hi: by_tanh(-x, lo, hi), "falls as the score rises"),
        (lambda x, lo, hi: by_tanh(2 * x, lo, hi), "too steep"),
        (lambda x, lo, hi: by_tanh(x / 2, lo, hi), "a score of 2 should give"),
        (lambda x, lo, hi: torch.tanh(x) * (hi - lo) + lo, "from -1 to 1"),
        (lambda x, lo, hi: x.clamp(lo, hi), "that is clipping"),
        (lambda x, lo, hi: by_tanh(x, lo, hi).detach(), "no gradient flows"),
        (lambda x, lo, hi: torch.tensor(by_tanh(x, lo, hi).tolist()), "no gradient flows"),
        (lambda x, lo, hi: by_tanh(x, lo, hi).detach().numpy(), "returns a ndarray"),
        (lambda x, lo, hi: by_tanh(x, lo, hi).flatten(), "Keep the shape"),
        (lambda x, lo, hi: by_tanh(x, lo, hi).mean(), "Keep the shape"),
        (lambda x, lo, hi: by_tanh(x.clamp(-6, 6), lo, hi), "as near to"),
        (lambda x, lo, hi: (hi - lo) / (1 + math.exp(-x)) + lo, "raised"),
        (4.0, "pass the function itself"),
    ],
)
def test_sigmoid_range_hints(function, hint, said):
    assert hint in said(ch03.check_2, function)


# ---------------------------------------------------------------- 3.3: a start at the mean


class MeanStart(DotProduct):
    def __init__(self, n_users, n_items, n_factors, mean):
        super().__init__(n_users, n_items, n_factors)
        self.mean = mean

    def forward(self, x):
        return self.mean + super().forward(x)


class FromScratch(nn.Module):
    """The same without DotProduct; its mean is trained too."""

    def __init__(self, n_users, n_items, n_factors, mean):
        super().__init__()
        self.users, self.items = embedding(n_users, n_factors), embedding(n_items, n_factors)
        self.mean = nn.Parameter(torch.tensor(float(mean)))

    def forward(self, x):
        return (self.users(x[:, 0]) * self.items(x[:, 1])).sum(1, keepdim=True) + self.mean


class NoMean(MeanStart):
    def forward(self, x):
        return DotProduct.forward(self, x)


class FixedMean(MeanStart):
    def forward(self, x):
        return 3.5 + DotProduct.forward(self, x)


class Flat(MeanStart):
    def forward(self, x):
        return super().forward(x).flatten()


class NoReturn(MeanStart):
    def forward(self, x):
        super().forward(x)


class Squeezed(MeanStart):
    def __init__(self, n_users, n_items, n_factors, mean):
        super().__init__(n_users, n_items, n_factors, mean)
        self.y_range = (-2.75, 2.75)


class HalfRange(MeanStart):
    def __init__(self, n_users, n_items, n_factors, mean):
        super().__init__(n_users, n_items, n_factors, 0)
        self.y_range = (0, 5.5)


class Doubled(MeanStart):
    def forward(self, x):
        return self.mean + 2 * DotProduct.forward(self, x)


class WildStart(FromScratch):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        with torch.no_grad():
            self.users.weight[0], self.items.weight[0] = 1.0, 1.0


class Unlearning(MeanStart):
    def forward(self, x):
        with torch.no_grad():
            items = self.item_factors(x[:, 1])
        return self.mean + (self.user_factors(x[:, 0]) * items).sum(1, keepdim=True)


class OneTable(MeanStart):
    def __init__(self, n_users, n_items, n_factors, mean):
        super().__init__(n_users, n_items, n_factors, mean)
        self.item_factors = embedding(n_users, n_factors)


@pytest.mark.parametrize("build", [MeanStart, FromScratch, lambda *sizes: MeanStart(*sizes)])
def test_mean_start(build):
    assert ch03.check_3(build)


@pytest.mark.parametrize(
    "build, hint",
    [
        (NoMean, "Add the mean"),
        (FixedMean, "here 2"),
        (HalfRange, "about the mean, here 3.5. Yours predicts 2.75"),
        (Flat, "It should be (B, 1)"),
        (NoReturn, "forward returned None"),
        (Squeezed, "still squeezed"),
        (Doubled, "it should predict 15.5"),
        (WildStart, "start the factors near 0"),
        (Unlearning, "no gradient reaches one of the tables"),
        (OneTable, "a table (7, 3) and a table (5, 3)"),
        (MeanStart(7, 5, 3, 3.5), "not a model made from it"),
        (DotProduct, "cannot use what you gave it"),
        (lambda *sizes: 3.5, "not an nn.Module"),
        (3.5, "pass a class"),
    ],
)
def test_mean_start_hints(build, hint, said):
    assert hint in said(ch03.check_3, build)


def test_check_leaves_the_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    ch03.check_3(MeanStart)
    assert torch.equal(torch.rand(1), expected)
