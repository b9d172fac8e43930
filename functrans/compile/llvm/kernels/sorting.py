"""Sorted lines along the last axis, and the order of their elements, by NumPy's functions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import Builder, Value, number
from functrans.compile.llvm.code.sorters import KINDS, STABLE, sorter
from functrans.compile.llvm.emission import in_order
from functrans.compile.llvm.kernels.sharing import in_pieces
from functrans.compile.llvm.plans.calls import LoweredCall, Lowering
from functrans.graph.graph import operand_types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.emission import Code
    from functrans.compile.llvm.plans.calls import Call, CallMemory
    from functrans.core.types import ArrayType
    from functrans.graph.graph import Equation

PIECE = 15_000
"""Nanoseconds of a piece of work, about."""

SORTED, ORDERED, IN_ORDER = 0.2, 0.6, 2.0
"""Nanoseconds for an element and a doubling of the line: to sort numbers, positions, and positions
so that ties stay in order. They only have to tell what pays."""


class Sorting(Lowering):
    """Sorts along the last axis."""

    exact = True

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        (kind,) = operand_types(equation.inputs)
        last = equation.params["axis"] == kind.ndim - 1
        return last and in_order(strides, [kind]) and _function(equation, kind) is not None

    def lower(self, code: Code, call: Call) -> LoweredCall:
        return _Lines(code, call.equation)


def _function(equation: Equation, kind: ArrayType) -> str | None:
    """The symbol of the function that sorts a line."""
    chosen = KINDS.get(equation.params.get("kind"))
    if chosen is None:
        return None
    return sorter(kind.dtype, chosen, equation.primitive.name == "argsort")


class _Lines(LoweredCall):
    """One call: all lines."""

    def __init__(self, code: Code, equation: Equation) -> None:
        (x,) = equation.inputs
        self.kind = x.type
        name = _function(equation, self.kind)
        assert name is not None
        self.name = name
        self.positions = equation.primitive.name == "argsort"
        stable = KINDS.get(equation.params.get("kind")) == STABLE
        self.cost = SORTED if not self.positions else IN_ORDER if stable else ORDERED
        self.code = code
        code.checked |= stable

    def emit(self, builder: Builder, at: CallMemory) -> None:
        addresses, outs, _ = at
        shape = self.kind.shape
        length, lines = shape[-1], math.prod(shape[:-1])
        if not length or not lines:
            return
        time = length * (1 + math.log2(length)) * self.cost
        together = min(max(int(PIECE / time), 1), lines)  # lines of a piece
        count = -(-lines // together)
        stable = self.code.checked
        status = self.code.status if stable else Value("ptr", "null")
        name = self._pieces(builder, together, lines, length)
        operands = [addresses[0], outs[0], status]
        in_pieces(builder, name, operands, count, int(time * lines))

    def _pieces(self, builder: Builder, together: int, lines: int, length: int) -> str:
        """The function that sorts the lines of some pieces."""
        name = f"{self.name}_{lines}x{length}"
        if name in builder.module.functions:
            return name
        b = Builder(
            builder.module, name, "void", ["ptr", "ptr", "ptr", "i64", "i64"], internal=True
        )
        x, out, status, first, last = b.operands
        size = self.kind.dtype.itemsize
        end = b.intrinsic("smin", b.mul(last, together), lines)

        def line(i: Value) -> None:
            source = b.at(x, b.mul(i, length * size), "i8")
            none = Value("ptr", "null")
            if self.positions:
                places = b.at(out, b.mul(i, length), "i64")
                b.repeat(0, length, lambda k: b.store(k, b.at(places, k, "i64")))
                code = b.call(self.name, "i32", source, places, number(length, "i64"), none)
            else:
                target = b.at(out, b.mul(i, length * size), "i8")
                b.copy(source, target, length * size)
                code = b.call(self.name, "i32", target, number(length, "i64"), none)
            if self.code.checked:
                failed = b.icmp("slt", code, 0)
                b.when(failed, lambda: b.store(number(1, "i32"), status))

        b.repeat(b.mul(first, together), end, line)
        return b.finish()


LOWERINGS: dict[str, Lowering] = dict.fromkeys(("argsort", "sort"), Sorting())
