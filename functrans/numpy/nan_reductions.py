"""Reductions that leave NaN out: NaN is replaced first, so that its derivative is exactly zero."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import reductions
from functrans.numpy.operands import operand, scalar
from functrans.numpy.reductions import MISSING
from functrans.numpy.registry import implements


def _filled(a: Any, value: Any) -> Array:
    """The array with NaN replaced."""
    x = operand(a)
    return p.where(p.isnan(x), value, x) if dtype_of(x).kind in "fc" else x


def _valid(a: Any, where: Any) -> Any:
    """Which elements count: those that are no NaN and that `where` selects."""
    x = operand(a)
    if dtype_of(x).kind not in "fc":
        return where
    valid = p.logical_not(p.isnan(x))
    if where is True or where is MISSING:
        return valid
    return p.logical_and(valid, reductions.mask_of(where, shape_of(x)))


@implements(np.nansum)
def nansum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = MISSING,
    where: Any = True,
) -> Array:
    """Sum of the elements that are no NaN."""
    return reductions.sum(_filled(a, 0), axis, dtype, out, keepdims, initial, where)


@implements(np.nanprod)
def nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = MISSING,
    where: Any = True,
) -> Array:
    """Product of the elements that are no NaN."""
    return reductions.prod(_filled(a, 1), axis, dtype, out, keepdims, initial, where)


@implements(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Array:
    """Sums up to each element, NaN counting as 0."""
    return reductions.cumsum(_filled(a, 0), axis, dtype, out)


@implements(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Array:
    """Products up to each element, NaN counting as 1."""
    return reductions.cumprod(_filled(a, 1), axis, dtype, out)


@implements(np.nanmax)
def nanmax(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = MISSING,
    where: Any = True,
) -> Array:
    """Largest element that is no NaN."""
    filled = _filled(a, -np.inf)
    ans = reductions.max(filled, axis, out, keepdims, initial, where)
    return _nan_if_all(ans, a, axis, keepdims, initial)


@implements(np.nanmin)
def nanmin(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = MISSING,
    where: Any = True,
) -> Array:
    """Smallest element that is no NaN."""
    filled = _filled(a, np.inf)
    ans = reductions.min(filled, axis, out, keepdims, initial, where)
    return _nan_if_all(ans, a, axis, keepdims, initial)


def _nan_if_all(ans: Array, a: Any, axis: Any, keepdims: Any, initial: Any) -> Array:
    """The extrema, NaN where all elements were, of which NumPy warns."""
    x = operand(a)
    if initial is not MISSING or dtype_of(x).kind not in "fc":
        return ans
    none = reductions.all(p.isnan(x), axis, keepdims=keepdims)
    if not isinstance(none, TracedArray) and np.any(none):
        warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=5)
    return scalar(p.where(none, np.nan, ans))


@implements(np.nanargmax)
def nanargmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Array:
    """The index of the first largest element that is no NaN."""
    _refuse_all_nan(a, axis)
    return reductions.argmax(_filled(a, -np.inf), axis, out, keepdims=keepdims)


@implements(np.nanargmin)
def nanargmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Array:
    """The index of the first smallest element that is no NaN."""
    _refuse_all_nan(a, axis)
    return reductions.argmin(_filled(a, np.inf), axis, out, keepdims=keepdims)


def _refuse_all_nan(a: Any, axis: Any) -> None:
    none = reductions.all(p.isnan(operand(a)), axis)
    if not isinstance(none, TracedArray) and np.any(none):
        raise ValueError("All-NaN slice encountered")


def _check_inexact(a: Any, dtype: Any) -> None:
    if dtype is not None and dtype_of(operand(a)).kind in "fc" and np.dtype(dtype).kind not in "fc":
        raise TypeError("If a is inexact, then dtype must be inexact")


@implements(np.nanmean)
def nanmean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = True,
) -> Array:
    """Mean of the elements that are no NaN."""
    _check_inexact(a, dtype)
    return reductions.mean(a, axis, dtype, out, keepdims, where=_valid(a, where))


@implements(np.nanvar)
def nanvar(
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
    """Variance of the elements that are no NaN; NaN where there are too few."""
    _check_inexact(a, dtype)
    valid = _valid(a, where)
    ddof = ddof if correction is MISSING else correction
    ans = reductions.var(a, axis, dtype, None, ddof, keepdims, where=valid, mean=mean)
    count = reductions.count_of(operand(a), axis, keepdims, valid)
    return scalar(p.where(p.greater(count, ddof), ans, np.nan))


@implements(np.nanstd)
def nanstd(
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
    """Standard deviation of the elements that are no NaN; NaN where there are too few."""
    return reductions.root(
        nanvar(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    )
