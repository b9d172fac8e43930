"""Linear maps and convolutions under PyTorch's signatures."""

from __future__ import annotations

from math import prod
from typing import Any

from functrans import nn as pure, primitives as p
from functrans.torch.nn.functional.results import array_or_none, named
from functrans.torch.operands import tensor_array
from functrans.torch.printing import type_string
from functrans.torch.tensor import Tensor, wrap


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``.

    Raises
    ------
    RuntimeError
        The shapes or dtypes do not fit.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.nn.functional.linear(torch.ones(2), torch.ones(3, 2), torch.ones(3))
    tensor([3., 3., 3.])
    """
    try:
        a, w = input.array, weight.array
    except AttributeError:
        a, w = tensor_array(input, "linear"), tensor_array(weight, "linear")
    shape = a.shape
    if a.dtype is not w.dtype or not shape or shape[-1] != w.shape[-1]:
        _check_linear(a, w)
    if bias is None:
        return named(pure.linear(a, w), "MmBackward0")
    b = bias.array
    if len(w.shape) == 2 and b.shape == w.shape[:1]:  # what pure.linear comes to, the way of layers
        return wrap(p.affine(a, w, b))
    return named(pure.linear(a, w, b), "AddmmBackward0")


def _check_linear(a: Any, w: Any) -> None:
    """Raise PyTorch's errors for an input and a weight that do not fit."""
    if a.dtype != w.dtype:
        raise RuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {short_name(a)} and {short_name(w)}"
        )
    if not a.shape:
        raise RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are 0D and {len(w.shape)}D"
        )
    if a.shape[-1] != w.shape[-1]:
        turned = "x".join(map(str, w.shape[::-1]))
        raise RuntimeError(
            "mat1 and mat2 shapes cannot be multiplied "
            f"({prod(a.shape[:-1])}x{a.shape[-1]} and {turned})"
        )


def short_name(a: Any) -> str:
    """``Float`` for float32, as PyTorch's messages name dtypes."""
    return type_string(a).removeprefix("torch.").removesuffix("Tensor")


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input1 @ weight[k] @ input2`` for each output k, plus the bias."""
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            "bilinear(): input batch dimensions do not match: got "
            f"{tuple(input1.shape[:-1])} and {tuple(input2.shape[:-1])}"
        )
    a, b, w = (tensor_array(x, "bilinear") for x in (input1, input2, weight))
    return wrap(pure.bilinear(a, b, w, array_or_none(bias)))
