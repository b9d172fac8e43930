"""Comparisons, logic, bits, rounding, and the choice between values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import chooser, nondifferentiable
from functrans.core.primitive import ZERO
from functrans.core.types import Array, ArrayType, dtype_of

from .samples import Sample, binary, draw, draw_complex, integers, unary

if TYPE_CHECKING:
    from functrans.core.kinds import Function

nan, inf = np.nan, np.inf

TIES = Sample(np.array([1.0, -0.0, inf, nan]), np.array([1.0, 0.0, inf, nan]), label="ties")
ZERO_TIES = Sample(np.array([1.0, -0.0]), np.array([1.0, 0.0]), pinned=[0.5, 0.5], label="ties")
INFINITE_TIES = Sample(
    np.array([inf, -inf]), np.array([inf, -inf]), pinned=[0.5, 0.5], label="ties"
)
COMPLEX = Sample(draw_complex((3,), -2, 2, 7), draw_complex((3,), -2, 2, 8), label="complex")
FIRST, SECOND = np.array([1.0, 0.0]), np.array([0.0, 1.0])


def one_nan(*pinned: Array) -> Sample:
    """A choice between NaN and a number, then between a number and NaN."""
    return Sample(np.array([nan, 1.0]), np.array([1.0, nan]), pinned=pinned, label="NaN")


NUMBERS = Sample(
    np.array([-inf, -1.5, -0.0, 0.0, 0.5, 2.5, inf, nan]), label="special numbers", smooth=False
)

# Comparisons.

equal = nondifferentiable("equal", np.equal, samples=binary(-2, 2, TIES))
not_equal = nondifferentiable("not_equal", np.not_equal, samples=binary(-2, 2, TIES))
less = nondifferentiable("less", np.less, samples=binary(-2, 2, TIES, complex_too=False))
less_equal = nondifferentiable(
    "less_equal", np.less_equal, samples=binary(-2, 2, TIES, complex_too=False)
)
greater = nondifferentiable("greater", np.greater, samples=binary(-2, 2, TIES, complex_too=False))
greater_equal = nondifferentiable(
    "greater_equal", np.greater_equal, samples=binary(-2, 2, TIES, complex_too=False)
)
isfinite = nondifferentiable("isfinite", np.isfinite, samples=unary(-2, 2, NUMBERS))
isinf = nondifferentiable("isinf", np.isinf, samples=unary(-2, 2, NUMBERS))
isnan = nondifferentiable("isnan", np.isnan, samples=unary(-2, 2, NUMBERS))
signbit = nondifferentiable("signbit", np.signbit, samples=unary(-2, 2, NUMBERS, complex_too=False))

# Logic and bits.

logical_and = nondifferentiable("logical_and", np.logical_and, samples=binary(-2, 2))
logical_or = nondifferentiable("logical_or", np.logical_or, samples=binary(-2, 2))
logical_xor = nondifferentiable("logical_xor", np.logical_xor, samples=binary(-2, 2))
logical_not = nondifferentiable("logical_not", np.logical_not, samples=unary(-2, 2))
bitwise_and = nondifferentiable("bitwise_and", np.bitwise_and, samples=integers(2))
bitwise_or = nondifferentiable("bitwise_or", np.bitwise_or, samples=integers(2))
bitwise_xor = nondifferentiable("bitwise_xor", np.bitwise_xor, samples=integers(2))
invert = nondifferentiable("invert", np.invert, samples=integers(1))
left_shift = nondifferentiable("left_shift", np.left_shift, samples=integers(2))
right_shift = nondifferentiable("right_shift", np.right_shift, samples=integers(2))
bitwise_count = nondifferentiable("bitwise_count", np.bitwise_count, samples=integers(1))


def unpacked_length(length: int, count: int | None) -> int:
    """How many of the bits of bytes are wanted: all, `count`, or all but the last ``-count``."""
    if count is None:
        return 8 * length
    return count if count >= 0 else 8 * length + count


def resized(x: ArrayType, axis: int, length: int) -> ArrayType:
    return ArrayType((*x.shape[:axis], length, *x.shape[axis + 1 :]), np.uint8)


packbits: Function = nondifferentiable(
    "packbits",
    lambda x, *, axis, order: np.packbits(x, axis, bitorder=order),
    batch=lambda x, *, axis, order: packbits(x, axis=axis + 1, order=order),
    shape=lambda x, *, axis, order: resized(x, axis, -(-x.shape[axis] // 8)),
    samples=lambda: [
        Sample(draw((11,), -1, 1) > 0, axis=0, order="big", value=[0b10010001, 0b01000000]),
        Sample((draw((9, 2), -1, 1) > 0).T, axis=1, order="little", label="non-contiguous"),
        Sample(np.array([3, 0, 1], np.int8), axis=0, order="big", label="integers"),
        Sample(np.zeros(0, bool), axis=0, order="big", label="empty"),
    ],
)
unpackbits: Function = nondifferentiable(
    "unpackbits",
    lambda x, *, axis, count, order: np.unpackbits(x, axis, count, bitorder=order),
    batch=lambda x, *, axis, **params: unpackbits(x, axis=axis + 1, **params),
    shape=lambda x, *, axis, count, order: resized(x, axis, unpacked_length(x.shape[axis], count)),
    samples=lambda: [
        Sample(
            np.array([3, 200], np.uint8),
            axis=0,
            count=None,
            order="big",
            value=[0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0],
        ),
        Sample(np.array([[3, 200]], np.uint8).T, axis=1, count=11, order="little"),
        Sample(np.array([[3, 200]], np.uint8), axis=1, count=-3, order="little"),
        Sample(np.zeros(0, np.uint8), axis=0, count=None, order="big", label="empty"),
    ],
)

# Rounding.

floor = nondifferentiable("floor", np.floor, samples=unary(-2, 2, NUMBERS, complex_too=False))
ceil = nondifferentiable("ceil", np.ceil, samples=unary(-2, 2, NUMBERS, complex_too=False))
trunc = nondifferentiable("trunc", np.trunc, samples=unary(-2, 2, NUMBERS, complex_too=False))
rint = nondifferentiable("rint", np.rint, samples=unary(-2, 2, NUMBERS))


def round_batch(x: Array, *, decimals: int) -> Array:
    return round(x, decimals=decimals)


round: Function = nondifferentiable(
    "round",
    lambda x, *, decimals: np.round(x, decimals),
    batch=round_batch,
    shape=lambda x, *, decimals: ArrayType(x.shape, np.float16 if x.dtype == bool else x.dtype),
    samples=lambda: [
        Sample(draw((3,), -2, 2), decimals=0),
        Sample(draw((2, 3), -200, 200).T, decimals=2, smooth=False, label="non-contiguous"),
        Sample(draw((), -200, 200)[()], decimals=-1, label="0-d"),
        Sample(np.array([15, 25, 149]), decimals=-1, value=[20, 20, 150], label="integers"),
        Sample(draw((0,), -2, 2).astype(np.float32), decimals=1, label="empty"),
    ],
)

# The choice between values.


def is_nan(x: Array) -> Array:
    """Where an operand is NaN; no integer is, of which NumPy does not ask beyond 64 bits."""
    return np.False_ if type(x) is int else isnan(x)


maximum = chooser(
    "maximum",
    np.maximum,
    lambda x, y: (logical_or(greater_equal(x, y), is_nan(x)), equal(x, y)),
    lambda x, y: (logical_or(less_equal(x, y), is_nan(y)), equal(x, y)),
    samples=binary(
        -2,
        2,
        COMPLEX,
        ZERO_TIES,
        INFINITE_TIES,
        Sample(np.array([inf, -inf]), 1.0, pinned=[FIRST, 1], label="infinity"),
        one_nan(FIRST, SECOND),
        complex_too=False,
    ),
)
minimum = chooser(
    "minimum",
    np.minimum,
    lambda x, y: (logical_or(less_equal(x, y), is_nan(x)), equal(x, y)),
    lambda x, y: (logical_or(greater_equal(x, y), is_nan(y)), equal(x, y)),
    samples=binary(
        -2,
        2,
        COMPLEX,
        ZERO_TIES,
        INFINITE_TIES,
        Sample(np.array([inf, -inf]), 1.0, pinned=[SECOND, 1], label="infinity"),
        one_nan(FIRST, SECOND),
        complex_too=False,
    ),
)
fmax = chooser(
    "fmax",
    np.fmax,
    lambda x, y: (logical_or(greater_equal(x, y), is_nan(y)), equal(x, y)),
    lambda x, y: (logical_or(less_equal(x, y), is_nan(x)), equal(x, y)),
    samples=binary(
        -2,
        2,
        COMPLEX,
        ZERO_TIES,
        one_nan(SECOND, FIRST),
        complex_too=False,
    ),
)
fmin = chooser(
    "fmin",
    np.fmin,
    lambda x, y: (logical_or(less_equal(x, y), is_nan(y)), equal(x, y)),
    lambda x, y: (logical_or(greater_equal(x, y), is_nan(x)), equal(x, y)),
    samples=binary(
        -2,
        2,
        COMPLEX,
        ZERO_TIES,
        one_nan(SECOND, FIRST),
        complex_too=False,
    ),
)
heaviside = chooser(
    "heaviside",
    np.heaviside,
    ZERO,
    lambda x: equal(x, 0),
    samples=binary(
        -2,
        2,
        Sample(np.array([-1.0, 0.0, 1.0]), 0.5, pinned=[0, 1], label="the jump"),
        Sample(np.array([-1, 0, 0]), draw((3,), -1, 1), label="whole numbers"),
        complex_too=False,
    ),
)

_PYTHON_NUMBERS: dict[str, Any] = {"b": True, "i": 1, "f": 1.0, "c": 1j}


def joint_dtype(*types: ArrayType) -> np.dtype[Any]:
    """The dtype that NumPy's promotion gives to values of these types together."""
    return np.result_type(*[_PYTHON_NUMBERS[t.dtype.kind] if t.weak else t.dtype for t in types])


def where_shape(x: ArrayType, y: ArrayType, z: ArrayType) -> ArrayType:
    return ArrayType(np.broadcast_shapes(x.shape, y.shape, z.shape), joint_dtype(y, z))


BITS: dict[str, Any] = {"f": np.int32, "d": np.int64}
"""The integers whose bits are those of floating-point numbers, by their type codes."""


def where_impl(x: Array, y: Array, z: Array) -> Array:
    """``np.where``; many numbers or 0 are chosen by their bits, which takes no branches."""
    if (
        type(z) is int
        and z == 0
        and type(x) is np.ndarray
        and type(y) is np.ndarray
        and x.size >= 4096
        and x.dtype == bool
        and x.shape == y.shape
        and y.dtype.char in BITS
        and y.dtype.isnative
    ):
        bits = x.astype(BITS[y.dtype.char])
        np.negative(bits, out=bits)  # all ones where it holds
        np.bitwise_and(bits, y.view(bits.dtype), out=bits)
        return bits.view(y.dtype)
    return np.where(x, y, z)


where = chooser(
    "where",
    where_impl,
    ZERO,
    lambda x: x if dtype_of(x).kind == "b" else not_equal(x, 0),
    lambda x: logical_not(x),
    shape=where_shape,
    samples=lambda: [
        Sample(draw((3,), -1, 1) > 0, draw((3,), -1, 1, 1), draw((3,), -1, 1, 2)),
        Sample(draw((2, 1), -1, 1) > 0, draw((3,), -1, 1, 1), 0.5, label="broadcast"),
        Sample(True, draw((), -1, 1, 1), draw((), -1, 1, 2), label="0-d"),
        Sample(np.zeros((0,), bool), draw((0,), -1, 1), 1.0, label="empty"),
        Sample(np.array([0, 2, 0]), draw((3,), -1, 1).astype(np.float32), 2.0, label="integers"),
        Sample(np.array([True, False]), 1j, draw((2,), -1, 1), label="complex, real"),
        Sample(np.array([True, False]), 1.0, draw_complex((2,), -1, 1), label="real, complex"),
        Sample(np.array([True, False]), inf, nan, pinned=[None, 1, 1], label="infinity and NaN"),
    ],
)


def clip_chosen(x: Array, y: Array, z: Array) -> Array:
    """Where `x` lies between its bounds: the interval is closed, a bound itself belongs to `x`."""
    return logical_and(greater_equal(x, y), less_equal(x, z))


clip = chooser(
    "clip",
    lambda x, y, z: np.clip(x, y, z),
    clip_chosen,
    lambda x, y, z: logical_and(less(x, y), less_equal(y, z)),
    lambda x, y, z: greater(maximum(x, y), z),
    shape=lambda x, y, z: ArrayType(
        np.broadcast_shapes(x.shape, y.shape, z.shape), joint_dtype(x, y, z)
    ),
    samples=lambda: [
        Sample(draw((5,), -2, 2), -1.0, 1.0),
        Sample(draw((2, 3), -2, 2).astype(np.float32), draw((3,), -2, 0), draw((2, 1), 0, 2, 1)),
        Sample(draw((), -2, 2)[()], 0.5, 0.75, label="0-d"),
        Sample(draw((0,), -2, 2), -1.0, 1.0, label="empty"),
        Sample(draw_complex((5,), -1, 1), -0.2 - 0.1j, 0.3 + 0j, label="complex"),
        Sample(np.array([-1.0, 1.0]), -1.0, 1.0, pinned=[1, 0, 0], label="at the bounds"),
        Sample(np.array([-inf, inf]), -1.0, 1.0, pinned=[0, 1, 1], label="infinity"),
        Sample(draw((3,), -2, 2), 1.0, -1.0, pinned=[0, 0, 3], label="crossed bounds"),
        Sample(np.array([-3.0, 2.0]), 2.0, 2.0, pinned=[SECOND, 1, 0], label="equal bounds"),
    ],
)
