"""The directions of a basis, in which whole derivatives are taken: followed as what they are, the
rows of a unit matrix, or written out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core import tree
from functrans.core.errors import ConversionError
from functrans.core.interpreter import outside, stack
from functrans.core.types import Array, ArrayType
from functrans.graph.graph import Graph, Variable
from functrans.graph.passes.sparse_values import unit_rows
from functrans.graph.passes.sparsity import SMALLEST, SMALLEST_OF_CALLS, use_sparsity
from functrans.transforms.lifting import lifted
from functrans.transforms.staging import Stage, make_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SPARSE = 1 << 19
"""Elements of a basis from which on its directions are followed as what they are, a unit matrix:
staging costs some 20 microseconds an operation, which takes several hundred on so many elements."""

SPARSE_IN_GRAPHS = 1 << 16
"""The same where operations are recorded: there each costs that much already, and what is made of
unit matrices would be constants that passes look through."""


def in_directions(
    every: Callable[..., Any],
    spaces: Sequence[ArrayType],
    chunk_size: int | None,
    *,
    forward: bool,
) -> Any:
    """What a linear function gives in all directions of the standard basis.

    Parameters
    ----------
    every : callable
        Takes for each space an array with a row for each direction, and returns a pytree of
        arrays. It may be called twice.
    spaces : sequence of ArrayType
    chunk_size : int or None
        As many directions as `every` takes at a time, if it does not take them all.
    forward : bool
        Whether it is a tangent map: outside of graphs a pullback is not staged for this, whose tape
        is there already.
    """
    total = sum([space.size for space in spaces])
    recorders = _recorders()
    if outside():
        follow = forward and total * total >= SPARSE
    else:  # the graph of one call's tangents alone is not worth it
        kept = any([not stage.at_once for stage in recorders])
        follow = kept and total * total >= SPARSE_IN_GRAPHS
    if chunk_size is None and follow:
        found = _followed(every, spaces, total, recorders)
        if found is not None:
            return found
    return every(*_basis(spaces, total))


def _recorders() -> list[Stage]:
    """The interpreters that record operations."""
    found = []
    below: Any = stack.top
    while below is not None:
        if below.records:
            found.append(below)
        below = below.parent
    return found


def _followed(
    every: Callable[..., Any],
    spaces: Sequence[ArrayType],
    total: int,
    recorders: Sequence[Stage],
) -> Any:
    """The same without writing the basis out, or None if that cannot be."""
    kinds = [ArrayType((total, *space.shape), space.dtype) for space in spaces]
    starts = [sum([space.size for space in spaces[:i]]) for i in range(len(spaces))]
    rows = [unit_rows(start, total, space) for start, space in zip(starts, spaces, strict=True)]
    if not any(rows):
        return None
    try:
        graph = make_graph(every)(*kinds)
    except ConversionError:  # a function with rules of its own asks for values of the directions
        return None
    if graph.effects:
        return None
    made, closed = lifted(graph)
    basis = made.inputs[len(closed) :]
    known = {x: found for x, found in zip(basis, rows, strict=True) if found}
    smallest = SMALLEST if recorders else SMALLEST_OF_CALLS
    made = use_sparsity(made, ordered=True, smallest=smallest, known=known)
    read = {x for e in made.equations for x in e.inputs if type(x) is Variable} | {
        x for x in made.outputs if type(x) is Variable
    }
    if read.isdisjoint(basis):
        made.inputs = made.inputs[: len(closed)]
    else:
        closed += _basis(spaces, total)
    with np.errstate(all="ignore"):  # as in a linear function
        outs = _evaluated(made, closed, recorders)
    assert graph.out_tree is not None
    return tree.unflatten(graph.out_tree, outs)


def _evaluated(graph: Graph, values: Sequence[Any], recorders: Sequence[Stage]) -> list[Any]:
    """Run a graph; what is recorded of it keeps its lines."""
    looking = [stage for stage in recorders if stage.line is None]
    if [stack.top] == looking == recorders:  # nobody else is to know of the operations
        return looking[0].take_over(graph, values)

    def at(line: str | None) -> None:
        for stage in looking:
            stage.line = line

    try:
        return graph.evaluate(values, at if looking else None)
    finally:
        at(None)


def _basis(spaces: Sequence[ArrayType], total: int) -> list[Array]:
    """The standard basis of all leaves together, one direction a row."""
    basis: list[Array] = []
    start = 0
    for space in spaces:
        block = np.zeros((total, space.size), space.dtype)
        np.fill_diagonal(block[start : start + space.size], 1)  # what is zero is not touched
        basis.append(block.reshape((total, *space.shape)))
        start += space.size
    return basis
