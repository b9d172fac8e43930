"""What is done beside a loop gives what the loop gives."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.compile.llvm.plans.hoisting import hoisted
from functrans.control.scan_primitive import scan_primitive
from functrans.core import tree
from functrans.graph.graph import Graph
from functrans.graph.passes import check, optimize
from functrans.primitives.contraction import affine


def drawn(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng([seed, *shape]).normal(size=shape) * 0.3


def moved(f: Callable[..., Any], *args: Any, exact: bool = False) -> Graph:
    """The graph of a function with less in its scans, checked and compared with what it was."""
    graph = optimize(ft.make_graph(f)(*args))
    found = hoisted(graph, exact=exact)
    check(found)
    values = tree.flatten(args)[0]
    for x, y in zip(graph.evaluate(values), found.evaluate(values), strict=True):
        if exact:
            np.testing.assert_array_equal(y, x)
        else:
            np.testing.assert_allclose(y, x, rtol=1e-12, atol=1e-12)
    return found


def inside(graph: Graph) -> list[list[str]]:
    """The names of the operations of each scan."""
    scans = [e.params["body"] for e in graph.equations if e.primitive.name == "scan"]
    return [[e.primitive.name for e in body.equations] for body in scans]


def network(form: str) -> Callable[..., Any]:
    def loss(parameters: Any, xs: Any, start: Any) -> Any:
        w, u, b = parameters

        def step(state: Any, x: Any) -> Any:
            if form == "right":
                made = x @ w + state @ u + b
            elif form == "left":
                made = w.T @ x + u.T @ state + b
            elif form == "transposed":
                made = x @ w.T.T + state @ u.T + b
            else:
                made = affine(x, w.T, b) + affine(state, u, b)
            return np.tanh(made), made

        state, ys = ft.scan(step, start, xs)
        return np.mean(state * state) + np.sum(ys)

    return loss


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("batch", [(), (1,), (3,)])
@pytest.mark.parametrize("form", ["right", "left", "transposed", "affine"])
def test_recurrent_networks(form: str, batch: tuple[int, ...], reverse: bool) -> None:
    """One product of the sequence before, sums of products after."""
    if form == "left" and batch:
        return
    parameters, xs, start = (
        (drawn(5, 6), drawn(6, 6), drawn(6)),
        drawn(4, *batch, 5),
        drawn(*batch, 6),
    )
    if reverse:
        xs = xs[::-1]
    graph = moved(ft.grad(network(form), (0, 1, 2)), parameters, xs, start)
    forward, backward = inside(graph)
    products = ("matmul", "affine")
    assert sum(map(forward.count, products)) == 1  # that of the state
    assert sum(map(backward.count, products)) == 2  # the gradients of state and sequence
    assert "multiply" not in backward or batch
    assert [e.primitive.name for e in graph.equations].count("tensordot") == 2
    for length in (0, 1):
        moved(ft.grad(network(form)), parameters, xs[:length], start)


def repeated(step: Callable[..., Any], consts: list[Any], start: Any, xs: Any) -> Any:
    """A scan whose body computes with its constants, as derivatives of loops do."""
    body = ft.make_graph(step)(*consts, start, xs[0])
    sizes = {"consts": len(consts), "carry": 1, "length": len(xs)}
    return scan_primitive(*consts, start, xs, body=body, reverse=False, checkpoint=None, **sizes)


def test_what_no_round_changes() -> None:
    """It is computed once, to the bit, but not where that makes more to read."""
    w, b, xs = drawn(4, 4), drawn(4), drawn(3, 4)

    def step(w: Any, b: Any, c: Any, x: Any) -> Any:
        large = b[:, None] * b
        return c @ np.exp(w.T) + np.sin(b) * x + np.sum(large * x, 1), np.cos(b), x @ w.T

    for exact in (True, False):
        graph = moved(lambda w, b, xs: repeated(step, [w, b], b, xs), w, b, xs, exact=exact)
        (names,) = inside(graph)
        assert not {"exp", "sin", "cos"} & set(names)
        assert names.count("multiply") == 3
        assert names.count("matmul") == 1 + exact

    def outer(b: Any, xs: Any, c: Any, x: Any) -> Any:
        def inner(b: Any, c: Any, x: Any) -> Any:
            return c + np.exp(b) * x

        return repeated(inner, [b], c, xs)[0] * x

    graph = moved(lambda b, xs: repeated(outer, [b, xs], b, xs), b, xs, exact=True)
    assert [e.primitive.name for e in graph.equations] == ["exp", "scan"]


def test_what_stays() -> None:
    """Totals that rounds look at, few terms, factors larger than the total, sums of anything."""
    w, xs = drawn(4, 4), drawn(3, 2, 4)

    def looked(w: Any, xs: Any) -> Any:
        return ft.scan(lambda c, x: (c + x.T @ x, np.sum(c)), w, xs)

    def twice(w: Any, xs: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            total = c[0] + x.T @ x
            return (total, total), None

        return ft.scan(step, (w, w), xs)[0]

    def other(w: Any, xs: Any) -> Any:
        return ft.scan(lambda c, x: (c + x.T @ x + np.sin(c[0, 0]), None), w, xs)[0]

    def mixed(w: Any, xs: Any) -> Any:
        return ft.scan(lambda c, x: (c + x.T @ x + x[:1] * 2.0, None), w, xs)[0]

    for f in (looked, twice, other, mixed):
        (names,) = inside(moved(f, w, xs))
        assert "matmul" in names
    xs = drawn(3, 40, 4)
    (names,) = inside(moved(lambda w, xs: ft.scan(step_large, w, xs)[0], w, xs))
    assert "matmul" in names
    (names,) = inside(
        moved(
            lambda w, xs: ft.scan(lambda c, x: (c + x @ w, None), w[:3, :3], xs)[0],
            drawn(3, 3),
            drawn(2, 3, 3),
        )
    )
    assert "matmul" in names


def step_large(c: Any, x: Any) -> Any:
    return c + (x * np.sum(c[0, :1] * 0.0 + 1.0)).T @ (x + 1.0), None


def test_sums_of_products() -> None:
    """Several products of a round, a total that does not begin with zero, factors in use."""
    w, xs = drawn(4, 4), drawn(3, 2, 4)

    def f(w: Any, xs: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            total, state = c
            y = state * x
            return (x.T @ y + total + y.T @ y, y), y

        return ft.scan(step, (w, xs[0]), xs)

    graph = moved(f, w, xs)
    (names,) = inside(graph)
    assert names == ["multiply"]
    (scan,) = [e for e in graph.equations if e.primitive.name == "scan"]
    assert len(scan.outputs) == 2  # the state, and the rows that were there already
    assert not [e for e in moved(f, w, xs, exact=True).equations if e.primitive.name == "tensordot"]
