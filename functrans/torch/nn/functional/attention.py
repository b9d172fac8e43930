"""Attention under PyTorch's signature."""

from __future__ import annotations

from functrans import nn as pure
from functrans.torch.nn.functional.results import array_or_none, computed, named
from functrans.torch.operands import tensor_array
from functrans.torch.random import source
from functrans.torch.shaping import repeat_interleave
from functrans.torch.tensor import Tensor


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``softmax(query @ key.T * scale) @ value``.

    Parameters
    ----------
    query : Tensor
        Shape (..., queries, features).
    key, value : Tensor
        Shape (..., keys, features) and (..., keys, values).
    attn_mask : Tensor, optional
        Of booleans: which keys take part; of numbers: added to the products. A query without any
        key gets 0.
    dropout_p : float
        The probability that a weight is omitted.
    is_causal : bool
        A query sees keys up to its own position only.
    scale : float, optional
        Default: ``1 / sqrt(features)``.
    enable_gqa : bool
        Fewer heads of keys and values (the third dimension from the end) serve several of queries.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> q = torch.zeros(1, 2, 4)
    >>> v = torch.tensor([[[1.0], [3.0]]])
    >>> torch.nn.functional.scaled_dot_product_attention(q, q, v, is_causal=True)
    tensor([[[1.],
             [2.]]])
    """
    name = "scaled_dot_product_attention"
    if is_causal and attn_mask is not None:
        raise RuntimeError(f"_{name}: Explicit attn_mask should not be set when is_causal=True")
    if enable_gqa:
        key, value = (
            repeat_interleave(x, query.shape[-3] // x.shape[-3], -3) for x in (key, value)
        )
    arrays = [tensor_array(x, name) for x in (query, key, value)]
    array = computed(
        *(pure.scaled_dot_product_attention, *arrays, array_or_none(attn_mask)),
        dropout_p=dropout_p,
        is_causal=is_causal,
        scale=scale,
        rng=source(None) if dropout_p else None,
    )
    return named(array, "ScaledDotProductFlashAttentionForCpuBackward0")
