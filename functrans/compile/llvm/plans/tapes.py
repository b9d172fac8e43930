"""Tapes: one piece of memory for what the rounds of a loop keep for its pullback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from functrans.core.types import ArrayType
from functrans.graph.graph import Equation, Graph, Variable
from functrans.graph.passes.rewriting import like

if TYPE_CHECKING:
    from collections.abc import Callable

TAPE = 1 << 22
"""Bytes of a tape. Those that no round writes to cost nothing."""

BYTE = np.dtype(np.uint8)


def taped(graph: Graph, fits: Callable[[Equation], bool]) -> Graph:
    """The graph with tapes of native code in place of lists, where both halves of a loop can be
    native code."""
    names = {e.primitive.name for e in graph.equations}
    if "while_record" not in names:
        return graph
    new: dict[Equation, Equation] = {}
    for loop in graph.equations:
        if loop.primitive.name != "while_record":
            continue
        tape = loop.outputs[-1]
        readers = [e for e in graph.equations if any([x is tape for x in e.inputs])]
        if any([x is tape for x in graph.outputs]) or tape.type.dtype == BYTE:
            continue
        memory = Variable(ArrayType((TAPE,), BYTE))
        halves = [loop.changed(outputs=(*loop.outputs[:-1], memory))]
        halves += [e.changed(inputs=(memory, *e.inputs[1:])) for e in readers]
        pulled = readers and all([e.primitive.name == "while_replay" for e in readers])
        if pulled and all(map(fits, halves)):
            new.update(zip([loop, *readers], halves, strict=True))
    if not new:
        return graph
    return like(graph, [new.get(e, e) for e in graph.equations], graph.outputs)
