"""Operations of real floating-point numbers that take a few instructions, bit for bit as NumPy's.

Each takes the builder and its operands, which are of one type (float or double).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from functrans.compile.llvm.code.builder import (
    Builder,
    Value,
    bits_of,
    element_of,
    number,
    width_of,
)
from functrans.compile.llvm.code.engine import machine

if TYPE_CHECKING:
    from collections.abc import Callable

MANTISSA = {"half": 10, "float": 23, "double": 52}
"""How many bits of a mantissa are stored."""

BIAS = {"half": 15, "float": 127, "double": 1023}
"""What is added to an exponent."""

INF = float("inf")


def as_bits(b: Builder, x: Value) -> Value:
    """The bits of numbers, as integers."""
    return b.cast("bitcast", x, f"i{bits_of(x.type)}")


def as_number(b: Builder, bits: Value, like: Value) -> Value:
    """The numbers of bits, of the type of `like`."""
    return b.cast("bitcast", bits, element_of(like.type))


def is_nan(b: Builder, x: Value) -> Value:
    return b.fcmp("uno", x, x)


def absolute(b: Builder, x: Value) -> Value:
    return b.intrinsic("fabs", x)


def _extreme(how: str, yielding: bool = False) -> Callable[[Builder, Value, Value], Value]:
    """The one that compares so, the second of equal ones; the first NaN, or none if `yielding`."""

    def chosen(b: Builder, x: Value, y: Value) -> Value:
        best = b.select(b.fcmp(how, x, y), x, y)
        return b.select(is_nan(b, y if yielding else x), x, best)

    return chosen


maximum, minimum = _extreme("ogt"), _extreme("olt")


def clip(b: Builder, x: Value, low: Value, high: Value) -> Value:
    return minimum(b, maximum(b, x, low), high)


def heaviside(b: Builder, x: Value, y: Value) -> Value:
    one, zero = number(1, x.type), number(0, x.type)
    found = b.select(b.fcmp("olt", x, 0), zero, b.select(b.fcmp("ogt", x, 0), one, y))
    return b.select(is_nan(b, x), x, found)


def sign(b: Builder, x: Value) -> Value:
    one, zero = number(1, x.type), number(0, x.type)
    found = b.select(
        b.fcmp("ogt", x, 0), one, b.select(b.fcmp("olt", x, 0), number(-1, x.type), zero)
    )
    return b.select(is_nan(b, x), x, found)


def signbit(b: Builder, x: Value) -> Value:
    return b.icmp("slt", as_bits(b, x), 0)


# ---- remainders ---------------------------------------------------------------------------------


def fmod(b: Builder, x: Value, y: Value) -> Value:
    """The remainder of the sign of x.

    One multiplication and addition in a single rounding gives it exactly where the quotient is
    moderate, for what it rounds is a number of its type; the quotient may have been rounded up to
    a whole one, which the sign of the remainder tells. Other operands take LLVM's ``frem``.
    """
    slot = b.slot(x.type)
    ratio = b.fdiv(x, y)
    if machine().fused:
        q = b.intrinsic("trunc", ratio)
        rest = b.fma(b.fneg(q), y, x)
        over = b.fcmp("olt", b.fmul(_unit(b, rest), _unit(b, x)), 0)
        over = b.both(over, b.fcmp("one", rest, 0))
        rest = b.select(over, b.fadd(absolute(b, y), b.fneg(absolute(b, rest))), absolute(b, rest))
        b.store(b.intrinsic("copysign", rest, x), slot)
        moderate = b.fcmp("olt", absolute(b, ratio), 2.0 ** (MANTISSA[element_of(x.type)] - 1))
        plain = b.both(moderate, b.fcmp("olt", absolute(b, y), INF))
        rare = b.xor(plain, -1)
        b.when(b.any(rare), lambda: b.store(_each(b, "frem", x, y), slot))
    else:
        b.store(_each(b, "frem", x, y), slot)
    return b.load(x.type, slot)


def _unit(b: Builder, x: Value) -> Value:
    return b.intrinsic("copysign", number(1, x.type), x)


def _each(b: Builder, op: str, x: Value, y: Value) -> Value:
    """An instruction that LLVM makes a call for each lane, in a loop: that keeps the code short."""
    width = width_of(x.type)
    if width == 1:
        return b.binary(op, x, y)
    element = element_of(x.type)
    left, right = b.slot(x.type), b.slot(x.type)
    b.store(x, left)
    b.store(y, right)

    def lane(i: Value, carried: list[Value]) -> list[Value]:
        place = b.at(left, i, element)
        found = b.binary(op, b.load(element, place), b.load(element, b.at(right, i, element)))
        b.store(found, place)
        return carried

    b.loop(0, width, lane)
    return b.load(x.type, left)


def _modulus(b: Builder, x: Value, y: Value) -> tuple[Value, Value, Value]:
    """The remainder towards zero; where it is not of the sign of y; where y is no zero."""
    rest = fmod(b, x, y)
    unlike = b.xor(b.fcmp("olt", y, 0), b.fcmp("olt", rest, 0))
    return rest, b.both(unlike, b.fcmp("une", rest, 0)), b.fcmp("une", y, 0)


def remainder(b: Builder, x: Value, y: Value) -> Value:
    """The remainder of the sign of y."""
    rest, crossed, proper = _modulus(b, x, y)
    zero = b.intrinsic("copysign", number(0, x.type), y)
    found = b.select(crossed, b.fadd(rest, y), rest)
    found = b.select(b.fcmp("oeq", rest, 0), zero, found)
    return b.select(proper, found, rest)


def floor_divide(b: Builder, x: Value, y: Value) -> Value:
    """The quotient that belongs to the remainder."""
    rest, crossed, proper = _modulus(b, x, y)
    ratio = b.fdiv(x, y)
    exact = b.fdiv(b.fsub(x, rest), y)
    exact = b.select(crossed, b.fsub(exact, 1), exact)
    below = b.intrinsic("floor", exact)
    found = b.select(b.fcmp("ogt", b.fsub(exact, below), 0.5), b.fadd(below, 1), below)
    zero = b.intrinsic("copysign", number(0, x.type), ratio)
    found = b.select(b.fcmp("oeq", exact, 0), zero, found)
    return b.select(proper, found, ratio)


# ---- bits ---------------------------------------------------------------------------------------


def nextafter(b: Builder, x: Value, y: Value) -> Value:
    """The number after x in the direction of y."""
    bits = as_bits(b, x)
    away = b.xor(b.fcmp("olt", x, y), b.icmp("slt", bits, 0))
    moved = b.add(bits, b.select(away, number(1, bits.type), -1))
    sign_bit = -(2 ** (bits_of(x.type) - 1))
    first = b.either(b.both(as_bits(b, y), sign_bit), 1)
    moved = b.select(b.fcmp("oeq", x, 0), first, moved)
    found = b.select(b.fcmp("oeq", x, y), y, as_number(b, moved, x))
    return b.select(is_nan(b, y), y, b.select(is_nan(b, x), x, found))


def spacing(b: Builder, x: Value, upwards: bool = False) -> Value:
    """The distance to the next number away from zero, of the sign of x; or to the next larger
    one."""
    if upwards:
        found = b.fsub(nextafter(b, x, number(INF, x.type)), x)
    else:
        found = b.fsub(as_number(b, b.add(as_bits(b, x), 1), x), x)
        found = b.select(b.fcmp("oeq", x, 0), absolute(b, found), found)
    infinite = b.fcmp("oeq", absolute(b, x), INF)
    found = b.select(infinite, number(float("nan"), x.type), found)
    return b.select(is_nan(b, x), x, found)


def power_of_two(b: Builder, n: Value, like: Value) -> Value:
    """2**n of whole n whose power is a normal number, of the type of `like`."""
    element = element_of(like.type)
    biased = b.add(n, BIAS[element])
    return as_number(b, b.binary("shl", biased, MANTISSA[element]), like)


def ldexp(b: Builder, x: Value, n: Value) -> Value:
    """x * 2**n, rounded once."""
    bits = bits_of(x.type)
    far = 2300 if bits == 64 else 400
    n = b.intrinsic("smax", b.intrinsic("smin", n, far), -far)
    n = b.cast("sext", n, "i64")
    if bits == 32:  # a float64 holds the product
        wide = b.cast("fpext", x, "double")
        return b.cast("fptrunc", b.fmul(wide, power_of_two(b, n, wide)), "float")
    for _ in range(2):  # none of these is inexact unless the result vanishes
        outside = b.either(b.icmp("sgt", n, 1023), b.icmp("slt", n, -1022))
        step = b.intrinsic("smax", b.intrinsic("smin", n, 1023), -969)
        step = b.select(outside, step, number(0, n.type))
        x = b.fmul(x, power_of_two(b, step, x))
        n = b.sub(n, step)
    n = b.intrinsic("smax", b.intrinsic("smin", n, 1023), -1022)
    return b.fmul(x, power_of_two(b, n, x))


def exponent(b: Builder, x: Value) -> Value:
    """The exponent that ``frexp`` gives, as i32: 0 of 0, infinity and NaN."""
    element = element_of(x.type)
    mantissa, bias, bits = MANTISSA[element], BIAS[element], bits_of(x.type)
    raised = b.fmul(x, 2.0 ** (mantissa + 1))
    low = b.fcmp("olt", absolute(b, x), 2.0 ** (1 - bias))
    used = as_bits(b, b.select(low, raised, x))
    field = b.both(b.binary("lshr", used, mantissa), 2 * bias + 1)
    start = b.select(low, number(bias - 1 + mantissa + 1, field.type), bias - 1)
    n = b.sub(field, start)
    none = b.either(b.fcmp("oeq", x, 0), b.icmp("eq", field, 2 * bias + 1))
    n = b.select(none, number(0, n.type), n)
    return b.cast("trunc" if bits > 32 else "sext", n, "i32")


def _truth(b: Builder, x: Value) -> Value:
    return b.fcmp("une", x, 0)


def _compared(how: str) -> Callable[[Builder, Value, Value], Value]:
    return lambda b, x, y: b.fcmp(how, x, y)


def _scaled(over: float, under: float) -> Callable[[Builder, Value], Value]:
    """Multiplication by a quotient, which is rounded in the type of the operand as NumPy does."""

    def product(b: Builder, x: Value) -> Value:
        dtype = np.float64 if element_of(x.type) == "double" else np.float32
        return b.fmul(x, float(dtype(over) / dtype(under)))

    return product


def _rounded(name: str) -> Callable[[Builder, Value], Value]:
    return lambda b, x: b.intrinsic(name, x)


REALS: dict[str, Callable[..., Value]] = {
    "add": lambda b, x, y: b.fadd(x, y),
    "subtract": lambda b, x, y: b.fsub(x, y),
    "multiply": lambda b, x, y: b.fmul(x, y),
    "divide": lambda b, x, y: b.fdiv(x, y),
    "negative": lambda b, x: b.fneg(x),
    "positive": lambda b, x: x,
    "conjugate": lambda b, x: x,
    "square": lambda b, x: b.fmul(x, x),
    "reciprocal": lambda b, x: b.fdiv(1, x),
    "one_minus_square": lambda b, x: b.fmul(b.fsub(1, x), b.fadd(x, 1)),
    "sqrt": _rounded("sqrt"),
    "absolute": absolute,
    "fabs": absolute,
    "copysign": lambda b, x, y: b.intrinsic("copysign", x, y),
    "floor": _rounded("floor"),
    "ceil": _rounded("ceil"),
    "trunc": _rounded("trunc"),
    "rint": _rounded("rint"),
    "sign": sign,
    "heaviside": heaviside,
    "maximum": maximum,
    "minimum": minimum,
    "fmax": _extreme("ogt", yielding=True),
    "fmin": _extreme("olt", yielding=True),
    "clip": clip,
    "relu": lambda b, x: maximum(b, x, number(0, x.type)),
    "fmod": fmod,
    "remainder": remainder,
    "floor_divide": floor_divide,
    "nextafter": nextafter,
    "spacing": spacing,
    "ldexp": ldexp,
    "exponent": exponent,
    "equal": _compared("oeq"),
    "not_equal": _compared("une"),
    "less": _compared("olt"),
    "less_equal": _compared("ole"),
    "greater": _compared("ogt"),
    "greater_equal": _compared("oge"),
    "isnan": is_nan,
    "isinf": lambda b, x: b.fcmp("oeq", absolute(b, x), INF),
    "isfinite": lambda b, x: b.fcmp("olt", absolute(b, x), INF),
    "signbit": signbit,
    "logical_and": lambda b, x, y: b.both(_truth(b, x), _truth(b, y)),
    "logical_or": lambda b, x, y: b.either(_truth(b, x), _truth(b, y)),
    "logical_xor": lambda b, x, y: b.xor(_truth(b, x), _truth(b, y)),
    "logical_not": lambda b, x: b.fcmp("oeq", x, 0),
    "degrees": _scaled(180.0, math.pi),
    "rad2deg": _scaled(180.0, math.pi),
    "radians": _scaled(math.pi, 180.0),
    "deg2rad": _scaled(math.pi, 180.0),
}
"""Functions of the builder and of operands of one floating-point type."""

OF_HALF: dict[str, Callable[..., Value]] = {
    "nextafter": lambda b, x, y: b.select(b.fcmp("oeq", x, y), x, nextafter(b, x, y)),
    "spacing": lambda b, x: spacing(b, x, upwards=True),
    "exponent": exponent,
}
"""Operations of float16 that look at its bits."""

BY_HALF: dict[str, Callable[..., Value]] = {
    "maximum": _extreme("oge"),
    "minimum": _extreme("ole"),
    "fmax": _extreme("oge", yielding=True),
    "fmin": _extreme("ole", yielding=True),
    "clip": lambda b, x, y, z: _extreme("ole")(b, _extreme("oge")(b, x, y), z),
    "relu": lambda b, x: _extreme("oge")(b, x, number(0, x.type)),
}
"""Operations of float32 that stand for those of float16, where these are not the same: of equal
numbers NumPy takes the first."""

SEVERAL = frozenset(("one_minus_square",))
"""What NumPy computes in several operations, each of which rounds to float16."""
