"""Dead code: equations that no output needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functrans.graph.graph import Graph


def remove_dead(graph: Graph) -> Graph:
    """The graph without what neither an output nor an effect needs."""
    pruned = graph.pruned()
    return graph if len(pruned.equations) == len(graph.equations) else pruned
