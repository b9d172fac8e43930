"""Long and deep programs: no recursion, memory in proportion, and nothing left behind."""

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from tests.programs import PROGRAMS

LENGTH = 200_000
FACTOR, SHIFT = 0.999999, 1e-6
# Bytes held for one recorded operation: its entry on the tape and its link, the traced array and
# its value, and for every second operation a residual. Twice what was measured, so that a second
# copy of anything would show.
BYTES = 600


def chain(length: int) -> Callable[[Any], Any]:
    """`length` operations, one after the other: its derivative is ``FACTOR ** (length / 2)``."""

    def f(x: Any) -> Any:
        for _ in range(length // 2):
            x = x * FACTOR + SHIFT
        return x

    return f


ONES = np.ones(2)
WAYS: dict[str, Callable[[Callable[[Any], Any]], Any]] = {
    "grad": lambda f: ft.grad(lambda x: np.sum(f(x)))(ONES),
    "vjp": lambda f: ft.vjp(f, ONES)[1](ONES)[0],
    "jvp": lambda f: ft.jvp(f, (ONES,), (ONES,))[1],
    "linearize": lambda f: ft.linearize(f, ONES)[1](ONES),
}


def check_chain(way: str, length: int) -> None:
    found = WAYS[way](chain(length))
    np.testing.assert_allclose(found, FACTOR ** (length // 2) * ONES, rtol=1e-9)


@pytest.mark.parametrize("way", WAYS)
def test_chain(way: str) -> None:
    check_chain(way, LENGTH)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_million_operations(way: str) -> None:
    check_chain(way, 1_000_000)


@pytest.mark.parametrize("way", WAYS)
def test_memory_of_a_chain(way: str) -> None:
    """So many bytes an operation, whatever the length; forward mode keeps nothing."""
    peaks = []
    for length in (10_000, 20_000):
        tracemalloc.start()
        try:
            WAYS[way](chain(length))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    if way == "jvp":
        assert max(peaks) < 100_000
    else:
        assert peaks[0] < 10_000 * BYTES
        assert peaks[1] < 2.2 * peaks[0]


def test_graph_of_a_long_chain() -> None:
    """Staging, evaluation, pruning and printing do not recurse either."""
    graph = ft.make_graph(chain(20_000))(ONES)
    assert len(graph.equations) == 20_000
    np.testing.assert_allclose(graph(ONES), chain(20_000)(ONES), rtol=0)
    assert str(graph).count("\n") == 20_001


def test_chain_under_vmap() -> None:
    found = ft.vmap(ft.grad(chain(20_000)))(np.ones(3))
    np.testing.assert_allclose(found, FACTOR**10_000, rtol=1e-10)


def test_tenfold_gradient() -> None:
    """Each of ten levels differentiates the one below it."""
    f: Callable[[Any], Any] = lambda x: x * x * x  # noqa: E731
    values = []
    for _ in range(10):
        f = ft.grad(f)
        values.append(float(f(2.0)))
    assert values == [12.0, 12.0, 6.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_tenfold_forward_derivative() -> None:
    f: Callable[[Any], Any] = np.exp
    for _ in range(10):
        f = (lambda g: lambda x: ft.jvp(g, (x,), (1.0,))[1])(f)
    assert f(0.5) == pytest.approx(np.exp(0.5), rel=1e-14)


def test_sixfold_gradient_of_a_transcendental_function() -> None:
    f: Callable[[Any], Any] = np.sin
    for _ in range(6):
        f = ft.grad(f)
    assert f(0.5) == pytest.approx(-np.sin(0.5), rel=1e-14)


def every_transform() -> None:
    """Each transform once, on several programs."""
    for program in PROGRAMS[:12]:
        f, x = program.function, program.point
        ft.jacrev(f)(x)
        ft.jacfwd(f)(x)
        ft.jacfwd(ft.jacrev(f))(x)
        ft.jacrev(ft.checkpoint(f))(x)
        ft.grad(lambda y, f=f: sum(map(np.sum, ft.tree.leaves(ft.checkpoint(f)(y)))))(x)
        if not program.reads_values:
            ft.make_graph(ft.jacrev(f))(x)
            ft.vmap(lambda s, f=f, x=x: f(ft.tree.map(lambda leaf: leaf * s, x)))(np.ones(2))


@pytest.fixture
def no_collector() -> Any:
    """Without the cyclic collector, which may be needed for nothing."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("way", WAYS)
def test_derivatives_make_no_reference_cycles(way: str, no_collector: Any) -> None:
    """A cycle would keep a whole tape alive until the collector comes."""
    f = chain(100)
    WAYS[way](f)
    gc.collect()
    WAYS[way](f)
    assert gc.collect() == 0


def test_other_transforms_make_no_reference_cycles(no_collector: Any) -> None:
    every_transform()
    gc.collect()
    every_transform()
    assert gc.collect() == 0


def test_gradient_frees_its_tape(no_collector: Any) -> None:
    """Arrays that only the derivative needed are gone when it returns."""
    x = np.ones(100_000)
    f = ft.grad(lambda y: np.sum(np.sin(y) * y))
    f(x)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(3):
            f(x)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < x.nbytes / 10


def test_object_count_is_flat() -> None:
    """Repeating every transform leaves no objects behind."""

    def count() -> int:
        gc.collect()
        return len(gc.get_objects())

    for _ in range(3):
        every_transform()
    before = count()
    for _ in range(5):
        every_transform()
    assert count() - before < 20
