"""Reading and updating elements by index: take, diagonals, triangles, and functional updates."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.errors import ConversionError, user_line
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import reductions, shapes, writing
from functrans.numpy.axes import a_shape, ndim_of, one_axis, several_axes
from functrans.numpy.operands import flattened, in_one_axis, operand
from functrans.numpy.options import clip_mode
from functrans.numpy.registry import implements, method


@method("take")
@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Array:
    """The entries of an axis at some positions."""
    x, axis = in_one_axis(operand(a), axis)
    if type(indices) is not np.ndarray and not isinstance(indices, TracedArray):
        indices = writing.whole_positions(indices)
    return p.take(x, indices, axis=axis, mode=mode if mode == "raise" else clip_mode(mode))


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Array:
    """The elements at an array of positions along an axis, as `argsort` gives them."""
    x, index = operand(arr), writing.an_array("take_along_axis", indices)
    if axis is None:
        if ndim_of(index) != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        x, axis = flattened(x), 0
    if dtype_of(index).kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    if ndim_of(x) != ndim_of(index):
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    axis = one_axis(axis, ndim_of(x))
    shape = np.broadcast_shapes(
        *(tuple(1 if i == axis else n for i, n in enumerate(shape_of(z))) for z in (x, index))
    )
    x, index = (
        shapes.broadcast_to(z, (*shape[:axis], shape_of(z)[axis], *shape[axis + 1 :]))
        for z in (x, index)
    )
    return p.take_along_axis(x, index, axis=axis)


implements(np.copyto)(writing.copyto)
implements(np.fill_diagonal)(writing.fill_diagonal)
implements(np.place)(writing.place)
implements(np.put)(writing.put)
implements(np.put_along_axis)(writing.put_along_axis)
implements(np.putmask)(writing.putmask)


def index_update(x: Any, index: Any, values: Any) -> Array:
    """The array with the elements at an index replaced: ``x[index] = values`` without changing `x`.

    Parameters
    ----------
    x : array_like
    index
        What NumPy takes between brackets.
    values : array_like
        Broadcast to the shape of ``x[index]`` and cast to the dtype of `x`.

    Returns
    -------
    array
        Of the shape and dtype of `x`.

    Raises
    ------
    IndexError
        `index` is out of bounds or no index.
    ValueError
        `values` do not broadcast to the shape of ``x[index]``.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.numpy.index_update(np.zeros(3), 0, 2.0)
    array([2., 0., 0.])
    >>> ft.grad(lambda x: np.sum(ft.numpy.index_update(x, slice(0, 2), 5.0) ** 2))(np.ones(3))
    array([0., 0., 2.])
    """
    return p.setitem(operand(x), index, operand(values))


def index_add(x: Any, index: Any, values: Any) -> Array:
    """The array with values added at an index; a position that occurs twice receives both.

    Parameters
    ----------
    x : array_like
    index
        What NumPy takes between brackets.
    values : array_like
        Broadcast to the shape of ``x[index]`` and cast to the dtype of `x`.

    Returns
    -------
    array
        Of the shape and dtype of `x`.

    Raises
    ------
    IndexError
        `index` is out of bounds or no index.
    ValueError
        `values` do not broadcast to the shape of ``x[index]``.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.numpy.index_add(np.zeros(3), np.array([0, 0, 2]), np.array([1.0, 2.0, 4.0]))
    array([3., 0., 4.])
    """
    x = operand(x)
    static, arrays = p.index_arguments(shape_of(x), index)
    return p.index_add(x, operand(values), *arrays, index=static)


@method("compress")
def _compress_method(x: Array, condition: Any, axis: Any = None, out: Any = None) -> Array:
    """The entries of an axis where a condition holds."""
    return compress(condition, x, axis, out)


@implements(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Array:
    """The entries of an axis where a condition holds."""
    kept = plain(condition, "numpy.compress")
    if np.ndim(kept) != 1:
        raise ValueError("condition must be a 1-d array")
    return take(a, np.flatnonzero(kept), axis)


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Array:
    """The elements where a condition holds."""
    return take(arr, np.flatnonzero(plain(operand(condition), "numpy.extract")))


def plain(x: Any, wanted: str) -> Any:
    """The known value of an array, for results whose shape depends on it."""
    return x.concrete(wanted) if isinstance(x, TracedArray) else np.asarray(x)


def known(x: Any, *, lanes: bool = False) -> Any:
    """The value of an array if it is known while the program runs, None in a graph.

    In a batch none is known, unless `lanes` asks for those of all lanes together.
    """
    while isinstance(x, TracedArray):
        if not (lanes or x.interpreter.values_known):
            return None
        x = x.underlying
    return x


@method("nonzero")
@implements(np.nonzero)
def nonzero(a: Any) -> Any:
    """The indices of the nonzero elements, one array for each axis."""
    return np.nonzero(np.asarray(plain(a, "numpy.nonzero")))


@implements(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    """The positions of the nonzero elements in the flattened array."""
    return np.flatnonzero(plain(a, "numpy.flatnonzero"))


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: Any = "C") -> tuple[Array, ...]:
    """Positions in a flattened array as indices, one array for each axis of `shape`."""
    order = "C" if order is None else order
    if order not in ("C", "F"):
        raise ValueError(f"unravel_index: order must be 'C' or 'F', got {order!r}")
    lengths = a_shape(shape)
    if any(n < 0 for n in lengths):
        raise ValueError("dimensions cannot be negative")
    rest, found = operand(indices), []
    if dtype_of(rest).kind not in "iu":
        raise TypeError("numpy.unravel_index: only int indices permitted")
    for length in reversed(lengths) if order == "C" else lengths:
        found.append(p.remainder(rest, length))
        rest = p.floor_divide(rest, length)
    return tuple(found[::-1] if order == "C" else found)


@implements(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: Any = "C") -> Array:
    """Indices, one array for each axis, as positions in the flattened array of shape `dims`."""
    order, mode = "C" if order is None else order, clip_mode(mode)
    if order not in ("C", "F"):
        raise ValueError(f"ravel_multi_index: order must be 'C' or 'F', got {order!r}")
    lengths = a_shape(dims)
    modes = (mode,) * len(lengths) if isinstance(mode, str) else tuple(mode)
    places = [
        _inside(operand(x), n, m) for x, n, m in zip(multi_index, lengths, modes, strict=True)
    ]
    position: Any = np.intp(0)
    for place, length in list(zip(places, lengths, strict=True))[:: 1 if order == "C" else -1]:
        position = p.add(p.multiply(position, length), place)
    return position


def _inside(index: Array, length: int, mode: str) -> Array:
    """An index brought into the axis, or refused, as the mode says."""
    if mode == "wrap":
        return p.remainder(index, length)
    if mode == "clip":
        return p.minimum(p.maximum(index, 0), length - 1)
    if mode != "raise":
        raise ValueError(f"clipmode must be 'clip', 'raise', or 'wrap' (got {mode!r})")
    try:
        known = plain(index, "numpy.ravel_multi_index")
    except ConversionError:
        raise ConversionError(
            f"numpy.ravel_multi_index(mode='raise') of a traced {index.type}, at {user_line()}: "
            "its values, which would have to be checked, are not known. Write mode='clip' or "
            "mode='wrap'."
        ) from None
    if np.any((known < 0) | (known >= length)):
        raise ValueError("invalid entry in coordinates array")
    return index


@implements(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Array:
    """An array without the zeros at its ends, along axes."""
    x = operand(filt)
    sides = trim.lower()
    if sides not in ("fb", "bf", "b", "f"):
        raise ValueError(f"unexpected character(s) in `trim`: {trim!r}")
    axes = tuple(range(ndim_of(x))) if axis is None else several_axes(axis, ndim_of(x))
    used = np.nonzero(np.atleast_1d(plain(x, "numpy.trim_zeros")))
    key = [slice(None)] * ndim_of(x)
    for i in axes:
        if not used[i].size:
            key[i] = slice(0, 0)
            continue
        start = used[i].min() if "f" in sides else None
        stop = used[i].max() + 1 if "b" in sides else None
        key[i] = slice(start, stop)
    return x[tuple(key)]


@implements(np.argwhere)
def argwhere(a: Any) -> Any:
    """The indices of the nonzero elements, one row for each."""
    return np.argwhere(plain(a, "numpy.argwhere"))


@implements(np.ix_)
def ix_(*args: Any) -> tuple[Array, ...]:
    """Positions along each axis, shaped so that together they index a grid."""
    grids = []
    for k, arg in enumerate(args):
        x = operand(arg)
        if ndim_of(x) != 1:
            raise ValueError("Cross index must be 1 dimensional")
        if dtype_of(x).kind == "b":
            x = flatnonzero(x)
        grids.append(shapes.reshape(x, (1,) * k + (-1,) + (1,) * (len(args) - k - 1)))
    return tuple(grids)


@method("diagonal", views=True)
@implements(np.diagonal, views=True)
def diagonal(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Array:
    """The elements with equal (or offset) indices along two axes, in a new last axis."""
    x = operand(a)
    ndim = ndim_of(x)
    if ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    first, second = several_axes((axis1, axis2), ndim, repeats=True)
    if first == second:
        raise ValueError("axis1 and axis2 cannot be the same")
    return p.diagonal(x, offset=operator.index(offset), axis1=first, axis2=second)


@method("trace")
@implements(np.trace)
def trace(
    a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None
) -> Array:
    """The sum of a diagonal."""
    return reductions.sum(diagonal(a, offset, axis1, axis2), -1, dtype)


@implements(np.diag, views=True)
def diag(v: Any, k: Any = 0) -> Array:
    """A matrix with a diagonal, from a vector; the diagonal of a matrix."""
    x = operand(v)
    if ndim_of(x) == 2:
        return diagonal(x, k)
    if ndim_of(x) != 1:
        raise ValueError("Input must be 1- or 2-d.")
    return p.from_diagonal(x, offset=operator.index(k))


@implements(np.diagflat)
def diagflat(v: Any, k: Any = 0) -> Array:
    """A matrix with the elements of an array on a diagonal."""
    return diag(flattened(operand(v)), k)


@implements(np.tril)
def tril(m: Any, k: Any = 0) -> Array:
    """The lower triangle of matrices, zero elsewhere."""
    x = operand(m)
    return p.where(_below(x, k), x, _zero(x))


@implements(np.triu)
def triu(m: Any, k: Any = 0) -> Array:
    """The upper triangle of matrices, zero elsewhere."""
    x = operand(m)
    return p.where(_below(x, k - 1), _zero(x), x)


def _below(x: Array, k: Any) -> Any:
    """Which elements of matrices are on or below a diagonal."""
    rows, columns = (2 * shape_of(x))[-2:]
    if isinstance(k, TracedArray):
        k = operator.index(k)
    return np.tri(rows, columns, k=k, dtype=bool)


def _zero(x: Array) -> Any:
    return dtype_of(x).type(0)


@implements(np.tril_indices_from)
def tril_indices_from(arr: Any, k: int = 0) -> Any:
    """The indices of the lower triangle of a matrix."""
    return np.tril_indices(*_two(arr)[:1], k=k, m=_two(arr)[1])


@implements(np.triu_indices_from)
def triu_indices_from(arr: Any, k: int = 0) -> Any:
    """The indices of the upper triangle of a matrix."""
    return np.triu_indices(*_two(arr)[:1], k=k, m=_two(arr)[1])


@implements(np.diag_indices_from)
def diag_indices_from(arr: Any) -> Any:
    """The indices of the main diagonal of an array with equal axes."""
    shape = shape_of(operand(arr))
    if len(shape) < 2:
        raise ValueError("input array must be at least 2-d")
    if len(set(shape)) > 1:
        raise ValueError("All dimensions of input must be of equal length")
    return np.diag_indices(shape[0], len(shape))


def _two(arr: Any) -> tuple[int, int]:
    shape = shape_of(operand(arr))
    if len(shape) != 2:
        raise ValueError("input array must be 2-d")
    return shape[0], shape[1]
