"""Operations of complex numbers, each a pair of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import Value, number
from functrans.compile.llvm.elements.conversions import Pair
from functrans.compile.llvm.elements.reals import INF, absolute, is_nan

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.compile.llvm.code.builder import Builder
    from functrans.compile.llvm.elements.conversions import Operand


def multiply(b: Builder, x: Pair, y: Pair) -> Pair:
    re = b.fsub(b.fmul(x.re, y.re), b.fmul(x.im, y.im))
    return Pair(re, b.fadd(b.fmul(x.re, y.im), b.fmul(x.im, y.re)))


def divide(b: Builder, x: Pair, y: Pair) -> Pair:
    """By the ratio of the divisor's smaller part to its larger one (Smith 1962), as NumPy."""
    upright = b.fcmp("olt", absolute(b, y.re), absolute(b, y.im))
    large, small = b.select(upright, y.im, y.re), b.select(upright, y.re, y.im)
    ratio = b.fdiv(small, large)
    scale = b.fdiv(1, b.fadd(large, b.fmul(small, ratio)))
    first, second = b.select(upright, x.im, x.re), b.select(upright, x.re, x.im)
    re = b.fmul(b.fadd(first, b.fmul(second, ratio)), scale)
    im = b.fmul(b.fsub(second, b.fmul(first, ratio)), scale)
    im = b.select(upright, b.fneg(im), im)
    # Of a divisor 0 NumPy divides both parts by its modulus.
    none = b.both(b.fcmp("oeq", y.re, 0), b.fcmp("oeq", y.im, 0))
    zero = absolute(b, y.re)
    re = b.select(none, b.fdiv(x.re, zero), re)
    return Pair(re, b.select(none, b.fdiv(x.im, zero), im))


def reciprocal(b: Builder, x: Pair) -> Pair:
    """As NumPy: by the same ratio."""
    upright = b.fcmp("ole", absolute(b, x.re), absolute(b, x.im))
    large, small = b.select(upright, x.im, x.re), b.select(upright, x.re, x.im)
    ratio = b.fdiv(small, large)
    scale = b.fadd(large, b.fmul(small, ratio))
    one = number(1, scale.type)
    re = b.fdiv(b.select(upright, ratio, one), scale)
    im = b.fdiv(b.select(upright, number(-1, scale.type), b.fneg(ratio)), scale)
    return Pair(re, im)


def square(b: Builder, x: Pair) -> Pair:
    re = b.fsub(b.fmul(x.re, x.re), b.fmul(x.im, x.im))
    return Pair(re, b.fadd(b.fmul(x.re, x.im), b.fmul(x.im, x.re)))


def _ordered(first: str, second: str) -> Callable[..., Value]:
    """By the real parts, and where they are equal by the imaginary ones, which are no NaN."""

    def holds(b: Builder, x: Pair, y: Pair) -> Value:
        numbers = b.fcmp("ord", x.im, y.im)
        clear = b.both(b.fcmp(first, x.re, y.re), numbers)
        return b.either(clear, b.both(b.fcmp("oeq", x.re, y.re), b.fcmp(second, x.im, y.im)))

    return holds


def _extreme(first: str, second: str, yielding: bool) -> Callable[..., Pair]:
    """The one that is ordered so or equal; the first NaN, or none if `yielding`."""
    holds = _ordered(first, second)

    def chosen(b: Builder, x: Pair, y: Pair) -> Pair:
        other = y if yielding else x
        takes = b.either(holds(b, x, y), b.fcmp("uno", other.re, other.im))
        return Pair(b.select(takes, x.re, y.re), b.select(takes, x.im, y.im))

    return chosen


def _parts(how: Callable[..., Value]) -> Callable[..., Operand]:
    """An operation of both parts alike."""
    return lambda b, *xs: Pair(how(b, *[x.re for x in xs]), how(b, *[x.im for x in xs]))


def _either(how: Callable[..., Value]) -> Callable[..., Value]:
    return lambda b, *xs: b.either(how(b, *[x.re for x in xs]), how(b, *[x.im for x in xs]))


def _both(how: Callable[..., Value]) -> Callable[..., Value]:
    return lambda b, *xs: b.both(how(b, *[x.re for x in xs]), how(b, *[x.im for x in xs]))


_truth = _either(lambda b, x: b.fcmp("une", x, 0))

COMPLEX: dict[str, Callable[..., Operand]] = {
    "add": _parts(lambda b, x, y: b.fadd(x, y)),
    "subtract": _parts(lambda b, x, y: b.fsub(x, y)),
    "negative": _parts(lambda b, x: b.fneg(x)),
    "positive": lambda b, x: x,
    "conjugate": lambda b, x: Pair(x.re, b.fneg(x.im)),
    "rint": _parts(lambda b, x: b.intrinsic("rint", x)),
    "multiply": multiply,
    "divide": divide,
    "reciprocal": reciprocal,
    "square": square,
    "equal": _both(lambda b, x, y: b.fcmp("oeq", x, y)),
    "not_equal": _either(lambda b, x, y: b.fcmp("une", x, y)),
    "less": _ordered("olt", "olt"),
    "less_equal": _ordered("olt", "ole"),
    "greater": _ordered("ogt", "ogt"),
    "greater_equal": _ordered("ogt", "oge"),
    "maximum": _extreme("ogt", "oge", False),
    "minimum": _extreme("olt", "ole", False),
    "fmax": _extreme("ogt", "oge", True),
    "fmin": _extreme("olt", "ole", True),
    "isnan": _either(is_nan),
    "isinf": _either(lambda b, x: b.fcmp("oeq", absolute(b, x), INF)),
    "isfinite": _both(lambda b, x: b.fcmp("olt", absolute(b, x), INF)),
    "logical_and": lambda b, x, y: b.both(_truth(b, x), _truth(b, y)),
    "logical_or": lambda b, x, y: b.either(_truth(b, x), _truth(b, y)),
    "logical_xor": lambda b, x, y: b.xor(_truth(b, x), _truth(b, y)),
    "logical_not": lambda b, x: b.xor(_truth(b, x), -1),
}
"""Functions of the builder and of complex operands."""

INEXACT = frozenset(("multiply", "divide", "reciprocal", "square"))
"""What NumPy rounds differently from machine to machine, and with the place in the array."""

EXACT_COMPLEX = frozenset(COMPLEX).difference(INEXACT)
"""What has NumPy's bits."""
