"""R10: at NaN, infinities, signed zeros, huge and tiny numbers the value is NumPy's under every
transform, and forward mode, reverse mode, batches and graphs agree on the derivative."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core.primitive import REGISTRY
from functrans.testing.cases import cases_of
from functrans.testing.differences import identical

# A power 0 that is known is constant whatever its base; one that may vary, as in a batch, only at
# 0**0: NaN**0 and inf**0 have derivatives 0 and NaN.
TRACED_EXPONENT = {"power", "float_power"}
VALUES = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.0, 1e300, -1e-300, 5e-324])
# SciPy's functions are among the primitives once something has loaded them; their own tests have
# points where they can be computed, and some take for ever at 1e300.
UFUNCS = {f for f in vars(np).values() if isinstance(f, np.ufunc)}
NAMES = [
    name
    for name, primitive in REGISTRY.items()
    if primitive.kind in ("elementwise", "chooser")
    and primitive.samples is not None
    and primitive.impl in UFUNCS
    and primitive.call.__module__.startswith("functrans.primitives.")
]


def points(name: str) -> list[Any]:
    """Every pair of the values for each real operand; whole operands stay as in a sample."""
    case = next(c for c in cases_of(REGISTRY[name].call) if c.active and np.size(c.leaves[0]))
    count = len(case.leaves)
    grid = np.array(list(product(VALUES, repeat=count))).T
    return [
        np.ascontiguousarray(row) if i in case.active else np.ones(row.shape, int)
        for i, row in enumerate(grid)
    ]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NAMES)
def test_special_values(name: str, dtype: type) -> None:
    with np.errstate(all="ignore"):
        xs = [x.astype(dtype) if x.dtype.kind == "f" else x for x in points(name)]
        f = REGISTRY[name].call
        plain = REGISTRY[name].impl(*xs)
        active = [i for i, x in enumerate(xs) if x.dtype.kind == "f"]
        identical(ft.make_graph(f)(*xs)(*xs), plain, f"{name}: graph")
        for i in active:

            def of_one(x: Any, i: int = i) -> Any:
                return f(*xs[:i], x, *xs[i + 1 :])

            ones = np.ones_like(plain)
            value, tangent = ft.jvp(of_one, (xs[i],), (np.ones_like(xs[i]),))
            identical(value, plain, f"{name}: value under jvp")
            value, pullback = ft.vjp(of_one, xs[i])
            identical(value, plain, f"{name}: value under vjp")
            (gradient,) = pullback(ones)
            backward = lambda x, g, of_one=of_one: ft.vjp(of_one, x)[1](g)[0]  # noqa: E731
            staged = ft.make_graph(backward)(xs[i], ones)(xs[i], ones)
            one = ones[0]
            batched = ft.vmap(lambda *ys, i=i, g=one: ft.vjp(f, *ys)[1](g)[i])(*xs)
            if name in TRACED_EXPONENT:
                batched = np.where(xs[1] == 0, gradient, batched)
            same = {"forward mode": tangent, "a graph": staged, "a batch": batched}
            for what, found in same.items():
                np.testing.assert_allclose(
                    found, gradient, rtol=4 * np.finfo(dtype).eps, err_msg=f"{name}: {what}"
                )
