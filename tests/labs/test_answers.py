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
def changed(space: dict) -> Iterator[dict]:
    """The namespace itself, where answers see each other; as before afterwards."""
    before = dict(space)
    yield space
    space.clear()
    space.update(before)


def answers_to(question: TestFile) -> set[str]:
    """The names that a question's tests ask for."""
    return {name for case in question.test_cases for name in case.body._get_func_params()}


def test_solution_scores_full_marks_and_needs_no_other_answer(lab):
    asked = [name for question in lab.questions for name in answers_to(question)]
    assert len(asked) == len(set(asked)), "an answer that two questions ask for costs both when it is wrong"
    for question in lab.questions:
        with changed(lab.solved) as space:
            for name in set(asked) - answers_to(question):
                space.pop(name, None)
            assert caught(question, space) == {}, question.name


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


def test_wrong_answer_is_caught_by_its_test(lab):
    """It costs no other question, since none needs its answer."""
    answers = wrong_answers(lab.name)
    assert len(answers) >= 5
    questions = {question.name: question for question in lab.questions}
    for answer in answers:
        with changed(lab.solved) as space:
            exec(compile(answer.source, answer.what, "exec"), space)
            fails = caught(questions[answer.question], space)
        assert answer.test in fails, (answer.what, fails)
