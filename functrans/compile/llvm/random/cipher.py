"""Threefry in native code, and numbers of its words: the bits of :mod:`functrans.primitives`.

Each formula rounds as its implementation on NumPy does, operation by operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from functrans.compile.llvm.code.builder import Value, number
from functrans.primitives.normal_quantile import (
    CENTRAL,
    FAR,
    LOG_2,
    LOGARITHM,
    MIDDLE,
    ROOT_HALF,
)
from functrans.primitives.threefry import PARITY, ROTATIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.code.builder import Builder


def encrypted(b: Builder, key: tuple[Value, Value], high: Value, low: Value) -> tuple[Value, Value]:
    """The encryption of counters, each two words (i32)."""
    first, second = key
    schedule = first, second, b.xor(b.xor(first, second), PARITY)
    high, low = b.add(high, first), b.add(low, second)
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            high = b.add(high, low)
            low = b.xor(b.intrinsic("fshl", low, low, rotation), high)
        high = b.add(high, schedule[(group + 1) % 3])
        low = b.add(b.add(low, schedule[(group + 2) % 3]), group + 1)
    return high, low


def bits(b: Builder, high: Value, low: Value, width: int) -> Value:
    """Both words as one number of 64 bits, or folded into fewer."""
    if width == 64:
        wide = b.cast("zext", high, "i64")
        return b.either(b.binary("shl", wide, 32), b.cast("zext", low, "i64"))
    return b.cast("trunc", b.xor(high, low), f"i{width}")


def key_of(b: Builder, high: Value, low: Value) -> Value:
    """The two words as they lie one after the other."""
    wide = b.cast("zext", low, "i64")
    return b.either(b.binary("shl", wide, 32), b.cast("zext", high, "i64"))


def unit(b: Builder, high: Value, low: Value, element: str) -> Value:
    """Numbers in [0, 1)."""
    width, mantissa, one = (64, 52, 0x3FF) if element == "double" else (32, 23, 0x7F)
    found = b.binary("lshr", bits(b, high, low, width), width - mantissa)
    return b.fsub(b.cast("bitcast", b.either(found, one << mantissa), element), 1)


def normal(b: Builder, high: Value, low: Value, element: str) -> Value:
    """Standard normal numbers."""
    dtype = np.float64 if element == "double" else np.float32
    least = float(np.nextafter(dtype(-1), dtype(0)))
    x = b.fadd(b.fmul(unit(b, high, low, element), 2), least)
    x = b.select(b.fcmp("ogt", x, least), x, least)
    found = _centred_quantile(b, x if element == "double" else b.cast("fpext", x, "double"))
    return found if element == "double" else b.cast("fptrunc", found, element)


def _polynomial(b: Builder, coefficients: Sequence[float | Value], x: Value) -> Value:
    total = b.fadd(b.fmul(x, coefficients[0]), coefficients[1])
    for c in coefficients[2:]:
        total = b.fadd(b.fmul(total, x), c)
    return total


def _rational(b: Builder, pair: Sequence[Sequence[float | Value]], x: Value) -> Value:
    return b.fdiv(_polynomial(b, pair[0], x), _polynomial(b, pair[1], x))


def _centred_quantile(b: Builder, x: Value) -> Value:
    half = b.fmul(x, 0.5)
    inner = b.fmul(_rational(b, CENTRAL, b.fsub(0.180625, b.fmul(half, half))), half)
    size = b.intrinsic("fabs", half)
    outside = b.fcmp("ogt", size, 0.425)
    tail = b.select(outside, b.fsub(0.5, size), 0.25)
    root = b.intrinsic("sqrt", b.fneg(_logarithm(b, tail)))
    far = b.fcmp("ogt", root, 5)
    pair = [
        [b.select(far, number(y, x.type), z) for y, z in zip(*both, strict=True)]
        for both in zip(FAR, MIDDLE, strict=True)
    ]
    outer = _rational(b, pair, b.fsub(root, b.select(far, number(5, x.type), 1.6)))
    return b.select(outside, b.intrinsic("copysign", outer, half), inner)


def _logarithm(b: Builder, x: Value) -> Value:
    """The logarithm of normal positive numbers: see `logarithm` on NumPy."""
    whole = b.cast("bitcast", x, "i64")
    exponent = b.sub(b.binary("lshr", whole, 52), 1022)
    mantissa = b.either(b.both(whole, (1 << 52) - 1), 1022 << 52)
    z = b.cast("bitcast", mantissa, "double")
    small = b.fcmp("olt", z, ROOT_HALF)
    z = b.select(small, b.fadd(z, z), z)
    k = b.cast("sitofp", b.sub(exponent, b.cast("zext", small, "i64")), "double")
    f = b.fsub(z, 1)
    s = b.fdiv(f, b.fadd(f, 2))
    w = b.fmul(s, s)
    half = b.fmul(b.fmul(f, 0.5), f)
    rest = b.fmul(_polynomial(b, LOGARITHM, w), w)
    rest = b.fadd(b.fmul(b.fadd(rest, half), s), b.fmul(k, LOG_2[1]))
    return b.fsub(b.fmul(k, LOG_2[0]), b.fsub(b.fsub(half, rest), f))
