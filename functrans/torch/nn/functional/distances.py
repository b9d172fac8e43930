"""Distances, angles and unit vectors under PyTorch's signatures."""

from __future__ import annotations

from functrans import nn as pure
from functrans.torch.operands import promoted, tensor_array
from functrans.torch.tensor import Tensor, wrap


def normalize(
    input: Tensor,
    p: float = 2.0,
    dim: int | tuple[int, ...] = 1,
    eps: float = 1e-12,
    out: Tensor | None = None,
) -> Tensor:
    """The input divided by its norm along a dimension, or by `eps` where the norm is smaller."""
    result = wrap(pure.normalize(tensor_array(input, "normalize"), p, dim, eps))
    return result if out is None else out.copy_(result)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along a dimension."""
    a, b = promoted(*[tensor_array(x, "cosine_similarity") for x in (x1, x2)])
    return wrap(pure.cosine_similarity(a, b, dim, eps))


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The norm of ``x1 - x2 + eps`` along the last dimension."""
    a, b = promoted(*[tensor_array(x, "pairwise_distance") for x in (x1, x2)])
    return wrap(pure.pairwise_distance(a, b, p, eps, keepdim))
