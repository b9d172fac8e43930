"""Elementwise operations that consist of mathematical functions: derivatives, entropies, complex
functions.

They are what the implementations of the rule book compute, from functions of native code.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import Value, element_of, number, pair, width_of
from functrans.compile.llvm.elements.conversions import Pair
from functrans.compile.llvm.elements.reals import INF, absolute, is_nan, maximum, signbit
from functrans.compile.llvm.mathematics import function, sine_with_cosine

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.compile.llvm.code.builder import Builder
    from functrans.compile.llvm.elements.conversions import Operand

LOG_2 = math.log(2)


def apply(b: Builder, name: str, *operands: Value) -> Value:
    """A mathematical function of values of one type."""
    kind = operands[0].type
    return b.call(function(b.module, name, element_of(kind), width_of(kind)), kind, *operands)


def sine_and_cosine(b: Builder, x: Value) -> tuple[Value, Value]:
    """Both of one value, which have much in common."""
    kind = x.type
    name = sine_with_cosine(b.module, element_of(kind), width_of(kind))
    return b.parted(b.call(name, pair(kind), x), kind)


def _like(x: Value, constant: float) -> Value:
    return number(constant, x.type)


def _difference_lost(b: Builder, x: Value, y: Value) -> Value:
    """What rounding takes from x - y, exactly (Knuth, Moller)."""
    total = b.fsub(x, y)
    taken = b.fsub(total, x)
    return b.fsub(b.fsub(x, b.fsub(total, taken)), b.fadd(y, taken))


def _finite(b: Builder, x: Value) -> Value:
    return b.fcmp("olt", absolute(b, x), INF)


# ---- real ---------------------------------------------------------------------------------------


def over_cosh_square(b: Builder, x: Value, y: Value) -> Value:
    c = apply(b, "cosh", y)
    return b.fdiv(b.fdiv(x, c), c)


def arctan_slope(b: Builder, x: Value) -> Value:
    r = apply(b, "hypot", _like(x, 1), x)
    return b.fdiv(b.fdiv(1, r), r)


def direction(b: Builder, x: Value, y: Value) -> Value:
    """x / hypot(x, y): 0 at the origin, the sign of an infinite x."""
    r = apply(b, "hypot", x, y)
    ratio = b.fdiv(x, b.select(b.fcmp("oeq", r, 0), _like(x, INF), r))
    endless = b.fcmp("oeq", absolute(b, x), INF)
    return b.select(endless, b.intrinsic("copysign", _like(x, 1), x), ratio)


def share(b: Builder, x: Value, y: Value, exponential: str, rate: float) -> Value:
    """1 / (1 + exponential(y - x)), with what rounding takes from the difference."""
    equal = b.both(b.fcmp("oeq", x, y), b.fcmp("oeq", absolute(b, x), INF))
    d = b.select(equal, _like(x, 0), b.fsub(x, y))
    e = apply(b, exponential, b.fneg(absolute(b, d)))
    below, one = signbit(b, d), _like(x, 1)
    whole = b.fadd(e, 1)
    ours = b.fdiv(b.select(below, e, one), whole)
    other = b.fdiv(b.select(below, one, e), whole)
    rest = _difference_lost(b, x, y)
    rest = b.select(_finite(b, rest), rest, 0)
    return b.fmul(ours, b.fadd(b.fmul(b.fmul(rest, rate), other), 1))


def _at_origin(b: Builder, x: Value, y: Value) -> Value:
    return b.both(b.fcmp("oeq", x, 0), b.fcmp("oeq", y, 0))


def power_slope(b: Builder, x: Value, y: Value) -> Value:
    """y x**(y - 1), with what rounding takes from the exponent; 0 for the power 0 of anything."""
    less = b.select(b.fcmp("oeq", y, 0), _like(x, 0), b.fsub(y, 1))
    found = b.fmul(y, apply(b, "power", x, less))
    lost = _difference_lost(b, y, _like(y, 1))
    part = b.fmul(lost, apply(b, "log", x))
    small = b.both(b.fcmp("olt", absolute(b, part), 1e-3), b.fcmp("one", lost, 0))
    return b.select(small, b.fmul(found, b.fadd(part, 1)), found)


def power_log(b: Builder, x: Value, y: Value) -> Value:
    """x**y log(x), 0 where the power vanishes and for 0**0."""
    found = apply(b, "power", x, y)
    none = b.either(b.fcmp("oeq", found, 0), _at_origin(b, x, y))
    return b.fmul(found, apply(b, "log", b.select(none, _like(x, 1), x)))


def power_mixed(b: Builder, x: Value, y: Value) -> Value:
    """x**(y - 1) (1 + y log(x))."""
    below = apply(b, "power", x, b.select(_at_origin(b, x, y), _like(x, 1), b.fsub(y, 1)))
    used = b.select(b.fcmp("oeq", below, 0), _like(x, 1), x)
    return b.fmul(below, b.fadd(b.fmul(y, apply(b, "log", used)), 1))


def angle(b: Builder, x: Value) -> Value:
    """0, or pi where the sign is negative."""
    found = b.select(signbit(b, x), _like(x, math.pi), 0)
    return b.select(is_nan(b, x), x, found)


def binary_cross_entropy(b: Builder, x: Value, y: Value) -> Value:
    bound = _like(x, -100)
    inside = maximum(b, apply(b, "log", x), bound)
    outside = maximum(b, apply(b, "log1p", b.fneg(x)), bound)
    return b.fsub(b.fmul(b.fsub(y, 1), outside), b.fmul(y, inside))


def sinc(b: Builder, x: Value) -> Value:
    u = b.fmul(x, math.pi)
    return b.select(b.fcmp("oeq", x, 0), _like(x, 1), b.fdiv(apply(b, "sin", u), u))


def logit(b: Builder, x: Value) -> Value:
    """log(x / (1 - x)), near 1/2 by the inverse hyperbolic tangent of 2 x - 1, which is exact."""
    middle = b.fsub(b.fadd(x, x), 1)
    inner = b.fmul(apply(b, "arctanh", middle), 2)
    outer = apply(b, "log", b.fdiv(x, b.fsub(1, x)))
    return b.select(b.fcmp("olt", absolute(b, middle), 0.5), inner, outer)


def log_expit(b: Builder, x: Value) -> Value:
    return b.fneg(apply(b, "softplus", b.fneg(x)))


def times_log(b: Builder, x: Value, y: Value, logarithm: str) -> Value:
    """x log(y), 0 where x is 0 and y no NaN."""
    found = b.fmul(x, apply(b, logarithm, y))
    none = b.both(b.fcmp("oeq", x, 0), b.fcmp("ord", y, y))
    return b.select(none, _like(x, 0), found)


def entr(b: Builder, x: Value) -> Value:
    found = b.fneg(b.fmul(x, apply(b, "log", x)))
    found = b.select(b.fcmp("oeq", x, 0), _like(x, 0), found)
    return b.select(b.fcmp("olt", x, 0), _like(x, -INF), found)


def huber(b: Builder, delta: Value, x: Value) -> Value:
    a = absolute(b, x)
    outer = b.fmul(delta, b.fsub(a, b.fmul(delta, 0.5)))
    found = b.select(b.fcmp("ole", a, delta), b.fmul(b.fmul(x, 0.5), x), outer)
    found = b.select(b.fcmp("uno", delta, x), b.fadd(delta, x), found)
    return b.select(b.fcmp("olt", delta, 0), _like(x, INF), found)


COMPOSITES: dict[str, Callable[..., Value]] = {
    "sech_square": lambda b, x: over_cosh_square(b, _like(x, 1), x),
    "over_cosh_square": over_cosh_square,
    "arctan_slope": arctan_slope,
    "direction": direction,
    "share": lambda b, x, y: share(b, x, y, "exp", 1.0),
    "share2": lambda b, x, y: share(b, x, y, "exp2", LOG_2),
    "power_slope": power_slope,
    "power_log": power_log,
    "power_mixed": power_mixed,
    "angle": angle,
    "binary_cross_entropy": binary_cross_entropy,
    "sinc": sinc,
    "logit": logit,
    "log_expit": log_expit,
    "xlogy": lambda b, x, y: times_log(b, x, y, "log"),
    "xlog1py": lambda b, x, y: times_log(b, x, y, "log1p"),
    "entr": entr,
    "gauss": lambda b, x: apply(b, "exp", b.fneg(b.fmul(x, x))),
    "huber": huber,
}
"""Functions of the builder and of operands of one floating-point type."""

SAME = {
    "float_power": "power",
    "expit": "sigmoid",
    "ndtr": "normal_cdf",
    "special_exp2": "exp2",
    "special_expm1": "expm1",
    "special_log1p": "log1p",
    "special_cbrt": "cbrt",
}
"""Primitives that are a function of native code under another name."""


# ---- complex ------------------------------------------------------------------------------------


def modulus(b: Builder, x: Pair) -> Value:
    return apply(b, "hypot", x.re, x.im)


def argument(b: Builder, x: Pair) -> Value:
    return apply(b, "arctan2", x.im, x.re)


def complex_exp(b: Builder, x: Pair) -> Pair:
    """Half of the real part is exponentiated and multiplied twice: its exponential may overflow
    where the products do not."""
    half = apply(b, "exp", b.fmul(x.re, 0.5))
    sine, cosine = sine_and_cosine(b, x.im)
    re, im = b.fmul(b.fmul(half, cosine), half), b.fmul(b.fmul(half, sine), half)
    real = b.fcmp("oeq", x.im, 0)
    im = b.select(real, x.im, im)
    endless = b.xor(_finite(b, x.im), -1)
    vanished = b.both(b.fcmp("oeq", x.re, -INF), endless)
    re = b.select(vanished, _like(re, 0), re)
    im = b.select(vanished, _like(im, 0), im)
    re = b.select(b.both(b.fcmp("oeq", x.re, INF), endless), _like(re, INF), re)
    return Pair(b.select(real, apply(b, "exp", x.re), re), im)


def log_of_modulus(b: Builder, x: Pair) -> Value:
    """Near the unit circle by the distance from it."""
    p, q = absolute(b, x.re), absolute(b, x.im)
    swapped = b.fcmp("olt", p, q)
    large, small = b.select(swapped, q, p), b.select(swapped, p, q)
    excess = b.fadd(b.fmul(b.fsub(large, 1), b.fadd(large, 1)), b.fmul(small, small))
    near = b.both(b.fcmp("ogt", large, 0.6), b.fcmp("olt", large, 1.5))
    inner = b.fmul(apply(b, "log1p", excess), 0.5)
    scale = b.select(b.fcmp("ogt", large, 1e30), _like(large, 2.0**-3), _like(large, 1))
    scaled = apply(b, "hypot", b.fmul(large, scale), b.fmul(small, scale))
    back = b.select(b.fcmp("ogt", large, 1e30), _like(large, 3 * LOG_2), 0)
    return b.select(near, inner, b.fadd(apply(b, "log", scaled), back))


def complex_log(b: Builder, x: Pair) -> Pair:
    return Pair(log_of_modulus(b, x), argument(b, x))


def _log_to(base: float) -> Callable[[Builder, Pair], Pair]:
    def found(b: Builder, x: Pair) -> Pair:
        re, im = complex_log(b, x)
        return Pair(b.fmul(re, 1 / math.log(base)), b.fmul(im, 1 / math.log(base)))

    return found


def complex_exp2(b: Builder, x: Pair) -> Pair:
    return complex_exp(b, Pair(b.fmul(x.re, LOG_2), b.fmul(x.im, LOG_2)))


def complex_expm1(b: Builder, x: Pair) -> Pair:
    half = apply(b, "sin", b.fmul(x.im, 0.5))
    sine, cosine = sine_and_cosine(b, x.im)
    turned = b.fmul(apply(b, "expm1", x.re), cosine)
    re = b.fsub(turned, b.fmul(b.fmul(half, 2), half))
    return Pair(re, b.fmul(apply(b, "exp", x.re), sine))


def complex_log1p(b: Builder, x: Pair) -> Pair:
    more = b.fadd(x.re, 1)
    modulus = apply(b, "log", apply(b, "hypot", more, x.im))
    return Pair(modulus, apply(b, "arctan2", x.im, more))


def complex_sqrt(b: Builder, x: Pair) -> Pair:
    """The larger part is a root of sums without cancellation, the other a quotient."""
    p, q = absolute(b, x.re), absolute(b, x.im)
    top = b.select(b.fcmp("ogt", p, q), p, q)
    large, tiny = b.fcmp("ogt", top, 1e30), b.fcmp("olt", top, 1e-30)
    down = b.select(large, _like(p, 2.0**-4), b.select(tiny, _like(p, 2.0**60), _like(p, 1)))
    up = b.select(large, _like(p, 4.0), b.select(tiny, _like(p, 2.0**-30), _like(p, 1)))
    p, q = b.fmul(p, down), b.fmul(q, down)
    root = b.intrinsic("sqrt", b.fmul(b.fadd(p, apply(b, "hypot", p, q)), 0.5))
    other = b.fdiv(q, b.fadd(root, root))
    none = b.both(b.fcmp("oeq", p, 0), b.fcmp("oeq", q, 0))
    root, other = b.fmul(root, up), b.select(none, _like(p, 0), b.fmul(other, up))
    left = signbit(b, x.re)
    re, im = b.select(left, other, root), b.select(left, root, other)
    endless = b.fcmp("oeq", absolute(b, x.im), INF)
    re = b.select(endless, _like(re, INF), re)
    return Pair(re, b.intrinsic("copysign", b.select(endless, _like(im, INF), im), x.im))


def complex_sign(b: Builder, x: Pair) -> Pair:
    """x over its modulus; 0 at 0, and along an axis at infinity."""
    r = modulus(b, x)
    r = b.select(b.fcmp("oeq", r, 0), _like(r, 1), r)
    tall, wide = (b.fcmp("oeq", absolute(b, part), INF) for part in (x.im, x.re))
    one, zero = _like(r, 1), _like(r, 0)

    def part(own: Value, infinite: Value, other: Value) -> Value:
        along = b.select(infinite, b.intrinsic("copysign", one, own), zero)
        return b.select(b.either(infinite, other), along, b.fdiv(own, r))

    lost = b.both(b.fcmp("uno", x.re, x.im), b.xor(b.either(tall, wide), -1))
    undefined = b.either(b.both(tall, wide), lost)
    parts = [part(x.re, wide, tall), part(x.im, tall, wide)]
    re, im = [b.select(undefined, _like(r, math.nan), y) for y in parts]
    return Pair(re, im)


def _product(b: Builder, x: Value, y: Value) -> Value:
    """x y, where 0 times infinity or NaN is 0."""
    zero = b.fmul(x, b.intrinsic("copysign", _like(y, 1), y))
    return b.select(b.fcmp("oeq", x, 0), zero, b.fmul(x, y))


class _Hyperbolic:
    """Hyperbolic sine and cosine of x in two factors, which do not overflow where their products
    with what is small do not; sine and cosine of y; and where these are not numbers."""

    def __init__(self, b: Builder, x: Value, y: Value) -> None:
        a = absolute(b, x)
        large = b.fcmp("ogt", a, 700.0 if element_of(x.type) == "double" else 88.0)
        half = apply(b, "exp", b.fmul(a, 0.5))
        first = b.fmul(half, 0.5)
        self.sinh = b.select(large, b.intrinsic("copysign", first, x), apply(b, "sinh", x))
        self.cosh = b.select(large, first, apply(b, "cosh", x))
        self.factor = b.select(large, half, _like(x, 1))
        self.sin, self.cos = sine_and_cosine(b, y)
        self.lost = b.xor(_finite(b, y), -1)
        self.zero = b.both(self.lost, b.fcmp("oeq", x, 0))
        self.endless = b.both(self.lost, b.fcmp("oeq", a, INF))

    def times(self, b: Builder, turn: Value, growth: Value) -> Value:
        return b.fmul(_product(b, turn, growth), self.factor)


def complex_sinh(b: Builder, x: Pair) -> Pair:
    h = _Hyperbolic(b, x.re, x.im)
    re = b.select(h.zero, x.re, h.times(b, h.cos, h.sinh))
    im = b.select(b.fcmp("oeq", h.sin, 0), h.sin, h.times(b, h.sin, h.cosh))
    return Pair(b.select(h.endless, _like(re, INF), re), im)


def complex_cosh(b: Builder, x: Pair) -> Pair:
    h = _Hyperbolic(b, x.re, x.im)
    re = b.select(h.endless, _like(x.re, INF), h.times(b, h.cos, h.cosh))
    flat = _product(b, h.sin, h.sinh)
    im = b.select(b.fcmp("oeq", h.sin, 0), flat, b.fmul(flat, h.factor))
    return Pair(re, b.select(h.zero, _like(im, 0), im))


def complex_sin(b: Builder, x: Pair) -> Pair:
    """-i sinh(i x)"""
    re, im = complex_sinh(b, Pair(b.fneg(x.im), x.re))
    lost = b.xor(_finite(b, x.re), -1)
    endless = b.both(lost, b.fcmp("oeq", absolute(b, x.im), INF))
    return Pair(im, b.select(endless, _like(re, INF), b.fneg(re)))


def complex_cos(b: Builder, x: Pair) -> Pair:
    """cosh(i x)"""
    return complex_cosh(b, Pair(b.fneg(x.im), x.re))


def complex_tanh(b: Builder, x: Pair) -> Pair:
    """By the tangent and the hyperbolic sine of the parts (Kahan 1987), far out by exponentials."""
    t, s = apply(b, "tan", x.im), apply(b, "sinh", x.re)
    beta = b.fadd(b.fmul(t, t), 1)
    rho = b.intrinsic("sqrt", b.fadd(b.fmul(s, s), 1))
    below = b.fadd(b.fmul(b.fmul(beta, s), s), 1)
    a = absolute(b, x.re)
    far = b.fcmp("ogt", a, 20.0 if element_of(a.type) == "double" else 9.5)
    e = apply(b, "exp", b.fneg(a))
    turn = b.fmul(*sine_and_cosine(b, x.im))
    edge = b.fmul(b.fmul(b.fmul(turn, 4), e), e)
    unit = b.intrinsic("copysign", _like(a, 1), x.re)
    re = b.select(far, unit, b.fdiv(b.fmul(b.fmul(beta, rho), s), below))
    im = b.select(far, edge, b.fdiv(t, below))
    # Without an angle the limit at infinity is left, and the axis.
    lost = b.xor(_finite(b, x.im), -1)
    endless = b.fcmp("oeq", a, INF)
    none = b.select(b.fcmp("oeq", x.re, 0), x.re, math.nan)
    re = b.select(b.both(lost, b.xor(endless, -1)), none, re)
    im = b.select(b.both(lost, endless), b.intrinsic("copysign", _like(a, 0), x.im), im)
    return Pair(re, b.select(b.fcmp("oeq", x.im, 0), x.im, im))


def complex_tan(b: Builder, x: Pair) -> Pair:
    """-i tanh(i x)"""
    re, im = complex_tanh(b, Pair(b.fneg(x.im), x.re))
    return Pair(im, b.fneg(re))


def complex_power(b: Builder, x: Pair, y: Pair) -> Pair:
    """exp(y log(x)); 1 for an exponent 0, and at 0 a 0 for exponents with positive real part."""
    log = complex_log(b, x)
    re = b.fsub(b.fmul(y.re, log.re), b.fmul(y.im, log.im))
    im = b.fadd(b.fmul(y.re, log.im), b.fmul(y.im, log.re))
    found = complex_exp(b, Pair(re, im))
    one, zero, nan = (_like(re, c) for c in (1.0, 0.0, math.nan))
    origin = _at_origin(b, x.re, x.im)
    at_origin = b.select(b.fcmp("ogt", y.re, 0), zero, nan)
    constant = _at_origin(b, y.re, y.im)
    parts = [b.select(origin, at_origin, part) for part in found]
    return Pair(b.select(constant, one, parts[0]), b.select(constant, zero, parts[1]))


COMPLEX_COMPOSITES: dict[str, Callable[..., Operand]] = {
    "absolute": modulus,
    "angle": argument,
    "sign": complex_sign,
    "exp": complex_exp,
    "exp2": complex_exp2,
    "expm1": complex_expm1,
    "log": complex_log,
    "log1p": complex_log1p,
    "log2": _log_to(2),
    "log10": _log_to(10),
    "sqrt": complex_sqrt,
    "sin": complex_sin,
    "cos": complex_cos,
    "tan": complex_tan,
    "sinh": complex_sinh,
    "cosh": complex_cosh,
    "tanh": complex_tanh,
    "power": complex_power,
}
"""Functions of the builder and of complex operands."""
