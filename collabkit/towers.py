"""Two towers: a user and an item each become a vector, from their id and from what is known of them."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from collabkit.checks import number, whole
from collabkit.checks.guard import SHARE, guarded
from collabkit.models import embedding
from collabkit.tables import Tables


class Tower(nn.Module):
    """One side: ``ids[i] + net(features[i])``, what is an owner's own and what its features say ``(B, K)``.

    With features, the table of ids starts at zeros. A row that no batch has reached stays there, and its vector is
    what its features say. Without, it starts as :func:`~collabkit.models.embedding` does.
    """

    features: Tensor | None

    def __init__(self, n: int, n_factors: int, features: Tensor | None, layers: tuple[int, ...], id_dropout: float):
        super().__init__()
        self.ids, self.id_dropout, self.net = embedding(n, n_factors), id_dropout, nn.Sequential()
        self.register_buffer("features", features)  # (n, F)
        if features is None:
            return
        if len(features) != n:
            raise ValueError(f"the features have {len(features)} rows for {n} codes: give one row a code, in order.")
        nn.init.zeros_(self.ids.weight)
        sizes = [features.shape[1], *layers]
        hidden = [layer for n_in, n_out in pairwise(sizes) for layer in (nn.Linear(n_in, n_out), nn.ReLU())]
        self.net = nn.Sequential(*hidden, nn.Linear(sizes[-1], n_factors))

    def forward(self, codes: Tensor, known: Tensor | None = None) -> Tensor:
        own = self.ids(codes)  # (B, K)
        if self.features is None:
            return own
        if known is None and self.training and self.id_dropout:
            known = torch.rand(len(codes), device=own.device) >= self.id_dropout
        if known is not None:
            own = own * known[:, None]
        return own + self.net(self.features[codes])


def feature_table(name: str, value: Any) -> Tensor | None:
    """A float32 table ``(n, F)`` of a DataFrame, array or tensor; ``None`` stays ``None``."""
    if value is None:
        return None
    try:
        table = value.detach().float() if isinstance(value, Tensor) else torch.from_numpy(np.array(value, "float32"))
    except (TypeError, ValueError):
        raise TypeError(f"{name} holds what is no number: make columns of numbers, as film_features does.") from None
    if table.ndim != 2 or not table.shape[1] or not table.isfinite().all():
        raise ValueError(
            f"{name} is {tuple(table.shape)}, or has values that are missing or infinite: it takes a table (n, F) of "
            "finite numbers with a row for each code, or None."
        )
    return table.clone()


def temperature_of(name: str, value: float | None) -> float | None:
    return None if value is None else number(name, value, above=0)


@guarded(
    n_factors=partial(whole, at_least=1),
    user_features=feature_table,
    item_features=feature_table,
    temperature=temperature_of,
    id_dropout=SHARE,
)
class TwoTower(nn.Module):
    r"""Two towers: a score is the dot product of what each side makes of its id and its features.

    .. math:: \hat s_{ui} = u_u^\top v_i, \qquad v_i = q_i + \operatorname{net}(x_i)

    and :math:`u_u` likewise. With a temperature :math:`\tau`, both are brought to length 1 first, and

    .. math:: \hat s_{ui} = \frac{u_u^\top v_i}{\lVert u_u \rVert\, \lVert v_i \rVert\, \tau}

    Without one, a long :math:`v_i` stands for an item that many take.

    Args:
        n_users, n_items: rows of the two tables of ids.
        n_factors: K, the length of a vector.
        user_features, item_features: what is known of each, a row a code ``(U, F)``, ``(I, F)``, such as
            :func:`collabkit.film_features`; ``None`` leaves a side its ids alone. They are kept with the model.
        layers: units of each hidden layer between features and vector, with a ReLU after each; none by default.
        temperature: τ; ``None`` leaves lengths as they are.
        id_dropout: in training, the share of users and items that have to do without :math:`q`, so that the features
            learn to speak for whoever has none. Only where there are features.

    Where there are features, :math:`q` starts at zero: an item that training has not reached has the vector of its
    features. :meth:`item_vectors` and :meth:`user_vectors` give the vectors; the temperature is in those of users.

    Shape: x ``(B, 2)`` int64 (user index, item index) -> ``(B, 1)`` scores, which are no stars.
    Raises: ``IndexError`` for an index outside its table; ``ValueError`` for x of another shape. When built,
        ``ValueError`` or ``TypeError`` for a setting outside its range, and for features that are no table of finite
        numbers with a row for each code.
    Source: :cite:t:`covington2016deep`; :cite:t:`yi2019sampling`; dropping ids, :cite:t:`volkovs2017dropoutnet`.
    """

    def __init__(
        self,
        n_users: int,
        n_items: int,
        n_factors: int,
        user_features: Any = None,
        item_features: Any = None,
        layers: tuple[int, ...] = (),
        temperature: float | None = None,
        id_dropout: float = 0.2,
    ):
        super().__init__()
        self.user_tower = Tower(n_users, n_factors, user_features, layers, id_dropout)
        self.item_tower = Tower(n_items, n_factors, item_features, layers, id_dropout)
        self.temperature = temperature

    def forward(self, x: Tensor) -> Tensor:
        users, items = self.user_vectors(x[:, 0]), self.item_vectors(x[:, 1])  # (B, K)
        return (users * items).sum(dim=1, keepdim=True)  # (B, 1)

    def user_vectors(self, users: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        """Vectors ``(B, K)`` of these codes, or of all; where ``known`` ``(B,)`` is False, of the features alone."""
        vectors = self._of(self.user_tower, users, known)
        return vectors if self.temperature is None else F.normalize(vectors) / self.temperature

    def item_vectors(self, items: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        """As :meth:`user_vectors`. A score is the dot product of the two."""
        vectors = self._of(self.item_tower, items, known)
        return vectors if self.temperature is None else F.normalize(vectors)

    def tables(self) -> Tables:
        """All vectors: what it consists of, once it is trained."""
        return Tables(self.user_vectors(), self.item_vectors())

    @staticmethod
    def _of(tower: Tower, codes: Tensor | None, known: Tensor | None) -> Tensor:
        weight = tower.ids.weight
        return tower(torch.arange(len(weight), device=weight.device) if codes is None else codes, known)
