"""What becomes of a graph that runs as it is and is transformed no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.graph.graph import Graph

REWRITES: list[Callable[[Graph], Graph]] = []
"""What is done to such graphs, entered by those above whose operations it is about."""


def runnable(graph: Graph) -> Graph:
    """The graph with operations that are only good for being run."""
    for rewrite in REWRITES:
        graph = rewrite(graph)
    return graph
