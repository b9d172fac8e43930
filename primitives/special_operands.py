"""What the families of scipy.special share: dtypes of operands, and samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from functrans.core.types import Array, ArrayType, dtype_of, type_of

from .arithmetic import astype
from .samples import Sample, draw

if TYPE_CHECKING:
    from collections.abc import Callable

DOUBLE = np.dtype(np.float64)


def fit(partial: Array, ans_type: ArrayType) -> Array:
    """A partial in the dtype of the output: a formula of Python numbers alone is a float64."""
    if dtype_of(partial) == ans_type.dtype:
        return partial
    return astype(partial, dtype=ans_type.dtype)


def double(x: Array) -> Array:
    """A real operand in float64, in which our own implementations compute."""
    return x if dtype_of(x) == np.float64 and not type_of(x).weak else astype(x, dtype=DOUBLE)


def double_shape(*types: ArrayType) -> ArrayType:
    """The shape rule of implementations that broadcast and return float64."""
    return ArrayType(np.broadcast_shapes(*(t.shape for t in types)), DOUBLE)


def ordered(low: float, high: float, *hard: Sample) -> Callable[[], list[Sample]]:
    """Samples of a family of functions of one operand, with an order behind it."""
    return lambda: [
        Sample(draw((5,), low, high), 0),
        Sample(draw((2, 3), low, high, 1).T, 1, label="non-contiguous"),
        Sample(draw((3,), low, high, 2).astype(np.float32), 1, label="float32"),
        Sample(draw((), low, high, 3)[()], 2, label="0-d"),
        Sample(draw((0,), low, high), 1, label="empty"),
        *hard,
    ]


def with_parameters(
    *parameters: tuple[float, float], last: tuple[float, float]
) -> Callable[[], list[Sample]]:
    """Samples of parameters from these intervals, and of a last operand."""

    def args(*shapes: tuple[int, ...]) -> list[Array]:
        return [draw(s, *p, i) for i, (s, p) in enumerate(zip(shapes, parameters, strict=False))]

    n = len(parameters)
    single = [a.astype(np.float32) for a in args(*[(3,)] * n)]
    plain = [float(a) for a in args(*[()] * n)]
    return lambda: [
        Sample(*args(*[(3,)] * n), draw((3,), *last, 7)),
        Sample(*args((2, 1), (), (2, 1)), draw((3,), *last, 8), label="broadcast"),
        Sample(*plain, draw((2, 3), *last).T, label="non-contiguous"),
        Sample(*single, draw((3,), *last).astype(np.float32), label="float32"),
        Sample(*plain, draw((), *last)[()], label="0-d"),
        Sample(*plain, draw((0,), *last), label="empty"),
    ]
