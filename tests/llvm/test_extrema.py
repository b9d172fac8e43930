"""Positions of extrema, and constants that count along an axis."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile.llvm.plans import extrema
from functrans.compile.llvm.plans.positions import progression
from functrans.compile.llvm.segment import supported
from tests.llvm.native import staged, status
from tests.llvm.test_segments import compare, drawn

DTYPES = ("float64", "float32", "float16", "int64", "int8", "uint32", "bool", "complex128")
SHAPES = [((7,), 0), ((5, 3), 0), ((4, 6, 37), 1), ((4, 37), 1), ((0, 3), 1), ((200, 100), 1)]


def both(x: Any, axis: int | None, keepdims: bool = False) -> tuple[Any, Any]:
    return np.argmax(x, axis, keepdims=keepdims), np.argmin(x, axis, keepdims=keepdims)


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_positions_of_extrema(dtype: str, shape: tuple[int, ...], axis: int) -> None:
    """Along any axis and over all, of elements with many ties, and exactly."""
    x = np.rint(drawn(shape, "float64")).astype(dtype)
    compare(lambda x: both(x, axis), x)
    compare(lambda x: both(x, axis, True), x)
    if x.size:
        compare(lambda x: both(x, None), x)
    graph, _ = staged(lambda x: both(x, axis), x)
    assert all([supported(e, True) for e in graph.equations])


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "complex64"])
def test_nan_and_infinities(dtype: str) -> None:
    """The first NaN is either extremum; infinities tie as other numbers do."""
    x = drawn((9, 40), "float64").astype(dtype)
    x[1, 5:7], x[2, 30], x[3], x[4] = np.nan, -np.inf, -np.inf, np.inf
    x[5, 0], x[6, -1], x[7] = np.nan, np.nan, np.nan
    x[8] = np.where(np.arange(40) % 2, 0.0, -0.0)
    compare(lambda x: both(x, 1), x)
    compare(lambda x: both(x, 0), x)
    compare(lambda x: both(x[[0, 3, 4]], None), x)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int16", "uint8", "bool"])
@pytest.mark.parametrize("length", [2, 31, 333])
def test_lanes_remember_the_first(dtype: str, length: int) -> None:
    """Ties in several lanes, NaN before and behind the extremum, and rows of what is never better
    than anything."""
    rng = np.random.default_rng(length)
    x = rng.integers(0, 7, (60, length)).astype(dtype)
    if dtype.startswith("float"):
        x[:40][rng.random((40, length)) < 2 / length] = np.nan
        x[40:44], x[44:48] = -np.inf, np.inf
        x[48:50, -1] = np.nan
    elif dtype != "bool":
        x[40:44], x[44:48] = np.iinfo(dtype).min, np.iinfo(dtype).max
    compare(lambda x: (*both(x, 1), np.max(x, 1), np.min(x, 1)), x)
    compare(lambda x: both(x[None, :, :, None], 2), x)


@pytest.mark.parametrize("size", [extrema.WHOLE - 1, extrema.WHOLE])
def test_of_all_elements(size: int) -> None:
    """In one walk by one thread, and in two by several."""
    x = np.rint(drawn((size,), "float32") * 4)
    compare(lambda x: both(x, 0), x)
    x[size - 3] = np.nan
    compare(lambda x: both(x, 0), x)


def test_what_stands_around_is_fused() -> None:
    """Two walks through the rows, whatever is in them, and one through what is made of places."""
    x = drawn((64, 300), "float64")
    compare(lambda x: np.argmax(x * x - x, 1) * 2 + 1, x, steps=2)
    compare(lambda x: np.take_along_axis(x, np.argmax(x, 1, keepdims=True), 1), x)


def test_derivatives_by_the_chosen_element() -> None:
    """The gradient of what a position picks is native as a whole."""

    def picked(x: Any) -> Any:
        return np.sum(np.take_along_axis(x, np.argmax(x, 1, keepdims=True), 1) ** 2)

    compare(ft.grad(picked), drawn((5, 7), "float64"))


def test_counts_are_recognised() -> None:
    """Integers a fixed step apart along one axis, and nothing else."""
    assert progression(np.arange(3, 9, 2)[:, None]) == (0, 3, 2)
    assert progression(np.arange(5, -1, -1, np.int8)) == (0, 5, -1)
    assert progression(np.array([[0, 1, 3]])) is None
    assert progression(np.arange(6).reshape(2, 3)) is None
    assert progression(np.arange(3.0)) is None
    assert progression(np.array([0, 2**62])) is None
    assert progression(np.array([200, 45], np.uint8)) == (0, 200, -155)


def test_counts_as_positions_and_as_numbers() -> None:
    """They are static coordinates where they are within bounds, and values anywhere."""
    x = drawn((6, 9), "float64")
    places = np.random.default_rng(0).integers(-6, 6, (4, 9))
    compare(lambda x, i: np.take_along_axis(x, i, 0), x, places)
    compare(lambda x, i: np.take_along_axis(x, np.abs(i), 1), x, np.vstack([places, places[:2]]))
    compare(lambda x: (np.diagonal(x), x[np.arange(5, -1, -1), np.arange(0, 6)]), x)
    compare(lambda x: x[np.arange(-2, 2)], x)
    compare(lambda x: (x + np.arange(9), x * np.arange(6, dtype=np.int8)[:, None]), x)
    compare(lambda x: np.cumsum(np.arange(9) + np.zeros_like(x), 1), x)
    compare(lambda i: ft.numpy.take(np.arange(9), i), places)
    compare(lambda x: (np.arange(5), x), x)

    def written(x: Any, i: Any) -> Any:
        y = ft.numpy.array(x)
        np.put_along_axis(y, i, x[:4] * 2, 0)
        return y

    compare(written, x, places)


def test_positions_beside_counts_are_checked() -> None:
    """A position out of bounds is told of, whatever stands beside it."""
    graph, values = staged(
        lambda x, i: np.take_along_axis(x, i, 1), np.ones((3, 4)), np.full((3, 2), 4)
    )
    assert status(graph, *values) == 1
    values[1] = np.full((3, 2), -4)
    assert status(graph, *values) == 0
