"""The plan of the package: imports go one way, and a module is one idea."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools.notebooks import ROOT

PACKAGE = ROOT / "collabkit"
# From what knows nothing of the others to what knows all of them. A module imports what stands above it here.
ORDER = """
borrowed
checks checks.guard
data.titles data.vocabulary data.suspicious data.columns data.parquet
ratings
data.pairs data.embedded data.movielens_files data.movielens_folds
movielens splits official recipe features tables
metrics models plots
training.optimizer training.losses training.start
negatives bpr softmax
blocks gibbs chains sittings averages gaussian ordered
loaders learner training.fit training.parallel baselines als bayes informed propagation
implicit_als weights item_item neighbours together ease recency interpret maps evaluation diversity
saving.atomic shells index_recall index towers saving.packing saving.packing_bayes saving.packing_choices
saving.packing_items saving.packing_towers saving.packing_models saving.cards saving.storage saving.mapped
training.checkpoint
recommend.topk recommend.catalogue recommend.average_rows recommend.fold_in recommend.drawn_fold_in recommend.served
recommend.served_towers recommend.candidates recommend.draws recommend.served_items recommend.choices recommend.mapped
recommend.seen recommend.serving recommend.newcomer recommend.batch recommend.recommender recommend.rate_page spark
results results.bands advice
exercises
"""
TESTED_WITH = {f"recommend.{name}" for name in ("average_rows", "served", "served_towers")}  # through what calls them
PLACES = {name: place for place, name in enumerate(ORDER.split())}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def place(name: str) -> int:
    """Of a module, or of its folder: the exercises are alike."""
    name = name if name in PLACES else name.partition(".")[0]
    assert name in PLACES, f"{name} has no place yet: write it into ORDER above, after all that it imports"
    return PLACES[name]


def imported(path: Path) -> list[str]:
    """Modules of the package that are imported anywhere in the file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "collabkit":
            inside = (node.module or "").partition(".")[2]
            for alias in node.names:
                name = f"{inside}.{alias.name}".strip(".")
                found.append(name if (PACKAGE / f"{name.replace('.', '/')}.py").exists() or not inside else inside)
    return found


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_go_one_way(path):
    name = dotted(path)
    if path.name == "__init__.py" and name not in PLACES:
        assert not imported(path), f"{name}/__init__.py is a title alone"
        return
    for other in imported(path):
        if other.startswith("exercises"):
            assert name.startswith("exercises"), f"{name} imports {other}"
        else:
            assert place(other) < place(name), f"{name} imports {other}, which comes after it"


@pytest.mark.parametrize("name", [dotted(path) for path in MODULES])
def test_a_module_has_a_file_of_tests(name):
    if name in TESTED_WITH or (ROOT / "collabkit" / name.replace(".", "/")).is_dir():
        return
    folder, _, last = name.rpartition(".")
    file = f"tests/test_exercises_{last}.py" if folder == "exercises" else f"tests/{folder}/test_{last}.py"
    assert (ROOT / file).is_file(), (
        f"write {file.replace('//', '/')}: what {name} promises, and a mistake that it refuses"
    )


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_a_module_can_be_read_in_one_sitting(path):
    assert len(path.read_text("utf8").splitlines()) <= 275
