"""How native code carries out operations of linear algebra on stacks of matrices.

Where a matrix is singular or not positive definite, or so close to it that rounding decides, the
status of the call says so: then NumPy carries out the whole program, and raises its error.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from functrans.compile.llvm.code.builder import Builder, Value, number
from functrans.compile.llvm.kernels.tiles import lanes_of
from functrans.compile.llvm.linear.library import ELEMENT, LIBRARY
from functrans.compile.llvm.linear.substitution import room
from functrans.compile.llvm.plans.affine import contiguous_strides
from functrans.compile.llvm.plans.arena import lines
from functrans.compile.llvm.plans.calls import LoweredCall, Lowering
from functrans.graph.graph import operand_types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.emission import Code
    from functrans.compile.llvm.plans.calls import Call, CallMemory
    from functrans.core.types import Shape
    from functrans.graph.graph import Equation


SIZE = 8
"""Bytes of an element."""

LONG = 1 << 21
"""Multiplications, about, from which on other threads of Python may run: sixty microseconds."""


class Linear(Lowering):
    """One operation.

    Parameters
    ----------
    make : callable
        What does its work.
    turned : set of int
        Operands whose rows may lie any way; those of others have elements that adjoin.
    """

    def __init__(self, make: type[_Stacked], turned: tuple[int, ...] = ()) -> None:
        self._make = make
        self._turned = turned

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        kinds = operand_types(equation.inputs)
        if any([k.weak or not k.size or k.dtype not in (np.float64, np.int64) for k in kinds]):
            return False
        return all(
            [
                i in self._turned or kind.shape[-1] == 1 or steps[-1] == 1
                for i, (kind, steps) in enumerate(zip(kinds, strides, strict=True))
            ]
        )

    def lower(self, code: Code, call: Call) -> LoweredCall:
        return self._make(code, call)


class _Stacked(LoweredCall):
    """One call: the same for each matrix of the stack.

    Attributes
    ----------
    ranks : tuple of int
        How many axes of each operand, and of each result, are those of one matrix.
    """

    ranks: tuple[tuple[int, ...], tuple[int, ...]] = ((2,), (2,))

    def __init__(self, code: Code, call: Call) -> None:
        self.code = code
        code.checked = True
        self.params = call.equation.params
        self.kinds = operand_types(call.equation.inputs)
        self.results = [v.type for v in call.equation.outputs]
        self.strides = [view.access.strides for view in call.operands]
        rank = self.ranks[1][0]
        code.long |= self.results[0].size * self.kinds[0].shape[-1] >= LONG
        self.stack: Shape = self.results[0].shape[: self.results[0].ndim - rank]
        self.scratch = self.scratch_bytes()

    def scratch_bytes(self) -> int:
        return self.panel + self.own

    @property
    def panel(self) -> int:
        """Bytes for a panel, at the beginning of the scratch memory."""
        return room(self.kinds[0].shape[-1], ELEMENT)

    @property
    def own(self) -> int:
        """Bytes for more, behind it."""
        return 0

    def emit(self, builder: Builder, at: CallMemory) -> None:
        addresses, outs, scratch = at
        self.b = builder
        self.memory = scratch
        rest = builder.at(scratch, self.panel, "i8")
        steps = [
            _stack_strides(s, kind.shape, kind.ndim - rank, len(self.stack))
            for s, kind, rank in zip(self.strides, self.kinds, self.ranks[0], strict=True)
        ]
        steps += [
            _stack_strides(contiguous_strides(k.shape), k.shape, k.ndim - rank, len(self.stack))
            for k, rank in zip(self.results, self.ranks[1], strict=True)
        ]
        kinds = [*self.kinds, *self.results]

        def one(which: Value) -> None:
            places = []
            for base, own, kind in zip([*addresses, *outs], steps, kinds, strict=True):
                memory = "i64" if kind.dtype == np.int64 else ELEMENT
                places.append(builder.at(base, _offset(builder, which, self.stack, own), memory))
            self.single(places[: len(addresses)], places[len(addresses) :], rest)

        if prod(self.stack) == 1:
            one(number(0, "i64"))
        else:
            builder.repeat(0, prod(self.stack), one)

    def single(self, operands: list[Value], outs: list[Value], scratch: Value) -> None:
        """Write the code for one matrix."""
        raise NotImplementedError

    def fail(self, condition: Value) -> None:
        """Let the call fail where a condition holds."""
        status = self.code.status
        self.b.when(condition, lambda: self.b.store(number(1, "i32"), status))

    def copy(self, operand: int, source: Value, target: Value) -> None:
        """Copy an operand's matrix to rows that follow one another."""
        m, n = self.kinds[operand].shape[-2:]
        row, column = self.strides[operand][-2:]
        b, element, size = self.b, ELEMENT, SIZE
        if n == 1:
            row, column, m, n = 1, 1, 1, m
            if self.strides[operand][-2] != 1:
                row, column, m, n = self.strides[operand][-2], 1, n, 1
        if (column == 1 and row == n) or m == n == 1 or (m == 1 and column == 1):
            b.copy(source, target, m * n * size)
        elif column == 1:

            def line(i: Value) -> None:
                start = b.at(source, b.mul(i, row), element)
                b.copy(start, b.at(target, b.mul(i, n), element), n * size)

            b.repeat(0, m, line)
        elif row == 1:
            sizes = [number(x, "i64") for x in (column, n, n, m)]
            self.library("transposing", source, sizes[0], target, *sizes[1:])
        else:

            def single(i: Value, j: Value) -> None:
                place = b.add(b.mul(i, row), b.mul(j, column))
                value = b.load(element, b.at(source, place, element))
                b.store(value, b.at(target, b.add(b.mul(i, n), j), element))

            b.repeat(0, m, lambda i: b.repeat(0, n, lambda j: single(i, j)))

    def library(self, name: str, *operands: Value | int) -> Value:
        """Call a function of the library."""
        given = [x if isinstance(x, Value) else number(x, "i64") for x in operands]
        return LIBRARY.call(self.b, name, *given)

    def substitute(
        self, a: Value, n: int, row: int, column: int, x: Value, m: int, lower: bool, unit: bool
    ) -> None:
        """Solve a triangular system of n rows for m right sides, whose rows follow one another."""
        x_row = m
        if not lower:  # the last row first
            a = self.b.at(a, (n - 1) * (row + column), ELEMENT)
            x = self.b.at(x, (n - 1) * m, ELEMENT)
            row, column, x_row = -row, -column, -m
        diagonal = number(int(unit), "i1")
        self.library("substitution", a, row, column, x, x_row, n, m, diagonal, self.memory)


def _stack_strides(
    strides: tuple[int, ...], shape: Shape, rank: int, wanted: int
) -> tuple[int, ...]:
    """The distances along the axes of a stack, 0 where an operand has one matrix for all."""
    own = [0 if n == 1 else s for n, s in zip(shape[:rank], strides[:rank], strict=True)]
    return (*(0,) * (wanted - rank), *own)


def _offset(b: Builder, which: Value, shape: Shape, strides: Sequence[int]) -> Value:
    """Where a matrix of a stack lies, in elements."""
    offset = number(0, "i64")
    for axis in reversed(range(len(shape))):
        index = b.binary("srem", which, shape[axis]) if axis else which
        which = b.binary("sdiv", which, shape[axis]) if axis else which
        if strides[axis]:
            offset = b.add(offset, b.mul(index, strides[axis]))
    return offset


class _SymmetricFactor(_Stacked):
    """The factorisation of symmetric matrices, by the triangle that NumPy reads."""

    @property
    def own(self) -> int:
        n, size = self.kinds[0].shape[-1], SIZE
        own = 0 if self.params["upper"] else lines(n * n * size)
        return own + lines(n * size)

    def single(self, operands: list[Value], outs: list[Value], scratch: Value) -> None:
        n = self.kinds[0].shape[-1]
        (source,), (out,) = operands, outs
        if self.params["upper"]:
            self.copy(0, source, out)
            self.fail(self.library("cholesky", out, n, n, scratch, self.memory))
            return
        # The upper triangle of the transpose is the lower one, and the factor's transpose is upper.
        row, column = self.strides[0][-2:]
        factor = self.b.at(scratch, lines(n * SIZE), "i8")
        if n == 1:
            self.copy(0, source, factor)
        else:
            assert column == 1
            self.library("transposing", source, row, factor, n, n, n)
        self.fail(self.library("cholesky", factor, n, n, scratch, self.memory))
        self.library("transposing", factor, n, out, n, n, n)


class _LuFactors(_Stacked):
    """LU factors with the order of rows, and its sign."""

    ranks = ((2,), (2, 1, 0))

    @property
    def own(self) -> int:
        return self.kinds[0].shape[-1] * lanes_of(ELEMENT) * SIZE

    def single(self, operands: list[Value], outs: list[Value], scratch: Value) -> None:
        b, n = self.b, self.kinds[0].shape[-1]
        factors, order, sign = outs
        self.copy(0, operands[0], factors)
        b.repeat(0, n, lambda i: b.store(i, b.at(order, i, "i64")))
        b.store(number(1, ELEMENT), sign)
        self.fail(self.library("lu", factors, n, n, order, sign, scratch, self.memory))


class _LuSolve(_Stacked):
    """Solutions by LU factors."""

    ranks = ((2, 1, 2), (2,))

    @property
    def own(self) -> int:
        return prod(self.kinds[2].shape[-2:]) * SIZE if self.params["transposed"] else 0

    def single(self, operands: list[Value], outs: list[Value], scratch: Value) -> None:
        factors, order, source = operands
        (out,) = outs
        n, m = self.kinds[2].shape[-2:]
        b, element, size = self.b, ELEMENT, m * SIZE
        row = self.strides[2][-2]
        if self.params["transposed"]:
            self.copy(2, source, scratch)
            self.substitute(factors, n, 1, n, scratch, m, lower=True, unit=False)
            self.substitute(factors, n, 1, n, scratch, m, lower=False, unit=True)
            source, row = scratch, m

        def move(i: Value) -> None:
            other = b.load("i64", b.at(order, i, "i64"))
            there, here = (i, other) if self.params["transposed"] else (other, i)
            start = b.at(source, b.mul(there, row), element)
            b.copy(start, b.at(out, b.mul(here, m), element), size)

        b.repeat(0, n, move)
        if not self.params["transposed"]:
            self.substitute(factors, n, n, 1, out, m, lower=True, unit=True)
            self.substitute(factors, n, n, 1, out, m, lower=False, unit=False)


class _LuInverse(_Stacked):
    """Inverses by LU factors."""

    ranks = ((2, 1, 2), (2,))

    def single(self, operands: list[Value], outs: list[Value], scratch: Value) -> None:
        factors, order, matrix = operands
        (out,) = outs
        n = self.kinds[0].shape[-1]
        b, element = self.b, ELEMENT
        size = number(n * n * SIZE, "i64")
        b.call("llvm.memset.p0.i64", "void", out, number(0, "i8"), size, number(0, "i1"))

        def one(i: Value) -> None:
            place = b.add(b.mul(i, n), b.load("i64", b.at(order, i, "i64")))
            b.store(number(1, element), b.at(out, place, element))

        b.repeat(0, n, one)
        self.substitute(factors, n, n, 1, out, n, lower=True, unit=True)
        self.substitute(factors, n, n, 1, out, n, lower=False, unit=False)
        if self.params["guarded"]:
            size_of = [self.norm(matrix, self.strides[2][-2]), self.norm(out, n)]
            limit = 0.01 / np.sqrt(np.finfo(float).eps)
            sound = b.fcmp("ole", b.fmul(*size_of), float(limit))
            self.fail(b.xor(sound, 1))

    def norm(self, x: Value, row: int) -> Value:
        """The largest sum of magnitudes of a row."""
        b, element, n = self.b, ELEMENT, self.kinds[0].shape[-1]

        def line(i: Value, carried: list[Value]) -> list[Value]:
            start = b.at(x, b.mul(i, row), element)

            def step(j: Value, sums: list[Value]) -> list[Value]:
                return [
                    b.fadd(sums[0], b.intrinsic("fabs", b.load(element, b.at(start, j, element))))
                ]

            (total,) = b.loop(0, n, step, [number(0, element)])
            return [b.select(b.fcmp("ugt", total, carried[0]), total, carried[0])]

        return b.loop(0, n, line, [number(0, element)])[0]


class _TriangleSolve(_Stacked):
    """Solutions of triangular systems."""

    ranks = ((2, 2), (2,))

    def single(self, operands: list[Value], outs: list[Value], scratch: Value) -> None:
        triangle, source = operands
        (out,) = outs
        b, element = self.b, ELEMENT
        n, m = self.kinds[1].shape[-2:]
        row, column = self.strides[0][-2:]
        self.copy(1, source, out)
        lower, unit = self.params["lower"], self.params["unit"]
        self.substitute(triangle, n, row, column, out, m, lower, unit)
        if not unit:

            def check(i: Value, carried: list[Value]) -> list[Value]:
                place = b.at(triangle, b.mul(i, row + column), element)
                sound = b.fcmp("one", b.load(element, place), 0.0)
                return [b.either(carried[0], b.xor(sound, 1))]

            self.fail(b.loop(0, n, check, [number(0, "i1")])[0])


LOWERINGS: dict[str, Lowering] = {
    "lu_factors": Linear(_LuFactors),
    "lu_inverse": Linear(_LuInverse),
    "lu_solve": Linear(_LuSolve),
    "symmetric_factor": Linear(_SymmetricFactor),
    "triangle_solve": Linear(_TriangleSolve, turned=(0, 1)),
}
