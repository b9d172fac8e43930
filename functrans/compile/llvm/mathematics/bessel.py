"""Modified Bessel functions of orders 0 and 1, scaled by exp(-|x|) and not.

Up to 8 they are polynomials of x**2 / 4, and beyond exp(x) / sqrt(x) times one of 16 / x - 1.
float32 is computed in float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import number
from functrans.compile.llvm.mathematics.exponential import exp, exponential_parts
from functrans.compile.llvm.mathematics.formula import Formula, Whole
from functrans.compile.llvm.mathematics.gamma import in_double

if TYPE_CHECKING:
    from functrans.compile.llvm.code.builder import Value

NEAR = 8.0

LARGE = 720.0
"""Where the functions have overflowed by far."""


def _parts(f: Formula, a: Value, order: int) -> tuple[Value, Value, Value]:
    """Of |x|: whether it is near, the function near the origin, and sqrt(x) exp(-x) times the
    function far out."""
    near = f.fcmp("olt", a, NEAR)
    inner = f.least(a, NEAR)
    t = f.fmul(f.fmul(inner, inner), 0.25)
    found = f.mad(t, f.polynomial(f"bessel_i{order}", t), 1)
    if order:
        found = f.mad(f.fmul(inner, 0.5), f.fsub(found, 1), f.fmul(inner, 0.5))
    far = f.polynomial(f"bessel_i{order}_far", f.fsub(f.fdiv(16, f.most(a, NEAR)), 1))
    return near, found, f.fdiv(far, f.intrinsic("sqrt", f.most(a, NEAR)))


def _finished(f: Formula, x: Value, found: Value, order: int) -> Value:
    """With the sign of x, which that of a zero is none for SciPy."""
    return f.select(f.fcmp("olt", x, 0), f.fneg(found), found) if order else found


def _scaled(f: Formula, x: Value, order: int) -> Value:
    a = f.size(x)
    near, inner, outer = _parts(f, a, order)
    inner = f.fmul(inner, exp(f, f.fneg(f.least(a, NEAR))))
    return _finished(f, x, f.select(near, inner, outer), order)


def _plain(f: Formula, x: Value, order: int) -> Value:
    a = f.least(f.size(x), LARGE)
    near, inner, outer = _parts(f, a, order)
    part, power = exponential_parts(f, a)
    part = f.select(near, inner, f.fmul(part, outer))
    none = number(0, x.type)
    kept = Whole(
        f.select(near, none, power.number), f.select(near, number(0, power.bits.type), power.bits)
    )
    return _finished(f, x, f.scaled(part, kept), order)


@in_double
def i0(f: Formula, x: Value) -> Value:
    return _plain(f, x, 0)


@in_double
def i1(f: Formula, x: Value) -> Value:
    return _plain(f, x, 1)


@in_double
def i0e(f: Formula, x: Value) -> Value:
    return _scaled(f, x, 0)


@in_double
def i1e(f: Formula, x: Value) -> Value:
    return _scaled(f, x, 1)
