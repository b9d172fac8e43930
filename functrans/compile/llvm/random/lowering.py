"""Operations that make random numbers of keys: bits, keys, uniform, normal and whole numbers."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.llvm.code.builder import Builder, Value, number
from functrans.compile.llvm.elements import conversions
from functrans.compile.llvm.emission import in_order
from functrans.compile.llvm.plans.calls import LoweredCall, Lowering
from functrans.compile.llvm.random.filling import KINDS, LIBRARY, fill
from functrans.graph.graph import operand_types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.emission import Code
    from functrans.compile.llvm.plans.calls import Call, CallMemory
    from functrans.graph.graph import Equation

FLOATS = {np.dtype(np.float64): "double", np.dtype(np.float32): "float"}


def _name(equation: Equation) -> str | None:
    """What an operation fills its result with; None if there is no native code for it."""
    name, params = equation.primitive.name, equation.params
    if name == "random_bits":
        return f"bits{params['width']}"
    if name == "random_split":
        return "keys"
    element = FLOATS.get(params["dtype"])
    return None if element is None else f"{name.removeprefix('random_')}_{element}"


class Filling(Lowering):
    """Arrays of numbers, one for each key."""

    exact = True

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        kinds = operand_types(equation.inputs)
        fits = _name(equation) in KINDS and kinds[0].dtype == np.uint32
        return fits and in_order(strides, kinds)

    def lower(self, code: Code, call: Call) -> LoweredCall:
        return _Filled(call.equation)


class _Filled(LoweredCall):
    """One call."""

    def __init__(self, equation: Equation) -> None:
        name = _name(equation)
        assert name is not None
        self.name = name
        self.lanes = prod(operand_types(equation.inputs)[0].shape[:-1])
        self.count = prod(equation.params["shape"])

    def emit(self, builder: Builder, at: CallMemory) -> None:
        addresses, outs, _ = at
        b = builder
        if not self.count:
            return

        def lane(i: Value) -> None:
            out = b.at(outs[0], b.mul(i, self.count), KINDS[self.name].element)
            fill(b, self.name, _words(b, addresses[0], i), out, self.count)

        if self.lanes == 1:
            lane(number(0, "i64"))
        else:
            b.repeat(0, self.lanes, lane)


def _words(b: Builder, keys: Value, lane: Value) -> tuple[Value, Value]:
    """The two words of a key."""
    place = b.at(keys, b.mul(lane, 2), "i32")
    return b.load("i32", place), b.load("i32", b.at(place, 1, "i32"))


class Folding(Lowering):
    """Keys that are made of keys and numbers."""

    exact = True

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        keys, numbers = operand_types(equation.inputs)
        return (
            keys.dtype == np.uint32
            and numbers.dtype.kind in "iu"
            and numbers.shape in ((), keys.shape[:-1])
            and in_order(strides, (keys, numbers))
        )

    def lower(self, code: Code, call: Call) -> LoweredCall:
        return _Folded(call.equation)


class _Folded(LoweredCall):
    """One call."""

    def __init__(self, equation: Equation) -> None:
        keys, numbers = operand_types(equation.inputs)
        self.lanes = prod(keys.shape[:-1])
        self.step = int(numbers.shape != ())
        self.dtype = numbers.dtype

    def emit(self, builder: Builder, at: CallMemory) -> None:
        addresses, outs, _ = at
        b = builder
        keys, numbers = addresses

        def lane(i: Value) -> None:
            found = _whole(b, numbers, b.mul(i, self.step), self.dtype)
            out = b.at(outs[0], b.mul(i, 2), "i32")
            LIBRARY.call(b, "encryption", *_words(b, keys, i), found, out)

        b.repeat(0, self.lanes, lane)


def _whole(b: Builder, base: Value, place: Value, dtype: np.dtype[Any]) -> Value:
    """An integer as one of 64 bits."""
    memory = conversions.memory(dtype)
    found = b.load(memory, b.at(base, place, memory))
    return b.cast("sext" if dtype.kind == "i" else "zext", found, "i64")


class Seeding(Lowering):
    """Keys of seeds."""

    exact = True

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        kinds = operand_types(equation.inputs)
        return kinds[0].dtype.kind in "iu" and in_order(strides, kinds)

    def lower(self, code: Code, call: Call) -> LoweredCall:
        return _Seeded(call.equation)


class _Seeded(LoweredCall):
    """One call."""

    def __init__(self, equation: Equation) -> None:
        (self.kind,) = operand_types(equation.inputs)

    def emit(self, builder: Builder, at: CallMemory) -> None:
        addresses, outs, _ = at
        b = builder

        def lane(i: Value) -> None:
            seed = _whole(b, addresses[0], i, self.kind.dtype)
            key = b.intrinsic("fshl", seed, seed, 32)  # the upper word comes first
            b.store(key, b.at(outs[0], i, "i64"), 4)

        b.repeat(0, self.kind.size, lane)


class Drawing(Lowering):
    """Whole numbers between bounds."""

    exact = True

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        kinds = keys, first, last = operand_types(equation.inputs)
        return (
            keys.dtype == np.uint32
            and first.dtype == last.dtype
            and first.dtype.kind in "iu"
            and first.shape == last.shape == equation.outputs[0].type.shape
            and bool(first.size)
            and in_order(strides, kinds)
        )

    def lower(self, code: Code, call: Call) -> LoweredCall:
        return _Drawn(code, call.equation)


class _Drawn(LoweredCall):
    """One call."""

    def __init__(self, code: Code, equation: Equation) -> None:
        self.code = code
        code.checked = True  # NumPy's implementation says what is wrong with bounds
        keys, first, _ = operand_types(equation.inputs)
        self.bounds, self.result = first.dtype, equation.outputs[0].type.dtype
        self.lanes = prod(keys.shape[:-1])
        self.each = first.size // self.lanes

    def emit(self, builder: Builder, at: CallMemory) -> None:
        addresses, outs, _ = at
        b = builder
        keys, *bounds = addresses
        memory = conversions.memory(self.result)

        def lane(i: Value) -> None:
            words = _words(b, keys, i)
            start = b.mul(i, self.each)

            def single(j: Value) -> None:
                place = b.add(start, j)
                first, last = (_whole(b, base, place, self.bounds) for base in bounds)
                wrong = self._wrong(b, first, last)
                b.when(wrong, lambda: b.store(number(1, "i32"), self.code.status))
                span = b.add(b.sub(last, first), 1)
                span = b.select(wrong, number(1, "i64"), span)
                drawn = LIBRARY.call(b, "integer", *words, j, first, span)
                b.store(
                    b.cast("trunc", drawn, memory) if memory != "i64" else drawn,
                    b.at(outs[0], place, memory),
                )

            b.repeat(0, self.each, single)

        b.repeat(0, self.lanes, lane)

    def _wrong(self, b: Builder, first: Value, last: Value) -> Value:
        """Whether bounds are in the wrong order, or the result cannot hold what lies between."""
        limits, given = np.iinfo(self.result), np.iinfo(self.bounds)
        sign = "s" if self.bounds.kind == "i" else "u"
        found = b.icmp(f"{sign}gt", first, last)
        if given.min < limits.min:
            found = b.either(found, b.icmp(f"{sign}lt", first, int(limits.min)))
        if given.max > limits.max:
            found = b.either(found, b.icmp(f"{sign}gt", last, int(limits.max)))
        return found


LOWERINGS: dict[str, Lowering] = {
    "random_fold": Folding(),
    "random_integers": Drawing(),
    "random_key": Seeding(),
    **dict.fromkeys(("random_bits", "random_normal", "random_split", "random_uniform"), Filling()),
}
