"""Declaring a higher-order primitive, and the least that each of them needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.dispatch import public_function
from functrans.core.primitive import HigherOrder, Primitive

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.types import ArrayType


def higher_order(
    name: str,
    impl: Callable[..., tuple[Any, ...]],
    shape: Callable[..., tuple[ArrayType, ...]],
    rules: HigherOrder,
) -> Callable[..., tuple[Any, ...]]:
    """The function of a primitive whose parameters are graphs.

    `impl` works on plain values, and `shape` on their types.
    """
    primitive = Primitive(name, "higher-order", impl, outputs=0, shape=shape, higher=rules)
    function = public_function(primitive, impl, 0)
    function.__module__ = impl.__module__  # where files and records find it
    return function


def own(x: Any) -> Any:
    """A result that is no operand: the caller may write to it."""
    return x.copy() if type(x) is np.ndarray else x


def merged(first: list[Any], second: list[Any]) -> list[Any]:
    """Two lists as the operands of a graph: the second without its gaps."""
    return first + [x for x in second if x is not None]


def flags_of(values: list[Any]) -> tuple[bool, ...]:
    """Which tangents or cotangents there are."""
    return tuple(x is not None for x in values)


def filled(flags: tuple[bool, ...], values: list[Any]) -> list[Any]:
    """The values in their places, None elsewhere."""
    rest = iter(values)
    return [next(rest) if flag else None for flag in flags]


def chosen(flags: tuple[bool, ...], values: list[Any]) -> list[Any]:
    """The values where the flag holds."""
    return [x for x, flag in zip(values, flags, strict=True) if flag]
