"""Rows of tables by number: one by one, and summarised in bags."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of, is_plain, shape_of
from functrans.numpy.operands import operand
from functrans.transforms.stop_gradient import stop_gradient


def embedding(indices: Any, weight: Any, *, padding_idx: int | None = None) -> Array:
    """The rows of a table with given numbers.

    Parameters
    ----------
    indices : array_like of int
    weight : array_like
        The table, shape (rows, features).
    padding_idx : int, optional
        The number of a row that receives no derivative; negative ones count from the end.

    Returns
    -------
    array
        The shape of `indices`, with a last axis of features.

    Raises
    ------
    TypeError
        `indices` are no integers.
    IndexError
        A number is negative or beyond the table.

    Examples
    --------
    >>> embedding(np.array([2, 0]), np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
    array([[4., 5.],
           [0., 1.]])
    """
    indices, weight = operand(indices), operand(weight)
    shape = shape_of(weight)
    if len(shape) != 2:
        raise ValueError(f"embedding: weight must have shape (rows, features), got {shape}")
    if dtype_of(indices).kind not in "iu":
        raise TypeError(f"embedding: indices must be integers, got {dtype_of(indices)}")
    if is_plain(indices) and indices.size:
        for found in (indices.min(), indices.max()):
            if not 0 <= found < shape[0]:
                raise IndexError(
                    f"embedding: there is no row {found}; the table has {shape[0]}, numbered from 0"
                )
    rows = p.take(weight, indices, axis=0)
    if padding_idx is None:
        return rows
    if not -shape[0] <= padding_idx < shape[0]:
        raise ValueError(f"embedding: padding_idx {padding_idx} is no row of {shape[0]}")
    padding = p.equal(indices, padding_idx % shape[0])
    padding = p.reshape(padding, shape=(*shape_of(indices), 1))
    return p.where(padding, stop_gradient(rows), rows)


def embedding_bag(
    indices: Any,
    weight: Any,
    offsets: Any = None,
    *,
    mode: Literal["sum", "mean", "max"] = "mean",
    per_sample_weights: Any = None,
    padding_idx: int | None = None,
) -> Array:
    """Sums, means or maxima of rows of a table, a bag of rows each.

    Parameters
    ----------
    indices : array_like of int
        The numbers of the rows, shape (bags, rows of each); or of all bags behind one another.
    weight : array_like
        The table, shape (rows, features).
    offsets : array_like of int, optional
        Where each bag begins, if they stand behind one another.
    mode : {"sum", "mean", "max"}
        An empty bag gives 0. Of equal elements "max" takes the first.
    per_sample_weights : array_like, optional
        A factor for each row, in the shape of `indices`; for "sum" only.
    padding_idx : int, optional
        The number of a row that does not count.

    Returns
    -------
    array
        Shape (bags, features).

    Raises
    ------
    ValueError
        The shapes do not fit.

    Examples
    --------
    >>> table = np.array([[0.0], [1.0], [2.0], [4.0]])
    >>> embedding_bag(np.array([1, 2, 3]), table, np.array([0, 2]), mode="sum")
    array([[3.],
           [4.]])
    """
    indices = operand(indices)
    shape = shape_of(indices)
    factors = None if per_sample_weights is None else operand(per_sample_weights)
    if factors is not None and (mode != "sum" or shape_of(factors) != shape):
        raise ValueError(
            "embedding_bag: per_sample_weights needs mode 'sum' and the shape of indices, "
            f"{shape}; got mode {mode!r} and shape {shape_of(factors)}"
        )
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"embedding_bag: mode must be 'sum', 'mean' or 'max', got {mode!r}")
    counted: Any = np.ones(shape, bool)
    if len(shape) == 1:
        places, counted = _bags(offsets, shape[0])
        indices = p.take(indices, places, axis=0)
        factors = None if factors is None else p.take(factors, places, axis=0)
    elif len(shape) != 2 or offsets is not None:
        raise ValueError(
            "embedding_bag: indices must have shape (bags, rows) without offsets, or (rows,) with "
            f"them; got shape {shape}"
        )
    if padding_idx is not None:
        counted = p.logical_and(
            counted, p.not_equal(indices, padding_idx % shape_of(operand(weight))[0])
        )
    rows = embedding(indices, weight)
    wide = p.reshape(counted, shape=(*shape_of(counted), 1))
    if mode == "max":
        return _greatest(rows, wide, counted)
    if factors is not None:
        rows = p.multiply(rows, p.reshape(factors, shape=(*shape_of(factors), 1)))
    total = p.sum(p.where(wide, rows, 0.0), axes=(1,))
    if mode == "sum":
        return total
    count = p.maximum(p.sum(p.astype(wide, dtype=dtype_of(rows)), axes=(1,)), 1)
    return p.divide(total, count)


def _bags(offsets: Any, length: int) -> tuple[Any, Any]:
    """Where the rows of each bag stand, one bag a row, and which of these places are within it."""
    starts = np.asarray(offsets)
    if starts.ndim != 1 or (starts.size and (starts[0] or np.any(np.diff(starts) < 0))):
        raise ValueError(
            f"embedding_bag: offsets must be a row of increasing numbers from 0, got {offsets!r}"
        )
    ends = np.append(starts[1:], length)
    if np.any(starts > length):
        raise ValueError(f"embedding_bag: offsets go up to {starts.max()}, indices to {length}")
    places = starts[:, None] + np.arange((ends - starts).max(initial=0))
    inside = places < ends[:, None]
    return np.where(inside, places, 0), inside


def _greatest(rows: Array, wide: Array, counted: Array) -> Array:
    """The greatest elements of each bag, 0 for an empty one."""
    if not shape_of(rows)[1]:
        return p.sum(rows, axes=(1,))
    known = p.where(wide, stop_gradient(rows), -np.inf)
    first = p.argmax(known, axis=1, keepdims=True)
    found = p.take_along_axis(rows, first, axis=1)
    found = p.reshape(found, shape=(shape_of(rows)[0], shape_of(rows)[2]))
    filled = p.reshape(p.any(counted, axes=(1,)), shape=(shape_of(rows)[0], 1))
    return p.where(filled, found, 0.0)
