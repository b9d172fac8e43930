"""The split into a forward and a backward part: it computes the same, and stores what it should."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings, strategies as st

import functrans as ft
from functrans import tree
from functrans.compile import program
from functrans.graph.graph import Equation, Graph
from functrans.graph.minimum_cut import Network
from functrans.graph.partition import Partition, partition
from tests.programs import Program
from tests.random_programs import programs


def joint_graph(f: Callable[..., Any], *primals: Any) -> tuple[Graph, int, list[Any]]:
    """The graph of the values and gradients of `f`, the number of values, and arguments for it."""
    outs = f(*primals)
    outs = outs if type(outs) is tuple else (outs,)
    rng = np.random.default_rng(0)
    gs = [rng.standard_normal(np.shape(o))[()] for o in outs]

    def both(*args: Any) -> Any:
        values, pull = ft.vjp(f, *args[: len(primals)])
        cotangents = args[len(primals) :]
        pulled = pull(cotangents if type(values) is tuple else cotangents[0])
        return (*(values if type(values) is tuple else (values,)), *pulled)

    return ft.make_graph(both)(*primals, *gs), len(outs), [*primals, *gs]


def crossing(parts: Partition, outputs: int) -> int:
    """The bytes that are stored."""
    kinds = parts.forward.output_types[outputs:]
    return sum(kind.size * kind.dtype.itemsize for kind in kinds)


def names(graph: Graph) -> list[str]:
    return [equation.primitive.name for equation in graph.equations]


def check(f: Callable[..., Any], *primals: Any) -> None:
    joint, outputs, args = joint_graph(f, *primals)
    known = len(primals)
    policies = ("cut", "store", "recompute", lambda e: True, lambda e: e.primitive.name == "matmul")
    sizes = {}
    with np.errstate(all="ignore"):
        expected = program(joint)(*args)
        for policy, free in itertools.product(policies, (False, True)):
            parts = partition(joint, known, outputs, policy, free)
            found = program(parts.forward)(*args[:known])
            kept = [args[i] for i in parts.kept]
            gradients = program(parts.backward)(*found[outputs:], *kept, *args[known:])
            for one, other in zip([*found[:outputs], *gradients], expected, strict=True):
                assert type(one) is type(other) and one.dtype == other.dtype
                assert np.array_equal(one, other, equal_nan=True), f"{policy}, {parts}"
            sizes[policy, free] = crossing(parts, outputs) + 64 * len(found[outputs:])
    assert sizes["recompute", False] <= min(sizes["store", False], sizes["cut", False])
    assert sizes["recompute", True] <= sizes["recompute", False]


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(programs())
def test_random_programs(drawn: Program) -> None:
    if drawn.reads_values:
        return
    note(drawn.name)
    primals, structure = tree.flatten(drawn.point)

    def f(*leaves: Any) -> Any:
        return tuple(
            np.sum(x) for x in tree.leaves(drawn.function(tree.unflatten(structure, leaves)))
        )

    check(f, *primals)


def chain(x: Any) -> Any:
    for _ in range(5):
        x = np.where(x > 0, x * 1.5 + 0.25, -x)
    return np.sin(x)


def test_arithmetic_is_repeated() -> None:
    """Of a chain of arithmetic the input alone needs to cross, or nothing if the caller keeps
    it; masks take less than the work on what they are computed from."""
    x = np.linspace(-1, 1, 1000)
    joint, outputs, _ = joint_graph(chain, x)
    parts = partition(joint, 1, outputs, "recompute")
    assert crossing(parts, outputs) == x.nbytes
    assert parts.kept == ()
    free = partition(joint, 1, outputs, "recompute", free_inputs=True)
    assert crossing(free, outputs) == 0
    assert free.kept == (0,)
    assert crossing(partition(joint, 1, outputs), outputs) == x.nbytes + 5 * x.size
    check(chain, x)


def layers(x: Any, *ws: Any) -> Any:
    for w in ws:
        x = np.tanh(x @ w)
    return np.sum(x)


def test_products_are_not_repeated_and_cheap_functions_of_them_are() -> None:
    ws = [np.full((8, 8), 0.1) for _ in range(3)]
    joint, outputs, _ = joint_graph(layers, np.ones((4, 8)), *ws)
    for policy in ("cut", "store", "recompute"):
        parts = partition(joint, 4, outputs, policy)
        assert "matmul" in names(parts.backward)
        assert names(parts.backward).count("matmul") == 2 * 3
        assert ("tanh" in names(parts.backward)) == (policy == "recompute")
    everything = partition(joint, 4, outputs, lambda e: False)
    assert names(everything.backward).count("matmul") > 2 * 3
    assert crossing(everything, outputs) == 8 * (4 * 8 + 3 * 8 * 8)
    check(layers, np.ones((4, 8)), *ws)


def test_repeated_operations_stand_before_their_first_use() -> None:
    """So that not all of them are in memory at once."""

    def terms(x: Any) -> Any:
        return sum(np.sin(np.sin(x * k)) for k in range(1, 21))

    joint, outputs, _ = joint_graph(terms, np.ones(9))
    parts = partition(joint, 1, outputs, "recompute")
    assert crossing(parts, outputs) == 72
    equations = parts.backward.equations
    assert names(parts.backward).count("sin") == 20
    made = {x: i for i, e in enumerate(equations) for x in e.outputs}
    last = {x: i for i, e in enumerate(equations) for x in e.inputs if x in made}
    alive = [sum(made[x] <= i < last[x] for x in last) for i in range(len(equations))]
    assert max(alive) <= 4


def test_effects_are_not_repeated() -> None:
    seen = []

    def look(x: Any) -> Any:
        seen.append(x)
        return np.asarray(x)

    looked = ft.extend.nondifferentiable(
        "looked", look, samples=lambda: [], shape=lambda x: x, effects=True
    )
    joint, outputs, args = joint_graph(lambda x: np.sin(x) * looked(np.cos(x)), np.ones(3))
    parts = partition(joint, 1, outputs, lambda e: False)
    seen.clear()
    found = program(parts.forward)(args[0])
    program(parts.backward)(*found[1:], args[1])
    assert len(seen) == 1


def test_gradients_that_need_no_cotangent() -> None:
    def both(x: Any, g: Any) -> Any:
        return np.exp(x), np.sin(x), x, 2.0, g

    x, g = np.ones(3), np.ones(3)
    for policy in ("cut", "store", "recompute"):
        parts = partition(ft.make_graph(both)(x, g), 1, 1, policy)
        found = program(parts.forward)(x)
        outs = program(parts.backward)(*found[1:], g)
        assert [np.array_equal(a, b) for a, b in zip(outs, both(x, g)[1:], strict=True)] == [
            True
        ] * 4


def brute_force(nodes: int, edges: list[tuple[int, int, int]]) -> int:
    """The least capacity between node 0 and the last."""
    return min(
        sum(c for a, b, c in edges if a in chosen and b not in chosen)
        for k in range(nodes - 1)
        for rest in itertools.combinations(range(1, nodes - 1), k)
        for chosen in [{0, *rest}]
    )


@given(st.integers(3, 7), st.data())
def test_minimum_cut(nodes: int, data: st.DataObject) -> None:
    node = st.integers(0, nodes - 1)
    edges = data.draw(st.lists(st.tuples(node, node, st.integers(0, 9)), max_size=20))
    network = Network(nodes)
    for edge in edges:
        network.edge(*edge)
    side = network.source_side(0, nodes - 1)
    assert side is not None and side[0] and not side[-1]
    assert sum(c for a, b, c in edges if side[a] and not side[b]) == brute_force(nodes, edges)


def test_the_search_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a limit of work everything is stored."""
    x = np.linspace(-1, 1, 1000)
    joint, outputs, _ = joint_graph(chain, x)
    stored = partition(joint, 1, outputs, "store")
    monkeypatch.setattr("functrans.graph.partition.WORK", 10)
    assert names(partition(joint, 1, outputs).backward) == names(stored.backward)


def test_long_graphs() -> None:
    def f(x: Any) -> Any:
        for _ in range(2000):
            x = np.sin(x) * 1.1
        return x

    parts = partition(joint_graph(f, np.ones(3))[0], known=1, outputs=1)
    assert len(parts.backward.equations) >= 4000


def test_a_policy_is_asked_of_what_the_backward_part_needs() -> None:
    asked: list[Equation] = []
    joint, outputs, _ = joint_graph(layers, np.ones((4, 8)), np.ones((8, 8)))
    partition(joint, 2, outputs, lambda e: bool(asked.append(e)) or True)
    assert {e.primitive.name for e in asked} == {"matmul", "transpose"}  # not of tanh and sum
