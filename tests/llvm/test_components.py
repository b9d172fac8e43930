"""Arrays of short vectors, by their components, are what they are as wholes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile.llvm.plans.components import by_components
from functrans.compile.llvm.segment import Segment, prepared
from functrans.graph.graph import Graph
from functrans.graph.passes import check, optimize
from functrans.transforms.staging import make_graph
from tests.llvm.native import carried_out

POINTS = {n: np.random.default_rng(n).normal(size=(50, n)) for n in (2, 3, 4)}
WEIGHTS = np.random.default_rng(0).uniform(size=50)
SHIFT = np.array([[1.0, -0.0, 3.0]])


def energy(x: Any, w: Any) -> Any:
    apart = x[:, None] - x[None, :]
    distance = np.sqrt(np.sum(apart * apart, axis=2) + 0.01)
    return -0.5 * np.sum(w[:, None] * w[None, :] / distance)


def turned(x: Any) -> Any:
    apart = (x[:, None, :] * x[None] + SHIFT).transpose(1, 0, 2)
    return np.sum(apart[::-1, 2:], axis=(0, 2)), np.max(apart, axis=1), np.min(apart, axis=(0, 1))


def written(x: Any) -> Any:
    apart = np.broadcast_to(x[:, None], (50, 50, 3)) * np.arange(3.0)
    apart[3:] += x[None] * 2
    apart[:, 7] = x[5]
    return np.sum(apart, axis=2), np.sum(apart, axis=0)


CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "energy in a plane": (ft.value_and_grad(energy), (POINTS[2], WEIGHTS)),
    "energy": (ft.value_and_grad(energy), (POINTS[3], WEIGHTS)),
    "energy in time": (ft.value_and_grad(energy), (POINTS[4], WEIGHTS)),
    "single precision": (
        ft.value_and_grad(energy),
        (POINTS[3].astype(np.float32), WEIGHTS.astype(np.float32)),
    ),
    "complex": (lambda x: np.sum((x[:, None] * x[None]) * 2j, axis=1), (POINTS[3] + 1j,)),
    "turned": (turned, (POINTS[3],)),
    "written": (written, (POINTS[3],)),
    "integers": (lambda n: np.sum(n[:, None] * n[None], axis=0), (np.arange(150).reshape(50, 3),)),
    "together": (lambda x: np.sum(x[:, None] + x[None], axis=0) @ np.eye(3), (POINTS[3],)),
}


def graph_of(name: str) -> tuple[Graph, tuple[Any, ...]]:
    f, args = CASES[name]
    return prepared(optimize(make_graph(f)(*args)), exact=True), args


@pytest.mark.parametrize("name", CASES)
def test_results_stay(name: str) -> None:
    graph, args = graph_of(name)
    found = by_components(graph)
    assert found is not graph
    check(found)
    rtol = 1e-4 if args[0].dtype == np.float32 else 1e-12
    for wanted, one, native in zip(
        graph.evaluate(list(args)),
        found.evaluate(list(args)),
        carried_out(found, *args),
        strict=True,
    ):
        np.testing.assert_allclose(one, wanted, rtol=rtol, atol=rtol)
        np.testing.assert_allclose(native, wanted, rtol=rtol, atol=rtol)


def test_all_pairs_are_walked_through_once() -> None:
    graph, _ = graph_of("energy")
    wide = [e.outputs[0].type for e in by_components(graph).equations]
    assert not [kind for kind in wide if kind.shape == (50, 50, 3)]
    segment = Segment(by_components(graph))
    walks = [k for nest in segment.frame.plan.steps for k in nest.kernels]  # type: ignore[union-attr]
    assert [k.space for k in walks].count((50, 50)) == 1


def test_what_is_large_is_not_taken_apart() -> None:
    """Reading every third element of a large array takes longer than vectors that are half empty;
    and so it is with one that all are to be in."""
    large = np.ones((2000, 3))
    for f in (
        lambda x: np.sum(x * x, axis=1),
        lambda x: x[:40, None] * x[None, :40] + 1.0,
        lambda x: np.sin(x),
    ):
        graph = optimize(make_graph(f)(large))
        assert by_components(graph) is graph
