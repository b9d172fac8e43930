"""Native functions compute what the operations of a graph give one by one."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
import functrans.control
from functrans import primitives
from functrans.compile.llvm.plans import rows
from functrans.compile.llvm.plans.statements import Nest
from functrans.compile.llvm.segment import Segment, supported
from tests.llvm.native import carried_out, staged, status

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
        assert len([s for s in Segment(graph).frame.plan.steps if isinstance(s, Nest)]) == steps
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


@pytest.fixture(params=["all rows", "row by row"])
def shared_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels share rows in small arrays too."""
    if request.param == "row by row":
        monkeypatch.setattr(rows, "LARGE", 1)
        monkeypatch.setattr(rows, "SHORTEST", 1)


@pytest.mark.usefixtures("shared_rows")
@pytest.mark.parametrize("axes", [0, 1, 2, (0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_three_axes(axes: Any) -> None:
    """Reduced axes may lie anywhere."""
    x = drawn((3, 4, 21), "float64")
    compare(lambda x: np.sum(x, axes), x)
    compare(lambda x: np.max(x, axes), x)
    compare(lambda x: x - np.sum(x, axes, keepdims=True), x)
    compare(lambda x: np.sum(x.transpose(2, 0, 1), axes), x)


@pytest.mark.parametrize("shape", [(150, 130), (3, 128, 131), (64, 64)])
def test_across(shape: tuple[int, ...]) -> None:
    """Vectors along one operand lie across another."""
    x, y = drawn(shape, "float64"), drawn((*shape[:-2], shape[-1], shape[-2]), "float64", 1)
    compare(
        lambda x, y: (np.swapaxes(x, -1, -2) * 2.0 + y, np.sum(x * np.swapaxes(y, -1, -2))), x, y
    )
    compare(lambda x: (np.swapaxes(x, -1, -2), np.max(np.swapaxes(x, -1, -2), -1)), x)
    compare(lambda x, y: np.sum(np.swapaxes(x, -1, -2) * y, 0), x, y)


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


@pytest.mark.usefixtures("shared_rows")
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


def test_rows_are_shared() -> None:
    """What is computed and needed row by row is in one nest, with memory for one row."""
    x = drawn((600, 100), "float64")

    def normalised(x: Any) -> Any:
        below = x - np.max(x, 1, keepdims=True)
        share = np.sqrt(np.abs(below)) / np.sum(np.sqrt(np.abs(below)), 1, keepdims=True)
        return share, np.sum(share, 0)

    compare(normalised, x, steps=1)
    compare(lambda x: np.sum(x, 0) + x, x, steps=2)
    graph, _ = staged(lambda x: 1.0 / x - np.sum(1.0 / x, 1, keepdims=True), x)
    assert Segment(graph).arena < 30_000  # a row for each chunk


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
    assert len(segment.frame.plan.steps) == 6
    assert segment.text.count("define internal void @kernel") == 3


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex(dtype: str) -> None:
    """Real and imaginary parts lie side by side in memory and apart in registers."""
    x = (drawn((19,), "float64") + 1j * drawn((19,), "float64", 1)).astype(dtype)
    compare(lambda x: (np.conj(x), x + x[::-1], np.sum(x), x.real, -x), x)


def test_rolling() -> None:
    """What goes beyond the end comes first."""
    x = drawn((5, 7), "float64")
    compare(lambda x: (np.roll(x, 2, 1), np.roll(x, -1, 0) * 2.0, np.roll(x, (1, 2), (0, 1))), x)


HARD = [
    [1.0, 2.0, 3.0],
    [1000.0, 999.0, -1000.0],
    [np.inf, 1.0, 2.0],
    [np.inf, np.inf, -np.inf],
    [-np.inf, -np.inf, -np.inf],
    [-np.inf, 0.0, 1.0],
    [np.nan, 0.0, np.inf],
    [0.0, -40.0, 0.0],
]


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int32"])
@pytest.mark.usefixtures("shared_rows")
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp", "mean", "norm", "var"])
def test_composed_operations(name: str, dtype: str, axes: tuple[int, ...]) -> None:
    """What is spelt out gives what the operation gives, at its hard points too."""
    function = getattr(primitives, name)
    x = np.array(HARD)
    if dtype == "int32":
        x = drawn((8, 3), "float64") * 10
    compare(lambda x: function(x, axes=axes), x.astype(dtype))
    compare(lambda x: function(x, axes=axes), drawn((5, 37), "float64").astype(dtype))


@pytest.mark.parametrize("size", [3, 400])
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "complex64"])
def test_norms_out_of_the_range_of_squares(dtype: str, size: int) -> None:
    """Few elements and many, which take another way; each to some units in the last place."""
    limits = np.finfo(dtype)
    scales = (limits.max / 64, np.sqrt(limits.max), limits.tiny * 8, limits.tiny / 64, 0.0, np.inf)
    x = drawn((size, 1), dtype)
    if dtype.startswith("complex"):
        x = x + 1j * drawn((size, 1), dtype, 1)
    for axes, keep in (((0,), False), ((0, 1), True)):
        length = partial(primitives.norm, axes=axes, keepdims=keep)
        for scale in (1.0, *scales, np.nan):
            with np.errstate(all="ignore"):
                values = x * limits.dtype.type(scale)
                graph, inputs = staged(length, values)
                assert all([supported(equation, False) for equation in graph.equations])
                (wanted,) = graph.evaluate(inputs)
            (found,) = carried_out(graph, *inputs)
            np.testing.assert_allclose(
                found, wanted, rtol=8 * float(limits.eps), atol=2 * limits.smallest_subnormal
            )


@pytest.mark.parametrize("name", ["mean", "var"])
def test_averages_of_complex_numbers(name: str) -> None:
    x = drawn((5, 7), "complex128") + 1j * drawn((5, 7), "float64", 1)
    compare(lambda x: getattr(primitives, name)(x, axes=(1,)), x)


def test_standardize_and_attained() -> None:
    """Results of several outputs, and comparisons that take NaN for NaN."""
    compare(lambda x: primitives.standardize(x, axes=(1,), eps=1e-3), drawn((5, 37), "float64"))
    x = np.array(HARD)
    compare(lambda x: primitives.attained(x, x[:, :1]), x)


@pytest.mark.usefixtures("shared_rows")
def test_gathering() -> None:
    """Positions in arrays, with slices, numbers and new axes beside them, and from the end."""
    x = drawn((6, 5, 20), "float64")
    i, j = np.array([0, 5, -1, 3, 3]), np.array([[0], [-5]])
    compare(lambda x, i: (x[i], x[:, :, i] * 2.0, x[i, 1], x[i, :, 2:9]), x, i)
    compare(lambda x, i, j: (x[j, j.T], x[j, None, i[2:4]], x[1, i % 5, ::-1]), x, i, j)
    compare(lambda x, i: (np.sum(x[i, i % 5], 0), x[i].T, (x + 1.0)[i[0]]), x, i)
    compare(lambda x, i: x[i.astype(np.uint8) % 3], x, i)
    compare(lambda x, i: np.take(x, i, 2), (x + 1j * x[::-1])[:3], i)
    table = drawn((50,), "float32")
    compare(lambda x, i: x[i] * x[i], table, np.arange(50)[::-1] % 7)


@pytest.mark.usefixtures("shared_rows")
def test_scattering() -> None:
    """A place that is written twice holds the last value, or the sum of both."""
    x = drawn((6, 40), "float64")
    i, y = np.array([0, 5, -1, 3, 3]), drawn((5, 40), "float64", 1)

    def added(x: Any, i: Any, y: Any) -> Any:
        x = x * 1.5
        np.add.at(x, i, y)
        return x

    def written(x: Any, i: Any, y: Any) -> Any:
        x = x * 1.5
        x[i] = y
        x[1, i] = 7.0
        return x

    compare(added, x, i, y)
    compare(written, x, i, y)
    compare(ft.grad(lambda x: np.sum(x[i] ** 2 * y)), x)
    compare(added, x[:, 0], np.array([2, 2, 2, 2, 2]), y[:, 0])
    compare(ft.grad(lambda x: np.sum(x[[0, 1, 1, 5], [3, 3, 3, 0]] ** 3)), x)


@pytest.mark.parametrize("n", [2, 9, 40])
def test_scattering_to_one_place_that_is_known(n: int) -> None:
    """A constant array of equal positions leads all vectors' lanes to one place."""
    one, two = np.full(n, 1), np.full(n, 2)
    y, rows = drawn((n,), "float64"), drawn((n, 40), "float64")
    for index in (one, (two, one), (slice(None), one)):
        shape = (3,) if index is one else (40, 3)
        values = rows.T.copy() if isinstance(index, tuple) and index[0] is not two else y
        compare(lambda y, i=index, s=shape: ft.numpy.index_add(np.zeros(s), i, y), values)
        compare(lambda y, i=index, s=shape: ft.numpy.index_update(np.zeros(s), i, y), values)
        compare(ft.grad(lambda x, i=index: np.sum(x[i] ** 2)), drawn(shape, "float64", 1))
    compare(lambda y: ft.numpy.index_add(np.zeros((3, 40)), one, y), rows)
    compare(lambda y: ft.numpy.index_add(y, one, 5.0), drawn((3,), "float64"))


@pytest.mark.parametrize("position", [6, -7, 10**12])
def test_positions_out_of_bounds(position: int) -> None:
    """The native function says so, and neither reads nor writes elsewhere."""
    x, i = drawn((6, 6), "float64"), np.array([1, position, 2])
    for f in (lambda x, i: x[i], lambda x, i: x[:, i], lambda x, i: x[i, i]):
        graph, values = staged(f, x, np.zeros(3, int))
        assert Segment(graph).checked
        assert status(graph, *values) == 0
        assert status(graph, x, i) == 1


def test_positions_of_nothing() -> None:
    """They have bounds too, which NumPy compares them with."""
    for shape, i in [((0,), [0]), ((0, 70), [0, -1]), ((3, 0), [3]), ((3, 0), [1, 2]), ((0,), [])]:
        x, places = np.zeros(shape), np.array(i, int)
        for f in (
            lambda x, i: np.sin(x)[i],
            lambda x, i: primitives.setitem(x, i, 1.0),
            lambda x, i: ft.numpy.index_add(x, i, 1.0),
        ):
            results = []
            for backend in ("numpy", "llvm"):
                try:
                    results.append(ft.jit(f, backend=backend)(x, places).shape)
                except IndexError as error:
                    results.append(str(error))
            assert results[0] == results[1]
            assert isinstance(results[0], str) == (i in ([0], [0, -1], [3]))


@pytest.mark.parametrize("seed", range(12))
def test_reads_and_writes_in_any_order(seed: int) -> None:
    """Parts of arrays that are written in place are read before, between and after."""
    rng = np.random.default_rng(seed)

    def part() -> slice:
        start, stop = sorted(rng.choice(12, 2, replace=False).tolist())
        return slice(start, stop)

    plan = [(int(rng.integers(6)), part(), part(), int(rng.integers(100))) for _ in range(14)]

    def f(x: Any) -> Any:
        values = [x * 2.0, x.reshape(3, 4).ravel() + 1.0]
        for kind, here, there, which in plan:
            y, z = values[which % len(values)], values[which // 7 % len(values)]
            if kind == 0:
                values.append(y[::-1] * 0.5)
            elif kind == 1:
                values.append(np.broadcast_to(np.sum(y[here]), (12,)) + z)
            elif kind == 2:
                values.append(y.reshape(4, 3).ravel())
            else:
                y = y.copy() if kind == 3 else y
                n = min(here.stop - here.start, there.stop - there.start)
                y[here.start : here.start + n] = z[there.start : there.start + n][::-1] - y[0]
                values.append(y)
        return values

    compare(f, drawn((12,), "float64"))


def test_movements_of_constants_are_stated() -> None:
    """A large array that is written to comes of one, which no pass has folded."""

    def f(x: Any) -> Any:
        y = np.zeros_like(x)
        y[1:] = x[:-1] * 2.0
        return y

    x = np.arange(1000.0)
    np.testing.assert_array_equal(ft.jit(f, backend="llvm")(x), f(x))
