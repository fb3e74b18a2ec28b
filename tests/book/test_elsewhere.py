"""Every notebook's calls on a device that is not the CPU (tests/elsewhere.py): what is red here fails on a GPU.

Fits stop after a few batches and scores mean nothing, so what a notebook asserts is not asked.
"""

from __future__ import annotations

import ast
import contextlib
import io
import warnings
from itertools import islice
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from collabkit import ALS, BayesianMF, ImplicitALS
from collabkit.learner import StopOnNaN
from collabkit.loaders import RatingsLoader
from collabkit.results.bands import Band
from tests.book.chapter import Chapter
from tests.conftest import a_gpu_is_here
from tests.elsewhere import everything_elsewhere
from tools.notebooks import notebooks, read

pytestmark = pytest.mark.skipif(a_gpu_is_here(), reason="there is a GPU, on which the notebooks run")
BATCHES = 2  # of a fit


def code(path: Path) -> list[str]:
    return [cell.source for cell in read(path.resolve()).cells if cell.cell_type == "code"]


LEARNING = [path for path in notebooks() if Chapter(read(path.resolve()), 0).uses_a_device()]  # others: NumPy and CPU


class Unasserted(ast.NodeTransformer):
    """``assert x`` becomes ``x``."""

    def visit_Assert(self, node):
        return ast.copy_location(ast.Expr(node.test), node)


def run(source: str, name: str, world: dict) -> None:
    exec(compile(Unasserted().visit(ast.parse(source)), name, "exec"), world)


def on_few_ratings(fit):
    return lambda self, train, *args, **kwargs: fit(self, train.take(slice(None, None, 20)), *args, **kwargs)


@pytest.fixture
def short(monkeypatch):
    """Fits of a few batches, solvers on a few ratings, and no score judged."""
    whole = RatingsLoader.__iter__
    monkeypatch.setattr(RatingsLoader, "__iter__", lambda self: islice(whole(self), BATCHES if self.shuffle else None))
    monkeypatch.setattr(Band, "check", lambda self, value: None)
    monkeypatch.setattr(StopOnNaN, "after_train", lambda self: None)
    monkeypatch.setattr(BayesianMF, "_warn_unless_settled", lambda *_: warnings.warn("not settled", stacklevel=1))
    for solver in (ALS, ImplicitALS, BayesianMF):
        monkeypatch.setattr(solver, "fit", on_few_ratings(solver.fit))


@pytest.mark.parametrize("path", LEARNING, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore")
def test_a_notebook(path: Path, short, tmp_path, monkeypatch):
    cells = code(path)
    monkeypatch.chdir(tmp_path)
    world: dict = {"__name__": "__main__", "display": lambda *shown: None}
    with everything_elsewhere(), contextlib.redirect_stdout(io.StringIO()), plt.rc_context({"backend": "agg"}):
        for number, source in enumerate(cells):
            run(source, f"{path.stem}, code cell {number}", world)
            plt.close("all")
