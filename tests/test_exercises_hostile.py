"""Whatever is handed to a check of the course, a sentence comes back: never a traceback, never "right"."""

from __future__ import annotations

from functools import partial
from importlib import import_module

import numpy as np
import pytest
import torch
from torch import nn

from collabkit import load_movielens
from tests.test_exercises_quiz_page import QUIZZES

pytestmark = pytest.mark.usefixtures("read_once")
CHECKS = {
    f"{chapter}.{number}": getattr(import_module(f"collabkit.exercises.ch{chapter:02}"), f"check_{number}")
    for chapter in range(1, len(QUIZZES) + 1)
    for number in (1, 2, 3)
}


class NeedsMore(nn.Module):
    def __init__(self, a, b, c, d, e, f, g):
        super().__init__()


class Bare(nn.Module):
    """Takes anything, has nothing, and answers with what it is made of."""

    answer: object = 0.5

    def __init__(self, *sizes, **named):
        super().__init__()
        self.layer = nn.Linear(2, 3)

    def forward(self, x):
        return self.answer


def prints(*args, **kwargs):
    print("seven")


def raises(*args, **kwargs):
    return args[0] / 0 + undefined  # noqa: F821


def takes_nothing():
    return 1


def returns(answer):
    return lambda *args, **kwargs: answer


VALUES = {
    "nan": np.nan,
    "inf": -np.inf,
    "text": "seven",
    "bool": True,
    "complex": 2j,
    "empty": [],
    "nested": [[1, 2], [3]],
    "vector": np.arange(7.0),
    "table": torch.zeros(3, 9),
    "gradient": torch.ones(2, requires_grad=True),
    "elsewhere": torch.ones((), device="meta"),
    "dictionary": {"a": None, 3: "x"},
    "pair": (None, None),
    "object": object(),
    "range": range(3),
    "file": load_movielens,
}
FUNCTIONS = {f"returns {name}": returns(value) for name, value in VALUES.items()} | {
    "prints": prints,
    "raises": raises,
    "takes nothing": takes_nothing,
    "print itself": print,
    "partial": partial(prints, 1),
}
CLASSES = {"needs more": NeedsMore, "bare": Bare, "made": Bare(), "dict": dict} | {
    f"forward gives {name}": type("Mine", (Bare,), {"answer": VALUES[name]}) for name in ("text", "table", "pair")
}
HOSTILE = VALUES | FUNCTIONS | CLASSES
REST = {  # what stands beside a hostile answer: a right one, or one of the right kind
    "2.3": [50],
    "9.3": [{0.1: 1.0, 0.2: 0.9, 0.4: 1.0}],
    "11.3": [None],
    "12.1": [0.25],
    "12.3": [([1.0], [1.0], [1.0]), 0.8],
    "13.1": [0.3],
    "13.3": [0.9],
}


def beside(number: str, answer: object) -> list[object]:
    if number == "11.3":  # the function is its second
        return ["b", answer]
    return [answer, *REST.get(number, [])]


def told(number: str, name: str, capsys) -> str:
    """The hint that a check gives of a hostile answer."""
    assert not CHECKS[number](*beside(number, HOSTILE[name])), name
    said = capsys.readouterr().out
    assert "Traceback" not in said
    return said.rpartition(f"Exercise {number}: not yet. Hint: ")[2].strip()


@pytest.mark.filterwarnings("ignore")  # numpy's, about the hostile numbers
@pytest.mark.parametrize("number", CHECKS)
def test_a_hostile_answer_gets_a_sentence(number, capsys):
    hints = {name: told(number, name, capsys) for name in HOSTILE}
    assert {name: hint for name, hint in hints.items() if len(hint) < 12} == {}
