"""What the tests of saved and exported graphs have in common: the graphs of the rule book."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import functrans as ft
from functrans.core.primitive import REGISTRY
from functrans.testing.cases import Case, cases_of
from functrans.testing.differences import random_like


def names() -> list[str]:
    """The primitives with samples that this repository defines."""
    return [n for n, p in sorted(REGISTRY.items()) if p.samples is not None and _ours(p)]


def _ours(primitive: Any) -> bool:
    return primitive.call.__module__.startswith("functrans.")


def graphs(name: str, limit: int | None = None) -> Iterator[tuple[str, ft.Graph, tuple[Any, ...]]]:
    """The graphs of a primitive and of its gradient at its samples, with arguments."""
    for case in cases_of(REGISTRY[name].call)[:limit]:
        with np.errstate(all="ignore"):
            yield from _of_case(case)


def _of_case(case: Case) -> Iterator[tuple[str, ft.Graph, tuple[Any, ...]]]:
    args = case.take(case.arrays)
    yield case.what, ft.make_graph(case.function(case.arrays))(*args), args
    if not case.differentiable or not case.active:
        return
    smooth = case.smooth_part(case.active)
    xs = case.take(case.active)
    gs = tuple(random_like(o, case.rng()) for o in smooth(*xs))
    gradient = ft.make_graph(lambda *ys: ft.vjp(smooth, *ys)[1](gs))(*xs)
    yield f"{case.what}, gradient", gradient, xs


def same_bits(found: Any, expected: Any) -> bool:
    """Whether the leaves of two results are the same to the bit, dtypes and shapes included."""
    pairs = zip(ft.tree.leaves(found), ft.tree.leaves(expected), strict=True)
    return all(
        np.asarray(x).dtype == np.asarray(y).dtype
        and np.shape(x) == np.shape(y)
        and np.asarray(x).tobytes() == np.asarray(y).tobytes()
        for x, y in pairs
    )


def control_flow() -> Iterator[tuple[str, ft.Graph, tuple[Any, ...]]]:
    """Graphs with nested graphs: loops and branches, their gradients and lanes."""
    x = np.linspace(0.1, 1.0, 4)

    def body(c: Any, y: Any) -> Any:
        return np.sin(c * y), c + y

    functions = {
        "scan": lambda x: ft.scan(body, x[0], x)[0],
        "scheduled scan": lambda x: ft.scan(body, x[0], x, checkpoint=ft.every(2))[0],
        "while_loop": lambda x: ft.while_loop(
            lambda c: c[0] < 5, lambda c: (c[0] + 1, c[1] * np.sin(c[1])), (0, x)
        )[1],
        "fori_loop": lambda x: ft.fori_loop(0, 4, lambda i, c: c * np.cos(c), x),
        "cond": lambda x: ft.cond(np.sum(x) > 1, lambda x: np.sin(x), lambda x: x * 2.0, x),
        "switch": lambda x: ft.switch(np.argmax(x), [np.sin, np.cos, np.exp], x),
        "map": lambda x: ft.map(lambda y: np.sin(y) * y, x),
        "checkpoint": ft.checkpoint(lambda x: np.sin(np.sin(x)) * x),
        "jit": ft.jit(lambda x: np.sin(x) * x),
        "associative_scan": lambda x: ft.associative_scan(np.multiply, x),
    }
    large = np.linspace(0.1, 1.0, 4096)  # loops may write into such a carry
    for name in ("fori_loop", "while_loop"):
        yield f"large {name}", ft.make_graph(functions[name])(large), (large,)
    for name, f in functions.items():
        gradient = ft.grad(lambda x, f=f: np.sum(f(x)))
        yield name, ft.make_graph(f)(x), (x,)
        yield f"gradient of {name}", ft.make_graph(gradient)(x), (x,)
        lanes = np.stack([x, x[::-1] - 0.5])
        yield f"vmap of {name}", ft.make_graph(ft.vmap(f))(lanes), (lanes,)
