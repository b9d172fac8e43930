"""Sums, products, extrema and their like over axes, with NumPy's signatures."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.errors import user_line
from functrans.core.types import Array, Shape, dtype_of, shape_of
from functrans.numpy.axes import ndim_of, one_axis, reduced_axes, true_axis
from functrans.numpy.operands import (
    NUMERIC_KINDS,
    contains_traced,
    flattened,
    in_one_axis,
    no_number,
    operand,
    scalar,
)
from functrans.numpy.options import unsupported
from functrans.numpy.registry import implements

if TYPE_CHECKING:
    from collections.abc import Callable

MISSING: Any = np._NoValue
"""The default of arguments for which None means something else."""


def lowest(dtype: np.dtype[Any]) -> Any:
    """A value of this dtype that no other value is below."""
    if dtype.kind == "b":
        return np.False_
    return np.iinfo(dtype).min if dtype.kind in "iu" else dtype.type(-np.inf)


def highest(dtype: np.dtype[Any]) -> Any:
    """A value of this dtype that no other value is above."""
    if dtype.kind == "b":
        return np.True_
    return np.iinfo(dtype).max if dtype.kind in "iu" else dtype.type(np.inf)


def cast(x: Array, dtype: Any) -> Array:
    """`x` in the given dtype; unchanged for None."""
    wanted = None if dtype is None else np.dtype(dtype)
    if wanted is None or wanted == dtype_of(x):
        return x
    if wanted.kind not in NUMERIC_KINDS:
        raise unsupported("astype", f"dtype={wanted}", "take a numeric dtype")
    if dtype_of(x).kind not in NUMERIC_KINDS:
        raise no_number(x)
    return p.astype(x, dtype=wanted)


def chosen(x: Array, where: Any, other: Any) -> Array:
    """`x` with the elements that `where` leaves out replaced; unchanged if it leaves none out."""
    if where is True or where is MISSING:
        return x
    return p.where(mask_of(where, shape_of(x)), x, other)


def as_mask(where: Any) -> Array:
    """A mask as NumPy takes it: an array has to hold bools, all else is converted to them."""
    if not (isinstance(where, np.ndarray | np.generic) or contains_traced(where)):
        return np.asarray(where, bool)
    mask = operand(where)
    if dtype_of(mask).kind != "b":
        raise TypeError(
            f"Cannot cast the mask `where` from {dtype_of(mask)!r} to dtype('bool') according to "
            f"the rule 'safe', at {user_line()}"
        )
    return mask


def mask_of(where: Any, shape: Shape) -> Array:
    """The mask of a reduction of an array of this shape."""
    mask = as_mask(where)
    try:
        fits = np.broadcast_shapes(shape_of(mask), shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"the mask `where` of shape {shape_of(mask)} does not broadcast to the shape {shape} "
            f"of the array that is reduced, at {user_line()}"
        )
    return mask


def flag(given: Any) -> bool:
    """The value of an argument that says yes or no (``keepdims``), False if none was given.

    It is a bool or an integer, as NumPy asks: a text would always say yes.
    """
    return given is not MISSING and bool(operator.index(given))


def truth(given: Any) -> bool:
    """The same for arguments that may be anything which is true or false in NumPy."""
    return given is not MISSING and bool(given)


@implements(np.sum)
def sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = MISSING,
    where: Any = True,
) -> Array:
    """Sum of the elements."""
    return _additive("sum", p.sum, 0, p.add, a, axis, dtype, out, keepdims, initial, where)


@implements(np.prod)
def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = MISSING,
    where: Any = True,
) -> Array:
    """Product of the elements."""
    return _additive("prod", p.prod, 1, p.multiply, a, axis, dtype, out, keepdims, initial, where)


def _additive(
    name: str,
    reduce: Callable[..., Array],
    identity: int,
    combine: Callable[[Array, Array], Array],
    a: Any,
    axis: Any,
    dtype: Any,
    out: Any,
    keepdims: Any,
    initial: Any,
    where: Any,
) -> Array:
    x = operand(a)
    if dtype is not None or where is not True:
        x = chosen(cast(x, dtype), where, identity)
    ans = reduce(x, axes=reduced_axes(axis, ndim_of(x)), keepdims=flag(keepdims))
    ans = cast(ans, dtype)
    return ans if initial is MISSING else combine(ans, start_of(initial, dtype_of(ans)))


def start_of(initial: Any, dtype: np.dtype[Any]) -> Array:
    """The value that a reduction starts from, in the dtype of its result."""
    if dtype.kind == "b" and not contains_traced(initial):
        return np.bool_(bool(initial))
    start = operand(initial)
    if shape_of(start):
        raise ValueError(
            f"`initial` is one value, not one of shape {shape_of(start)}, at {user_line()}"
        )
    if dtype_of(start).kind == "c" and dtype.kind != "c":
        raise TypeError(
            f"`initial` is complex where the result is {dtype}, at {user_line()}: take its real "
            "part, or dtype=complex"
        )
    return cast(start, dtype)


@implements(np.max, np.amax)
def max(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = MISSING,
    where: Any = True,
) -> Array:
    """Largest element; elements that share it share the derivative."""
    return _extremum("max", p.max, p.maximum, lowest, a, axis, out, keepdims, initial, where)


@implements(np.min, np.amin)
def min(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = MISSING,
    where: Any = True,
) -> Array:
    """Smallest element; elements that share it share the derivative."""
    return _extremum("min", p.min, p.minimum, highest, a, axis, out, keepdims, initial, where)


def _extremum(
    name: str,
    reduce: Callable[..., Array],
    combine: Callable[[Array, Array], Array],
    outermost: Callable[[np.dtype[Any]], Any],
    a: Any,
    axis: Any,
    out: Any,
    keepdims: Any,
    initial: Any,
    where: Any,
) -> Array:
    x = operand(a)
    axes = reduced_axes(axis, ndim_of(x))
    masked = where is not True and where is not MISSING
    if initial is MISSING:
        if masked:
            raise ValueError(
                f"numpy.{name}(where=) needs initial=, the value of an empty selection"
            )
        return reduce(x, axes=axes, keepdims=flag(keepdims))
    if masked:
        x = chosen(x, where, outermost(dtype_of(x)))
    if 0 in (shape_of(x)[i] for i in axes):  # NumPy's own reduction is not defined then
        return np.full(_reduced_shape(shape_of(x), axes, flag(keepdims)), initial, dtype_of(x))[()]
    return combine(reduce(x, axes=axes, keepdims=flag(keepdims)), start_of(initial, dtype_of(x)))


def _reduced_shape(shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> Any:
    return tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes)


@implements(np.all)
def all(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Array:
    """Whether all elements are nonzero."""
    return _logical("all", p.all, True, a, axis, out, keepdims, where)


@implements(np.any)
def any(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Array:
    """Whether some element is nonzero."""
    return _logical("any", p.any, False, a, axis, out, keepdims, where)


def _logical(
    name: str,
    reduce: Callable[..., Array],
    identity: bool,
    a: Any,
    axis: Any,
    out: Any,
    keepdims: Any,
    where: Any,
) -> Array:
    x = operand(a)
    if where is not True and where is not MISSING:
        x = chosen(p.not_equal(x, 0), where, identity)
    return reduce(x, axes=reduced_axes(axis, ndim_of(x)), keepdims=flag(keepdims))


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Array:
    """The number of nonzero elements."""
    x = operand(a)
    axes = reduced_axes(axis, ndim_of(x))
    return p.count_nonzero(x, axes=axes, keepdims=flag(keepdims or False))


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Array:
    """Largest minus smallest element."""
    return p.subtract(max(a, axis, keepdims=keepdims), min(a, axis, keepdims=keepdims))


@implements(np.argmax)
def argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Array:
    """The index of the first largest element."""
    return _position("argmax", p.argmax, a, axis, out, keepdims)


@implements(np.argmin)
def argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Array:
    """The index of the first smallest element."""
    return _position("argmin", p.argmin, a, axis, out, keepdims)


def _position(
    name: str, reduce: Callable[..., Array], a: Any, axis: Any, out: Any, keepdims: Any
) -> Array:
    x = operand(a)
    shape = shape_of(x)
    if axis is None:
        ans = reduce(flattened(x), axis=0)
        return p.reshape(ans, shape=(1,) * len(shape)) if truth(keepdims) else ans
    x, axis = in_one_axis(x, axis)
    return reduce(x, axis=axis, keepdims=truth(keepdims) and bool(shape))


@implements(np.mean)
def mean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = True,
) -> Array:
    """Arithmetic mean."""
    x = operand(a)
    wanted = _mean_dtype(dtype_of(x)) if dtype is None else dtype
    total = sum(x, axis, wanted, None, keepdims, where=where)
    kind = dtype_of(x) if dtype is None else np.dtype(dtype)
    count = count_of(x, axis, keepdims, where)
    # A count is an integer array if `where` chooses; it must not widen float32.
    wanted = kind if dtype is not None or kind.kind in "fc" else dtype_of(total)
    return cast(p.divide(total, count), wanted)


def _mean_dtype(dtype: np.dtype[Any]) -> Any:
    """The dtype in which NumPy averages: float32 for float16; None if it is the array's own."""
    if dtype.kind in "biu":
        return np.dtype(float)
    return np.dtype(np.float32) if dtype.char == "e" else None


def count_of(x: Array, axis: Any, keepdims: Any, where: Any) -> Any:
    """How many elements each mean takes in: a number, or an array if `where` chooses them."""
    shape = shape_of(x)
    if where is True or where is MISSING:
        count = 1
        for i in reduced_axes(axis, len(shape)):
            count *= shape[i]
        return count
    if np.ndim(where) == 0 and not isinstance(where, bool | np.bool_ | int):
        raise TypeError(f"where is a mask, not {where!r}: its elements cannot be counted")
    mask = p.broadcast_to(mask_of(where, shape), shape=shape)
    return sum(p.not_equal(mask, False), axis, keepdims=keepdims)


@implements(np.var)
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = MISSING,
    correction: Any = MISSING,
) -> Array:
    """Mean squared distance from the mean."""
    if correction is not MISSING:
        if ddof != 0:
            raise ValueError("numpy.var: ddof and correction are the same thing; give one of them")
        ddof = correction
    x = operand(a)
    kind = dtype_of(x)
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        raise unsupported("var", f"dtype={np.dtype(dtype)}", "a variance is no whole number")
    x = cast(x, _mean_dtype(kind) if dtype is None else dtype)
    known = not isinstance(ddof, TracedArray)
    if known and mean is MISSING and (where is True or where is MISSING):
        axes = reduced_axes(true_axis(axis), ndim_of(x), numbers=False)
        ans = p.var(x, axes=axes, ddof=ddof, keepdims=flag(keepdims))
    else:
        center = _mean(x, axis, None, None, True, where=where) if mean is MISSING else operand(mean)
        distance = p.subtract(x, center)
        if dtype_of(distance).kind == "c":
            squares = p.add(p.square(p.real(distance)), p.square(p.imag(distance)))
        else:
            squares = p.square(distance)
        freedom = p.maximum(p.subtract(count_of(x, axis, keepdims, where), ddof), 0)
        total = sum(squares, axis, None, None, keepdims, where=where)
        ans = cast(p.divide(total, freedom), dtype_of(total))
    if dtype is not None:
        return cast(ans, dtype)
    return p.astype(ans, dtype=kind) if kind.char == "e" else ans


_mean = mean  # `mean` is also the name of an argument


@implements(np.std)
def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = MISSING,
    correction: Any = MISSING,
) -> Array:
    """Standard deviation, with derivative zero where all elements are equal."""
    return root(
        var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    )


def root(x: Array) -> Array:
    """Square root of a sum of squares: its derivative is 0, not infinite, where all are 0."""
    return scalar(p.where(p.equal(x, 0), 0, p.sqrt(x)))


@implements(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Array:
    """Sums of the elements up to each."""
    return _cumulative("cumsum", p.cumsum, a, axis, dtype, out)


@implements(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Array:
    """Products of the elements up to each."""
    return _cumulative("cumprod", p.cumprod, a, axis, dtype, out)


def _cumulative(
    name: str, accumulate: Callable[..., Array], a: Any, axis: Any, dtype: Any, out: Any
) -> Array:
    x = cast(operand(a), dtype)
    x, axis = in_one_axis(x, axis)
    return cast(accumulate(x, axis=axis), dtype)


@implements(getattr(np, "cumulative_sum", None))
def cumulative_sum(
    x: Any,
    /,
    *,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Array:
    """Sums of the elements up to each, from 0 on if asked for."""
    return _from_start("cumulative_sum", cumsum, 0, x, axis, dtype, out, include_initial)


@implements(getattr(np, "cumulative_prod", None))
def cumulative_prod(
    x: Any,
    /,
    *,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Array:
    """Products of the elements up to each, from 1 on if asked for."""
    return _from_start("cumulative_prod", cumprod, 1, x, axis, dtype, out, include_initial)


def _from_start(
    name: str,
    accumulate: Callable[..., Array],
    start: int,
    x: Any,
    axis: Any,
    dtype: Any,
    out: Any,
    include_initial: bool,
) -> Array:
    x = operand(x)
    if not shape_of(x):
        x = p.reshape(x, shape=(1,))
    if axis is None:
        if ndim_of(x) != 1:
            raise ValueError(f"numpy.{name} needs axis= for an array of {ndim_of(x)} axes")
        axis = 0
    ans = accumulate(x, axis, dtype)
    if not include_initial:
        return ans
    axis = one_axis(axis, ndim_of(x))
    shape = shape_of(ans)
    head = np.full((*shape[:axis], 1, *shape[axis + 1 :]), start, dtype_of(ans))
    return p.concatenate(head, ans, axis=axis)


def logsumexp(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: Any = False,
    initial: Any = MISSING,
    where: Any = True,
) -> Array:
    """Logarithm of the sum of the exponentials: ``numpy.logaddexp.reduce``.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.grad(logsumexp)(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    x = cast(operand(a), dtype)
    if dtype_of(x).kind in "biu":
        x = p.astype(x, dtype=np.logaddexp.resolve_dtypes((dtype_of(x),) * 2 + (None,))[-1])
    x = chosen(x, where, -np.inf)
    ans = p.logsumexp(x, axes=reduced_axes(axis, ndim_of(x)), keepdims=flag(keepdims))
    return ans if initial is MISSING else p.logaddexp(ans, initial)
