"""Bits packed into bytes and unpacked: functions of integers, without derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of
from functrans.numpy.axes import ndim_of, one_axis
from functrans.numpy.operands import flattened, operand
from functrans.numpy.registry import implements


@implements(np.packbits)
def packbits(a: Any, /, axis: Any = None, bitorder: Any = "big") -> Array:
    """Eight elements along an axis, each zero or not, in one byte."""
    x = operand(a)
    if dtype_of(x).kind not in "biu":
        raise TypeError("Expected an input array of integer or boolean data type")
    x, axis = _along(x, axis)
    return p.packbits(x, axis=axis, order=_order(bitorder))


@implements(np.unpackbits)
def unpackbits(a: Any, /, axis: Any = None, count: Any = None, bitorder: Any = "big") -> Array:
    """The bits of bytes, along an axis; `count` of them, with zeros if there are fewer."""
    x = operand(a)
    if dtype_of(x) != np.uint8:
        raise TypeError("Expected an input array of unsigned byte data type")
    x, axis = _along(x, axis)
    wanted = None if count is None else int(count)
    return p.unpackbits(x, axis=axis, count=wanted, order=_order(bitorder))


def _along(x: Array, axis: Any) -> tuple[Array, int]:
    return (flattened(x), 0) if axis is None else (x, one_axis(axis, ndim_of(x)))


def _order(bitorder: Any) -> str:
    if bitorder not in ("big", "little"):
        raise ValueError("'order' must be either 'little' or 'big'")
    return str(bitorder)
