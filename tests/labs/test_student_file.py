"""The file that students get: one, whole, with no line of a solution or of a hidden test, metadata and outputs too."""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import nbformat
import otter
import pytest
from otter.test_files import ExceptionTestFile

from tools import labs, mark

BLOCK = re.compile(r"# BEGIN SOLUTION.*?\n(.*?)# END SOLUTION", re.S)
LINE = re.compile(r"^.*# ?SOLUTION.*$", re.M)
LONG = 25  # letters of a line that is found inside another one too


@pytest.fixture(scope="module", params=labs.masters(), ids=lambda path: path.stem)
def built(request, tmp_path_factory) -> tuple[Path, Path]:
    out = tmp_path_factory.mktemp("built")
    labs.build(request.param, out)
    return request.param, out


def texts(thing: Any) -> Iterator[str]:
    """Every string in a notebook, keys, metadata and outputs too, and every string that its code spells out."""
    if isinstance(thing, dict):
        for key, value in thing.items():
            yield key
            yield from texts("".join(value) if key == "source" and isinstance(value, list) else value)
    elif isinstance(thing, list):
        for value in thing:
            yield from texts(value)
    elif isinstance(thing, str):
        yield thing
        try:
            found = [node.value for node in ast.walk(ast.parse(thing)) if isinstance(node, ast.Constant)]
        except (SyntaxError, ValueError):
            return
        yield from (one for one in found if isinstance(one, str) and one != thing)


def secrets_of(master: Path) -> tuple[set[str], str]:
    """Lines that no student may see, and all the rest of a master as one text."""
    secret: list[str] = []
    shown: list[str] = []
    kind = ""
    for cell in nbformat.read(master, as_version=4).cells:
        if cell.cell_type == "raw":
            kind = cell.source.split("\n")[0]
        elif cell.source.startswith("# HIDDEN"):
            secret += cell.source.splitlines()[1:] + ast.unparse(ast.parse(cell.source)).splitlines()
        elif kind == "# BEGIN SOLUTION" and cell.cell_type == "markdown":
            secret += cell.source.splitlines()
        else:
            secret += "\n".join(BLOCK.findall(cell.source)).splitlines()
            secret += LINE.findall(BLOCK.sub("", cell.source))
            shown += LINE.sub("", BLOCK.sub("", cell.source)), unparsed(cell)
    text = "\n".join(shown)
    whole = {line.strip() for line in text.splitlines()}
    lines = {line.strip() for line in secret if re.search(r"\w", line)} - whole
    return {line for line in lines if len(line) < LONG or line not in text}, text


def unparsed(cell: nbformat.NotebookNode) -> str:
    """As otter writes a test."""
    return ast.unparse(ast.parse(cell.source)) if cell.source.startswith("def test_") else ""


def leaks(nb: dict, secret: set[str]) -> set[str]:
    text = "\n".join(texts(nb))
    whole = {line.strip() for line in text.splitlines()}
    return {line for line in secret if line in whole or (len(line) >= LONG and line in text)}


def test_no_solution_and_no_hidden_test_anywhere(built):
    master, out = built
    secret, _ = secrets_of(master)
    raw = (out / "student" / master.name).read_text("utf8")
    assert len(secret) > 20
    assert leaks(json.loads(raw), secret) == set()
    assert "hidden=True" not in raw
    names = re.findall(r"# HIDDEN\n+def (test_\w+)", "\n".join(c.source for c in nbformat.read(master, 4).cells))
    assert names and not [name for name in names if name in raw]


def test_the_search_finds_what_is_planted(built):
    master, out = built
    secret, _ = secrets_of(master)
    line = max(secret, key=len)
    for place in ("metadata", "output", "source"):
        nb = json.loads((out / "student" / master.name).read_text("utf8"))
        if place == "metadata":
            nb["metadata"]["otter"] = {"tests": {"q1": line}}
        elif place == "output":
            nb["cells"][2]["outputs"] = [{"text": ["a\n", line]}]
        else:
            nb["cells"][1]["source"].append(f"\nhidden = {line!r}")
        assert leaks(nb, secret) == {line}, place


def test_one_file_is_all_that_students_need(built):
    master, out = built
    assert {path.name for path in (out / "student").iterdir()} == {master.name}
    nb = nbformat.read(out / "student" / master.name, 4)
    nbformat.validate(nb)
    lab, cells = mark.cells_of(out / "student" / master.name)
    assert lab == master.stem
    assert sum("otter.Notebook(" in cell.source for cell in nb.cells) == 1
    assert not [
        cell for cell in cells if re.search(r"grader\.(export|to_pdf|check_all)|^[!%]", cell, re.M)
    ]  # not in Colab


def test_a_master_makes_the_same_file_each_time(built, tmp_path):
    master, out = built
    labs.build(master, tmp_path)
    for kind in ("student", "solutions"):
        assert (tmp_path / kind / master.name).read_text("utf8") == (out / kind / master.name).read_text("utf8")


def test_set_up_cell_writes_the_public_tests(built, tmp_path, monkeypatch):
    master, out = built
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ExceptionTestFile, "_generate_error_message", None)  # which the cell sets, for good
    monkeypatch.setattr(otter.Notebook, "_log_event", otter.Notebook._log_event)  # this one too
    setup = next(
        c for c in nbformat.read(out / "student" / master.name, 4).cells if "setup" in c.metadata.get("tags", [])
    )
    space: dict = {}
    exec(compile(setup.source, "<set-up>", "exec"), space)
    questions = mark.Lab.read(out / "autograder" / f"{master.stem}.zip").questions
    written = {path.stem: path for path in (tmp_path / "tests" / master.stem).iterdir()}
    assert written.keys() == questions.keys()
    with redirect_stdout(io.StringIO()):
        result = space["grader"].check("q1", global_env={})
    assert not result.passed_all
    assert [path.name for path in tmp_path.iterdir()] == ["tests"]  # and no log
    shown = repr(result) + result._repr_html_()
    assert "Error at line" not in shown and "Traceback" not in shown and "assert " not in shown


def test_archive_has_all_tests_and_no_key(built):
    master, out = built
    with zipfile.ZipFile(out / "autograder" / f"{master.stem}.zip") as archive:
        names = archive.namelist()
        config = json.loads(archive.read("otter_config.json"))
        tests = "".join(archive.read(name).decode() for name in names if name.startswith("tests/"))
    assert "hidden=True" in tests
    assert config["assignment_name"] == master.stem
    assert not {"token", "course_id"} & config.keys()
