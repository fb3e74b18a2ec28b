"""Tables: what a model says of its own tables, and the one place that reads them off a class which says nothing."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from collabkit.checks import interval

#: the tables of the course's classes, by name: these and no others
FACTORS = {"user_factors", "item_factors"}
COURSE = {
    "DotProduct": FACTORS,
    "DotProductBias": FACTORS | {"user_bias", "item_bias"},
    "DotProductBiasParams": FACTORS | {"user_bias", "item_bias"},
}


class Tables(NamedTuple):
    r"""A model whose score is a dot product, taken apart.

    .. math:: \hat r_{ui} = f(b_u + b_i + p_u^\top q_i)

    where f squashes the score into ``y_range``, as :func:`collabkit.sigmoid_range` does, or is nothing at all. What
    all scores share is part of the biases.

    A model of this kind says so in a method ``tables()`` that returns them. Then people can be folded into it, and its
    lists come from one matrix product. A class that writes a ``forward`` of its own has to write ``tables`` as well:
    what it would inherit was said of another score. A model of any other kind has no such method.

    Args:
        user_factors, item_factors: ``(U, K)`` and ``(I, K)``: the parameters themselves, or a solver's numbers.
        user_bias, item_bias: ``(U, 1)`` and ``(I, 1)``; ``None`` stands for zeros.
        y_range: (lo, hi) in stars; ``None`` leaves the score as it is.
    """

    user_factors: Tensor
    item_factors: Tensor
    user_bias: Tensor | None = None
    item_bias: Tensor | None = None
    y_range: tuple[float, float] | None = None

    @classmethod
    def of(
        cls, users: np.ndarray | Tensor, items: np.ndarray | Tensor, y_range: tuple[float, float] | None = None
    ) -> Tables:
        """From ``[bias, factors]`` of each user and each item, ``(U, 1 + K)`` and ``(I, 1 + K)``."""
        users, items = torch.as_tensor(users), torch.as_tensor(items)
        return cls(users[:, 1:], items[:, 1:], users[:, :1], items[:, :1], y_range)

    @property
    def users(self) -> np.ndarray:
        """A copy of ``[bias, factors]`` of each user on the CPU ``(U, 1 + K)``."""
        return _joined(self.user_bias, self.user_factors)

    @property
    def items(self) -> np.ndarray:
        """A copy of ``[bias, factors]`` of each item on the CPU ``(I, 1 + K)``."""
        return _joined(self.item_bias, self.item_factors)


class HasModule(Protocol):
    """A fitted model that gives the same predictions as a module, such as :class:`collabkit.ALS`."""

    def as_module(self) -> nn.Module: ...


Trained: TypeAlias = nn.Module | HasModule


def as_module(model: object) -> nn.Module:
    """The module itself, or that of a fitted model.

    Raises: ``TypeError`` for what has none.
    """
    if isinstance(model, nn.Module):
        return model
    if isinstance(model, type):
        raise TypeError(f"{model.__name__} is a class: build one, train it, and pass that.")
    if hasattr(model, "as_module"):
        return model.as_module()
    raise TypeError(
        f"{type(model).__name__} is no module, and has no as_module(): pass the trained model itself, which for a "
        "fastai Learner is learn.model."
    )


def table(model: Trained, name: str) -> np.ndarray:
    """A copy of one table of a model on the CPU, whether an ``nn.Embedding`` or made by hand ``(n, K)``.

    Args:
        model: a module, or a fitted model that has ``as_module()``.
        name: such as ``"item_factors"``.

    Raises: ``AttributeError`` that lists the tables the model has; ``TypeError`` for what is no module.
    """
    module = as_module(model)
    found = getattr(module, name, None)
    if found is None:
        known = sorted({key.removesuffix(".weight") for key in module.state_dict()})
        raise AttributeError(f"{type(model).__name__} has no table {name!r}; it has {', '.join(known)}.")
    weight = found.weight if isinstance(found, nn.Embedding) else found
    return weight.detach().cpu().numpy().copy()


def declares(model: Any) -> bool:
    """Whether its class has ``tables``, written with its ``forward`` or after it."""
    for cls in type(model).__mro__:
        if "tables" in vars(cls) or "forward" in vars(cls):
            return "tables" in vars(cls)
    return False


def tables_of(model: Any) -> Tables | None:
    """The tables of a model whose score is a dot product; ``None`` for any other.

    A class that declares none, such as one written along with chapter 4, is taken by its name: one of :data:`COURSE`,
    with exactly the course's tables, is the course's.

    Raises: ``ValueError`` for tables that do not fit each other, or a range that is none.
    """
    name = type(model).__name__
    if declares(model):
        found = model.tables()
    elif not isinstance(model, nn.Module) or name not in COURSE:
        return None
    else:
        own = {key.removesuffix(".weight"): one for key, one in model.state_dict(keep_vars=True).items()}
        if own.keys() != COURSE[name]:
            return None
        found = Tables(**own, y_range=getattr(model, "y_range", None))
    return None if found is None else found._replace(y_range=_fitting(found, name))


def crossed(model: nn.Module, users: Tensor, items: Tensor) -> Tensor:
    """Scores of each of these users with each of these items ``(B, C)``, by code; gradients reach the model.

    One matrix product for a model that has :class:`Tables`; any other scores all pairs.
    """
    towers: Any = model
    if hasattr(model, "item_vectors"):  # which makes those asked for, where its tables would be of everybody
        return towers.user_vectors(users) @ towers.item_vectors(items).T
    if (found := tables_of(model)) is None:
        pairs = torch.stack([users.repeat_interleave(len(items)), items.repeat(len(users))], dim=1)  # (B · C, 2)
        return model(pairs).view(len(users), len(items))
    score = _picked(found.user_factors, users) @ _picked(found.item_factors, items).T  # (B, C)
    if found.user_bias is not None:
        score = score + _picked(found.user_bias, users)
    if found.item_bias is not None:
        score = score + _picked(found.item_bias, items).T
    if found.y_range is None:
        return score
    lo, hi = found.y_range
    return torch.sigmoid(score) * (hi - lo) + lo


def rows_of(model: nn.Module, side: str) -> dict[str, nn.Parameter]:
    """The parameters with a row for each ``"user"`` or ``"item"``: by custom their names begin so, as ``user_bias``."""
    return {name: one for name, one in model.named_parameters() if name.startswith(f"{side}_")}


def put(model: nn.Module, name: str, rows: Tensor) -> None:
    """Give a model other rows in place of a parameter, as many as there are; they are not trained any more."""
    owner, _, leaf = name.rpartition(".")
    module = model.get_submodule(owner)
    setattr(module, leaf, nn.Parameter(rows, requires_grad=False))
    if isinstance(module, nn.Embedding):
        module.num_embeddings = len(rows)


def level(model: nn.Module) -> Tensor | None:
    """The parameter that moves every score alike: the biases of all items, or of the last layer of a net."""
    if (tables := tables_of(model)) is not None:
        return tables.item_bias
    for name, parameter in model.named_parameters():
        if "item_bias" in name.split("."):
            return parameter
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    return layers[-1].bias if layers and layers[-1].out_features == 1 else None


def _picked(table: Tensor, codes: Tensor) -> Tensor:
    """Rows of a table, as an embedding picks them; of one without columns, as ``models.NoFactors`` does."""
    return F.embedding(codes, table) if table.shape[1] else table.index_select(0, codes)


def _joined(bias: Tensor | None, factors: Tensor) -> np.ndarray:
    bias = factors.new_zeros(len(factors), 1) if bias is None else bias
    return torch.cat([bias, factors], dim=1).detach().cpu().numpy()


def _fitting(tables: Tables, name: str) -> tuple[float, float] | None:
    """The range, when the tables fit each other."""
    p, q, *biases = tables[:4]
    fit = p.ndim == q.ndim == 2 and p.shape[1] == q.shape[1]
    if not fit or any(b is not None and b.shape != (len(one), 1) for b, one in zip(biases, (p, q), strict=True)):
        shapes = [f"{key} {tuple(one.shape)}" for key, one in tables._asdict().items() if isinstance(one, Tensor)]
        raise ValueError(
            f"the tables of this {name} do not fit each other: {', '.join(shapes)}. Factors are (n, K) with one K, "
            "biases (n, 1)."
        )
    return interval("y_range", tables.y_range)
