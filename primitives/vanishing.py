"""Singular values that vanish, where a function of them has a kink unless it is even.

An even function, as the sum of squares, is smooth in the matrix, and its second derivative takes
the limit of its first one over the value, which no local rule knows. Transforms tell how values
part from zero (transforms/splitting.py), and so the limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import general, nondifferentiable
from functrans.core.primitive import ZERO
from functrans.core.types import Array, dtype_of, shape_of

from .arithmetic import absolute, add, divide, multiply, real, real_dtype, subtract
from .comparison import equal, isnan, less_equal, logical_and, maximum, not_equal, where
from .contraction import column, matmul, row
from .decompositions import conjugated, svd_constants
from .indexing import diagonal, first_axis, from_diagonal
from .linalg import adjoint, symmetrized
from .parting import noted
from .reduction import any, sum
from .samples import Sample, draw, draw_complex
from .shifts import of_lanes, second_check, shifts
from .slopes import of_paths, tie_rates, tie_rates_impl, ties, vanish

if TYPE_CHECKING:
    from collections.abc import Sequence


def _even(y: Array, s: Array) -> Array:
    """Where a function has no kink though a singular value vanishes: it is even there."""
    return (s == 0) & (np.abs(y) <= 16 * np.finfo(s.dtype).eps)


def _split_vanishing_impl(slopes: Array, y: Array, rates: Array, s: Array) -> Array:
    found = []
    for path in (0, 1):
        step = tie_rates_impl(s, path=path)
        found.append(rates[..., path, :] / np.where(step == 0, 1, step))
    largest = np.max(np.abs(rates), (-2, -1), initial=0)[..., None]
    alike_slopes = np.abs(found[0] - found[1]) <= np.finfo(s.dtype).eps ** 0.5 * largest
    return np.where(_even(y, s) & alike_slopes, found[0], slopes)


split_vanishing: Any = nondifferentiable(
    "split_vanishing",
    _split_vanishing_impl,
    batch=lambda *xs: split_vanishing(*xs),
    shape=lambda slopes, y, rates, s: slopes,
    samples=lambda: [
        Sample(
            np.array([0.0, np.nan]),
            *(np.array([1.0, 0.0]), np.array([[0.0, 2.0], [0.0, t]]), np.array([1.0, 0.0])),
            smooth=False,
            value=[0, value],
            label=label,
        )
        for t, value, label in ((1.0, 2.0, "even"), (2.0, np.nan, "of unequal slopes"))
    ],
)


def vanishing_when_split(
    operands: Sequence[Array], rates: Sequence[Any], params: dict[str, Any]
) -> Array:
    y, s, x = operands
    found = vanishing_slopes(y, s, x)
    if rates[2] is not None:
        return found
    return split_vanishing(found, y, of_paths(y, rates[0]), s)


def on_diagonal(lanes: Array) -> Array:
    """A mask of pairs from a mask of values."""
    return logical_and(row(lanes), np.eye(shape_of(lanes)[-1], dtype=bool))


def noted_values(x: Array, s: Array, lanes: Array) -> Array:
    """`x`, but NaN for some singular values, with a warning."""
    found = noted(from_diagonal(x), s, on_diagonal(lanes), name="svd")
    values: Array = diagonal(found, axis1=found.ndim - 2, axis2=found.ndim - 1)
    return values


def beyond_limit(t: Array, s: Array) -> Array:
    """The derivative of `limited`, for both modes."""
    return noted_values(t, s, logical_and(equal(s, 0), not_equal(t, 0)))


def limit_along(t: Array, y: Array, w: Array) -> Array:
    """The derivative of `limited` by the matrix, of which its operand `x` is no function here."""
    moved = any(not_equal(t, 0), axes=(t.ndim - 2, t.ndim - 1), keepdims=True)[..., 0]
    zeros = np.zeros(shape_of(y), real_dtype(dtype_of(t)))
    return noted_values(zeros, y, logical_and(logical_and(equal(y, 0), w), moved))


def limit_back(g: Array, y: Array, z: Array, w: Array) -> Array:
    """The same in reverse mode."""
    found = beyond_limit(where(w, g, 0), y)
    unknown = sum(multiply(0, found), axes=(found.ndim - 1,))[..., None, None]
    return add(multiply(0, z), unknown)


limited: Any = general(
    "limited",  # `y`, whose derivatives nobody knows where values vanish: NaN, with a warning
    lambda y, s, x, used: y,
    pushes=(lambda t, y: beyond_limit(t, y), ZERO, limit_along, ZERO),
    pulls=(lambda g, y: beyond_limit(g, y), ZERO, limit_back, ZERO),
    batch=lambda y, s, x, used: limited(y, s, x, used),
    shape=lambda y, s, x, used: y,
    when_split=lambda operands, rates, params: operands[0],
    samples=lambda: [
        Sample(draw((2,), -1, 1), np.array([2.0, 1.0]), np.eye(2), np.ones(2, bool)),
        Sample(
            draw((2, 2), -1, 1),
            *(np.array([[2.0, 1.0], [1.0, 0.5]]), np.ones((2, 2, 2)), np.ones((2, 2), bool)),
            label="stack",
        ),
        Sample(
            *(draw((2,), -1, 1), np.array([2.0, 1.0]), np.diag([2.0, 1j]), np.ones(2, bool)),
            label="complex matrix",
        ),
    ],
)


vanishing_slopes: Any = nondifferentiable(
    "vanishing_slopes",  # y / s where s vanishes of an even function, by nothing known: NaN; or 0
    lambda y, s, x: np.where(_even(y, s), np.nan, np.zeros((), y.dtype)),
    batch=lambda y, s, x: vanishing_slopes(y, s, x),
    shape=lambda y, s, x: y,
    when_split=vanishing_when_split,
    samples=lambda: [
        Sample(
            np.array([1.0, 0.0, 1.0]),
            np.array([2.0, 0.0, 0.0]),
            np.ones((3, 3)),
            smooth=False,
            value=[0, np.nan, 0],
            label="vanishing",
        ),
    ],
)


def vanishing_limit(y: Array, s: Array, x: Array, used: Array) -> tuple[Array, Array]:
    """``y / s`` where s vanishes of an even function, else 0, and where nobody knows it."""
    slope = vanishing_slopes(y, s, x)
    unknown = isnan(slope)
    small = 16 * float(np.finfo(dtype_of(s)).eps)
    even = logical_and(equal(s, 0), less_equal(absolute(y), small))
    tail = where(even, subtract(limited(y, s, x, used), y), 0)  # zero, but not its derivatives
    return add(where(unknown, 0, slope), tail), unknown


# The null spaces.


def null_part(t: Array, factors: tuple[Array, Array, Array]) -> Array:
    """What a tangent of a matrix is between the vectors that it takes to zero; `factors` are its
    thin ones."""
    u, s, vh = factors
    there = where(equal(s, 0), 0, np.ones((), dtype_of(s)))
    t = subtract(t, matmul(multiply(u, row(there)), matmul(adjoint(u), t)))
    return subtract(t, matmul(matmul(t, adjoint(vh)), multiply(column(there), vh)))


def nulled_along(t: Array, x: Array, y: Array, z: Array) -> Array:
    """The derivative of `nulled`, which is its own transpose."""
    factors = svd_constants(x)
    s = factors[1]
    limit, unknown = vanishing_limit(y, s, x, z)
    none = where(equal(s, 0), np.ones((), dtype_of(s)), 0)
    count = maximum(sum(none, axes=(none.ndim - 1,)), 1)
    mean = divide(sum(multiply(none, limit), axes=(none.ndim - 1,)), count)[..., None, None]
    part = null_part(t, factors)
    moved = any(not_equal(part, 0), axes=(t.ndim - 2, t.ndim - 1), keepdims=True)[..., 0]
    asked = logical_and(logical_and(unknown, logical_and(equal(s, 0), z)), moved)
    doubt = sum(noted_values(multiply(0, s), s, asked), axes=(s.ndim - 1,))[..., None, None]
    return add(conjugated(multiply(mean, part)), doubt)


nulled: Any = general(
    "nulled",  # zeros, with the derivative by x that the cotangents y of its vanishing singular
    lambda x, y, z: np.zeros_like(x),  # values make between the null spaces; z are used
    pushes=(nulled_along, ZERO, ZERO),
    pulls=(lambda g, x, y, z: nulled_along(g, x, y, z), ZERO, ZERO),
    batch=lambda x, y, z: nulled(x, y, z),
    shape=lambda x, y, z: x,
    samples=lambda: [
        Sample(x, np.array([1.0, -1.0]), np.ones(2, bool), value=np.zeros((2, 2)), label=label)
        for x, label in (
            (np.diag([2.0, 1.0]), ""),
            (np.diag([2.0, 0.0]), "vanishing"),
            (np.diag([2.0, 1j]), "complex"),
        )
    ],
)


# Forward mode over forward mode.


def _probe(s: Array) -> Array:
    """Changes of singular values that vanish, which tell one from another."""
    return np.where(s == 0, np.sqrt(np.arange(1.0, s.shape[-1] + 1)), 0).astype(s.dtype)


probe: Any = nondifferentiable(
    "probe",
    _probe,
    batch=lambda s: probe(s),
    shape=lambda s: s,
    samples=lambda: [
        Sample(np.array([1.0, 0.0, 0.0]), smooth=False, value=[0, 2**0.5, 3**0.5]),
    ],
)


def _bending_impl(y: Array, s: Array, *, lanes: int) -> Array:
    none = (s == 0).any(tuple(range(lanes, s.ndim)))
    none = none.reshape(none.shape + (1,) * (y.ndim - lanes))
    return np.where(none & (np.abs(y) <= 16 * np.finfo(s.dtype).eps), np.nan, np.zeros((), y.dtype))


def bending_when_split(
    operands: Sequence[Array], rates: Sequence[Any], params: dict[str, Any]
) -> Array:
    y, s = operands
    if rates[0] is None:
        return multiply(0, y)
    lanes, rank = params["lanes"], len(shape_of(y))
    every = tuple(range(lanes, len(shape_of(s))))
    changes = [first_axis(rates[0], path) for path in (0, 1)]
    slopes = []
    for path, change in enumerate(changes):
        step = sum(multiply(tie_rates(s, path=path), probe(s)), axes=every)
        step = of_lanes(where(equal(step, 0), 1, step), rank)
        slopes.append(divide(change, step))
    eps = float(np.finfo(dtype_of(s)).eps)
    largest = maximum(absolute(changes[0]), absolute(changes[1]))
    alike = less_equal(absolute(subtract(*slopes)), multiply(eps**0.5, largest))
    matrices = sum(any(equal(s, 0), axes=every[-1:]), axes=every[:-1])
    known = logical_and(alike, of_lanes(less_equal(matrices, 1), rank))
    even = less_equal(absolute(y), 16 * eps)
    return where(even, where(known, slopes[0], np.nan), 0)


bending: Any = nondifferentiable(
    "bending",  # what the derivative y by a probe is over it, of an even function: NaN, unless told
    _bending_impl,
    batch=lambda y, s, *, lanes: bending(y, s, lanes=lanes + 1),
    shape=lambda y, s, *, lanes: y,
    when_split=bending_when_split,
    samples=lambda: [
        Sample(np.array([0.0, 1.0]), s, lanes=0, smooth=False, value=[value, 0], label=label)
        for s, value, label in (
            (np.array([1.0, 0.0]), np.nan, "vanishing"),
            (np.array([1.0, 2.0]), 0, ""),
        )
    ],
)


def bends(y: Array, x: Array, *, lanes: int, alone: bool) -> tuple[Array, Array]:
    """The second derivative of an even function by singular values of x that vanish, for each of
    its values, and what is added to it: NaN where nobody knows, or zero, but not its derivatives.

    Not `alone`: the probes that told y are those of several matrices.
    """
    s = svd_constants(x)[1]
    every = tuple(range(lanes, len(shape_of(s))))
    none = equal(s, 0)
    slope = bending(y, s, lanes=lanes)
    if not alone:
        slope = where(equal(slope, 0), slope, np.nan)
    unknown = isnan(slope)
    asked = any(unknown, axes=tuple(range(lanes, len(shape_of(y)))))
    nothing = multiply(0, s)
    doubt = noted_values(nothing, s, logical_and(none, of_lanes(asked, len(shape_of(s)))))
    beyond = limited(nothing, s, x, none)
    lost = of_lanes(sum(add(doubt, beyond), axes=every), len(shape_of(y)))
    return where(unknown, 0, slope), lost


def bent_along(
    t: Array, x: Array, y: Array, z: Array, w: Array, *, lanes: int, alone: bool, pulled: bool
) -> Array:
    """What both tangents of a matrix make of the singular values that vanish, in the second
    derivative of an even function."""
    factors = svd_constants(z)
    own, other = null_part(t, factors), null_part(w, factors)
    every = tuple(range(lanes, len(shape_of(own))))
    pairing = of_lanes(sum(real(multiply(conjugated(own), other)), axes=every), len(shape_of(y)))
    slope, lost = bends(where(equal(pairing, 0), 1, y), z, lanes=lanes, alone=alone)
    return add(multiply(slope, pairing), lost)


def bent_back(
    g: Array, y: Array, z: Array, w: Array, *, lanes: int, alone: bool, pulled: bool
) -> Array:
    """The transpose of `bent_along`; nothing, if the rates of the values have it in their rule."""
    if not pulled:
        return multiply(0, z)
    other = null_part(w, svd_constants(z))
    slope, lost = bends(y, z, lanes=lanes, alone=alone)
    every = tuple(range(lanes, len(shape_of(y))))
    total = sum(add(multiply(g, slope), lost), axes=every)
    return multiply(conjugated(other), of_lanes(total, len(shape_of(other))))


bent: Any = general(
    "bent",  # a tangent x by w of the matrix z, the derivative of which is told by probes y
    lambda x, y, z, w, *, lanes, alone, pulled: x,
    pushes=(lambda t: t, ZERO, bent_along, ZERO),
    pulls=(lambda g: g, ZERO, bent_back, ZERO),
    batch=lambda x, y, z, w, *, lanes, alone, pulled: bent(
        x, y, z, w, lanes=lanes + 1, alone=alone, pulled=pulled
    ),
    shape=lambda x, y, z, w, *, lanes, alone, pulled: x,
    samples=lambda: (
        [
            Sample(
                *(x, np.ones(x.shape), np.diag([2.0, 1.0]), np.eye(2)),
                lanes=0,
                alone=True,
                pulled=True,
                label=label,
            )
            for x, label in ((draw((2,), -1, 1), ""), (draw((), -1, 1), "0-d"))
        ]
        + [
            Sample(
                *(draw((2,), -1, 1), np.ones(2), np.diag([2.0, 1j]), draw_complex((2, 2), -1, 1)),
                lanes=0,
                alone=True,
                pulled=True,
                label="complex",
            )
        ]
    ),
)


def svd_telling(
    place: int, x: Array, t: Array, factors: tuple[Array, Array, Array], nested: bool, pulled: bool
) -> tuple[Any, ...] | None:
    """Equal singular values whose tangents are not those of each, and in a derivative that is
    differentiated those that vanish; see `Primitive.tells`."""
    u, s, vh = factors
    if ties(s) is False and not (nested and vanish(s)):
        return None
    found, check, _ = shifts(symmetrized(matmul(matmul(adjoint(u), t), adjoint(vh))), s, "svd")
    if not nested:
        return place, found, check, None
    second = second_check(t, x, u, adjoint(vh), s, "svd")

    def checked(result: Array, changes: Sequence[Array], alone: bool) -> Array:
        if not pulled:  # derivatives by vectors are NaN at equal values
            result = second(result, changes, alone)
        if not vanish(s) or dtype_of(result).kind == "c":
            return result
        bent_result: Array = bent(result, changes[2], x, t, lanes=0, alone=alone, pulled=pulled)
        return bent_result

    return place, (*found[:2], probe(s)), check, checked
