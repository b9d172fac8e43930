"""Which results of a program may take the memory of arguments that the caller has given up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.buffers import copies
from functrans.compile.fusion import Group
from functrans.graph.graph import Variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from functrans.graph.graph import Equation


def reused(
    donated: Iterable[Variable],
    steps: Sequence[Equation | Group],
    releases: Sequence[list[Variable]],
    outputs: Sequence[Any],
) -> dict[Variable, Variable]:
    """For outputs of the program, the donated input whose memory each takes.

    An input gives its memory up at the last step that reads it, if nothing holds a view of it.
    """
    results = [x for x in outputs if type(x) is Variable]
    candidates = [v for v in donated if v not in results and v.type.ndim]
    if not candidates:
        return {}
    for step in steps:
        if not (isinstance(step, Group) or copies(step)):
            candidates = [v for v in candidates if not _reads(step, v)]
    found: dict[Variable, Variable] = {}
    last = {v: i for i, released in enumerate(releases) for v in released}
    for i, step in enumerate(steps):
        for out in step.outputs:
            if out not in results or not _writes_into(step):
                continue
            for v in candidates:
                same = (v.type.shape, v.type.dtype) == (out.type.shape, out.type.dtype)
                if same and last.get(v, -1) <= i and _read_before(step, v, out):
                    found[out] = v
                    candidates.remove(v)
                    break
    return found


def _writes_into(step: Equation | Group) -> bool:
    return isinstance(step, Group) or (
        isinstance(step.primitive.impl, np.ufunc)
        and len(step.outputs) == 1
        and step.primitive.kind != "bilinear"
    )


def _reads(step: Equation | Group, v: Variable) -> bool:
    """Whether a variable is an operand; among them are arrays, which compare element by element."""
    return any([x is v for x in step.inputs])


def _read_before(step: Equation | Group, donated: Variable, out: Variable) -> bool:
    """Whether no operation of a group reads the input after the result has been written."""
    if not isinstance(step, Group):
        return True
    written = False
    for equation in step.equations:
        if written and _reads(equation, donated):
            return False
        written = written or out in equation.outputs
    return True
