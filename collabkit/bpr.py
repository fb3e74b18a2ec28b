"""BPR: a model that puts what a user chose before what the user did not, whatever number either of them scores."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from collabkit.checks.guard import guarded
from collabkit.models import embedding
from collabkit.negatives import Negatives
from collabkit.ratings import Ratings
from collabkit.tables import Tables


@guarded()
class BPR(nn.Module):
    r"""A score to rank by: how well a user's and an item's factors agree, plus how much everybody takes the item.

    .. math:: \hat x_{ui} = p_u^\top q_i + b_i

    A user's bias would add the same to all items, and so change no list.

    Args:
        n_users, n_items: rows of the two embedding tables.
        n_factors: K, the length of one embedding.

    A row that training never touched keeps its small random start.

    Shape: x ``(B, 2)`` int64 (user index, item index) -> ``(B, 1)`` scores, which are no stars.
    Raises: ``IndexError`` for an index outside its table; ``ValueError`` for x of another shape. When built,
        ``ValueError`` or ``TypeError`` for sizes below 1 (K: below 0).
    Source: :cite:t:`rendle2009bpr`.
    """

    def __init__(self, n_users: int, n_items: int, n_factors: int):
        super().__init__()
        self.user_factors = embedding(n_users, n_factors)
        self.item_factors = embedding(n_items, n_factors)
        self.item_bias = embedding(n_items, 1)

    def forward(self, x: Tensor) -> Tensor:
        user, item = x[:, 0], x[:, 1]  # (B,)
        score = (self.user_factors(user) * self.item_factors(item)).sum(dim=1, keepdim=True)  # (B, 1)
        return score + self.item_bias(item)

    def tables(self) -> Tables:
        """What it consists of."""
        return Tables(self.user_factors.weight, self.item_factors.weight, None, self.item_bias.weight)


def bpr_loss(chosen: Tensor, other: Tensor) -> Tensor:
    r"""How far pairs are from the right order: the mean of
    :math:`-\ln\operatorname{sigmoid}(\hat x_{ui} - \hat x_{uj})`.

    Args:
        chosen: scores of what users chose, :math:`\hat x_{ui}`, of any shape.
        other: scores of what the same users did not choose, :math:`\hat x_{uj}`, of the same shape.

    Raises: ``ValueError`` for two shapes: ``(B,)`` and ``(B, 1)`` would make every pair of the batch.
    Source: :cite:t:`rendle2009bpr`.
    """
    if chosen.shape != other.shape:
        shapes = f"{tuple(chosen.shape)} and {tuple(other.shape)}"
        raise ValueError(f"scores of shapes {shapes} are no pairs, one by one: give both the same shape.")
    return -F.logsigmoid(chosen - other).mean()


class BPRLoss(nn.Module):
    """:func:`bpr_loss` of a batch: each pair beside one item that its user has not rated, drawn anew every time.

    Args:
        train: what users have chosen; see :class:`~collabkit.Negatives`.
        seed: of the draws.

    Called with a model ``(B, 2) -> (B, 1)``, any of the course's, the batch x ``(B, 2)`` and its scores ``(B, 1)``.
    """

    def __init__(self, train: Ratings, seed: int = 0):
        super().__init__()
        self.negatives = Negatives(train, seed)

    def forward(self, model: nn.Module, x: Tensor, scores: Tensor) -> Tensor:
        users = x[:, :1]  # (B, 1)
        others = torch.cat([users, self.negatives.draw(users[:, 0])], dim=1)  # (B, 2)
        return bpr_loss(scores, model(others))
