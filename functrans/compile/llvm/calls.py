"""The lowerings of equations whose operands lie in memory, by the names of their primitives.

Another kind is one more row of the table, and a file of `kernels/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.kernels import (
    branches,
    convolving,
    iteration,
    multiplying,
    recording,
    running,
    sorting,
    ties,
    windows,
)
from functrans.compile.llvm.kernels.contractions import NAMES
from functrans.compile.llvm.linear import lowering as linear
from functrans.compile.llvm.plans.affine import contiguous_strides
from functrans.compile.llvm.random import lowering as random
from functrans.graph.graph import operand_types

if TYPE_CHECKING:
    from functrans.compile.llvm.plans.calls import Lowering
    from functrans.graph.graph import Equation

LOWERINGS: dict[str, Lowering] = {
    **dict.fromkeys(NAMES, multiplying.MULTIPLYING),
    **dict.fromkeys(windows.NAMES, convolving.Convolving()),
    **linear.LOWERINGS,
    **random.LOWERINGS,
    "scan": iteration.Scans(),
    "while_loop": iteration.Whiles(),
    "while_record": recording.Records(),
    "while_replay": recording.Replays(),
    "cond": branches.Conds(),
    "call": branches.Calls(),
    **dict.fromkeys(("accumulate", "cumprod", "cumsum", "recurrence"), running.RUNNING),
    **dict.fromkeys(("sort", "argsort"), sorting.Sorting()),
    "tie_mean": ties.TieMeans(),
}


def lowering_of(equation: Equation) -> Lowering | None:
    """That of an equation whose operands lie in C order; None if it has none."""
    lowering = LOWERINGS.get(equation.primitive.name)
    if lowering is None:
        return None
    kinds = operand_types(equation.inputs)
    strides = [contiguous_strides(kind.shape) for kind in kinds]
    return lowering if lowering.accepts(equation, strides) else None
