"""Choosing between values: where, select, piecewise, choose, clip, and repairs of NaN."""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import array_of_its_own
from functrans.core.errors import ConversionError, user_line
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import indexing, predicates, reductions, shapes
from functrans.numpy.axes import ndim_of
from functrans.numpy.operands import (
    NUMERIC_KINDS,
    converted_all,
    full_width,
    no_number,
    operand,
    promoted,
    scalar,
)
from functrans.numpy.options import checked_copy, clip_mode, unsupported
from functrans.numpy.reductions import MISSING
from functrans.numpy.registry import implements, method
from functrans.numpy.specimens import specimen

if TYPE_CHECKING:
    from collections.abc import Sequence


@implements(np.where)
def where(condition: Any, x: Any = MISSING, y: Any = MISSING, /) -> Any:
    """`x` where the condition holds, `y` elsewhere; without both, the indices where it holds."""
    if x is MISSING and y is MISSING:
        return indexing.nonzero(condition)
    if x is MISSING or y is MISSING:
        raise ValueError("either both or neither of x and y should be given")
    mask = operand(condition)
    if type(mask) is np.ndarray and mask.dtype.kind not in NUMERIC_KINDS:
        mask = mask.astype(bool)  # of texts, dates and objects
    return array_of_its_own(p.where(mask, operand(x), operand(y)))


@implements(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Array:
    """For each element the choice whose condition is the first to hold."""
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if not condlist:
        raise ValueError("select with an empty condition list is not possible")
    conditions = converted_all(condlist)
    for i, condition in enumerate(conditions):
        if dtype_of(condition).kind != "b":
            raise TypeError(f"invalid entry {i} in condlist: should be boolean ndarray")
    choices = converted_all(choicelist)
    dtype = np.result_type(*map(promoted, [*choices, operand(default)]))
    ans = reductions.cast(operand(default), dtype)
    for condition, choice in zip(conditions[::-1], choices[::-1], strict=True):
        ans = p.where(condition, reductions.cast(choice, dtype), ans)
    return array_of_its_own(ans)


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Array:
    """A function in pieces: each runs on all of `x`, and counts where its condition holds."""
    x = operand(x)
    several = isinstance(condlist, list | tuple | np.ndarray) and (
        not ndim_of(x) or isinstance(condlist[0], list | np.ndarray)
    )
    conditions = converted_all(condlist) if several else [operand(condlist)]
    if len(funclist) not in (len(conditions), len(conditions) + 1):
        raise ValueError(
            f"with {len(conditions)} condition(s), either {len(conditions)} or "
            f"{len(conditions) + 1} functions are expected"
        )
    values = [f(x, *args, **kw) if callable(f) else f for f in funclist]
    ans: Any = np.zeros(shape_of(x), dtype_of(x))
    if len(values) > len(conditions):
        ans = _piece(values[-1], x)
    # NumPy lets a later condition overrule an earlier one.
    for condition, value in zip(conditions, values, strict=False):
        ans = p.where(_in_shape(condition, x), _piece(value, x), ans)
    return array_of_its_own(ans)


def _in_shape(condition: Any, x: Array) -> Array:
    """A condition of the first axes of an array, as a mask of its elements."""
    mask, rank = operand(condition), ndim_of(x)
    if shape_of(mask) != shape_of(x)[: ndim_of(mask)] or ndim_of(mask) > rank:
        raise IndexError(
            f"numpy.piecewise: a condition of shape {shape_of(mask)} does not fit an array of "
            f"shape {shape_of(x)}"
        )
    return (
        mask
        if ndim_of(mask) == rank
        else shapes.reshape(mask, shape_of(mask) + (1,) * (rank - ndim_of(mask)))
    )


def _piece(value: Any, x: Array) -> Array:
    if dtype_of(operand(value)).kind not in NUMERIC_KINDS:
        raise no_number(value)
    return shapes.broadcast_to(reductions.cast(operand(value), dtype_of(x)), shape_of(x))


@method("choose")
@implements(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Array:
    """For each element the choice that its integer tells."""
    index, mode = operand(a), clip_mode(mode)
    if not np.can_cast(dtype_of(index), np.intp, "safe"):
        raise TypeError(
            f"numpy.choose: {dtype_of(index)} cannot be cast to positions, at {user_line()}"
        )
    options = converted_all(choices)
    if mode == "wrap":
        index = p.remainder(index, len(options))
    elif mode == "clip":
        index = p.minimum(p.maximum(index, 0), len(options) - 1)
    elif mode == "raise":
        _check_choices(index, len(options))
    else:
        raise ValueError(f"clipmode must be 'clip', 'raise', or 'wrap' (got {mode!r})")
    shape = np.broadcast_shapes(shape_of(index), *map(shape_of, options))
    dtype = np.result_type(*map(promoted, options))
    ans = shapes.broadcast_to(reductions.cast(options[0], dtype), shape)
    for k, option in enumerate(options[1:], 1):
        ans = p.where(p.equal(index, k), option, ans)
    return scalar(ans)


def _check_choices(index: Array, count: int) -> None:
    try:
        known = indexing.plain(index, "numpy.choose")
    except ConversionError:
        raise ConversionError(
            f"numpy.choose(mode='raise') of a traced {index.type}, at {user_line()}: its values, "
            "which would have to be checked, are not known. Write mode='clip' or mode='wrap'."
        ) from None
    if np.any((known < 0) | (known >= count)):
        raise ValueError("invalid entry in choice array")


@implements(np.clip)
def clip(
    a: Any,
    a_min: Any = MISSING,
    a_max: Any = MISSING,
    out: Any = None,
    *,
    min: Any = MISSING,
    max: Any = MISSING,
    **kwargs: Any,
) -> Array:
    """Elements below a lower or above an upper bound replaced by it."""
    for name in kwargs.keys() - {"dtype", "casting", "order", "subok"}:
        raise unsupported("clip", f"{name}=")
    if (a_min is MISSING) is not (a_max is MISSING):
        raise TypeError("numpy.clip: of a_min and a_max one is missing; None stands for no bound")
    if a_min is not MISSING and (min is not MISSING or max is not MISSING):
        raise ValueError("numpy.clip: give a_min and a_max, or min and max, not both")
    low = _bound(min if min is not MISSING else a_min)
    high = _bound(max if max is not MISSING else a_max)
    x = full_width(a)
    if kwargs:  # NumPy says which it takes
        samples: list[Any] = [z if z is None else specimen(z) for z in (x, low, high)]
        np.clip(*samples, **kwargs)
    dtype = kwargs.get("dtype")
    x = reductions.cast(x, dtype)
    low, high = (z if z is None else reductions.cast(z, dtype) for z in (low, high))
    if low is None and high is None:
        return p.positive(x)
    if low is not None and high is not None:
        return p.clip(x, low, high)
    if dtype_of(x).kind != "f":
        return p.minimum(x, high) if low is None else p.maximum(x, low)
    return p.clip(x, -np.inf if low is None else low, np.inf if high is None else high)


def _bound(given: Any) -> Any:
    return None if given is None or given is MISSING else operand(given)


@implements(np.nan_to_num)
def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Array:
    """NaN replaced by a number, infinities by the largest finite ones or by given numbers."""
    if copy is not True:
        checked_copy(copy)
    x = operand(x)
    if dtype_of(x).kind not in "fc":
        return x
    if all(issubclass(type(value), int | float | NoneType) for value in (nan, posinf, neginf)):
        return p.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)
    if dtype_of(x).kind == "c":
        parts = [nan_to_num(part, True, nan, posinf, neginf) for part in (p.real(x), p.imag(x))]
        return p.make_complex(*parts)
    if any(issubclass(type(value), complex) for value in (nan, posinf, neginf)):
        raise TypeError("numpy.nan_to_num: a complex number cannot stand in a real array")
    largest = np.finfo(dtype_of(x)).max
    high, low = (
        sign * largest if value is None else value for sign, value in ((1, posinf), (-1, neginf))
    )
    ans = x
    for chosen, value in (
        (p.isnan(x), nan),
        (predicates.isposinf(x), high),
        (predicates.isneginf(x), low),
    ):
        ans = p.where(chosen, _piece(value, x), ans)
    return ans
