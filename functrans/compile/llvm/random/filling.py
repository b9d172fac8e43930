"""Arrays filled with what is made of the words of a key, in pieces for threads; single numbers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from functrans.compile.llvm.code.builder import (
    Builder,
    Module,
    Value,
    bits_of,
    number,
    vector,
)
from functrans.compile.llvm.code.engine import machine
from functrans.compile.llvm.code.library import Entry, Library
from functrans.compile.llvm.kernels.sharing import in_pieces
from functrans.compile.llvm.random import cipher

if TYPE_CHECKING:
    from collections.abc import Callable

FILLING = ("i32", "i32", "ptr", "i64", "i64", "i64")
ENCRYPTION = ("i32", "i32", "i64", "ptr")
INTEGER = ("i32", "i32", "i64", "i64", "i64")

PIECE = 1 << 14
"""Elements of a piece: some twenty to a hundred microseconds."""


class Kind(NamedTuple):
    """What elements are made.

    Attributes
    ----------
    element : str
        In memory.
    make : callable
        ``make(builder, high, low) -> vector``.
    nanoseconds : float
        About how long an element takes.
    """

    element: str
    make: Callable[[Builder, Value, Value], Value]
    nanoseconds: float


KINDS = {
    **{f"bits{n}": Kind(f"i{n}", partial(cipher.bits, width=n), 1.5) for n in (8, 16, 32, 64)},
    "keys": Kind("i64", cipher.key_of, 1.5),
    **{
        f"{name}_{element}": Kind(element, partial(make, element=element), time)
        for name, make, time in (("uniform", cipher.unit, 1.5), ("normal", cipher.normal, 5))
        for element in ("double", "float")
    },
}


def _filling(module: Module, name: str) -> str:
    """The function ``(first word, second word, out, count, first piece, last piece)``."""
    kind = KINDS[name]
    b = Builder(module, f"filling_{name}", "void", FILLING, internal=True)
    first, second, out, count, start, stop = b.operands
    width = machine().vector_bytes // 4
    lanes = ", ".join([f"i32 {i}" for i in range(width)])
    counted = Value(f"<{width} x i32>", f"<{lanes}>")
    key = b.splat(first, width), b.splat(second, width)

    def some(i: Value) -> Value:
        high, low = _halves(b, i)
        words = b.splat(high, width), b.add(b.splat(low, width), counted)
        return kind.make(b, *cipher.encrypted(b, key, *words))

    room = b.slot(vector(kind.element, width))
    end = b.intrinsic("smin", count, b.mul(stop, PIECE))

    def vector_at(i: Value) -> None:
        found, place = some(i), b.at(out, i, kind.element)
        left = b.sub(end, i)

        def rest() -> None:
            b.store(found, room)
            size = b.mul(left, bits_of(kind.element) // 8)
            b.call("llvm.memcpy.p0.p0.i64", "void", place, room, size, number(0, "i1"))

        b.choose(b.icmp("slt", left, width), [lambda: b.store(found, place), rest])

    b.repeat(b.mul(start, PIECE), end, vector_at, step=width)
    return b.finish()


def _halves(b: Builder, x: Value) -> tuple[Value, Value]:
    """The two words of a number of 64 bits."""
    return b.cast("trunc", b.binary("lshr", x, 32), "i32"), b.cast("trunc", x, "i32")


def _encryption(module: Module) -> str:
    """The function ``(first word, second word, number, out)``: one block, as a key."""
    b = Builder(module, "encrypted", "void", ENCRYPTION, internal=True)
    first, second, counter, out = b.operands
    words = cipher.encrypted(b, (first, second), *_halves(b, counter))
    b.store(cipher.key_of(b, *words), out, 4)
    return b.finish()


def _integer(module: Module) -> str:
    """The function ``(first word, second word, place, start, span)``: one of `span` numbers from
    `start` on, 0 standing for all. Of 2**64 the first that would make some more likely than others
    are drawn again, with the next key."""
    b = Builder(module, "drawn", "i64", INTEGER, internal=True)
    first, second, place, start, span = b.operands
    safe = b.intrinsic("umax", span, 1)
    surplus = b.binary("urem", b.sub(0, safe), safe)
    counter = _halves(b, place)

    def draw(carried: list[Value]) -> list[Value]:
        attempt = carried[0]
        # Across both encryptions LLVM takes a third of a second, for code that is twice as long.
        high, low = map(b.frozen, cipher.encrypted(b, (first, second), *_halves(b, attempt)))
        drawn = cipher.bits(b, *cipher.encrypted(b, (high, low), *counter), 64)
        return [b.add(attempt, 1), drawn, b.icmp("ult", drawn, surplus)]

    carried = [number(0, "i64"), number(0, "i64"), number(1, "i1")]
    _, drawn, _ = b.repeat_while(lambda carried: carried[2], draw, carried)
    offset = b.select(b.icmp("eq", span, 0), drawn, b.binary("urem", drawn, safe))
    return b.finish(b.add(start, offset))


LIBRARY = Library(
    {
        "encryption": Entry(_encryption, ENCRYPTION),
        "integer": Entry(_integer, INTEGER, "i64"),
    },
    quick=True,
)

FILLINGS = {
    name: Library({name: Entry(partial(_filling, name=name), FILLING)}, quick=True)
    for name in KINDS
}
"""Each is compiled by itself: a program needs few of them. Quick code was measured to take as long
for an element as optimised code, so it does for any number of them."""


def fill(b: Builder, name: str, key: tuple[Value, Value], out: Value, count: int) -> None:
    """Fill so many elements from an address on, of one of :data:`KINDS`."""
    time = int(count * KINDS[name].nanoseconds)
    operands = [*key, out, number(count, "i64")]
    in_pieces(b, FILLINGS[name].symbol(name), operands, -(-count // PIECE), time)
