"""Derivatives in all directions of a basis that is not written out: with the same bits, in graphs,
under other transforms, and without large constants."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.graph.graph import Graph
from functrans.graph.passes import check
from functrans.graph.passes.turned import turn_places
from functrans.transforms import directions
from functrans.transforms.staging import Stage
from tests.test_sparsity import FUNCTIONS, POINTS, N, bits

X = POINTS["plain"]


def step(x: Any) -> Any:
    padded = np.pad(x, 1)
    inner = np.sin(padded[2:]) - 2 * padded[1:-1] + padded[:-2] ** 2
    return np.concatenate([inner[:3], inner[3:] * x[3:]])


def sliced(x: Any) -> Any:
    return np.sin(x[1:]) * x[:-1]


def looped(x: Any) -> Any:
    return ft.scan(lambda c, a: (c * 0.5 + a * x, np.sum(c)), x, x[:3])


@ft.custom_vjp
def doubted(x: Any) -> Any:
    return x * 2.0


doubted.defvjp(lambda x: (x * 2.0, None), lambda _, g: (g * 2.0 if np.sum(g) > 0.5 else g * 3.0,))


def large_constants(graph: Graph, size: int) -> list[Any]:
    """Constants of so many elements that lie in memory."""
    found = [x for e in graph.equations for x in e.inputs if type(x) is np.ndarray]
    return [x for x in found if x.size >= size and all(x.strides)]


def same(found: Any, wanted: Any, *, strides: bool = True) -> None:
    for a, b in zip(ft.tree.leaves(found), ft.tree.leaves(wanted), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert not strides or a.strides == b.strides
        # NaN have a sign that compilers choose.
        assert bits(np.where(np.isnan(a), np.nan, a)) == bits(np.where(np.isnan(b), np.nan, b))


TAKEN: dict[str, Callable[[Any], Any]] = {
    **{f"hessian of {name}": ft.hessian(f) for name, f in FUNCTIONS.items()},
    "jacfwd": ft.jacfwd(step),
    "jacrev": ft.jacrev(step),
    "jacobian": ft.jacobian(lambda x: step(x)[:4]),
    "jacfwd of slices": ft.jacfwd(sliced),
    "jacrev of slices": ft.jacrev(sliced),
    "jacfwd, chunked": ft.jacfwd(step, chunk_size=5),
    "jacfwd of a constant": ft.jacfwd(lambda x: np.ones(3) * (x[0] * 0 + 1)),
    "jacfwd of linear work": ft.jacfwd(lambda x: np.arange(36.0).reshape(3, 12) @ -x),
    "jacfwd of nothing but a view": ft.jacfwd(lambda x: x[2:].reshape(5, 2).T),
    "jacrev of a matrix": ft.jacrev(lambda x: (x.reshape(3, 4) ** 2).T @ x.reshape(3, 4)),
    "products after elementwise work": ft.jacfwd(lambda x: np.sum(np.outer(x, x**2)[::2], axis=0)),
    "nested, forward": ft.jacfwd(ft.jacfwd(step)),
    "nested, reverse": ft.jacrev(ft.jacfwd(step)),
    "nested, both": ft.jacfwd(ft.jacrev(sliced)),
    "gradient of a Hessian": ft.grad(lambda x: np.sum(ft.hessian(FUNCTIONS["rosenbrock"])(x) ** 2)),
    "batched": lambda x: ft.vmap(ft.hessian(FUNCTIONS["chosen"]))(np.stack([x, 2 * x, x**2])),
    "batched Jacobian": lambda x: ft.vmap(ft.jacrev(sliced))(np.stack([x, 2 * x])),
    "one-hot rows": lambda x: ft.vmap(lambda t: ft.jvp(step, (x,), (t,))[1])(np.eye(N)),
    "loop": ft.jacfwd(looped),
    "loop, reverse": ft.jacrev(looped),
    "float32": lambda x: ft.jacfwd(step)(x.astype(np.float32)),
    "complex": lambda x: ft.jacfwd(lambda z: z**2 * z[::-1], holomorphic=True)(x * (1 + 2j)),
    "trees": lambda x: ft.jacfwd(lambda p: {"a": p["x"] ** 2 * p["y"][0], "b": np.sum(p["x"])})(
        {"x": x, "y": x[:2], "z": np.zeros((0, 3))}
    ),
    "trees, reverse": lambda x: ft.jacrev(lambda p: (p["x"] ** 2 * p["y"], np.sum(p["x"])))(
        {"x": x, "y": x[0]}
    ),
    "aux": ft.jacfwd(lambda x: (step(x), {"aux": x * 2}), has_aux=True),
    "a rule that asks for values": ft.jacrev(doubted),
}


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", TAKEN)
def test_graphs_have_the_bits_of_written_directions(
    name: str, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def staged() -> Graph:
        return ft.make_graph(TAKEN[name])(POINTS[point])

    def compiled(**options: Any) -> Any:
        return ft.jit(lambda x: TAKEN[name](x), **options)(POINTS[point])

    with np.errstate(all="ignore"):
        wanted, plain, native = (
            staged()(POINTS[point]),
            compiled(backend="numpy"),
            compiled(),
        )
        monkeypatch.setattr(directions, "SPARSE_IN_GRAPHS", 0)
        graph = staged()
        check(graph)
        # Of a derivative of written directions the layout depends on when it was taken.
        strides = not name.startswith("nested")
        same(graph(POINTS[point]), wanted, strides=strides)
        same(compiled(backend="numpy"), plain, strides=strides)
        for a, b in zip(ft.tree.leaves(compiled()), ft.tree.leaves(native), strict=True):
            np.testing.assert_array_equal(a, b)


ELSEWHERE = (
    *("jacobian", "jacfwd, chunked", "complex", "one-hot rows", "a rule that asks for values"),
    *("gradient of a Hessian", "batched", "batched Jacobian"),
)
"""Those whose directions are written out, or go through another transform."""


@pytest.mark.parametrize("name", TAKEN)
def test_operations_are_taken_over_as_they_would_be_recorded(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same types, lines and reports of errors."""
    monkeypatch.setattr(directions, "SPARSE_IN_GRAPHS", 0)
    taken: list[Graph] = []
    take_over = Stage.take_over

    def noted(stage: Stage, graph: Graph, values: Any) -> Any:
        taken.append(graph)
        return take_over(stage, graph, values)

    def recorded(stage: Stage, graph: Graph, values: Any) -> Any:
        def at(line: str) -> None:
            stage.line = line

        outs = graph.evaluate(values, at)
        stage.line = None
        return outs

    graphs = []
    for way in (noted, recorded):
        monkeypatch.setattr(Stage, "take_over", way)
        graphs.append(ft.make_graph(TAKEN[name])(X))
    found, wanted = [(g.text(lines=True), [e.errstate for e in g.equations]) for g in graphs]
    assert found == wanted
    assert taken or name in ELSEWHERE


@pytest.mark.parametrize("name", ["hessian of rosenbrock", "jacfwd of slices", "jacrev of slices"])
def test_nothing_of_the_size_of_a_matrix_is_kept(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs = [ft.make_graph(TAKEN[name])(X)]
    monkeypatch.setattr(directions, "SPARSE_IN_GRAPHS", 0)
    graphs.append(ft.make_graph(TAKEN[name])(X))
    size = (N - 1) * (N - 1)
    assert [len(large_constants(g, size)) > 0 for g in graphs] == [True, False]
    written = [e.primitive.name for e in graphs[1].equations if e.outputs[0].type.size >= size]
    assert set(written) <= {"add", "index_update", "reshape", "transpose"}, written


def test_large_hessians_are_followed_in_graphs_of_their_own_accord() -> None:
    x = np.linspace(-1.0, 1.0, 300)
    graph = ft.make_graph(ft.hessian(FUNCTIONS["rosenbrock"]))(x)
    assert not large_constants(graph, 300 * 299)
    eager = ft.hessian(FUNCTIONS["rosenbrock"])(x)
    assert graph(x).tobytes() == eager.tobytes()


def test_lines_are_those_of_the_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    found, wanted = set(), set()
    for least, lines in ((1 << 60, wanted), (0, found)):
        monkeypatch.setattr(directions, "SPARSE_IN_GRAPHS", least)
        lines |= {e.line for e in ft.make_graph(ft.jacrev(sliced))(X).equations}
    assert found == wanted
    assert any("in sliced, in the backward pass" in line for line in found)


def test_places_are_turned_and_not_the_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directions, "SPARSE_IN_GRAPHS", 0)
    graph = ft.jit(ft.jacfwd(sliced)).lower(X).graph
    turned = turn_places(graph)
    check(turned)
    names = [e.primitive.name for e in turned.equations if e.outputs[0].type.size >= N * (N - 1)]
    assert "transpose" not in [n for n in names if n != "add"][1:], names
    (wanted,), (found,) = graph.evaluate([X]), turned.evaluate([X])
    assert np.array_equal(found, wanted)


def test_a_matrix_that_others_read_too_is_transposed() -> None:
    def fun(x: Any) -> Any:
        a = np.zeros((N, N)) + x
        a[np.arange(N), np.arange(N)] = x * 2
        return a.T, a

    graph = ft.make_graph(fun)(X)
    assert turn_places(graph) is graph
    only = ft.make_graph(lambda x: fun(x)[0])(X)
    assert turn_places(only) is not only
    assert np.array_equal(turn_places(only)(X), only(X))
