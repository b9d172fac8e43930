"""The lowerings of equations whose operands lie in memory, by the names of their primitives.

Another kind is one more row of the table, and a file that has the names among its ``LOWERINGS``. A
file is imported when a program has one of its operations: all take as long as a small program does
otherwise, in a process that finds its code on the disk.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from functrans.compile.llvm.plans.affine import contiguous_strides
from functrans.compile.llvm.plans.calls import CONVOLUTIONS, PRODUCTS
from functrans.graph.graph import operand_types

if TYPE_CHECKING:
    from functrans.compile.llvm.plans.calls import Lowering
    from functrans.graph.graph import Equation

FILES: dict[str, tuple[str, ...]] = {
    "kernels.branches": ("call", "cond"),
    "kernels.convolving": CONVOLUTIONS,
    "kernels.iteration": ("scan", "while_loop"),
    "kernels.multiplying": PRODUCTS,
    "kernels.recording": ("while_record", "while_replay"),
    "kernels.running": ("accumulate", "cumprod", "cumsum", "recurrence"),
    "kernels.sorting": ("argsort", "sort"),
    "kernels.ties": ("tie_mean",),
    "linear.lowering": (
        "lu_factors",
        "lu_inverse",
        "lu_solve",
        "symmetric_factor",
        "triangle_solve",
    ),
    "random.lowering": (
        "random_bits",
        "random_fold",
        "random_integers",
        "random_key",
        "random_normal",
        "random_split",
        "random_uniform",
    ),
}
"""Where the lowerings are, and of which primitives."""

_FILE_OF = {name: file for file, names in FILES.items() for name in names}


def lowering_of(equation: Equation) -> Lowering | None:
    """That of an equation whose operands lie in C order; None if it has none."""
    name = equation.primitive.name
    if name not in _FILE_OF:
        return None
    lowering = _lowering(name)
    kinds = operand_types(equation.inputs)
    strides = [contiguous_strides(kind.shape) for kind in kinds]
    return lowering if lowering.accepts(equation, strides) else None


@cache
def _lowering(name: str) -> Lowering:
    module = import_module(f"functrans.compile.llvm.{_FILE_OF[name]}")
    return cast("Lowering", module.LOWERINGS[name])
