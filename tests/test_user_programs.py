"""Programs as users write them: the values and types of NumPy, and right gradients, for more than
one size, natively and not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans as ft
from tests.user_programs import EXAMPLES


def near(found: Any, wanted: Any) -> None:
    """Of one structure, with leaves of the same types, and nearly equal."""
    assert ft.tree.structure(found) == ft.tree.structure(wanted)
    for x, y in zip(ft.tree.leaves(found), ft.tree.leaves(wanted), strict=True):
        assert type(x) is type(y) and np.asarray(x).dtype == np.asarray(y).dtype
        eps = np.finfo(x.dtype).eps if x.dtype.kind in "fc" else 0.0
        np.testing.assert_allclose(x, y, rtol=1e4 * eps, atol=1e4 * eps)


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_programs(name: str, backend: Any) -> None:
    if backend == "llvm":
        pytest.importorskip("llvmlite")
    program, arguments, sizes = EXAMPLES[name]
    jitted = ft.jit(program, backend=backend)

    def total(*args: Any) -> Any:
        leaves = [x for x in ft.tree.leaves(program(*args)) if x.dtype.kind == "f"]
        return sum(np.sum(x) * (1.0 + 0.25 * k) for k, x in enumerate(leaves))

    slope = ft.grad(total)
    for size in sizes:
        args = arguments(size)
        wanted = program(*args)
        near(jitted(*args), wanted)
        near(jitted(*args), wanted)

    first, *others = arguments(sizes[0])
    gradient, single = slope(first, *others), ft.tree.leaves(first)[0].dtype == np.float32
    near(ft.jit(slope, backend=backend)(first, *others), gradient)
    rng = np.random.default_rng(1)
    direction = ft.tree.map(lambda x: rng.normal(size=x.shape).astype(x.dtype), first)
    step = 1e-2 if single else 1e-5

    def moved(h: float) -> Any:
        return total(ft.tree.map(lambda x, d: x + x.dtype.type(h) * d, first, direction), *others)

    difference = (moved(step) - moved(-step)) / (2 * step)
    along = ft.tree.leaves(ft.tree.map(lambda g, d: np.sum(g * d), gradient, direction))
    np.testing.assert_allclose(sum(along), difference, rtol=1e-2 if single else 1e-6, atol=1e-8)
