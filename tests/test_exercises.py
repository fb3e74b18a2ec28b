"""The checks say what to do next; the quizzes are complete, readable and need no network."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys

import numpy as np
import pytest

from collabkit import exercises
from collabkit.exercises import NotTried, check, hint_for, is_number, questions, quiz

QUIZZES = sorted((exercises.files("collabkit.exercises") / "quizzes").iterdir(), key=lambda path: path.name)


@check("9.1", praise="Two is the smallest prime.")
def check_1(answer):
    if answer != 2:
        return "it is even."


@check("9.2")
def check_2(double):
    if double(3) != 6:
        return "twice three is six."


def stub(x):
    """What a student is given."""


@pytest.mark.parametrize(
    ("answer", "said", "result"),
    [
        (lambda: check_1(2), "Exercise 9.1: right. Two is the smallest prime.\n", True),
        (lambda: check_1(3), "Exercise 9.1: not yet. Hint: it is even.\n", False),
        (lambda: check_1(None), "Exercise 9.1: not tried yet.", False),
        (lambda: check_2(lambda x: 2 * x), "Exercise 9.2: right.\n", True),
        (lambda: check_2(lambda x: x), "Exercise 9.2: not yet. Hint: twice three is six.\n", False),
        (lambda: check_2(stub), "Exercise 9.2: not tried yet.", False),
        (lambda: check_2(7), "Exercise 9.2: not yet. Hint: checking your answer raised TypeError", False),
        (lambda: check_2(lambda x: x / 0), "raised ZeroDivisionError: division by zero", False),
    ],
)
def test_check_prints_what_to_do_and_returns_whether_right(answer, said, result, capsys):
    assert answer() == result
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("answer", [3, 0.5, np.float32(2), np.array(0.25), np.int64(7)])
def test_numbers(answer):
    assert is_number(answer)


@pytest.mark.parametrize("answer", [None, True, "3", float("nan"), np.inf, np.array([1.0]), 1j])
def test_no_numbers(answer):
    assert not is_number(answer)


def test_the_first_mistake_that_gives_the_answer_is_told():
    mistakes = [(2, "two"), (2.001, "about two"), (np.array([1, 3]), "a pair")]
    assert hint_for(2.0, mistakes[:2]) == "two"
    assert hint_for(2.0014, mistakes[:2], 1e-3) == "about two"
    assert hint_for([1.0, 3.0], mistakes[2:]) == "a pair"
    assert hint_for(2.1, mistakes[:2]) is None
    assert hint_for(2.1, mistakes[:2], otherwise="something else") == "something else"


def test_check_may_say_that_nothing_was_tried(capsys):
    @check("9.3")
    def check_3(answer):
        raise NotTried

    assert not check_3([])
    assert "not tried yet" in capsys.readouterr().out


def test_check_is_silent_as_the_last_line_of_a_cell():
    from IPython.core.formatters import DisplayFormatter

    assert DisplayFormatter().format(check_1(2)) == ({}, {})


def test_import_is_light():
    code = "import sys, collabkit.exercises; print({'torch', 'fastai', 'IPython', 'pandas'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


def test_missing_quiz_names_the_file():
    with pytest.raises(FileNotFoundError, match=r"chapter 99 has no quiz: write collabkit/exercises/quizzes/99\.json"):
        questions(99)


@pytest.mark.parametrize("path", QUIZZES, ids=lambda path: path.name)
def test_quiz_is_complete(path):
    asked = json.loads(path.read_text("utf8"))
    assert len(asked) >= 3, "a quiz has three questions or more"
    for question in asked:
        label = question["question"]
        assert question["type"] in {"multiple_choice", "many_choice", "numeric"}, label
        answers = question["answers"]
        assert all(answer.get("feedback") for answer in answers), f"every answer has feedback: {label}"
        correct = [answer for answer in answers if answer.get("correct")]
        if question["type"] == "multiple_choice":
            assert len(answers) >= 3 and len(correct) == 1, f"three answers or more, one of them right: {label}"
            assert len({answer["answer"] for answer in answers}) == len(answers), f"an answer comes twice: {label}"
        else:
            assert correct, f"no right answer: {label}"
        if question["type"] == "numeric":
            assert any(a.get("type") == "default" for a in answers), f"no feedback for other numbers: {label}"


def test_quiz_shows_its_questions_and_asks_no_other_host(monkeypatch):
    shown = []
    asked = [{"question": "Is it?", "type": "multiple_choice", "answers": [{"answer": "Yes", "correct": True}]}]
    monkeypatch.setattr(exercises, "questions", lambda chapter: asked)
    monkeypatch.setattr("IPython.display.display", shown.append)
    monkeypatch.setattr("jupyterquiz.dynamic.display.display", shown.append)
    state = random.getstate()
    quiz(9)
    assert random.getstate() == state
    html = "".join(item.data for item in shown)
    assert "Is it?" in html and exercises.QUIZ_COLOURS["--jq-correct-color"] in html
    assert not re.search(r"<(script|link|img)[^>]+https?:", html)


def luminance(colour: str) -> float:
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    "background", [name for name in exercises.QUIZ_COLOURS if name.endswith(("choice-bg", "correct-color"))]
)
def test_quiz_colours_are_readable_under_white_text(background):
    assert 1.05 / (luminance(exercises.QUIZ_COLOURS[background]) + 0.05) >= 4.5
