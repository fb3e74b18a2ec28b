"""Run a lab without a kernel: its cells in one namespace, and otter's own test files on what they define."""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from otter.test_files.abstract_test import TestFile
from otter.test_files.exception_test import ExceptionTestFile

WRONG = Path(__file__).parent / "wrong"
HEAD = re.compile(r"^# %% (q\w+) (test_\w+): (.+)$", re.M)


@dataclass
class WrongAnswer:
    question: str
    test: str  # the one that catches it
    what: str  # the misconception
    source: str


def wrong_answers(lab: str) -> list[WrongAnswer]:
    """The wrong answers of `wrong/LAB.py`, each under its line `# %% question test: what is wrong`."""
    _, *parts = HEAD.split((WRONG / f"{lab}.py").read_text("utf8"))
    return [WrongAnswer(*parts[i : i + 4]) for i in range(0, len(parts), 4)]


def code_cells(path: Path) -> list[str]:
    """The code cells of a notebook, without the checks."""
    cells = nbformat.read(path, as_version=4).cells
    return [c.source for c in cells if c.cell_type == "code" and not c.source.startswith("grader.check")]


def run(cells: list[str]) -> dict:
    """What the cells leave behind; an error in one of them is raised."""
    space: dict = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in cells:
            exec(compile(cell, "<lab>", "exec"), space)
    return space


def questions(folder: Path) -> list[TestFile]:
    """The questions of a lab, each with its tests."""
    return [ExceptionTestFile.from_file(str(path)) for path in sorted(folder.glob("*.py"))]


def caught(question: TestFile, space: dict) -> dict[str, str]:
    """The tests of a question that fail on a namespace, each with what it says."""
    question.run(dict(space))
    return {r.test_case.name: r.message for r in question.test_case_results if not r.passed}
