"""Pooling in native code: the same sums and places as on NumPy, to the bit."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans import primitives
from functrans.compile.llvm.segment import Segment, prepared
from tests.llvm.native import staged

ONE = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,)}

WINDOWS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "halves": ((2, 3, 8, 8), {"window": (2, 2), "stride": (2, 2)}),
    "overlapping": ((2, 9, 9), {"window": (3, 3), "stride": (2, 2), "padding": ((1, 1),) * 2}),
    "dilated": ((2, 11), {"window": (3,), "stride": (3,), "dilation": (2,), "padding": ((2, 0),)}),
    "sparse": ((3, 7), {"window": (2,), "stride": (3,)}),
    "three axes": (
        (2, 4, 3, 5),
        {"window": (2, 1, 3), "stride": (2, 1, 1), "padding": ((0, 1), (0, 0), (1, 1))},
    ),
}


def drawn(shape: tuple[int, ...], dtype: str) -> np.ndarray[Any, Any]:
    """Few values, so that windows have ties, with infinities and NaN."""
    rng = np.random.default_rng(0)
    x = rng.integers(-2, 3, shape).astype(dtype)
    if x.dtype.kind == "f":
        x[rng.random(shape) < 0.3] = -np.inf
        x[rng.random(shape) < 0.1] = np.nan
        x[rng.random(shape) < 0.1] = -0.0
    return x


def compare(function: Any, x: Any, exact: bool) -> None:
    jitted = ft.jit(function, backend="llvm", exact=exact)
    wanted = ft.jit(function, backend="numpy")(x)
    for _ in range(2):
        found = jitted(x)
        np.testing.assert_array_equal(found, wanted, strict=True)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))
    assert exact or not jitted.lower(x).source


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i2"])
@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name: str, dtype: str, exact: bool) -> None:
    """Padding adds nothing and is never the greatest; NaN is; of equal ones the first."""
    shape, given = WINDOWS[name]
    axes = len(given["window"])
    params = {**{k: v * axes for k, v in ONE.items()}, **given}
    x = drawn(shape, dtype)
    compare(partial(primitives.window_argmax, **params), x, exact)
    sums = partial(primitives.window_sum, **params)
    compare(sums, x, exact)
    pulled = partial(primitives.window_spread, size=shape[-axes:], **params)
    compare(pulled, drawn(np.shape(sums(x)), dtype), exact)


def test_windows_of_padding_only_are_an_error() -> None:
    function = partial(primitives.window_argmax, **{**ONE, "window": (1,), "padding": ((2, 0),)})
    with pytest.raises(ValueError, match="holds padding only"):
        ft.jit(function, backend="llvm")(np.ones(3))


def test_what_scatters_does_not_compute_what_it_reads() -> None:
    """Elements that may come to one place are added one by one; places and values are computed
    before, by vectors."""
    params = {**{k: v * 2 for k, v in ONE.items()}, "window": (3, 3)}

    def gradient(x: Any) -> Any:
        places = primitives.window_argmax(x, **params)
        out = np.zeros_like(x).reshape(-1)
        np.add.at(out, places, np.exp(x[1:-1, 1:-1]))
        return out

    x = np.random.default_rng(0).random((20, 20))
    graph, _ = staged(gradient, x)
    segment = Segment(prepared(graph, exact=False))
    kernels = [kernel for step in segment.frame.plan.steps for kernel in step.kernels]  # type: ignore[union-attr]
    scattering = [k for k in kernels if any([s.positions for s in k.statements])]
    assert len(scattering) == 1
    (statement,) = scattering[0].statements
    stored = segment.frame.plan.statements.stored
    assert statement.value in stored and statement.positions[0].array in stored
    found = ft.jit(gradient, backend="llvm")(x)
    np.testing.assert_allclose(found, gradient(x), rtol=1e-15)
