"""The checks say what to do next, whatever they are given."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from collabkit.exercises import NotTried, check, hint_for, is_number, one_number


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
        (lambda: check_2(7), "Exercise 9.2: not yet. Hint: the check cannot use what you gave it (int): 'int'", False),
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


def test_what_was_printed_is_told_from_what_was_never_tried(capsys):
    def printed(x):
        print(2 * x)

    def forgotten(x):
        y = 2 * x  # noqa: F841

    for answer in (printed, forgotten):
        assert not check_2(answer)
        assert f"Hint: {answer.__name__} returned None: nothing came back" in capsys.readouterr().out
    assert not check_1(print(2))
    assert "Then your answer is None: print shows a value, and gives none back" in capsys.readouterr().out


def test_an_error_in_a_students_code_names_its_line(capsys):
    def mine(x):
        y = x
        return y + "1"

    assert not check_2(mine)
    assert "your code raised TypeError: unsupported operand" in (said := capsys.readouterr().out)
    assert 'return y + "1"' in said


def test_a_check_that_lacks_an_answer_says_which_it_takes(capsys):
    assert not check_1(1, 2)
    assert "this check wants 1 (answer), and you gave it 2." in capsys.readouterr().out


@pytest.mark.parametrize("answer, number", [(3, 3), (torch.ones(1, requires_grad=True), 1), (np.array([[2.5]]), 2.5)])
def test_one_number(answer, number):
    assert one_number(answer) == number


@pytest.mark.parametrize("answer", [True, "3", [1, 2], [[1], [2, 3]], 1j, torch.ones((), device="meta"), print])
def test_not_one_number(answer):
    assert one_number(answer) is None


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
