"""Chapter and package cannot drift: what a chapter builds is what later chapters import."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from nbformat.v4 import new_notebook
from torch import nn

import collabkit
from tests.book import definitions, toy
from tests.book.test_anatomy import CHAPTERS
from tools import notebooks


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_definitions_equal_the_package(path):
    problems = definitions.problems(notebooks.read(path), collabkit)
    assert not problems, f"{path.name}:\n" + "\n".join(f"  - {problem}" for problem in problems)


def test_every_comparison_is_of_a_public_name():
    assert set(definitions.COMPARE) <= set(collabkit.__all__)


# ---- tests of the comparison, against a package of our own ----


class Dot(nn.Module):
    def __init__(self, n_users, n_items, n_factors, y_range=None):
        super().__init__()
        self.users, self.items = nn.Embedding(n_users, n_factors), nn.Embedding(n_items, n_factors)
        self.y_range = y_range

    def forward(self, x):
        score = (self.users(x[:, 0]) * self.items(x[:, 1])).sum(1, keepdim=True)
        return score if self.y_range is None else half(score, *self.y_range)


def half(x, lo, hi):
    return torch.sigmoid(x) * (hi - lo) + lo


PACKAGE = SimpleNamespace(__all__=["Dot", "half", "other"], Dot=Dot, half=half, other=len)
COMPARE = {"Dot": definitions.module(7, 5, 3), "half": definitions.function((torch.arange(3.0), 0, 5.5))}

CELLS = """
import torch
from torch import nn
K = 3

def half(x, lo, hi):
    return torch.sigmoid(x) * (hi - lo) + lo

class Dot(nn.Module):
    def __init__(self, n_users, n_items, n_factors=K, y_range=None):
        super().__init__()
        self.users = nn.Embedding(n_users, n_factors)
        self.items = nn.Embedding(n_items, n_factors)
        self.y_range = y_range

    def forward(self, x):
        score = (self.users(x[:, 0]) * self.items(x[:, 1])).sum(1, keepdim=True)  # (B, 1)
        return score if self.y_range is None else half(score, *self.y_range)

raise RuntimeError("training starts here, and must not run")
"""


def found(*changes: tuple[str, str], cells: str = CELLS) -> list[str]:
    for old, new in changes:
        assert old in cells
        cells = cells.replace(old, new)
    return definitions.problems(new_notebook(cells=[toy.code(cells)]), PACKAGE, COMPARE)


def test_equal_definitions_pass():
    assert found() == []


def test_chapter_may_build_without_the_range():
    assert found((", y_range=None", ""), ("self.y_range = y_range", "self.y_range = None")) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("self.users", "self.people"), "parameters"),
        (("nn.Embedding(n_items, n_factors)", "nn.Embedding(n_items, 2 * n_factors)"), "parameters"),
        (("* self.items", "+ self.items"), "scores differ"),
        (("keepdim=True", "keepdim=False"), "scores differ"),
        (("self.y_range = y_range", "self.y_range = None"), "scores differ with y_range"),
        (("+ lo", "- lo + 1"), "half differs"),
        (("def half(x, lo, hi)", "def half(x, lo)"), "half differs"),
        (("class Dot(nn.Module)", "def other(): pass\n\nclass Dot(nn.Module)"), "other has no comparison"),
        (("class Dot(nn.Module)", "def Dot(): pass\n\nclass Other(nn.Module)"), "not in the chapter"),
    ],
)
def test_difference_is_named(change, problem):
    assert any(problem in line for line in found(change)), found(change)


def test_helpers_may_use_the_chapters_data_but_public_names_may_not():
    assert found(("K = 3\n", "K = 3\ndef helper(rows=ratings): pass\n")) == []
    assert any("half needs more" in line for line in found(("def half(x, lo, hi)", "def half(x, lo, hi=top)")))


def test_later_import_does_not_hide_the_definition():
    assert any("half differs" in line for line in found(("+ lo\n", "+ lo + 1\n\nfrom torch import sigmoid as half\n")))
