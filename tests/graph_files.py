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
