"""Rates of equal eigenvalues and singular values in forward mode, shifted to see whether a function
tells them apart (transforms/telling.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.errors import DegenerateWarning, warn_user
from functrans.core.kinds import general, nondifferentiable
from functrans.core.primitive import REGISTRY, ZERO
from functrans.core.types import Array, ArrayType, dtype_of, shape_of

from .arithmetic import add, astype, multiply
from .comparison import logical_or
from .degenerate import AGAIN, ORDER, TOGETHER, countable_pairs, message, message_within
from .reduction import any, sum
from .samples import Sample, draw, draw_complex
from .shape import reshape
from .slopes import between_equal, probing_ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.core.kinds import Function


def _tie_shifts_impl(x: Array, w: Array, *, alike: bool, name: str) -> Array:
    pairs = countable_pairs(w, name)
    n = x.shape[-1]
    if not pairs.any():
        return np.zeros(x.shape[:-1], w.real.dtype)
    together = pairs | np.eye(n, dtype=bool)
    counts = together.sum(-1)
    rates = np.diagonal(x, axis1=-2, axis2=-1)
    means = np.where(together, rates[..., None, :], 0).sum(-1) / counts
    # What the tangent is between equal values, beside what moves them all alike.
    apart = np.where(together, x, 0) - np.eye(n) * means[..., None]
    own = (np.abs(apart) ** 2).sum(-1)[..., None, :]
    size = np.sqrt(np.where(together, own, 0).sum(-1))
    noise = 16 * np.finfo(w.dtype).eps * n * np.linalg.norm(x, axis=(-2, -1))[..., None]
    size = np.where((counts > 1) & (size > noise), size, 0).astype(w.real.dtype)
    if alike:
        return size
    return (size * probing_ranks(pairs)).astype(size.dtype)


tie_shifts: Function = nondifferentiable(
    "tie_shifts",  # of the rates of equal values among w, by the tangent x between their vectors
    _tie_shifts_impl,
    batch=lambda x, w, *, alike, name: tie_shifts(x, w, alike=alike, name=name),
    shape=lambda x, w, *, alike, name: ArrayType(x.shape[:-1], np.finfo(w.dtype).dtype),
    samples=lambda: (
        [
            Sample(
                *(np.array(x), np.array(w)),
                alike=True,
                name=name,
                smooth=False,
                value=value,
                label=label,
            )
            for x, w, name, value, label in (
                ([[2.0, 3.0], [3.0, 2.0]], [1.0, 1.0], "eigh", [18**0.5] * 2, "parted"),
                ([[2.0, 0.0], [0.0, 2.0]], [1.0, 1.0], "eigh", [0, 0], "moved together"),
                ([[2.0, 3.0], [3.0, 2.0]], [1.0, 2.0], "eigh", [0, 0], "of different values"),
                ([[2.0, 3.0], [3.0, 2.0]], [0.0, 0.0], "svd", [0, 0], "vanishing"),
            )
        ]
        + [
            Sample(
                *(np.array([[[0.0, 1.0], [1.0, 0.0]]]), np.ones((1, 2))),
                alike=False,
                name="eig",
                smooth=False,
                value=[[(1 - 2**0.5) / 2**0.5, (2**0.5 - 1) / 2**0.5]],
                label="against each other",
            )
        ]
    ),
)


def _told_apart_impl(x: Array, apart: Array, scale: Array) -> Array:
    size = np.maximum(np.maximum(np.abs(scale), np.abs(x)), np.abs(apart))
    found: Array = np.abs(apart) > np.finfo(x.dtype).eps ** 0.5 * size
    return found


told_where: Function = nondifferentiable(
    "told_where",  # where a tangent x depends on shifts of rates: what those against each other,
    _told_apart_impl,  # and what those of all alike add to it
    batch=lambda x, apart, scale: told_where(x, apart, scale),
    shape=lambda x, apart, scale: ArrayType(x.shape, np.dtype(bool)),
    samples=lambda: [
        Sample(
            *(np.array([1.0, 1.0]), np.array([1e-16, 1e-3]), np.array([2.0, 2.0])),
            smooth=False,
            value=[False, True],
        )
    ],
)


def _told_rates_impl(x: Array, told: Array, w: Array, *, name: str, line: str) -> Array:
    if told.any():
        pairs = countable_pairs(w, name)
        if pairs.any():
            text = f"{ORDER} They are those of the call at {line}."
            warn_user(message(w, pairs, name, "derivative", text, TOGETHER), DegenerateWarning)
    return x


def _told_again_impl(x: Array, told: Array, w: Array, *, name: str) -> Array:
    pairs = countable_pairs(w, name)
    if not (told.any() and pairs.any()):
        return x
    warn_user(message(w, pairs, name, "second derivative", AGAIN), DegenerateWarning)
    return np.where(told, np.nan, x)


def _samples(**params: Any) -> list[Sample]:
    w = np.array([1.0, 2.0])
    return [
        Sample(draw((2,), -1, 1), np.ones(2, bool), w, name="eigh", **params),
        Sample(draw_complex((3,), -1, 1), np.ones(3, bool), w * 1j, name="eig", **params),
        Sample(draw((), -1, 1), np.zeros((), bool), np.ones(2), name="svd", **params),
    ]


told_again: Any = general(
    "told_again",  # the derivative of told_rates: NaN, with a warning
    _told_again_impl,
    pushes=(lambda t, y, z, *, name: told_again(t, y, z, name=name), ZERO, ZERO),
    pulls=(lambda g, y, z, *, name: told_again(g, y, z, name=name), ZERO, ZERO),
    batch=lambda x, told, w, *, name: told_again(x, told, w, name=name),
    shape=lambda x, told, w, *, name: x,
    samples=lambda: [
        *_samples(),
        Sample(
            *(np.array([1.0, 2.0]), np.array([True, False]), np.ones(2)),
            name="eigh",
            smooth=False,
            value=[np.nan, 2],
            label="told apart",
        ),
    ],
)

told_rates: Function = general(
    "told_rates",  # a tangent x; warns where it tells equal values w apart, which came at this line
    _told_rates_impl,
    pushes=(lambda t, y, z, *, name, line: told_again(t, y, z, name=name), ZERO, ZERO),
    pulls=(lambda g, y, z, *, name, line: told_again(g, y, z, name=name), ZERO, ZERO),
    batch=lambda x, told, w, *, name, line: told_rates(x, told, w, name=name, line=line),
    shape=lambda x, told, w, *, name, line: x,
    samples=lambda: _samples(line="script.py:1"),
)


def of_lanes(x: Array, rank: int) -> Array:
    """A number for each lane, as what broadcasts to arrays of lanes of this rank."""
    shape = shape_of(x)
    return reshape(x, shape=(*shape, *(1,) * (rank - len(shape))))


# Decompositions within loops and branches.

SHIFTS = ArrayType((2,), np.dtype(float))
"""The type of the operand by whose tangents rates are shifted: one for each kind of shift."""


def shifted_rates_push(ts: Any, xs: Any, *, of: str, options: tuple[Any, ...]) -> Array:
    tangent, by, t = ts[:3]
    tells: Any = REGISTRY[of].tells
    found = tells(tuple(xs[3:]), [xs[2]], [t], dict(options))
    if found is None:
        return tangent
    for kind, shift in zip(np.eye(2), found[1], strict=True):
        size = astype(sum(multiply(by, kind), axes=(by.ndim - 1,)), dtype=dtype_of(shift))
        tangent = add(tangent, multiply(of_lanes(size, shift.ndim), shift))
    return tangent


shifted_rates: Any = general(
    "shifted_rates",  # values w of a decomposition of x into factors; their tangents have shifts of
    lambda w, by, x, *factors, of, options: w,  # rates, as many as the tangent of `by` says
    push_all=shifted_rates_push,
    pull_all=lambda g, x_types, *, of, options: (
        g,
        *[np.zeros(kind.shape, kind.dtype) for kind in x_types[1:]],
    ),
    batch=lambda *xs, of, options: shifted_rates(*xs, of=of, options=options),
    shape=lambda w, *rest, of, options: w,
    samples=lambda: [
        Sample(
            *(np.array([1.0, 2.0]), np.zeros(2), np.diag([1.0, 2.0])),
            *(np.array([1.0, 2.0]), np.zeros(2)),
            of="eigvalsh",
            options=(("uplo", "L"),),
        ),
        Sample(
            *(np.array([1.0 + 1j, 2.0]), np.zeros(2), np.diag([1.0 + 1j, 2.0])),
            np.array([1.0 + 1j, 2.0]),
            of="eigvals",
            options=(),
            label="complex",
        ),
    ],
)


def _told_within_impl(x: Array, told: Array, known: Array, *, calls: Any) -> Array:
    if told.any() and not known.any():
        warn_user(message_within(calls), DegenerateWarning)
    return x


told_within: Function = general(
    "told_within",  # a tangent x; warns where it tells equal values apart of decompositions in
    _told_within_impl,  # loops or branches, unless it is those that are known
    pushes=(lambda t: t, ZERO, ZERO),
    pulls=(lambda g: g, ZERO, ZERO),
    batch=lambda x, told, known, *, calls: told_within(x, told, known, calls=calls),
    shape=lambda x, told, known, *, calls: x,
    masks="lanes",
    samples=lambda: (
        [
            Sample(
                *(draw(shape, -1, 1), np.zeros(shape, bool), np.zeros((), bool)),
                calls=(("eigh", "script.py:1"),),
                label=label,
            )
            for shape, label in (((2,), ""), ((), "0-d"))
        ]
        + [
            Sample(
                *(draw_complex((2,), -1, 1), np.ones(2, bool), np.ones((), bool)),
                calls=(("svdvals", "script.py:1"),),
                label="complex",
            )
        ]
    ),
)


def check_within(
    calls: tuple[tuple[str, str], ...],
    result: Array,
    apart: Array,
    scale: Array,
    others: Sequence[Array],
) -> Array:
    """The tangent of a result, once it is known whether it tells equal values apart of these calls,
    each by its name and line, in a loop or branch: `others` are the values of decompositions that
    are none of them."""
    known: Array = np.zeros((), bool)
    for w in others:
        pairs = between_equal(w)
        known = logical_or(known, any(pairs, axes=(pairs.ndim - 2, pairs.ndim - 1)))
    while known.ndim:
        known = any(known, axes=(0,))
    checked: Array = told_within(result, told_where(result, apart, scale), known, calls=calls)
    return checked


def shifts(x: Array, w: Array, name: str) -> tuple[tuple[Array, Array], Any]:
    """For the rates of equal values, by the tangent `x` between their vectors: the shifts against
    each other and those of all alike, and what checks the tangent of a result with these."""

    def check(result: Array, apart: Array, scale: Array, line: str) -> Array:
        told = told_where(result, apart, scale)
        checked: Array = told_rates(result, told, w, name=name, line=line)
        return checked

    against = tie_shifts(x, w, alike=False, name=name)
    alike = tie_shifts(x, w, alike=True, name=name)
    return (against, alike), check
