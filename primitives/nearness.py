"""Eigenvalues and singular values that are near each other: perhaps equal but for rounding.

Values that another computation made equal part by its rounding, of which their own size tells
nothing. A quotient over their gap has an error of rounding over the gap, and the one at a single
value in their middle an error of the gap, or of its square with a correction. So within a width in
which the second is the better one both are computed (transforms/nearby.py), and one is chosen by
whether the first tells them apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import general, nondifferentiable
from functrans.core.types import Array, ArrayType

from .samples import Sample

if TYPE_CHECKING:
    from functrans.core.kinds import Function

_STEP = 8
"""By how much the next smaller width is smaller."""


def alike_values(w: Array) -> Array:
    """Pairs of values that are equal up to rounding of their own; a value is like itself."""
    gaps = w[..., None, :] - w[..., None]
    size = np.abs(w).sum(-1)[..., None, None]
    found: Array = np.abs(gaps) <= 4 * np.finfo(w.dtype).eps * size
    return found


def equal_pairs(w: Array) -> Array:
    """Pairs of different lanes with equal values."""
    return alike_values(w) & ~np.eye(w.shape[-1], dtype=bool)


def width_of(dtype: np.dtype[Any], order: int) -> float:
    """Up to which gap, by the largest value, a derivative of this order is better at the middle:
    where rounding over a power of the gap is as large as the square of the gap."""
    return float(np.finfo(dtype).eps ** (1 / (order + 2)))


def small_values(w: Array, family: str) -> Array:
    """Singular values that vanish up to rounding."""
    if family != "svd":
        return np.zeros(w.shape, bool)
    rounding = 4 * np.finfo(w.dtype).eps * np.abs(w).sum(-1, keepdims=True)
    found: Array = np.abs(w) <= rounding
    return found


def near_pairs(w: Array, family: str, width: float) -> Array:
    """Pairs of values that are taken together, those that are equal up to rounding among them.

    All pairs of a cluster are within one width, the largest at which the values that are linked by
    such pairs form none but complete clusters.
    """
    return _near(w, family, width)[0]


def near_zero(w: Array, family: str, width: float) -> Array:
    """Singular values that vanish up to rounding, or with others near zero.

    One with its left vector reversed is one below zero. So it is near zero if it is near to its own
    mirror image: such values are taken together at zero, a single one only where what is lost by
    a quotient over it is more than half of the digits.
    """
    return _near(w, family, width)[1]


def _near(w: Array, family: str, width: float) -> tuple[Array, Array]:
    """`near_pairs` and `near_zero`."""
    small = small_values(w, family)
    if family != "svd" or not width or not w.size:
        return _clusters(w, equal_pairs(w), width), small
    size = np.max(w, -1, keepdims=True)
    if not (small | (w <= width * size)).any():
        return _clusters(w, equal_pairs(w), width), small
    n = w.shape[-1]
    both = np.concatenate([w, -w], -1)
    gaps = np.abs(both[..., None, :] - both[..., None])
    rounding = 4 * np.finfo(w.dtype).eps * w.sum(-1)[..., None, None]
    found = _clusters(both, (gaps <= rounding) & ~np.eye(2 * n, dtype=bool), width)
    zero = found[..., :n, n:].any(-1)
    alone = zero.sum(-1, keepdims=True) == 1
    zero = small | zero & ~(alone & (w > np.finfo(w.dtype).eps ** 0.5 * size))
    return found[..., :n, :n], zero


def _clusters(w: Array, pairs: Array, width: float) -> Array:
    """Pairs of values that are taken together, besides those which are."""
    if not width or w.shape[-1] < 2:
        return pairs
    n = w.shape[-1]
    gaps = np.abs(w[..., None, :] - w[..., None])
    size = np.max(np.abs(w), -1)[..., None, None]
    allowed = np.isfinite(size)
    rounding = 4 * np.finfo(w.dtype).eps
    found = pairs | np.eye(n, dtype=bool)
    settled = np.zeros((*w.shape[:-1], 1, n), bool)
    while width > rounding:
        near = (gaps <= width * size) & allowed
        if not (near & ~found).any():
            break
        clusters = _linked(near)
        complete = ~(clusters & ~near).any(-2, keepdims=True)
        taken = complete & complete.mT & ~settled & ~settled.mT
        found = found | clusters & taken
        settled = settled | complete
        width /= _STEP
    return found & ~np.eye(n, dtype=bool)


def _linked(near: Array) -> Array:
    """Pairs that are connected by steps from one to the next."""
    reach = near
    while True:
        further = np.matmul(reach.astype(np.float32), reach.astype(np.float32)) > 0
        if (further == reach).all():
            return further
        reach = further


def _near_gap_impl(w: Array, *, family: str, width: float) -> Array:
    found, zero = _near(w, family, width)
    found &= ~equal_pairs(w)
    zero &= ~small_values(w, family)
    real = w.real.dtype
    if not (found.any() or zero.any()):
        return np.full(w.shape[:-1], np.inf, real)[()]
    gaps = np.abs(w[..., None, :] - w[..., None])
    if zero.any():  # the gap to zero
        alone = np.eye(w.shape[-1], dtype=bool) & zero[..., None]
        found, gaps = found | alone, np.where(alone, np.abs(w)[..., None], gaps)
    size = np.max(np.abs(w), -1)
    least = np.min(np.where(found, gaps, np.inf), (-2, -1))
    apart = np.isinf(least)
    return np.where(apart, np.inf, least / np.where(apart, 1, size)).astype(real)[()]


near_gap: Function = nondifferentiable(
    "near_gap",  # the least gap of values that are near each other but not equal, by the largest
    _near_gap_impl,
    batch=lambda w, **params: near_gap(w, **params),
    shape=lambda w, **params: ArrayType(w.shape[:-1], np.finfo(w.dtype).dtype),
    samples=lambda: [
        Sample(np.array(w), family=family, width=1e-5, smooth=False, value=value, label=label)
        for w, family, value, label in (
            ([1.0, 1.0 + 2**-20, 4.0], "eigh", 2**-22, "a pair"),
            ([1.0, 1.0, 4.0], "eigh", np.inf, "equal"),
            ([4.0, 1.0 + 2**-20, 1.0, 0.0], "svd", 2**-22, "vanishing"),
            ([4.0, 2**-20, 0.0], "svd", 2**-22, "near zero"),
            ([4.0, 2**-20, 1.0], "svd", np.inf, "alone near zero"),
            ([[1.0, 1.0 - 2**-20], [1j, 1j - 2**-30]], "eig", [2**-20, 2**-30], "stack"),
            (np.zeros(0), "eigh", np.inf, "none"),
        )
    ],
)


def _near_values_impl(w: Array, *, family: str, width: float, at: str) -> Array:
    if not w.size:
        return w.copy()
    near, zero = _near(w, family, width)
    near = near | np.eye(w.shape[-1], dtype=bool)
    first = np.take_along_axis(w, near.argmax(-1), -1)
    last = np.take_along_axis(w, w.shape[-1] - 1 - near[..., ::-1].argmax(-1), -1)
    found = {"first": first, "last": last, "middle": first + (last - first) / 2}[at]
    if zero.any():  # the ends are as far on both sides, see `mirror_signs`, and away from zero
        size = np.max(w, -1, keepdims=True)
        end = 0 if at == "middle" else width * np.where(size == 0, 1, size)
        found = np.where(zero, end, found)
    return found.astype(w.dtype)


near_values: Function = general(
    "near_values",  # values, of which those near each other are one of them, or in their middle
    _near_values_impl,
    pushes=(lambda t, *, family, width, at: t,),
    pulls=(lambda g, *, family, width, at: g,),
    batch=lambda w, **params: near_values(w, **params),
    shape=lambda w, **params: w,
    samples=lambda: [
        *(
            Sample(x, family="eigh", width=1e-5, at="middle", label=label)
            for x, label in (
                (np.array([1.0, 2.0, 3.0]), "apart"),
                (np.array([[1.0 + 1j, 2.0]]), "apart, complex"),
            )
        ),
        *(
            Sample(
                *(np.array([1.0, 1.0 + 2**-30, 3.0]),),
                family="eigh",
                width=1e-5,
                at=at,
                smooth=False,
                value=[value, value, 3],
                label=at,
            )
            for at, value in (("first", 1.0), ("middle", 1 + 2**-31), ("last", 1 + 2**-30))
        ),
    ],
)
