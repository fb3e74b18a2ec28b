"""Measures of error, in stars, over all rows."""

from __future__ import annotations

import numpy as np

from collabkit.checks import is_number


def rmse(actual, predicted) -> float:
    r"""Root mean squared error, :math:`\sqrt{\frac1n \sum (r - \hat r)^2}`, in stars.

    Args:
        actual, predicted: stars, arrays or tensors of the same number of elements; ``(n,)`` and ``(n, 1)`` mix safely.

    Raises: ``ValueError`` when they differ in length, are empty, or hold a NaN; ``TypeError`` for what is no numbers.
    """
    return float(np.sqrt(np.mean(np.square(_residuals(actual, predicted)))))


def mae(actual, predicted) -> float:
    r"""Mean absolute error, :math:`\frac1n \sum |r - \hat r|`, in stars. Arguments and errors as in :func:`rmse`."""
    return float(np.mean(np.abs(_residuals(actual, predicted))))


def as_numbers(name: str, values) -> np.ndarray:
    """Numbers in float64, flat, of an array, list, Series or tensor, whatever device holds it; missing ones as NaN."""
    if hasattr(values, "detach"):
        values = (values if values.is_complex() else values.double()).detach().cpu().numpy()
    if hasattr(values, "to_numpy"):
        values = (
            values.to_numpy(dtype=object) if values.dtype.kind not in "biufcmM" else values.to_numpy(na_value=np.nan)
        )
    values = np.asarray(values)
    if values.dtype == object and all(one is None or is_number(one) for one in values.flat):
        values = values.astype("float64")
    if values.dtype.kind not in "biuf":
        raise TypeError(f"{name} has values of type {values.dtype}: an error is measured between numbers.")
    return values.astype("float64").ravel()


def _residuals(actual, predicted) -> np.ndarray:
    """float64 differences ``(n,)``: flat on both sides, since ``(n,) - (n, 1)`` would make an ``(n, n)`` table."""
    actual, predicted = as_numbers("actual", actual), as_numbers("predicted", predicted)
    if len(actual) != len(predicted):
        raise ValueError(f"{len(actual)} ratings but {len(predicted)} predictions: they must match row by row.")
    if len(actual) == 0:
        raise ValueError("no rows to measure: the error of an empty table is undefined.")
    residuals = actual - predicted
    if not np.isfinite(residuals).all():
        bad = (~np.isfinite(residuals)).sum()
        raise ValueError(f"{bad} of {len(residuals)} rows are not finite: did training diverge, or is a mean missing?")
    return residuals
