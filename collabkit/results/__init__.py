"""What the benchmarks have measured, for chapters and tests to read: JSON files with dates and versions."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


def names() -> list[str]:
    return sorted(path.name.removesuffix(".json") for path in files(__name__).iterdir() if path.name.endswith(".json"))


@cache
def load(name: str) -> dict[str, Any]:
    """What was measured under a name, such as ``"ranking"``: ``measured`` (the date), ``versions``, and its own parts.

    Raises: ``KeyError`` that lists the names there are.
    """
    if name not in names():
        raise KeyError(f"no results {name!r}. There are: {', '.join(names())}")
    return json.loads(files(__name__).joinpath(f"{name}.json").read_text("utf8"))
