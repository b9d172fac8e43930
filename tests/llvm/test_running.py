"""Running sums and the like have NumPy's bits."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from functrans import primitives
from tests.llvm.test_segments import compare, drawn

SHAPES = [((7,), 0), ((5, 3), 0), ((5, 3), 1), ((4, 6, 37), 1), ((0, 3), 0), ((3, 0), 0), ((1,), 0)]


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int8", "bool", "complex128"])
@pytest.mark.parametrize("reverse", [False, True])
def test_running(shape: tuple[int, ...], axis: int, dtype: str, reverse: bool) -> None:
    """Along any axis, from either end, of any dtype."""
    x, y = (drawn(shape, "float64", seed).astype(dtype) for seed in (0, 1))
    compare(lambda x: primitives.cumsum(x, axis=axis, reverse=reverse), x)
    compare(lambda x: primitives.shift(x, axis=axis, reverse=reverse), x)
    if dtype.startswith("float"):
        for exclusive in (False, True):
            compare(
                lambda x, e=exclusive: primitives.cumprod(
                    x, axis=axis, reverse=reverse, exclusive=e
                ),
                x,
            )
        for lag in (0, 1):
            compare(
                lambda x, y, k=lag: primitives.recurrence(x, y, axis=axis, reverse=reverse, lag=k),
                x,
                y,
            )


@pytest.mark.parametrize("ufunc", [np.maximum, np.minimum, np.multiply, np.fmax])
def test_accumulation(ufunc: Any) -> None:
    """Any operation that is exact."""
    x = drawn((4, 19), "float64")
    x[1, 3] = np.nan
    compare(lambda x: (ufunc.accumulate(x, 1), ufunc.accumulate(x * 2.0, 0)), x)
