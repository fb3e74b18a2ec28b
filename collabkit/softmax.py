"""Sampled softmax: what a user chose against all items at once, of which only some are scored."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from collabkit import checks
from collabkit.negatives import Drawing
from collabkit.ratings import Ratings, rated
from collabkit.tables import crossed

JUDGED_BY = 1000  # items that validation is measured against: its rows are in order, and no fair sample


class SampledSoftmax(Drawing):
    r"""How surprising it is that a user chose this item of all, with the sum over all items estimated from a few.

    .. math:: -\ln \frac{e^{s_{ui}}}{\sum_j e^{s_{uj}}}, \qquad
              \sum_j e^{s_{uj}} \approx e^{s_{ui}} + \sum_{j \in C,\, j \ne i} \frac{e^{s_{uj}}}{m\,Q_j}

    The m candidates C are drawn with probabilities :math:`Q_j`, and one that is drawn twice as often as another counts
    half as much: this makes the sum right on average. In the exponent it takes :math:`\ln (m Q_j)` off a score.

    Args:
        train: what users have chosen; its counts are :math:`Q_j` where candidates come from the batch.
        n_negatives: candidates, drawn uniformly for the whole batch. ``None`` takes those that are there already, the
            items of the other rows: a popular one comes more often.
        correction: whether to divide by :math:`m Q_j`. Without it, candidates of the batch push popular items down,
            and what is learnt is how much *more* this user chooses an item than others do.
        seed: of the draws.

    A candidate that is the row's own item is left out, since it is counted already. A batch of one row, and rows that
    the model is only measured on (``model.eval()``), meet items drawn uniformly. An item without training ratings
    counts as if it had one.

    Called with a model, the batch x ``(B, 2)`` and its scores ``(B, 1)``: a model with
    :class:`~collabkit.tables.Tables` scores all candidates by one matrix product, any other pair by pair.

    Raises: ``ValueError`` when ``train`` has fewer than two items.
    Source: the estimate, :cite:t:`bengio2008adaptive`; in batches, :cite:t:`yi2019sampling`.
    """

    log_q: Tensor

    def __init__(self, train: Ratings, n_negatives: int | None = None, correction: bool = True, seed: int = 0):
        super().__init__(seed)
        rated(train, "train")
        self.n_negatives = None if n_negatives is None else checks.whole("n_negatives", n_negatives, at_least=1)
        self.correction, self.n_items = checks.flag("correction", correction), train.n_items
        if self.n_items < 2:
            raise ValueError("train has one item, which is chosen for certain: there is no other to put it before.")
        counts = np.bincount(train.item, minlength=train.n_items).clip(min=1)
        self.keep(log_q=torch.from_numpy(np.log(counts / len(train)).astype("float32")))

    def forward(self, model: nn.Module, x: Tensor, scores: Tensor) -> Tensor:
        users, items = x[:, 0], x[:, 1]  # (B,)
        in_batch = self.n_negatives is None and model.training and len(x) > 1
        if in_batch:
            candidates, m, log_q = items, len(items) - 1, self.log_q[items]
        else:
            m = self.n_negatives or JUDGED_BY
            candidates = torch.randint(self.n_items, (m,), generator=self.generator(x.device), device=x.device)
            log_q = scores.new_full((m,), -math.log(self.n_items))
        others = crossed(model, users, candidates)  # (B, C)
        own = candidates == items[:, None]
        if self.correction:
            others = others - (log_q + math.log(m))
        elif in_batch:  # as it is mostly written: a row's own column alone is not held against it
            own = torch.eye(len(items), dtype=torch.bool, device=x.device)
        others = others.masked_fill(own, torch.finfo(others.dtype).min)  # where all are out, -inf has no gradient
        return (torch.logaddexp(others.logsumexp(dim=1), scores[:, 0]) - scores[:, 0]).mean()
