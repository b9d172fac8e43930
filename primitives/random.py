"""Random numbers as functions of a key: bits, keys from keys, and the samplers that others are made
of.

A key is an array of two 32-bit words (the last axis). Axes before it count lanes, each of which has
numbers of its own: that is all that batching takes, and why a lane has the numbers that a call with
its key alone would give. None has a derivative: what comes of them is reparameterised from here on.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.errors import user_line
from functrans.core.kinds import elementwise, nondifferentiable
from functrans.core.types import Array, ArrayType, Shape

from .arithmetic import multiply, square, subtract
from .exponential import exp
from .normal_quantile import centred_quantile, truncated_quantile_impl
from .samples import Sample, draw
from .special_operands import double, double_shape
from .threefry import MASK, WORD, fill, fold, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.kinds import Function

LONG = np.dtype(np.uint64)
KEY = np.array([0x13198A2E, 0x03707344], WORD)
KEYS = np.arange(6, dtype=WORD).reshape(3, 2)


def joined(high: Array, low: Array, out: Array) -> Array:
    """Pairs of words as numbers of 64 bits, in the memory of `out`."""
    whole = out.view(LONG)
    whole[...] = high
    whole <<= np.uint64(32)
    whole |= low
    return whole


# Keys.


def random_key_impl(x: Array) -> Array:
    """The key of a seed: its 64 bits."""
    seed = np.asarray(x)
    seed = seed.astype(LONG) if seed.dtype.kind == "u" else seed.astype(np.int64).view(LONG)
    return np.stack([seed >> np.uint64(32), seed & np.uint64(MASK)], axis=-1).astype(WORD)


random_key: Function = nondifferentiable(
    "random_key",
    random_key_impl,
    batch=lambda x: random_key(x),
    shape=lambda x: ArrayType((*x.shape, 2), WORD),
    samples=lambda: [
        Sample(7, value=[0, 7]),
        Sample(np.array([-1, 2**40 + 3]), value=[[MASK, MASK], [256, 3]], label="large"),
        Sample(np.array(2**64 - 2, LONG), value=[MASK, MASK - 1], label="unsigned"),
        Sample(np.zeros((0,), np.int32), label="empty"),
    ],
)


def random_split_impl(x: Array, *, shape: Shape) -> Array:
    def finish(high: Array, low: Array, out: Array) -> None:
        out[:, 0] = high
        out[:, 1] = low

    return fill(x, shape, (WORD, (2,)), finish)


random_split: Function = nondifferentiable(
    "random_split",
    random_split_impl,
    batch=lambda x, *, shape: random_split(x, shape=shape),
    shape=lambda x, *, shape: ArrayType((*x.shape[:-1], *shape, 2), WORD),
    samples=lambda: [
        Sample(KEY, shape=(2,), value=[[1095259177, 3512222810], [3520574224, 438507793]]),
        Sample(KEYS, shape=(2, 3), label="lanes"),
        Sample(KEY, shape=(), label="one"),
        Sample(KEY, shape=(0,), label="none"),
        Sample(KEYS[:, ::-1], shape=(2,), label="non-contiguous"),
    ],
)


def random_fold_impl(x: Array, y: Array) -> Array:
    keys, number = np.asarray(x), np.asarray(y)
    if number.dtype.kind != "u":
        number = number.astype(np.int64)
    index = np.broadcast_to(number.astype(LONG), keys.shape[:-1]).reshape(-1)
    high, low = words((keys[..., 0].reshape(-1), keys[..., 1].reshape(-1)), index)
    return np.stack([high, low], axis=-1).reshape(keys.shape)


random_fold: Function = nondifferentiable(
    "random_fold",
    random_fold_impl,
    batch=lambda x, y: random_fold(x, y),
    shape=lambda x, y: x,
    samples=lambda: [
        Sample(KEY, 1, value=[3520574224, 438507793]),
        Sample(KEYS, np.array([3, -1, 2**40]), label="lanes"),
        Sample(KEYS[:, ::-1], np.array([3, 1, 2], np.uint8), label="non-contiguous"),
    ],
)

# Bits and floating-point numbers.

WIDTHS = {8 * n: np.dtype(f"u{n}") for n in (1, 2, 4, 8)}


def bits_of(high: Array, low: Array, out: Array) -> None:
    """The two words as one number of 64 bits, or folded into fewer."""
    if out.dtype == LONG:
        joined(high, low, out)
    else:
        high ^= low
        out[...] = high  # the low bits


def random_bits_impl(x: Array, *, shape: Shape, width: int) -> Array:
    return fill(x, shape, WIDTHS[width], bits_of)


random_bits: Function = nondifferentiable(
    "random_bits",
    random_bits_impl,
    batch=lambda x, *, shape, width: random_bits(x, shape=shape, width=width),
    shape=lambda x, *, shape, width: ArrayType((*x.shape[:-1], *shape), WIDTHS[width]),
    samples=lambda: [
        Sample(KEY, shape=(2,), width=64, value=[4704102349371098202, 15120751155659086097]),
        Sample(KEY, shape=(2,), width=32, value=[2416971891, 3421809153]),
        Sample(KEYS, shape=(2, 3), width=16, label="lanes"),
        Sample(KEY, shape=(), width=8, label="0-d"),
        Sample(KEY, shape=(0, 2), width=32, label="empty"),
        Sample(KEYS[:, ::-1], shape=(700,), width=64, label="non-contiguous, many"),
    ],
)


def unit(high: Array, low: Array, out: Array) -> None:
    """Multiples of 2**-52 (as many bits as the mantissa has) in [0, 1): the bits of a number in
    [1, 2), less 1."""
    if out.dtype == np.float64:
        whole = joined(high, low, out)
        whole >>= np.uint64(12)
        whole |= np.uint64(0x3FF << 52)
    elif out.dtype == np.float32:
        np.bitwise_xor(high, low, out=high)
        np.right_shift(high, np.uint32(9), out=high)
        np.bitwise_or(high, np.uint32(0x7F << 23), out=out.view(WORD))
    else:
        high ^= low
        half = high.astype(np.uint16)
        half >>= np.uint16(6)
        np.bitwise_or(half, np.uint16(0xF << 10), out=out.view(np.uint16))
    out -= out.dtype.type(1)


def normal(high: Array, low: Array, out: Array) -> None:
    """Standard normal numbers, by their quantiles."""
    unit(high, low, out)
    least = np.nextafter(out.dtype.type(-1), out.dtype.type(0))
    out *= out.dtype.type(2)
    out += least
    np.maximum(out, least, out=out)
    out[...] = centred_quantile(out.astype(float, copy=False))


def _from_words(name: str, finish: Callable[[Array, Array, Array], None], first: float) -> Function:
    """A primitive that makes one number of a floating dtype of each block of words."""

    def impl(x: Array, *, shape: Shape, dtype: np.dtype[Any]) -> Array:
        return fill(x, shape, dtype, finish)

    call = nondifferentiable(
        name,
        impl,
        batch=lambda x, *, shape, dtype: call(x, shape=shape, dtype=dtype),
        shape=lambda x, *, shape, dtype: ArrayType((*x.shape[:-1], *shape), dtype),
        samples=lambda: [
            Sample(KEY, shape=(1,), dtype=np.dtype(float), value=[first]),
            Sample(KEYS, shape=(2, 3), dtype=np.dtype(np.float32), label="float32"),
            Sample(KEYS, shape=(2,), dtype=np.dtype(np.float16), label="float16"),
            Sample(KEY, shape=(), dtype=np.dtype(float), label="0-d"),
            Sample(KEY, shape=(0, 2), dtype=np.dtype(float), label="empty"),
            Sample(KEYS[:, ::-1], shape=(700,), dtype=np.dtype(float), label="non-contiguous"),
        ],
    )
    return call


random_uniform = _from_words("random_uniform", unit, 0.25500989933911544)
random_normal = _from_words("random_normal", normal, -0.6588068645339052)


# Whole numbers, by rejection: all of a range remain equally likely, whatever its length is.


def random_integers_impl(x: Array, y: Array, z: Array, *, dtype: np.dtype[Any]) -> Array:
    """For each pair of bounds a number from `y` to `z`, both included."""
    keys = np.asarray(x).reshape(-1, 2)
    first, last = np.asarray(y), np.asarray(z)
    limits = np.iinfo(dtype)
    for name, bound in (("minval", first), ("maxval - 1", last)):
        if bound.size and (bound.min() < limits.min or bound.max() > limits.max):
            raise ValueError(
                f"randint: {name} lies outside of what {dtype} can hold ({limits.min} to "
                f"{limits.max}), at {user_line()}. Pass a dtype that can hold it."
            )
    if (first > last).any():
        raise ValueError(
            f"randint: maxval must be greater than minval, at {user_line()}: there is no number "
            "to choose"
        )
    start = first.astype(LONG)
    each = start.size // max(len(keys), 1)
    # 0 stands for all 2**64.
    spans = (last.astype(LONG) - start + np.uint64(1)).reshape(len(keys), each)
    offsets = np.zeros_like(spans)
    safe = np.maximum(spans, 1)
    # Of 2**64 numbers, the first (2**64 mod span) are drawn again.
    surplus = (np.zeros_like(safe) - safe) % safe
    lane, index = np.nonzero(np.ones(spans.shape, bool))
    attempt = 0
    while lane.size:
        subkeys = fold(keys, attempt)
        high, low = words((subkeys[lane, 0], subkeys[lane, 1]), index.astype(LONG))
        drawn = np.empty(lane.shape, LONG)
        joined(high, low, drawn)
        offsets[lane, index] = np.where(spans[lane, index] == 0, drawn, drawn % safe[lane, index])
        again = drawn < surplus[lane, index]
        lane, index = lane[again], index[again]
        attempt += 1
    return (start + offsets.reshape(start.shape)).astype(dtype)[()]


SHORT = np.dtype(np.int32)

random_integers: Function = nondifferentiable(
    "random_integers",
    random_integers_impl,
    batch=lambda x, y, z, *, dtype: random_integers(x, y, z, dtype=dtype),
    shape=lambda x, y, z, *, dtype: ArrayType(y.shape, dtype),
    samples=lambda: [
        Sample(
            KEY,
            np.array([6, -5, -(2**63)]),
            np.array([6, 7, 2**63 - 1]),
            value=[6, -3, 4525417801339098000],
            dtype=np.dtype(int),
        ),
        Sample(KEYS, np.zeros((3, 2), int), np.full((3, 2), 999), dtype=SHORT, label="lanes"),
        Sample(KEY, np.array(2**63, LONG), np.array(2**64 - 1, LONG), dtype=LONG, label="0-d"),
        Sample(KEY, np.zeros((0,), int), np.ones((0,), int), dtype=SHORT, label="empty"),
        Sample(KEYS, np.zeros((4, 3), int).T, np.full((4, 3), 9).T, dtype=SHORT, label="turned"),
    ],
)


# Truncated normal numbers.


def by_bound(u: Array, bound: Array, value: Array) -> Array:
    """The derivative of the quantile by a bound, by which it moves with this share: that of the
    densities."""
    return multiply(u, exp(multiply(0.5, subtract(square(value), square(bound)))))


truncated_quantile: Function = elementwise(
    "truncated_quantile",
    truncated_quantile_impl,
    None,
    lambda ans, x, y: by_bound(subtract(1.0, double(x)), double(y), ans),
    lambda ans, x, z: by_bound(double(x), double(z), ans),
    shape=double_shape,
    samples=lambda: [
        Sample(draw((3,), 0.1, 0.9), draw((3,), -2, -1, 1), draw((3,), 0, 2, 2)),
        Sample(draw((2, 3), 0.1, 0.9).T, -1.0, 1.5, label="non-contiguous"),
        Sample(draw((2, 1), 0.1, 0.9), draw((3,), 2, 3), draw((2, 1), 3.5, 4), label="right"),
        Sample(0.25, -11.5, -11.0, label="far left"),
        Sample(0.5, -math.inf, math.inf, value=0.0, smooth=False, label="all"),
        Sample(0.5, 12.0, math.inf, value=12.0572345570072624, smooth=False, label="far right"),
        Sample(draw((0,), 0.1, 0.9), -1.0, 1.0, label="empty"),
    ],
)
