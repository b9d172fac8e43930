"""Paths on which equal eigenvalues and singular values part (transforms/expansion.py).

A path keeps the vectors that were computed and gives each of several equal values a rate of its
own, so that no two of them stay together; singular values that vanish grow. There are two, neither
of which is the other but for how fast it is followed, or but for what moves all values alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.array import TracedArray
from functrans.core.errors import ConversionError, DegenerateWarning, warn_user
from functrans.core.interpreter import under
from functrans.core.kinds import elementwise, general, nondifferentiable
from functrans.core.primitive import ZERO
from functrans.core.types import Array, ArrayType

from .arithmetic import multiply, negative
from .degenerate import AGAIN, COMPUTED, NO_LIMIT, message
from .nearness import equal_pairs, near_pairs, near_zero, small_values
from .reduction import all as all_of
from .samples import Sample, draw, draw_complex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.core.kinds import Function


def at_the_bottom(x: Any) -> Any:
    """The plain value under all transforms; None if it is not known."""
    while isinstance(x, TracedArray):
        x = x.underlying
    return x


def values_among(outs: Sequence[Array]) -> int:
    """The place of the values among the outputs of a decomposition, before their vectors or between
    them."""
    return 1 if len(outs) in (3, 6) else 0


def _all_apart_impl(w: Array, *, family: str, width: float) -> Array:
    pairs = near_pairs(w, family, width)
    return ~(pairs.any((-2, -1)) | near_zero(w, family, width).any(-1))


all_apart: Any = nondifferentiable(
    "all_apart",  # whether no two values of a matrix are near each other and none vanishes
    _all_apart_impl,
    batch=lambda w, **params: all_apart(w, **params),
    shape=lambda w, **params: ArrayType(w.shape[:-1], bool),
    samples=lambda: [
        Sample(np.array(w), family=family, width=1e-5, smooth=False, value=value, label=label)
        for w, family, value, label in (
            ([1.0, 1.0, 2.0], "eigh", np.False_, "a pair"),
            ([[1.0, 3.0], [2.0, 2.0]], "eigh", [True, False], "stack"),
            ([1.0, 1.0 + 1e-8], "eigh", np.False_, "near each other"),
            ([1.0, 0.0], "eigh", np.True_, "eigenvalues may vanish"),
            ([1.0, 1e-17], "svd", np.False_, "vanishing"),
            ([1.0 + 1j, 1.0 - 1j], "eig", np.True_, "complex"),
            (np.zeros(0), "svd", np.True_, "none"),
        )
    ],
)


def apart(w: Any, family: str, width: float) -> bool | None:
    """Whether no values are near each other and none vanish; None if not known, as in a graph.

    While `jit` stages a function it is known of this call: its program checks that it is so.
    """
    while isinstance(w, TracedArray):
        if w.underlying is None:
            if not w.interpreter.follows:
                return None
            with under(w.interpreter):
                found = all_apart(w, family=family, width=width)
                try:
                    return bool(all_of(found, axes=tuple(range(found.ndim))))
                except ConversionError:  # the call is within a transform
                    return None
        w = w.underlying
    return bool(_all_apart_impl(w, family=family, width=width).all())


def _together_impl(w: Array, *, family: str) -> Array:
    pairs = equal_pairs(w)
    alike = pairs | np.eye(w.shape[-1], dtype=bool)
    means = np.where(alike, w[..., None, :], 0).sum(-1) / alike.sum(-1)
    found = np.where(pairs.any(-1), means, w)
    return np.where(small_values(w, family), 0, found).astype(w.dtype)


together: Any = general(
    "together",  # values, of which those that are equal up to rounding are equal
    _together_impl,
    pushes=(lambda t, *, family: t,),
    pulls=(lambda g, *, family: g,),
    batch=lambda w, *, family: together(w, family=family),
    shape=lambda w, *, family: w,
    samples=lambda: [
        Sample(np.array([1.0, 3.0]), family="eigh", label="apart"),
        Sample(np.array([1.0 + 2j, 3.0]), family="eig", label="apart, complex"),
        *(
            Sample(np.array(w), family=family, smooth=False, value=value, label=label)
            for w, family, value, label in (
                ([1.0, 1.0, 2.0], "eigh", [1, 1, 2], "a pair"),
                ([[1.0, 3.0], [2.0, 2.0]], "eigh", [[1, 3], [2, 2]], "stack"),
                ([1.0, 1.0 + 2**-52], "eigh", [1 + 2**-53] * 2, "up to rounding"),
                ([1.0, 1e-17], "svd", [1, 0], "vanishing"),
                ([1.0 + 1j, 1.0 + 1j], "eig", [1 + 1j, 1 + 1j], "complex"),
                (np.zeros(0), "svd", np.zeros(0), "none"),
            )
        ),
    ],
)


def _staged_impl(t: Array, w: Array, *, family: str, width: float) -> Array:
    vanishing = small_values(w, family)[..., None] & np.eye(w.shape[-1], dtype=bool)
    pairs = near_pairs(w, family, width) | vanishing
    if not pairs.any():
        return t
    warn_user(message(w, pairs, family, "derivative of a derivative", AGAIN), DegenerateWarning)
    undetermined = pairs.any((-2, -1))
    return np.where(undetermined[(..., *(None,) * (t.ndim - w.ndim + 1))], np.nan, t)


def staged_again(t: Array, y: Array, *, family: str, width: float) -> Array:
    """The derivative of `staged_factor`, a linear function that is its own transpose."""
    return staged_tangent(t, y, family=family, width=width)


staged_tangent: Function = general(
    "staged_tangent",  # of a factor of a matrix with values w: NaN if some are near, or vanish
    _staged_impl,
    pushes=(staged_again, ZERO),
    pulls=(staged_again, ZERO),
    batch=lambda t, w, **params: staged_tangent(t, w, **params),
    shape=lambda t, w, **params: t,
    samples=lambda: [
        *(
            Sample(x, np.array([1.0, 2.0]), family="eigh", width=0.0, label=label)
            for x, label in ((draw((2,), -1, 1), ""), (draw_complex((2, 2), -1, 1), "complex"))
        ),
        Sample(
            *(draw_complex((2,), -1, 1), np.array([1.0 + 2j, 2.0])),
            family="eig",
            width=0.0,
            label="complex values",
        ),
        *(
            Sample(
                *(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array(w)),
                family=family,
                width=0.0,
                smooth=False,
                value=value,
                label=label,
            )
            for w, family, value, label in (
                ([[1.0, 1.0], [1.0, 2.0]], "eigh", [[np.nan, np.nan], [3, 4]], "a pair"),
                ([2.0, 0.0], "svd", np.full((2, 2), np.nan), "vanishing"),
            )
        ),
    ],
)

staged_factor: Function = general(
    "staged_factor",  # a factor of a matrix with values w, in a graph that has its derivatives
    lambda x, w, **params: x,
    pushes=(staged_again, ZERO),
    pulls=(staged_again, ZERO),
    batch=lambda x, w, **params: staged_factor(x, w, **params),
    shape=lambda x, w, **params: x,
    samples=lambda: [
        Sample(draw((2, 2), -1, 1), np.array([1.0, 2.0]), family="eigh", width=0.0),
        Sample(
            *(draw_complex((2,), -1, 1), np.array([1.0 + 2j, 2.0])),
            family="eig",
            width=0.0,
            label="complex",
        ),
    ],
)


def _path_rates_impl(w: Array, *, family: str, path: int, depth: int, width: float) -> Array:
    pairs, small = near_pairs(w, family, width), near_zero(w, family, width)
    n = w.shape[-1]
    before = (pairs & (np.arange(n) < np.arange(n)[:, None])).sum(-1)
    if path == 1:  # of what another returned at rates that have no fixed ratio to its own
        power = 1 / (2 + depth)
        rates = np.where(small, (2.0 + before) ** power, 2 - (1.0 + before) ** power)
    else:
        rates = np.where(small, 0, before) if path == 3 else before + small
    # As large as the values, so that all coefficients of a series are of a size.
    size = np.max(np.abs(w), -1, initial=0, keepdims=True)
    scale = np.where(size == 0, 1, size)
    moved: Array = small | pairs.any(-1)
    return np.where(moved, scale * rates, 0).astype(w.dtype)


path_rates: Any = nondifferentiable(
    "path_rates",  # how fast equal values part on a path; 2 is as 0, on 3 those that vanish stay
    _path_rates_impl,
    batch=lambda w, **params: path_rates(w, **params),
    shape=lambda w, **params: w,
    samples=lambda: [
        Sample(
            np.array(w),
            family=family,
            path=path,
            depth=int(label == "of a root"),
            width=0.0,
            smooth=False,
            value=value,
            label=label,
        )
        for w, family, path, value, label in (
            ([1.0, 1.0, 2.0], "eigh", 0, [0, 2, 0], "a pair"),
            (np.zeros((1, 3)), "eigh", 1, [[1, 2 - 2**0.5, 2 - 3**0.5]], "zero"),
            ([3.0, 0.0, 0.0], "svd", 0, [0, 3, 6], "vanishing"),
            ([0.0, 0.0], "svd", 1, [2**0.5, 3**0.5], "vanishing, the other path"),
            ([3.0, 3.0, 0.0], "svd", 3, [0, 3, 0], "those that stay"),
            (np.ones(2), "eigh", 1, [1, 2 - 2 ** (1 / 3)], "of a root"),
            (np.zeros(0), "eigh", 0, np.zeros(0), "none"),
        )
    ],
)


def _beyond_zero_impl(s: Array, *, columns: int) -> Array:
    small = small_values(s, "svd")
    first = small & (np.cumsum(small, -1) == 1)
    signs = np.ones((*s.shape[:-1], 1, columns), s.dtype)
    signs[..., 0, : s.shape[-1]] = np.where(first, -1, 1)
    return signs


beyond_zero: Any = nondifferentiable(
    "beyond_zero",  # the signs of left vectors where the first value that vanishes has passed zero
    _beyond_zero_impl,
    batch=lambda s, *, columns: beyond_zero(s, columns=columns),
    shape=lambda s, *, columns: ArrayType((*s.shape[:-1], 1, columns), s.dtype),
    samples=lambda: [
        Sample(np.array([2.0, 0.0, 0.0]), columns=4, smooth=False, value=[[1, -1, 1, 1]]),
        Sample(np.ones((2, 1)), columns=1, smooth=False, value=np.ones((2, 1, 1)), label="stack"),
    ],
)


def _mirror_signs_impl(s: Array, *, columns: int, width: float) -> Array:
    signs = np.ones((*s.shape[:-1], 1, columns), s.dtype)
    signs[..., 0, : s.shape[-1]] = np.where(near_zero(s, "svd", width), -1, 1)
    return signs


mirror_signs: Any = nondifferentiable(
    "mirror_signs",  # the signs of left vectors where all values near zero are beyond it
    _mirror_signs_impl,
    batch=lambda s, **params: mirror_signs(s, **params),
    shape=lambda s, *, columns, width: ArrayType((*s.shape[:-1], 1, columns), s.dtype),
    samples=lambda: [
        Sample(
            *(np.array([2.0, 1e-8, 0.0]),),
            columns=4,
            width=1e-5,
            smooth=False,
            value=[[1, -1, -1, 1]],
        ),
        Sample(np.ones((2, 1)), columns=1, width=1e-5, smooth=False, value=np.ones((2, 1, 1))),
    ],
)


def _turn_impl(w: Array, *, columns: int, family: str, width: float) -> Array:
    n = w.shape[-1]
    pairs = near_pairs(w, family, width)
    alike = pairs | np.eye(n, dtype=bool)
    sizes = np.where(alike, np.arange(1.0, n + 1) ** 2, 0).sum(-1, keepdims=True)
    outer = np.arange(1.0, n + 1)[:, None] * np.arange(1.0, n + 1)
    mirrors = np.where(alike & pairs.any(-1, keepdims=True), 2 * outer / sizes, 0)
    found = np.broadcast_to(np.eye(columns), (*w.shape[:-1], columns, columns)).copy()
    found[..., :n, :n] -= mirrors
    return found.astype(np.finfo(w.dtype).dtype)


turn: Any = nondifferentiable(
    "turn",  # an orthogonal matrix that turns the vectors of equal values into each other
    _turn_impl,
    batch=lambda w, **params: turn(w, **params),
    shape=lambda w, *, columns, **params: ArrayType(
        (*w.shape[:-1], columns, columns), np.finfo(w.dtype).dtype
    ),
    samples=lambda: [
        Sample(
            np.array([1.0, 1.0, 2.0]),
            columns=4,
            family="eigh",
            width=0.0,
            smooth=False,
            value=[[0.6, -0.8, 0, 0], [-0.8, -0.6, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
        ),
        Sample(
            np.array([[1.0, 2.0]]),
            columns=2,
            family="svd",
            width=1e-5,
            smooth=False,
            value=[np.eye(2)],
            label="stack",
        ),
    ],
)


def _with_limit_impl(x: Array, doubt: Array, w: Array, *, family: str, first: bool) -> Array:
    if not doubt.any():
        return x
    pairs = equal_pairs(w) | small_values(w, family)[..., None] & np.eye(w.shape[-1], dtype=bool)
    if not pairs.any():
        return x
    result = COMPUTED if first else NO_LIMIT
    warn_user(message(w, pairs, family, "derivative", result), DegenerateWarning)
    return x if first else np.where(doubt, np.nan, x)


def with_limit_again(t: Array, y: Array, z: Array, *, family: str, first: bool) -> Array:
    """The derivative of `with_limit`, a linear function that is its own transpose."""
    return with_limit(t, y, z, family=family, first=first)


with_limit: Function = general(
    "with_limit",  # `x`; in doubtful places, if values w are equal or vanish, NaN with a warning,
    _with_limit_impl,  # or the warning alone for what is the first derivative
    pushes=(with_limit_again, ZERO, ZERO),
    pulls=(with_limit_again, ZERO, ZERO),
    batch=lambda x, doubt, w, **params: with_limit(x, doubt, w, **params),
    shape=lambda x, doubt, w, *, family, first: x,
    samples=lambda: [
        *(
            Sample(
                *(x, np.zeros(2, bool), np.array([1.0, 1.0])),
                family="eigh",
                first=False,
                label=label,
            )
            for x, label in ((draw((2,), -1, 1), ""), (draw_complex((2,), -1, 1), "complex"))
        ),
        Sample(
            *(np.array([1.0, 2.0]), np.array([True, False]), np.array([1.0, 1.0])),
            family="eigh",
            first=True,
            value=[1.0, 2.0],
            label="the first derivative",
        ),
        *(
            Sample(
                *(np.array([1.0, 2.0]), np.array([True, False]), np.array(w)),
                family="svd",
                first=False,
                smooth=False,
                value=[value, 2],
                label=label,
            )
            for w, value, label in (
                ([1.0, 1.0], np.nan, "a pair"),
                ([1.0, 0.0], np.nan, "vanishing"),
                ([2.0, 1.0], 1, "apart"),
            )
        ),
    ],
)


# What rules take of singular values.

zero_at_zero: Function = elementwise(
    "zero_at_zero",  # reciprocals, but 0 for 0, where a singular value has a kink, and vectors turn
    lambda s: np.divide(1, s, out=np.zeros_like(s), where=s != 0),
    lambda ans: negative(multiply(ans, ans)),
    shape=lambda s: s,
    samples=lambda: [
        Sample(np.array([1.0, 2.0])),
        Sample(np.array([4.0, 0.0], np.float32), smooth=False, value=[0.25, 0], label="zero"),
    ],
)

away_from_zero: Function = nondifferentiable(
    "away_from_zero",  # 1 for positive singular values, 0 for those at zero
    lambda s: (s != 0).astype(s.dtype),
    batch=lambda s: away_from_zero(s),
    shape=lambda s: s,
    samples=lambda: [Sample(np.array([2.0, 0.0]), smooth=False, value=[1, 0])],
)
