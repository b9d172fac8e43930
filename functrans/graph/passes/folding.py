"""Constant folding: what depends on constants alone is computed once, if it is small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.types import type_of
from functrans.graph.graph import Variable
from functrans.graph.passes.rewriting import rewritten

if TYPE_CHECKING:
    from functrans.graph.graph import Equation, Graph

LIMIT = 4096
"""Bytes of a result up to which it is kept in place of the equation."""

_KINDS = ("elementwise", "chooser", "linear", "bilinear", "nondifferentiable", "reduction")


def fold_constants(graph: Graph) -> Graph:
    """The graph with small results of operations on constants in place of these.

    An operation that would warn or raise is left alone: it does so when the graph runs.
    """
    return rewritten(graph, folded)


def folded(equation: Equation) -> tuple[Any, ...] | None:
    """The result of an equation, if it is one to fold."""
    for x in equation.inputs:
        if type(x) is Variable:
            return None
    primitive = equation.primitive
    if primitive.kind not in _KINDS or primitive.outputs is not None or primitive.effects:
        return None
    (out,) = equation.outputs
    if out.type.nbytes > LIMIT:
        return None
    try:
        with np.errstate(all="raise"):
            value = primitive.impl(*equation.inputs, **equation.params)
    except Exception:  # whatever it is, it belongs to the run
        return None
    return (value,) if type_of(value) == out.type else None
