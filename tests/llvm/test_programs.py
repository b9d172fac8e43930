"""Native programs of the rule book's operations and their gradients, and of random programs.

With ``exact=True`` they give what the operations give one by one, to the bit and by type; otherwise
nearly so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings

import functrans as ft
from functrans import tree
from functrans.compile.executors import Executor
from functrans.core.primitive import REGISTRY
from functrans.graph.graph import Graph
from functrans.testing.cases import Case, cases_of
from functrans.testing.differences import random_like
from tests.programs import Program
from tests.random_programs import programs

pytest.importorskip("llvmlite")

BOOK = [n for n, p in REGISTRY.items() if p.samples and ".special" not in p.call.__module__]

EXACT = Executor("llvm", exact=True)


def bits(x: Any, zeros: bool = True) -> tuple[Any, ...]:
    """What must agree of a result; which NaN it is may differ, and the sign of zeros unless it
    matters."""
    array = np.asarray(x)
    if array.dtype.kind in "fc":
        array = np.where(np.isnan(array), array.dtype.type(np.nan), array)
        array = array if zeros else array + array.dtype.type(0)
    return type(x), array.dtype, array.shape, array.tobytes()


def check(graph: Graph, values: Sequence[Any]) -> None:
    """The exact program against the graph's equations, twice, in all layouts of the operands."""
    zeros = ZEROS.isdisjoint([e.primitive.name for e in graph.equations])
    with np.errstate(all="ignore"):
        before = [bits(x) for x in values]
        for change in (lambda x: x, turned):
            given = [change(x) for x in values]
            expected = [bits(x, zeros) for x in graph.evaluate(given)]
            made = EXACT.program(graph)
            for _ in range(2):
                outs = made(*given)
                assert [bits(x, zeros) for x in outs] == expected, f"{graph}\n{made.source}"
        arrays = [x for x in outs if isinstance(x, np.ndarray)]
        for i, x in enumerate(arrays):
            assert x.flags.writeable
            others = [y for y in (*values, *arrays[:i]) if isinstance(y, np.ndarray)]
            assert not any(np.may_share_memory(x, y) for y in others)
        assert [bits(x) for x in values] == before


def turned(x: Any) -> Any:
    """The same array in another order of memory."""
    return np.asfortranarray(x) if type(x) is np.ndarray and x.ndim > 1 else x


ZEROS = {"fmin", "fmax"}
"""Of two zeros NumPy's choice depends on the place in the array."""


def check_case(case: Case) -> None:
    function = case.function(case.arrays)
    values = case.take(case.arrays)
    check(ft.make_graph(function)(*values), values)
    if not case.differentiable or not case.active:
        return
    smooth = case.smooth_part(case.active)
    xs = case.take(case.active)
    rng = case.rng()
    with np.errstate(all="ignore"):
        gs = tuple(random_like(o, rng) for o in smooth(*xs))
    both = [*xs, *gs]

    def gradient(*ys: Any) -> Any:
        return ft.vjp(smooth, *ys[: len(xs)])[1](ys[len(xs) :])

    with np.errstate(all="ignore"):
        graph = ft.make_graph(gradient)(*both)
    check(graph, both)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::functrans.core.errors.DegenerateWarning")
@pytest.mark.parametrize("name", BOOK)
def test_primitives(name: str) -> None:
    """Each primitive and its gradient, at its samples."""
    for case in cases_of(REGISTRY[name].call):
        check_case(case)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=15)
@given(programs())
def test_random_programs(drawn: Program) -> None:
    """Random functions and their gradients."""
    if drawn.reads_values:
        return
    note(drawn.name)
    leaves = tree.leaves(drawn.point)
    check(ft.make_graph(drawn.function)(drawn.point), leaves)

    def total(p: Any) -> Any:
        return sum(np.sum(x) for x in tree.leaves(drawn.function(p)))

    graph = ft.make_graph(ft.grad(total))(drawn.point)
    check(graph, leaves)
    with np.errstate(all="ignore"):
        wanted, found = graph.evaluate(leaves), Executor("llvm").program(graph)(*leaves)
    for x, y in zip(found, wanted, strict=True):
        assert (type(x), np.shape(x), np.asarray(x).dtype) == (
            type(y),
            np.shape(y),
            np.asarray(y).dtype,
        )
        np.testing.assert_allclose(
            x, y, rtol=1e-9, atol=1e-12 * float(np.max(np.abs(y), initial=1))
        )
