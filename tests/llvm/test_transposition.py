"""Transposes go behind elementwise work and reductions, which stay what they are."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from functrans import jit
from functrans.compile.llvm.plans.transposition import sink_transposes
from functrans.graph.graph import Graph
from functrans.graph.passes import check, optimize
from functrans.transforms.staging import make_graph
from tests.llvm.native import carried_out

X = np.random.default_rng(0).normal(size=(4, 3))
CUBE = np.random.default_rng(1).normal(size=(2, 3, 4))
ROW = np.arange(4.0)

CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "with a row": (lambda x, r: np.exp(x.T * r) - 2.0, (X, ROW)),
    "with a column": (lambda x, r: x.T + r[:3, None], (X, ROW)),
    "with itself": (lambda x: x.T * x.T + 1, (X,)),
    "with what is not turned": (lambda x, y: x.T * y, (X, X.T.copy())),
    "with a constant": (lambda x: np.where(x.T > X.T, x.T, 0.0), (X[::-1],)),
    "there and back": (lambda x: np.sin(x.T).T, (X,)),
    "cubes": (lambda x, r: x.transpose(2, 0, 1) * r[:, None, None] + r[0], (CUBE, ROW)),
    "cubes with matrices": (lambda x, y: x.transpose(1, 2, 0) / y[:, :2], (CUBE, X)),
    "two turns": (lambda x: np.sqrt(abs(x.transpose(1, 2, 0))).transpose(1, 0, 2), (CUBE,)),
    "sums": (lambda x: (x.T.sum(axis=0), x.T.sum(axis=1), x.T.sum()), (X,)),
    "sums of cubes": (lambda x: (x.transpose(2, 0, 1) ** 2).sum(axis=1), (CUBE,)),
    "kept axes": (lambda x: np.max(x.transpose(2, 0, 1), axis=(0, 2), keepdims=True), (CUBE,)),
    "two axes": (lambda x: np.sum(x.transpose(2, 0, 1), axis=(0, 2)), (CUBE,)),
    "nothing left": (lambda x: np.sum(x.transpose(2, 1, 0), axis=0), (CUBE,)),
    "ones": (lambda x: x.T * np.ones((1, 1)), (np.ones((1, 1)),)),
    "used twice": (lambda x: (x.T * 2, x.T, (x.T * 2).T), (X,)),
}


def graph_of(f: Callable[..., Any], *args: Any) -> Graph:
    return optimize(make_graph(f)(*args))


@pytest.mark.parametrize("name", CASES)
def test_results_stay(name: str) -> None:
    f, args = CASES[name]
    graph = graph_of(f, *args)
    found = sink_transposes(graph)
    check(found)
    for wanted, one, native in zip(
        graph.evaluate(list(args)),
        found.evaluate(list(args)),
        carried_out(found, *args),
        strict=True,
    ):
        np.testing.assert_allclose(one, wanted, rtol=1e-14)
        np.testing.assert_allclose(native, wanted, rtol=1e-14)


def test_a_matrix_turned_twice_is_read_as_it_lies() -> None:
    def fun(x: Any, r: Any) -> Any:
        return (np.exp(x.T * r) + 1).T @ x.T

    made = sink_transposes(graph_of(fun, X, ROW))
    found = [e for e in made.equations if e.outputs[0].type.ndim == 2]
    turns = [e for e in found if e.primitive.name == "transpose"]
    assert [e.inputs[0].type.shape for e in turns] == [X.shape]  # for the product alone
    assert [e.outputs[0].type.shape for e in found if e not in turns][-2:] == [X.shape, (4, 4)]


def test_python_conditions_stand_among_transposes() -> None:
    def f(x: Any) -> Any:
        return np.sin(x.T) * 2 if np.sum(x) > 0 else x.T

    program = jit(f, backend="llvm")
    for x in (abs(X), -abs(X), abs(X)):
        np.testing.assert_allclose(program(x), f(x), rtol=1e-15)


def test_graphs_without_transposes_stay() -> None:
    graph = graph_of(lambda x: x * 2, X)
    assert sink_transposes(graph) is graph
