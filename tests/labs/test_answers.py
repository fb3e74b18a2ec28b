"""Labs, answered in full, not at all, and wrongly. A lab and its wrong answers are found by listing `book/labs`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
import pytest
from otter.test_files.abstract_test import TestFile

from tests.labs.running import caught, code_cells, questions, run, wrong_answers
from tools import labs


@dataclass
class Lab:
    name: str
    questions: list[TestFile]  # with the hidden tests
    solved: dict  # what its solutions leave behind
    student: list[str]


@pytest.fixture(scope="module", params=labs.masters(), ids=lambda path: path.stem)
def lab(request, tmp_path_factory) -> Lab:
    matplotlib.use("Agg")
    master, out = request.param, tmp_path_factory.mktemp(request.param.stem)
    labs.assign(master, out)
    solved = run(code_cells(out / "autograder" / master.name))
    return Lab(master.stem, questions(out / "autograder/tests"), solved, code_cells(out / "student" / master.name))


@contextmanager
def replaced(space: dict) -> Iterator[None]:
    before = dict(space)
    yield
    space.clear()
    space.update(before)


def test_solution_scores_full_marks(lab):
    assert {q.name: caught(q, lab.solved) for q in lab.questions} == {q.name: {} for q in lab.questions}


def test_unfilled_notebook_runs_and_scores_zero(lab):
    space = run(lab.student)
    for question in lab.questions:
        assert set(caught(question, space)) == {case.name for case in question.test_cases}, question.name


def test_question_has_public_and_hidden_tests_with_names_of_their_own(lab):
    assert 5 <= len(lab.questions) <= 7
    for question in lab.questions:
        assert {case.hidden for case in question.test_cases} == {True, False}, question.name
    names = [case.name for question in lab.questions for case in question.test_cases]
    assert len(set(names)) == len(names)
    assert all(name.startswith("test_") for name in names)


def test_wrong_answer_is_caught_by_its_test_and_costs_its_question_alone(lab):
    answers = wrong_answers(lab.name)
    assert len(answers) >= 5
    for answer in answers:
        with replaced(lab.solved):  # where other answers see it, if they call it
            exec(compile(answer.source, answer.what, "exec"), lab.solved)
            fails = {q.name: caught(q, lab.solved) for q in lab.questions}
        assert answer.test in fails[answer.question], (answer.what, fails)
        assert [name for name, messages in fails.items() if messages] == [answer.question], (answer.what, fails)
