"""Inverse trigonometric functions.

The arc tangent of a quotient is a polynomial where that is at most tan(pi / 8); otherwise pi / 4 or
pi / 2 is taken off, which makes another quotient of the two numbers. The arc sine is a polynomial
up to 1/2, and beyond pi / 2 - 2 arcsin(sqrt((1 - x) / 2)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import element_of, number
from functrans.compile.llvm.elements.reals import signbit
from functrans.compile.llvm.mathematics.constants import PI
from functrans.compile.llvm.mathematics.formula import Formula, parts

if TYPE_CHECKING:
    from functrans.compile.llvm.code.builder import Value

OCTANT = 2.0**0.5 - 1  # tan(pi / 8)


def _of_quotient(f: Formula, y: Value, x: Value) -> tuple[Value, Value]:
    """The angle of two numbers that are not negative, without and with its small part: what pi / 2
    or pi / 4 have beyond their precision."""
    steep = f.fcmp("ogt", y, f.fmul(x, 1 / OCTANT))
    high = f.fcmp("ogt", y, f.fmul(x, OCTANT))
    above = f.select(steep, f.fneg(x), f.select(high, f.fsub(y, x), y))
    below = f.select(steep, y, f.select(high, f.fadd(y, x), x))
    ratio = f.fdiv(above, below)
    t = f.fmul(ratio, ratio)
    grown = f.fmul(f.fmul(t, ratio), f.polynomial("arctan", t))
    right, rest = parts(PI / 2, element_of(x.type), f.for_double(x, 53, 24))
    zero = number(0, x.type)
    base = f.select(steep, number(right, x.type), f.select(high, number(right / 2, x.type), zero))
    low = f.select(steep, number(rest, x.type), f.select(high, number(rest / 2, x.type), zero))
    # The base is larger than the ratio, or zero.
    total, lost = f.quick_sum(base, ratio)
    return total, f.fadd(f.fadd(lost, low), grown)


def arctan(f: Formula, x: Value) -> Value:
    total, rest = _of_quotient(f, f.size(x), number(1, x.type))
    return f.select(f.tiny(x), x, f.signed_as(f.fadd(total, rest), x))


def arctan2(f: Formula, y: Value, x: Value) -> Value:
    a, b = f.size(y), f.size(x)
    one, zero = number(1, x.type), number(0, x.type)
    # Infinities and zeros make no quotient: they stand for equal numbers, and for the axis.
    endless = f.both(f.infinite(a), f.infinite(b))
    a, b = f.select(endless, one, a), f.select(endless, one, b)
    b = f.select(f.both(f.fcmp("oeq", a, 0), f.fcmp("oeq", b, 0)), one, b)
    # Their sum may not overflow, nor a part of a small one lose its digits.
    larger = f.select(f.fcmp("ogt", a, b), a, b)
    large = f.fcmp("ogt", larger, f.for_double(x, 2.0**1000, 2.0**120))
    small = f.fcmp("olt", larger, f.for_double(x, 2.0**-1000, 2.0**-100))
    scale = f.select(small, number(2.0**30, x.type), one)
    scale = f.select(large, number(0.125, x.type), scale)
    total, rest = _of_quotient(f, f.fmul(a, scale), f.fmul(b, scale))
    high, low = parts(PI, element_of(x.type), f.for_double(x, 53, 24))
    left = signbit(f, x)
    turned, lost = f.quick_sum(number(high, x.type), f.fneg(total))
    turned = f.fadd(turned, f.fadd(lost, f.fsub(low, rest)))
    found = f.select(left, turned, f.fadd(total, rest))
    none = f.fcmp("uno", x, y)
    found = f.select(none, f.fadd(x, y), found)
    return f.signed_as(found, f.select(none, zero, y))


def _half_sine(f: Formula, x: Value) -> Value:
    """arcsin(x) - x of an x no larger than 1/2."""
    t = f.fmul(x, x)
    return f.fmul(f.fmul(t, x), f.polynomial("arcsin", t))


def _folded(f: Formula, x: Value) -> tuple[Value, Value, Value]:
    """Whether |x| is above 1/2, the number whose arc sine is needed, and that less this number."""
    a = f.size(x)
    large = f.fcmp("ogt", a, 0.5)
    root = f.intrinsic("sqrt", f.mad(a, -0.5, 0.5))
    used = f.select(large, root, a)
    return large, used, _half_sine(f, used)


def arcsin(f: Formula, x: Value) -> Value:
    large, used, rest = _folded(f, x)
    right, low = parts(PI / 2, element_of(x.type), f.for_double(x, 53, 24))
    outer = f.fsub(right, f.fsub(f.fmul(f.fadd(used, rest), 2), low))
    found = f.select(large, outer, f.fadd(used, rest))
    return f.select(f.tiny(x), x, f.signed_as(found, x))


def arccos(f: Formula, x: Value) -> Value:
    """Near 1 twice the arc sine itself, near -1 that less than pi, between less than pi / 2."""
    large, used, rest = _folded(f, x)
    negative = signbit(f, x)
    right, low = parts(PI / 2, element_of(x.type), f.for_double(x, 53, 24))
    signed, signed_rest = f.signed_as(used, x), f.signed_as(rest, x)
    inner = f.fsub(right, f.fsub(signed, f.fsub(low, signed_rest)))
    twice = f.fmul(f.fadd(used, rest), 2)
    whole = f.fsub(2 * right, f.fsub(twice, 2 * low))
    return f.select(large, f.select(negative, whole, twice), inner)
