"""What becomes of control flow in graphs that run as they are and are transformed no more.

The modules that see to it are loaded with the first operation that they are about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.graph.passes.running import REWRITES
from functrans.transforms.staging import CUSTOM_CALL

if TYPE_CHECKING:
    from functrans.graph.graph import Graph


def _inlined(graph: Graph) -> Graph:
    """The graph with the operations of functions with rules of their own."""
    if not any([e.primitive is CUSTOM_CALL for e in graph.equations]):
        return graph
    from functrans.control.inlining import inlined

    return inlined(graph)


def _recorded(graph: Graph) -> Graph:
    """The graph with loops that keep what their pullbacks need."""
    if not any([e.primitive.name == "late_vjp" for e in graph.equations]):
        return graph
    from functrans.control.recorded import recorded

    return recorded(graph)


REWRITES += [_inlined, _recorded]
