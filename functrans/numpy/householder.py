"""The reflections of LAPACK, by which ``numpy.linalg.qr(mode="raw")`` tells a factorisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import joining
from functrans.numpy.axes import ndim_of


def reflections(x: Array) -> tuple[Array, Array]:
    """The transpose of the factorised matrices (triangle and reflections), and their factors.

    Each reflection ``1 - tau * v @ v.conj().T`` makes the elements of a column below the diagonal
    zero, in whose place `v` is kept, but for its first element, which is 1.
    """
    if dtype_of(x).kind not in "fc":
        x = p.astype(x, dtype=np.dtype(float))
    columns, factors = [], []
    for k in range(min(shape_of(x)[-2:])):
        tau, v, diagonal = _reflection(x[..., k:, 0])
        rest = x[..., :, 1:]
        lower = rest[..., k:, :]
        along = p.matmul(_conjugate(v)[..., None, :], lower)
        turn = p.multiply(p.multiply(_conjugate(tau)[..., None], v)[..., None], along)
        columns.append(joining.concatenate([x[..., :k, 0], diagonal, v[..., 1:]], -1))
        factors.append(tau)
        x = joining.concatenate([rest[..., :k, :], p.subtract(lower, turn)], -2)
    columns += [x[..., i] for i in range(shape_of(x)[-1])]
    lead = shape_of(x)[:-2]
    tau = joining.stack(factors, -1) if factors else np.zeros((*lead, 0), dtype_of(x))
    h = joining.stack(columns, -2) if columns else np.zeros((*lead, 0, shape_of(x)[-2]), tau.dtype)
    return h, tau


def product(x: Array, factors: Array) -> Array:
    """The first columns of the product of reflections, which are kept in the columns of `x` as
    :func:`reflections` tells (but not transposed)."""
    m, n = shape_of(x)[-2:]
    lead = shape_of(x)[:-2]
    kind = dtype_of(x)
    q: Array = np.broadcast_to(np.eye(m, n, dtype=kind), (*lead, m, n))
    for k in reversed(range(shape_of(factors)[-1])):
        head = np.broadcast_to(np.eye(m, dtype=kind)[k, : k + 1], (*lead, k + 1))
        v = joining.concatenate([head, x[..., k + 1 :, k]], -1)
        along = p.matmul(_conjugate(v)[..., None, :], q)
        turn = p.multiply(p.multiply(factors[..., k, None], v)[..., None], along)
        q = p.subtract(q, turn)
    return q


def _reflection(column: Array) -> tuple[Array, Array, Array]:
    """Factor, direction and new diagonal element that make the end of a vector zero.

    A vector that ends in zeros is left as it is, and so are small changes of it to first order.
    """
    last = ndim_of(column) - 1
    first, rest = column[..., :1], column[..., 1:]
    small: Any = p.equal(p.norm(rest, axes=(last,), keepdims=True), 0)
    real = p.real(first) if dtype_of(first).kind == "c" else first
    if dtype_of(first).kind == "c":
        small = p.logical_and(small, p.equal(p.imag(first), 0))
    end = p.negative(p.copysign(p.norm(column, axes=(last,), keepdims=True), real))
    end = p.where(small, 1, end)
    tau = p.where(small, 0, p.divide(p.subtract(end, first), end))
    scale = p.where(small, 1, p.subtract(first, end))
    v = joining.concatenate([np.ones_like(first), p.divide(p.where(small, 0, rest), scale)], -1)
    return tau[..., 0], v, p.where(small, first, end)


def _conjugate(x: Array) -> Array:
    return p.conjugate(x) if dtype_of(x).kind == "c" else x
