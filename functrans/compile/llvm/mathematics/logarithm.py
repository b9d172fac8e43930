"""Logarithms, and the inverse hyperbolic functions.

log(x) = k log(2) + log(1 + f) with x = 2**k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2). In float64
log(1 + f) = 2 artanh(s) with s = f / (2 + f), and f - s (f - ...) is computed so that only a small
part of it is rounded (Tang 1990, and the C library of 4.4BSD); in float32 it is a polynomial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import element_of, number
from functrans.compile.llvm.elements.reals import BIAS, INF, MANTISSA, as_bits, as_number
from functrans.compile.llvm.mathematics.constants import LOG_2, LOG_10, Fixed
from functrans.compile.llvm.mathematics.formula import NAN, Formula, Two, parts

if TYPE_CHECKING:
    from functrans.compile.llvm.code.builder import Value

ROOT_HALF = {"double": 0x3FE6A09E00000000, "float": 0x3F3504F3}
"""The bits of a number just below sqrt(1/2)."""

ROOT = {"double": float.fromhex("0x1.6a09ep0"), "float": float.fromhex("0x1.6a09e6p0")}
"""Twice that number: vectors of any width part numbers at the same place."""


def taken_apart(f: Formula, x: Value) -> tuple[Value, Value]:
    """The number z about 1 and the k, as a number, of a normal positive x = 2**k z."""
    element = element_of(x.type)
    mantissa = MANTISSA[element]
    lift = (BIAS[element] + 1) << mantissa  # keeps the difference positive
    bits = as_bits(f, x)
    place = f.binary("lshr", f.add(bits, lift - ROOT_HALF[element]), mantissa)
    magic = f.magic(x)
    shifted = f.add(place, _bits_of_magic(element))
    whole = f.fsub(as_number(f, shifted, x), magic + BIAS[element] + 1)
    power = f.binary("shl", f.sub(place, BIAS[element] + 1), mantissa)
    return as_number(f, f.sub(bits, power), x), whole


def _bits_of_magic(element: str) -> int:
    return 0x4338000000000000 if element == "double" else 0x4B400000


def normal(f: Formula, x: Value) -> tuple[Value, Value]:
    """z and k of any positive x, which may be subnormal."""
    if f.in_registers(x):
        z, k = f.by_registers("getmant", x, how=0), f.by_registers("getexp", x)
        high = f.fcmp("oge", z, ROOT[element_of(x.type)])
        return f.select(high, f.fmul(z, 0.5), z), f.select(high, f.fadd(k, 1), k)
    element = element_of(x.type)
    shift = MANTISSA[element] + 2
    low = f.fcmp("olt", x, 2.0 ** (1 - BIAS[element]))
    z, k = taken_apart(f, f.select(low, f.fmul(x, 2.0**shift), x))
    return z, f.fadd(k, f.select(low, number(-shift, x.type), 0))


def log_near_one(f: Formula, t: Value) -> Two:
    """log(1 + t) in two parts, of which the first is t or little less."""
    square = f.fmul(t, t)
    if element_of(t.type) == "float":
        rest = f.fmul(f.fmul(square, t), f.polynomial("log_direct", t))
        return t, f.mad(square, -0.5, rest)
    half = f.fmul(square, 0.5)
    s = f.fdiv(t, f.fadd(t, 2))
    w = f.fmul(s, s)
    rest = f.fmul(w, f.polynomial("log", w))
    first = f.fsub(t, half)
    lost = f.fsub(f.fsub(t, first), half)
    return first, f.mad(s, f.fadd(half, rest), lost)


def combined(f: Formula, k: Value, near: Two) -> Value:
    """k log(2) + log(1 + t)."""
    high, low = parts(LOG_2, element_of(k.type), f.for_double(k, 32, 14))
    total = f.fadd(near[0], f.mad(k, low, near[1]))
    return f.mad(k, high, total)


def finished(f: Formula, x: Value, found: Value) -> Value:
    """The logarithm of x, where it is no positive number too."""
    found = f.select(f.fcmp("oeq", x, 0), number(-INF, x.type), found)
    found = f.select(f.fcmp("ult", x, 0), number(NAN, x.type), found)
    return f.select(f.fcmp("oeq", x, INF), x, found)


def log(f: Formula, x: Value) -> Value:
    z, k = normal(f, x)
    return finished(f, x, combined(f, k, log_near_one(f, f.fsub(z, 1))))


def _to_base(f: Formula, x: Value, base: Fixed) -> Value:
    """A logarithm to another base: that of 1 + t times a constant, in two parts."""
    element = element_of(x.type)
    z, k = normal(f, x)
    first, second = log_near_one(f, f.fsub(z, 1))
    high, low = parts(1 / base, element, f.for_double(x, 53, 24))
    product, rest = f.two_product(first, number(high, x.type))
    rest = f.mad(second, high, f.mad(first, low, rest))
    whole, lost = k, rest
    if base != LOG_2:
        top, bottom = parts(LOG_2 / base, element, f.for_double(x, 42, 15))
        whole, lost = f.fmul(k, top), f.mad(k, bottom, rest)
    total, lost_in_sum = f.two_sum(whole, product)
    return finished(f, x, f.fadd(total, f.fadd(lost_in_sum, lost)))


def log2(f: Formula, x: Value) -> Value:
    return _to_base(f, x, LOG_2)


def log10(f: Formula, x: Value) -> Value:
    return _to_base(f, x, LOG_10)


def log1p(f: Formula, x: Value) -> Value:
    """log of 1 + x in two parts: what rounding takes from the sum joins t."""
    u, lost = f.two_sum(number(1, x.type), x)
    z, k = taken_apart(f, u)
    element = element_of(x.type)
    power = f.sub(as_bits(f, u), as_bits(f, z))
    down = f.intrinsic("smax", f.sub(BIAS[element] << MANTISSA[element], power), 0)  # of 2**-k
    t = f.mad(lost, as_number(f, down, x), f.fsub(z, 1))
    found = finished(f, u, combined(f, k, log_near_one(f, t)))
    return f.select(f.tiny(x), x, f.select(f.fcmp("oeq", x, INF), x, found))


def log1p_of_share(f: Formula, x: Value) -> Value:
    """log(1 + x) of 0 <= x <= 1, of which nothing has to be taken apart."""
    large = f.fcmp("ogt", x, 2.0**0.5 - 1)
    t = f.select(large, f.fmul(f.fsub(x, 1), 0.5), x)
    return combined(f, f.select(large, number(1, x.type), 0), log_near_one(f, t))


def _log1p_of_large(f: Formula, a: Value, usual: Value) -> Value:
    """log(1 + usual), or log(2 a) where a is so large that the 1 counts for nothing."""
    large = f.fcmp("ogt", a, f.for_double(a, 2.0**60, 2.0**30))
    found = log1p(f, f.select(large, a, usual))
    return f.fadd(found, f.select(large, number(float(LOG_2), a.type), 0))


def arcsinh(f: Formula, x: Value) -> Value:
    """With a = |x| it is log(1 + a + a**2 / (1 + sqrt(1 + a**2)))."""
    a = f.size(x)
    square = f.fmul(a, a)
    root = f.intrinsic("sqrt", f.mad(a, a, 1))
    usual = f.fadd(a, f.fdiv(square, f.fadd(root, 1)))
    return f.select(f.tiny(x), x, f.signed_as(_log1p_of_large(f, a, usual), x))


def arccosh(f: Formula, x: Value) -> Value:
    """With t = x - 1 it is log(1 + t + sqrt(t**2 + 2 t))."""
    t = f.fsub(x, 1)
    root = f.intrinsic("sqrt", f.mad(t, t, f.fadd(t, t)))
    found = _log1p_of_large(f, x, f.fadd(t, root))
    return f.select(f.fcmp("ult", x, 1), number(NAN, x.type), found)


def arctanh(f: Formula, x: Value) -> Value:
    """With a = |x| it is log(1 + 2 a / (1 - a)) / 2."""
    a = f.size(x)
    found = f.fmul(log1p(f, f.fdiv(f.fadd(a, a), f.fsub(1, a))), 0.5)
    found = f.select(f.fcmp("ugt", a, 1), number(NAN, x.type), found)
    return f.select(f.tiny(x), x, f.signed_as(found, x))
