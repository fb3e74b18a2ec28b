"""tools/executed.py and tools/notebook_tests.py: a notebook runs once, and again when something it needs changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import executed

CELLS = ("from collabkit import a\na.x", "import sys\nprint('out')\nprint('err', file=sys.stderr)\nprint('more')")


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone with a package of one line and a result, and a notebook that shows the line."""
    (tmp_path / "collabkit/inner").mkdir(parents=True)
    (tmp_path / "collabkit/__init__.py").write_text("")
    (tmp_path / "collabkit/a.py").write_text("x = 1\n")
    (tmp_path / "collabkit/inner/results.json").write_text("{}")
    (tmp_path / "book").mkdir()
    monkeypatch.setattr(executed, "ROOT", tmp_path)
    write(tmp_path, *CELLS)
    return tmp_path


def write(clone: Path, *sources: str, prose: str = "# A title", tags=()) -> Path:
    cells = [new_markdown_cell(prose), *map(new_code_cell, sources)]
    cells[-1].metadata.update({"tags": list(tags)} if tags else {})
    path = clone / "book/01_a.ipynb"
    path.write_text(nbformat.writes(new_notebook(cells=cells)), "utf8")
    return path


def texts(nb) -> list[list[str]]:
    return [[out.get("text") or out.data["text/plain"] for out in cell.outputs] for cell in executed.code(nb)]


def keep(path: Path) -> None:
    """As if it had run."""
    nb = executed.read(path)
    executed.keep(path, nb, executed.key(nb))


def test_what_a_cell_prints_is_one_text_wherever_it_was_cut(clone):
    parts = "import sys, time\nfor part in ('a ', 'line\\n', 'and more'):\n    print(part, end='', flush=True)\n"
    ran, _ = executed.run(write(clone, parts + "    time.sleep(0.3)"))
    assert texts(ran) == [["a line\nand more"]]


def test_what_is_kept_is_what_ran_apart_from_the_clone_and_from_the_readers_own_ratings(clone, monkeypatch):
    monkeypatch.setenv("COLLABKIT_DATA", "/elsewhere")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # what is looked for below is what the notebook writes
    where = "import os\nprint(os.listdir(), os.environ.get('COLLABKIT_DATA'), os.environ['OMP_NUM_THREADS'])"
    path = write(clone, *CELLS, where, "1 / 0", tags=["raises-exception"])
    source, before = path.read_bytes(), sorted(clone.rglob("*"))
    assert executed.kept(path) is None
    ran, failed = executed.run(path)
    assert failed is None
    error = executed.code(ran)[-1].outputs.pop()
    assert texts(ran) == [["1"], ["out\nmore\n", "err\n"], ["[] None 1\n"], []]
    kept = executed.kept(path)
    assert error.ename == "ZeroDivisionError" and executed.code(kept)[-1].outputs.pop() == error  # it is meant
    assert kept == ran
    assert ran.metadata.language_info.pygments_lexer == "ipython3"  # pages colour code by it
    assert path.read_bytes() == source
    assert [file.name for file in executed.place(path).parent.iterdir()] == ["01_a.ipynb"]
    assert [p for p in sorted(clone.rglob("*")) if p not in before and clone / "_build" not in (p, *p.parents)] == []


CHANGES = {
    "a module": lambda clone: (clone / "collabkit/a.py").write_text("x = 2\n"),
    "a new module": lambda clone: (clone / "collabkit/b.py").write_text(""),
    "a module that is gone": lambda clone: (clone / "collabkit/a.py").unlink(),
    "a module's name": lambda clone: (clone / "collabkit/a.py").rename(clone / "collabkit/b.py"),
    "a result": lambda clone: (clone / "collabkit/inner/results.json").write_text('{"rmse": 1}'),
    "the code": lambda clone: write(clone, CELLS[0], "2"),
    "the order": lambda clone: write(clone, *reversed(CELLS)),
    "a cell less": lambda clone: write(clone, CELLS[0]),
    "a tag": lambda clone: write(clone, *CELLS, tags=["raises-exception"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_what_it_depends_on_makes_it_run_again(clone, change):
    path = write(clone, *CELLS)
    keep(path)
    assert executed.kept(path)
    CHANGES[change](clone)
    assert executed.kept(path) is None


@pytest.mark.parametrize("name", ["version", "python", "timeout and the rest of the tool"])
def test_so_do_versions_python_and_the_tool_itself(clone, monkeypatch, name):
    path = write(clone, *CELLS)
    keep(path)
    if name == "version":
        found = executed.versions()
        monkeypatch.setattr(executed, "versions", lambda: [*found[:-1], found[-1] + ".1"])
    elif name == "python":
        monkeypatch.setattr(sys, "version", "3.99")
        executed.versions.cache_clear()
    else:
        other = shutil.copy(executed.__file__, clone / "executed.py")
        Path(other).write_text(Path(other).read_text("utf8") + "\n# other\n", "utf8")
        monkeypatch.setattr(executed, "__file__", other)
    assert executed.kept(path) is None
    monkeypatch.undo()
    executed.versions.cache_clear()


def test_prose_and_compiled_files_change_nothing(clone):
    path = write(clone, *CELLS)
    keep(path)
    write(clone, *CELLS, prose="# Another title")
    (clone / "collabkit/__pycache__").mkdir()
    (clone / "collabkit/__pycache__/a.pyc").write_text("")
    assert executed.kept(path).cells[0].source == "# Another title"


def test_the_versions_are_those_installed():
    assert f"pytest=={pytest.__version__}" in executed.versions()


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        ("import os\nos._exit(1)", "DeadKernelError", "Kernel died"),
        ("import time\ntime.sleep(60)", "CellTimeoutError", "timed out"),
    ],
)
def test_a_notebook_that_fails_is_not_kept_and_says_where_it_stopped(clone, monkeypatch, source, error, said):
    monkeypatch.setattr(executed, "TIMEOUT", 2)
    path = write(clone, "1", source, "3")
    nb, failed = executed.run(path)
    assert failed == 1 and executed.kept(path) is None and not executed.place(path).exists()
    last = executed.code(nb)[1].outputs[-1]
    assert last.ename == error and said in last.evalue and last.traceback


def test_edited_while_it_ran_it_is_not_kept(clone):
    module = clone / "collabkit/a.py"
    path = write(clone, f"open({str(module)!r}, 'w').write('x = 3')")
    assert executed.run(path)[1] is None
    assert not executed.place(path).exists()


def test_a_write_that_is_stopped_leaves_the_old_one(clone, monkeypatch):
    path = write(clone, *CELLS)
    keep(path)
    old = executed.place(path).read_bytes()

    def stopped(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        executed.keep(path, executed.read(path), "another")
    assert [file.read_bytes() for file in executed.place(path).parent.iterdir()] == [old]


@pytest.fixture
def asked(clone):
    """``asked()`` tests the clone's notebook with the project's own plugin; gives the exit code and what it says."""
    here = Path(__file__).parents[1]
    for name in ("tools/executed.py", "tools/notebook_tests.py", "conftest.py", "collabkit/saving/atomic.py"):
        (clone / name).parent.mkdir(exist_ok=True)
        shutil.copy(here / name, clone / name)

    def run(*options: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "nbval.plugin", "--nbval-lax", *options, "book"]
        alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # other plugins take seconds to load
        done = subprocess.run(command, cwd=clone, env=alone, capture_output=True, text=True)
        return done.returncode, done.stdout

    return run


def test_the_second_test_run_starts_no_kernel(clone, asked):
    write(clone, "from time import time_ns\nprint(time_ns())")
    place = clone / "_build/executed/book/01_a.ipynb"
    code, said = asked()
    assert code == 0 and "01_a.ipynb: " in said and "notebooks: 1 ran and 0 had run before" in said
    first = place.read_bytes()
    code, said = asked("-p", "xdist", "-n", "1")
    assert code == 0 and "0 ran and 1 had run before" in said and place.read_bytes() == first
    code, said = asked("--fresh")
    assert code == 0 and "1 ran and 0 had run before" in said and place.read_bytes() == first


def test_a_cell_that_fails_is_red_with_its_traceback_and_nbval_still_compares_where_it_is_asked_to(clone, asked):
    path = write(clone, "print(1)", "# NBVAL_CHECK_OUTPUT\nprint(1)", "def half(x):\n    return x / 0\nhalf(1)", "3")
    nb = executed.read(path)
    nb.cells[2].outputs, nb.cells[2].execution_count = [nbformat.v4.new_output("stream", text="2\n")], 1
    path.write_text(nbformat.writes(nb), "utf8")
    code, said = asked()
    assert code == 1 and "ZeroDivisionError" in said and "division by zero" in said and "return x / " in said
    assert "Cell outputs differ" in said
    assert "2 failed, 1 passed, 1 skipped" in said and "not run: cell 2 failed" in said
    assert "failed: book/01_a.ipynb" in said and not (clone / "_build").exists()


@pytest.fixture
def pages(clone):
    """``pages()`` asks the Makefile, which runs nothing, whether the pages have to be built."""
    here = Path(__file__).parents[1]
    for name in ("Makefile", "_config.yml", "_toc.yml", "pyproject.toml"):
        shutil.copy(here / name, clone / name)
    for name in (".venv/installed", "_build/pages", "_build/executed/a.ipynb"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).touch()
    for path in clone.rglob("*"):
        os.utime(path, (1e9, 1e9))
    os.utime(clone / "_build/pages", (2e9, 2e9))

    def ask() -> bool:
        done = subprocess.run(["make", "-n", "_build/pages"], cwd=clone, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        return "jupyter-book build" in done.stdout

    return ask


def test_pages_are_built_once(pages):
    assert not pages()


FILES = ("book/01_a.ipynb", "collabkit/a.py", "_toc.yml", ".venv/installed", "_build/executed/a.ipynb")


@pytest.mark.parametrize("name", [*FILES, "book", "collabkit"])
def test_pages_are_built_again_when_a_file_has_changed_or_one_of_a_folder_is_gone(clone, pages, name):
    os.utime(clone / name, (3e9, 3e9))
    assert pages()
