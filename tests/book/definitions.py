"""What a chapter defines under a public name of collabkit is what collabkit exports.

`COMPARE` names a comparison for each public name that a chapter builds; a later chapter needs one line more.
A comparison takes (the chapter's object, the package's object) and raises AssertionError when they differ.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator

import numpy as np
import torch
from nbformat import NotebookNode
from torch import nn

from tests.book.chapter import Chapter

Comparison = Callable[[object, object], None]
Y_RANGES = (None, (0, 5.5))


def module(*sizes: int, **options) -> Comparison:
    """Same parameters, by name and shape; and with the package's weights, the same scores."""

    def compare(ours, theirs):
        for y_range in Y_RANGES:
            if y_range and "y_range" not in inspect.signature(ours).parameters:
                continue
            extra = options | ({"y_range": y_range} if y_range else {})
            chapter, package = ours(*sizes, **extra).eval(), theirs(*sizes, **extra).eval()
            shapes = [{k: tuple(v.shape) for k, v in m.state_dict().items()} for m in (chapter, package)]
            assert shapes[0] == shapes[1], f"parameters {shapes[0]} in the chapter, {shapes[1]} in collabkit"
            with torch.no_grad():  # larger weights than a fresh model has, so that nothing hides near zero
                for parameter in package.parameters():
                    parameter.normal_(generator=torch.Generator().manual_seed(parameter.numel()))
            chapter.load_state_dict(package.state_dict())
            x = torch.stack([torch.arange(40) % sizes[0], torch.arange(40) % sizes[1]], dim=1)  # (B, 2)
            torch.testing.assert_close(chapter(x), package(x), msg=f"scores differ with y_range={y_range}")

    return compare


def function(*samples: tuple) -> Comparison:
    """The same result for each tuple of arguments."""

    def compare(ours, theirs):
        assert samples, "no sample to compare on"
        for arguments in samples:
            got, wanted = (torch.as_tensor(f(*arguments)) for f in (ours, theirs))
            torch.testing.assert_close(got, wanted, check_dtype=False, msg=f"{got} in the chapter, not {wanted}")

    return compare


def parameter(*sizes: list[int]) -> Comparison:
    """A parameter of each size; from the same seed, with the same numbers."""

    def compare(ours, theirs):
        for size in sizes:
            made = []
            for create in (ours, theirs):
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(0)
                    made.append(create(size))
            assert isinstance(made[0], nn.Parameter), f"a {type(made[0]).__name__}, not an nn.Parameter"
            torch.testing.assert_close(*made, msg=f"{made[0]} in the chapter, not {made[1]}")

    return compare


STARS = np.array([0.5, 3.0, 4.5, 5.0]), np.array([1.25, 3.0, 4.0, 5.5])
COMPARE: dict[str, Comparison] = {
    "rmse": function(STARS),
    "mae": function(STARS),
    "sigmoid_range": function((torch.linspace(-9, 9, 31), 0, 5.5), (torch.linspace(-9, 9, 31), 0.5, 5)),
    "DotProduct": module(7, 5, 3),
    "DotProductBias": module(7, 5, 3),
    "create_params": parameter([7, 5], [4, 1]),
    "DotProductBiasParams": module(7, 5, 3),
    "mean_overlap": function(([[1, 2], [2, 1], [5, 6]],), ([[1, 2, 3], [3, 4]],)),
    "BPR": module(7, 5, 3),
    "bpr_loss": function((torch.linspace(-9, 9, 31), torch.linspace(-4, 8, 31)), (torch.ones(3, 1), torch.zeros(3, 1))),
    "EmbeddingNet": module(7, 5, (2, 3), layers=(6, 4), embedding_dropout=0.5, dropout=0.5),
}


def is_constant(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Assign):
        return False
    try:
        ast.literal_eval(node.value)
    except ValueError:
        return False
    return True


def definitions(nb: NotebookNode, public: set[str]) -> Iterator[tuple[str, object]]:
    """(name, object) of each public function or class a notebook defines, made from its imports, its constants
    and its definitions alone: nothing is trained. Exercises and solutions are left out."""
    space: dict[str, object] = {"__name__": "chapter"}
    for cell in Chapter(nb, 0).code(untagged=("setup", "exercise", "solution")):
        for node in ast.parse(cell.source).body:
            defined = isinstance(node, ast.FunctionDef | ast.ClassDef)
            if not (defined or isinstance(node, ast.Import | ast.ImportFrom) or is_constant(node)):
                continue
            name, made = getattr(node, "name", None), None
            try:
                exec(compile(ast.Module([node], []), "chapter", "exec"), space)
                made = space.get(name)
            except Exception as error:  # a helper that needs the chapter's data; no matter, unless it is public
                made = error
            if defined and name in public:
                yield name, made


def problems(nb: NotebookNode, package, compare: dict[str, Comparison] = COMPARE) -> list[str]:
    found = []
    for name, ours in definitions(nb, set(package.__all__)):
        if isinstance(ours, Exception):
            found.append(f"{name} needs more than the chapter's imports and constants: {ours}")
            continue
        if name not in compare:
            found.append(f"{name} has no comparison: add a line to COMPARE in tests/book/definitions.py")
            continue
        theirs = getattr(package, name)
        if isinstance(theirs, type) and issubclass(theirs, nn.Module) and not isinstance(ours, type):
            found.append(f"{name} is a class in collabkit, but not in the chapter")
            continue
        try:
            compare[name](ours, theirs)
        except Exception as error:
            found.append(f"{name} differs from collabkit.{name}: {error}")
    return found
