"""Indexing, and its update and addition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.array import TracedArray
from functrans.core.cotangent import Masked, Scattered, masked
from functrans.core.interpreter import stack
from functrans.core.kinds import align, general
from functrans.core.overwriting import InPlace
from functrans.core.primitive import ZERO, primitive_of
from functrans.core.types import Array, ArrayType, Shape, dtype_of, shape_of

from .arithmetic import astype, remainder
from .comparison import equal, maximum, minimum, where
from .index_expression import ARRAY, Index, index_arguments, index_array, is_static
from .samples import Sample, draw, draw_complex
from .shape import broadcast_to, inverse_permutation, reshape, transpose

if TYPE_CHECKING:
    from functrans.core.kinds import Function


def shapes_of(arrays: tuple[Array, ...]) -> tuple[Shape, ...]:
    return tuple([shape_of(a) for a in arrays])


# Indexing


def index_batch(x: Array, *arrays: Array, batched: tuple[bool, ...], index: Index) -> Array:
    if batched[0]:
        index, arrays, axes = batched_index(x, arrays, batched[1:], index)
        ans = index_(x, *arrays, index=index)
        return ans if axes is None else transpose(ans, axes=axes)
    ans = index_(x, *aligned(arrays, batched[1:], index), index=Index(index.entries))
    place = index.block(len(shape_of(x)))
    if not place:
        return ans
    rest = range(place + 1, len(shape_of(ans)))
    return transpose(ans, axes=(place, *range(place), *rest))


def batched_index(
    x: Array, arrays: tuple[Array, ...], batched: tuple[bool, ...], index: Index
) -> tuple[Index, tuple[Array, ...], tuple[int, ...] | None]:
    """The index and its arrays for all lanes of `x` at once, whose axis 0 is the batch axis.

    ``transpose(x[index], axes)`` has the batch axis first and the others as in each lane (`axes`
    None: no transposition is needed).
    """
    shape = shape_of(x)
    lane_shapes = tuple(shape_of(a)[b:] for a, b in zip(arrays, batched, strict=True))
    place = index.block(len(shape) - 1)
    ndim = 1 + len(index.shape(shape[1:], lane_shapes))
    rank = 0 if place is None else len(index.block_shape(lane_shapes))
    if any(batched):
        lanes = np.arange(shape[0])
        arrays = aligned((lanes, *arrays), (True, *batched), index)
        # Places in different lanes differ.
        index = Index((ARRAY, *index.entries), not index.may_repeat(lane_shapes))
        # NumPy's order: the batch axis, the block of the arrays, the other axes.
        start, stop = 1 + rank, 1 + rank + (place or 0)
        axes = (0, *range(start, stop), *range(1, start), *range(stop, ndim))
        return index, arrays, axes if place else None
    whole = Index((slice(None), *index.entries), index.unique)
    if whole.block(len(shape)) == 0:  # separated arrays: their block stands in front
        return whole, arrays, (rank, *range(rank), *range(rank + 1, ndim))
    return whole, arrays, None


def aligned(
    arrays: tuple[Array, ...], batched: tuple[bool, ...], index: Index
) -> tuple[Array, ...]:
    """Index arrays with axes put behind the batch axis, so that they broadcast as in each lane."""
    scalar_masks = [np.zeros(1) for e in index.entries if type(e) is bool]
    operands = (*arrays, *scalar_masks)
    return tuple(align(operands, (*batched, *[False] * len(scalar_masks)))[: len(arrays)])


def index_shape(x: ArrayType, *arrays: ArrayType, index: Index) -> ArrayType:
    return ArrayType(index.shape(x.shape, tuple(a.shape for a in arrays)), x.dtype)


def indexed(key: Any, shape: Shape, label: str = "") -> Sample:
    """A sample of ``x[key]``."""
    index, arrays = index_arguments(shape, key)
    return Sample(draw(shape, -1, 1), *arrays, index=index, label=label)


def index_pull(g: Array, rest: tuple[Array, ...], *, index: Index) -> Any:
    if index.widens:
        return reshape(g, shape=index.narrowed(shape_of(g)))
    return Scattered(g, rest, index)


index_: Function = general(
    "index",
    lambda x, *arrays, index: x[index.key(arrays)],
    pushes=(lambda t, rest, *, index: index_(t, *rest, index=index), ZERO),
    pulls=(index_pull, ZERO),
    batch=index_batch,
    shape=index_shape,
    masks="moves",
    samples=lambda: [
        indexed(1, (3,)),
        indexed(-1, (3, 2)),
        indexed(slice(None, None, -2), (5,)),
        indexed((slice(1, None), None, 0), (3, 2)),
        indexed((..., 1), (2, 3)),
        indexed((slice(None), None), (2, 3), "an axis more"),
        indexed((None, ..., None), (2,), "axes more"),
        indexed((), (2,), "everything"),
        indexed(..., (), "0-d"),
        indexed(slice(2, 2), (3,), "empty"),
        indexed([0, 2, 0], (3,), "repeated positions"),
        indexed([[0, -1], [1, 1]], (3, 2)),
        indexed(([0, 1], slice(None), [1, 2]), (2, 2, 3), "separated arrays"),
        indexed((slice(None), [0, 1], 1), (2, 2, 3), "array beside an integer"),
        indexed(([[0], [1]], [1, 0, 1]), (2, 2), "broadcast arrays"),
        indexed(np.array([True, False, True]), (3, 2), "mask"),
        indexed(np.array([], int), (3,), "no positions"),
        Sample(draw((3,), -1, 1).astype(np.float32), index=Index((0,)), label="float32"),
        Sample(draw_complex((3,), -1, 1), np.array([0, 0]), index=Index((ARRAY,)), label="complex"),
        Sample(draw((2, 3), -1, 1).T, index=Index((slice(1, None),)), label="non-contiguous"),
    ],
)


# Addition and update at an index


def batched_write(
    operands: tuple[Array, ...], batched: tuple[bool, ...], index: Index
) -> tuple[tuple[Array, ...], Index]:
    """The operands and the index that write to all lanes."""
    x, y, *arrays = operands
    if not batched[0]:
        size = next(shape_of(a)[0] for a, b in zip(operands, batched, strict=True) if b)
        x = broadcast_to(x, shape=(size, *shape_of(x)))
    index, new_arrays, axes = batched_index(x, tuple(arrays), batched[2:], index)
    if batched[1] or axes is not None:
        shape = shape_of(y)
        lanes, own = (shape[:1], shape[1:]) if batched[1] else ((1,), shape)
        rank = len(index.shape(shape_of(x), shapes_of(new_arrays))) - 1
        y = reshape(y, shape=lanes + (1,) * (rank - len(own)) + own)
        if axes is not None:
            y = transpose(y, axes=inverse_permutation(axes))
    return (x, y, *new_arrays), index


def index_add_batch(*operands: Array, batched: tuple[bool, ...], index: Index) -> Array:
    operands, index = batched_write(operands, batched, index)
    return index_add(*operands, index=index)


def written_shape(x: ArrayType, y: ArrayType, *arrays: ArrayType, index: Index) -> ArrayType:
    target = index.shape(x.shape, tuple(a.shape for a in arrays))
    if np.broadcast_shapes(y.shape, target) != target:
        raise ValueError(
            f"could not broadcast input array from shape {y.shape} into shape {target}"
        )
    return ArrayType(x.shape, x.dtype)


def index_add_write(x: Any, y: Array, arrays: tuple[Array, ...], index: Index) -> None:
    index.add_at(x, y, arrays)


def index_add_impl(x: Array, y: Array, *arrays: Array, index: Index) -> Array:
    out = np.array(x)
    index.add_at(out, y, arrays)
    return out


def written(key: Any, shape: Shape, y: Array, label: str = "") -> Sample:
    """A sample of writing `y` to ``x[key]``."""
    index, arrays = index_arguments(shape, key)
    return Sample(draw(shape, -1, 1), y, *arrays, index=index, label=label)


def writes() -> list[Sample]:
    return [
        written(1, (3,), 2.0, "Python number"),
        written(slice(1, None), (3, 2), draw((2, 2), -1, 1, 1)),
        written((slice(1, None), None, 0), (3, 2), draw((1,), -1, 1, 1), "broadcast"),
        written((), (), draw((), -1, 1, 1), "0-d"),
        written(slice(1, 1), (3,), draw((0,), -1, 1, 1), "empty"),
        written([2, 0], (3,), draw((2,), -1, 1, 1)),
        written([0, 2, 0], (3,), draw((3,), -1, 1, 1), "repeated positions"),
        written([0, 2, 0], (3, 2), draw((2,), -1, 1, 1), "repeated positions, broadcast"),
        written(
            ([0, 1, 0], slice(None), [1, 2, 1]), (2, 2, 3), draw((3, 2), -1, 1, 1), "separated"
        ),
        written(np.array([True, False, True]), (3, 2), draw((2, 2), -1, 1, 1), "mask"),
        Sample(
            draw((3,), -1, 1).astype(np.float32),
            draw((2,), -1, 1, 1).astype(np.float32),
            index=Index((slice(2),)),
            label="float32",
        ),
        Sample(
            draw_complex((3,), -1, 1), draw((), -1, 1, 1), index=Index((0,)), label="complex, real"
        ),
        Sample(
            draw_complex((3,), -1, 1),
            draw_complex((2,), -1, 1, 1),
            index=Index((slice(2),)),
            label="complex",
        ),
    ]


def overwritten() -> list[Sample]:
    """The last of two writes to one position counts, and no element that was there before."""
    index, arrays = index_arguments((3,), [0, 2, 0])
    return [
        Sample(
            np.ones(3),
            np.ones(3),
            *arrays,
            index=index,
            pinned=[[0, 1, 0], [0, 1, 1], None],
            unchosen=True,
            label="overwritten",
        )
    ]


index_add: Function = general(
    "index_add",
    index_add_impl,
    push_all=lambda ts, xs, *, index: index_add(ts[0], ts[1], *xs[2:], index=index),
    pulls=(lambda g: g, lambda g, tail, *, index: index_(g, *tail, index=index), ZERO),
    batch=index_add_batch,
    shape=written_shape,
    masks="moves",
    in_place=InPlace(index_add_write, batched_write, erases=False),
    samples=writes,
)


def index_update_write(x: Any, y: Any, arrays: tuple[Array, ...], index: Index) -> None:
    if getattr(y, "dtype", None) is not x.dtype:
        y = np.asarray(y, x.dtype)  # what cannot be converted is refused before anything changes
    x[index.key(arrays)] = y


def index_update_impl(x: Array, y: Array, *arrays: Array, index: Index) -> Array:
    out = np.array(x)
    out[index.key(arrays)] = y
    return out


def index_update_pull_x(g: Array, tail: tuple[Array, ...], *, index: Index) -> Masked:
    kept = index_update(np.ones(shape_of(g), bool), False, *tail, index=index)
    return Masked(index_update(g, 0, *tail, index=index), kept)


def index_update_pull_y(g: Array, tail: tuple[Array, ...], *, index: Index) -> Any:
    g_y = index_(g, *tail, index=index)
    if not index.may_repeat(shapes_of(tail)):
        return g_y
    # The last of the elements written to one position is the one that stays: see which do.
    shape = shape_of(g_y)
    numbers = np.arange(1, 1 + g_y.size).reshape(shape)
    last = index_update(np.zeros(shape_of(g), int), numbers, *tail, index=index)
    return masked(g_y, equal(index_(last, *tail, index=index), numbers))


def index_update_batch(*operands: Array, batched: tuple[bool, ...], index: Index) -> Array:
    operands, index = batched_write(operands, batched, index)
    return index_update(*operands, index=index)


index_update: Function = general(
    "index_update",
    index_update_impl,
    push_all=lambda ts, xs, *, index: index_update(ts[0], ts[1], *xs[2:], index=index),
    pulls=(index_update_pull_x, index_update_pull_y, ZERO),
    batch=index_update_batch,
    shape=written_shape,
    masks="moves",
    in_place=InPlace(index_update_write, batched_write, erases=True),
    samples=lambda: writes() + overwritten(),
)


# By NumPy's index expressions


def getitem(x: Array, key: Any) -> Array:
    """``x[key]`` for whatever NumPy takes as `key`; `x` and integer arrays in it may be traced."""
    if isinstance(x, TracedArray) and x.interpreter is not stack.top:
        x.check_active()
    if is_static(key):
        return index_(x, index=Index((key,)))
    if type(key) is tuple and all(map(is_static, key)):
        return index_(x, index=Index(key))
    index, arrays = index_arguments(shape_of(x), key)
    return index_(x, *arrays, index=index)


def setitem(x: Array, key: Any, y: Array, *, replaces: bool = False) -> Array:
    """A copy of `x` after ``x[key] = y``; with `replaces` it takes the place of `x`, whose memory
    it may use.

    Of a traced mask only a single value can be written: how many values it takes is not known.
    """
    if isinstance(key, TracedArray) and key.dtype.kind == "b" and shape_of(y) == ():
        return _fill(x, key, y)
    index, arrays = index_arguments(shape_of(x), key)
    return updated(x, y, arrays, index, replaces=replaces)


def updated(
    x: Array,
    y: Array,
    arrays: tuple[Array, ...],
    index: Index,
    *,
    replaces: bool = False,
    adds: bool = False,
) -> Array:
    """The same at an :class:`Index`, or with `adds` a copy after an addition there."""
    if adds:
        operation = index_add
    else:
        operation, y = index_update, to_assign(y, len(index.shape(shape_of(x), shapes_of(arrays))))
    interpreter = stack.top
    if replaces and interpreter and isinstance(x, TracedArray) and x.interpreter is interpreter:
        written = interpreter.overwrite(primitive_of(operation), x, y, arrays, index)
        if written is not None:
            return written
    return operation(x, y, *arrays, index=index)


def to_assign(y: Array, rank: int) -> Array:
    """`y` without leading axes of length 1 beyond this rank, which NumPy lets go in assignments."""
    extra = len(shape_of(y)) - rank
    if extra > 0 and shape_of(y)[:extra] == (1,) * extra:
        return reshape(y, shape=shape_of(y)[extra:])
    return y


def _fill(x: Array, mask: Array, y: Array) -> Array:
    shape = shape_of(x)
    if mask.shape != shape[: mask.ndim]:
        raise IndexError(
            f"boolean index of shape {mask.shape} did not match an array of shape {shape}"
        )
    if mask.ndim < len(shape):
        mask = reshape(mask, shape=mask.shape + (1,) * (len(shape) - mask.ndim))
    return where(mask, astype(y, dtype=dtype_of(x)) if dtype_of(y) != dtype_of(x) else y, x)


def first_axis(x: Array, i: int) -> Array:
    """``x[i]``."""
    return index_(x, index=Index((i,)))


def rows(x: Array, start: int, stop: int) -> Array:
    """``x[start:stop]``."""
    return index_(x, index=Index((slice(start, stop),)))


def take(x: Array, indices: Any, *, axis: int | None = None, mode: str = "raise") -> Array:
    """The elements of `x` at `indices` along `axis` (0 or positive), or of the flattened `x`.

    Parameters
    ----------
    x : array
    indices : int, array of ints or nested lists of ints
    axis : int, optional
    mode : {"raise", "wrap", "clip"}
        What becomes of indices out of bounds; "clip" also makes negative ones 0.

    Raises
    ------
    IndexError
        With mode "raise", if an index is out of bounds.
    """
    if axis is None:
        x = reshape(x, shape=(np.prod(shape_of(x), dtype=int).item(),))
        axis = 0
    size = shape_of(x)[axis]
    indices = index_array(indices)
    if indices.dtype.kind == "b":
        indices = astype(indices, dtype=np.dtype(np.intp))
    if mode == "wrap":
        indices = remainder(indices, size)
    elif mode == "clip":
        indices = minimum(maximum(indices, 0), size - 1)
    elif mode != "raise":
        raise ValueError(f"take: mode must be 'raise', 'wrap' or 'clip', got {mode!r}")
    return getitem(x, (slice(None),) * axis + (indices,))


def take_along_axis(x: Array, indices: Array, *, axis: int | None, unique: bool = False) -> Array:
    """For each position of the other axes the elements of `x` at `indices` along `axis`.

    `unique` promises that no index occurs twice along `axis` (a permutation); it saves time.
    """
    if axis is None:
        x = reshape(x, shape=(np.prod(shape_of(x), dtype=int).item(),))
        axis = 0
    index, arrays = _along_axis(shape_of(x), indices, axis, unique)
    return index_(x, *arrays, index=index)


def along_axis(shape: Shape, indices: Array, axis: int) -> tuple[Array, ...]:
    """The positions in an array of this shape of the elements that `take_along_axis` takes."""
    return _along_axis(shape, indices, axis, False)[1]


def put_along_axis(x: Array, indices: Array, y: Array, *, axis: int) -> Array:
    """A copy of `x` with `y` at `indices` along `axis`, for each position of the other axes."""
    index, arrays = _along_axis(shape_of(x), indices, axis, False)
    return index_update(x, y, *arrays, index=index)


def rearrange(x: Array, order: Array, *, axis: int) -> Array:
    """The elements of `x` moved along `axis` to the positions in `order`, which are a permutation.

    It undoes ``take_along_axis(..., order)``, of which it is the transpose.
    """
    index, arrays = _along_axis(shape_of(x), order, axis, True)
    return index_update(np.zeros(shape_of(x), dtype_of(x)), x, *arrays, index=index)


def _along_axis(
    shape: Shape, indices: Array, axis: int, unique: bool
) -> tuple[Index, tuple[Array, ...]]:
    ndim = len(shape)
    if len(shape_of(indices)) != ndim:
        raise ValueError(
            f"indices need {ndim} dimensions as the array has, got {shape_of(indices)}"
        )
    if dtype_of(indices).kind not in "iu":
        raise IndexError(f"indices must be integers, got {dtype_of(indices)}")
    arrays = tuple(
        indices if i == axis else np.arange(n).reshape((n,) + (1,) * (ndim - 1 - i))
        for i, n in enumerate(shape)
    )
    return Index((ARRAY,) * ndim, unique), arrays


# Diagonals


def _diagonal_positions(n: int, m: int, offset: int) -> tuple[Array, Array]:
    """Rows and columns of a diagonal of an n by m matrix."""
    row, column = max(-offset, 0), max(offset, 0)
    steps = np.arange(max(min(n - row, m - column), 0))
    return steps + row, steps + column


def diagonal(x: Array, *, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The diagonals over two axes (0 or positive), as the last axis of the result."""
    shape = shape_of(x)
    order = (*(i for i in range(len(shape)) if i not in (axis1, axis2)), axis1, axis2)
    if order != tuple(range(len(shape))):
        x = transpose(x, axes=order)
    positions = _diagonal_positions(shape[axis1], shape[axis2], offset)
    return index_(x, *positions, index=Index((..., ARRAY, ARRAY), unique=True))


def from_diagonal(x: Array, *, offset: int = 0) -> Array:
    """Square matrices, zero but for a diagonal: the last axis of `x`."""
    *lead, length = shape_of(x)
    n = length + abs(offset)
    positions = _diagonal_positions(n, n, offset)
    zeros = np.zeros((*lead, n, n), dtype_of(x))
    return index_add(zeros, x, *positions, index=Index((..., ARRAY, ARRAY), unique=True))
