"""Every notebook's calls on a device that is not the CPU (tests/elsewhere.py): what is red here fails on a GPU.

Fits stop after a few batches and scores mean nothing, so what a notebook asserts is not asked.
"""

from __future__ import annotations

import ast
import contextlib
import io
import sys
import warnings
from itertools import islice
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from fastai.data.load import DataLoader

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
STEPS = 10  # of a loop that is written out


def code(path: Path) -> list[str]:
    return [cell.source for cell in read(path.resolve()).cells if cell.cell_type == "code"]


LEARNING = [path for path in notebooks() if Chapter(read(path.resolve()), 0).uses_a_device()]  # others: NumPy and CPU


class Short(ast.NodeTransformer):
    """``assert x`` becomes ``x``; a loop of training steps that is written out ends early, as a Learner's does."""

    def visit_Assert(self, node):
        return ast.copy_location(ast.Expr(node.test), node)

    def visit_For(self, node):
        self.generic_visit(node)
        counted = isinstance(node.iter, ast.Call) and not all(isinstance(n, ast.Constant) for n in node.iter.args)
        if takes_a_step(node.body) and not (counted and ast.unparse(node.iter.func) == "range"):
            node.iter = ast.Call(ast.Name(few.__name__, ast.Load()), [node.iter], [])
        return node


def takes_a_step(nodes) -> bool:
    """Whether there is a backward pass here, and not in a loop further in."""
    return any(
        getattr(node, "attr", None) == "backward" or takes_a_step(ast.iter_child_nodes(node))
        for node in nodes
        if not isinstance(node, ast.For)
    )


def few(steps):
    return islice(steps, STEPS)


def run(source: str, name: str, world: dict) -> None:
    exec(compile(ast.fix_missing_locations(Short().visit(ast.parse(source))), name, "exec"), world)


def a_few_batches(whole):
    return lambda self: islice(whole(self), BATCHES if self.shuffle else None)


def on_few_ratings(fit):
    return lambda self, train, *args, **kwargs: fit(self, train.take(slice(None, None, 20)), *args, **kwargs)


@pytest.fixture
def short(monkeypatch, read_once):
    """Fits of a few batches, solvers on a few ratings, and no score judged."""
    for loader in (RatingsLoader, DataLoader):
        monkeypatch.setattr(loader, "__iter__", a_few_batches(loader.__iter__))
    monkeypatch.setattr(Band, "check", lambda self, value: None)
    monkeypatch.setattr(StopOnNaN, "after_train", lambda self: None)
    monkeypatch.setattr(BayesianMF, "_warn_unless_settled", lambda *_: warnings.warn("not settled", stacklevel=1))
    for solver in (ALS, ImplicitALS, BayesianMF):
        monkeypatch.setattr(solver, "fit", on_few_ratings(solver.fit))
    forget_fits()
    yield
    forget_fits()


def forget_fits() -> None:
    """Those that the checks of exercises keep: here they would run nothing, and elsewhere they would be too short."""
    for name, module in list(sys.modules.items()):
        if name.startswith("collabkit.exercises."):
            for one in vars(module).values():
                getattr(one, "cache_clear", int)()


@pytest.mark.parametrize("path", LEARNING, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore")
def test_a_notebook(path: Path, short, tmp_path, monkeypatch):
    cells = code(path)
    monkeypatch.chdir(tmp_path)
    world: dict = {"__name__": "__main__", "display": lambda *shown: None, few.__name__: few}
    with everything_elsewhere(), contextlib.redirect_stdout(io.StringIO()), plt.rc_context({"backend": "agg"}):
        for number, source in enumerate(cells):
            run(source, f"{path.stem}, code cell {number}", world)
            plt.close("all")
