"""Convolutions of a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.emission import in_order
from functrans.compile.llvm.kernels.convolutions import convolve
from functrans.compile.llvm.kernels.windows import Convolution, convolution_of, memory_of
from functrans.graph.graph import operand_types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.code.builder import Builder, Value
    from functrans.compile.llvm.emission import Code
    from functrans.compile.llvm.plans.statements import Call, Work
    from functrans.graph.graph import Equation


class Convolving:
    """The way of convolutions, of operands in C order."""

    exact = False

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        kinds = operand_types(equation.inputs)
        return in_order(strides, kinds) and _sizes(equation) is not None

    def planned(self, code: Code, call: Call) -> Work:
        found = _sizes(call.equation)
        assert found is not None
        return _Convolution(found)


def _sizes(equation: Equation) -> Convolution | None:
    kinds = operand_types(equation.inputs)
    out = equation.outputs[0].type
    return convolution_of(equation.primitive.name, kinds, out, equation.params)


class _Convolution:
    """One convolution."""

    direct = False

    def __init__(self, sizes: Convolution) -> None:
        self.sizes = sizes
        self.scratch = memory_of(sizes)

    def emit(
        self,
        builder: Builder,
        addresses: Sequence[Value],
        outs: Sequence[Value],
        scratch: Value,
    ) -> None:
        x, y = addresses
        convolve(builder, self.sizes, x, y, outs[0], scratch)
