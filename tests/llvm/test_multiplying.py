"""Products among the operations of native functions."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile.llvm.plans.calls import Call
from functrans.compile.llvm.plans.statements import Nest
from functrans.compile.llvm.segment import Segment, supported
from tests.llvm.native import carried_out, staged

DTYPES = ["float64", "float32", "complex128"]


def drawn(*shape: int, dtype: str = "float64", seed: int = 0) -> Any:
    rng = np.random.default_rng([seed, *shape])
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if dtype.startswith("c") else x).astype(dtype)


def compare(f: Any, *args: Any) -> Segment:
    """Native results agree with NumPy's up to the rounding of sums."""
    graph, values = staged(f, *args)
    assert all([supported(equation, False) for equation in graph.equations]), graph
    expected = graph.evaluate(values)
    for out, x in zip(carried_out(graph, *values), expected, strict=True):
        x = np.asarray(x)
        assert out.dtype == x.dtype and out.shape == x.shape
        eps = 200 * np.finfo(x.dtype).eps
        np.testing.assert_allclose(out, x, rtol=eps, atol=eps * np.max(abs(x), initial=1.0))
    return Segment(graph)


def copies(segment: Segment) -> int:
    return sum(isinstance(step, Nest) for step in segment.frame.plan.steps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_transposes_are_no_copies(dtype: str) -> None:
    """Operands are read where they lie: transposed, as one row for all, in parts."""
    x, y, v = (drawn(*shape, dtype=dtype) for shape in ((5, 6), (6, 7), (6,)))
    s = drawn(3, 5, 6, dtype=dtype)
    assert copies(compare(lambda x, y: (x @ y, y.T @ x.T), x, y)) == 0
    assert copies(compare(lambda x, v: (x @ v, v @ x.T, v @ v), x, v)) == 0
    assert copies(compare(lambda s, y: (s @ y, np.swapaxes(s, 1, 2) @ s), s, y)) == 0
    assert copies(compare(lambda s, y: s[1] @ y, s, y)) == 0
    assert copies(compare(lambda s, x: np.reshape(s, (15, 6)) @ x.T, s, x)) == 0
    assert copies(compare(lambda s: np.einsum("nab,nac->nbc", s, s), s)) == 0


def test_operands_that_need_a_copy() -> None:
    """Numbers, values in the making, constants, and what lies wrongly for products."""
    x, y = drawn(5, 6), drawn(6, 6, seed=1)
    compare(lambda x: x @ np.ones((6, 2)), x)
    compare(lambda x: np.ones((3, 5)) @ x, x)
    compare(lambda x: x @ np.arange(12.0).reshape(6, 2), x)
    compare(lambda x, y: (x + 1.0) @ (y * 2.0).T + (y @ x.T).T, x, y)
    compare(lambda x, y: x[::-1] @ y[:, ::2] + np.sum(x), x, y)
    compare(lambda x: np.broadcast_to(x[0], (4, 6)) @ x.T, x)
    assert not supported(staged(lambda x: x @ x, np.ones((2, 2), int))[0].equations[0], False)
    assert not supported(staged(lambda x: x @ x, y)[0].equations[0], True)


def test_affine() -> None:
    """Weights as they are stored, biases of each output."""
    from functrans.primitives.contraction import affine

    for shape, outputs in [((4, 6), 5), ((6,), 5), ((2, 4, 6), 40), ((4, 6), 1), ((0, 6), 3)]:
        x, w, b = drawn(*shape), drawn(outputs, 6, seed=1), drawn(outputs, seed=2)
        compare(lambda x, w, b: affine(x, w, b), x, w, b)
        compare(lambda x, w, b: affine(x, w, b[::-1]) * 2.0, x, w, b)
        compare(lambda x, w, b: affine(x, w, np.broadcast_to(b[:1], b.shape)), x, w, b)


def network(parameters: Any, x: Any) -> Any:
    for w, b in parameters[:-1]:
        x = np.maximum(x @ w + b, 0.0)
    w, b = parameters[-1]
    return x @ w + b


@pytest.mark.parametrize("dtype", DTYPES[:2])
@pytest.mark.parametrize("batch", [1, 7, 33])
def test_training_step(batch: int, dtype: str) -> None:
    """A network forward and backward, and the parameters a step on."""
    sizes = [(20, 30), (30, 17), (17, 5)]
    parameters = [
        (drawn(*size, dtype=dtype), drawn(size[1], dtype=dtype, seed=1)) for size in sizes
    ]
    x, y = drawn(batch, 20, dtype=dtype), drawn(batch, 5, dtype=dtype)

    def step(parameters: Any, x: Any, y: Any) -> Any:
        def loss(parameters: Any) -> Any:
            return np.sum((network(parameters, x) - y) ** 2) * 0.01

        value, slopes = ft.value_and_grad(loss)(parameters)
        return value, [
            (w - 0.1 * dw, b - 0.1 * db)
            for (w, b), (dw, db) in zip(parameters, slopes, strict=True)
        ]

    segment = compare(step, parameters, x, y)
    products = [s for s in segment.frame.plan.steps if isinstance(s, Call)]
    assert len(products) == 8


def test_threads_do_not_change_results() -> None:
    """Large products are computed in pieces by several threads, to the same bits."""
    x, y = drawn(150, 400), drawn(400, 300)
    s = drawn(20, 60, 70)
    graph, values = staged(lambda x, y, s: (x @ y, s @ np.swapaxes(s, 1, 2)), x, y, s)
    assert Segment(graph).text.count("call void @functrans_parallel") == 2
    before = ft.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            ft.set_num_threads(count)
            results.append(carried_out(graph, *values))
    finally:
        ft.set_num_threads(before)
    for others in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], others, strict=True))
    np.testing.assert_allclose(results[0][0], x @ y, rtol=1e-11, atol=1e-11)


def test_half_precision() -> None:
    """Sums of float16 are those of float32, rounded once, as NumPy's; also where they overflow."""
    x, y, v = drawn(40, 30), drawn(30, 50, seed=1), drawn(30, seed=2)
    x[3] *= 20000.0
    given = [z.astype(np.float16) for z in (x, y, v)]

    def f(x: Any, y: Any, v: Any) -> Any:
        return x @ y, x @ v, np.dot(v, v), np.einsum("ij,kj->ik", x, x), np.tensordot(v, y, 1)

    found = ft.jit(f, backend="llvm")(*given)
    with np.errstate(over="ignore"):
        wanted = f(*given)
        assert np.isinf(wanted[0]).any()
        for out, w in zip(found, wanted, strict=True):
            assert out.dtype == np.float16 and np.shape(out) == np.shape(w)
            np.testing.assert_allclose(out, w, rtol=4e-3, atol=4e-3)
        exact = ft.jit(f, backend="llvm", exact=True)(*given)
        assert all(np.array_equal(a, b) for a, b in zip(exact, wanted, strict=True))
