"""Running applications of any binary ufunc along an axis: ``ufunc.accumulate``.

The derivative comes from the ufunc's own primitive: with the partials `a` and `b` of
``ans[k] = ufunc(ans[k - 1], x[k])`` the tangents follow the recurrence ``a * before + b * t``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.cotangent import Masked
from functrans.core.errors import missing_rule
from functrans.core.kinds import general
from functrans.core.primitive import BY_UFUNC, ZERO, Rule
from functrans.core.types import Array, dtype_of, shape_of

from .arithmetic import astype, divide
from .comparison import where
from .cumulative import along, recurrence
from .indexing import getitem
from .reduction import attained
from .samples import Sample, draw, draw_complex
from .shape import concatenate

if TYPE_CHECKING:
    from functrans.core.kinds import Function

EXTREMA = frozenset((np.maximum, np.minimum, np.fmax, np.fmin))
"""Running extrema: all elements that tie share evenly, which no chain of pairs does."""


def partial(ufunc: np.ufunc, position: int, t: Array, ans: Array, x: Array, y: Array) -> Array:
    """The tangent of ``ans = ufunc(x, y)`` for the tangent `t` of the operand at `position`."""
    primitive = BY_UFUNC[ufunc]
    push = primitive.pushes[position] if primitive.pushes else None
    if push is ZERO or not primitive.differentiable:
        return np.zeros(shape_of(ans), dtype_of(ans))
    if not isinstance(push, Rule):
        raise missing_rule(f"{ufunc.__name__}.accumulate (by operand {position} of the ufunc)")
    found = push(t, ans, (x, y), {})
    return found.value if isinstance(found, Masked) else found


def accumulate_push(t: Array, ans: Array, x: Array, *, ufunc: np.ufunc, axis: int) -> Array:
    first, later = along(axis, slice(None, 1)), along(axis, slice(1, None))
    before = getitem(ans, along(axis, slice(None, -1)))
    after = getitem(ans, later)
    start = np.ones(shape_of(getitem(ans, first)), dtype_of(t))
    if ufunc in EXTREMA:
        stays = astype(attained(before, after), dtype=dtype_of(t))
        factors = concatenate(start, stays, axis=axis)
        hits = attained(x, ans)
        total = recurrence(factors, where(hits, t, 0), axis=axis)
        return divide(total, recurrence(factors, astype(hits, dtype=dtype_of(t)), axis=axis))
    operands = (after, before, getitem(x, later))
    ones = np.ones(shape_of(after), dtype_of(t))
    factors = concatenate(start, partial(ufunc, 0, ones, *operands), axis=axis)
    added = partial(ufunc, 1, getitem(t, later), *operands)
    return recurrence(factors, concatenate(getitem(t, first), added, axis=axis), axis=axis)


def sample(ufunc: np.ufunc, x: Array, axis: int = 0, **options: Any) -> Sample:
    return Sample(x, ufunc=ufunc, axis=axis, **options)


def samples() -> list[Sample]:
    nan = np.nan
    return [
        sample(np.subtract, draw((4,), -1, 1)),
        sample(np.divide, draw((2, 3), 0.5, 2), 1),
        sample(np.power, draw((3, 2), 0.5, 2)),
        sample(np.hypot, draw((3, 4), -2, 2).T, 1, label="non-contiguous"),
        sample(np.logaddexp2, draw((3,), -1, 1).astype(np.float32), label="float32"),
        sample(np.divide, draw_complex((3,), 0.5, 2), label="complex"),
        sample(np.remainder, np.array([7.3, 2.1, 0.8])),
        sample(
            np.floor_divide, np.array([7.3, 2.1, 0.8]), smooth=False, label="piecewise constant"
        ),
        sample(np.bitwise_xor, np.array([5, 3, 6]), label="integers"),
        sample(np.logical_xor, np.array([True, False, True]), label="bool"),
        sample(np.maximum, np.array([0.3, -0.2, 1.4, 0.9])),
        sample(np.fmin, np.array([[0.3, -0.2], [0.1, 0.9]])),
        sample(
            np.maximum, np.ones(3), pinned=[[1 + 1 / 2 + 1 / 3, 1 / 2 + 1 / 3, 1 / 3]], label="ties"
        ),
        sample(np.maximum, np.array([1.0, nan, 2.0]), pinned=[[1.0, 2.0, 0.0]], label="NaN"),
        sample(np.fmax, np.array([nan, 1.0, nan]), pinned=[[1.0, 2.0, 0.0]], label="fmax and NaN"),
        sample(np.hypot, np.zeros(3), pinned=[[1.0, 0.0, 0.0]], label="hypot of zeros"),
        sample(np.subtract, draw((1,), -1, 1), label="a single element"),
        sample(np.subtract, draw((0, 3), -1, 1), label="empty"),
    ]


accumulate: Function = general(
    "accumulate",
    lambda x, *, ufunc, axis: ufunc.accumulate(x, axis=axis),
    pushes=(accumulate_push,),
    batch=lambda x, *, ufunc, axis: accumulate(x, ufunc=ufunc, axis=axis + 1),
    shape=lambda x, *, ufunc, axis: x,
    samples=samples,
)
"""``ans[k] = ufunc(ans[k - 1], x[k])`` along the axis; `x` has the dtype of the ufunc's loop."""
