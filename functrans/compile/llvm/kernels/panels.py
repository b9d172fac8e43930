"""Panels: some columns of a matrix, copied so that their rows follow one another.

A register tile then reads `b` from front to back, whatever its layout was, and from pages that are
few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from functrans.compile.llvm.code.builder import Builder, Value, vector, width_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.code.builder import Module

Layout = Literal["rows", "columns", "any"]
"""Which elements of a matrix adjoin."""

SIDE = 4
"""Of the squares in which a matrix is transposed. Those of a whole vector's lanes take half the
time, but 25 ms to compile in place of 6."""

KINDS = ("ptr", "i64", "i64", "ptr", "i64", "i64")


def packing(module: Module, element: str, lanes: int, columns: int, layout: Layout) -> str:
    """The function that copies panels, one after the other.

    It takes the address of the first element, the distances between rows and columns, the address
    of the first panel, and how many rows and columns to copy. All panels have these rows, and the
    last one may have fewer columns.

    Parameters
    ----------
    module : Module
    element : str
    lanes : int
        Of a vector.
    columns : int
        Of a panel, whose rows have this distance.
    layout : {"rows", "columns", "any"}
        Which elements adjoin.
    """
    name = f"packing_{element}_{lanes}x{columns}_{layout}"
    if name in module.functions:
        return name
    single = _packing_one(module, element, lanes, columns, layout)
    builder = Builder(module, name, "void", KINDS, internal=True, common=True)
    x, row, column, panel, m, n = builder.operands
    start: Value | int = 0
    if layout == "rows" and columns % lanes == 0:  # a row of all panels at once, as it lies
        start = builder.mul(builder.binary("sdiv", n, columns), columns)
        kind = vector(element, lanes)

        def line(i: Value) -> None:
            source = builder.at(x, builder.mul(i, row), element)
            target = builder.at(panel, builder.mul(i, columns), element)

            def piece(j: Value) -> None:
                here = builder.at(source, j, element)
                there = builder.at(target, builder.mul(j, m), element)
                for step in range(0, columns, lanes):
                    value = builder.load(kind, builder.at(here, step, element))
                    builder.store(value, builder.at(there, step, element))

            builder.repeat(0, start, piece, step=columns)

        builder.repeat(0, m, line)

    def one(j: Value) -> None:
        source = builder.at(x, builder.mul(j, column), element)
        target = builder.at(panel, builder.mul(j, m), element)
        count = builder.intrinsic("smin", builder.sub(n, j), columns)
        builder.call(single, "void", source, row, column, target, m, count)

    builder.repeat(start, n, one, step=columns)
    return builder.finish()


def _packing_one(module: Module, element: str, lanes: int, columns: int, layout: Layout) -> str:
    """The function that copies one panel, or less."""
    name = f"packing_one_{element}_{lanes}x{columns}_{layout}"
    if name in module.functions:
        return name
    builder = Builder(module, name, "void", KINDS, internal=True, common=True)
    x, row, column, panel, m, n = builder.operands
    if layout == "any":
        _one_by_one(builder, element, columns, (0, m), (0, n))
        return builder.finish()
    whole_m = builder.mul(builder.binary("sdiv", m, lanes), lanes)
    side = min(lanes, SIDE) if layout == "columns" else lanes
    whole_n = builder.mul(builder.binary("sdiv", n, side), side)
    kind = vector(element, lanes)

    def straight(i: Value, _: list[Value]) -> list[Value]:
        source = builder.at(x, builder.mul(i, row), element)
        target = builder.at(panel, builder.mul(i, columns), element)

        def copy(j: Value, _: list[Value]) -> list[Value]:
            value = builder.load(kind, builder.at(source, j, element))
            builder.store(value, builder.at(target, j, element))
            return []

        builder.loop(0, whole_n, copy, step=lanes)
        return []

    def turned(j: Value, _: list[Value]) -> list[Value]:
        source = builder.at(x, builder.mul(j, column), element)
        target = builder.at(panel, j, element)

        def turn(i: Value, _: list[Value]) -> list[Value]:
            place = builder.at(source, i, element)
            lines = []
            for lane in range(side):
                if lane:
                    place = builder.at(place, column, element)
                lines.append(builder.load(kind, place))
            place = builder.at(target, builder.mul(i, columns), element)
            for lane, line in enumerate(transposed(builder, lines)):
                for first in range(0, lanes, side):
                    piece = builder.shuffle(line, line, range(first, first + side))
                    row = builder.at(place, (first + lane) * columns, element)
                    builder.store(piece, row)
            return []

        builder.loop(0, whole_m, turn, step=lanes)
        return []

    if layout == "rows":
        builder.loop(0, m, straight)
        _one_by_one(builder, element, columns, (0, m), (whole_n, n))
    else:
        builder.loop(0, whole_n, turned, step=side)
        _one_by_one(builder, element, columns, (0, m), (whole_n, n))
        _one_by_one(builder, element, columns, (whole_m, m), (0, whole_n))
    return builder.finish()


def transposed(builder: Builder, lines: Sequence[Value]) -> list[Value]:
    """Vectors whose lanes, in squares of as many as there are vectors, are exchanged with these."""
    lines = list(lines)
    block = 1
    lanes = width_of(lines[0].type)
    while block < len(lines):
        low = [p + (lanes - block) * (p // block % 2) for p in range(lanes)]
        high = [p + block for p in low]
        for first in range(len(lines)):
            if first // block % 2 == 0:
                x, y = lines[first], lines[first + block]
                lines[first] = builder.shuffle(x, y, low)
                lines[first + block] = builder.shuffle(x, y, high)
        block *= 2
    return lines


def _one_by_one(
    builder: Builder,
    element: str,
    columns: int,
    rows: tuple[Value | int, Value | int],
    line: tuple[Value | int, Value | int],
) -> None:
    """Copy some rows and columns of a panel an element at a time."""
    x, row, column, panel = builder.operands[:4]

    def along(i: Value, _: list[Value]) -> list[Value]:
        source = builder.at(x, builder.mul(i, row), element)
        target = builder.at(panel, builder.mul(i, columns), element)

        def copy(j: Value, _: list[Value]) -> list[Value]:
            value = builder.load(element, builder.at(source, builder.mul(j, column), element))
            builder.store(value, builder.at(target, j, element))
            return []

        builder.loop(*line, copy)
        return []

    builder.loop(*rows, along)
