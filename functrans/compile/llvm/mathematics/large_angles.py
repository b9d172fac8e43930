"""Sine, cosine and tangent of angles that are too large for vectors, one by one.

The angle is multiplied by as many bits of 2 / pi as count (Payne and Hanek 1983). These functions
are compiled once in a process, when code is loaded that names them, and not into each kernel.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import Builder, Module, number
from functrans.compile.llvm.code.standing import load_standing
from functrans.compile.llvm.elements.reals import INF, absolute, as_bits, as_number
from functrans.compile.llvm.mathematics.coefficients import TWO_OVER_PI
from functrans.compile.llvm.mathematics.constants import PI
from functrans.compile.llvm.mathematics.formula import NAN, Formula, Two, parts
from functrans.compile.llvm.mathematics.trigonometric import TURNED, large, sine_and_cosine

if TYPE_CHECKING:
    from functrans.compile.llvm.code.builder import Value


def _address(name: str, element: str) -> int:
    """Compile the function that replaces the results of angles larger than a limit."""
    own = large(name, element)
    return load_standing(own, partial(_text, name, element), [own])[own]


def _text(name: str, element: str) -> str:
    """Its module."""
    module = Module()
    one = _of_one(module, name)
    own = large(name, element)
    b = Builder(module, own, "void", ["ptr", "ptr", "i64", element])
    angles, results, count, limit = b.operands

    def lane(i: Value, carried: list[Value]) -> list[Value]:
        angle = b.load(element, b.at(angles, i, element))

        def replace() -> None:
            value = b.call(one, "double", b.cast("fpext", angle, "double"))
            b.store(b.cast("fptrunc", value, element), b.at(results, i, element))

        b.when(b.fcmp("ogt", absolute(b, angle), limit), replace)
        return carried

    b.loop(0, count, lane)
    b.finish()
    return module.text()


def _of_one(module: Module, name: str) -> str:
    """The function of one large float64 (at least 2**-10), NaN of infinity."""
    f = Formula(module, f"{name}_of_large", "double", ["double"], inline=False)
    (x,) = f.operands
    r, q = _reduced_by_bits(f, f.size(x))
    found = TURNED[name](f, sine_and_cosine(f, r, True), q)
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


ADDRESSES = {
    large(name, element): partial(_address, name, element)
    for name in TURNED
    for element in ("double", "float")
}
"""What compiles each function, by its symbol."""
