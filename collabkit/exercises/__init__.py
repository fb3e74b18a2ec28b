"""Checks for the exercises and quizzes of the course: one small file a chapter.

A check is a function that judges an answer: it returns ``None`` when the answer is right, else a hint::

    @check("1.1", praise="That is the whole baseline.")
    def check_1(mean):
        if not 3 < mean < 4:
            return "the mean of all training ratings is a little over three and a half stars."

What the reader sees: nothing tried yet (the answer is ``None``, or a stub that returns it), a hint, or "Right."
The check returns true only when right, so ``assert check_1(solution_mean)`` fails when a solution is wrong.
"""

from __future__ import annotations

import copy
import inspect
import json
import math
import random
from collections.abc import Callable, Iterable
from functools import wraps
from importlib.resources import files
from numbers import Real
from typing import Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

Answer: TypeAlias = Any  # what a student has written: it may be anything
Judge: TypeAlias = Callable[..., str | None]

# Blue and vermilion: told apart with any colour vision, and readable under white text (contrast of 4.5 and more).
QUIZ_COLOURS = {
    "--jq-multiple-choice-bg": "#1f3a4d",
    "--jq-many-choice-bg": "#1f3a4d",
    "--jq-numeric-bg": "#1f3a4d",
    "--jq-string-bg": "#1f3a4d",
    "--jq-mc-button-bg": "#f7f7f5",
    "--jq-mc-button-border": "#c9ced2",
    "--jq-correct-color": "#0069a3",
    "--jq-incorrect-color": "#a63d00",
    "--jq-text-color": "#ffffff",
    "--jq-link-color": "#9fd3f5",
    "--jq-numeric-input-bg": "#f7f7f5",
}
# Backgrounds of their own, so that all reads well in a dark theme too; what has the keyboard is outlined.
QUIZ_STYLE = """<style>
.Quiz { font-size: 1rem; line-height: 1.4; }
.Quiz .MCButton:focus-within { outline: 3px solid #e69f00; outline-offset: 1px; }
.Quiz .MCButton .sr-only { position: absolute; opacity: 0; }
.Quiz .InpLabel { background: #1f3a4d; border-radius: 8px; color: #fff; font-size: 1rem; padding: 0 .75rem; }
.Quiz .Input-text { border: 1px solid #767676; color: #1b1b1b; }
.Quiz .Input-text:focus { outline: 3px solid #e69f00; }
.Quiz .Feedback:not(:empty) { background: #fff; border-radius: 8px; font-size: 1rem; padding: .5rem .75rem; }
</style>"""


class NotTried(Exception):
    """Raise it in a check when the answer is still the empty stub."""


class Verdict(int):
    """True or false. Silent as the last line of a cell: the check has printed what there is to say."""

    def _ipython_display_(self) -> None:
        pass


def check(number: str, praise: str = "") -> Callable[[Judge], Callable[..., Verdict]]:
    """Turn a judge (answer -> hint or ``None``) into a check that prints, and returns whether the answer is right.

    Args:
        number: the exercise, as in "1.1".
        praise: what to say after "Right.", such as what the answer shows.
    """

    def decorate(judge: Judge) -> Callable[..., Verdict]:
        @wraps(judge)
        def checked(*answers: Answer) -> Verdict:
            try:
                if any(answer is None for answer in answers):
                    raise NotTried
                hint = judge(*[_asked(_near(answer)) for answer in answers])
            except NotTried:
                print(f"Exercise {number}: not tried yet. Write your answer above, then run this cell again.")
                return Verdict(False)
            except Exception as error:
                hint = f"checking your answer raised {type(error).__name__}: {error}"
            print(f"Exercise {number}: " + (f"not yet. Hint: {hint}" if hint else f"right. {praise}".rstrip()))
            return Verdict(not hint)

        return checked

    return decorate


def is_number(value: Answer) -> TypeGuard[float]:
    """Whether an answer is one finite number; an array without dimensions is one, True is none."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def hint_for(
    answer: Answer,
    mistakes: Iterable[tuple[ArrayLike, str | None]],
    tolerance: float = 1e-8,
    otherwise: str | None = None,
) -> str | None:
    """What to say of an answer: the hint of the first of ``(result, hint)`` that it equals, else ``otherwise``."""
    equals = (hint for result, hint in mistakes if np.allclose(answer, result, atol=tolerance))
    return next(equals, otherwise)


def mistaken_error(score: float, train_mse: float, valid_mse: float, tolerance: float) -> str | None:
    """Which other error a reader took for the validation RMSE, as a hint; None when it is none of these."""
    mistakes = [
        (valid_mse, "that is the validation MSE. Take its root, or the last column of the table."),
        (train_mse, "that is the training loss. Choose on validation ratings, in stars."),
        (train_mse**0.5, "that is the root of the training loss. Choose on validation ratings."),
    ]
    return hint_for(score, mistakes, tolerance)


def _asked(answer: Answer) -> Answer:
    """A student's function, watched: while it is a stub that returns ``None`` it counts as not tried."""
    if not inspect.isfunction(answer):
        return answer

    @wraps(answer)
    def asked(*args: Any, **kwargs: Any) -> Answer:
        result = answer(*args, **kwargs)
        if result is None:
            raise NotTried
        return _near(result)

    return asked


def _near(answer: Answer) -> Answer:
    """An answer whose tensors and models are on the CPU, where the checks compute; copies of those that are not."""
    if isinstance(answer, dict):
        return {key: _near(value) for key, value in answer.items()}
    if type(answer) in (list, tuple):
        return type(answer)(_near(value) for value in answer)
    if not isinstance(answer, type) and hasattr(answer, "state_dict"):  # a module, which is moved in place
        tables = answer.state_dict().values()
        return copy.deepcopy(answer).cpu() if any(_is_far(table) for table in tables) else answer
    return answer.detach().cpu() if _is_far(answer) else answer


def _is_far(answer: Answer) -> bool:
    return getattr(getattr(answer, "device", None), "type", "cpu") != "cpu"


def questions(chapter: int) -> list[dict[str, Any]]:
    """The quiz of one chapter, as jupyterquiz reads it."""
    path = files(__package__) / "quizzes" / f"{chapter:02}.json"
    if not path.is_file():
        raise FileNotFoundError(f"chapter {chapter} has no quiz: write collabkit/exercises/quizzes/{chapter:02}.json")
    return json.loads(path.read_text("utf8"))


def quiz(chapter: int) -> None:
    """Show the quick check of one chapter. It needs no network: questions and script travel in the notebook."""
    asked = questions(chapter)
    from IPython.display import HTML, display
    from jupyterquiz import display_quiz

    display(HTML(QUIZ_STYLE))
    state = random.getstate()
    random.seed()  # it draws its name in the page, which has to be another each time
    display_quiz(asked, colors=QUIZ_COLOURS, max_width=760, border_radius=8)
    random.setstate(state)
