"""Checks of staging: a graph computes what its function computes, and its types are right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.types import ArrayType, dtype_of, type_of
from functrans.testing.differences import close, identical, random_like, size_of, tolerance
from functrans.transforms.gradient import vjp
from functrans.transforms.staging import make_graph

if TYPE_CHECKING:
    from functrans.core.types import Array
    from functrans.testing.cases import Case


def check_staging(case: Case) -> None:
    """The graph evaluates to the same values, its output types (the shape rule) are those of the
    values, and derivatives computed by a graph are the eager ones."""
    function = case.function(case.arrays)
    args = case.take(case.arrays)
    with np.errstate(all="ignore"):
        expected = function(*args)
        graph = make_graph(function)(*args)
        found = graph(*args)
        for kind, one, other in zip(graph.output_types, found, expected, strict=True):
            # A function of the user's own may pass Python numbers on, which a graph does not know.
            wanted = type_of(other)
            if kind != wanted and (case.primitive or kind != ArrayType(wanted.shape, wanted.dtype)):
                raise AssertionError(
                    f"{case.what}: the shape rule says {kind}, the value has type {wanted}"
                )
            identical(one, other, f"{case.what}: value of the graph")
        if not case.differentiable or not case.active:
            return
        smooth = case.smooth_part(case.active)
        xs = case.take(case.active)
        rng = case.rng()
        gs = tuple(random_like(o, rng) for o in smooth(*xs))

        def gradient(*ys: Array) -> Any:
            return vjp(smooth, *ys)[1](gs)

        eager = gradient(*xs)
        staged = make_graph(gradient)(*xs)(*xs)
    rtol = tolerance(1e-13, (*xs, *gs))
    for i, one, other in zip(case.active, staged, eager, strict=True):
        what = f"{case.label(i)}: gradient by a graph"
        if dtype_of(one) != dtype_of(other):
            raise AssertionError(f"{what}: expected dtype {dtype_of(other)}, found {dtype_of(one)}")
        close(one, other, what, rtol=rtol, atol=rtol * size_of([other]))
