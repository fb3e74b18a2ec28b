"""Scores and losses of a fit: over all rows, whatever the batches."""

from types import SimpleNamespace

import pytest
import torch

from collabkit import rmse
from collabkit.training.losses import MeanLoss, RootMeanSquaredError, mean_squared_error

PREDICTED = torch.tensor([[3.0], [4.5], [1.0], [2.0], [5.0]])
STARS = torch.tensor([[2.0], [4.0], [5.0], [2.5], [3.0]])


def measured(metric, bs):
    metric.reset()
    for predicted, stars in zip(PREDICTED.split(bs), STARS.split(bs), strict=True):
        loss = mean_squared_error(predicted, stars)
        metric.accumulate(SimpleNamespace(pred=predicted, y=stars, yb=(stars,), loss=loss))
    return metric.value


@pytest.mark.parametrize("bs", [1, 2, 5])
def test_a_last_batch_that_is_smaller_counts_for_less(bs):
    assert measured(RootMeanSquaredError(), bs) == pytest.approx(rmse(STARS, PREDICTED))
    assert float(measured(MeanLoss(), bs)) == pytest.approx(rmse(STARS, PREDICTED) ** 2)


def test_no_rows_have_no_score_and_a_new_epoch_starts_afresh():
    metric = RootMeanSquaredError()
    measured(metric, 2)
    metric.reset()
    assert metric.value is None


def test_a_row_and_a_column_do_not_make_a_table():
    assert mean_squared_error(PREDICTED, STARS[:, 0]) == mean_squared_error(PREDICTED, STARS)
