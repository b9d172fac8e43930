"""Attention: values mixed by how well their keys fit queries."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of, shape_of
from functrans.nn.linear import linear
from functrans.nn.regularization import dropout
from functrans.numpy.operands import operand

if TYPE_CHECKING:
    from functrans.nn.sources import Source


def _swapped(x: Array) -> Array:
    n = len(shape_of(x))
    return p.transpose(x, axes=(*range(n - 2), n - 1, n - 2))


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    *,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    rng: Source | None = None,
) -> Array:
    """``softmax(query @ key.T * scale) @ value``.

    Parameters
    ----------
    query : array_like
        Shape (..., queries, features).
    key : array_like
        Shape (..., keys, features).
    value : array_like
        Shape (..., keys, values).
    attn_mask : array_like, optional
        Broadcasts to (..., queries, keys). Of booleans: which keys take part; of numbers: added to
        the products. A query without any key gets 0.
    dropout_p : float
        The probability that a weight is omitted; pass 0 outside of training.
    is_causal : bool
        A query sees keys up to its own position only; not beside `attn_mask`.
    scale : float, optional
        Default: ``1 / sqrt(features)``.
    rng : numpy.random.Generator or key, optional
        Needed for `dropout_p`.

    Returns
    -------
    array
        Shape (..., queries, values).

    Raises
    ------
    ValueError
        Both `attn_mask` and `is_causal` were given.

    Examples
    --------
    >>> q, k, v = np.zeros((2, 4)), np.zeros((2, 4)), np.array([[1.0], [3.0]])
    >>> scaled_dot_product_attention(q, k, v, is_causal=True)
    array([[1.],
           [2.]])
    """
    query, key, value = operand(query), operand(key), operand(value)
    if is_causal:
        if attn_mask is not None:
            raise ValueError(
                "scaled_dot_product_attention: give attn_mask or is_causal, not both; a mask may "
                "be made causal by numpy.tril"
            )
        shape = shape_of(query)[-2], shape_of(key)[-2]
        attn_mask = np.tri(*shape, dtype=bool)
    factor = 1 / math.sqrt(shape_of(query)[-1]) if scale is None else scale
    weights = _weights(query, key, attn_mask, factor, dropout_p, rng)
    return p.matmul(weights, value)


def _weights(
    query: Array,
    key: Array,
    mask: Any,
    scale: float,
    dropout_p: float,
    rng: Source | None,
) -> Array:
    """How much of each key each query takes."""
    scores = p.multiply(p.matmul(query, _swapped(key)), scale)
    seen: Any = None
    if mask is not None:
        mask = operand(mask)
        seen = mask if dtype_of(mask).kind == "b" else p.not_equal(mask, -np.inf)
        if mask is not seen:
            scores = p.add(scores, mask)
        scores = p.where(seen, scores, -np.inf)
    weights = p.softmax(scores, axes=(len(shape_of(scores)) - 1,))
    if mask is not None:
        weights = p.where(seen, weights, 0.0)  # where no key is seen, softmax shares evenly
    return dropout(weights, dropout_p, rng) if dropout_p else weights


def multi_head_attention(
    query: Any,
    key: Any,
    value: Any,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    out_proj_weight: Any,
    out_proj_bias: Any,
    *,
    key_padding_mask: Any = None,
    attn_mask: Any = None,
    need_weights: bool = True,
    average_attn_weights: bool = True,
    dropout_p: float = 0.0,
    rng: Source | None = None,
    batch_first: bool = False,
    bias_k: Any = None,
    bias_v: Any = None,
    add_zero_attn: bool = False,
) -> tuple[Array, Array | None]:
    """Attention of several heads, each with its own projections of queries, keys and values.

    Parameters
    ----------
    query : array_like
        Shape (queries, n, features), or (queries, features).
    key, value : array_like
        Shape (keys, n, key features) and (keys, n, value features), or without n.
    num_heads : int
        A divisor of the number of features.
    in_proj_weight : array_like or tuple of array_like
        The projections of query, key and value: below one another, shape (3 * features, features),
        or as three arrays of shapes (features, own features).
    in_proj_bias : array_like or None
        Shape (3 * features,).
    out_proj_weight : array_like
        Shape (features, features).
    out_proj_bias : array_like or None
        Shape (features,).
    key_padding_mask : array_like, optional
        Shape (n, keys): True for keys that do *not* take part, or numbers added to the products.
    attn_mask : array_like, optional
        Shape (queries, keys) or (n * num_heads, queries, keys), of the same kinds.
    need_weights : bool
        Return the weights too.
    average_attn_weights : bool
        Their mean over the heads instead of those of each head.
    dropout_p : float
        The probability that a weight is omitted; pass 0 outside of training.
    rng : numpy.random.Generator or key, optional
        Needed for `dropout_p`.
    batch_first : bool
        The first two axes of inputs and output are (n, time).
    bias_k, bias_v : array_like, optional
        One more key, and its value, shape (features,) or (1, 1, features): they are the same for
        all examples, and no mask leaves them out.
    add_zero_attn : bool
        One more key and value of zeros.

    Returns
    -------
    out : array
        In the shape of `query`.
    weights : array or None
        Shape (n, queries, keys), or (n, num_heads, queries, keys), with the keys that were added
        as the last.

    Raises
    ------
    ValueError
        The shapes do not fit.

    Examples
    --------
    >>> x = np.eye(2)
    >>> out, weights = multi_head_attention(x, x, x, 1, np.eye(2).repeat(3, 0), None, x, None)
    >>> out.shape, weights.shape
    ((2, 2), (2, 2))
    """
    name = "multi_head_attention"
    query, key, value = operand(query), operand(key), operand(value)
    single = len(shape_of(query)) == 2
    if single:
        query, key, value = query[:, None], key[:, None], value[:, None]
        if key_padding_mask is not None:
            key_padding_mask = operand(key_padding_mask)[None]
    elif batch_first:
        query, key, value = (p.transpose(x, axes=(1, 0, 2)) for x in (query, key, value))
    length, n, features = shape_of(query)
    keys = shape_of(key)[0]
    if features % num_heads:
        raise ValueError(f"{name}: {features} features cannot be divided among {num_heads} heads")
    heads = [
        _head_axes(linear(x, w, b), num_heads)
        for x, w, b in zip(
            (query, key, value),
            _projections(in_proj_weight, features),
            _projections(in_proj_bias, features),
            strict=True,
        )
    ]
    mask = _joint_mask(name, key_padding_mask, attn_mask, (n, num_heads, length, keys))
    if (bias_k is None) != (bias_v is None):
        raise ValueError(f"{name}: give both bias_k and bias_v, or neither")
    for i, bias in ((1, bias_k), (2, bias_v)):
        more = []
        if bias is not None:
            row = p.reshape(operand(bias), shape=(1, 1, features))
            more.append(_head_axes(p.broadcast_to(row, shape=(1, n, features)), num_heads))
        if add_zero_attn:
            shape = (n, num_heads, 1, features // num_heads)
            more.append(np.zeros(shape, dtype_of(heads[i])))
        if more:
            heads[i] = p.concatenate(heads[i], *more, axis=2)
    added = (bias_k is not None) + add_zero_attn
    if mask is not None and added:
        kind = dtype_of(mask)
        open_to_all = np.full((*shape_of(mask)[:-1], added), kind.kind == "b", kind)
        mask = p.concatenate(mask, open_to_all, axis=len(shape_of(mask)) - 1)
    scale = 1 / math.sqrt(features // num_heads)
    weights = _weights(heads[0], heads[1], mask, scale, dropout_p, rng)
    mixed = p.transpose(p.matmul(weights, heads[2]), axes=(2, 0, 1, 3))
    out = linear(p.reshape(mixed, shape=(length, n, features)), out_proj_weight, out_proj_bias)
    if batch_first and not single:
        out = p.transpose(out, axes=(1, 0, 2))
    if average_attn_weights:
        weights = p.divide(p.sum(weights, axes=(1,)), num_heads)
    if single:
        out, weights = out[:, 0], weights[0]
    return out, weights if need_weights else None


def _projections(given: Any, features: int) -> list[Any]:
    """What belongs to query, key and value."""
    if given is None:
        return [None] * 3
    if isinstance(given, tuple | list) and len(given) == 3:
        return list(given)
    given = operand(given)
    return [given[i * features : (i + 1) * features] for i in range(3)]


def _head_axes(x: Array, heads: int) -> Array:
    """From (time, n, features) to (n, heads, time, features of a head)."""
    time, n, features = shape_of(x)
    return p.transpose(p.reshape(x, shape=(time, n, heads, features // heads)), axes=(1, 2, 0, 3))


def _joint_mask(name: str, padding: Any, mask: Any, shape: tuple[int, ...]) -> Any:
    """One mask as `scaled_dot_product_attention` takes it, of both that PyTorch's heads take."""
    n, heads, queries, keys = shape
    parts = []
    if padding is not None:
        padding = operand(padding)
        if shape_of(padding) != (n, keys):
            raise ValueError(
                f"{name}: key_padding_mask must have shape {(n, keys)}, got {shape_of(padding)}"
            )
        parts.append(p.reshape(padding, shape=(n, 1, 1, keys)))
    if mask is not None:
        mask = operand(mask)
        if shape_of(mask) == (n * heads, queries, keys):
            mask = p.reshape(mask, shape=shape)
        elif shape_of(mask) != (queries, keys):
            raise ValueError(
                f"{name}: attn_mask must have shape {(queries, keys)} or "
                f"{(n * heads, queries, keys)}, got {shape_of(mask)}"
            )
        parts.append(mask)
    if not parts:
        return None
    if all(dtype_of(part).kind == "b" for part in parts):
        return p.logical_not(parts[0] if len(parts) == 1 else p.logical_or(*parts))
    added = [p.where(m, -np.inf, 0.0) if dtype_of(m).kind == "b" else m for m in parts]
    return added[0] if len(added) == 1 else p.add(*added)
