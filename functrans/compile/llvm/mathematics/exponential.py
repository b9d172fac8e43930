"""Exponentials and what consists of them: hyperbolic and logistic functions.

exp(x) = 2**k exp(r) with x = k log(2) + r, |r| <= log(2) / 2, and exp(r) = 1 + r + r**2 q(r).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import element_of, number
from functrans.compile.llvm.mathematics.constants import LOG_2
from functrans.compile.llvm.mathematics.formula import Formula, Whole, parts
from functrans.compile.llvm.mathematics.logarithm import log1p_of_share

if TYPE_CHECKING:
    from functrans.compile.llvm.code.builder import Value


def reduced(f: Formula, x: Value) -> tuple[Value, Whole]:
    """r and k."""
    element = element_of(x.type)
    high, low = parts(LOG_2, element, f.for_double(x, 32, 14))
    k = f.nearest(f.fmul(x, float(1 / LOG_2)))
    return f.mad(k.number, -low, f.mad(k.number, -high, x)), k


def _grown(f: Formula, r: Value) -> Value:
    """exp(r) - 1 of a small r."""
    return f.mad(f.fmul(r, r), f.polynomial("exp", r), r)


def grown(f: Formula, x: Value, low: Value | None = None) -> tuple[Value, Whole]:
    """exp(x + low), less 1 before it is scaled, and the power of two that scales it."""
    r, k = reduced(f, x)
    return _grown(f, r if low is None else f.fadd(r, low)), k


def exponential_parts(f: Formula, x: Value, low: Value | None = None) -> tuple[Value, Whole]:
    """exp(x + low): a number about 1, and the power of two that scales it."""
    part, k = grown(f, x, low)
    return f.fadd(part, 1), k


def bounded(f: Formula, x: Value) -> Value:
    """x within bounds beyond which its exponential is 0 or infinite."""
    return f.clamped(x, f.for_double(x, -746.0, -104.5), f.for_double(x, 710.0, 89.0))


def exp(f: Formula, x: Value) -> Value:
    return f.scaled(*exponential_parts(f, bounded(f, x)))


def exp2(f: Formula, x: Value) -> Value:
    x = f.clamped(x, f.for_double(x, -1076.0, -151.0), f.for_double(x, 1025.0, 129.0))
    k = f.nearest(x)
    r = f.fmul(f.fsub(x, k.number), float(LOG_2))
    return f.scaled(f.fadd(_grown(f, r), 1), k)


def quick_exp(f: Formula, x: Value) -> Value:
    """exp(x) of an x that is no smaller than the logarithm of the least normal number, and whose
    exponential is finite by far."""
    p, k = exponential_parts(f, x)
    return f.fmul(p, f.power_of_two(k.bits, x))


def _part_of_expm1(f: Formula, x: Value, shift: int) -> Value:
    """(exp(x) - 1) / 2**shift of an x within the bounds of exponentials."""
    r, k = reduced(f, x)
    power = f.power_of_two(f.sub(k.bits, shift) if shift else k.bits, x)
    return f.mad(_grown(f, r), power, f.fsub(power, 2.0**-shift))


def expm1(f: Formula, x: Value) -> Value:
    top = f.least(x, f.for_double(x, 710.0, 89.0))
    half = _part_of_expm1(f, f.most(top, f.for_double(x, -40.0, -20.0)), 1)
    return f.select(f.tiny(x), x, f.fadd(half, half))


def tanh(f: Formula, x: Value) -> Value:
    """With e = exp(2 |x|) - 1 it is e / (e + 2)."""
    a = f.least(f.size(x), f.for_double(x, 22.0, 10.0))
    e = _part_of_expm1(f, f.fadd(a, a), 0)
    return f.signed_as(f.fdiv(e, f.fadd(e, 2)), x)


def sinh(f: Formula, x: Value) -> Value:
    """With e = exp(|x|) - 1 it is (e + e / (e + 1)) / 2; a quarter of e is always finite."""
    a = f.least(f.size(x), f.for_double(x, 710.48, 89.42))
    e = _part_of_expm1(f, a, 2)
    rest = f.fdiv(e, f.mad(e, 4.0, 1.0))
    total = f.fadd(e, rest)
    return f.select(f.tiny(x), x, f.signed_as(f.fadd(total, total), x))


def cosh(f: Formula, x: Value) -> Value:
    """With e = exp(|x|) / 4 it is 2 (e + 1 / (16 e))."""
    a = f.least(f.size(x), f.for_double(x, 710.48, 89.42))
    p, k = exponential_parts(f, a)
    e = f.fmul(p, f.power_of_two(f.sub(k.bits, 2), x))
    total = f.fadd(e, f.fdiv(0.0625, e))
    return f.fadd(total, total)


def _decay(f: Formula, x: Value) -> Value:
    """exp(-|x|)."""
    a = f.least(f.size(x), f.for_double(x, 746.0, 104.5))
    return f.scaled(*exponential_parts(f, f.fneg(a)))


def sigmoid(f: Formula, x: Value) -> Value:
    """1 / (1 + exp(-x)), by the exponential that does not overflow."""
    e = _decay(f, x)
    return f.fdiv(f.select(f.fcmp("olt", x, 0), e, number(1, x.type)), f.fadd(e, 1))


def softplus(f: Formula, x: Value) -> Value:
    """log(1 + exp(x))."""
    positive = f.select(f.fcmp("olt", x, 0), number(0, x.type), x)
    return f.fadd(positive, log1p_of_share(f, _decay(f, x)))


def _larger(f: Formula, x: Value, y: Value) -> tuple[Value, Value]:
    """The larger one, NaN if either is, and the distance, 0 between equal infinities."""
    larger = f.select(f.fcmp("ogt", x, y), x, y)
    distance = f.select(f.fcmp("oeq", x, y), number(0, x.type), f.size(f.fsub(x, y)))
    return f.select(f.nan(x), x, larger), distance


def logaddexp(f: Formula, x: Value, y: Value) -> Value:
    larger, distance = _larger(f, x, y)
    return f.fadd(larger, log1p_of_share(f, _decay(f, distance)))


def logaddexp2(f: Formula, x: Value, y: Value) -> Value:
    larger, distance = _larger(f, x, y)
    part = log1p_of_share(f, exp2(f, f.fneg(distance)))
    return f.fadd(larger, f.fmul(part, float(1 / LOG_2)))
