"""Sparse values, as :mod:`functrans.graph.passes.sparsity` follows them: in constants, and through
movements of elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from functrans.primitives.index_expression import Index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.core.types import ArrayType, Shape

KINDS = "biuf"
"""The kinds of numbers that are followed."""

MOST = 8
"""Entries of a column up to which it is followed; axes are longer, so that the base is somewhere in
each column and reports no errors that the whole would not."""

_IN_CONSTANT = 2
"""The same for a constant, which unit matrices and one-hot rows have one of."""

NOWHERE = -1
"""Stands for the row of an entry in columns that have none; the value there is that of the base."""


class Sparse(NamedTuple):
    """A value that along an axis is the same but for a few entries.

    Attributes
    ----------
    axis : int
    length : int
        Of the axis.
    base : Variable or constant
        With a length of 1 along the axis, like all that follows.
    entries : tuple of (ndarray of int64, Variable or constant)
        For each column a row and the value there. Pairs tell different rows in every column.
    computed : bool
        Whether it is the result of an operation that is more than a view of a constant.
    """

    axis: int
    length: int
    base: Any
    entries: tuple[tuple[np.ndarray[Any, Any], Any], ...]
    computed: bool


def _is_followed(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in KINDS and dtype.itemsize <= 8


def sparse_constant(x: np.ndarray[Any, Any], axis: int) -> Sparse | None:
    """A constant as sparse along an axis, if it is: compared to the bit."""
    length = x.shape[axis]
    if length <= MOST or not _is_followed(x.dtype):
        return None
    if not all(x.strides):
        return _of_broadcast(x, axis)
    bits = x.view(f"u{x.dtype.itemsize}") if x.dtype.kind == "f" else x
    # Of so many rows, the number of the base is in most, and in each pair of which one has it.
    some = [(length - 1) * k // (2 * _IN_CONSTANT) for k in range(2 * _IN_CONSTANT + 1)]
    before: tuple[Any, ...] = (slice(None),) * axis
    few = bits[(*before, some)]  # numpy.take copies all of what is not in C order
    few.sort(axis)
    row = few[(*before, slice(_IN_CONSTANT, _IN_CONSTANT + 1))]
    base = row.reshape(x.shape[:axis] + x.shape[axis + 1 :])
    if np.count_nonzero(few != row) > _IN_CONSTANT * base.size:
        return None
    other = bits != row
    differing = np.count_nonzero(other)
    if differing > _IN_CONSTANT * base.size:
        return None
    found = np.flatnonzero(other) if differing else np.zeros(0, int)
    places = np.unravel_index(found, x.shape)  # several times as fast as numpy.nonzero
    rows = places[axis]
    columns = np.ravel_multi_index(places[:axis] + places[axis + 1 :], base.shape)
    order = np.lexsort((rows, columns))
    rows, columns = rows[order], columns[order]
    earlier = np.arange(len(columns)) - np.searchsorted(columns, columns)  # in the same column
    count = int(np.max(earlier, initial=-1)) + 1
    if count > _IN_CONSTANT:
        return None

    shape = with_one(x.shape, axis)

    def along(numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return numbers.reshape(shape)

    entries = []
    for k in range(count):
        which = np.flatnonzero(earlier == k)
        own = np.full(base.size, NOWHERE)
        own[columns[which]] = rows[which]
        values = base.flatten()
        values[columns[which]] = bits[tuple([p[order][which] for p in places])]
        entries.append((along(own), along(values.view(x.dtype))))
    return Sparse(axis, length, along(base.view(x.dtype)), tuple(entries), False)


def _of_broadcast(x: np.ndarray[Any, Any], axis: int) -> Sparse | None:
    """The same of an array that is broadcast along some of its axes: what lies in memory is looked
    at once."""
    if not x.strides[axis]:
        return Sparse(axis, x.shape[axis], x[(slice(None),) * axis + (slice(1),)], (), False)
    lying = x[tuple([slice(None if step else 1) for step in x.strides])].copy()
    found = sparse_constant(lying, axis)
    if found is None:
        return None
    shape = with_one(x.shape, axis)
    entries = [
        (np.broadcast_to(rows, shape), np.broadcast_to(values, shape))
        for rows, values in found.entries
    ]
    return Sparse(axis, found.length, np.broadcast_to(found.base, shape), tuple(entries), False)


def unit_rows(start: int, total: int, space: ArrayType) -> list[Sparse]:
    """Rows of a unit matrix as sparse along their axes, told without a look at them: of so many
    rows in `total`, those from `start` on have their one among the columns of `space`."""
    shape = (total, *space.shape)
    if not _is_followed(space.dtype):
        return []
    lanes = np.arange(start, start + space.size)
    places = [lanes, *np.indices(space.shape).reshape(space.ndim, space.size)]
    found = []
    for axis, length in enumerate(shape):
        if length <= MOST:
            continue
        small = with_one(shape, axis)
        columns = tuple([np.zeros_like(p) if i == axis else p for i, p in enumerate(places)])
        rows = np.full(small, NOWHERE)
        rows[columns] = places[axis]
        base = np.zeros(small, space.dtype)
        found.append(Sparse(axis, length, base, ((rows, (rows >= 0).astype(space.dtype)),), False))
    return found


def tell_apart(all_rows: Sequence[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    """Rows that tell apart, in each column, the rows of all entries there."""
    found: list[np.ndarray[Any, Any]] = []
    for rows in all_rows:
        if any([rows is known for known in found]):
            continue
        rest = rows
        met = []
        for k, known in enumerate(found):
            same = (known == rest) & (rest >= 0)
            if same.any():
                met.append(k)
                rest = np.where(same, NOWHERE, rest)
        if not (rest >= 0).any():
            continue
        for k in met:
            if not ((found[k] >= 0) & (rest >= 0)).any():
                found[k] = np.maximum(found[k], rest)
                break
        else:
            found.append(rest)
    return found


# Where an axis stands after a movement, and the parameters for a length of 1 there; None if it is
# touched.

_Movement = Callable[[dict[str, Any], "Shape", "Shape", int], "tuple[int, dict[str, Any]] | None"]


def with_one(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], 1, *shape[axis + 1 :])


def _reshaped(
    params: dict[str, Any], shape: Shape, out: Shape, axis: int
) -> tuple[int, dict[str, Any]] | None:
    before = int(np.prod(shape[:axis]))
    for place, n in enumerate(out):
        if n == shape[axis] and int(np.prod(out[:place])) == before:
            return place, {"shape": with_one(out, place)}
    return None


def _transposed(
    params: dict[str, Any], shape: Shape, out: Shape, axis: int
) -> tuple[int, dict[str, Any]]:
    return params["axes"].index(axis), params


def _broadcast(
    params: dict[str, Any], shape: Shape, out: Shape, axis: int
) -> tuple[int, dict[str, Any]]:
    place = axis + len(out) - len(shape)
    return place, {"shape": with_one(out, place)}


def _flipped(
    params: dict[str, Any], shape: Shape, out: Shape, axis: int
) -> tuple[int, dict[str, Any]] | None:
    return None if axis in params["axes"] else (axis, params)


def _padded(
    params: dict[str, Any], shape: Shape, out: Shape, axis: int
) -> tuple[int, dict[str, Any]] | None:
    return (axis, params) if tuple(params["widths"][axis]) == (0, 0) else None


def _rolled(
    params: dict[str, Any], shape: Shape, out: Shape, axis: int
) -> tuple[int, dict[str, Any]] | None:
    return (axis, params) if axis != params["axis"] else None


def indexed(
    params: dict[str, Any], shape: Shape, out: Shape, axis: int
) -> tuple[int, dict[str, Any]] | None:
    entries = params["index"].expanded(len(shape))
    if any([type(e) is bool for e in entries]):
        return None
    read = made = 0
    for i, e in enumerate(entries):
        if e is not None:
            if read == axis:
                if not isinstance(e, slice) or e.indices(shape[axis]) != (0, shape[axis], 1):
                    return None
                entries[i] = slice(None)
                return made, {"index": Index(tuple(entries), params["index"].unique)}
            read += 1
        made += e is None or isinstance(e, slice)
    return None


MOVES: dict[str, _Movement] = {
    "reshape": _reshaped,
    "transpose": _transposed,
    "broadcast_to": _broadcast,
    "flip": _flipped,
    "pad": _padded,
    "roll": _rolled,
    "index": indexed,
}
