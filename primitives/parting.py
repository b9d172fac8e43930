"""Equal eigenvalues and singular values along a tangent: how they part, and when that is in doubt.

Along a tangent equal values part as the eigenvalues of what it is between their vectors. In the
basis of its eigenvectors nothing stands between equal values, so that the derivative of a function
that is symmetric in them needs no more than the derivatives by each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from functrans.core.errors import DegenerateWarning, warn_user
from functrans.core.kinds import general, nondifferentiable
from functrans.core.primitive import ZERO
from functrans.core.types import Array, ArrayType

from .degenerate import AGAIN, countable_pairs, equal_pairs, message, mirrored, unsettled
from .samples import Sample, draw

if TYPE_CHECKING:
    from functrans.core.kinds import Function

_OFF_DIAGONAL = [[False, True], [True, False]]


def _groups(pairs: Array) -> list[slice]:
    """The runs of equal values of one matrix, in order, of two values or more."""
    n = len(pairs)
    ends = [i + 1 for i in range(n) if i + 1 == n or not pairs[i, i + 1]]
    return [slice(a, b) for a, b in zip([0, *ends], ends, strict=False) if b > a + 1]


def _parted_impl(x: Array, w: Array) -> Array:
    """Unitary matrices that turn the vectors of equal values, given the tangent between all."""
    stack = np.broadcast_shapes(x.shape[:-2], w.shape[:-1])
    pairs = np.broadcast_to(equal_pairs(w), (*stack, *x.shape[-2:]))
    between = np.broadcast_to(x, pairs.shape)
    turns = np.zeros(pairs.shape, x.dtype)
    turns[...] = np.eye(x.shape[-1])
    for lane in map(tuple, np.argwhere(pairs.any((-2, -1)))):
        for group in _groups(pairs[lane]):
            block = between[lane][group, group]
            found = np.linalg.eigh((block + mirrored(block)) / 2)[1]
            ascending = np.broadcast_to(w, pairs.shape[:-1])[lane]
            turns[lane][group, group] = found if ascending[0] <= ascending[-1] else found[:, ::-1]
    return turns


parted: Function = nondifferentiable(
    "parted",
    _parted_impl,
    batch=lambda x, w: parted(x, w),
    shape=lambda x, w: x,
    samples=lambda: [
        Sample(np.diag([1.0, 2.0]), np.array([1.0, 1.0]), smooth=False, value=np.eye(2)),
        Sample(np.diag([1.0, 2.0]), np.array([1.0, 3.0]), smooth=False, value=np.eye(2)),
        Sample(
            np.diag([1.0, 2.0])[None], np.ones((1, 2)), smooth=False, value=np.eye(2), label="stack"
        ),
    ],
)


def parting_pairs(x: Array, w: Array, name: str) -> tuple[Array, Array]:
    """Pairs of equal values that the tangent `x` between their vectors parts, and how fast."""
    pairs = countable_pairs(w, name)
    rates = np.real(np.diagonal(x, axis1=-2, axis2=-1))
    size = np.linalg.norm(x, axis=(-2, -1))[..., None, None]
    apart = np.abs(rates[..., None, :] - rates[..., None])
    return pairs & (apart > 16 * np.finfo(w.dtype).eps * w.shape[-1] * size), apart


def _parting_doubt_impl(
    x: Array, w: Array, g: Array, t_g: Array, used: Array, *, name: str
) -> Array:
    """Pairs of equal values that part, while a function is not symmetric in them: their cotangents
    `g` differ by more than rounding, which `t_g` amplifies, or one is not used at all."""
    parting, apart = parting_pairs(x, w, name)
    if not parting.any():
        return parting
    eps, n = np.finfo(w.dtype).eps, w.shape[-1]
    steepness = np.max(np.abs(t_g), -1, initial=0)[..., None, None] / np.where(parting, apart, 1)
    rounding = 16 * eps * n * np.sum(np.abs(w), -1)[..., None, None] * steepness
    rounding = rounding + eps**0.5 * np.max(np.abs(g), -1, initial=0)[..., None, None]
    differ = np.abs(g[..., None, :] - g[..., None]) > rounding
    one, other = used[..., None, :], used[..., None]
    return parting & ((differ & (one | other)) | (one ^ other))


parting_doubt: Function = nondifferentiable(
    "parting_doubt",
    _parting_doubt_impl,
    batch=lambda x, w, g, t_g, used, *, name: parting_doubt(x, w, g, t_g, used, name=name),
    shape=lambda x, w, g, t_g, used, *, name: ArrayType(x.shape, np.dtype(bool)),
    samples=lambda: [
        Sample(
            np.diag([1.0, 2.0]),
            *(np.ones(2), np.array([1.0, 2.0]), np.ones(2), np.ones(2, bool)),
            name="eigh",
            smooth=False,
            value=_OFF_DIAGONAL,
        ),
        Sample(
            np.diag([1.0, 2.0]),
            *(np.ones(2), np.ones(2), np.ones(2), np.ones(2, bool)),
            name="eigh",
            smooth=False,
            value=np.zeros((2, 2), bool),
            label="a symmetric function",
        ),
    ],
)


def _pair_doubt_impl(x: Array, whole: Array, w: Array, used: Array, *, name: str) -> Array:
    """Pairs of equal values with something between them, beside the rounding of `whole`."""
    pairs = countable_pairs(w, name)
    if not pairs.any():
        return pairs
    size = np.linalg.norm(whole, axis=(-2, -1), keepdims=True)
    there = np.abs(x) > 16 * np.finfo(x.dtype).eps * x.shape[-1] * size
    return pairs & there & (used[..., None, :] | used[..., None])


pair_doubt: Function = nondifferentiable(
    "pair_doubt",
    _pair_doubt_impl,
    batch=lambda x, whole, w, used, *, name: pair_doubt(x, whole, w, used, name=name),
    shape=lambda x, whole, w, used, *, name: ArrayType(x.shape, np.dtype(bool)),
    samples=lambda: [
        Sample(
            *(np.ones((2, 2)), np.ones((2, 2)), np.ones(2), np.ones(2, bool)),
            name=name,
            smooth=False,
            value=_OFF_DIAGONAL,
        )
        for name in ("eigh", "svd")
    ],
)


unpaired: Function = general(
    "unpaired",  # `x` without what is between equal values, which the tangent leaves apart
    lambda x, w, used, *, name: np.where(equal_pairs(w), 0, x),
    pushes=(lambda t, y, z, *, name: unsettled(t, y, z, name=name, pulled=False), ZERO, ZERO),
    pulls=(lambda g, y, z, *, name: unsettled(g, y, z, name=name, pulled=True), ZERO, ZERO),
    batch=lambda x, w, used, *, name: unpaired(x, w, used, name=name),
    shape=lambda x, w, used, *, name: x,
    samples=lambda: [
        *(
            Sample(x, np.array([1.0, 2.0]), np.ones(2, bool), name="eigh")
            for x in (draw((2, 2), -1, 1), draw((2, 2), -1, 1) * (1 + 1j))
        ),
        Sample(
            np.array([[1, 2], [2, 3]]),  # whole numbers: no derivative, which would warn
            np.ones(2),
            np.ones(2, bool),
            name="eigh",
            value=[[1, 0], [0, 3]],
            label="equal values",
        ),
    ],
)


def _vanishing_doubt_impl(
    x: Array, left: Array, right: Array, s: Array, g: Array, used: Array
) -> Array:
    """Singular values that vanish, and that the tangent does not let be, of a function without a
    kink there: its second derivative is a limit that the first does not show."""
    none = (s == 0) & used & (np.abs(g) <= 16 * np.finfo(s.dtype).eps)
    if not none.any():
        return none
    sizes = [np.linalg.norm(v, axis=(-2, -1))[..., None] for v in (x, left, right)]
    noise = 16 * np.finfo(s.dtype).eps * x.shape[-1] * (sizes[0] + sizes[1] + sizes[2])
    parts = np.linalg.norm(x, axis=-2) + np.linalg.norm(x, axis=-1)
    parts = parts + np.linalg.norm(left, axis=-2) + np.linalg.norm(right, axis=-2)
    return none & (parts > noise)


vanishing_doubt: Function = nondifferentiable(
    "vanishing_doubt",
    _vanishing_doubt_impl,
    batch=lambda *xs: vanishing_doubt(*xs),
    shape=lambda x, left, right, s, g, used: ArrayType(s.shape, np.dtype(bool)),
    samples=lambda: [
        Sample(
            *(np.eye(2), np.zeros((2, 2)), np.zeros((2, 2))),
            *(np.array([1.0, 0.0]), np.array([2.0, 0.0]), np.ones(2, bool)),
            smooth=False,
            value=[False, True],
        )
    ],
)


def _noted_impl(x: Array, w: Array, doubt: Array, *, name: str) -> Array:
    if doubt.any():
        warn_user(message(w, doubt, name, "second derivative", AGAIN), DegenerateWarning)
        return np.where(doubt, np.nan, x)
    return x


noted: Function = general(
    "noted",  # `x`, but NaN in doubtful places, with a warning
    _noted_impl,
    pushes=(lambda t, y, z, *, name: noted(t, y, z, name=name), ZERO, ZERO),
    pulls=(lambda g, y, z, *, name: noted(g, y, z, name=name), ZERO, ZERO),
    batch=lambda x, w, doubt, *, name: noted(x, w, doubt, name=name),
    shape=lambda x, w, doubt, *, name: x,
    samples=lambda: [
        *(
            Sample(x, np.array([1.0, 1.0]), np.zeros((2, 2), bool), name="eigh")
            for x in (draw((2, 2), -1, 1), draw((2, 2), -1, 1) * (1 + 1j))
        ),
        Sample(
            np.ones((2, 2)),
            np.array([1.0, 1.0]),
            np.array(_OFF_DIAGONAL),
            name="eigh",
            smooth=False,
            value=[[1, np.nan], [np.nan, 1]],
            label="in doubt",
        ),
    ],
)
