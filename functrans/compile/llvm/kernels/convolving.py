"""Convolutions of a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.emission import in_order
from functrans.compile.llvm.kernels.convolutions import convolve
from functrans.compile.llvm.kernels.windows import Convolution, convolution_of, memory_of
from functrans.compile.llvm.plans.calls import CONVOLUTIONS, LoweredCall, Lowering
from functrans.graph.graph import operand_types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.code.builder import Builder
    from functrans.compile.llvm.emission import Code
    from functrans.compile.llvm.plans.calls import Call, CallMemory
    from functrans.graph.graph import Equation


class Convolving(Lowering):
    """Convolutions, of operands in C order."""

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        kinds = operand_types(equation.inputs)
        return in_order(strides, kinds) and _sizes(equation) is not None

    def lower(self, code: Code, call: Call) -> LoweredCall:
        found = _sizes(call.equation)
        assert found is not None
        return _Convolution(found)


def _sizes(equation: Equation) -> Convolution | None:
    kinds = operand_types(equation.inputs)
    out = equation.outputs[0].type
    return convolution_of(equation.primitive.name, kinds, out, equation.params)


class _Convolution(LoweredCall):
    """One convolution."""

    def __init__(self, sizes: Convolution) -> None:
        self.sizes = sizes
        self.scratch = memory_of(sizes)

    def emit(self, builder: Builder, at: CallMemory) -> None:
        addresses, outs, scratch = at
        x, y = addresses
        convolve(builder, self.sizes, x, y, outs[0], scratch)


LOWERINGS: dict[str, Lowering] = dict.fromkeys(CONVOLUTIONS, Convolving())
