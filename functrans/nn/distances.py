"""Distances, angles and unit vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, shape_of
from functrans.numpy.axes import one_axis, reduced_axes
from functrans.numpy.operands import operand


def vector_norm(x: Array, order: float, axes: tuple[int, ...], keepdims: bool = False) -> Array:
    """The norm of this order over some axes; its derivative at the zero vector is 0."""
    if order == 2:
        return p.norm(x, axes=axes, keepdims=keepdims)
    size = p.absolute(x)
    if order == np.inf:
        return p.max(size, axes=axes, keepdims=keepdims)
    if order == 1:
        return p.sum(size, axes=axes, keepdims=keepdims)
    if order == 0:
        return p.sum(p.astype(p.not_equal(x, 0), dtype=x.dtype), axes=axes, keepdims=keepdims)
    powers = p.sum(p.power(size, order), axes=axes, keepdims=keepdims)
    zero = p.equal(powers, 0)
    return p.where(zero, 0.0, p.power(p.where(zero, 1.0, powers), 1 / order))


def normalize(x: Any, p: float = 2.0, axis: int | tuple[int, ...] = 1, eps: float = 1e-12) -> Array:
    """`x` divided by its norm along an axis, or by `eps` where the norm is smaller.

    Parameters
    ----------
    x : array_like
    p : float
        The order of the norm.
    axis : int or tuple of int
    eps : float

    Examples
    --------
    >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    x = operand(x)
    axes = reduced_axes(axis, len(shape_of(x)))
    return x / _at_least(vector_norm(x, p, axes, keepdims=True), eps)


def _at_least(x: Array, bound: float) -> Array:
    return p.where(x < bound, bound, x)


def cosine_similarity(x1: Any, x2: Any, axis: int = 1, eps: float = 1e-8) -> Array:
    """The cosine of the angle between vectors along an axis; norms below `eps` count as `eps`.

    Parameters
    ----------
    x1, x2 : array_like
        Shapes that broadcast.
    axis : int
        Counted in the common shape.
    eps : float

    Examples
    --------
    >>> float(cosine_similarity(np.array([[3.0, 4.0]]), np.array([[4.0, 3.0]]))[0])
    0.96
    """
    x1, x2 = operand(x1), operand(x2)
    shape = np.broadcast_shapes(shape_of(x1), shape_of(x2))
    axes = (one_axis(axis, len(shape)),)
    x1, x2 = (x if shape_of(x) == shape else p.broadcast_to(x, shape=shape) for x in (x1, x2))
    norms = [_at_least(p.norm(x, axes=axes, keepdims=True), eps) for x in (x1, x2)]
    units = p.multiply(p.divide(x1, norms[0]), p.divide(x2, norms[1]))
    return p.sum(units, axes=axes)


def pairwise_distance(
    x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False
) -> Array:
    """The norm of ``x1 - x2 + eps`` along the last axis.

    Parameters
    ----------
    x1, x2 : array_like
        Shapes that broadcast.
    p : float
        The order of the norm.
    eps : float
        Keeps distances from 0, where the norm has a kink.
    keepdims : bool

    Examples
    --------
    >>> float(pairwise_distance(np.array([3.0, 4.0]), np.zeros(2), eps=0.0))
    5.0
    """
    difference = operand(x1) - operand(x2) + eps
    return vector_norm(difference, p, (len(shape_of(difference)) - 1,), keepdims)
