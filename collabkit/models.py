"""The models of chapters 2 to 8, in the order in which they are built. Plain PyTorch, and a guard at the door."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn

from collabkit.checks import arguments
from collabkit.checks.guard import guarded, one_or_two, shape
from collabkit.tables import Tables


def embedding(n: int, n_factors: int) -> nn.Embedding:
    """A table ``(n, n_factors)`` drawn from N(0, 0.01²).

    PyTorch's own start, N(0, 1), would make a dot product of 50 factors swing by seven stars before any training.
    """
    table = nn.Embedding(n, n_factors) if n_factors else NoFactors(n, n_factors)
    nn.init.normal_(table.weight, std=0.01)
    return table


class NoFactors(nn.Embedding):
    """A table ``(n, 0)``: on a GPU, the gradient of ``nn.Embedding`` would read past its memory."""

    def forward(self, rows: Tensor) -> Tensor:
        return self.weight.index_select(0, rows)


def sigmoid_range(x: Tensor, lo: float, hi: float) -> Tensor:
    r"""Squash any score into (lo, hi): :math:`\operatorname{sigmoid}(x)\,(hi - lo) + lo`. Any shape.

    Raises: ``ValueError`` unless lo < hi.
    """
    if not lo < hi:
        raise ValueError(f"({lo}, {hi}) is no range: the first number has to be less than the second.")
    return torch.sigmoid(x) * (hi - lo) + lo


@guarded()
class DotProduct(nn.Module):
    r"""Matrix factorization: a rating is how far a user's and an item's factors agree.

    .. math:: \hat r_{ui} = p_u^\top q_i \quad\text{or, with a range,}\quad
              \operatorname{sigmoid}(p_u^\top q_i)\,(hi - lo) + lo

    Args:
        n_users, n_items: rows of the two embedding tables.
        n_factors: K, the length of one embedding.
        y_range: (lo, hi) in stars; ``None`` leaves the score unbounded.

    A row that training never touched keeps its small random start.

    Shape: x ``(B, 2)`` int64 (user index, item index) -> ``(B, 1)`` predicted stars.
    Raises: ``IndexError`` for an index outside its table; ``ValueError`` for x of another shape. When built,
        ``ValueError`` or ``TypeError`` for sizes below 1 (K: below 0), and for a range without lo < hi.
    Source: :cite:t:`funk2006netflix`; :cite:t:`koren2009matrix`.
    """

    def __init__(self, n_users: int, n_items: int, n_factors: int, y_range: tuple[float, float] | None = None):
        super().__init__()
        self.user_factors = embedding(n_users, n_factors)
        self.item_factors = embedding(n_items, n_factors)
        self.y_range = y_range

    def forward(self, x: Tensor) -> Tensor:
        users = self.user_factors(x[:, 0])  # (B, K)
        items = self.item_factors(x[:, 1])  # (B, K)
        score = (users * items).sum(dim=1, keepdim=True)  # (B, 1)
        return score if self.y_range is None else sigmoid_range(score, *self.y_range)

    def tables(self) -> Tables:
        """What it consists of."""
        return Tables(self.user_factors.weight, self.item_factors.weight, y_range=self.y_range)


@guarded()
class DotProductBias(nn.Module):
    r"""Matrix factorization with user and item biases.

    .. math:: \hat r_{ui} = \operatorname{sigmoid}(p_u^\top q_i + b_u + b_i)\,(hi - lo) + lo

    Args:
        n_users, n_items: rows of the two embedding tables, and of the two bias tables.
        n_factors: K, the length of one embedding.
        y_range: (lo, hi) in stars; ``None`` leaves the score unbounded.

    Shape: x ``(B, 2)`` int64 (user index, item index) -> ``(B, 1)`` predicted stars.
    Raises: ``IndexError`` for an index outside its table; ``ValueError`` for x of another shape. When built,
        ``ValueError`` or ``TypeError`` for sizes below 1 (K: below 0), and for a range without lo < hi.
    Source: :cite:t:`koren2009matrix`.
    """

    def __init__(self, n_users: int, n_items: int, n_factors: int, y_range: tuple[float, float] | None = None):
        super().__init__()
        self.user_factors = embedding(n_users, n_factors)
        self.item_factors = embedding(n_items, n_factors)
        self.user_bias = embedding(n_users, 1)
        self.item_bias = embedding(n_items, 1)
        self.y_range = y_range

    def forward(self, x: Tensor) -> Tensor:
        user, item = x[:, 0], x[:, 1]  # (B,)
        score = (self.user_factors(user) * self.item_factors(item)).sum(dim=1, keepdim=True)  # (B, 1)
        score = score + self.user_bias(user) + self.item_bias(item)  # (B, 1)
        return score if self.y_range is None else sigmoid_range(score, *self.y_range)

    def tables(self) -> Tables:
        """What it consists of."""
        p, q, b_u, b_i = self.user_factors, self.item_factors, self.user_bias, self.item_bias
        return Tables(p.weight, q.weight, b_u.weight, b_i.weight, self.y_range)


@arguments(size=shape)
def create_params(size: int | Sequence[int]) -> nn.Parameter:
    """An embedding table made by hand: a parameter of this size, drawn from N(0, 0.01²)."""
    return nn.Parameter(torch.zeros(size).normal_(0, 0.01))


@guarded()
class DotProductBiasParams(nn.Module):
    """:class:`DotProductBias` on four hand-made tables; same arguments, shapes and scores.

    ``index_select`` picks rows as ``table[rows]`` does, but refuses an index of -1, which would read the last row.
    """

    def __init__(self, n_users: int, n_items: int, n_factors: int, y_range: tuple[float, float] | None = None):
        super().__init__()
        self.user_factors = create_params([n_users, n_factors])
        self.item_factors = create_params([n_items, n_factors])
        self.user_bias = create_params([n_users, 1])
        self.item_bias = create_params([n_items, 1])
        self.y_range = y_range

    def forward(self, x: Tensor) -> Tensor:
        user, item = x[:, 0], x[:, 1]  # (B,)
        users = self.user_factors.index_select(0, user)  # (B, K)
        items = self.item_factors.index_select(0, item)  # (B, K)
        score = (users * items).sum(dim=1, keepdim=True)  # (B, 1)
        score = score + self.user_bias.index_select(0, user) + self.item_bias.index_select(0, item)  # (B, 1)
        return score if self.y_range is None else sigmoid_range(score, *self.y_range)

    def tables(self) -> Tables:
        """What it consists of."""
        return Tables(self.user_factors, self.item_factors, self.user_bias, self.item_bias, self.y_range)


@guarded(n_factors=one_or_two)
class EmbeddingNet(nn.Module):
    r"""A neural net on the two embeddings laid end to end.

    .. math:: \hat r_{ui} = \operatorname{sigmoid}\bigl(\operatorname{net}([p_u; q_i])\bigr)\,(hi - lo) + lo

    Args:
        n_users, n_items: rows of the two embedding tables.
        n_factors: length of an embedding: one number, or (of users, of items).
        y_range: (lo, hi) in stars; ``None`` leaves the score unbounded.
        layers: units of each hidden layer; a ReLU follows each.
        embedding_dropout, dropout: share of values dropped in training after the embeddings, and after each layer.

    Shape: x ``(B, 2)`` int64 (user index, item index) -> ``(B, 1)`` predicted stars.
    Raises: ``IndexError`` for an index outside its table; ``ValueError`` for x of another shape. When built,
        ``ValueError`` or ``TypeError`` for sizes below 1 (K: below 0), and for a range without lo < hi.
    Source: :cite:t:`he2017neural`; :cite:t:`howard2020fastai`.
    """

    def __init__(
        self,
        n_users: int,
        n_items: int,
        n_factors: int | tuple[int, int],
        y_range: tuple[float, float] | None = None,
        layers: tuple[int, ...] = (100,),
        embedding_dropout: float = 0.0,
        dropout: float = 0.0,
    ):
        super().__init__()
        user_size, item_size = (n_factors, n_factors) if isinstance(n_factors, int) else n_factors
        self.user_factors = embedding(n_users, user_size)
        self.item_factors = embedding(n_items, item_size)
        self.embedding_dropout = nn.Dropout(embedding_dropout)
        sizes = [user_size + item_size, *layers]
        hidden: list[nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            hidden += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*hidden, nn.Linear(sizes[-1], 1))
        self.y_range = y_range

    def forward(self, x: Tensor) -> Tensor:
        pair = torch.cat([self.user_factors(x[:, 0]), self.item_factors(x[:, 1])], dim=1)  # (B, K_u + K_i)
        score = self.layers(self.embedding_dropout(pair))  # (B, 1)
        return score if self.y_range is None else sigmoid_range(score, *self.y_range)


Dot = TypeVar("Dot", DotProduct, DotProductBias)


def filled(kind: type[Dot], tables: Tables) -> Dot:
    """A module of this kind with copies of these tables, whether they were trained or solved for."""
    (n_users, n_factors), n_items = tables.user_factors.shape, len(tables.item_factors)
    with torch.device("meta"):  # tables without numbers, since those drawn at random would only be replaced
        module = kind(n_users, n_items, n_factors, tables.y_range)
    named = dict(zip(Tables._fields, tables[:4], strict=False))
    state = {f"{name}.weight": one.detach().contiguous().clone() for name, one in named.items() if one is not None}
    module.load_state_dict(state, assign=True)
    return module
