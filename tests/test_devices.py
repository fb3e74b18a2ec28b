"""What runs on a GPU too: no tensor becomes a NumPy array but by way of the CPU."""

from __future__ import annotations

import ast

import pytest

from tests.book.rules import without_cpu
from tools.notebooks import ROOT

FILES = sorted(path for folder in ("collabkit", "benchmarks", "tools") for path in (ROOT / folder).rglob("*.py"))
ON_THE_CPU = {  # by function: why no .cpu() is needed
    (
        "collabkit/saving/storage.py",
        "_tensors_sha256",
    ): "from a file, or from pack_model and pack_ratings",
    ("collabkit/saving/packing.py", "unpack_ratings"): "likewise",
}


def hidden(source: str) -> list[tuple[str, str]]:
    """(function, expression) of each ``.numpy()`` without ``.cpu()`` before it."""
    found = []
    for node in ast.parse(source).body:
        for chain in without_cpu(node):
            found.append((getattr(node, "name", ""), f"{ast.unparse(chain)}.numpy()"))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_to_numpy_by_way_of_the_cpu(path):
    name = path.relative_to(ROOT).as_posix()
    assert [what for where, what in hidden(path.read_text("utf8")) if (name, where) not in ON_THE_CPU] == []


def test_what_the_search_finds():
    source = """
def f(x):
    a = x.detach().numpy(), x.cpu().numpy(), x[x.cpu()].numpy(), frame["user"].to_numpy()
    return model(x).flatten().numpy()
"""
    expressions = ["x.detach().numpy()", "x[x.cpu()].numpy()", "model(x).flatten().numpy()"]
    assert sorted(hidden(source)) == sorted(("f", one) for one in expressions)
