"""Factorisations in place, of matrices in rows: LU with exchanges of rows, and Cholesky's.

Both halve the columns, so that most of the work is products. What comes out where a matrix is
singular, or not positive definite, means nothing, and neither does it close to there: then it is
left to NumPy to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from functrans.compile.llvm.code.builder import (
    Builder,
    Value,
    element_of,
    number,
    suffix,
    vector,
    width_of,
)
from functrans.compile.llvm.kernels.sharing import in_pieces
from functrans.compile.llvm.kernels.tiles import lanes_of, multiply_add
from functrans.compile.llvm.linear.substitution import substitution, subtraction, subtraction_alone
from functrans.compile.llvm.linear.transposing import transposing

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.compile.llvm.code.builder import Module

MARGIN = 8
"""Times the rounding errors that may be expected: pivots so small may as well be zero."""

LU = ("ptr", "i64", "i64", "ptr", "ptr", "ptr", "ptr")
CHOLESKY = ("ptr", "i64", "i64", "ptr", "ptr")
_COLUMNS = ("ptr", "i64", "i64", "i64", "i64", "ptr", "ptr", "ptr", "ptr")

GRAM_ROWS = 32
"""Rows of a symmetric product that are computed at once, from their diagonal on."""


def _first(b: Builder, element: str, width: Value) -> tuple[str, Value | None]:
    """A vector for one row of a panel, and which of its lanes exist."""
    lanes = lanes_of(element)
    return vector(element, lanes), b.first_lanes(lanes, width)


def lu(module: Module, element: str) -> str:
    """The function ``(a, row, n, order, sign, room, memory)``: ``a[order]`` becomes its LU factors.

    The unit lower triangle and the upper one take the place of `a`. Of `order`, numbers of rows
    that are exchanged with it, and `sign`, which changes with each exchange, it is given the first.
    `room` is for a vector's lanes times n numbers, the memory for a panel, see
    :func:`functrans.compile.llvm.linear.substitution.room`. Returns whether a pivot may be zero, or
    is no number.
    """
    name = f"lu_{element}"
    if name in module.functions:
        return name
    _lu_columns(module, element)
    b = Builder(module, name, "i1", LU, internal=True)
    a, row, n, order, sign, *memory = b.operands
    b.call(f"{name}_columns", "void", a, row, n, number(0, "i64"), n, order, sign, *memory)
    least = b.fmul(MARGIN * float(np.finfo(float).eps), b.cast("sitofp", n, element))
    lanes = lanes_of(element)
    kind = vector(element, lanes)

    def columns(j: Value, carried: list[Value]) -> list[Value]:
        """Compare pivots with the largest numbers above them."""
        exists = b.first_lanes(lanes, b.sub(n, j))
        after = b.add(_counted(b, j, lanes), 1)

        def step(i: Value, carried: list[Value]) -> list[Value]:
            place, top, pivots = carried
            found = b.intrinsic("fabs", b.load_where(exists, kind, place))
            here = b.splat(b.add(i, 1), lanes)
            above = b.icmp("sle", here, after)
            larger = b.both(above, b.fcmp("ugt", found, top))
            pivots = b.select(b.icmp("eq", here, after), found, pivots)
            return [b.at(place, row, element), b.select(larger, found, top), pivots]

        stop = b.intrinsic("smin", b.add(j, lanes), n)
        start = [b.at(a, j, element), number(0, kind), number(0, kind)]
        _, top, pivots = b.loop(0, stop, step, start)
        sound = b.fcmp("ogt", pivots, b.fmul(b.splat(least, lanes), top))
        return [b.either(carried[0], b.any(b.both(exists, b.xor(sound, 1))))]

    (worst,) = b.loop(0, n, columns, [number(0, "i1")], step=lanes)
    return b.finish(worst)


def _counted(b: Builder, start: Value, lanes: int) -> Value:
    """Numbers from one on, in the lanes of a vector."""
    numbers = ", ".join(f"i64 {i}" for i in range(lanes))
    return b.add(b.splat(start, lanes), Value(f"<{lanes} x i64>", f"<{numbers}>"))


def _lu_columns(module: Module, element: str) -> None:
    """The function ``(a, row, n, first, last, order, sign, room, memory)`` for some columns, from
    the diagonal on down."""
    name = f"lu_{element}_columns"
    module.functions[name] = ""  # it calls itself
    b = Builder(module, name, "void", _COLUMNS, internal=True)
    a, row, n, first, last, order, sign, room, memory = b.operands
    lanes = lanes_of(element)
    width = b.sub(last, first)

    def halves() -> None:
        half = b.mul(b.binary("sdiv", b.add(width, 2 * lanes - 1), 2 * lanes), lanes)
        middle = b.add(first, half)
        b.call(name, "void", a, row, n, first, middle, order, sign, room, memory)
        line = b.at(a, b.mul(first, row), element)
        below = b.at(a, b.mul(middle, row), element)
        right, corner = b.at(line, middle, element), b.at(below, middle, element)
        rest = b.sub(last, middle)
        one = number(1, "i64")
        triangle = b.at(line, first, element), row, one
        system = *triangle, right, row, half, rest, number(1, "i1"), memory
        b.call(substitution(module, element), "void", *system)
        factors = b.at(below, first, element), row, one, right, row
        product = corner, row, *factors, b.sub(n, middle), rest, half, memory
        b.call(subtraction(module, element), "void", *product)
        b.call(name, "void", a, row, n, middle, last, order, sign, room, memory)

    b.choose(
        b.icmp("sgt", width, lanes),
        [lambda: b.call(_panel(module, element), "void", *b.operands), halves],
    )
    b.finish()


def _panel(module: Module, element: str) -> str:
    """The same for as many columns as a vector has lanes, which are turned into rows meanwhile."""
    name = f"lu_{element}_panel"
    b = Builder(module, name, "void", _COLUMNS, internal=True)
    a, row, n, first, last, order, sign, room, _ = b.operands
    lanes = lanes_of(element)
    kind = vector(element, lanes)
    width, height = b.sub(last, first), b.sub(n, first)
    corner = b.at(b.at(a, b.mul(first, row), element), first, element)
    turn = transposing(module, element)
    b.call(turn, "void", corner, row, room, n, height, width)

    def line(j: Value) -> Value:
        return b.at(room, b.mul(j, n), element)

    def column(j: Value) -> None:
        here = line(j)
        pivot = _largest(b, kind, here, j, height)

        def exchange() -> None:
            i, k = b.add(first, j), b.add(first, pivot)
            x, y = b.at(a, b.mul(i, row), element), b.at(a, b.mul(k, row), element)
            _exchanged(b, element, x, y, n)
            b.repeat(0, width, lambda other: _exchanged_items(b, element, line(other), j, pivot))
            _exchanged_items(b, "i64", order, i, k)
            b.store(b.fneg(b.load(element, sign)), sign)

        b.when(b.icmp("ne", pivot, j), exchange)
        inverse = b.splat(b.fdiv(1, b.load(element, b.at(here, j, element))), lanes)
        below = b.add(j, 1)

        def scale(i: Value, mask: Value | None) -> None:
            place = b.at(here, i, element)
            b.store_where(mask, b.fmul(b.load_where(mask, kind, place), inverse), place)

        _along(b, lanes, below, height, scale)

        def reduce(k: Value) -> None:
            other = line(k)
            factor = b.splat(b.fneg(b.load(element, b.at(other, j, element))), lanes)

            def some(i: Value, mask: Value | None) -> None:
                place = b.at(other, i, element)
                x = b.load_where(mask, kind, b.at(here, i, element))
                old = b.load_where(mask, kind, place)
                b.store_where(mask, multiply_add(b, factor, x, old), place)

            _along(b, lanes, below, height, some)

        b.repeat(below, width, reduce)

    b.repeat(0, width, column)
    b.call(turn, "void", room, n, corner, row, width, height)
    return b.finish()


def _along(
    b: Builder, lanes: int, start: Value, stop: Value, body: Callable[[Value, Value | None], None]
) -> None:
    """``body(i, mask)`` for vectors of elements, the last of which is masked."""
    whole = b.sub(stop, b.binary("srem", b.sub(stop, start), lanes))
    b.repeat(start, whole, lambda i: body(i, None), step=lanes)
    left = b.first_lanes(lanes, b.sub(stop, whole))
    b.when(b.icmp("slt", whole, stop), lambda: body(whole, left))


def _largest(b: Builder, kind: str, line: Value, start: Value, stop: Value) -> Value:
    """The place of the first of the largest elements of a line."""
    element, lanes = element_of(kind), width_of(kind)
    most, where = number(-1, kind), b.splat(start, lanes)

    def step(i: Value, carried: list[Value]) -> list[Value]:
        most, where = carried
        exists = b.first_lanes(lanes, b.sub(stop, i))
        found = b.intrinsic("fabs", b.load_where(exists, kind, b.at(line, i, element)))
        more = b.both(exists, b.fcmp("ogt", found, most))
        return [b.select(more, found, most), b.select(more, _counted(b, i, lanes), where)]

    most, where = b.loop(start, stop, step, [most, where], step=lanes)
    if lanes == 1:
        return where
    top = b.call(f"llvm.vector.reduce.fmax.{suffix(kind)}", element, most)
    at_top = b.fcmp("oeq", most, b.splat(top, lanes))
    # Where all are NaN, the first row is as good as any.
    places = b.select(at_top, where, b.splat(b.sub(stop, 1), lanes))
    return b.call(f"llvm.vector.reduce.smin.v{lanes}i64", "i64", places)


def _exchanged(b: Builder, element: str, x: Value, y: Value, n: Value) -> None:
    """Exchange two lines of n elements."""
    lanes = lanes_of(element)
    kind = vector(element, lanes)

    def some(j: Value, mask: Value | None) -> None:
        places = b.at(x, j, element), b.at(y, j, element)
        found = [b.load_where(mask, kind, place) for place in places]
        for place, value in zip(places, found[::-1], strict=True):
            b.store_where(mask, value, place)

    _along(b, lanes, number(0, "i64"), n, some)


def _exchanged_items(b: Builder, element: str, line: Value, i: Value, k: Value) -> None:
    """Exchange two elements of a line."""
    x, y = b.at(line, i, element), b.at(line, k, element)
    first, second = b.load(element, x), b.load(element, y)
    b.store(second, x)
    b.store(first, y)


def cholesky(module: Module, element: str) -> str:
    """The function ``(a, row, n, diagonal, memory)``: the upper triangle of `a` becomes a factor of
    it.

    What is below the diagonal becomes zero. `diagonal` is room for n numbers, the memory for a
    panel, see :func:`functrans.compile.llvm.linear.substitution.room`. Returns whether a
    square of the factor's diagonal may be zero or less, or is no number.
    """
    name = f"cholesky_{element}"
    if name in module.functions:
        return name
    _cholesky_columns(module, element)
    b = Builder(module, name, "i1", CHOLESKY, internal=True)
    a, row, n, diagonal, memory = b.operands
    least = b.fmul(MARGIN * float(np.finfo(float).eps), b.cast("sitofp", n, element))

    def keep(i: Value, carried: list[Value]) -> list[Value]:
        (place,) = carried
        b.store(b.fmul(least, b.load(element, place)), b.at(diagonal, i, element))
        return [b.at(b.at(place, row, element), 1, element)]

    b.loop(0, n, keep, [a])
    worst = b.slot("i1")
    b.store(number(0, "i1"), worst)
    b.call(f"{name}_columns", "void", a, row, number(0, "i64"), n, diagonal, worst, memory)
    size = 4 if element == "float" else 8

    def clear(i: Value) -> None:
        line = b.at(a, b.mul(i, row), element)
        many = b.mul(i, size)
        b.call("llvm.memset.p0.i64", "void", line, number(0, "i8"), many, number(0, "i1"))

    b.repeat(1, n, clear)
    return b.finish(b.load("i1", worst))


def _gram(module: Module, element: str) -> str:
    """The function ``(a, row, first, middle, last, memory, from, to)``: products of columns with
    one another are subtracted, of some groups of rows, from their diagonal on."""
    name = f"cholesky_{element}_gram"
    kinds = ["ptr", *["i64"] * 4, "ptr", "i64", "i64"]
    b = Builder(module, name, "void", kinds, internal=True)
    a, row, first, middle, last, memory, start, stop = b.operands
    line = b.at(a, b.mul(first, row), element)
    half, one = b.sub(middle, first), number(1, "i64")

    def rows(group: Value) -> None:
        i = b.add(middle, b.mul(group, GRAM_ROWS))
        height = b.intrinsic("smin", b.sub(last, i), GRAM_ROWS)
        source = b.at(line, i, element)
        target = b.at(b.at(a, b.mul(i, row), element), i, element)
        product = target, row, source, one, row, source, row, height, b.sub(last, i), half
        b.call(subtraction_alone(module, element), "void", *product, memory)

    b.repeat(start, stop, rows)
    return b.finish()


def _cholesky_columns(module: Module, element: str) -> None:
    """The function ``(a, row, first, last, least, worst, memory)`` for a square on the diagonal."""
    name = f"cholesky_{element}_columns"
    module.functions[name] = ""  # it calls itself
    kinds = ["ptr", "i64", "i64", "i64", "ptr", "ptr", "ptr"]
    b = Builder(module, name, "void", kinds, internal=True)
    a, row, first, last, least, worst, memory = b.operands
    lanes = lanes_of(element)
    width = b.sub(last, first)
    one = number(1, "i64")

    def halves() -> None:
        half = b.mul(b.binary("sdiv", b.add(width, 2 * lanes - 1), 2 * lanes), lanes)
        middle = b.add(first, half)
        b.call(name, "void", a, row, first, middle, least, worst, memory)
        line = b.at(a, b.mul(first, row), element)
        triangle = b.at(line, first, element), one, row
        rest = b.sub(last, middle)
        right = b.at(line, middle, element)
        system = *triangle, right, row, half, rest, number(0, "i1"), memory
        b.call(substitution(module, element), "void", *system)

        count = b.binary("sdiv", b.add(rest, GRAM_ROWS - 1), GRAM_ROWS)
        work = b.binary("sdiv", b.mul(b.mul(rest, rest), half), max(8 * lanes, 1))
        in_pieces(b, _gram(module, element), [a, row, first, middle, last], count, work, memory)
        b.call(name, "void", a, row, middle, last, least, worst, memory)

    def square() -> None:
        kind, exists = _first(b, element, width)

        def column(j: Value) -> None:
            line = b.at(b.at(a, b.mul(j, row), element), first, element)
            place = b.sub(j, first)
            pivot = b.load(element, b.at(line, place, element))
            sound = b.fcmp("ogt", pivot, b.load(element, b.at(least, j, element)))
            b.when(b.xor(sound, 1), lambda: b.store(number(1, "i1"), worst))
            root = b.intrinsic("sqrt", pivot)
            factors = b.fdiv(b.load_where(exists, kind, line), b.splat(root, lanes))
            b.store_where(exists, factors, line)
            b.store(root, b.at(line, place, element))

            def reduce(i: Value, carried: list[Value]) -> list[Value]:
                (below,) = carried
                factor = b.load(element, b.at(line, b.sub(i, first), element))
                wide = b.splat(b.fneg(factor), lanes)
                found = b.load_where(exists, kind, below)
                b.store_where(exists, multiply_add(b, wide, factors, found), below)
                return [b.at(below, row, element)]

            b.loop(b.add(j, 1), last, reduce, [b.at(line, row, element)])

        b.repeat(first, last, column)

    b.choose(b.icmp("sgt", width, lanes), [square, halves])
    b.finish()
