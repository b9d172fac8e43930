"""Sine, cosine and tangent of angles of any size.

x = q pi / 2 + r, |r| <= pi / 4: q times pi / 2 is taken off in parts whose products are exact (Cody
and Waite 1980). Where x is so large that they are not, a function beside computes these lanes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import element_of, number, width_of
from functrans.compile.llvm.elements.reals import as_bits, as_number
from functrans.compile.llvm.mathematics.constants import PI
from functrans.compile.llvm.mathematics.formula import Formula, Two, parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.compile.llvm.code.builder import Value

    Turned = Callable[[Formula, Two, Value], Value]


def _limit(f: Formula, x: Value) -> float:
    """The size of x up to which the products are exact, or errors of the quotient do no harm."""
    if f.fused:
        return f.for_double(x, 2.0**40, 2.0**15)
    return f.for_double(x, 2.0**20, 2.0**11)


def _reduced(f: Formula, x: Value, twofold: bool) -> tuple[Two, Value]:
    """r, in two parts if so wanted (the second is 0 otherwise), and bits that end in those of q."""
    full = f.for_double(x, 53, 24)
    bits = (full, full) if f.fused else (f.for_double(x, 33, 12),) * 3
    whole, q = f.nearest(f.fmul(x, float(2 / PI)))
    *first, second, third = [-part for part in parts(PI / 2, element_of(x.type), *bits)]
    for part in first:
        x = f.mad(whole, part, x)
    if not twofold:
        r = f.mad(whole, third, f.mad(whole, second, x))
        return (r, number(0, x.type)), q
    taken = f.fmul(whole, second)  # exact where nothing is fused
    r, low = f.two_sum(x, taken)
    if f.fused:
        low = f.fadd(low, f.fma(whole, second, f.fneg(taken)))
    return f.quick_sum(r, f.mad(whole, third, low)), q


def sine_and_cosine(f: Formula, angle: Two, twofold: bool) -> Two:
    """Of r, and of what its second part adds to first order."""
    r, low = angle
    t = f.fmul(r, r)
    grown, fallen = f.fmul(t, r), f.mad(t, -0.5, 1.0)
    sine, cosine = f.polynomial("sin", t), f.polynomial("cos", t)
    if not twofold:
        return f.mad(grown, sine, r), f.mad(f.fmul(t, t), cosine, fallen)
    half = f.fmul(t, 0.5)
    first = f.fsub(1, half)
    lost = f.fsub(f.fsub(f.fsub(1, first), half), f.fmul(r, low))
    return (
        f.fadd(r, f.mad(grown, sine, low)),
        f.fadd(first, f.mad(f.fmul(t, t), cosine, lost)),
    )


def _sine(f: Formula, both: Two, q: Value) -> Value:
    """sin(r + q pi / 2)."""
    odd = f.icmp("ne", f.both(q, 1), 0)
    found = f.select(odd, both[1], both[0])
    sign = f.binary("shl", f.both(q, 2), f.for_double(found, 62, 30))
    return as_number(f, f.xor(as_bits(f, found), sign), found)


def _cosine(f: Formula, both: Two, q: Value) -> Value:
    return _sine(f, both, f.add(q, 1))


def _tangent(f: Formula, both: Two, q: Value) -> Value:
    odd = f.icmp("ne", f.both(q, 1), 0)
    above = f.select(odd, f.fneg(both[1]), both[0])
    return f.fdiv(above, f.select(odd, both[0], both[1]))


TURNED: dict[str, Turned] = {"sin": _sine, "cos": _cosine, "tan": _tangent}
"""What sine and cosine of r become with the quarter turns."""


def large(name: str, element: str) -> str:
    """The symbol of the function that computes large angles, see
    :mod:`functrans.compile.llvm.mathematics.large_angles`."""
    return f"functrans_{name}_of_large_{element}"


def _functions(f: Formula, x: Value, *names: str) -> list[Value]:
    """Some of the functions of one angle."""
    twofold = "tan" in names
    r, q = _reduced(f, x, twofold)
    both = sine_and_cosine(f, r, twofold)
    limit = _limit(f, x)

    def found(name: str) -> Value:
        usual = TURNED[name](f, both, q)
        if name != "cos":
            usual = f.select(f.tiny(x), x, usual)

        def otherwise() -> Value:
            angles, results = f.slot(x.type), f.slot(x.type)
            f.store(x, angles)
            f.store(usual, results)
            element, width = element_of(x.type), number(width_of(x.type), "i64")
            own = large(name, element)
            f.call(own, "void", angles, results, width, number(limit, element))
            return f.load(x.type, results)

        return f.rarely(f.fcmp("ogt", f.size(x), limit), usual, otherwise)

    return list(map(found, names))


def sin(f: Formula, x: Value) -> Value:
    return _functions(f, x, "sin")[0]


def cos(f: Formula, x: Value) -> Value:
    return _functions(f, x, "cos")[0]


def sin_and_cos(f: Formula, x: Value) -> Two:
    """Both, with the bits that each has alone."""
    sine, cosine = _functions(f, x, "sin", "cos")
    return sine, cosine


def tan(f: Formula, x: Value) -> Value:
    return _functions(f, x, "tan")[0]
