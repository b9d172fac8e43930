"""Comparisons, rounding, and the choice between values."""

from __future__ import annotations

import numpy as np

from functrans.core.kinds import chooser, nondifferentiable
from functrans.core.primitive import ZERO
from functrans.core.types import ArrayType

from .samples import Sample, binary, draw, unary

not_equal = nondifferentiable("not_equal", np.not_equal, samples=binary(-2, 2))
logical_not = nondifferentiable("logical_not", np.logical_not, samples=unary(-2, 2))


def where_shape(x: ArrayType, y: ArrayType, z: ArrayType) -> ArrayType:
    python = {"b": True, "i": 1, "f": 1.0, "c": 1j}
    given = [python[t.dtype.kind] if t.weak else t.dtype for t in (y, z)]
    return ArrayType(np.broadcast_shapes(x.shape, y.shape, z.shape), np.result_type(*given))


where = chooser(
    "where",
    np.where,
    ZERO,
    lambda x: not_equal(x, False),
    lambda x: logical_not(x),
    shape=where_shape,
    samples=lambda: [
        Sample(draw((3,), -1, 1) > 0, draw((3,), -1, 1, 1), draw((3,), -1, 1, 2)),
        Sample(draw((2, 1), -1, 1) > 0, draw((3,), -1, 1, 1), 0.5, label="broadcast"),
        Sample(True, draw((), -1, 1, 1), draw((), -1, 1, 2), label="0-d"),
        Sample(np.zeros((0,), bool), draw((0,), -1, 1), 1.0, label="empty"),
    ],
)
