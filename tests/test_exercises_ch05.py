"""Exercises of chapter 5: the checks accept what is right, and tell typical mistakes apart."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from collabkit import DotProductBiasParams, create_params
from collabkit.exercises import ch05


@pytest.mark.parametrize("check", [ch05.check_1, ch05.check_2, ch05.check_3])
def test_not_tried(check, said):
    assert "not tried yet" in said(check, None)


@pytest.mark.parametrize("check", [ch05.check_1, ch05.check_2, ch05.check_3])
def test_a_stub_is_not_tried(check, said):
    assert "not tried yet" in said(check, lambda *args: None)


@pytest.mark.parametrize("check", [ch05.check_1, ch05.check_3])
def test_pass_the_function(check, said):
    assert "pass the function itself" in said(check, 496_587)


# ---------------------------------------------------------------- 5.1: how many parameters


@pytest.mark.parametrize(
    "function",
    [
        lambda u, i, k: (u + i) * (k + 1),
        lambda u, i, k: u * k + i * k + u + i,
        lambda u, i, k: float((u + i) * (k + 1)),
        lambda u, i, k: sum(p.numel() for p in DotProductBiasParams(u, i, k).parameters()),
    ],
)
def test_count(function):
    assert ch05.check_1(function)


@pytest.mark.parametrize(
    "function, hint",
    [
        (lambda u, i, k: (u + i) * k, "biases are missing"),
        (lambda u, i, k: (u + i) * k + 2, "one for each of them"),
        (lambda u, i, k: (u + i) * k + 1, "no single bias"),
        (lambda u, i, k: (u + i) * k + i, "And the users'"),
        (lambda u, i, k: (u + i) * k + u, "And the items'"),
        (lambda u, i, k: u * i * k, "not for each pair"),
        (lambda u, i, k: u * i * (k + 1), "not for each pair"),
        (lambda u, i, k: u * i, "cells of the matrix"),
        (lambda u, i, k: u * k * i * k, "add up the sizes"),
        (lambda u, i, k: u + i + k, "multiply the rows by that"),
        (lambda u, i, k: i * (k + 1), "Add the users'"),
        (lambda u, i, k: u * (k + 1), "Add the items'"),
        (lambda u, i, k: (u + i) * 2 * k, "factors once"),
        (lambda u, i, k: 496_587, "not for other sizes"),
        (lambda u, i, k: (u + i) * k - 1, "3 factors it should give 48, and yours gives 35"),
        (lambda u, i, k: "496,587", "Return one number"),
        (lambda u, i: u + i, "positional argument"),
    ],
)
def test_count_hints(function, hint, said):
    assert hint in said(ch05.check_1, function)


# ---------------------------------------------------------------- 5.2: an embedding layer


class BySelect(nn.Module):
    def __init__(self, n, n_factors):
        super().__init__()
        self.table = create_params([n, n_factors])

    def forward(self, codes):
        return self.table.index_select(0, codes.flatten()).view(*codes.shape, -1)


class ByOneHot(BySelect):
    def forward(self, codes):
        return F.one_hot(codes, len(self.table)).float() @ self.table


class ByBrackets(BySelect):
    def forward(self, codes):
        if (codes < 0).any():
            raise ValueError("unknown code")
        return self.table[codes]


class Linear(nn.Module):
    """One-hot through a linear layer: its weight is the table lying on its side."""

    def __init__(self, n, n_factors, bias=False):
        super().__init__()
        self.n, self.layer = n, nn.Linear(n, n_factors, bias=bias)

    def forward(self, codes):
        return self.layer(F.one_hot(codes, self.n).float())


class LastRow(BySelect):
    def forward(self, codes):
        return self.table[codes]


class Lenient(BySelect):
    def forward(self, codes):
        return self.table[codes.clamp(0, len(self.table) - 1)]


class Plain(BySelect):
    def __init__(self, n, n_factors):
        nn.Module.__init__(self)
        self.table = torch.randn(n, n_factors) * 0.01


class Computed(BySelect):
    def __init__(self, n, n_factors):
        nn.Module.__init__(self)
        self.table = nn.Parameter(torch.randn(n, n_factors)) * 0.01


class Listed(BySelect):
    def __init__(self, n, n_factors):
        nn.Module.__init__(self)
        self.tables = [create_params([n, n_factors])]


class Sideways(BySelect):
    def __init__(self, n, n_factors):
        super().__init__(n_factors, n)


class Frozen(BySelect):
    def __init__(self, n, n_factors):
        super().__init__(n, n_factors)
        self.table.requires_grad_(False)


class Zeros(BySelect):
    def __init__(self, n, n_factors):
        nn.Module.__init__(self)
        self.table = nn.Parameter(torch.zeros(n, n_factors))


class Wild(BySelect):
    def __init__(self, n, n_factors):
        nn.Module.__init__(self)
        self.table = nn.Parameter(torch.randn(n, n_factors))


class OneDimension(BySelect):
    def forward(self, codes):
        return self.table.index_select(0, codes)


class Flat(BySelect):
    def forward(self, codes):
        return self.table.index_select(0, codes.flatten())


class Detached(BySelect):
    def forward(self, codes):
        return super().forward(codes).detach() if codes.min() >= 0 else super().forward(codes)


class Data(BySelect):
    def forward(self, codes):
        return F.one_hot(codes, len(self.table)).float() @ self.table.data


class Doubled(BySelect):
    def forward(self, codes):
        rows = super().forward(codes)
        return rows + (rows - rows.detach())


class Shifted(BySelect):
    def forward(self, codes):
        return super().forward((codes + 1) % len(self.table))


class NoReturn(BySelect):
    def forward(self, codes):
        super().forward(codes)


class Functional(BySelect):
    def forward(self, codes):
        return F.embedding(codes, self.table)


class Wrapped(nn.Module):
    def __init__(self, n, n_factors):
        super().__init__()
        self.inside = nn.Embedding(n, n_factors)


@pytest.mark.parametrize("build", [BySelect, ByOneHot, ByBrackets, lambda n, k: BySelect(n, k)])
def test_embedding(build):
    assert ch05.check_2(build)


@pytest.mark.parametrize(
    "build, hint",
    [
        (LastRow, "for code -1 it quietly returns the last row"),
        (Lenient, "for code -1"),
        (Plain, "parameters() finds nothing"),
        (Computed, "parameters() finds nothing"),
        (Listed, "parameters() finds nothing"),
        (Sideways, "its table has shape (3, 40). It needs 40 rows of 3"),
        (Linear, "its table has shape (3, 40)"),
        (lambda n, k: Linear(n, k, bias=True), "it has 2 parameters"),
        (Frozen, "requires_grad=False"),
        (Zeros, "all numbers start equal"),
        (Wild, "Start near 0"),
        (OneDimension, "codes of shape (3, 2) raise"),
        (Flat, "should give rows of shape (3, 2, 2), not (6, 2)"),
        (Detached, "no gradient flows back"),
        (Data, "no gradient flows back"),
        (Doubled, "but their gradient is not"),
        (Shifted, "instead of the row [9.0, 10.0]"),
        (NoReturn, "forward returned None"),
        (Functional, "PyTorch's own embedding"),
        (Wrapped, "nn.Embedding inside"),
        (nn.Embedding, "nn.Embedding inside"),
        (BySelect(6, 2), "not a layer made from it"),
        (lambda n, k: torch.zeros(n, k), "gives a Tensor"),
        (lambda n: BySelect(n, 2), "positional argument"),
        (0.5, "pass a class"),
    ],
)
def test_embedding_hints(build, hint, said):
    assert hint in said(ch05.check_2, build)


def test_check_leaves_the_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    ch05.check_2(BySelect)
    assert torch.equal(torch.rand(1), expected)


# ---------------------------------------------------------------- 5.3: Adam for the rows in the batch


def lazy_adam(
    table, rows, g, state, lr, beta1=0.9, beta2=0.999, sign=1, corrected=True, root=True, start=1, fade=False
):
    if not state:
        state.update(t=start - 1, m=torch.zeros_like(table), v=torch.zeros_like(table))
    state["t"] += 1
    m, v, t = state["m"], state["v"], state["t"]
    if fade:
        m *= beta1
        v *= beta2
        m[rows] += (1 - beta1) * g
        v[rows] += (1 - beta2) * g**2
    else:
        m[rows] = beta1 * m[rows] + (1 - beta1) * g
        v[rows] = beta2 * v[rows] + (1 - beta2) * g**2
    m_hat, v_hat = (m[rows] / (1 - beta1**t), v[rows] / (1 - beta2**t)) if corrected else (m[rows], v[rows])
    table[rows] -= sign * lr * m_hat / ((v_hat.sqrt() if root else v_hat) + 1e-8)
    return table


def wrong(**mistake):
    return lambda *args: lazy_adam(*args, **mistake)


def dense_adam(table, rows, g, state, lr):
    """Moves every row along its running average."""
    gradient = torch.zeros_like(table)
    gradient[rows] = g
    return lazy_adam(table, torch.arange(len(table)), gradient, state, lr)


def row_steps(table, rows, g, state, lr):
    if not state:
        state.update(t=torch.zeros(len(table), 1), m=torch.zeros_like(table), v=torch.zeros_like(table))
    state["t"][rows] += 1
    m, v, t = state["m"], state["v"], state["t"][rows]
    m[rows] = 0.9 * m[rows] + 0.1 * g
    v[rows] = 0.999 * v[rows] + 0.001 * g**2
    table[rows] -= lr * (m[rows] / (1 - 0.9**t)) / ((v[rows] / (1 - 0.999**t)).sqrt() + 1e-8)
    return table


def sgd(table, rows, g, state, lr):
    table[rows] -= lr * g
    return table


def remembers_nothing(table, rows, g, state, lr):
    return lazy_adam(table, rows, g, {}, lr)


def copies(table, rows, g, state, lr):
    return lazy_adam(table.clone(), rows, g, state, lr)


def only_the_rows(table, rows, g, state, lr):
    return lazy_adam(table, rows, g, state, lr)[rows]


def forgets_after_two(table, rows, g, state, lr):
    if state.get("t") == 2:
        state["m"].zero_()
    return lazy_adam(table, rows, g, state, lr)


@pytest.mark.parametrize("function", [lazy_adam, lambda *args: lazy_adam(*args)])
def test_lazy_adam(function):
    assert ch05.check_3(function)


@pytest.mark.parametrize(
    "function, hint",
    [
        (dense_adam, "in step 2 rows move that are not in the batch"),
        (wrong(fade=True), "They should wait"),
        (wrong(sign=-1), "up the hill"),
        (wrong(corrected=False), "divide them by 1 - beta ** t"),
        (wrong(root=False), "divide by the root of v"),
        (wrong(beta2=0.99), "beta 2 is 0.999"),
        (wrong(beta1=0.999, beta2=0.9), "swapped"),
        (wrong(sign=2), "the first step is not right"),
        (wrong(start=0), "Is t still 0 in the first step"),
        (row_steps, "steps t of the whole table"),
        (remembers_nothing, "it forgets"),
        (forgets_after_two, "right up to step"),
        (sgd, "plain gradient descent"),
        (copies, "Change it in place"),
        (only_the_rows, "return the whole table"),
        (lambda table, rows, gradient: table, "positional argument"),
    ],
)
def test_lazy_adam_hints(function, hint, said):
    assert hint in said(ch05.check_3, function)
