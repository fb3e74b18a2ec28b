"""Checks: what an argument may be. A wrong one is refused in one line that names it, its value and the cure."""

from __future__ import annotations

import inspect
import math
import reprlib
import sys
from collections.abc import Callable, Collection
from functools import wraps
from numbers import Real
from typing import TYPE_CHECKING, Any, ParamSpec, TypeGuard, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike


Given = ParamSpec("Given")
Result = TypeVar("Result")
Check = Callable[[str, Any], object]  # of an argument's name and value, which may be anything
INF = math.inf
WIDEST = float(np.finfo("float32").max) / 2  # of the ends of a scale: their difference is then a float32 too


def whole(name: str, value: object, at_least: float = -INF, at_most: float = INF) -> int:
    """The value as an ``int``. 3.0, NumPy scalars and tensors without dimensions will do; ``True`` and ``"3"`` not."""
    return int(_checked(name, value, "a whole number", lambda n: n == int(n), at_least=at_least, at_most=at_most))


def number(
    name: str, value: object, above: float = -INF, at_least: float = -INF, below: float = INF, at_most: float = INF
) -> float:
    """The value as a ``float``, always finite, from any type that ``whole`` takes."""
    bounds = {"above": above, "at_least": at_least, "below": below, "at_most": at_most}
    return float(_checked(name, value, "a finite number", lambda n: True, **bounds))


def seed(value: object, name: str = "seed") -> int:
    """A seed that NumPy's and PyTorch's generators both take."""
    return whole(name, value, at_least=0, at_most=2**63 - 1)


def flag(name: str, value: object) -> bool:
    """True or False itself: the text ``"False"`` would count as true."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}={_short(value)}: choose True or False.")
    return bool(value)


def choice(name: str, value: object, choices: Collection[str]) -> str:
    """One of these words."""
    if not (isinstance(value, str) and value in choices):
        raise ValueError(f"{name}={_short(value)}: choose {' or '.join(map(repr, choices))}.")
    return value


def interval(name: str, value: tuple[float, float] | None) -> tuple[float, float] | None:
    """``(lo, hi)`` with lo < hi, such as a scale or a ``y_range``; ``None`` stays ``None``, where nothing bounds."""
    if value is None:
        return None
    try:
        lo, hi = value
    except (TypeError, ValueError):
        raise TypeError(f"{name}={_short(value)}: choose two numbers, such as {name}=(0.5, 5), or None.") from None
    lo, hi = number(f"{name}[0]", lo, -WIDEST, below=WIDEST), number(f"{name}[1]", hi, -WIDEST, below=WIDEST)
    if not lo < hi:
        raise ValueError(f"{name}=({lo:g}, {hi:g}): the first number has to be less than the second.")
    return lo, hi


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is one number, NaN included. True is none, nor is a span of time, which NumPy counts as one."""
    return isinstance(value, Real) and not isinstance(value, bool | np.timedelta64)


def device(value: str | torch.device, name: str = "device") -> torch.device:
    """A device by PyTorch's name for it. Whether this machine has one shows when a tensor is sent there."""
    import torch

    try:
        return torch.device(value)
    except (RuntimeError, TypeError, ValueError):
        cure = "choose one by PyTorch's name for it, such as 'cpu', 'cuda' or 'mps'."
        raise ValueError(f"{name}={_short(value)}: {cure}") from None


def fitted(model: object) -> None:
    """Refuse a model that has learnt nothing yet; by custom, what is learnt has a name that ends in ``_``."""
    if not any(name.endswith("_") and not name.startswith("_") for name in vars(model)):
        from sklearn.exceptions import NotFittedError  # here, since to import scikit-learn takes a second

        raise NotFittedError(f"this {type(model).__name__} has learnt nothing yet: call fit(train) before you ask it.")


def arguments(**checks: Check) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """A decorator: before the function runs, its arguments of these names are checked, and taken as they come back.

    Args:
        checks: by the name of an argument, a function of the name and the value, such as ``interval``. Names that
            the function does not have are no matter, so that several may share one table.
    """

    def decorate(function: Callable[Given, Result]) -> Callable[Given, Result]:
        signature = inspect.signature(function)

        @wraps(function)
        def checked(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            given = signature.bind(*args, **kwargs)
            for name, value in given.arguments.items():
                if name in checks:
                    given.arguments[name] = checks[name](name, value)
            return function(*given.args, **given.kwargs)

        return checked

    return decorate


def _checked(
    name: str,
    value: Any,
    what: str,
    fits: Callable[[float], bool],
    above: float = -INF,
    at_least: float = -INF,
    below: float = INF,
    at_most: float = INF,
) -> float:
    """A plain Python number, finite and within these bounds."""
    bounds = {"above": above, "of at least": at_least, "below": below, "of at most": at_most}
    said = [f"{word} {bound!r}" for word, bound in bounds.items() if abs(bound) < WIDEST]
    cure = f"choose {what}{' ' * bool(said)}{' and '.join(said)}."
    plain = value
    if getattr(value, "ndim", None) == 0 and getattr(value.dtype, "kind", "") not in ("m", "M"):
        plain = value.item()  # not of dates: those in nanoseconds would come back as whole numbers
    if not is_number(plain):
        raise TypeError(f"{name}={_short(value)} is a {type(value).__name__}: {cure}")
    finite = abs(plain) <= sys.float_info.max  # which NaN is not, nor a whole number too large for a float
    if not (finite and fits(plain) and above < plain < below and at_least <= plain <= at_most):
        raise ValueError(f"{name}={_short(plain)}: {cure}")
    return plain


def _short(value: object) -> str:
    """One line of it."""
    return " ".join(reprlib.repr(value).split())


def as_numbers(name: str, values: ArrayLike) -> np.ndarray:
    """Numbers in float64, flat, of an array, list, Series or tensor, whatever device holds it; missing ones as NaN."""
    given: Any = values  # told apart by what it has, so that neither torch nor pandas is loaded here
    if hasattr(given, "detach"):
        given = (given if given.is_complex() else given.double()).detach().cpu().numpy()
    if hasattr(given, "to_numpy"):
        given = given.to_numpy(dtype=object) if given.dtype.kind not in "biufcmM" else given.to_numpy(na_value=np.nan)
    found = np.asarray(given)
    if found.dtype == object and all(one is None or is_number(one) for one in found.flat):
        found = found.astype("float64")
    if found.dtype.kind not in "biuf":
        raise TypeError(f"{name} has values of type {found.dtype}: an error is measured between numbers.")
    return found.astype("float64").ravel()
