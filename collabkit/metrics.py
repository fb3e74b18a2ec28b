"""Measures of error, in stars, over all rows."""

from __future__ import annotations

import numpy as np


def rmse(actual, predicted) -> float:
    r"""Root mean squared error, :math:`\sqrt{\frac1n \sum (r - \hat r)^2}`, in stars.

    Args:
        actual, predicted: stars, arrays or tensors of the same number of elements; ``(n,)`` and ``(n, 1)`` mix safely.

    Raises: ``ValueError`` when they differ in length, are empty, or hold a NaN.
    """
    return float(np.sqrt(np.mean(np.square(_residuals(actual, predicted)))))


def mae(actual, predicted) -> float:
    r"""Mean absolute error, :math:`\frac1n \sum |r - \hat r|`, in stars. Arguments and errors as in :func:`rmse`."""
    return float(np.mean(np.abs(_residuals(actual, predicted))))


def _residuals(actual, predicted) -> np.ndarray:
    """float64 differences ``(n,)``: flat on both sides, since ``(n,) - (n, 1)`` would make an ``(n, n)`` table."""
    actual, predicted = (np.asarray(values, dtype="float64").ravel() for values in (actual, predicted))
    if len(actual) != len(predicted):
        raise ValueError(f"{len(actual)} ratings but {len(predicted)} predictions: they must match row by row.")
    if len(actual) == 0:
        raise ValueError("no rows to measure: the error of an empty table is undefined.")
    residuals = actual - predicted
    if not np.isfinite(residuals).all():
        bad = (~np.isfinite(residuals)).sum()
        raise ValueError(f"{bad} of {len(residuals)} rows are not finite: did training diverge, or is a mean missing?")
    return residuals
