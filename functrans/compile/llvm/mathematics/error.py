"""The error function, its complement, and the normal distribution.

Far out erfc(x) = exp(-x**2) p(q) / (1 + x) with q = (x - 3) / (x + 3), where the square is taken
in two parts (Shepherd and Laframboise 1981); the normal distribution has its like. Up to 1
erf(x) / x is a polynomial of x**2, and beyond erf(x) = 1 - exp(log(erfc(x))) with a polynomial for
the logarithm, of which fewer digits count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import number
from functrans.compile.llvm.mathematics.exponential import grown, quick_exp
from functrans.compile.llvm.mathematics.formula import Formula, Two

if TYPE_CHECKING:
    from functrans.compile.llvm.code.builder import Value

ROOT_HALF = 0.5**0.5


def _near_zero(f: Formula, x: Value) -> Value:
    """erf(x) of |x| < 1."""
    return f.mad(x, f.polynomial("erf", f.fmul(x, x)), x)


def erf(f: Formula, x: Value) -> Value:
    a = f.size(x)
    bounded = f.most(f.least(a, f.for_double(x, 5.95, 4.0)), 0.99)
    outer = f.fsub(1, quick_exp(f, f.polynomial("erf_tail", bounded)))
    return f.select(f.fcmp("ult", a, 1), _near_zero(f, x), f.signed_as(outer, x))


def _tail(f: Formula, square: Two, scaled: Value) -> Value:
    """exp(-square) times a number about 1."""
    limit = f.for_double(scaled, -750.0, -108.0)
    high = f.fneg(square[0])
    beyond = f.fcmp("olt", high, limit)
    high = f.select(beyond, number(limit, high.type), high)
    low = f.select(beyond, number(0, high.type), f.fneg(square[1]))
    part, k = grown(f, high, low)
    return f.scaled(f.mad(part, scaled, scaled), k)


def _fraction(f: Formula, name: str, x: Value, middle: float, pole: float) -> Value:
    """A polynomial of (x - middle) / (x + middle), over x + pole."""
    q = f.fdiv(f.fsub(x, middle), f.fadd(x, middle))
    return f.fdiv(f.polynomial(name, q), f.fadd(x, pole))


def _bounded_square(f: Formula, x: Value, bound: float) -> Two:
    """x**2 in two parts, of an x that is not so large that these overflow."""
    a = f.least(f.size(x), bound)
    return f.two_product(a, a)


def erfc(f: Formula, x: Value) -> Value:
    a = f.size(x)
    scaled = _fraction(f, "erfc", f.least(a, f.for_double(x, 27.3, 10.1)), 3.0, 1.0)
    tail = _tail(f, _bounded_square(f, x, f.for_double(x, 30.0, 12.0)), scaled)
    outer = f.select(f.fcmp("olt", x, 0), f.fsub(2, tail), tail)
    return f.select(f.fcmp("ult", a, 0.5), f.fsub(1, _near_zero(f, x)), outer)


def normal_cdf(f: Formula, x: Value) -> Value:
    """erfc(-x / sqrt(2)) / 2, without the rounding of the quotient."""
    a = f.size(x)
    high, low = _bounded_square(f, x, f.for_double(x, 40.0, 15.0))
    scaled = _fraction(f, "normal", f.least(a, f.for_double(x, 38.6, 14.3)), 4.25, 1.5)
    tail = _tail(f, (f.fmul(high, 0.5), f.fmul(low, 0.5)), scaled)
    outer = f.select(f.fcmp("ogt", x, 0), f.fsub(1, tail), tail)
    inner = f.mad(_near_zero(f, f.fmul(x, ROOT_HALF)), 0.5, 0.5)
    return f.select(f.fcmp("ult", a, 0.875), inner, outer)
