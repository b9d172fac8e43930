"""What unit matrices lead to is made out of bases and entries, with the bits of whole matrices."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.compile import program
from functrans.graph.graph import Graph
from functrans.graph.passes import check
from functrans.graph.passes.sparsity import SMALLEST_OF_CALLS, use_sparsity
from functrans.transforms import directions

N = 12

POINTS = {
    "plain": np.linspace(-1.5, 1.7, N),
    "zeros": np.repeat([0.0, -0.0, 1.0, -1.0], 3),
    "infinities": np.resize([np.inf, 1.0, -np.inf, 0.0, np.nan], N),
}

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "rosenbrock": lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2),
    "every other": lambda x: np.sum(x[::2] ** 3 * x[1::2]),
    "turned": lambda x: np.sum(np.roll(x, 3) ** 2 * x * x[::-1]),
    "reshaped": lambda x: np.sum(x.reshape(3, 4)[:, 1:] ** 2 * x.reshape(3, 4)[:, :-1]),
    "transposed": lambda x: np.sum(x.reshape(3, 4).T[1:] ** 3),
    "chosen": lambda x: np.sum(np.where(x > 0, x**3, np.abs(x) * x)),
    "maximum": lambda x: np.sum(np.maximum(x[1:], x[:-1]) ** 2),
}
"""Scalar functions whose Hessians are sparse."""


def bits(x: Any) -> Any:
    return x.dtype, x.shape, x.tobytes(), np.isnan(x).tobytes()


def assert_same(graph: Graph, found: Graph, x: np.ndarray) -> None:
    check(found)
    with np.errstate(all="ignore"):
        wanted, made = graph.evaluate([x]), found.evaluate([x])
    for a, b in zip(wanted, made, strict=True):
        # NaN have a sign that compilers choose.
        assert bits(np.where(np.isnan(a), np.nan, a)) == bits(np.where(np.isnan(b), np.nan, b))


def wide(graph: Graph, size: int) -> list[str]:
    """The operations whose results have so many elements."""
    return [e.primitive.name for e in graph.equations if e.outputs[0].type.size >= size]


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_hessians_have_the_bits_of_whole_matrices(name: str, point: str, ordered: bool) -> None:
    graph = ft.jit(ft.hessian(FUNCTIONS[name])).lower(POINTS[point]).graph
    found = use_sparsity(graph, ordered=ordered)
    assert ordered or found is not graph
    assert_same(graph, found, POINTS[point])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_hessian_takes_one_pass_over_a_matrix(name: str) -> None:
    graph = ft.jit(ft.hessian(FUNCTIONS[name])).lower(POINTS["plain"]).graph
    made = wide(use_sparsity(graph, ordered=False), N * N)
    moves = {"transpose", "reshape", "index"}
    assert [n for n in made if n not in moves | {"index_update"}] == ["add"], made


def test_jacobians_of_stencils_by_columns_and_rows() -> None:
    def step(x: Any) -> Any:
        padded = np.pad(x, 1)
        inner = np.sin(padded[2:]) - 2 * padded[1:-1] + padded[:-2] ** 2
        return np.concatenate([inner[:3], inner[3:] * x[3:]])

    for derivative in (ft.jacfwd(step), ft.jacrev(step)):
        graph = ft.jit(derivative).lower(POINTS["plain"]).graph
        for ordered in (False, True):
            for x in POINTS.values():
                assert_same(graph, use_sparsity(graph, ordered=ordered), x)
        assert wide(use_sparsity(graph, ordered=False), N * N).count("multiply") == 0


EYE = np.eye(N)
ONE_HOT = np.eye(N)[np.random.default_rng(0).permutation(np.repeat(np.arange(N // 2), 2))]

SAME_ROWS, SAME_COLUMNS = (np.broadcast_to(x, (N, N)) for x in (EYE[2], EYE[:, 3:4] * 2.0))


def shifted_sum(a: Any, b: Any, row: Any) -> Any:
    a = a * (row * 0.0 + 1.0)
    a[:, 1:] += b[:, :-1]
    return a


def test_random_graphs_of_sparse_matrices() -> None:
    """Whatever follows from unit matrices, one-hot rows and what is the same along an axis."""
    rng = np.random.default_rng(5)
    followed = 0
    for _ in range(60):
        choices = rng.integers(0, 2**31, 12)

        def fun(x: Any, choices: Any = choices) -> Any:
            known = [EYE, ONE_HOT, EYE * 2.0, np.ones((N, 1)) * EYE[2], SAME_ROWS, SAME_COLUMNS]
            for c in choices:
                a, b = known[c % len(known)], known[c // 7 % len(known)]
                row = x * float(c % 5 - 2)
                made = [
                    lambda a, b, row: a * row,
                    lambda a, b, row: a * row[:, None],
                    lambda a, b, row: a + b,
                    lambda a, b, row: -a,
                    lambda a, b, row: a * b,
                    lambda a, b, row: np.where(a > 0, row, b),
                    lambda a, b, row: np.roll(a, 2, axis=1),
                    lambda a, b, row: a[:, ::-1] - row,
                    lambda a, b, row: np.concatenate([a[:, 3:], b[:, :3]], axis=1),
                    shifted_sum,
                    lambda a, b, row: a.T,
                    lambda a, b, row: np.pad(a[1:-1], ((1, 1), (0, 0))),
                    lambda a, b, row: a / (b + 2.7),
                ][c // 3 % 13](a, b, row)
                known.append(made)
            return known[-1], known[-2].sum(axis=0), known[-3] @ x

        graph = ft.make_graph(fun)(POINTS["plain"])
        for ordered in (True, False):
            if not ordered:  # sums depend on the layout
                graph.outputs[1:] = []
            found = use_sparsity(graph, ordered=ordered)
            followed += found is not graph
            for x in POINTS.values():
                assert_same(graph, found, x)
    assert followed > 30


def test_a_column_full_of_nan_stays_full() -> None:
    x = np.ones(N)
    x[4] = np.inf
    with np.errstate(invalid="ignore"):
        found = ft.jit(lambda x: EYE * x * 2.0)(x)
        assert np.array_equal(np.isnan(found), np.isnan(EYE * x))


def test_matrices_that_are_not_sparse_stay() -> None:
    dense = np.random.default_rng(0).normal(size=(N, N))
    triangle = np.tril(np.ones((N, N)))
    short = np.eye(5)
    fun = lambda x: (dense * x, triangle * x, short * x[:5])  # noqa: E731
    graph = ft.make_graph(fun)(np.ones(N))
    assert use_sparsity(graph, ordered=False) is graph


def test_programs_of_numpy_keep_the_layout_that_sums_depend_on() -> None:
    n = 1 + int(SMALLEST_OF_CALLS**0.5)
    x = np.random.default_rng(0).normal(size=n)
    eye = np.eye(n)

    def fun(x: Any) -> Any:
        scaled = (eye * x + 0.1).T
        return scaled, np.sum(scaled * 0.3), (np.asfortranarray(eye) * x + 0.1).sum(axis=1)

    graph = ft.make_graph(fun)(x)
    wanted = graph.evaluate([x])
    found = program(graph)(x)
    for a, b in zip(wanted, found, strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
        assert np.asarray(a).strides == np.asarray(b).strides
    assert "index_update" in program(graph).source


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_large_derivatives_without_jit_are_followed_too(
    name: str, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, hessian = (
        np.tile(POINTS[point], 6),
        ft.hessian(lambda x: FUNCTIONS[name](x[:N]) + x[-1] ** 2),
    )
    with np.errstate(all="ignore"):
        wanted = hessian(x)
        monkeypatch.setattr(directions, "SPARSE", 0)
        found = hessian(x)
    assert found.strides == wanted.strides
    assert bits(np.where(np.isnan(found), np.nan, found)) == bits(
        np.where(np.isnan(wanted), np.nan, wanted)
    )


def test_large_derivatives_of_trees_and_with_aux(monkeypatch: pytest.MonkeyPatch) -> None:
    def fun(p: Any) -> Any:
        return {"a": p["x"] ** 2 * p["y"][0], "b": np.sum(p["x"])}, p["x"]

    p = {"x": np.linspace(0.0, 1.0, 70), "y": np.arange(2.0)}
    wanted = ft.jacfwd(fun, has_aux=True)(p)
    monkeypatch.setattr(directions, "SPARSE", 0)
    found = ft.jacfwd(fun, has_aux=True)(p)
    for a, b in zip(ft.tree.leaves(found), ft.tree.leaves(wanted), strict=True):
        assert a.tobytes() == b.tobytes() and a.shape == b.shape


def test_native_code_has_the_bits_of_numpy() -> None:
    pytest.importorskip("llvmlite")
    for f in FUNCTIONS.values():
        native, plain = (ft.jit(ft.hessian(f), backend=b) for b in ("llvm", "numpy"))
        exact = ft.jit(ft.hessian(f), backend="llvm", exact=True)
        x = POINTS["plain"]
        assert np.array_equal(exact(x), plain(x))
        assert np.array_equal(native(x), plain(x))
