"""Indices with arrays of positions: which elements of an operand they show, as far as that is
static, and where the rest is read."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from functrans.compile.llvm.plans.affine import FIXED, Coordinate, IndexMap, broadcast, composed
from functrans.core.types import ArrayType, shape_of, type_of
from functrans.graph.graph import Variable
from functrans.primitives.index_expression import ARRAY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functrans.core.types import Shape

LARGEST = 1 << 52
"""Of the numbers that are counted rather than read, so that no sum on the way overflows."""


class Position(NamedTuple):
    """The coordinate along an axis of the operand, as an array holds it.

    Attributes
    ----------
    axis : int
        Of the operand.
    array : Variable
        Of integers; negative ones count from the end.
    where : IndexMap
        Its elements, by the axes of the space.
    """

    axis: int
    array: Variable
    where: IndexMap


def positions(
    shape: Shape,
    index: Any,
    arrays: Sequence[Variable],
    known: Mapping[Variable, Coordinate] = MappingProxyType({}),
) -> tuple[IndexMap, tuple[Position, ...]] | None:
    """What ``x[index]`` shows of an x of a shape: static coordinates, and the arrays on top of
    them. None if the index has masks.

    Of some arrays it is `known` that they count along an axis. These are static, within bounds."""
    block = index.block(len(shape))
    if block is None or any([type(e) is bool for e in index.entries]):
        return None
    kinds = [x.type for x in arrays]
    if not all([k.dtype.kind in "iu" for k in kinds]):
        return None
    block_shape = index.block_shape(tuple([k.shape for k in kinds]))
    static: list[Coordinate] = []
    dynamic: list[Position] = []
    rest = iter(arrays)
    axis = 0  # of the result, leaving the block out

    def behind(axis: int) -> int:
        return axis if axis < block else axis + len(block_shape)

    for e in index.expanded(len(shape)):
        if e is None:
            axis += 1
        elif e is ARRAY:
            array = next(rest)
            where = tuple(
                [
                    c if c.axis is None else c._replace(axis=c.axis + block)
                    for c in broadcast(array.type.shape, block_shape)
                ]
            )
            along = known.get(array)
            extent = shape[len(static)]
            if along is not None and _within(along, array, extent):
                (static_one,) = composed((along,), where)
                static.append(static_one)
                continue
            dynamic.append(Position(len(static), array, where))
            static.append(FIXED)
        elif isinstance(e, slice):
            start, _, step = e.indices(shape[len(static)])
            static.append(Coordinate(behind(axis), start, step))
            axis += 1
        else:
            static.append(Coordinate(None, int(e) % max(shape[len(static)], 1), 0))
    return tuple(static), tuple(dynamic)


def progression(x: np.ndarray[Any, Any]) -> Coordinate | None:
    """How integers count along the only axis that is longer than 1; None if they do not, or there
    are other axes."""
    long = [i for i, n in enumerate(x.shape) if n > 1]
    if x.dtype.kind not in "iu" or len(long) != 1:
        return None
    flat = x.ravel()
    start, step = int(flat[0]), int(flat[1]) - int(flat[0])
    last = start + step * (flat.size - 1)
    if max(abs(start), abs(last)) > LARGEST or int(flat[-1]) != last:
        return None
    expected = np.arange(flat.size) * step + start
    return Coordinate(long[0], start, step) if np.array_equal(flat, expected) else None


def _within(along: Coordinate, array: Variable, extent: int) -> bool:
    """Whether a count stays within an axis, without counting from its end."""
    assert along.axis is not None
    last = along.start + along.step * (array.type.shape[along.axis] - 1)
    return min(along.start, last) >= 0 and max(along.start, last) < extent


def readable(shape: Shape, index: Any, arrays: Sequence[Any]) -> bool:
    """Whether native code can follow an index with these arrays into an operand of a shape.

    Where the arrays tell positions of nothing, these are left to NumPy, which looks at their bounds
    all the same.
    """
    known = [x if type(x) is Variable else Variable(_kind(x)) for x in arrays]
    if positions(shape, index, known) is None:
        return False
    shapes = tuple([x.type.shape for x in known])
    return 0 in index.block_shape(shapes) or 0 not in (*shape, *index.shape(shape, shapes))


def _kind(x: Any) -> ArrayType:
    return ArrayType(shape_of(x), type_of(x).dtype)
