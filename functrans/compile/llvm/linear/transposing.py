"""Matrices transposed, in squares that lie in registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import Builder, Value, vector
from functrans.compile.llvm.kernels.panels import SIDE, transposed

if TYPE_CHECKING:
    from functrans.compile.llvm.code.builder import Module

TRANSPOSING = ("ptr", "i64", "ptr", "i64", "i64", "i64")


def transposing(module: Module, element: str) -> str:
    """The function ``(x, x_row, y, y_row, m, n)``: y, (n, m), becomes the transpose of x, (m, n).

    The elements of rows adjoin.
    """
    name = f"transposing_{element}"
    if name in module.functions:
        return name
    b = Builder(module, name, "void", TRANSPOSING, internal=True)
    x, x_row, y, y_row, m, n = b.operands
    kind = vector(element, SIDE)
    whole_m, whole_n = (b.sub(size, b.binary("srem", size, SIDE)) for size in (m, n))

    def squares(i: Value) -> None:
        lines = b.at(x, b.mul(i, x_row), element)
        across = b.at(y, i, element)

        def square(j: Value) -> None:
            source, found = b.at(lines, j, element), []
            for _ in range(SIDE):
                found.append(b.load(kind, source))
                source = b.at(source, x_row, element)
            target = b.at(across, b.mul(j, y_row), element)
            for line in transposed(b, found):
                b.store(line, target)
                target = b.at(target, y_row, element)

        b.repeat(0, whole_n, square, step=SIDE)

    def singles(start_m: Value | int, stop_m: Value, start_n: Value | int, stop_n: Value) -> None:
        def line(i: Value) -> None:
            source, target = b.at(x, b.mul(i, x_row), element), b.at(y, i, element)

            def single(j: Value) -> None:
                value = b.load(element, b.at(source, j, element))
                b.store(value, b.at(target, b.mul(j, y_row), element))

            b.repeat(start_n, stop_n, single)

        b.repeat(start_m, stop_m, line)

    b.repeat(0, whole_m, squares, step=SIDE)
    singles(0, whole_m, whole_n, n)
    singles(whole_m, m, 0, n)
    return b.finish()
