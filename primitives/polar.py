"""The nuclear norm, the sum of the singular values, and its derivative, the polar factor.

The norm is smooth where singular values are equal: the derivative of the polar factor divides by
sums of them, not by differences as that of the vectors does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import general
from functrans.core.types import Array, ArrayType

from .arithmetic import add, multiply, real, real_dtype, subtract
from .contraction import column, matmul, row
from .decompositions import conjugated, svd_constants
from .degenerate import every_lane
from .linalg import adjoint, linalg_dtype, matrices, regular
from .paths import zero_at_zero
from .reduction import sum
from .samples import Sample, draw, draw_complex
from .spectral import known_svd

if TYPE_CHECKING:
    from functrans.core.kinds import Function


def polar_impl(x: Array) -> Array:
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return (u * (s > 0)[..., None, :].astype(s.dtype)) @ vh


def polar_push(t: Array, x: Array) -> Array:
    factors = svd_constants(x)
    u, s, vh = known_svd(x, *factors, every_lane(factors[1]))
    u_h, v = adjoint(u), adjoint(vh)
    inner = matmul(matmul(u_h, t), v)
    apart = multiply(zero_at_zero(add(row(s), column(s))), subtract(inner, adjoint(inner)))
    out = matmul(matmul(u, apart), vh)
    if x.shape[-2] > x.shape[-1]:  # outside the span of u, or that of v
        left = matmul(t, v)
        left = subtract(left, matmul(u, matmul(u_h, left)))
        out = add(out, matmul(multiply(left, row(zero_at_zero(s))), vh))
    elif x.shape[-2] < x.shape[-1]:
        right = matmul(u_h, t)
        right = subtract(right, matmul(matmul(right, v), vh))
        out = add(out, matmul(u, multiply(column(zero_at_zero(s)), right)))
    return out


def polar_pull(g: Array, x: Array) -> Array:
    """The derivative of `polar` is the second one of `nuclear`, and symmetric as such."""
    return conjugated(polar_push(conjugated(g), x))


def square_and_not(**params: Any) -> list[Sample]:
    return [
        Sample(regular((3, 3)), label="square", **params),
        Sample(draw((2, 4, 2), -1, 1), label="stack, tall", **params),
        Sample(draw((2, 4), -1, 1), label="wide", **params),
        Sample(draw_complex((2, 3), -1, 1), label="complex", **params),
        Sample(draw((3, 2), -1, 1).astype(np.float32), label="float32", **params),
        Sample(np.zeros((0, 2, 2)), label="empty stack", **params),
    ]


polar: Function = general(
    "polar",  # u @ vh; what belongs to vanishing singular values is left out
    polar_impl,
    pushes=(polar_push,),
    pulls=(polar_pull,),
    batch=lambda x: polar(x),
    shape=lambda x: ArrayType(x.shape, linalg_dtype(x.dtype)),
    samples=lambda: [
        *square_and_not(),
        Sample(np.zeros((2, 2)), pinned=[np.zeros((2, 2))], second=False, label="zero"),
        Sample(np.eye(2), second=False, label="equal singular values"),
    ],
)
nuclear: Function = general(
    "nuclear",
    lambda x: np.linalg.svd(x, compute_uv=False).sum(-1),
    pushes=(
        lambda t, x: sum(real(multiply(conjugated(polar(x)), t)), axes=(x.ndim - 2, x.ndim - 1)),
    ),
    pulls=(lambda g, x: multiply(column(column(g)), conjugated(polar(x))),),
    batch=lambda x: nuclear(x),
    shape=lambda x: ArrayType(matrices(x)[0], real_dtype(linalg_dtype(x.dtype))),
    samples=lambda: [
        *square_and_not(),
        Sample(np.zeros((2, 2)), pinned=[np.zeros((2, 2))], label="zero"),
        Sample(np.eye(2), pinned=[np.eye(2)], label="equal singular values"),
        Sample(np.diag([3.0, 0.0]), pinned=[np.diag([1.0, 0.0])], label="rank n - 1"),
    ],
)
