"""The size of a tree of gradients, and bounds for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core import tree
from functrans.core.types import Array, dtype_of, is_array, is_inexact, shape_of
from functrans.numpy.operands import flattened


def _floating(x: Any) -> bool:
    return is_array(x) and is_inexact(dtype_of(x))


def global_norm(grads: Any, order: float = 2.0) -> Array:
    """The norm of all arrays of a pytree together.

    Parameters
    ----------
    grads : pytree of arrays
        What is no floating-point array does not count.
    order : float
        2, another order, or infinity.

    Examples
    --------
    >>> float(global_norm({"w": np.array([3.0, 0.0]), "b": 4.0}))
    5.0
    """
    flat = [flattened(x) for x in tree.leaves(grads) if _floating(x)]
    sizes = [p.absolute(x) for x in flat if shape_of(x)[0]]
    if not sizes:
        return np.float64(0.0)
    if order == np.inf:
        return p.max(p.stack([p.max(x, axes=(0,)) for x in sizes]), axes=(0,))
    if order == 2:
        return p.norm(p.stack([p.norm(x, axes=(0,)) for x in sizes]), axes=(0,))
    total = p.sum(p.stack([p.sum(p.power(x, order), axes=(0,)) for x in sizes]), axes=(0,))
    return p.power(total, 1 / order)


def clip_by_global_norm(
    grads: Any, max_norm: float, *, order: float = 2.0, eps: float = 1e-6
) -> tuple[Any, Array]:
    """Gradients scaled down together so that their norm is at most `max_norm`.

    Parameters
    ----------
    grads : pytree of arrays
    max_norm : float
    order : float
        See `global_norm`.
    eps : float
        Added to the norm in the division.

    Returns
    -------
    grads : pytree of arrays
    norm : array
        The norm before.

    Examples
    --------
    >>> clipped, norm = clip_by_global_norm([np.array([3.0, 4.0])], 1.0, eps=0.0)
    >>> clipped, float(norm)
    ([array([0.6, 0.8])], 5.0)
    """
    norm = global_norm(grads, order)
    factor = p.divide(max_norm, p.add(norm, eps))
    factor = p.where(factor < 1, factor, 1.0)

    def scaled(x: Any) -> Any:
        return p.multiply(x, p.astype(factor, dtype=dtype_of(x))) if _floating(x) else x

    return tree.map(scaled, grads), norm


def clip_by_value(grads: Any, bound: float) -> Any:
    """Every element of the gradients between ``-bound`` and `bound`.

    Examples
    --------
    >>> clip_by_value({"w": np.array([-3.0, 0.5])}, 1.0)
    {'w': array([-1. ,  0.5])}
    """
    if bound < 0:
        raise ValueError(f"clip_by_value: bound must not be negative, got {bound}")
    return tree.map(lambda x: p.clip(x, -bound, bound) if _floating(x) else x, grads)
