"""Guard: what a model is built with and what it is asked are checked, while its class reads as in its chapter."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import TypeVar

from torch import Tensor, nn

from collabkit.checks import Check, arguments, interval, number, whole

Model = TypeVar("Model", bound=type[nn.Module])


def shape(name: str, value: object) -> int | tuple[int, ...]:
    """The size of a table: one whole number, or one for each dimension."""
    return sizes(name, value, at_least=0) if isinstance(value, tuple | list) else whole(name, value, at_least=0)


def sizes(name: str, value: object, at_least: int = 1) -> tuple[int, ...]:
    """A tuple of whole numbers."""
    if not isinstance(value, tuple | list):
        raise TypeError(f"{name}={value!r}: choose a tuple of whole numbers, such as {name}=(100,).")
    return tuple(whole(f"{name}[{place}]", one, at_least=at_least) for place, one in enumerate(value))


def one_or_two(name: str, value: object) -> int | tuple[int, ...]:
    """One size for users and items alike, or (of users, of items)."""
    if isinstance(value, tuple | list) and len(value) != 2:
        raise ValueError(f"{name}={value!r}: choose one whole number, or two: of users, of items.")
    return shape(name, value)


SHARE = partial(number, at_least=0, below=1)
RANGES: dict[str, Check] = {
    "n_users": partial(whole, at_least=1),
    "n_items": partial(whole, at_least=1),
    "n_factors": partial(whole, at_least=0),
    "y_range": interval,
    "layers": sizes,
    "embedding_dropout": SHARE,
    "dropout": SHARE,
}


def guarded(**others: Check) -> Callable[[Model], Model]:
    """A decorator of a model's class: arguments outside ``RANGES`` are refused, and input that is not ``(B, 2)``.

    Args:
        others: checks by the name of an argument, where a class has another range.
    """

    def decorate(model: Model) -> Model:
        for name, guard in (("__init__", arguments(**RANGES | others)), ("forward", pairs)):
            setattr(model, name, guard(getattr(model, name)))
        return model

    return decorate


def pairs(forward: Callable[[nn.Module, Tensor], Tensor]) -> Callable[[nn.Module, Tensor], Tensor]:
    """``forward`` of x ``(B, 2)`` alone: of three columns, or of three dimensions, it would take a part in silence."""

    @wraps(forward)
    def checked(self: nn.Module, x: Tensor) -> Tensor:
        found = tuple(getattr(x, "shape", ()))
        if len(found) != 2 or found[1] != 2:
            raise ValueError(
                f"{type(self).__name__} was asked for x of shape {found}: it takes a tensor (B, 2) of whole numbers, "
                "a user index and an item index in each row."
            )
        return forward(self, x)

    return checked
