"""Results: the one writer of what was measured, for `collabkit.results` to read: each file with date and versions."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Collection, Iterable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from collabkit.saving.atomic import write_together

FOLDER = Path(__file__).resolve().parent.parent / "collabkit/results"
PACKAGES = ("torch", "fastai", "numpy", "pandas", "scipy", "scikit-learn")


def versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def write(name: str, body: dict[str, Any]) -> None:
    """Write a file of results, whole or not at all, with today's date and the versions at its head.

    Long jobs call it after each part: one that is cut off has lost no other.
    """
    head = {"measured": str(date.today()), "versions": versions()}
    write_together({FOLDER / f"{name}.json": formatted(head | body).encode()})


def formatted(body: dict[str, Any]) -> str:
    """The text of a file. Its parts stay in the order of the body, which is that of the benchmark's own tables."""
    return json.dumps(body, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def kept(name: str, parts: Collection[str]) -> dict[str, Any]:
    """The body of a file of which only some parts are measured again; nothing when no parts are named: then all are.

    Exits when it was measured with other versions: figures that stand side by side come from the same ones.
    """
    path = FOLDER / f"{name}.json"
    if not parts or not path.exists():
        return {}
    body, now = json.loads(path.read_text("utf8")), versions()
    del body["measured"]
    if (then := body.pop("versions")) != now:
        moved = ", ".join(f"{one} {then.get(one)} → {now[one]}" for one in now if then.get(one) != now[one])
        sys.exit(f"the rest of {path.name} was measured with other versions ({moved}): measure all of it again.")
    return body


def in_order(names: Iterable[str], table: dict[str, Any]) -> dict[str, Any]:
    """The entries of a table in the order of these names; one that is not among them is measured no more, and goes."""
    return {name: table[name] for name in names if name in table}
