"""Dtypes in native code: the types that stand for them, in registers and in memory, and casts.

A complex number is a :class:`Pair` of values. A bool is one bit in
registers and a byte in memory. A float16 is ``half`` in both; its operations are those of float32,
rounded after each as NumPy does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from functrans.compile.llvm.code.builder import (
    Value,
    element_of,
    number,
    with_element,
)
from functrans.compile.llvm.code.engine import machine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.code.builder import Builder
    from functrans.core.types import ArrayType

    DType: TypeAlias = np.dtype[np.generic]


class Pair(NamedTuple):
    """A complex value: its real and its imaginary part."""

    re: Value
    im: Value


Operand: TypeAlias = Value | Pair
"""A real or a complex value."""


def parts(x: Operand) -> list[Value]:
    """The values that a number consists of."""
    return list(x) if isinstance(x, Pair) else [x]


def joined(values: Sequence[Value]) -> Operand:
    """The number of its parts."""
    return Pair(values[0], values[1]) if len(values) > 1 else values[0]


INTEGER = {"float": "i32", "double": "i64", "half": "i16"}
"""The integers that hold the bits of numbers."""

_FLOATS = {2: "half", 4: "float", 8: "double"}


def supported(dtype: DType) -> bool:
    """Whether native code holds values of a dtype."""
    if dtype.kind in "biu":
        return dtype.isnative
    if dtype.kind == "f":
        return dtype.isnative and (dtype.itemsize > 2 or machine().half) and dtype.itemsize <= 8
    return dtype.kind == "c" and dtype.isnative and dtype.itemsize <= 16


def numbers_fit(inputs: Sequence[object], kinds: Sequence[ArrayType]) -> bool:
    """Whether the integers of Python among operands are numbers of the dtype that they meet: where
    not, NumPy raises an error, or compares them in a way of its own."""
    numbers = [x for x in inputs if type(x) is int]
    if not numbers:
        return True
    met = [k.dtype for x, k in zip(inputs, kinds, strict=False) if type(x) is not int]
    dtype = np.result_type(*met, np.bool_)
    if dtype.kind not in "iu":
        return dtype.kind != "b" or all(abs(x) < 2**63 for x in numbers)
    limits = np.iinfo(dtype)
    return all(limits.min <= x <= limits.max for x in numbers)


def element(dtype: DType) -> str:
    """The type of a number in a register; of a part, for complex ones."""
    if dtype.kind == "b":
        return "i1"
    if dtype.kind in "iu":
        return f"i{8 * dtype.itemsize}"
    return _FLOATS[dtype.itemsize // (2 if dtype.kind == "c" else 1)]


def memory(dtype: DType) -> str:
    """The type of a number in memory; of a part, for complex ones."""
    return "i8" if dtype.kind == "b" else element(dtype)


def loaded(builder: Builder, x: Value, dtype: DType) -> Value:
    """A value as it comes from memory, as it is in registers."""
    return builder.icmp("ne", x, 0) if dtype.kind == "b" else x


def stored(builder: Builder, x: Value, dtype: DType) -> Value:
    """A value in a register, as it is in memory."""
    return builder.cast("zext", x, "i8") if dtype.kind == "b" else x


def convert(builder: Builder, x: Operand, source: DType, target: DType) -> Operand:
    """A value as another dtype, as ``astype`` does.

    Numbers that an integer type does not hold become what NumPy's casts make of them on x86, on
    every machine. Of complex numbers that become real the real part is left.
    """
    if source is target:
        return x
    if target.kind == "c":
        part = real_of(target)
        if isinstance(x, Pair):
            re, im = [_real(builder, y, real_of(source), part) for y in x]
            return Pair(re, im)
        re = _real(builder, x, source, part)
        return Pair(re, number(0, re.type))
    if isinstance(x, Pair):
        if target.kind == "b":
            return builder.either(*[_real(builder, y, real_of(source), target) for y in x])
        x = x.re
    return _real(builder, x, real_of(source), target)


def real_of(dtype: DType) -> DType:
    """The dtype of the parts of a complex one; a real one itself."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def _real(builder: Builder, x: Value, source: DType, target: DType) -> Value:
    """Convert a real value."""
    if source == target or (source.kind in "iu" and element(source) == element(target)):
        return x
    if target.kind == "b":
        return (
            builder.fcmp("une", x, 0.0)
            if element_of(x.type) in INTEGER
            else builder.icmp("ne", x, 0)
        )
    if source.kind in "biu":
        if target.kind in "iu":
            if target.itemsize < source.itemsize:
                return builder.cast("trunc", x, element(target))
            return builder.cast("sext" if source.kind == "i" else "zext", x, element(target))
        op = "sitofp" if source.kind == "i" else "uitofp"
        if target.itemsize == 2:  # by way of float32, as NumPy
            return narrowed(builder, builder.cast(op, x, "float"))
        return builder.cast(op, x, element(target))
    if target.kind == "f":
        if target.itemsize > source.itemsize:
            return builder.cast("fpext", x, element(target))
        return narrowed(builder, x) if target.itemsize == 2 else builder.cast("fptrunc", x, "float")
    return _integer(builder, x, target)


def narrowed(builder: Builder, x: Value) -> Value:
    """A number as float16, rounded once."""
    if element_of(x.type) == "double":
        x = _odd(builder, x)
    return builder.cast("fptrunc", x, "half")


def _odd(builder: Builder, x: Value) -> Value:
    """A float64 as float32 with an odd last bit where it is inexact: rounding that further is
    rounding once."""
    near = builder.cast("fptrunc", x, "float")
    back = builder.cast("fpext", near, "double")
    bits = builder.cast("bitcast", near, "i32")
    below = builder.fcmp("olt", builder.intrinsic("fabs", back), builder.intrinsic("fabs", x))
    step = builder.select(below, number(1, bits.type), -1)
    even = builder.icmp("eq", builder.both(bits, 1), 0)
    inexact = builder.both(builder.fcmp("one", back, x), even)
    return builder.cast("bitcast", builder.select(inexact, builder.add(bits, step), bits), "float")


def _integer(builder: Builder, x: Value, target: DType) -> Value:
    """A floating-point number as an integer, towards zero."""
    if element_of(x.type) == "half":
        x = builder.cast("fpext", x, "float")
        if target.kind == "u" and target.itemsize == 4:
            return builder.cast("trunc", _signed(builder, x, 64), "i32")
    bits = 64 if target.itemsize == 8 else 32
    if target.kind == "i" or target.itemsize < 4:
        found = _signed(builder, x, bits)
        return builder.cast("trunc", found, element(target))
    half = 2.0 ** (bits - 1)
    high = builder.fcmp("oge", x, half)
    low = _signed(builder, builder.select(high, builder.fsub(x, half), x), bits)
    top = number(-(2 ** (bits - 1)), low.type)
    return builder.xor(low, builder.select(high, top, 0))


def _signed(builder: Builder, x: Value, bits: int) -> Value:
    """A number as a signed integer, the least one where it is too large, infinite or NaN."""
    kind = with_element(x.type, f"i{bits}")
    limit = 2.0 ** (bits - 1)
    if bits == 32 and element_of(x.type) == "double":
        above = builder.fcmp("ogt", x, -limit - 1)
    else:
        above = builder.fcmp("oge", x, -limit)
    inside = builder.both(above, builder.fcmp("olt", x, limit))
    found = builder.emit(kind, f"fptosi {x} to {kind}")
    return builder.select(inside, found, -(2 ** (bits - 1)))
