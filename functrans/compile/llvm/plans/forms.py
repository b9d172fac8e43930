"""Which equations native code has, calls aside: elementwise operations, reductions, movements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.llvm.elements.conversions import supported
from functrans.compile.llvm.elements.operations import Operation, operation
from functrans.compile.llvm.plans.affine import basic_index, movement
from functrans.compile.llvm.plans.positions import readable
from functrans.core.kinds import PYTHON_TYPES
from functrans.core.types import SCALARS, WEAK
from functrans.graph.graph import Variable, operand_type

if TYPE_CHECKING:
    from functrans.core.types import Shape
    from functrans.graph.graph import Equation

REDUCTIONS = {
    "sum": "sum",
    "prod": "prod",
    "max": "max",
    "min": "min",
    "any": "any",
    "all": "all",
    "count_nonzero": "sum",
}
"""Primitives that combine elements along axes, and how."""


def _known(x: Any) -> Any:
    """The number that an operand is, a 0-d array too; None if it is none."""
    if type(x) is np.ndarray and not x.ndim:
        return x[()]
    return x if type(x) in SCALARS else None


def elementwise(equation: Equation) -> Operation | None:
    """The native form of an elementwise equation; None if it has none, or is not elementwise."""
    if len(equation.outputs) != 1 or equation.primitive.outputs is not None:
        return None
    kinds: list[Any] = []
    for x in equation.inputs:
        kind = operand_type(x)
        if not supported(kind.dtype):
            return None
        weak = kind.weak if type(x) is Variable else type(x) in WEAK
        kinds.append(PYTHON_TYPES[kind.dtype.kind] if weak else kind.dtype)
    name, result = equation.primitive.name, equation.outputs[0].type.dtype
    params = {k: v for k, v in equation.params.items() if k != "dtype"}
    numbers = [_known(x) for x in equation.inputs]
    return operation(name, kinds, result, params, numbers)


def _followable(shape: Shape, equation: Equation, first: int) -> bool:
    index, arrays = equation.params["index"], equation.inputs[first:]
    if arrays:
        return readable(shape, index, arrays)
    return basic_index(shape, index) is not None


def _has_extremum(equation: Equation) -> bool:
    """Whether there are elements along the axes; otherwise NumPy has an error to raise."""
    (x,), params = equation.inputs, equation.params
    shape = operand_type(x).shape
    axes = params["axes"] if "axes" in params else (params["axis"],)
    return all(shape[i] for i in axes)


MOVEMENTS = (
    *("concatenate", "pad", "reshape", "roll", "shift"),
    *("index", "index_add", "index_update"),
    *("broadcast_to", "flip", "transpose"),
)
"""Primitives that only move elements."""


def stated(equation: Equation) -> bool:
    """Whether an equation can be expressed so, leaving calls and elementwise operations aside."""
    name = equation.primitive.name
    if name in ("max", "min", "argmax", "argmin"):
        return _has_extremum(equation)
    if name in ("index_add", "index_update"):
        return _followable(equation.outputs[0].type.shape, equation, 2)
    if name == "index":
        x = equation.inputs[0]
        return _followable(operand_type(x).shape, equation, 1)
    if name in ("transpose", "flip", "broadcast_to"):
        return movement(equation) is not None
    return name in MOVEMENTS or name in REDUCTIONS
