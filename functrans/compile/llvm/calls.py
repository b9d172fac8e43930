"""Equations that have a way of their own to be carried out, by the names of their primitives.

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
from functrans.compile.llvm.linear import ways as linear
from functrans.compile.llvm.plans.affine import contiguous_strides
from functrans.compile.llvm.random import ways as random
from functrans.graph.graph import operand_types

if TYPE_CHECKING:
    from functrans.compile.llvm.plans.statements import Way
    from functrans.graph.graph import Equation

WAYS: dict[str, Way] = {
    **dict.fromkeys(NAMES, multiplying.MULTIPLYING),
    **dict.fromkeys(windows.NAMES, convolving.Convolving()),
    **linear.WAYS,
    **random.WAYS,
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


def way_of(equation: Equation) -> Way | None:
    """The way of an equation whose operands lie in C order; None if it has none."""
    way = WAYS.get(equation.primitive.name)
    if way is None:
        return None
    kinds = operand_types(equation.inputs)
    return way if way.accepts(equation, [contiguous_strides(k.shape) for k in kinds]) else None


def multiplies(equation: Equation) -> bool:
    """Whether an equation is a product of its first two operands."""
    return equation.primitive.name in (*NAMES, *windows.NAMES)
