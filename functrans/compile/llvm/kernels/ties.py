"""Means over runs of equal keys: how the derivatives of sorted elements are shared out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from functrans.compile.llvm.code.builder import Builder, Value, number
from functrans.compile.llvm.code.engine import machine
from functrans.compile.llvm.elements import conversions
from functrans.compile.llvm.elements.conversions import Pair, joined, parts
from functrans.compile.llvm.elements.operations import operation
from functrans.compile.llvm.emission import in_order
from functrans.compile.llvm.kernels.memory import load, store
from functrans.compile.llvm.kernels.sharing import in_pieces
from functrans.compile.llvm.plans.calls import LoweredCall, Lowering
from functrans.graph.graph import operand_types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.elements.conversions import DType, Operand
    from functrans.compile.llvm.emission import Code
    from functrans.compile.llvm.plans.calls import Call, CallMemory
    from functrans.core.types import ArrayType
    from functrans.graph.graph import Equation

BOOL = np.dtype(bool)

PIECE = 20_000
"""Elements of a piece of work, about."""


class TieMeans(Lowering):
    """Means over runs along the last axis."""

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        x, y = kinds = operand_types(equation.inputs)
        if x.shape != y.shape or equation.params["axis"] != x.ndim - 1 or x.weak or y.weak:
            return False
        return (
            in_order(strides, kinds)
            and x.dtype.kind in "fc"
            and x.dtype.itemsize > 2
            and operation("equal", (y.dtype, y.dtype), BOOL) is not None
        )

    def lower(self, code: Code, call: Call) -> LoweredCall:
        return _Runs(*operand_types(call.equation.inputs))


class _Runs(LoweredCall):
    """One call: all lines."""

    def __init__(self, values: ArrayType, keys: ArrayType) -> None:
        self.shape = values.shape
        self.dtype, self.keys = values.dtype, keys.dtype

    def emit(self, builder: Builder, at: CallMemory) -> None:
        addresses, outs, _ = at
        length, lines = self.shape[-1], math.prod(self.shape[:-1])
        if not length or not lines:
            return
        together = min(max(PIECE // length, 1), lines)
        name = f"tie_means_{self.dtype.name}_{self.keys.name}_{lines}x{length}"
        if name not in builder.module.functions:
            self._pieces(builder, name, together, lines, length)
        operands = [*addresses, outs[0]]
        in_pieces(builder, name, operands, -(-lines // together), lines * length)

    def _pieces(self, builder: Builder, name: str, together: int, lines: int, length: int) -> None:
        b = Builder(builder.module, name, "void", ["ptr"] * 3 + ["i64"] * 2, internal=True)
        *_, first, last = b.operands
        self.b, self.length = b, length
        end = b.intrinsic("smin", b.mul(last, together), lines)
        b.repeat(b.mul(first, together), end, self._line)
        b.finish()

    def _line(self, i: Value) -> None:
        """One line: a copy, if no neighbours are equal."""
        b, size = self.b, self.dtype.itemsize
        begin = b.mul(i, self.length)
        x, out = (b.at(p, b.mul(begin, size), "i8") for p in (b.operands[0], b.operands[2]))
        keys = b.at(b.operands[1], b.mul(begin, self.keys.itemsize), "i8")
        b.copy(x, out, self.length * size)
        if self.length > 1:
            b.when(self._tied(keys), lambda: self._means(x, keys, out))

    def _tied(self, keys: Value) -> Value:
        """Whether any two neighbours are equal."""
        b, pairs = self.b, self.length - 1
        width = machine().vector_bytes // max(conversions.real_of(self.keys).itemsize, 4)
        while width > 1 and width > pairs:
            width //= 2

        def block(k: Value, found: list[Value]) -> list[Value]:
            lanes = b.first_lanes(width, b.sub(number(pairs, "i64"), k)) if width > 1 else None
            same = self._equal(
                self._at(keys, k, width, lanes), self._at(keys, b.add(k, 1), width, lanes)
            )
            if lanes is not None:
                same = b.both(same, lanes)
            return [b.either(found[0], b.any(same))]

        (tied,) = b.loop(0, pairs, block, [number(0, "i1")], step=width)
        return tied

    def _at(self, keys: Value, k: Value, width: int, lanes: Value | None) -> Operand:
        place = _place(self.b, keys, k, self.keys)
        return load(self.b, self.keys, width, place, 1, lanes)

    def _equal(self, x: Operand, y: Operand) -> Value:
        found = operation("equal", (self.keys, self.keys), BOOL)
        assert found is not None
        same = found.emit(self.b, x, y)
        assert not isinstance(same, Pair)
        return same

    def _means(self, x: Value, keys: Value, out: Value) -> None:
        """Go from run to run; those of one element stay as they are."""
        b, length = self.b, self.length

        def follows(j: Value) -> Value:
            """Whether the element at j is there and belongs to the run of the one before."""
            inside = b.icmp("slt", j, length)
            here = b.select(inside, j, length - 1)
            before = self._at(keys, b.sub(j, 1), 1, None)
            return b.both(inside, self._equal(self._at(keys, here, 1, None), before))

        def run(carried: list[Value]) -> list[Value]:
            (i,) = carried
            total = parts(load(b, self.dtype, 1, _place(b, x, i, self.dtype), 1, None))

            def add(state: list[Value]) -> list[Value]:
                j, *sums = state
                more = parts(load(b, self.dtype, 1, _place(b, x, j, self.dtype), 1, None))
                return [b.add(j, 1), *[b.fadd(s, m) for s, m in zip(sums, more, strict=True)]]

            end, *sums = b.repeat_while(lambda s: follows(s[0]), add, [b.add(i, 1), *total])
            count = b.sub(end, i)

            def spread() -> None:
                many = b.cast("sitofp", count, sums[0].type)
                means = [b.fdiv(s, many) for s in sums]
                mean = joined(means)
                b.repeat(
                    i,
                    end,
                    lambda k: store(b, self.dtype, mean, _place(b, out, k, self.dtype), 1, None),
                )

            b.when(b.icmp("sgt", count, 1), spread)
            return [end]

        b.repeat_while(lambda s: b.icmp("slt", s[0], length), run, [number(0, "i64")])


def _place(b: Builder, base: Value, k: Value, dtype: DType) -> Value:
    """The address of an element."""
    return b.at(base, b.mul(k, dtype.itemsize), "i8")


LOWERINGS: dict[str, Lowering] = {"tie_mean": TieMeans()}
