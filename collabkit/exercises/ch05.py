"""Checks for chapter 5, *Embeddings are parameters*."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from collabkit.exercises import Answer, came_back, check

# ---------------------------------------------------------------- 5.1: how many parameters


@check("5.1", praise="Nearly all of them are film factors: the films are many, and a bias is one number.")
def check_1(function: Answer) -> str | None:
    """A function ``(n_users, n_items, n_factors) -> number of parameters``."""
    if not callable(function):
        return "pass the function itself: check_1(my_count), without calling it."
    sizes = [(671, 9066, 50), (7, 5, 3), (610, 9724, 1), (2, 100, 40)]
    answers = [function(*size) for size in sizes]
    for answer in answers:
        if isinstance(answer, bool) or not isinstance(answer, Real):
            return f"it returns a {type(answer).__name__}. Return one number."
    wanted = [(users + items) * (factors + 1) for users, items, factors in sizes]
    if answers == wanted:
        return None
    mistakes = [
        (lambda u, i, k: (u + i) * k, "the biases are missing: one for each user and each item."),
        (lambda u, i, k: (u + i) * k + 2, "not one bias for all users and one for all items: one for each of them."),
        (lambda u, i, k: (u + i) * k + 1, "the model has no single bias, but one for each user and each item."),
        (lambda u, i, k: (u + i) * k + i, "those are the biases of the items. And the users'?"),
        (lambda u, i, k: (u + i) * k + u, "those are the biases of the users. And the items'?"),
        (lambda u, i, k: u * i * (k + 1), "a table has a row for each user, or for each item, but not for each pair."),
        (lambda u, i, k: u * i * k, "a table has a row for each user, or for each item, but not for each pair."),
        (
            lambda u, i, k: u * i,
            "those are the cells of the matrix. The model has a row of factors for each user and item.",
        ),
        (lambda u, i, k: u * k * i * k, "add up the sizes of the tables. Do not multiply them."),
        (lambda u, i, k: u + i + k, "a row holds n_factors numbers: multiply the rows by that."),
        (lambda u, i, k: i * (k + 1), "that counts the items' tables. Add the users'."),
        (lambda u, i, k: u * (k + 1), "that counts the users' tables. Add the items'."),
        (lambda u, i, k: (u + i) * (2 * k), "a row has K factors once, and one bias."),
    ]
    for mistake, hint in mistakes:
        if answers == [mistake(*size) for size in sizes]:
            return hint
    if wanted[0] in answers:
        return f"right for {sizes[answers.index(wanted[0])]}, but not for other sizes. Use the arguments."
    return f"for 7 users, 5 items and 3 factors it should give {wanted[1]}, and yours gives {answers[1]}."


# ---------------------------------------------------------------- 5.2: an embedding layer


@check("5.2", praise="Registered, looked up, trained, and no stranger gets the last row.")
def check_2(build: Answer) -> str | None:
    """A class ``(n, n_factors)`` of modules that look up rows of their one parameter."""
    if isinstance(build, nn.Module):
        return "pass the class itself, not a layer made from it: check_2(my_embedding)."
    if not callable(build):
        return "pass a class: it is called with (n, n_factors)."
    with torch.random.fork_rng(devices=[]):  # a check must not change the random numbers of the next cell
        layer = build(40, 3)
        return _registration_hint(layer, 40, 3) or _lookup_hint(build(6, 2)) or _unknown_hint(build(6, 2))


def _registration_hint(layer: Answer, n: int, n_factors: int) -> str | None:
    """What is wrong with the parameters, if anything."""
    if not isinstance(layer, nn.Module):
        return f"calling it gives a {type(layer).__name__}. Write a class of nn.Module."
    if any(isinstance(module, nn.Embedding) for module in layer.modules()):
        return "there is an nn.Embedding inside. Make the table yourself, from nn.Parameter."
    parameters = list(layer.parameters())
    if not parameters:
        return (
            "parameters() finds nothing, so it would never be trained. Assign an nn.Parameter to self: not a plain "
            "tensor, not a list, and not the result of a computation with a parameter."
        )
    if len(parameters) > 1:
        return f"it has {len(parameters)} parameters. One table is enough (a linear layer brings a bias, too)."
    shape = tuple(parameters[0].shape)
    if shape != (n, n_factors):
        return f"for ({n}, {n_factors}) its table has shape {shape}. It needs {n} rows of {n_factors}."
    if not parameters[0].requires_grad:
        return "the table is registered, but with requires_grad=False: no gradient would reach it."
    spread = parameters[0].detach().std().item()
    if spread == 0:
        return "all numbers start equal. Start with small random ones, as create_params does, or rows stay alike."
    if not spread < 0.2:
        return f"the table starts with a spread of {spread:.2f}. Start near 0, as create_params does."
    return None


def _lookup_hint(layer: nn.Module) -> str | None:
    """What is wrong with looked-up rows or their gradient, if anything."""
    (table,) = layer.parameters()
    with torch.no_grad():
        table.copy_(torch.arange(12.0).view(6, 2) + 1)
    for codes in (torch.tensor([4, 1, 4]), torch.tensor([[0, 5], [2, 2], [3, 0]]), torch.tensor([5])):
        try:
            with _Watch() as watch:
                out = layer(codes)
        except Exception as error:
            return f"codes of shape {tuple(codes.shape)} raise {type(error).__name__}: {error}"
        came_back(out, type(layer).forward)
        if not isinstance(out, Tensor):
            return f"forward returns a {type(out).__name__}. Return a tensor."
        wanted = (*codes.shape, 2)
        if tuple(out.shape) != wanted:
            return f"codes of shape {tuple(codes.shape)} should give rows of shape {wanted}, not {tuple(out.shape)}."
        if watch.called:
            return "it calls PyTorch's own embedding. Use index_select, or a one-hot product."
        rows = table.detach()[codes]
        if not torch.allclose(out.detach(), rows):
            return (
                f"for code {codes.flatten()[0]} it returns {out.detach().flatten()[:2].tolist()} instead of the row "
                f"{rows.flatten()[:2].tolist()} of its table."
            )
        if not out.requires_grad:
            return "the rows are right, but no gradient flows back: is there a .data, .detach() or no_grad()?"
        arriving = torch.arange(out.numel(), dtype=torch.float32).view(out.shape) + 1
        (gradient,) = torch.autograd.grad(out, table, arriving, allow_unused=True)
        wanted_gradient = torch.zeros_like(table).index_add_(0, codes.flatten(), arriving.view(-1, 2))
        if gradient is None or not torch.allclose(gradient, wanted_gradient):
            return "the rows are right, but their gradient is not: a row asked for twice gets the sum of both."
    return None


def _unknown_hint(layer: nn.Module) -> str | None:
    for code in (-1, 6):
        try:
            layer(torch.tensor([2, code]))
        except Exception:
            continue
        row = "the last row: somebody else's factors" if code == -1 else "something"
        return f"right for all codes of the table, but for code {code} it quietly returns {row}. Let it raise an error."
    return None


class _Watch(TorchFunctionMode):
    """Notice calls of PyTorch's embedding."""

    called = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.called |= getattr(func, "__name__", "") in {"embedding", "embedding_bag"}
        return func(*args, **(kwargs or {}))


# ---------------------------------------------------------------- 5.3: Adam for the rows in the batch

BATCHES = [[0, 1], [1, 4], [2], [1, 0, 4], [2, 4], [1]]  # row 3 is never in a batch
LR = 0.1


@check("5.3", praise="Step for step what SparseAdam does.")
def check_3(function: Answer) -> str | None:
    """A function ``(table, rows, gradient, state, lr) -> table``, one step of an Adam that leaves other rows alone."""
    if not callable(function):
        return "pass the function itself: check_3(my_lazy_adam), without calling it."
    generator = torch.Generator().manual_seed(53)
    table = torch.randn(5, 3, generator=generator)  # (n, K)
    gradients = [torch.randn(len(rows), 3, generator=generator) for rows in BATCHES]  # (rows, K) each
    gradients = [gradient + 0.5 * gradient.sign() for gradient in gradients]  # none so small that epsilon matters
    wanted = _by_sparse_adam(table, gradients)
    state: dict[str, object] = {}
    mine = table.clone()
    for step, (rows, gradient) in enumerate(zip(BATCHES, gradients, strict=True)):
        before = mine.clone()
        given = mine
        mine = function(given, torch.tensor(rows), gradient.clone(), state, LR)
        if not isinstance(mine, Tensor) or mine.shape != table.shape:
            return "return the whole table, of shape (n, K)."
        if not torch.isfinite(mine).all():
            return "the table holds something that is not a number. Is t still 0 in the first step? It counts from 1."
        if not torch.equal(mine, given):
            return "it returns a new table, and the one that was passed in has not moved. Change it in place."
        if torch.allclose(mine, wanted[step], atol=1e-5):
            continue
        outside = torch.ones(len(table), dtype=torch.bool)
        outside[rows] = False
        if not torch.equal(mine[outside], before[outside]):
            return f"in step {step + 1} rows move that are not in the batch. Change m[rows], v[rows], table[rows]."
        return _adam_hint(mine, step, table, gradients)
    return None


def _by_sparse_adam(table: Tensor, gradients: list[Tensor]) -> list[Tensor]:
    """The table after each step of PyTorch's own lazy Adam."""
    layer = nn.Embedding.from_pretrained(table.clone(), freeze=False, sparse=True)
    adam = torch.optim.SparseAdam(layer.parameters(), lr=LR)
    tables = []
    for rows, gradient in zip(BATCHES, gradients, strict=True):
        adam.zero_grad()
        layer(torch.tensor(rows)).backward(gradient)
        adam.step()
        tables.append(layer.weight.detach().clone())
    return tables


def _adam_hint(mine: Tensor, step: int, table: Tensor, gradients: list[Tensor]) -> str:
    """What is wrong with the rows that moved, after this step."""
    mistakes = {
        "plain": "that is plain gradient descent. Keep the two averages, and divide m by the root of v.",
        "ascend": "it walks up the hill: subtract the step.",
        "no correction": "the averages start at 0 and are too small at first: divide them by 1 - beta ** t.",
        "no root": "divide by the root of v, not by v.",
        "no memory": "it forgets: keep m, v and t in `state` from one step to the next.",
        "row steps": "count the steps t of the whole table, not of each row.",
        "fading": "the averages of rows outside the batch fade too. They should wait: change m[rows], v[rows] only.",
        "betas": "beta 2 is 0.999. Yours gives what 0.99 would.",
        "swapped": "the betas are swapped: 0.9 belongs to m, 0.999 to v.",
    }
    for mistake, hint in mistakes.items():
        if torch.allclose(mine, _mistaken(mistake, step, table, gradients), atol=1e-5):
            return hint
    if step == 0:
        return "the first step is not right. In it each number moves by about lr, against its gradient."
    return f"right up to step {step}, but not in step {step + 1}. What did you keep in `state`?"


def _mistaken(mistake: str, last: int, table: Tensor, gradients: list[Tensor]) -> Tensor:
    """The table after a step of a lazy Adam with one mistake."""
    table = table.clone()
    beta1, beta2 = {"betas": (0.9, 0.99), "swapped": (0.999, 0.9)}.get(mistake, (0.9, 0.999))
    m, v, t = torch.zeros_like(table), torch.zeros_like(table), torch.zeros(len(table), 1)
    for rows, g in zip(BATCHES[: last + 1], gradients, strict=False):
        if mistake == "no memory":
            m, v, t = torch.zeros_like(m), torch.zeros_like(v), torch.zeros_like(t)
        if mistake == "fading":
            outside = [row for row in range(len(table)) if row not in rows]
            m[outside], v[outside] = beta1 * m[outside], beta2 * v[outside]
        t[rows if mistake == "row steps" else slice(None)] += 1
        m[rows], v[rows] = beta1 * m[rows] + (1 - beta1) * g, beta2 * v[rows] + (1 - beta2) * g**2
        m_hat, v_hat = m[rows], v[rows]
        if mistake != "no correction":
            m_hat, v_hat = m_hat / (1 - beta1 ** t[rows]), v_hat / (1 - beta2 ** t[rows])
        step = LR * m_hat / ((v_hat if mistake == "no root" else v_hat.sqrt()) + 1e-8)
        step = {"plain": LR * g, "ascend": -step}.get(mistake, step)
        table[rows] -= step
    return table
