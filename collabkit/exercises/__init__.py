"""Checks for the exercises and quizzes of the course: one small file a chapter.

A check is a function that judges an answer: it returns ``None`` when the answer is right, else a hint::

    @check("1.1", praise="That is the whole baseline.")
    def check_1(mean):
        if not 3 < mean < 4:
            return "the mean of all training ratings is a little over three and a half stars."

What the reader sees: nothing tried yet (the answer is ``None``, or a stub that returns it), a hint, or "Right."
The check returns true only when right, so ``assert check_1(solution_mean)`` fails when a solution is wrong.
Whatever the answer is, no traceback comes out: an error in the reader's code is a hint that names its line.
"""

from __future__ import annotations

import copy
import dis
import inspect
import math
import sysconfig
import traceback
from collections.abc import Callable, Iterable
from functools import wraps
from numbers import Real
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from collabkit.exercises.quiz_page import questions, quiz

Answer: TypeAlias = Any  # what a student has written: it may be anything
Judge: TypeAlias = Callable[..., str | None]
__all__ = ["Answer", "Hint", "NotTried", "Verdict", "came_back", "check", "hint_for", "is_number", "mistaken_error"]
__all__ += ["one_number", "questions", "quiz"]

PRINTED = "print shows a value, and gives none back"
EMPTY = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}  # all that a stub's `return None` does
LIBRARIES = [str(Path(__file__).parents[1]), *map(sysconfig.get_path, ("stdlib", "purelib", "platlib"))]


class NotTried(Exception):
    """Raise it in a check when the answer is still the empty stub."""


class Hint(Exception):
    """Raise it in a check where it cannot go on: what to say to the student."""


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
            returned: list[Answer] = []
            try:
                wanted = list(inspect.signature(judge).parameters)
                if len(answers) != len(wanted):
                    raise Hint(f"this check wants {len(wanted)} ({', '.join(wanted)}), and you gave it {len(answers)}.")
                if any(answer is None for answer in answers):
                    raise NotTried
                hint = judge(*[_asked(_near(answer), returned) for answer in answers])
            except NotTried:
                print(
                    f"Exercise {number}: not tried yet. Write your answer above, then run this cell again. "
                    f"(You did? Then your answer is None: {PRINTED}.)"
                )
                return Verdict(False)
            except Hint as told:
                hint = str(told)
            except Exception as error:
                hint = _raised(error, judge, answers, returned)
            print(f"Exercise {number}: " + (f"not yet. Hint: {hint}" if hint else f"right. {praise}".rstrip()))
            return Verdict(not hint)

        return checked

    return decorate


def is_number(value: Answer) -> TypeGuard[float]:
    """Whether an answer is one finite number; an array without dimensions is one, True is none."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def one_number(answer: Answer) -> float | None:
    """An answer as one number, which an array of one entry is too; ``None`` when it is anything else."""
    try:
        array = np.asarray(answer.detach() if hasattr(answer, "detach") else answer)
    except (TypeError, ValueError, RuntimeError):  # a ragged list, a tensor without data
        return None
    return array.item() if array.size == 1 and array.dtype.kind in "iuf" else None


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


def came_back(result: Answer, function: Answer) -> Answer:
    """What a student's function has returned. ``None`` is not tried where it is a stub, and a hint where it is not."""
    if result is not None:
        return result
    code = getattr(function, "__code__", None)
    if code and {step.opname for step in dis.get_instructions(code)} <= EMPTY:
        raise NotTried
    name = getattr(function, "__name__", "it")
    raise Hint(f"{name} returned None: nothing came back. Let it end in `return …`; {PRINTED}.")


def _asked(answer: Answer, returned: list[Answer]) -> Answer:
    """A student's function, watched: what it returns is kept, and must be something."""
    if not callable(answer) or isinstance(answer, type) or hasattr(answer, "state_dict"):
        return answer

    @wraps(answer)
    def asked(*args: Any, **kwargs: Any) -> Answer:
        returned.append(came_back(answer(*args, **kwargs), answer))
        return _near(returned[-1])

    return asked


def _raised(error: Exception, judge: Judge, answers: Iterable[Answer], returned: list[Answer]) -> str:
    """An error as a hint: the student's own line that it came from, else what the check was given and cannot use."""
    frames = zip(traceback.walk_tb(error.__traceback__), traceback.extract_tb(error.__traceback__), strict=True)
    for (frame, _), line in reversed(list(frames)):
        ours = frame.f_code is judge.__code__ or line.filename.startswith((*LIBRARIES, "<frozen", "<__array"))
        if not ours:
            return f"your code raised {type(error).__name__}: {error}. It was in line {line.lineno}: {line.line}"
    source = "what your function returned" if returned else "what you gave it"
    kinds = ", ".join(map(_described, returned[-1:] or answers))
    return f"the check cannot use {source} ({kinds}): {error}"


def _described(answer: Answer) -> str:
    """What an answer is, in a few words."""
    if callable(answer):
        return getattr(answer, "__name__", type(answer).__name__)
    shape = getattr(answer, "shape", None)
    return type(answer).__name__ + ("" if shape is None else f" of shape {tuple(shape)}")


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
