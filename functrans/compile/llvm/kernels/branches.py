"""``cond`` and ``call``: the code of graphs in its place, one of several or the only one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from functrans.compile.llvm.elements import conversions
from functrans.compile.llvm.emission import Frame, agree, in_order
from functrans.compile.llvm.plans.calls import LoweredCall, Lowering
from functrans.graph.graph import operand_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.code.builder import Builder
    from functrans.compile.llvm.emission import Code
    from functrans.compile.llvm.plans.calls import Call, CallMemory
    from functrans.graph.graph import Equation


class _Cond(LoweredCall):
    direct = True

    def __init__(self, code: Code, call: Call) -> None:
        self.index = call.operands[0].value.type.dtype
        self.frames = [Frame(code, code.prepared(g)) for g in call.equation.params["branches"]]
        self.scratch = max([frame.size for frame in self.frames])

    def emit(self, builder: Builder, at: CallMemory) -> None:
        addresses, outs, scratch = at
        index = builder.load(conversions.memory(self.index), addresses[0])
        bodies = [
            partial(frame.emit, builder, addresses[1:], outs, scratch) for frame in self.frames
        ]
        builder.choose(index, bodies)


class _Call(LoweredCall):
    direct = True

    def __init__(self, code: Code, call: Call) -> None:
        self.frame = Frame(code, code.prepared(call.equation.params["graph"]))
        self.scratch = self.frame.size

    def emit(self, builder: Builder, at: CallMemory) -> None:
        addresses, outs, scratch = at
        self.frame.emit(builder, addresses, outs, scratch)


class Conds(Lowering):
    """Branches that one index chooses."""

    exact = True  # as far as the graphs are

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        params, (index, *operands) = equation.params, equation.inputs
        kind = operand_type(index)
        branches = params["branches"]
        return (
            params["lanes"] is None
            and kind.dtype.kind in "biu"
            and all([agree(operands, branch.input_types) for branch in branches])
            and all([agree(equation.outputs, branch.output_types) for branch in branches])
            and in_order(strides[1:], branches[0].input_types)
        )

    def lower(self, code: Code, call: Call) -> LoweredCall:
        return _Cond(code, call)


class Calls(Lowering):
    """Graphs that are called."""

    exact = True  # as far as the graphs are

    def accepts(self, equation: Equation, strides: Sequence[tuple[int, ...]]) -> bool:
        kinds = equation.params["graph"].input_types
        return agree(equation.inputs, kinds) and in_order(strides, kinds)

    def lower(self, code: Code, call: Call) -> LoweredCall:
        return _Call(code, call)


LOWERINGS: dict[str, Lowering] = {"call": Calls(), "cond": Conds()}
