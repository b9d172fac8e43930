"""How cotangents between vectors of equal values part as the values do, where a transform says it.

The gradient of a function of the matrix that is written with its vectors has, between two of them,
a quotient over the difference of their values. Where these are equal it is a limit, the slope along
a path on which they part. Rules do not know it; in a reverse pass the values carry how they part
(transforms/splitting.py), and so do cotangents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import nondifferentiable
from functrans.core.types import Array, shape_of

from .arithmetic import add
from .comparison import (
    isnan,
    logical_and,
    where,
)
from .degenerate import (
    alike,
    column_noise,
    mirrored,
    turn,
)
from .nearness import equal_pairs, near_pairs, width_of
from .paths import at_the_bottom, values_among
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


def _parting_pairs(w: Array) -> tuple[Array, Array]:
    """Pairs of values that part, and those of them that are near each other but not equal."""
    equal = equal_pairs(w)
    pairs = near_pairs(w, "eigh", width_of(w.dtype, 1))
    return pairs, pairs & ~equal


def tie_rates_impl(w: Array, *, path: int) -> Array:
    pairs, near = _parting_pairs(w)
    n = w.shape[-1]
    before = np.arange(n) < np.arange(n)[:, None]
    ranks = (pairs & before).sum(-1) + (w == 0)  # what vanishes gets a rate of its own
    if path == 0:
        # Near values part from their middle, where a slope is as good as the square of the gap.
        middles = pairs.sum(-1) / 2
        return (ranks - np.where(near.any(-1), middles, 0)).astype(w.dtype)
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


def both_rates(w: Array) -> Array:
    """How fast equal values part, in an axis for the two paths."""
    return stack([tie_rates(w, path=0), tie_rates(w, path=1)])


def _turn_slopes_impl(b: Array, w: Array, x: Array, *, name: str) -> Array:
    return np.full(b.shape, np.nan, b.dtype)


def _split_turns_impl(slopes: Array, b: Array, rates: Array, w: Array, *, name: str) -> Array:
    """The slopes of the part of `b` that is not Hermitian, which vanishes between equal values
    unless the function depends on their vectors."""
    pairs, near = _parting_pairs(w)
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
    difference = np.abs(found[0] - found[1])
    alike_slopes = difference <= np.finfo(w.dtype).eps ** 0.5 * largest
    slopes = np.where(known & alike_slopes & ~near, found[0], slopes)
    if not (pairs & near).any():
        return slopes
    # Near values have a quotient: it is replaced by the slope if this explains the change.
    gaps = np.where(near, w[..., None, :] - w[..., None], 1)
    explained = np.abs(apart - found[0] * gaps) <= noise + noise.mT + spread * largest
    alike_slopes = difference <= 1e-3 * largest
    return np.where(pairs & near & explained & alike_slopes, found[0], slopes)


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
    "turn_slopes",  # b / (w[j] - w[i]) where a slope tells it, which only a transform does: or NaN
    _turn_slopes_impl,
    batch=lambda b, w, x, *, name: turn_slopes(b, w, x, name=name),
    shape=lambda b, w, x, *, name: b,
    when_split=turns_when_split,
    when_parted=lambda operands, params: np.full(shape_of(operands[0]), np.nan),
    samples=lambda: [
        *(
            Sample(
                x,
                np.array([1.0, 2.0]),
                np.eye(2),
                name=name,
                smooth=False,
                value=np.full((2, 2), np.nan),
            )
            for x, name in ((draw((2, 2), -1, 1), "eigh"), (draw_complex((2, 2), -1, 1), "svd"))
        ),
    ],
)


def turned(b: Array, w: Array, x: Array, doubt: Array, name: str) -> Array:
    """``b / (w[j] - w[i])`` at ``i, j`` for a first derivative: between equal values the slope if a
    transform tells it, or 0, with a warning where that is in `doubt`."""
    slope = turn_slopes(b, w, x, name=name)
    unknown = isnan(slope)
    far = turn(where(unknown, b, 0), w, logical_and(doubt, unknown), name)
    return add(far, where(unknown, 0, slope))


def factor_rates(outs: tuple[Array, ...]) -> tuple[Any, ...] | None:
    """How the values among factors part, those of `eigh` or `svd` with their marks."""
    place = values_among(outs)
    if ties(outs[place]) is False:
        return None
    return tuple([both_rates(w) if i == place else None for i, w in enumerate(outs)])
