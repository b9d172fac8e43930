"""Indices with arrays of positions: which elements of an operand they show, as far as that is
static, and where the rest is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from functrans.compile.llvm.plans.affine import FIXED, Coordinate, IndexMap, broadcast
from functrans.core.types import ArrayType, shape_of, type_of
from functrans.graph.graph import Variable
from functrans.primitives.index_expression import ARRAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.core.types import Shape


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
    shape: Shape, index: Any, arrays: Sequence[Variable]
) -> tuple[IndexMap, tuple[Position, ...]] | None:
    """What ``x[index]`` shows of an x of a shape: static coordinates, and the arrays on top of
    them. None if the index has masks."""
    block = index.block(len(shape))
    if block is None or any([type(e) is bool for e in index.entries]):
        return None
    kinds = [x.type for x in arrays]
    if not all([k.dtype.kind in "iu" for k in kinds]):
        return None
    block_shape = index.block_shape(tuple([k.shape for k in kinds]))
    entries = list(index.entries)
    if Ellipsis not in entries:
        entries.append(Ellipsis)
    place = entries.index(Ellipsis)
    entries[place : place + 1] = [slice(None)] * index.omitted(len(shape))
    static: list[Coordinate] = []
    dynamic: list[Position] = []
    rest = iter(arrays)
    axis = 0  # of the result, leaving the block out

    def behind(axis: int) -> int:
        return axis if axis < block else axis + len(block_shape)

    for e in entries:
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
            dynamic.append(Position(len(static), array, where))
            static.append(FIXED)
        elif isinstance(e, slice):
            start, _, step = e.indices(shape[len(static)])
            static.append(Coordinate(behind(axis), start, step))
            axis += 1
        else:
            static.append(Coordinate(None, int(e) % max(shape[len(static)], 1), 0))
    return tuple(static), tuple(dynamic)


def readable(shape: Shape, index: Any, arrays: Sequence[Any]) -> bool:
    """Whether native code can follow an index with these arrays into an operand of a shape."""
    known = [x if type(x) is Variable else Variable(_kind(x)) for x in arrays]
    found = positions(shape, index, known)
    return found is not None and all([shape[p.axis] for p in found[1]])


def _kind(x: Any) -> ArrayType:
    return ArrayType(shape_of(x), type_of(x).dtype)
