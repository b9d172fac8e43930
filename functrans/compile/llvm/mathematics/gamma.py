"""The logarithm of the gamma function, and its derivative.

Between 5/4 and 5/2 (1 and 2 for the derivative) they are polynomials, around the root that lies
there; other arguments below 8 are brought there by steps of 1, whose product or sum is kept, and
beyond it is Stirling's series, fitted. Left of 0 they are reflected. All of it is done in float64.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import element_of, number
from functrans.compile.llvm.elements.reals import INF
from functrans.compile.llvm.mathematics.formula import NAN, Formula, Two
from functrans.compile.llvm.mathematics.logarithm import log
from functrans.compile.llvm.mathematics.trigonometric import sine_and_cosine

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.compile.llvm.code.builder import Value

FAR = 8.0
"""From where on the series holds."""

ROOT = (1.4616321449683622, 9.549995429965697e-17)
"""The positive root of the derivative, in two parts."""


def in_double(body: Callable[[Formula, Value], Value]) -> Callable[[Formula, Value], Value]:
    """A function that is computed in float64 for either type."""

    def either(f: Formula, x: Value) -> Value:
        if element_of(x.type) == "double":
            return body(f, x)
        return f.cast("fptrunc", body(f, f.cast("fpext", x, "double")), "float")

    return either


def _stirling(f: Formula, x: Value, name: str) -> Value:
    """A fitted series of 1 / x**2."""
    return f.polynomial(name, f.fdiv(1, f.fmul(x, x)))


def _log_gamma_of_positive(f: Formula, x: Value) -> Value:
    """Its product of steps: below 1/2 x (x + 1), up to 5/4 x, from 5/2 on (x - 1) (x - 2) ..."""
    one = number(1, x.type)
    lowest, low = f.fcmp("olt", x, 0.5), f.fcmp("olt", x, 1.25)
    u = f.select(lowest, x, f.select(low, f.fsub(x, 1), f.fsub(x, 2)))
    product = f.select(lowest, f.mad(x, x, x), f.select(low, x, one))
    for k in range(1, int(FAR) - 1):
        step = f.fsub(x, float(k))
        above = f.fcmp("oge", x, k + 1.5)
        product = f.select(above, f.fmul(product, step), product)
        u = f.select(above, f.fsub(x, float(k + 2)), u)
    far = f.fcmp("oge", x, FAR)
    found = log(f, f.select(far, x, product))
    near = f.fmul(u, f.polynomial("log_gamma", u))
    near = f.fadd(near, f.select(low, f.fneg(found), found))
    rest = f.fdiv(_stirling(f, x, "stirling"), x)
    rest = f.fadd(rest, 0.5 * math.log(2 * math.pi) - 0.5)
    beyond = f.mad(f.fsub(x, 0.5), f.fsub(found, 1), rest)
    return f.select(f.fcmp("oeq", x, INF), x, f.select(far, beyond, near))


def _of_half_turns(f: Formula, x: Value) -> Two:
    """The sine and cosine of pi x, up to a common sign."""
    r = f.fsub(x, f.intrinsic("rint", x))
    large = f.fcmp("ogt", f.size(r), 0.25)
    # within a quarter turn either way the sine is the cosine of what is left
    left = f.select(large, f.fsub(0.5, f.size(r)), r)
    sine, cosine = sine_and_cosine(f, (f.fmul(left, math.pi), number(0, x.type)), False)
    return f.select(large, f.signed_as(cosine, r), sine), f.select(large, sine, cosine)


@in_double
def gammaln(f: Formula, x: Value) -> Value:
    a = f.size(x)
    right = _log_gamma_of_positive(f, a)

    def left() -> Value:
        """log(pi / |x sin(pi x)|) - gammaln(|x|), where the product does not vanish."""
        sine = f.size(_of_half_turns(f, x)[0])
        found = f.fsub(math.log(math.pi), f.fadd(log(f, f.fmul(a, sine)), right))
        small = f.fcmp("olt", a, 2.0**-60)
        found = f.select(small, right, found)
        found = f.select(f.fcmp("oeq", sine, 0), number(INF, x.type), found)
        found = f.select(f.fcmp("oeq", x, -INF), x, found)
        return f.select(f.fcmp("olt", x, 0), found, right)

    return f.rarely(f.fcmp("olt", x, 0), right, left)


def _digamma_of_positive(f: Formula, x: Value) -> Value:
    """Below 1 psi(x + 1) - 1 / x, from 2 on psi(x - k) and the sum of 1 / (x - j), a quotient."""
    low = f.fcmp("olt", x, 1)
    whole = f.intrinsic("floor", f.clamped(x, 0.0, FAR))
    shift = f.fsub(1, whole)
    u = f.fadd(f.fadd(x, shift), -1.5)
    above, below = number(0, x.type), number(1, x.type)
    above = f.select(low, number(-1, x.type), above)
    below = f.select(low, x, below)
    for k in range(1, int(FAR) - 1):
        step = f.fsub(x, float(k))
        more = f.fcmp("oge", x, k + 1.0)
        above = f.select(more, f.mad(above, step, below), above)
        below = f.select(more, f.fmul(below, step), below)
    exact = f.select(low, f.fsub(x, ROOT[0] - 1), f.fsub(f.fadd(x, shift), ROOT[0]))
    distance = f.fsub(exact, ROOT[1])
    near = f.mad(
        distance, f.polynomial("digamma", f.select(low, f.fsub(x, 0.5), u)), f.fdiv(above, below)
    )
    inverse = f.fdiv(1, x)
    tail = f.fmul(
        inverse, f.mad(inverse, f.polynomial("digamma_tail", f.fmul(inverse, inverse)), 0.5)
    )
    beyond = f.fsub(log(f, x), tail)
    return f.select(f.fcmp("oge", x, FAR), beyond, near)


@in_double
def digamma(f: Formula, x: Value) -> Value:
    a = f.size(x)
    right = _digamma_of_positive(f, a)

    def left() -> Value:
        """psi(|x|) + 1 / |x| + pi / tan(pi |x|)."""
        sine, cosine = _of_half_turns(f, a)
        turned = f.fdiv(f.fmul(cosine, math.pi), sine)
        inverse = f.fdiv(1, a)
        found = f.fadd(turned, f.fadd(right, inverse))
        found = f.select(f.fcmp("olt", a, 2.0**-60), inverse, found)
        none = f.either(f.fcmp("oeq", sine, 0), f.fcmp("oeq", x, -INF))
        found = f.select(none, number(NAN, x.type), found)
        return f.select(f.fcmp("olt", x, 0), found, right)

    found = f.rarely(f.fcmp("olt", x, 0), right, left)
    pole = f.signed_as(number(INF, x.type), f.fneg(x))
    return f.select(f.fcmp("oeq", x, 0), pole, found)
