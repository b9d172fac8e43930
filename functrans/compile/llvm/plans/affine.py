"""Which element of an operand each element of a result shows, where that is affine.

A transposed, sliced, reversed or broadcast array is never copied: whoever reads it reads the
operand at the places that an :class:`IndexMap` tells, and those are an offset and strides of memory
in the end.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from functrans.graph.graph import operand_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.types import Shape
    from functrans.graph.graph import Equation
    from functrans.primitives.index_expression import Index


class Coordinate(NamedTuple):
    """``start + step * i``, where i counts along an axis (None: it is `start` alone)."""

    axis: int | None
    start: int
    step: int


FIXED = Coordinate(None, 0, 0)
"""That of an axis of length 1."""

IndexMap = tuple[Coordinate, ...]
"""For each axis of an operand, the coordinate that an element of the result has along it."""


@lru_cache(maxsize=64)
def identity(rank: int) -> IndexMap:
    """Each element shows itself."""
    return tuple([Coordinate(i, 0, 1) for i in range(rank)])


@lru_cache(maxsize=4096)
def broadcast(shape: Shape, result: Shape) -> IndexMap:
    """An operand of a shape that is broadcast to that of the result."""
    if shape == result:
        return identity(len(shape))
    shift = len(result) - len(shape)
    return tuple(
        [
            FIXED if n == 1 != result[i + shift] else Coordinate(i + shift, 0, 1)
            for i, n in enumerate(shape)
        ]
    )


def composed(inner: IndexMap, outer: IndexMap) -> IndexMap:
    """The map of an operand through one result to the next: `inner` leads from the operand to the
    first, `outer` from that to the second."""
    if inner is outer and inner is identity(len(inner)):  # as mostly
        return inner
    made = []
    for axis, start, step in inner:
        if axis is None:
            made.append(Coordinate(None, start, 0))
        else:
            over, offset, stride = outer[axis]
            made.append(Coordinate(over, start + step * offset, step * stride))
    return tuple(made)


def contiguous_strides(shape: Shape) -> tuple[int, ...]:
    """The strides, counted in elements, of an array in C order."""
    strides = [1] * len(shape)
    for i in range(len(shape) - 2, -1, -1):
        strides[i] = strides[i + 1] * shape[i + 1]
    return tuple(strides)


class Access(NamedTuple):
    """Where the elements of an operand lie: ``offset + sum(strides[k] * i_k)``, in elements."""

    offset: int
    strides: tuple[int, ...]


def access(index: IndexMap, strides: tuple[int, ...], space: Shape) -> Access:
    """Where an operand with these strides is read by one who walks through `space`."""
    offset = 0
    along = [0] * len(space)
    for (axis, start, step), stride in zip(index, strides, strict=True):
        offset += start * stride
        if axis is not None and space[axis] != 1:
            along[axis] += step * stride
    return Access(offset, tuple(along))


def movement(equation: Equation) -> IndexMap | None:
    """What an equation that only moves elements shows of its operand; None if it is another, or
    the elements move in another way."""
    read = _MOVEMENTS.get(equation.primitive.name)
    if read is None:
        return None
    (out,) = equation.outputs
    x = equation.inputs[0]
    shape = operand_type(x).shape
    return read(shape, out.type.shape, equation)


def _transposed(shape: Shape, _: Shape, equation: Equation) -> IndexMap:
    axes = equation.params["axes"]
    return tuple([Coordinate(axes.index(j), 0, 1) for j in range(len(shape))])


def _flipped(shape: Shape, _: Shape, equation: Equation) -> IndexMap:
    axes = equation.params["axes"]
    return tuple(
        [
            Coordinate(j, n - 1, -1) if j in axes else Coordinate(j, 0, 1)
            for j, n in enumerate(shape)
        ]
    )


def _reshaped(shape: Shape, result: Shape, _: Equation) -> IndexMap | None:
    """Only axes of length 1 come and go; else the operand has to lie in C order."""
    long = [i for i, n in enumerate(result) if n != 1]
    if [result[i] for i in long] != [n for n in shape if n != 1]:
        return None
    rest = iter(long)
    return tuple([FIXED if n == 1 else Coordinate(next(rest), 0, 1) for n in shape])


def _indexed(shape: Shape, _: Shape, equation: Equation) -> IndexMap | None:
    return None if len(equation.inputs) > 1 else basic_index(shape, equation.params["index"])


def basic_index(shape: Shape, index: Index) -> IndexMap | None:
    """What ``x[index]`` shows of x, if the index consists of numbers, slices, None and `...`."""
    entries = index.expanded(len(shape))
    if any([type(e) is bool for e in entries]):
        return None
    made: list[Coordinate] = []
    axis = 0
    for e in entries:
        if e is None:
            axis += 1
            continue
        n = shape[len(made)]
        if isinstance(e, slice):
            start, _, step = e.indices(n)
            made.append(Coordinate(axis, start, step))
            axis += 1
        else:
            made.append(Coordinate(None, int(e) % n, 0))
    return tuple(made)


_MOVEMENTS: dict[str, Callable[[Shape, Shape, Equation], IndexMap | None]] = {
    "broadcast_to": lambda shape, result, _: broadcast(shape, result),
    "transpose": _transposed,
    "flip": _flipped,
    "reshape": _reshaped,
    "stop_gradient": lambda shape, result, _: identity(len(shape)),
    "index": _indexed,
}
