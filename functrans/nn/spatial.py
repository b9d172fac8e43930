"""What functions of windows share: sizes, strides and paddings in the form that primitives take."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from functrans.core.types import Array, Shape, shape_of

Pairs = tuple[tuple[int, int], ...]

P = ParamSpec("P")
R = TypeVar("R")


def of_rank(
    template: Callable[Concatenate[str, int, P], R], name: str, axes: int, doc: str
) -> Callable[P, R]:
    """The function of a name for so many axes, from one for any number of them."""

    def function(*args: P.args, **kwargs: P.kwargs) -> R:
        return template(name, axes, *args, **kwargs)

    signature = inspect.signature(template)
    own = list(signature.parameters.values())[2:]
    function.__signature__ = signature.replace(parameters=own)  # type: ignore[attr-defined]
    function.__name__ = function.__qualname__ = name
    function.__module__ = template.__module__
    function.__doc__ = doc
    return function


def whole_numbers(value: Any, axes: int, name: str, least: int) -> Shape:
    """An integer for each spatial axis."""
    try:
        given = tuple(map(operator.index, value if isinstance(value, tuple | list) else [value]))
    except TypeError:
        raise TypeError(f"{name} must be an integer or {axes} of them, got {value!r}") from None
    if len(given) == 1:
        given *= axes
    if len(given) != axes:
        raise ValueError(f"{name} must be an integer or {axes} of them, got {value!r}")
    if min(given) < least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}")
    return given


def pairs(value: Any, axes: int, name: str = "padding") -> Pairs:
    """A pair (before, after) for each spatial axis: from an integer, one an axis, or pairs."""
    if isinstance(value, tuple | list) and value and isinstance(value[0], tuple | list):
        if len(value) != axes:
            raise ValueError(f"{name} must have a pair for each of {axes} axes, got {value!r}")
        return tuple(
            (before, after)
            for before, after in (whole_numbers(pair, 2, f"a pair of {name}", 0) for pair in value)
        )
    return tuple((n, n) for n in whole_numbers(value, axes, name, 0))


def with_batch(x: Array, axes: int, name: str) -> tuple[Array, bool]:
    """`x` with a batch axis, and whether it was a single example without one."""
    shape = shape_of(x)
    if len(shape) not in (axes + 1, axes + 2):
        wanted = ", ".join("hwd"[:axes] if axes > 1 else "l")
        raise ValueError(
            f"{name}: the input must have shape (n, channels, {wanted}) or (channels, {wanted}), "
            f"got {shape}"
        )
    single = len(shape) == axes + 1
    return (x[None] if single else x), single
