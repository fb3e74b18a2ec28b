"""Settings: what a benchmark runs, as files of results have it, so that a test can tell which of them are stale."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import product
from typing import Any


def plain(value: Any) -> Any:
    """Settings as JSON has them.

    A class, a function, or a ``partial`` of one, is ``{its name: its defaults}``; a model with ``fit``, likewise, is
    ``{its class: its arguments}``.
    """
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, list | tuple | range):
        return [plain(one) for one in value]
    if callable(value):
        name = (value.func if isinstance(value, partial) else value).__name__
        parameters = inspect.signature(value).parameters.values()
        return {name: {one.name: plain(one.default) for one in parameters if one.default is not one.empty}}
    return {type(value).__name__: plain(arguments(value))} if hasattr(value, "fit") else value


def arguments(model) -> dict[str, Any]:
    """The arguments of a model that was not fitted, defaults included, as JSON has them; not where and how loudly."""
    return {name: plain(value) for name, value in vars(model).items() if name not in ("device", "progress")}


def combinations(grid: Mapping[str, Iterable]) -> list[dict[str, Any]]:
    """Every choice of one value a setting; one empty choice for an empty grid."""
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
