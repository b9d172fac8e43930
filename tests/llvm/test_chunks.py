"""Nests in chunks: what they compute does not depend on who carries them out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile.llvm.kernels import chunks
from functrans.compile.llvm.segment import NativeFunction, Segment
from tests.llvm.native import carried_out, staged, status

RNG = np.random.default_rng(0)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is computed here is as if it took ten times as long."""
    honest = chunks.nanoseconds
    monkeypatch.setattr(chunks, "nanoseconds", lambda loops: 10 * honest(loops))


def normalised(x: Any, y: Any) -> Any:
    shifted = x - np.max(x, 1, keepdims=True)
    parts = np.exp(shifted)
    share = parts / np.sum(parts, 1, keepdims=True)
    return share, np.sum(share * y, 0), np.mean(share)


CASES: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...], int]] = {
    # The function, the shapes of its arguments, and how many nests are in chunks.
    "elementwise": (lambda x, y: (np.exp(x) * y, np.sin(y)), ((40_003,), (40_003,)), 1),
    "a whole number of vectors": (lambda x: np.exp(np.sin(x)), ((1 << 16,),), 1),
    "broadcast": (lambda x, y: np.exp(x) * np.tanh(y), ((300, 1), (300, 257)), 1),
    "transposed": (lambda x, y: np.exp(x).T * np.tanh(y), ((300, 257), (257, 300)), 1),
    "sums": (lambda x, y: (np.sum(np.exp(x)), np.max(x * y)), ((65_537,), (65_537,)), 1),
    "sums of rows": (lambda x: np.sum(np.exp(x), 1), ((301, 200),), 1),
    "sums of columns": (lambda x: np.sum(np.exp(x), 0), ((301, 200),), 1),
    "sums of long columns": (lambda x: np.sum(np.exp(x), 0), ((20, 3000),), 1),
    "sums in the middle": (lambda x: np.sum(np.exp(x), 1), ((41, 40, 50),), 1),
    "sums of both ends": (lambda x: np.prod(np.exp(x), (0, 2)), ((41, 40, 50),), 1),
    "rows": (normalised, ((300, 200), (300, 200)), 2),
    "gathered": (
        lambda x, i: np.exp(x[np.abs(i * 50).astype(np.int64)]), ((200, 90), (1700,)), 1,
    ),
    "a region": (lambda x, y: _written(np.exp(x), y), ((600, 200), (200, 100)), 1),
}  # fmt: skip


def _written(x: Any, y: Any) -> Any:
    x[100:300, ::2] += np.exp(y)
    return x


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("name", CASES)
def test_any_number_of_threads(name: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results are those of one thread to the bit, and those of no chunks but for the order of
    sums."""
    function, shapes, expected = CASES[name]
    if dtype == "complex128" and name in ("sums", "rows", "gathered", "transposed", "broadcast"):
        pytest.skip("not of complex numbers")
    values = [RNG.normal(scale=0.3, size=shape).astype(dtype) for shape in shapes]
    if dtype == "complex128":
        values = [x * (1 + 0.5j) for x in values]
    graph, values = staged(function, *values)
    found = Segment(graph).frame.chunks
    assert len(found) >= expected
    before = ft.get_num_threads()
    outputs = []
    try:
        for threads in (1, 2, 5):
            ft.set_num_threads(threads)
            for _ in range(3):
                outputs.append(carried_out(graph, *values))
    finally:
        ft.set_num_threads(before)
    for outs in outputs[1:]:
        for x, y in zip(outs, outputs[0], strict=True):
            assert x.tobytes() == y.tobytes()
    monkeypatch.setattr(chunks, "FEWEST", 1 << 60)
    whole = carried_out(graph, *values)
    assert not Segment(graph).frame.chunks
    for x, y in zip(whole, outputs[0], strict=True):
        spread = np.finfo(dtype).eps * 200
        np.testing.assert_allclose(x, y, rtol=spread, atol=spread)


def test_small_work_is_not_cut() -> None:
    """What takes less than two threads are worth, and what writes where arrays tell, is whole."""
    for function, shape in [
        (lambda x: x + 1.0, (400_000,)),
        (lambda x: np.exp(x), (100_000,)),
        (lambda x: np.exp(x), (2000,)),
    ]:
        graph, _ = staged(function, np.ones(shape))
        assert not Segment(graph).frame.chunks

    def scattered(x: Any, i: Any) -> Any:
        y = x[:10] * 0.0
        y[i] += np.exp(x)
        return y

    graph, _ = staged(scattered, np.ones(400_000), np.zeros(400_000, int))
    for nest in Segment(graph).frame.chunks:
        assert not any(s.positions for kernel in nest.kernels for s in kernel.statements)


def test_long_functions_say_so() -> None:
    """What is worth threads of its own lets others run."""
    graph, _ = staged(lambda x: np.exp(x), np.ones(400_000))
    assert NativeFunction(graph).long
    graph, _ = staged(lambda x: np.exp(x), np.ones(4000))
    assert not NativeFunction(graph).long


@pytest.mark.usefixtures("slow")
def test_positions_out_of_bounds_are_told_by_any_chunk() -> None:
    """Wherever the chunk is that meets one."""
    for place in (0, 30_000, 59_999):
        positions = np.zeros(60_000, int)
        positions[place] = 50
        graph, values = staged(lambda x, i: np.exp(x[i]), np.ones(50), positions)
        assert Segment(graph).frame.chunks
        assert status(graph, *values) == 1
    positions[place] = -50
    assert status(graph, np.ones(50), positions) == 0
