import numpy as np
import pytest
import torch
from sklearn.metrics import mean_absolute_error, mean_squared_error

from collabkit import mae, rmse


def test_by_hand():
    assert rmse([1, 2, 3], [1, 2, 5]) == pytest.approx((4 / 3) ** 0.5)
    assert mae([1, 2, 3], [1, 2, 5]) == pytest.approx(2 / 3)


def test_equal_to_scikit_learn():
    rng = np.random.default_rng(0)
    for _ in range(1000):
        actual, predicted = rng.normal(3, 1, (2, rng.integers(1, 50)))
        assert rmse(actual, predicted) == pytest.approx(mean_squared_error(actual, predicted) ** 0.5)
        assert mae(actual, predicted) == pytest.approx(mean_absolute_error(actual, predicted))


def test_a_column_and_a_row_do_not_become_a_table():
    assert rmse(torch.tensor([1.0, 2.0]), torch.tensor([[1.0], [2.0]])) == 0


@pytest.mark.parametrize("measure", [rmse, mae])
@pytest.mark.parametrize(
    ("actual", "predicted", "message"),
    [([], [], "no rows"), ([1], [1, 2], "match row by row"), ([1, 2], [1, float("nan")], "1 of 2 rows are not finite")],
)
def test_bad_input_is_refused(measure, actual, predicted, message):
    with pytest.raises(ValueError, match=message):
        measure(actual, predicted)
