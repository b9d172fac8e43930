"""Native functions compute what the operations of a graph give one by one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile.llvm.planning import Kernel
from functrans.compile.llvm.segment import Segment, supported
from tests.llvm.native import carried_out, staged

SIZES = (0, 1, 2, 3, 7, 16, 33, 300)
DTYPES = ("float64", "float32", "float16", "int64", "int8", "uint32", "bool")


def drawn(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray[Any, Any]:
    x = np.random.default_rng(seed).normal(scale=2, size=shape)
    if dtype.startswith("u"):
        x = abs(x)
    return (x > 0 if dtype == "bool" else x).astype(dtype)


def compare(f: Callable[..., Any], *args: Any, steps: int | None = None) -> None:
    """Native results agree with NumPy's: exactly, but for sums of floating-point numbers."""
    graph, values = staged(f, *args)
    assert all([supported(equation, False) for equation in graph.equations]), graph
    if steps is not None:
        assert len([s for s in Segment(graph).plan.steps if isinstance(s, Kernel)]) == steps
    summed = not all([supported(equation, True) for equation in graph.equations])
    with np.errstate(all="ignore"):
        expected = graph.evaluate(values)
    for out, x in zip(carried_out(graph, *values), expected, strict=True):
        x = np.asarray(x)
        assert out.dtype == x.dtype and out.shape == x.shape
        if summed and x.dtype.kind in "fc":
            spread = np.finfo(x.dtype).eps * 100
            scale = np.max(np.abs(x[np.isfinite(x)]), initial=1.0)
            np.testing.assert_allclose(out, x, rtol=spread, atol=spread * scale)
        else:
            np.testing.assert_array_equal(out, x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
def test_elementwise_and_sums(dtype: str, n: int) -> None:
    """Every length has its tail, every dtype its vectors."""
    x, y = drawn((n,), dtype), drawn((n,), dtype, 1)
    compare(lambda x, y: (x + y, x * y, np.sum(x), np.sum(x * y)), x, y)
    compare(lambda x: (np.any(x), np.all(x), np.count_nonzero(x)), x)
    if n:
        compare(lambda x: (np.max(x), np.min(x), np.prod(x)), x)


@pytest.mark.parametrize("shape", [(3, 5), (1, 4), (4, 1), (17, 33), (2, 0), (0, 3), (40, 3)])
def test_two_axes(shape: tuple[int, int]) -> None:
    """Broadcasting, transposition, and reductions along either axis and both."""
    x, row, column = (
        drawn(shape, "float64"),
        drawn(shape[1:], "float64"),
        drawn((shape[0], 1), "float64"),
    )
    compare(lambda x, row, column: (x * row + column, x.T - column.T, row * column), x, row, column)
    compare(lambda x: (np.sum(x, 0), np.sum(x, 1), np.sum(x), np.sum(x, 1, keepdims=True) * x), x)
    compare(lambda x: x[::-1, ::2] * 2.0, x)
    compare(lambda x: np.sum(x.T, 1), x)


@pytest.mark.parametrize("axes", [0, 1, 2, (0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_three_axes(axes: Any) -> None:
    """Reduced axes may lie anywhere."""
    x = drawn((3, 4, 21), "float64")
    compare(lambda x: np.sum(x, axes), x)
    compare(lambda x: np.max(x, axes), x)
    compare(lambda x: x - np.sum(x, axes, keepdims=True), x)
    compare(lambda x: np.sum(x.transpose(2, 0, 1), axes), x)


def test_writing() -> None:
    """Parts of arrays are written in the memory of the array where nobody else needs it."""
    x = drawn((10,), "float64")
    compare(lambda x: np.concatenate([x[::-1], x[2:4] * 2.0, x[:0]]), x)
    compare(lambda x: np.pad(x, (2, 3)), x)
    compare(ft.grad(lambda x: np.sum(x[2:5] * x[::-1][:3])), x)

    def filled(x: Any) -> Any:
        y = np.zeros_like(x)
        y[1:] = x[:-1]
        y[0] += 3.0
        before = y * 2.0
        y[::3] = before[::3] - x[::3]
        return y, before

    compare(filled, x)


def test_reshaping() -> None:
    """What lies in C order is another shape without a copy; else it is computed first."""
    x = drawn((6, 5), "float64")
    compare(lambda x: np.reshape(x, (5, 6)) + 1.0, x)
    compare(lambda x: np.reshape(x * 2.0, (10, 3)).T + 1.0, x)
    compare(lambda x: np.reshape(x.T, 30), x)
    compare(lambda x: (x, x, x.T, x[0], 2.0, np.reshape(x, 30)), x)


def test_gradients() -> None:
    """Whole gradients, with what their kernels share."""
    x, g, b = drawn((64, 40), "float64"), drawn((40,), "float64", 1), drawn((40,), "float64", 2)

    def rosenbrock(x: Any) -> Any:
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    def normalised(x: Any, g: Any, b: Any) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return np.sum((centred / spread * g + b) ** 2)

    compare(ft.grad(rosenbrock), b)
    compare(ft.hessian(rosenbrock), b)
    compare(ft.value_and_grad(normalised, (0, 1, 2)), x, g, b)


def test_loops_are_shared() -> None:
    """What walks through one space at one time is one kernel."""
    x = drawn((20, 30), "float64")
    compare(lambda x: (x * 2.0 + 1.0, x * 2.0 - 1.0, np.sum(x * 2.0), np.sum(x, 1)), x, steps=1)
    compare(lambda x: x - np.max(x, 1, keepdims=True), x, steps=2)


def test_equal_kernels_are_one_function() -> None:
    """The code of a kernel is there once, whatever memory it works on."""

    def chain(x: Any) -> Any:
        for _ in range(5):
            x = np.sqrt(x - np.sum(x)) / (x * 2.0) * 3.0 - x * x / (1.0 + x)
        return x

    graph, _ = staged(chain, drawn((50,), "float64"))
    segment = Segment(graph)
    assert len(segment.plan.steps) == 6
    assert segment.text.count("define internal void @kernel") == 3


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex(dtype: str) -> None:
    """Real and imaginary parts lie side by side in memory and apart in registers."""
    x = (drawn((19,), "float64") + 1j * drawn((19,), "float64", 1)).astype(dtype)
    compare(lambda x: (np.conj(x), x + x[::-1], np.sum(x), x.real, -x), x)
