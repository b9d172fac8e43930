"""Functions of Hermitian matrices through their eigenvalues, with exact derivatives of any order.

The derivative of order k along ``t1 ... tk`` has, in the basis of eigenvectors, the divided
differences of the function at k + 1 eigenvalues as its coefficients. These are as smooth as the
function is: equal eigenvalues are no exception.

A function `h` is given with its derivatives: ``h(order, w)`` is that of this order at each `w`.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.interpreter import under
from functrans.core.kinds import general
from functrans.core.types import Array, ArrayType

from .decompositions import conjugated
from .linalg import regular, regular_complex, same_shape
from .samples import Sample

if TYPE_CHECKING:
    from functrans.core.kinds import Function

EPS = float(np.finfo(float).eps)


# Divided differences.


def differences(h: Function, points: Array) -> tuple[Array, Array]:
    """The divided difference of `h` at ``points[:, j]`` (ascending) for each j, and its error.

    Quotients are exact for distant points; for close ones, where they cancel, it is the mean of
    the derivative over the simplex of the points (Hermite and Genocchi). The smaller error wins.
    """
    order = len(points) - 1
    if order == 0:
        ans = h(0, points[0])
        return ans, EPS * np.abs(ans)
    (low, low_error), (high, high_error) = differences(h, points[:-1]), differences(h, points[1:])
    spread = points[-1] - points[0]
    ans = np.array((high - low) / np.where(spread == 0, 1, spread))
    error = np.where(
        spread == 0,
        np.inf,
        (low_error + high_error) / np.where(spread == 0, 1, spread) + EPS * np.abs(ans),
    )
    close = ~(error <= 20 * EPS * np.abs(ans))
    if close.any():
        near = points[:, close]
        rough, fine = (simplex_mean(h, near, n) for n in (5, 7))
        rounding = np.where(spread[close] == 0, 0, np.abs(fine - rough)) + 4 * EPS * np.abs(fine)
        better = (spread[close] == 0) | (rounding < error[close])
        ans[close] = np.where(better, fine, ans[close])
        error[close] = np.where(better, rounding, error[close])
    return ans, error


def simplex_mean(h: Function, points: Array, n: int) -> Array:
    """The integral of the derivative of `h` over the simplex of the points, by Gauss's rule."""
    order = len(points) - 1
    nodes, weights = np.polynomial.legendre.leggauss(n)
    nodes, weights = (nodes + 1) / 2, weights / 2
    places, volume = points[:1], np.ones(1)
    remaining = np.ones(1)
    # The cube onto the simplex: each coordinate is a share of what the earlier ones have left.
    for i in range(1, order + 1):
        share = remaining[:, None] * nodes
        step = (points[i] - points[i - 1])[None, None, :]
        places = (places[:, None, :] + share[:, :, None] * step).reshape(-1, points.shape[1])
        volume = (volume[:, None] * remaining[:, None] * weights).ravel()
        remaining = share.ravel()
    return np.tensordot(volume, h(order, places), 1)


def difference_table(h: Function, w: Array, order: int) -> Array:
    """The divided differences of `h` at all choices of ``order + 1`` elements of each `w`."""
    n = w.shape[-1]
    chosen = np.indices((n,) * (order + 1)).reshape(order + 1, -1)
    ordered, back = np.unique(np.sort(chosen, axis=0), axis=1, return_inverse=True)
    points = np.moveaxis(w[..., ordered], -2, 0).astype(float)
    with under(None), np.errstate(all="ignore"):
        ans = differences(h, points.reshape(order + 1, -1))[0]
    ans = ans.reshape(*w.shape[:-1], ordered.shape[1])[..., back.reshape(-1)]
    return ans.reshape(*w.shape[:-1], *(n,) * (order + 1))


# The function and its derivatives.


def eigh_function_impl(x: Array, *directions: Array, h: Function) -> Array:
    w, v = np.linalg.eigh(_hermitian(x))
    order = len(directions)
    table = difference_table(h, w, order)
    v_h = v.conj().mT
    if order == 0:
        return ((v * table.astype(w.dtype)[..., None, :]) @ v_h).astype(v.dtype, copy=False)
    inner = [v_h @ _hermitian(t) @ v for t in directions]
    letters = "abcdefghijklmnopqrstuvwxyz"[: order + 1]
    pairs = [f"...{a}{b}" for a, b in zip(letters, letters[1:], strict=False)]
    plan = f"...{letters},{','.join(pairs)}->...{letters[0]}{letters[-1]}"
    total: Any = 0
    for chain in permutations(inner):
        total = total + np.einsum(plan, table, *chain, optimize=order > 2)
    return (v @ total.astype(v.dtype, copy=False) @ v_h).astype(v.dtype, copy=False)


def _hermitian(x: Array) -> Array:
    return (x + x.conj().mT) / 2


def eigh_function_push(ts: tuple[Array, ...], xs: tuple[Array, ...], *, h: Function) -> Array:
    x, *directions = xs
    ans = eigh_function(*xs, ts[0], h=h)
    for i, t in enumerate(ts[1:]):
        ans = ans + eigh_function(x, *directions[:i], t, *directions[i + 1 :], h=h)
    return ans


def eigh_function_pull(g: Array, xs: tuple[Array, ...], *, h: Function) -> tuple[Array, ...]:
    """All derivatives are symmetric in their directions and the conjugated cotangent."""
    x, *directions = xs
    g = conjugated(g)
    found = [eigh_function(*xs, g, h=h)]
    for i in range(len(directions)):
        found.append(eigh_function(x, *directions[:i], g, *directions[i + 1 :], h=h))
    return tuple(map(conjugated, found))


def eigh_function_shape(x: ArrayType, *directions: ArrayType, h: Function) -> ArrayType:
    return same_shape(x)


def exp_rates(order: int, w: Array) -> Array:
    return np.exp(w)


def sin_rates(order: int, w: Array) -> Array:
    return np.sin(w + order * np.pi / 2)


def root_rates(order: int, w: Array) -> Array:
    return float(np.prod(0.5 - np.arange(order))) * w ** (0.5 - order)


eigh_function: Function = general(
    "eigh_function",  # the derivative along the further operands
    eigh_function_impl,
    push_all=eigh_function_push,
    pull_all=eigh_function_pull,
    batch=lambda *xs, h: eigh_function(*xs, h=h),
    shape=eigh_function_shape,
    samples=lambda: [
        Sample(regular((3, 3)), h=exp_rates),
        Sample(regular((2, 3, 3), 1), h=sin_rates, label="stack"),
        Sample(regular_complex((3, 3)), h=sin_rates, label="complex"),
        Sample(
            regular_complex((2, 2)), regular_complex((2, 2), 1), h=exp_rates, label="complex, along"
        ),
        Sample(regular((2, 2)).astype(np.float32), h=exp_rates, label="float32"),
        Sample(np.eye(3), h=root_rates, label="equal eigenvalues"),
        Sample(np.diag([1.0, 4.0]), h=root_rates, value=np.diag([1.0, 2.0]), label="diagonal"),
        Sample(np.diag([1.0, 1.0, 2.0]), h=exp_rates, label="a pair"),
        Sample(np.zeros((2, 2)), h=sin_rates, label="zero"),
        Sample(np.diag([1.0, 1 + 1e-9]), h=root_rates, label="nearly equal eigenvalues"),
        Sample(np.diag([1.0, 1.0, 3.0]), regular((3, 3)), h=exp_rates, label="derivative"),
        Sample(np.array([[2.0]]), h=root_rates, label="1 x 1"),
        Sample(np.zeros((0, 0)), h=exp_rates, label="0 x 0"),
        Sample(np.zeros((0, 2, 2)), h=exp_rates, label="empty stack"),
    ],
)
