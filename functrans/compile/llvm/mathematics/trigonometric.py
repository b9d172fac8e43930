"""Sine, cosine and tangent of angles of any size.

x = q pi / 2 + r, |r| <= pi / 4: q times pi / 2 is taken off in parts whose products are exact (Cody
and Waite 1980). Where x is so large that they are not, a function of single numbers multiplies by
as many bits of 2 / pi as count (Payne and Hanek 1983).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.builder import Value, element_of, number, width_of
from functrans.compile.llvm.mathematics.coefficients import TWO_OVER_PI
from functrans.compile.llvm.mathematics.formula import NAN, PI, Formula, Two, parts
from functrans.compile.llvm.reals import INF, as_bits, as_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.compile.llvm.builder import Module

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


def _sine_and_cosine(f: Formula, angle: Two, twofold: bool) -> Two:
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


def _function(name: str, turned: Turned) -> Callable[[Formula, Value], Value]:
    def found(f: Formula, x: Value) -> Value:
        r, q = _reduced(f, x, name == "tan")
        usual = turned(f, _sine_and_cosine(f, r, name == "tan"), q)
        if name != "cos":
            usual = f.select(f.tiny(x), x, usual)
        rare = f.fcmp("ogt", f.size(x), _limit(f, x))
        return f.rarely(rare, usual, lambda: f.call(_rare(f, name, turned, x), x.type, x, usual))

    return found


def _rare(f: Formula, name: str, turned: Turned, x: Value) -> str:
    """A function that computes the lanes of large angles one by one; the others stay."""
    element, width = element_of(x.type), width_of(x.type)
    own = f"{name}_of_large_{element}_{width}"
    if own in f.module.functions:
        return own
    one = _of_large(f.module, name, turned)
    g = Formula(f.module, own, x.type, [x.type, x.type], inline=False)
    given, found = g.operands
    source, target = g.slot(x.type), g.slot(x.type)
    g.store(given, source)
    g.store(found, target)

    def lane(i: Value, carried: list[Value]) -> list[Value]:
        angle = g.load(element, g.at(source, i, element))

        def replace() -> None:
            wide = g.cast("fpext", angle, "double")
            value = g.cast("fptrunc", g.call(one, "double", wide), element)
            g.store(value, g.at(target, i, element))

        g.when(g.fcmp("ogt", g.size(angle), _limit(g, angle)), replace)
        return carried

    g.loop(0, width, lane)
    return g.finish(g.load(x.type, target))


def _of_large(module: Module, name: str, turned: Turned) -> str:
    """The function of one large float64 (at least 2**-10), NaN of infinity."""
    own = f"{name}_of_large"
    if own in module.functions:
        return own
    f = Formula(module, own, "double", ["double"], inline=False)
    (x,) = f.operands
    r, q = _reduced_by_bits(f, f.size(x))
    found = turned(f, _sine_and_cosine(f, r, True), q)
    if name != "cos":
        found = f.select(f.fcmp("olt", x, 0), f.fneg(found), found)
    infinite = f.fcmp("oeq", f.size(x), INF)
    return f.finish(f.select(infinite, number(NAN, x.type), found))


def _reduced_by_bits(f: Formula, x: Value) -> tuple[Two, Value]:
    """r and q of a positive x = m 2**e, from m times those bits of 2 / pi that count.

    Bits that stand for multiples of four are left out. The first of the three words that are kept
    begins with the bit of 2**1 of the product's fixed point, so its first two bits are q.
    """
    table = f.module.constant("two_over_pi", "i64", [_signed(word) for word in TWO_OVER_PI])
    bits = as_bits(f, x)
    field = f.binary("lshr", bits, 52)
    m = f.either(f.both(bits, (1 << 52) - 1), 1 << 52)
    start = f.sub(field, 1075 + 2 - 64)  # the table has a word of zeros first
    start = f.intrinsic(
        "umin", start, 64 * (len(TWO_OVER_PI) - 4) + 63
    )  # infinity reads no further
    first, shift = f.binary("lshr", start, 6), f.both(start, 63)
    stored = [f.load("i64", f.at(table, f.add(first, k), "i64")) for k in range(4)]
    words = [f.intrinsic("fshl", a, b, shift) for a, b in zip(stored, stored[1:], strict=False)]

    def wide(word: Value) -> Value:
        return f.emit("i128", f"zext {word} to i128")

    def narrow(word: Value) -> Value:
        return f.emit("i64", f"trunc {word} to i64")

    low = f.mul(wide(words[2]), wide(m))
    middle = f.add(f.mul(wide(words[1]), wide(m)), f.binary("lshr", low, 64))
    high = f.add(f.mul(words[0], m), narrow(f.binary("lshr", middle, 64)))
    second, third = narrow(middle), narrow(low)
    q = f.binary("lshr", high, 62)
    # What is left after q, a fraction of pi / 2; where it is a half or more, less one, and q more.
    top, under = f.intrinsic("fshl", high, second, 2), f.intrinsic("fshl", second, third, 2)
    negative = f.icmp("slt", top, 0)
    q = f.select(negative, f.add(q, 1), q)
    flip = f.select(negative, number(-1, "i64"), 0)
    top, under = f.xor(top, flip), f.xor(under, flip)
    zeros = f.call("llvm.ctlz.i64", "i64", top, number(0, "i1"))
    lead = f.intrinsic("fshl", top, under, zeros)
    lead = f.select(f.icmp("eq", top, 0), under, lead)
    # A quarter of the leading word is an integer that converts with its sign, and whose nearest
    # float64 converts back.
    lead = f.binary("lshr", lead, 2)
    value = f.cast("sitofp", lead, "double")
    rest = f.cast("sitofp", f.sub(lead, f.cast("fptosi", value, "i64")), "double")
    down = as_number(f, f.binary("shl", f.sub(1023 - 62, zeros), 52), value)
    down = f.select(negative, f.fneg(down), down)
    value, rest = f.fmul(value, down), f.fmul(rest, down)
    right, under_right = parts(PI / 2, "double", 53)
    r, lost = f.two_product(value, number(right, value.type))
    lost = f.mad(rest, right, f.mad(value, under_right, lost))
    return f.quick_sum(r, lost), q


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


sin = _function("sin", _sine)
cos = _function("cos", _cosine)
tan = _function("tan", _tangent)
