"""Running sums, products and recurrences: along an axis, each element from the one before.

Other axes are walked through in vectors. The order is NumPy's, and so are the bits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from functrans.compile.llvm.code.builder import Builder, Value, number
from functrans.compile.llvm.code.engine import machine
from functrans.compile.llvm.elements import conversions
from functrans.compile.llvm.elements.conversions import convert
from functrans.compile.llvm.elements.operations import operation
from functrans.compile.llvm.emission import in_order
from functrans.compile.llvm.kernels import combining
from functrans.compile.llvm.kernels.memory import load, store
from functrans.compile.llvm.plans.calls import LoweredCall, Lowering
from functrans.core.primitive import BY_UFUNC
from functrans.graph.graph import operand_types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.elements.conversions import DType, Operand
    from functrans.compile.llvm.emission import Code
    from functrans.compile.llvm.plans.calls import Call, CallMemory
    from functrans.graph.graph import Equation


class _Walk(NamedTuple):
    """How an axis is walked along.

    Attributes
    ----------
    name : str
        The primitive that combines an element with the one before.
    axis : int
    reverse : bool
    exclusive : bool
        Whether a result does without the element at its own place.
    lag : int or None
        For a recurrence, how far behind its factors are; None: there are none.
    """

    name: str
    axis: int
    reverse: bool
    exclusive: bool = False
    lag: int | None = None


def _walk(equation: Equation) -> _Walk | None:
    params = equation.params
    name, axis = equation.primitive.name, params["axis"]
    reverse = params.get("reverse", False)
    if name == "cumsum":
        return _Walk("add", axis, reverse)
    if name == "cumprod":
        return _Walk("multiply", axis, reverse, params.get("exclusive", False))
    if name == "recurrence":
        return _Walk("add", axis, reverse, lag=params.get("lag", 0))
    known = BY_UFUNC.get(params["ufunc"])
    return None if known is None else _Walk(known.name, axis, reverse)


class Running(Lowering):
    """Running sums and the like."""

    exact = True

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        walk = _walk(equation)
        dtype = equation.outputs[0].type.dtype
        kinds = operand_types(equation.inputs)
        if walk is None or not in_order(strides, kinds) or any([k.weak for k in kinds]):
            return False
        if any([k.shape != equation.outputs[0].type.shape for k in kinds]):
            return False
        names = (walk.name, "multiply") if walk.lag is not None else (walk.name,)
        found = [operation(name, (dtype, dtype), dtype) for name in names]
        return all([each is not None and each.exact for each in found])

    def lower(self, code: Code, call: Call) -> LoweredCall:
        return _Lines(call.equation)


class _Lines(LoweredCall):
    """One call: all lines along the axis."""

    def __init__(self, equation: Equation) -> None:
        walk = _walk(equation)
        assert walk is not None
        self.walk = walk
        self.kind = equation.outputs[0].type
        self.dtypes = [kind.dtype for kind in operand_types(equation.inputs)]

    def emit(self, builder: Builder, at: CallMemory) -> None:
        addresses, outs, _ = at
        self.b = builder
        self.addresses = list(addresses)
        (self.out,) = outs
        shape, axis = self.kind.shape, self.walk.axis
        outer, length = math.prod(shape[:axis]), shape[axis]
        inner = math.prod(shape[axis + 1 :])
        if not (outer and length and inner):
            return
        size = max([conversions.real_of(d).itemsize for d in (*self.dtypes, self.kind.dtype)])
        width = 2 * machine().vector_bytes // max(size, 4)
        while width > 1 and width > inner:
            width //= 2

        def block(i: Value, _: list[Value]) -> list[Value]:
            start = self.b.mul(i, length * inner)
            whole = inner - inner % width
            if whole:
                self.b.loop(0, whole, lambda j, _: self._line(start, j, width), step=width)
            if whole < inner:
                self.b.loop(whole, inner, lambda j, _: self._line(start, j, 1))
            return []

        self.b.loop(0, outer, block)

    def _line(self, start: Value, column: Value, width: int) -> list[Value]:
        """Walk along the axis, with so many lines side by side."""
        b, walk, dtype = self.b, self.walk, self.kind.dtype
        length = self.kind.shape[walk.axis]
        inner = math.prod(self.kind.shape[walk.axis + 1 :])
        here = b.add(start, column)
        step = -inner if walk.reverse else inner
        origin = b.add(here, (length - 1) * inner) if walk.reverse else here

        def at(k: Value) -> Value:
            return b.add(origin, b.mul(k, step))

        first = self._read(-1, at(number(0, "i64")), width)
        if walk.exclusive:
            self._write(combining.neutral("prod", dtype, width), at(number(0, "i64")), width)
        else:
            self._write(first, at(number(0, "i64")), width)

        def body(k: Value, carried: list[Value]) -> list[Value]:
            before = conversions.joined(carried)
            if walk.exclusive:
                self._write(before, at(k), width)
            x = self._read(-1, at(k), width)
            if walk.lag is not None:
                factor = self._read(0, at(b.sub(k, walk.lag)), width)
                after = self._combined("add", x, self._combined("multiply", factor, before))
            else:
                after = self._combined(walk.name, before, x)
            if not walk.exclusive:
                self._write(after, at(k), width)
            return conversions.parts(after)

        b.loop(1, length, body, conversions.parts(first))
        return []

    def _combined(self, name: str, x: Operand, y: Operand) -> Operand:
        dtype = self.kind.dtype
        found = operation(name, (dtype, dtype), dtype)
        assert found is not None
        return found.emit(self.b, x, y)

    def _place(self, base: Value, offset: Value, dtype: DType) -> Value:
        if dtype.kind == "c":
            offset = self.b.mul(offset, 2)
        return self.b.at(base, offset, conversions.memory(dtype))

    def _read(self, i: int, offset: Value, width: int) -> Operand:
        dtype = self.dtypes[i]
        place = self._place(self.addresses[i], offset, dtype)
        return convert(self.b, load(self.b, dtype, width, place, 1, None), dtype, self.kind.dtype)

    def _write(self, x: Operand, offset: Value, width: int) -> None:
        place = self._place(self.out, offset, self.kind.dtype)
        store(self.b, self.kind.dtype, x, place, 1, None)


LOWERINGS: dict[str, Lowering] = dict.fromkeys(
    ("accumulate", "cumprod", "cumsum", "recurrence"), Running()
)
