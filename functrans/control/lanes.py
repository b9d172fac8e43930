"""Running a graph on those lanes of a batch that need it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.control.derived import batch_graph
from functrans.core.algebra import algebra
from functrans.core.types import shape_of

if TYPE_CHECKING:
    from functrans.control.derived import Flags
    from functrans.graph.graph import Graph


def padded(lanes: np.ndarray[Any, Any], *graphs: Graph) -> np.ndarray[Any, Any]:
    """The lanes with the last one repeated up to a power of two, so that few programs serve; as
    they are where a graph has effects, which no lane may have twice."""
    if any(graph.effects for graph in graphs):
        return lanes
    size = 1 << (len(lanes) - 1).bit_length()
    return np.append(lanes, np.full(size - len(lanes), lanes[-1]))


def lanes_of(graph: Graph, size: int, flags: Flags) -> Graph:
    """The graph on so many lanes, all outputs with lanes."""
    return batch_graph(graph, size, flags, (True,) * len(graph.outputs))[0]


def flattened(x: Any, batched: bool, mapped: bool, size: int, inner: int) -> Any:
    """An operand of a batch of operations that have lanes already, with all lanes in one axis.

    It may have the axis of the batch (of `size`), that of the lanes (`inner`), both or none.
    """
    if not (batched or mapped):
        return x
    shape = shape_of(x)[batched + mapped :]
    if batched and not mapped:
        x = algebra.reshape(x, shape=(size, 1, *shape))
    x = algebra.broadcast_to(x, shape=(size, inner, *shape))
    return algebra.reshape(x, shape=(size * inner, *shape))


def unflattened(x: Any, size: int, inner: int) -> Any:
    """A result with the two axes of lanes apart again."""
    return algebra.reshape(x, shape=(size, inner, *shape_of(x)[1:]))
