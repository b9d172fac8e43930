"""Sorting, searching and their derivatives have NumPy's bits, line by line."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans import primitives
from functrans.compile.llvm.code import sorters
from functrans.compile.llvm.segment import supported
from tests.llvm.native import staged
from tests.llvm.test_segments import compare, drawn

DTYPES = ("float64", "float32", "float16", "int64", "int8", "uint32", "bool", "complex128")
SHAPES = [((7,), 0), ((5, 3), 0), ((4, 6, 37), 1), ((0, 3), 1), ((0, 3), 0), ((200, 100), 1)]


def tied(shape: tuple[int, ...], dtype: str) -> np.ndarray[Any, Any]:
    """Numbers of which many are equal, with NaN and an infinity where there are such."""
    x = np.rint(drawn(shape, "float64") * 3).astype(dtype)
    if x.dtype.kind in "fc" and x.size > 2:
        x.flat[1], x.flat[2] = np.nan, -np.inf
    return x


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_sorting(dtype: str, shape: tuple[int, ...], axis: int) -> None:
    """Along any axis, and the order of elements, of ties too, exactly."""
    x = tied(shape, dtype)
    for kind in (None, "stable"):
        compare(lambda x, k=kind: (np.sort(x, axis, k), np.argsort(x, axis, k)), x)
    graph, _ = staged(lambda x: np.argsort(x, axis), x)
    assert all([supported(e, True) for e in graph.equations])


def test_what_stands_around() -> None:
    """What is sorted is computed before, and what is made of it after; a view is no hindrance."""
    x = tied((6, 30), "float64")
    compare(lambda x: np.sort(x[::2, 3:20] * 2 + 1, 1) - 1, x)
    compare(lambda x: np.sort(x.T, 1), x)
    compare(lambda x: (np.sort(np.sort(x, 0), 1), np.sort(x[0])), x)
    compare(lambda x: np.sort(x, kind="stable"), x)
    compare(lambda x: np.sort(np.zeros((3, 4)) + x[0, 0], 0), x)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_derivatives(dtype: str, shape: tuple[int, ...], axis: int) -> None:
    """Those of sorts and partitions, where ties share, are native as a whole."""
    x = tied(shape, dtype)
    compare(ft.grad(lambda x: np.sum(np.sort(x, axis) ** 2)), x)
    compare(lambda x, t: ft.jvp(lambda x: np.sort(x, axis), (x,), (t,)), x, drawn(shape, dtype))


@pytest.mark.parametrize("dtype", ["float64", "complex64", "int8", "bool"])
def test_means_over_ties(dtype: str) -> None:
    """Runs of every length, at both ends, across vectors; NaN is never equal."""
    keys = np.repeat(np.arange(40), np.random.default_rng(0).integers(1, 5, 40)).astype(dtype)
    for n in (0, 1, 2, 3, 16, 17, keys.size):
        x, y = drawn((2, n), "float64"), np.stack([keys[:n], np.zeros(n, keys.dtype)])
        compare(lambda x, y: primitives.tie_mean(x, y, axis=1), x, y)
        compare(lambda x, y: primitives.tie_mean(x + 2j * x, y, axis=1), x, y)
    compare(lambda x, y: primitives.tie_mean(x, y, axis=0), x[0], np.full(x.shape[1], np.nan))


def test_medians_and_quantiles() -> None:
    """Programs of sorted elements are native as a whole."""
    x = drawn((20, 33), "float64")
    compare(lambda x: (np.median(x, 1), np.median(x), np.quantile(x, [0.1, 0.5], axis=0)), x)
    compare(ft.grad(lambda x: np.sum(np.median(x, 0) * np.quantile(x, 0.3, axis=0))), x)
    compare(lambda x: np.nanmedian(x, 1), tied((20, 33), "float64"))


def test_partitions_of_short_lines_are_sorted() -> None:
    """Elements are where they belong, and what is left of them is there."""
    x = tied((6, 40), "float64")

    def parts(x: Any) -> tuple[Any, Any]:
        return np.partition(x, (3, 20), 1), np.argpartition(x, 4, 0)

    found, order = ft.jit(parts, backend="llvm")(x)
    np.testing.assert_array_equal(found, np.sort(x, 1))
    np.testing.assert_array_equal(np.take_along_axis(x, order, 0), np.sort(x, 0))
    graph, _ = staged(parts, x)
    assert all([supported(e, False) for e in graph.equations])
    with pytest.raises(ValueError, match="out of bounds"):
        ft.jit(lambda x: np.partition(x, 6, 0) * 2, backend="llvm")(x)


@pytest.mark.parametrize("known", ["float64", "float32", "float16", "int64", "uint8"])
@pytest.mark.parametrize("asked", ["float64", "int64"])
def test_searching(known: str, asked: str) -> None:
    """Among any number of elements, from either side, NaN at the end."""
    y = np.rint(drawn((5, 7), "float64", 2) * 3).astype(asked)
    if asked == "float64":
        y[0, :3] = np.nan, np.inf, -np.inf
    for n in (1, 2, 3, 7, 8, 9, 100):
        x = np.sort(np.rint(drawn((n,), "float64") * 3).astype(known))
        if x.dtype.kind == "f" and n > 3:
            x[-2:] = np.nan
        compare(lambda x, y: (np.searchsorted(x, y), np.searchsorted(x, y, "right")), x, y)
    lanes = np.sort(drawn((3, 20), "float64").astype(known), 1)
    queries = np.stack([y[:2, :2]] * 3)
    compare(lambda x, y: primitives.searchsorted(x, y, side="right"), lanes, queries)


def test_without_the_functions_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where NumPy shows none, or others than those known, it sorts itself."""
    sorters.sorter.cache_clear()
    monkeypatch.setattr(sorters, "BINARY", -1)
    x = tied((6, 40), "float64")
    graph, _ = staged(lambda x: np.sort(x, 0) * 2, x)
    assert not all([supported(e, False) for e in graph.equations])
    found = ft.jit(lambda x: np.sort(x, 0) * 2, backend="llvm")(x)
    np.testing.assert_array_equal(found, np.sort(x, 0) * 2)
    sorters.sorter.cache_clear()


def test_many_lines_in_pieces() -> None:
    """Several threads sort, each some lines; the last piece is shorter."""
    x = np.random.default_rng(0).integers(0, 50, (1013, 60)).astype(float)
    before = ft.get_num_threads()
    ft.set_num_threads(2)
    try:
        compare(lambda x: (np.sort(x, 1), np.argsort(x, 1, "stable")), x)
        compare(ft.grad(lambda x: np.sum(np.sort(x, 1) ** 2)), x)
    finally:
        ft.set_num_threads(before)
