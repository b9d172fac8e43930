"""Making arrays: from nested lists with traced values, of one value, and along ranges."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy import ndarray

from functrans import primitives as p
from functrans.core.array import TracedArray, as_what
from functrans.core.interpreter import outside, stack
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import reductions, shapes
from functrans.numpy.axes import ndim_of, several_axes
from functrans.numpy.operands import NUMERIC_KINDS, contains_traced, operand, promoted
from functrans.numpy.options import (
    checked_casting,
    checked_device,
    checked_order,
    checked_subok,
    unsupported,
)
from functrans.numpy.registry import implements, method

# Looked up once: numpy's attributes take long.
_NOTHING = np.zeros(0)
_array, _asarray, _empty, _zeros = np.array, np.asarray, np.empty, np.zeros


def array(
    object: Any,
    dtype: Any = None,
    *,
    copy: bool | None = True,
    order: Any = "K",
    subok: bool = False,
    ndmin: int = 0,
    like: Any = None,
) -> Array:
    """Make an array, also of nested lists that contain traced values.

    Parameters
    ----------
    object : array_like
        Lists may contain traced arrays anywhere; all entries of a list must have one shape.
    dtype : dtype, optional
        By default what NumPy's promotion gives.
    copy, order, subok, like
        As in `numpy.array`; only `copy` has an effect on traced values.
    ndmin : int
        The least number of axes; missing ones are put in front.

    Returns
    -------
    array
        A plain ndarray if nothing in `object` is traced.

    Raises
    ------
    ValueError
        The entries of a list have different shapes.
    TypeError
        An entry is not numeric.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.numpy.array([1.0, 2.0])
    array([1., 2.])
    >>> ft.grad(lambda x: np.sum(ft.numpy.array([[x, 2.0], [3.0, x * x]])))(3.0).item()
    7.0
    """
    plain = type(object) is ndarray or stack.top is None
    if plain and copy is True and order == "K" and not (subok or ndmin) and like is None:
        return _array(object, dtype)  # the keywords of the general call cost as much as it does
    if plain or not contains_traced(object):
        return np.array(object, dtype, copy=copy, order=order, subok=subok, ndmin=ndmin, like=like)
    np.array(_NOTHING, copy=copy, order=order, subok=subok, ndmin=ndmin, like=like)  # if it may be
    x = reductions.cast(operand(object), dtype)
    _check_copy(copy, x, object)
    if not shape_of(x) and ndmin < 1 and not isinstance(object, ndarray):
        return shapes.as_array(x)
    if copy and x is object:
        x = _copy_method(x)
    missing = ndmin - ndim_of(x)
    return shapes.reshape(x, (1,) * missing + shape_of(x)) if missing > 0 else x


def asarray(
    a: Any,
    dtype: Any = None,
    order: Any = None,
    *,
    device: Any = None,
    copy: bool | None = None,
    like: Any = None,
) -> Array:
    """Make an array of anything that is none yet; a traced array is returned as it is.

    Parameters
    ----------
    a : array_like
        Lists may contain traced arrays anywhere; all entries of a list must have one shape.
    dtype : dtype, optional
        By default what NumPy's promotion gives.
    order, device, copy, like
        As in `numpy.asarray`; only `copy` has an effect on traced values.

    Returns
    -------
    array
        A plain ndarray if nothing in `a` is traced.

    Raises
    ------
    ValueError
        The entries of a list have different shapes.
    TypeError
        An entry is not numeric.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.vmap(lambda x: ft.numpy.asarray([x, -x]))(np.array([1.0, 2.0]))
    array([[ 1., -1.],
           [ 2., -2.]])
    """
    plain = type(a) is ndarray
    if copy is None and device is None and like is None:
        if plain and dtype is None and order is None:
            return a
        if stack.top is None:
            return _asarray(a, dtype, order)
    if plain or stack.top is None or not contains_traced(a):
        new: Any = np.asarray(a, dtype, order, device=device, copy=copy, like=like)
        return writable(new) if copy else new
    checked_device(device)
    if copy is not None or order is not None or like is not None:
        np.asarray(_NOTHING, order=order, copy=copy, like=like)  # if it may be
    x = reductions.cast(operand(a), dtype)
    if not isinstance(x, ndarray):
        x = shapes.as_array(x)
    _check_copy(copy, x, a)
    return _copy_method(x) if copy and x is a else x


def _check_copy(copy: bool | None, x: Array, given: Any) -> None:
    """Raise if what was given has been copied although it was not to be."""
    if copy is False and x is not given:
        raise ValueError("Unable to avoid copy while creating an array as requested.")


def asanyarray(
    a: Any,
    dtype: Any = None,
    order: Any = None,
    *,
    device: Any = None,
    copy: bool | None = None,
    like: Any = None,
) -> Array:
    """Make an array as :func:`asarray` does, but let instances of subclasses of ndarray pass.

    Parameters, result and errors are those of :func:`asarray`. Masked arrays and the like stay what
    they are, and are refused where they meet traced values.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.vmap(lambda x: ft.numpy.asanyarray([x, 1.0]))(np.array([2.0, 3.0]))
    array([[2., 1.],
           [3., 1.]])
    """
    if type(a) is ndarray:
        if dtype is order is device is copy is like is None:
            return a
    elif issubclass(type(a), ndarray):
        return np.asanyarray(a, dtype, order, device=device, copy=copy, like=like)
    return asarray(a, dtype, order, device=device, copy=copy, like=like)


def zeros(
    shape: Any, dtype: Any = None, order: Any = "C", *, device: Any = None, like: Any = None
) -> Array:
    """Make an array of zeros, which inside a transform traced values can be written into.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : dtype
    order, device, like
        As in `numpy.zeros`.

    Returns
    -------
    array
        A plain ndarray outside transforms.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> def f(x):
    ...     y = ft.numpy.zeros(3)        # numpy.zeros(3) could not hold what is traced
    ...     y[0] = x
    ...     return np.sum(np.cos(y))
    >>> float(ft.grad(f)(0.0))
    -0.0
    """
    if device is None and like is None and stack.top is None:
        return _zeros(shape, dtype, order)
    return fresh(np.zeros(shape, dtype, order, device=device, like=like))


def ones(
    shape: Any, dtype: Any = None, order: Any = "C", *, device: Any = None, like: Any = None
) -> Array:
    """Make an array of ones, which inside a transform traced values can be written into.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : dtype
    order, device, like
        As in `numpy.ones`.

    Returns
    -------
    array
        A plain ndarray outside transforms.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.numpy.ones(2)
    array([1., 1.])
    """
    if device is None and like is None and stack.top is None:
        new = _empty(shape, dtype, order)  # as in numpy.ones, which is written in Python too
        if new.dtype.kind in NUMERIC_KINDS:
            new.fill(1)
            return new
    return fresh(np.ones(shape, dtype, order, device=device, like=like))


def empty(
    shape: Any, dtype: Any = None, order: Any = "C", *, device: Any = None, like: Any = None
) -> Array:
    """Make an array with arbitrary elements, which traced values can be written into.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : dtype
    order, device, like
        As in `numpy.empty`.

    Returns
    -------
    array
        A plain ndarray outside transforms.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.numpy.empty((2, 3)).shape
    (2, 3)
    """
    if device is None and like is None and stack.top is None:
        return _empty(shape, dtype, order)
    return fresh(np.empty(shape, dtype, order, device=device, like=like))


def full(
    shape: Any,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "C",
    *,
    device: Any = None,
    like: Any = None,
) -> Array:
    """Make an array of one value, which may be traced.

    Parameters
    ----------
    shape : int or tuple of int
    fill_value : array_like
        Broadcast to `shape`.
    dtype : dtype, optional
        By default that of `fill_value`.
    order, device, like
        As in `numpy.full`; without effect on a traced value.

    Returns
    -------
    array
        A plain ndarray outside transforms.

    Raises
    ------
    ValueError
        `fill_value` does not broadcast to `shape`.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.grad(lambda x: np.sum(ft.numpy.full((2, 3), x)))(1.0).item()
    6.0
    """
    if device is None and like is None and stack.top is None:
        if dtype is None:  # as in numpy.full, which is written in Python too
            fill_value = _asarray(fill_value)
            dtype = fill_value.dtype
            if not fill_value.ndim and dtype.kind in NUMERIC_KINDS:
                new = _empty(shape, dtype, order)
                new.fill(fill_value)
                return new
        new = _empty(shape, dtype, order)
        np.copyto(new, fill_value, casting="unsafe")
        return new
    if stack.top is None or not contains_traced(fill_value):
        return fresh(np.full(shape, fill_value, dtype, order, device=device, like=like))
    checked_order(order)
    checked_device(device)
    return filled(fill_value, shape, dtype)


def plain_outside(a: Any) -> bool:
    """Whether no transform is active and an array is NumPy's, also where tensors lie below."""
    return issubclass(type(a), ndarray) and outside()


def fresh(content: Any) -> Array:
    """A new array that traced values can be written into: traced itself, inside a transform."""
    top = stack.top
    if top is None or isinstance(content, TracedArray) and content.interpreter is top:
        return content  # the second: NumPy has asked `like` already
    new = top.fresh(content)
    return as_what(new, content)


def writable(copied: Any) -> Array:
    """A copy that was asked for, which inside a transform traced values can be written into.

    Integers and booleans stay plain: they may be meant as indices.
    """
    return fresh(copied) if copied.dtype.kind in "fc" else copied


def filled(value: Any, shape: Any, dtype: Any) -> Array:
    """A new array of a traced value, or of one in each place."""
    x = shapes.broadcast_to(reductions.cast(operand(value), dtype), shape)
    return _copy_method(x) if x is value else x


@method("copy")
def _copy_method(x: Any, order: Any = "C") -> Array:
    """An array of its own with the same elements, which belongs to the innermost transform."""
    if order != "C":
        checked_order(order)
    new = x.duplicate()
    if stack.top is not x.interpreter:
        x.check_active()
        new = fresh(new)
    return as_what(new, x)


@implements(np.copy)
def copy(a: Any, order: Any = "K", subok: bool = False) -> Array:
    """Make an array of its own with the same elements, which traced values can be written into.

    Parameters
    ----------
    a : array_like
    order, subok
        As in `numpy.copy`; without effect on traced values.

    Returns
    -------
    array
        Inside a transform one that belongs to it; a plain ndarray outside transforms.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> table = np.arange(3.0)
    >>> def f(x):
    ...     y = ft.numpy.copy(table)     # table itself could not hold what is traced
    ...     y[0] = x
    ...     return y @ y
    >>> float(ft.grad(f)(3.0)), table
    (6.0, array([0., 1., 2.]))
    """
    if type(a) is ndarray and stack.top is None:
        return a.copy(order)
    if plain_outside(a):
        return np.array(a, order=order, subok=subok)
    if isinstance(a, TracedArray):
        if order != "K":
            checked_order(order)
        new = a.duplicate() if stack.top is a.interpreter else _copy_method(a)
        return new if a.shape else shapes.as_array(new)
    if stack.top is not None and isinstance(x := operand(a), TracedArray):  # of a list
        return _copy_method(x, order)
    return fresh(np.array(a, order=order, subok=subok))


@method("astype")
def _astype_method(
    x: Array,
    dtype: Any,
    order: Any = "K",
    casting: Any = "unsafe",
    subok: bool = True,
    copy: bool = True,
) -> Array:
    """The elements in another dtype."""
    wanted = np.dtype(dtype)
    if order != "K" or subok is not True:
        checked_order(order)
        checked_subok(subok)
    if casting != "unsafe":
        checked_casting(casting)
    if casting != "unsafe" and not np.can_cast(dtype_of(x), wanted, casting):
        raise TypeError(
            f"Cannot cast array data from {dtype_of(x)!r} to {wanted!r} according to the rule "
            f"{casting!r}"
        )
    if wanted.kind not in "?biufc":
        raise unsupported("ndarray.astype", f"dtype={wanted}", "take a numeric dtype")
    if wanted == dtype_of(x):
        return _copy_method(x) if copy else x
    ans = p.astype(x, dtype=wanted)
    return shapes.as_array(ans) if not x.shape and isinstance(x, ndarray) else ans


@implements(getattr(np, "astype", None))
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    """The elements in another dtype."""
    checked_device(device)
    return _astype_method(operand(x), dtype, copy=copy)


@implements(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: Any = 0,
    *,
    device: Any = None,
) -> Any:
    """Evenly spaced numbers between two ends, which may be traced."""
    checked_device(device)
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    start, stop = operand(start), operand(stop)
    kind = np.result_type(promoted(start), promoted(stop), 1.0)
    low, high = (x if dtype_of(x).kind in "fc" else reductions.cast(x, kind) for x in (start, stop))
    spaces = num - 1 if endpoint else num
    span = p.subtract(high, low)
    shape = np.broadcast_shapes(shape_of(low), shape_of(high))
    counts = np.arange(num, dtype=kind).reshape((-1,) + (1,) * len(shape))
    step = p.divide(span, spaces) if spaces > 0 else np.nan
    ans = p.add(p.multiply(counts, step if spaces > 0 else span), low)
    if endpoint and num > 1:  # the last is the end itself, not a rounded sum
        ends = shapes.broadcast_to(reductions.cast(high, kind), shape)
        ans = p.concatenate(ans[:-1], shapes.reshape(ends, (1, *shape)), axis=0)
    ans = _at_axis(ans, axis, dtype)
    return (ans, step) if retstep else ans


def _floating(x: Any) -> Array:
    x = operand(x)
    return x if dtype_of(x).kind in "fc" else reductions.cast(x, float)


def _at_axis(x: Array, axis: Any, dtype: Any) -> Array:
    """The samples along the wanted axis, in the wanted dtype."""
    if dtype is not None and np.dtype(dtype).kind in "iu":
        x = p.floor(x)
    (axis,) = several_axes(axis, ndim_of(x))
    return reductions.cast(shapes.moveaxis(x, 0, axis) if axis else x, dtype)


@implements(np.logspace)
def logspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: Any = 0,
) -> Array:
    """Numbers whose logarithms are evenly spaced."""
    start, stop, base = operand(start), operand(stop), operand(base)
    if ndim_of(base):
        rank = max(map(ndim_of, (start, stop, base)))
        start, stop, base = (
            shapes.reshape(x, (1,) * (rank - ndim_of(x)) + shape_of(x)) for x in (start, stop, base)
        )
    exponents = linspace(start, stop, num, endpoint)
    return _at_axis(p.power(base, exponents), axis, dtype)


def _no_zero(end: Array) -> Array:
    """The end of a geometric sequence, if it may be one."""
    value = end
    while isinstance(value, TracedArray):
        value = value.underlying
    if value is None:
        return p.where(p.equal(end, 0), np.nan, end)
    if np.any(np.equal(value, 0)):
        raise ValueError("Geometric sequence cannot include zero")
    return end


@implements(np.geomspace)
def geomspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: Any = 0
) -> Array:
    """Numbers with a constant ratio between two ends: of one sign, or complex.

    An end that is zero is refused; where a function is staged and no value known, it gives NaN.
    """
    low, high = map(_no_zero, map(_floating, (start, stop)))
    kind = complex if "c" in (dtype_of(low).kind, dtype_of(high).kind) else float
    low, high = reductions.cast(low, kind), reductions.cast(high, kind)
    sign = p.sign(low)
    low, high = p.divide(low, sign), p.divide(high, sign)
    ans = p.exp(linspace(p.log(low), p.log(high), num, endpoint))
    count = shape_of(ans)[0]
    if count:  # the ends are themselves, not rounded powers
        shape = (1, *shape_of(ans)[1:])
        first = shapes.reshape(shapes.broadcast_to(low, shape[1:]), shape)
        last = shapes.reshape(shapes.broadcast_to(high, shape[1:]), shape)
        middle = ans[1 : count - 1 if endpoint else count]
        parts = [first, middle, last] if endpoint and count > 1 else [first, middle]
        ans = p.concatenate(*parts, axis=0)
    return _at_axis(p.multiply(sign, ans), axis, dtype)


@implements(np.meshgrid)
def meshgrid(
    *xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> tuple[Array, ...]:
    """The coordinates of a grid, from the coordinates along each axis."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    count = len(xi)
    grids = []
    for k, x in enumerate(map(operand, xi)):
        place = 1 - k if indexing == "xy" and k < 2 and count > 1 else k
        grids.append(shapes.reshape(x, tuple(-1 if i == place else 1 for i in range(count))))
    return tuple(grids) if sparse else shapes.broadcast_arrays(*grids)


@implements(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Array:
    """The matrix of powers of a vector."""
    x = operand(x)
    if ndim_of(x) != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    powers = np.arange(shape_of(x)[0] if N is None else operator.index(N))
    if N is not None and N < 0:
        raise ValueError("negative dimensions are not allowed")
    return p.power(shapes.expand_dims(x, 1), powers if increasing else powers[::-1])
