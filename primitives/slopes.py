"""How cotangents of equal values part as the values do, where a transform says it.

The second derivative of a symmetric function of eigenvalues has, between two of them, the quotient
of the differences of first derivatives and of values. Where the values are equal it is a limit, the
slope along a path on which they part. Rules do not know it; in a reverse pass that is itself
differentiated the values carry how they part (transforms/splitting.py), and so do cotangents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.array import TracedArray
from functrans.core.kinds import general, nondifferentiable
from functrans.core.primitive import ZERO
from functrans.core.types import Array, ArrayType, shape_of

from .arithmetic import absolute, add, multiply, negative, real, reciprocal, subtract
from .comparison import (
    greater,
    isnan,
    logical_and,
    logical_not,
    where,
)
from .contraction import column, row
from .degenerate import (
    alike,
    column_noise,
    equal_pairs,
    every_lane,
    mirrored,
    reciprocal_gaps,
    turn,
    unsettled,
)
from .indexing import diagonal
from .parting import noted, pair_doubt, parting_pairs, unpaired
from .reduction import sum
from .samples import Sample, draw, draw_complex
from .shape import stack, transpose

if TYPE_CHECKING:
    from collections.abc import Sequence


def probing_ranks(pairs: Array) -> Array:
    """Numbers that add up to nothing over each of several equal values, by which a change tells one
    of them from another."""
    n = pairs.shape[-1]
    together = pairs | np.eye(n, dtype=bool)
    ranks = np.sqrt(np.arange(1.0, n + 1))
    return ranks - np.where(together, ranks, 0).sum(-1) / together.sum(-1)


def tie_rates_impl(w: Array, *, path: int) -> Array:
    pairs = equal_pairs(w)
    n = w.shape[-1]
    before = np.arange(n) < np.arange(n)[:, None]
    ranks = (pairs & before).sum(-1) + (w == 0)  # what vanishes gets a rate of its own
    if path == 0:
        return ranks.astype(w.dtype)
    # Both paths part the values of each matrix as far, to those who compare them by these ranks.
    rates = 1 / (1 + ranks)
    together = pairs | np.eye(n, dtype=bool)
    first, second = (
        np.where(together, (probing_ranks(pairs) * x)[..., None, :], 0).sum(-1)
        for x in (ranks, rates)
    )
    scales = np.where(second == 0, 1, first / np.where(second == 0, 1, second))
    return (scales * rates).astype(w.dtype)


tie_rates: Any = nondifferentiable(
    "tie_rates",  # how fast equal values part on each of two paths
    tie_rates_impl,
    batch=lambda w, *, path: tie_rates(w, path=path),
    shape=lambda w, *, path: w,
    samples=lambda: [
        Sample(np.array([1.0, 1.0, 2.0]), path=0, smooth=False, value=[0, 1, 0]),
        Sample(np.array([3.0, 2.0, 2.0, 2.0]), path=0, smooth=False, value=[0, 0, 1, 2]),
        Sample(
            np.array([[1.0, 2.0], [0.0, 0.0]]),
            path=1,
            smooth=False,
            value=[[1, 1], [-3, -2]],
        ),
        Sample(np.zeros(0), path=0, smooth=False, value=np.zeros(0)),
    ],
)


def between_equal(w: Array) -> Array:
    """`equal_pairs` of traced values."""
    return logical_and(alike(w), ~np.eye(shape_of(w)[-1], dtype=bool))


def ties(w: Any) -> bool | None:
    """Whether some values are equal; None if it is not known, as in a graph."""
    w = at_the_bottom(w)
    return None if w is None else bool(equal_pairs(w).any())


def at_the_bottom(x: Any) -> Any:
    """The plain value under all transforms; None if it is not known."""
    while isinstance(x, TracedArray):
        x = x.underlying
    return x


def parting_rates(outs: tuple[Array, ...]) -> tuple[Any, ...] | None:
    """How values part that have a mark with them (degenerate.py)."""
    w, _ = outs
    return None if ties(w) is False else (both_rates(w), None)


def vanishing_rates(outs: tuple[Array, ...]) -> tuple[Any, ...] | None:
    """The same for singular values, of which those that vanish part from zero."""
    return rates_at_zero(outs) or parting_rates(outs)


def vanish(s: Any) -> bool:
    """Whether some singular values vanish, or may, as in a graph."""
    known = at_the_bottom(s)
    return known is None or bool((known == 0).any())


def rates_at_zero(outs: tuple[Array, ...]) -> tuple[Any, ...] | None:
    """How singular values part of which some vanish."""
    return (both_rates(outs[0]), None) if vanish(outs[0]) else None


def both_rates(w: Array) -> Array:
    """How fast equal values part, in an axis for the two paths."""
    return stack([tie_rates(w, path=0), tie_rates(w, path=1)])


def rotation(first: Array, second: Array, w: Array) -> Array:
    """How vectors of equal values turn into each other along a tangent that parts them.

    `first` is the tangent between vectors that it leaves apart, `second` what it is between these
    and their change outside of their space. Where it hardly parts them there is no turn: symmetric
    functions do not depend on it, and others have no derivative.
    """
    rates = real(diagonal(first, axis1=first.ndim - 2, axis2=first.ndim - 1))
    apart = subtract(row(rates), column(rates))
    size = sum(absolute(rates), axes=(rates.ndim - 1,), keepdims=True)
    parts = logical_and(between_equal(w), greater(absolute(apart), multiply(1e-3, column(size))))
    return where(parts, multiply(second, reciprocal(where(parts, apart, 1))), 0)


def _slopes_impl(y: Array, w: Array, x: Array, *, name: str) -> Array:
    pairs = equal_pairs(w)
    gaps = w[..., None, :] - w[..., None]
    quotients = (y[..., None, :] - y[..., None]) / np.where(gaps == 0, 1, gaps)
    return np.where(pairs, np.nan, quotients)


def _split_slopes_impl(slopes: Array, y: Array, rates: Array, w: Array) -> Array:
    """The slopes with those of equal values that `rates` give, for each path in the last axis but
    one; NaN is left where a function is not symmetric in them: `y` differs, or the slopes do."""
    pairs = equal_pairs(w)
    found = []
    for path in (0, 1):
        change, step = rates[..., path, :], tie_rates_impl(w, path=path)
        steps = np.where(pairs, step[..., None, :] - step[..., None], 1)
        found.append((change[..., None, :] - change[..., None]) / steps)
    eps = np.finfo(w.dtype).eps
    largest = np.max(np.abs(rates), (-2, -1), initial=0)[..., None, None]
    spread = 16 * eps * w.shape[-1] * np.sum(np.abs(w), -1)[..., None, None]
    size = np.max(np.abs(y), -1, initial=0)[..., None, None]
    alike_y = np.abs(y[..., None, :] - y[..., None]) <= spread * largest + eps**0.5 * size
    alike_slopes = np.abs(found[0] - found[1]) <= eps**0.5 * largest
    return np.where(pairs & alike_y & alike_slopes, found[0], slopes)


split_slopes: Any = nondifferentiable(
    "split_slopes",
    _split_slopes_impl,
    batch=lambda *xs: split_slopes(*xs),
    shape=lambda slopes, y, rates, w: slopes,
    samples=lambda: [
        Sample(
            np.full((2, 2), np.nan),
            *(np.array([2.0, y]), np.array([[3.0, 5.0], [4.0, t]]), np.ones(2)),
            smooth=False,
            value=value,
            label=label,
        )
        for y, t, value, label in (
            (2.0, 6.0, [[np.nan, 2.0], [2.0, np.nan]], "a symmetric function"),
            (1.0, 6.0, np.full((2, 2), np.nan), "another function"),
            (2.0, 5.0, np.full((2, 2), np.nan), "another slope"),
        )
    ],
)


def _lopsided_pairs_impl(x: Array, g: Array, w: Array, *, name: str) -> Array:
    parting, _ = parting_pairs(x, w, name)
    # Singular values that vanish have cotangents of their own.
    return parting & (w != 0)[..., None, :] if name == "svd" else parting


def _unlike_slopes_impl(x: Array, g: Array, w: Array, rates: Array, *, name: str) -> Array:
    """Pairs of equal values that part, whose slopes of `g` are others on another path."""
    parting = _lopsided_pairs_impl(x, g, w, name=name)
    if not parting.any():
        return parting
    found = []
    for path in (0, 1):
        change, step = rates[..., path, :], tie_rates_impl(w, path=path)
        steps = np.where(parting, step[..., None, :] - step[..., None], 1)
        found.append((change[..., None, :] - change[..., None]) / steps)
    largest = np.max(np.abs(rates), (-2, -1), initial=0)[..., None, None]
    unlike: Array = np.abs(found[0] - found[1]) > np.finfo(w.dtype).eps ** 0.5 * largest
    return parting & unlike


unlike_slopes: Any = nondifferentiable(
    "unlike_slopes",
    _unlike_slopes_impl,
    batch=lambda x, g, w, rates, *, name: unlike_slopes(x, g, w, rates, name=name),
    shape=lambda x, g, w, rates, *, name: ArrayType(x.shape, np.dtype(bool)),
    samples=lambda: [
        Sample(
            *(np.diag([1.0, 2.0]), np.ones(2), np.ones(2), np.array([[3.0, 5.0], [4.0, t]])),
            name="eigh",
            smooth=False,
            value=value,
            label=label,
        )
        for t, value, label in (
            (6.0, np.zeros((2, 2), bool), "a symmetric function"),
            (5.0, [[False, True], [True, False]], "another function"),
        )
    ],
)


def lopsided_pairs_when_split(
    operands: Sequence[Array], rates: Sequence[Any], params: dict[str, Any]
) -> Array:
    x, g, w = operands
    return unlike_slopes(x, g, w, of_paths(g, rates[1]), **params)


lopsided_pairs: Any = nondifferentiable(
    "lopsided_pairs",  # of equal values that x parts: by what a transform tells of g, not symmetric
    _lopsided_pairs_impl,
    batch=lambda x, g, w, *, name: lopsided_pairs(x, g, w, name=name),
    shape=lambda x, g, w, *, name: ArrayType(x.shape, np.dtype(bool)),
    when_split=lopsided_pairs_when_split,
    samples=lambda: [
        Sample(
            *(np.diag([1.0, 2.0]), np.ones(2), np.array([1.0, w])),
            name="eigh",
            smooth=False,
            value=value,
            label=label,
        )
        for w, value, label in (
            (1.0, [[False, True], [True, False]], "equal values"),
            (2.0, np.zeros((2, 2), bool), ""),
        )
    ],
)


def of_paths(y: Array, rates: Any) -> Array:
    """The rates of `y` with the axis of the paths before the last; zeros if it has none."""
    *lead, n = shape_of(y)
    if rates is None:
        return np.zeros((*lead, 2, n))
    return transpose(rates, axes=(*range(1, len(lead) + 1), 0, len(lead) + 1))


def slopes_when_split(
    operands: Sequence[Array], rates: Sequence[Any], params: dict[str, Any]
) -> Array:
    y, w, x = operands
    found = slopes(*operands, **params)
    if rates[2] is not None:  # the matrix itself changes along the path
        return found
    return split_slopes(found, y, of_paths(y, rates[0]), w)


def differences(t: Array, w: Array, name: str) -> Array:
    """The slopes of `t` between different values; what equal values would need is noted."""
    apart = subtract(row(t), column(t))
    return multiply(reciprocal_gaps(w), unsettled(apart, w, every_lane(w), name=name, pulled=False))


def gathered(g: Array, w: Array, name: str) -> Array:
    """The transpose of `differences`."""
    g = multiply(reciprocal_gaps(w), unsettled(g, w, every_lane(w), name=name, pulled=True))
    return subtract(sum(g, axes=(g.ndim - 2,)), sum(g, axes=(g.ndim - 1,)))


def far_slopes(y: Array, w: Array) -> Array:
    """Slopes between different values, and 0 between equal ones."""
    return multiply(where(alike(w), 0, reciprocal_gaps(w)), subtract(row(y), column(y)))


slopes: Any = general(
    "slopes",  # (y[j] - y[i]) / (w[j] - w[i]) at i, j; NaN between equal values of the matrix x
    _slopes_impl,
    pushes=(
        lambda t, y, *, name: differences(t, y, name),
        lambda t, x, y, *, name: negative(multiply(far_slopes(x, y), differences(t, y, name))),
        ZERO,
    ),
    pulls=(
        lambda g, y, *, name: gathered(g, y, name),
        lambda g, x, y, *, name: negative(gathered(multiply(far_slopes(x, y), g), y, name)),
        ZERO,
    ),
    batch=lambda y, w, x, *, name: slopes(y, w, x, name=name),
    shape=lambda y, w, x, *, name: ArrayType((*y.shape, *y.shape[-1:]), y.dtype),
    when_split=slopes_when_split,
    samples=lambda: [
        Sample(draw((3,), -1, 1), np.array([1.0, 2.0, 4.0]), np.zeros((3, 3)), name="eigh"),
        Sample(
            draw((2, 2), -1, 1),
            np.array([[1.0, 2.0], [4.0, 3.0]]),
            np.zeros((2, 2, 2)),
            name="svd",
            label="stack",
        ),
        Sample(
            np.array([1.0, 2.0]),
            np.ones(2),
            np.eye(2),
            name="eigh",
            smooth=False,
            value=[[0, np.nan], [np.nan, 0]],
            label="equal values",
        ),
    ],
)


def slope_products(
    inner: Array, whole: Array, g: Array, w: Array, x: Array, used: Array, name: str
) -> Array:
    """``(g[j] - g[i]) / (w[j] - w[i]) * inner`` at ``i, j``.

    Between equal values that is in doubt if there is anything of `inner`, beside the rounding of
    `whole`, and nobody knows the slope.
    """
    factors = slopes(g, w, x, name=name)
    unknown = logical_and(between_equal(w), isnan(factors))
    doubt = logical_and(pair_doubt(inner, whole, w, used, name=name), unknown)
    inner = where(unknown, unpaired(inner, w, used, name=name), inner)
    products = multiply(where(unknown, 0, factors), inner)
    return noted(products, w, doubt, name=name)


# What vectors add: cotangents between vectors of equal values.


def _turn_slopes_impl(b: Array, w: Array, x: Array, *, name: str) -> Array:
    return np.where(equal_pairs(w), np.nan, np.zeros((), b.dtype))


def _split_turns_impl(slopes: Array, b: Array, rates: Array, w: Array, *, name: str) -> Array:
    """The slopes of the part of `b` that is not Hermitian, which vanishes between equal values
    unless the function depends on their vectors."""
    pairs = equal_pairs(w)
    if name == "svd":  # vectors of vanishing values turn on each side by itself
        pairs = pairs & (w != 0)[..., None]
    if not pairs.any():
        return slopes
    apart = (b - mirrored(b)) / 2
    noise = column_noise(b)
    largest = np.max(np.abs(rates), (-3, -2, -1), initial=0)[..., None, None]
    spread = 16 * np.finfo(w.dtype).eps * w.shape[-1] * np.sum(np.abs(w), -1)[..., None, None]
    known = pairs & (np.abs(apart) <= noise + noise.mT + spread * largest)
    found = []
    for path in (0, 1):
        change, step = rates[..., path, :, :], tie_rates_impl(w, path=path)
        steps = np.where(pairs, step[..., None, :] - step[..., None], 1)
        found.append((change - mirrored(change)) / (2 * steps))
    alike_slopes = np.abs(found[0] - found[1]) <= np.finfo(w.dtype).eps ** 0.5 * largest
    return np.where(known & alike_slopes, found[0], slopes)


split_turns: Any = nondifferentiable(
    "split_turns",
    _split_turns_impl,
    batch=lambda slopes, b, rates, w, *, name: split_turns(slopes, b, rates, w, name=name),
    shape=lambda slopes, b, rates, w, *, name: slopes,
    samples=lambda: [
        Sample(
            np.full((2, 2), np.nan),
            np.array([[1.0, b], [3.0, 1.0]]),
            np.array([[[0.0, 4.0], [-2.0, 0.0]], [[0.0, t], [1.0, 0.0]]]),
            np.array([2.0, 2.0]),
            name=name,
            smooth=False,
            value=value,
            label=label,
        )
        for b, t, name, value, label in (
            (3.0, 7.0, "eigh", [[np.nan, 3.0], [3.0, np.nan]], "a function of the matrix"),
            (3.0, 7.0, "svd", [[np.nan, 3.0], [3.0, np.nan]], "the same of singular vectors"),
            (1.0, 7.0, "eigh", np.full((2, 2), np.nan), "a function of the vectors"),
            (3.0, 8.0, "eigh", np.full((2, 2), np.nan), "another slope"),
        )
    ],
)


def turns_when_split(
    operands: Sequence[Array], rates: Sequence[Any], params: dict[str, Any]
) -> Array:
    b, w, x = operands
    found = turn_slopes(*operands, **params)
    if rates[0] is None or rates[2] is not None:
        return found
    lead = len(shape_of(b)) - 2
    axes = (*range(1, lead + 1), 0, lead + 1, lead + 2)
    return split_turns(found, b, transpose(rates[0], axes=axes), w, **params)


turn_slopes: Any = nondifferentiable(
    "turn_slopes",  # b / (w[j] - w[i]) between equal values, which only a transform tells: or NaN
    _turn_slopes_impl,
    batch=lambda b, w, x, *, name: turn_slopes(b, w, x, name=name),
    shape=lambda b, w, x, *, name: b,
    when_split=turns_when_split,
    samples=lambda: [
        *(
            Sample(
                x,
                np.array([1.0, 2.0]),
                np.eye(2),
                name=name,
                smooth=False,
                value=np.zeros((2, 2)),
            )
            for x, name in ((draw((2, 2), -1, 1), "eigh"), (draw_complex((2, 2), -1, 1), "svd"))
        ),
        Sample(
            np.eye(2),
            np.ones(2),
            np.eye(2),
            name="eigh",
            smooth=False,
            value=[[0, np.nan], [np.nan, 0]],
            label="equal values",
        ),
    ],
)


def turned(b: Array, w: Array, x: Array, doubt: Array, name: str) -> Array:
    """``b / (w[j] - w[i])`` at ``i, j`` for a first derivative: between equal values the slope if a
    transform tells it, or 0, with a warning where that is in `doubt`."""
    slope = turn_slopes(b, w, x, name=name)
    unknown = isnan(slope)
    known = logical_and(between_equal(w), logical_not(unknown))
    far = turn(b, w, logical_and(doubt, logical_not(known)), name)
    return add(far, where(unknown, 0, slope))


def factor_rates(outs: tuple[Array, ...]) -> tuple[Any, ...] | None:
    """How the values among factors part."""
    place = 0 if len(outs) == 4 else 1
    if ties(outs[place]) is False and not (place and vanish(outs[place])):
        return None
    return tuple([both_rates(w) if i == place else None for i, w in enumerate(outs)])


def factor_rates_at_zero(outs: tuple[Array, ...]) -> tuple[Any, ...] | None:
    """The same if singular values vanish."""
    return factor_rates(outs) if vanish(outs[1]) else None
