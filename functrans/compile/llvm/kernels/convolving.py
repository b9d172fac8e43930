"""Convolutions of a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.emission import in_order
from functrans.compile.llvm.kernels.convolutions import convolve, targets_of
from functrans.compile.llvm.kernels.epilogues import EpilogueWriter
from functrans.compile.llvm.kernels.spreading import beside_channels
from functrans.compile.llvm.kernels.windows import Convolution, convolution_of, memory_of
from functrans.compile.llvm.plans.calls import CONVOLUTIONS, LoweredCall, Lowering
from functrans.graph.graph import operand_types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.code.builder import Builder
    from functrans.compile.llvm.emission import Code
    from functrans.compile.llvm.plans.affine import Access
    from functrans.compile.llvm.plans.calls import Call, CallMemory
    from functrans.compile.llvm.plans.statements import Statement
    from functrans.graph.graph import Equation


LONG = 100
"""Operations of work on a result, at most; they are one loop over vectors, as elsewhere."""


class Convolving(Lowering):
    """Convolutions, of operands in C order."""

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        kinds = operand_types(equation.inputs)
        return in_order(strides, kinds) and _sizes(equation) is not None

    def longest(self, call: Call) -> int:
        c = _sizes(call.equation)
        # The tiles of a gradient of weights have their rows far apart: reading the weights beside
        # them took 1.4 times as long as an update that walks through both, for 512 channels.
        if c is None or c.name == "convolution_weight":
            return 0
        return LONG if all([target.in_vectors for target in targets_of(c)]) else 0

    def takes_epilogue(
        self, call: Call, accesses: Sequence[Access], left: Sequence[Statement]
    ) -> bool:
        # Sums walk through all that they read once more, and may be cut otherwise without the rest.
        if any([s.combine for s in left]):
            return False
        shape = call.equation.outputs[0].type.shape
        return all([beside_channels(a, shape) is not None for a in accesses])

    def lower(self, code: Code, call: Call) -> LoweredCall:
        return _Convolution(call)


def _sizes(equation: Equation) -> Convolution | None:
    kinds = operand_types(equation.inputs)
    out = equation.outputs[0].type
    return convolution_of(equation.primitive.name, kinds, out, equation.params)


class _Convolution(LoweredCall):
    """One convolution."""

    def __init__(self, call: Call) -> None:
        sizes = _sizes(call.equation)
        assert sizes is not None
        self.sizes = sizes
        self.outputs = call.equation.outputs
        self.epilogue = call.epilogue
        self.scratch = memory_of(sizes)

    def emit(self, builder: Builder, at: CallMemory) -> None:
        (x, y, *given), outs, scratch = at
        epilogue = None
        if self.epilogue is not None:
            writer = EpilogueWriter(self.epilogue, self.sizes.element, beside_channels)
            targets = dict(zip(self.outputs, outs, strict=True))
            epilogue = writer.epilogue(builder.module, given, targets, self.outputs[0])
        convolve(builder, self.sizes, x, y, outs[0], scratch, epilogue)


LOWERINGS: dict[str, Lowering] = dict.fromkeys(CONVOLUTIONS, Convolving())
