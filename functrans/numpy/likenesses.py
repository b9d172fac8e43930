"""New arrays of the shape and dtype of another, which inside a transform belong to it: traced
values can be written into them, also where the other is plain.

Outside of transforms they do what NumPy's own do in as many calls: these are written in Python too,
and to call them would take as long again.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

import numpy as np
from numpy import ndarray

from functrans.core.array import TracedArray
from functrans.core.interpreter import stack
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import reductions
from functrans.numpy.creation import filled, fresh, plain_outside
from functrans.numpy.operands import NUMERIC_KINDS, contains_traced, operand
from functrans.numpy.options import checked_device, checked_order, checked_subok
from functrans.numpy.registry import implements

_empty_like = np.empty_like  # looked up once: numpy's attributes take long


def _like(prototype: Any, dtype: Any, shape: Any, order: Any, subok: Any) -> tuple[Any, Any]:
    """The shape and dtype of a new array like another."""
    if order != "K" or subok is not True:
        checked_order(order)
        checked_subok(subok)
    x = operand(prototype)
    return (shape_of(x) if shape is None else shape), (dtype_of(x) if dtype is None else dtype)


@implements(np.zeros_like)
@wraps(np.zeros_like)
def zeros_like(
    a: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Array:
    if stack.top is None or plain_outside(a):
        if type(a) is ndarray and device is None:
            new = _empty_like(a, dtype, order, subok, shape)
            if new.dtype.kind in NUMERIC_KINDS:
                new.fill(0)
                return new
        return np.zeros_like(a, dtype, order, subok, shape, device=device)
    return fresh(np.zeros(*_like(a, dtype, shape, order, subok), device=device))


@implements(np.ones_like)
@wraps(np.ones_like)
def ones_like(
    a: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Array:
    if stack.top is None or plain_outside(a):
        if type(a) is ndarray and device is None:
            new = _empty_like(a, dtype, order, subok, shape)
            if new.dtype.kind in NUMERIC_KINDS:
                new.fill(1)
                return new
        return np.ones_like(a, dtype, order, subok, shape, device=device)
    return fresh(np.ones(*_like(a, dtype, shape, order, subok), device=device))


@implements(np.empty_like)
@wraps(np.empty_like)
def empty_like(
    prototype: Any,
    /,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Array:
    if stack.top is None or plain_outside(prototype):
        if device is None:
            return _empty_like(prototype, dtype, order, subok, shape)
        return np.empty_like(prototype, dtype, order, subok, shape, device=device)
    return fresh(np.empty(*_like(prototype, dtype, shape, order, subok), device=device))


@implements(np.full_like)
@wraps(np.full_like)
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Array:
    if stack.top is None or (plain_outside(a) and not contains_traced(fill_value)):
        if type(a) is ndarray and device is None:
            new = _empty_like(a, dtype, order, subok, shape)
            if type(fill_value) is float and new.dtype.kind in "fc":
                new.fill(fill_value)
            else:
                np.copyto(new, fill_value, casting="unsafe")
            return new
        return np.full_like(a, fill_value, dtype, order, subok, shape, device=device)
    checked_device(device)
    wanted, kind = _like(a, dtype, shape, order, subok)
    value = reductions.cast(operand(fill_value), kind)
    if isinstance(value, TracedArray):
        return filled(fill_value, wanted, kind)
    return fresh(np.full(wanted, value, kind))
