"""Triangular systems by substitution, and the products that it subtracts.

Each function of a module serves matrices of all sizes: sizes and distances are its arguments. A
triangle is read with any distances between its rows and columns, negative ones too, so that one
function solves with lower and upper triangles and their transposes: an upper triangle is a lower
one whose rows and columns come from the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from functrans.compile.llvm.code.builder import Builder, Value, number, vector
from functrans.compile.llvm.kernels.panels import packing
from functrans.compile.llvm.kernels.sharing import in_pieces
from functrans.compile.llvm.kernels.tiles import (
    Tile,
    lanes_of,
    masks,
    multiply_add,
    outer_products,
    registers,
)
from functrans.compile.llvm.kernels.tiling import PANEL_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.compile.llvm.code.builder import Module

AT_ONCE = 96
"""Rows that are solved at once; more are halved, so that most of the work is products."""

COPIED = 64
"""Rows and sums of a product from which on a copied panel pays."""

PIECE = 64
"""Columns of a piece of work that a thread takes: whole strips, so that their bits are the same."""

SUBTRACTION = ("ptr", "i64", "ptr", "i64", "i64", "ptr", "i64", "i64", "i64", "i64", "ptr")
SUBSTITUTION = ("ptr", "i64", "i64", "ptr", "i64", "i64", "i64", "i1", "ptr")


def room(n: int, element: str) -> int:
    """Bytes of memory for a panel that what has n rows needs."""
    if n < COPIED:
        return 0
    return PANEL_ROWS * 2 * lanes_of(element) * (4 if element == "float" else 8)


class _Strip(NamedTuple):
    """Columns that are walked down together: so many vectors, the last of which may be masked."""

    vectors: int
    width: int
    masked: bool

    def lanes(self, b: Builder, columns: Value) -> list[Value | None]:
        """The masks of the vectors, where so many columns exist."""
        left = b.sub(columns, (self.vectors - 1) * self.width)
        last = b.first_lanes(self.width, left) if self.masked else None
        return [None] * (self.vectors - 1) + [last]


def _over_strips(
    b: Builder, element: str, n: Value, body: Callable[[_Strip, Value, Value], None]
) -> None:
    """``body(strip, first column, columns)`` for all columns, wide strips first."""
    lanes = lanes_of(element)
    kinds = [_Strip(1, lanes, masks())]
    if not b.module.plain:
        kinds.insert(0, _Strip(2, lanes, False))
    if not masks():
        kinds.append(_Strip(1, 1, False))
    start = number(0, "i64")
    for kind in kinds:
        span = kind.vectors * kind.width
        stop = n if kind.masked else b.sub(n, b.binary("srem", b.sub(n, start), span))

        def some(j: Value, kind: _Strip = kind, span: int = span) -> None:
            body(kind, j, b.intrinsic("smin", b.sub(n, j), span))

        b.repeat(start, stop, some, step=span)
        start = stop


def block_rows(module: Module) -> int:
    """Of a register tile, and of the blocks of triangles that are solved in registers. An element
    is computed by the same steps in blocks of any rows."""
    return 8 if registers() == 32 and not module.plain else 4


def subtraction(module: Module, element: str) -> str:
    """The function ``(c, c_row, a, a_row, a_column, b, b_row, m, n, k, memory)``: ``c -= a @ b``.

    The elements of rows of `b` and `c` adjoin. Distances count elements. There is memory for a
    panel, see :func:`room`, by the least of m and k. Several threads share the columns where that
    pays.
    """
    name = f"subtraction_{element}"
    if name in module.functions:
        return name
    alone = f"{name}_pieces"
    inner = Builder(module, alone, "void", [*SUBTRACTION, "i64", "i64"], internal=True)
    c, c_row, a, a_row, a_column, y, y_row, m, n, k, panel, first, last = inner.operands
    start, count = _piece(inner, first, last, n)
    target, source = inner.at(c, start, element), inner.at(y, start, element)
    operands = target, c_row, a, a_row, a_column, source, y_row, m, count, k, panel
    inner.call(subtraction_alone(module, element), "void", *operands)
    inner.finish()
    b = Builder(module, name, "void", SUBTRACTION, internal=True)
    *given, m, n, k, panel = b.operands
    _in_pieces(b, alone, [*given, m, n, k], n, b.mul(b.mul(m, n), k), panel)
    return b.finish()


def _piece(b: Builder, first: Value, last: Value, n: Value) -> tuple[Value, Value]:
    """The first column of some pieces, and how many they have."""
    start = b.mul(first, PIECE)
    return start, b.sub(b.intrinsic("smin", b.mul(last, PIECE), n), start)


def _in_pieces(
    b: Builder, name: str, operands: list[Value], n: Value, work: Value, memory: Value
) -> None:
    """Call a function for pieces of n columns, which take so many multiplications."""
    count = b.binary("sdiv", b.add(n, PIECE - 1), PIECE)
    time = b.binary("sdiv", work, max(4 * lanes_of("double"), 1))
    in_pieces(b, name, operands, count, time, memory)


def subtraction_alone(module: Module, element: str) -> str:
    """The same function for one thread."""
    name = f"subtraction_{element}_alone"
    if name in module.functions:
        return name
    b = Builder(module, name, "void", SUBTRACTION, internal=True)
    c, c_row, a, a_row, a_column, y, y_row, m, n, k, panel = b.operands
    zero, one = number(0, "i64"), number(1, "i64")
    width = 2 * lanes_of(element)

    def tiles(
        strip: _Strip, j: Value, columns: Value, start: Value, source: Value, step: Value, k: Value
    ) -> None:
        """The strip's part for sums from `start` on, whose rows of `b` begin at `source`."""
        factors = b.at(a, b.mul(start, a_column), element)
        target = b.at(c, j, element)
        done = zero
        for size in dict.fromkeys((block_rows(module), 4, 1)):
            tile = Tile(element, size, strip.vectors, strip.width, strip.masked, negative=True)
            left = b.sub(m, done)
            height = b.sub(left, b.binary("srem", left, size)) if size > 1 else left
            block = [
                *(b.at(factors, b.mul(done, a_row), element), a_row, a_column),
                *(b.mul(a_row, size), source, step, number(strip.vectors * strip.width, "i64")),
                *(b.at(target, b.mul(done, c_row), element), c_row),
                *(height, columns, k, one, zero, zero, zero),
            ]
            b.call(outer_products(module, tile, None), "void", *block)
            done = b.add(done, height)

    def compute(strip: _Strip, j: Value, columns: Value) -> None:
        source = b.at(y, j, element)
        if strip.vectors == 1:
            tiles(strip, j, columns, zero, source, y_row, k)
            return

        def copied(start: Value) -> None:
            depth = b.intrinsic("smin", b.sub(k, start), PANEL_ROWS)
            rows = b.at(source, b.mul(start, y_row), element)
            pack = packing(module, element, lanes_of(element), width, "rows")
            b.call(pack, "void", rows, y_row, one, panel, depth, columns)
            tiles(strip, j, columns, start, panel, number(width, "i64"), depth)

        large = b.icmp("sge", b.intrinsic("smin", m, k), COPIED)
        b.choose(
            large,
            [
                lambda: tiles(strip, j, columns, zero, source, y_row, k),
                lambda: b.repeat(0, k, copied, step=PANEL_ROWS),
            ],
        )

    _over_strips(b, element, n, compute)
    return b.finish()


def substitution(module: Module, element: str) -> str:
    """The function ``(a, a_row, a_column, x, x_row, n, m, unit, memory)``: ``x = inv(a) @ x`` for
    a lower triangle of n rows and m right sides, whose rows adjoin within.

    `unit` says that the diagonal is of ones, and is not read. The memory is as :func:`room` says,
    by the number of rows. Several threads share the right sides where that pays.
    """
    name = f"substitution_{element}"
    if name in module.functions:
        return name
    alone = f"{name}_pieces"
    inner = Builder(module, alone, "void", [*SUBSTITUTION, "i64", "i64"], internal=True)
    a, a_row, a_column, x, x_row, n, m, unit, memory, first, last = inner.operands
    start, count = _piece(inner, first, last, m)
    system = a, a_row, a_column, inner.at(x, start, element), x_row, n, count, unit, memory
    inner.call(_substitution(module, element), "void", *system)
    inner.finish()
    b = Builder(module, name, "void", SUBSTITUTION, internal=True)
    *given, n, m, unit, memory = b.operands
    _in_pieces(b, alone, [*given, n, m, unit], m, b.mul(b.mul(n, n), m), memory)
    return b.finish()


def _substitution(module: Module, element: str) -> str:
    """The same function for one thread."""
    name = f"substitution_{element}_alone"
    if name in module.functions:
        return name
    _blocks(module, element)
    module.functions[name] = ""  # it calls itself
    b = Builder(module, name, "void", SUBSTITUTION, internal=True)
    a, a_row, a_column, x, x_row, n, m, unit, memory = b.operands
    rows = block_rows(module)

    def halves() -> None:
        top = b.mul(b.binary("sdiv", b.add(n, 2 * rows - 1), 2 * rows), rows)
        rest = b.sub(n, top)
        below = b.at(a, b.mul(top, a_row), element)
        corner = b.at(below, b.mul(top, a_column), element)
        lower = b.at(x, b.mul(top, x_row), element)
        b.call(name, "void", a, a_row, a_column, x, x_row, top, m, unit, memory)
        product = lower, x_row, below, a_row, a_column, x, x_row, rest, m, top, memory
        b.call(subtraction_alone(module, element), "void", *product)
        b.call(name, "void", corner, a_row, a_column, lower, x_row, rest, m, unit, memory)

    b.choose(
        b.icmp("sgt", n, AT_ONCE),
        [lambda: b.call(f"{name}_blocks", "void", *b.operands), halves],
    )
    return b.finish()


def _blocks(module: Module, element: str) -> None:
    """The function for few rows: some columns at a time, block after block."""
    b = Builder(module, f"substitution_{element}_alone_blocks", "void", SUBSTITUTION, internal=True)
    a, a_row, a_column, x, x_row, n, m, unit, _ = b.operands
    size = block_rows(module)
    whole = b.sub(n, b.binary("srem", n, size))

    def compute(strip: _Strip, j: Value, columns: Value) -> None:
        lanes = strip.lanes(b, columns)
        kind = vector(element, strip.width)
        top = b.at(x, j, element)

        def line(place: Value) -> list[Value]:
            spots = [b.at(place, c * strip.width, element) for c in range(strip.vectors)]
            return [b.load_where(lane, kind, s) for lane, s in zip(lanes, spots, strict=True)]

        def less(factor: Value, xs: list[Value], sums: list[Value]) -> list[Value]:
            wide = b.splat(b.fneg(factor), strip.width)
            return [multiply_add(b, wide, x, s) for x, s in zip(xs, sums, strict=True)]

        def block(i: Value, height: int) -> None:
            left, places = [b.at(a, b.mul(i, a_row), element)], []
            places.append(b.at(top, b.mul(i, x_row), element))
            for _ in range(1, height):
                left.append(b.at(left[-1], a_row, element))
                places.append(b.at(places[-1], x_row, element))

            def step(_: Value, carried: list[Value]) -> list[Value]:
                source, along, *sums = carried
                xs, made = line(source), list[Value]()
                for r in range(height):
                    factor = b.load(element, b.at(left[r], along, element))
                    made += less(factor, xs, sums[r * strip.vectors : (r + 1) * strip.vectors])
                return [b.at(source, x_row, element), b.add(along, a_column), *made]

            old = [x for place in places for x in line(place)]
            _, along, *sums = b.loop(0, i, step, [top, number(0, "i64"), *old])
            solved: list[list[Value]] = []
            for r in range(height):
                xs = sums[r * strip.vectors : (r + 1) * strip.vectors]
                place = b.at(left[r], along, element)
                for before in solved:
                    xs = less(b.load(element, place), before, xs)
                    place = b.at(place, a_column, element)
                diagonal = b.select(unit, number(1, element), b.load(element, place))
                inverse = b.splat(b.fdiv(1, diagonal), strip.width)
                solved.append([b.fmul(inverse, s) for s in xs])
            for place, xs in zip(places, solved, strict=True):
                for c, (lane, value) in enumerate(zip(lanes, xs, strict=True)):
                    b.store_where(lane, value, b.at(place, c * strip.width, element))

        b.repeat(0, whole, lambda i: block(i, size), step=size)
        b.repeat(whole, n, lambda i: block(i, 1))

    _over_strips(b, element, m, compute)
    b.finish()
