"""Attention of several heads as a module."""

from __future__ import annotations

from typing import Any

from functrans import nn as pure
from functrans.torch.creation import empty
from functrans.torch.nn import init
from functrans.torch.nn.functional.results import array_or_none, computed
from functrans.torch.nn.linear import Linear
from functrans.torch.nn.module import Module
from functrans.torch.nn.parameter import Parameter
from functrans.torch.operands import tensor_array
from functrans.torch.random import source
from functrans.torch.tensor import Tensor, wrap


class NonDynamicallyQuantizableLinear(Linear):
    """The projection of the outputs, under the name that PyTorch shows."""


class MultiheadAttention(Module):
    """Attention of several heads, each with its own projections of queries, keys and values.

    Parameters
    ----------
    embed_dim, num_heads : int
        The features, which are divided among the heads.
    dropout : float
        The probability that a weight is omitted, in training.
    bias : bool
    add_bias_kv : bool
        One more key and value, which are parameters.
    add_zero_attn : bool
        One more key and value of zeros.
    kdim, vdim : int, optional
        The features of keys and values, if they are not `embed_dim`.
    batch_first : bool
        The first two dimensions are (n, time).

    Examples
    --------
    >>> import functrans.torch as torch
    >>> x = torch.randn(5, 2, 8)
    >>> out, weights = torch.nn.MultiheadAttention(8, 2)(x, x, x)
    >>> out.size(), weights.size()
    (torch.Size([5, 2, 8]), torch.Size([2, 5, 5]))
    """

    in_proj_weight: Any
    in_proj_bias: Any
    q_proj_weight: Any
    k_proj_weight: Any
    v_proj_weight: Any
    bias_k: Any
    bias_v: Any

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "embed_dim and num_heads must be greater than 0, got "
                f"embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        made = {"device": device, "dtype": dtype}
        together = self._qkv_same_embed_dim
        for name, inputs in (("q", embed_dim), ("k", self.kdim), ("v", self.vdim)):
            own = None if together else Parameter(empty((embed_dim, inputs), **made))
            self.register_parameter(f"{name}_proj_weight", own)
        whole = Parameter(empty((3 * embed_dim, embed_dim), **made)) if together else None
        self.register_parameter("in_proj_weight", whole)
        added = Parameter(empty(3 * embed_dim, **made)) if bias else None
        self.register_parameter("in_proj_bias", added)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, **made)
        self.bias_k = self.bias_v = None
        if add_bias_kv:
            self.bias_k = Parameter(empty((1, 1, embed_dim), **made))
            self.bias_v = Parameter(empty((1, 1, embed_dim), **made))
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        weights = (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        for weight in weights:
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for row in (self.bias_k, self.bias_v):
            if row is not None:
                init.xavier_normal_(row)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        if is_causal and attn_mask is None:
            raise RuntimeError(
                "Need attn_mask if specifying the is_causal hint. You may use the "
                "Transformer module method `generate_square_subsequent_mask` to create this mask."
            )
        dropout = self.dropout if self.training else 0.0
        inner: Any = array_or_none(self.in_proj_weight)
        if inner is None:
            own = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
            inner = tuple(w.array for w in own)
        out, weights = computed(
            pure.multi_head_attention,
            *(tensor_array(x, "multi_head_attention") for x in (query, key, value)),
            self.num_heads,
            *(inner, array_or_none(self.in_proj_bias)),
            *(self.out_proj.weight.array, array_or_none(self.out_proj.bias)),
            key_padding_mask=array_or_none(key_padding_mask),
            attn_mask=array_or_none(attn_mask),
            need_weights=need_weights,
            average_attn_weights=average_attn_weights,
            dropout_p=dropout,
            rng=source(None) if dropout else None,
            batch_first=self.batch_first,
            bias_k=array_or_none(self.bias_k),
            bias_v=array_or_none(self.bias_v),
            add_zero_attn=self.add_zero_attn,
        )
        return wrap(out), None if weights is None else wrap(weights)
