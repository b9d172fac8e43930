"""Positions of extrema: the least place that holds the extremum, or the first NaN.

Along the last axis they are one reduction, for which lanes of vectors remember where they have met
the best element. Otherwise the extremum is a reduction and so is its place, the least one where an
element equals it. All are fused with what stands around them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.llvm.elements.operations import operation
from functrans.compile.llvm.plans.affine import FIXED, Coordinate
from functrans.compile.llvm.plans.statements import Counted, Elementwise, Moved, Statement, Uniform
from functrans.core.types import ArrayType
from functrans.graph.graph import Variable

if TYPE_CHECKING:
    from functrans.compile.llvm.plans.statements import Statements
    from functrans.graph.graph import Equation

BOOL, PLACE = np.dtype(bool), np.dtype(np.int64)

EXTREMA = {"argmax": "max", "argmin": "min"}
"""Primitives, and reductions of native code, that tell where an extremum is, and which."""

WHOLE = 1 << 20
"""Elements of an array without other axes from which on its extremum is a reduction of its own:
that is cut in chunks for several threads."""


def enter_position(s: Statements, equation: Equation) -> None:
    """Enter the place of an extremum along an axis."""
    (x,), (out,) = equation.inputs, equation.outputs
    shape, axis, dtype = x.type.shape, equation.params["axis"], x.type.dtype
    over = tuple([FIXED if i == axis else Coordinate(i, 0, 1) for i in range(len(shape))])
    kept = over if equation.params.get("keepdims") else over[:axis] + over[axis + 1 :]
    if _in_one_walk(x, axis):
        s.step(Statement(out, shape, x, kept, equation.primitive.name, (axis,)))
        return
    top = Variable(ArrayType((*shape[:axis], 1, *shape[axis + 1 :]), dtype))
    s.step(Statement(top, shape, x, over, EXTREMA[equation.primitive.name], (axis,)))
    everywhere = Variable(ArrayType(shape, dtype))
    s.define(everywhere, Moved(top, over))
    here = _made(s, "equal", BOOL, x, everywhere)
    if dtype.kind in "fc":  # an extremum that is NaN equals nothing, and is at the first NaN
        here = _made(s, "logical_or", BOOL, here, _made(s, "not_equal", BOOL, x, x))
    place, beyond = (Variable(ArrayType(shape, PLACE)) for _ in range(2))
    s.definitions[place] = Counted(Coordinate(axis, 0, 1))
    s.definitions[beyond] = Uniform(PLACE.type(shape[axis]))
    first = _made(s, "where", PLACE, here, place, beyond)
    s.step(Statement(out, shape, first, kept, "min", (axis,)))


def _in_one_walk(x: Variable, axis: int) -> bool:
    """Whether lanes of vectors walk along the axis, and can remember positions."""
    n, dtype = x.type.shape[axis], x.type.dtype
    simple = dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize > 2)
    last = math.prod(x.type.shape[axis + 1 :]) == 1
    return simple and last and n > 1 and (x.type.size > n or n < WHOLE)


def _made(s: Statements, name: str, result: np.dtype[Any], *operands: Variable) -> Variable:
    """An elementwise value of operands of one shape."""
    found = operation(name, [x.type.dtype for x in operands], result)
    assert found is not None
    made = Variable(ArrayType(operands[0].type.shape, result))
    s.define(made, Elementwise(found, operands))
    return made
