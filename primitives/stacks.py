"""How functions of single matrices are carried out on stacks of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.types import Array

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.types import ArrayType


def over_stacks(function: Callable[..., Any], like: ArrayType, *xs: Array, ranks: Any = 2) -> Array:
    """``function(*xs)`` for each matrix of stacks that broadcast.

    Parameters
    ----------
    function : callable
        Of single matrices (or arrays of fewer axes, see `ranks`) to an array.
    like : ArrayType
        What the result is to be: its shape if there is nothing to compute, and its dtype, unless
        real numbers turn out complex.
    *xs : array
    ranks : int or tuple of int
        The number of axes that the function takes of each operand.
    """
    ranks = (ranks,) * len(xs) if isinstance(ranks, int) else ranks
    if 0 in like.shape:
        return np.zeros(like.shape, like.dtype)
    stack = np.broadcast_shapes(*(x.shape[: x.ndim - r] for x, r in zip(xs, ranks, strict=True)))
    if not stack:
        return _kept(np.asarray(function(*xs)), like)
    wide = [
        np.broadcast_to(x, stack + x.shape[x.ndim - r :]) for x, r in zip(xs, ranks, strict=True)
    ]
    parts = np.stack([function(*(x[i] for x in wide)) for i in np.ndindex(stack)])
    return _kept(parts.reshape(stack + parts.shape[1:]), like)


def _kept(values: Array, like: ArrayType) -> Array:
    """Values in the precision of `like`; complex ones of a real dtype stay complex."""
    if values.dtype.kind == "c" and like.dtype.kind == "f":
        return values.astype(np.result_type(like.dtype, np.complex64), copy=False)
    return values.astype(like.dtype, copy=False)
