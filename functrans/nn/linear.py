"""Linear and bilinear layers."""

from __future__ import annotations

from typing import Any

from functrans import primitives as p
from functrans.core.types import Array, shape_of
from functrans.numpy.operands import operand


def linear(x: Any, weight: Any, bias: Any = None) -> Array:
    """``x @ weight.T + bias``.

    Parameters
    ----------
    x : array_like
        Shape (..., inputs).
    weight : array_like
        Shape (outputs, inputs), or (inputs,) for a single output without an axis.
    bias : array_like, optional
        Shape (outputs,) or ().

    Examples
    --------
    >>> linear([1.0, 2.0], [[1.0, 1.0], [0.0, 3.0]], [0.5, 0.0])
    array([3.5, 6. ])
    """
    x, weight = operand(x), operand(weight)
    shape, own = shape_of(weight), shape_of(x)
    if len(shape) not in (1, 2) or not own or own[-1] != shape[-1]:
        raise ValueError(
            f"linear: an input of shape {own} does not fit a weight of shape {shape}; the last "
            "axis of both counts the inputs"
        )
    bias = None if bias is None else operand(bias)
    if bias is not None and len(shape) == 2 and shape_of(bias) == shape[:1]:
        return p.affine(x, weight, bias)
    out = p.matmul(x, weight if len(shape) == 1 else p.transpose(weight, axes=(1, 0)))
    return out if bias is None else p.add(out, bias)


def bilinear(x1: Any, x2: Any, weight: Any, bias: Any = None) -> Array:
    """``x1 @ weight[k] @ x2`` for each output k, plus a bias.

    Parameters
    ----------
    x1, x2 : array_like
        Shape (..., inputs 1) and (..., inputs 2).
    weight : array_like
        Shape (outputs, inputs 1, inputs 2).
    bias : array_like, optional
        Shape (outputs,).

    Raises
    ------
    ValueError
        The shapes do not fit.

    Examples
    --------
    >>> bilinear([1.0, 2.0], [3.0], [[[1.0], [1.0]]])
    array([9.])
    """
    x1, x2, weight = operand(x1), operand(x2), operand(weight)
    own = (*shape_of(x1)[-1:], *shape_of(x2)[-1:])
    if len(shape_of(weight)) != 3 or shape_of(weight)[1:] != own:
        raise ValueError(
            f"bilinear: inputs of shapes {shape_of(x1)} and {shape_of(x2)} do not fit a weight of "
            f"shape {shape_of(weight)}; it must have axes (outputs, inputs 1, inputs 2)"
        )
    out = p.einsum_of("...i,kij,...j->...k", x1, weight, x2)
    return out if bias is None else p.add(out, operand(bias))
