"""Kernels that share rows, with what is done once for each row between walks through it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile.llvm.plans.statements import Nest
from functrans.compile.llvm.segment import Segment
from tests.llvm.native import carried_out, staged

RNG = np.random.default_rng(0)
ROWS, LENGTH = 70, 301


def cross_entropy(x: Any, y: Any) -> Any:
    shifted = x - np.max(x, 1)[:, None]
    normalised = shifted - np.log(np.sum(np.exp(shifted), 1))[:, None]
    return -np.mean(np.sum(y * normalised, 1))


def scaled(x: Any, y: Any) -> Any:
    """What is done once a row is a result too."""
    length = np.sqrt(np.sum(x * x, 1, keepdims=True))
    return x / np.exp(length) + y, length[:, 0], np.log(length)


def two_steps(x: Any, y: Any) -> Any:
    """One row value follows from another."""
    first = np.exp(np.mean(x, 1))
    second = np.sin(first) + np.mean(y, 1)
    return np.exp(x * first[:, None]) * second[:, None]


def in_the_middle(x: Any, y: Any) -> Any:
    x, y = np.reshape(x, (10, 7, LENGTH)), np.reshape(y, (10, 7, LENGTH))
    return np.exp(x) / np.log(np.sum(np.exp(y), 2))[:, :, None]


def of_all_rows(x: Any, y: Any) -> Any:
    """A row value depends on all rows."""
    sums = np.sum(np.exp(x), 1)
    return y * np.exp(sums / np.sum(sums))[:, None]


def written_to(x: Any, y: Any) -> Any:
    """A row value that is written to piece by piece."""
    sums = np.mean(np.exp(x), 1)
    sums[3:5] += 1.0
    return y * np.exp(sums)[:, None]


CASES: dict[str, tuple[Callable[..., Any], int]] = {
    # The function, and how many kernels the largest nest has.
    "cross entropy": (cross_entropy, 3),
    "cross entropy with its gradient": (ft.value_and_grad(cross_entropy, (0, 1)), 5),
    "results": (scaled, 3),
    "two steps": (two_steps, 3),
    "in the middle": (in_the_middle, 3),
    "of all rows": (of_all_rows, 1),
    "written to": (written_to, 1),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_shared_rows(name: str, dtype: str) -> None:
    """Results are those of the function, and walks through rows are in one nest with what is done
    once a row."""
    function, least = CASES[name]
    x, y = [RNG.normal(size=(ROWS, LENGTH)).astype(dtype) for _ in range(2)]
    graph, values = staged(function, x, y)
    steps = Segment(graph).frame.plan.steps
    sizes = [len(step.kernels) for step in steps if isinstance(step, Nest)]
    assert max(sizes) >= least if least > 1 else max(sizes) == 1
    expected = ft.tree.leaves(function(x, y))
    for found, right in zip(carried_out(graph, *values), expected, strict=True):
        spread = np.finfo(dtype).eps * 100
        np.testing.assert_allclose(found, right, rtol=spread, atol=spread)


def test_gradient_of_cross_entropy_walks_once() -> None:
    """All but the sum over the batch is in one nest, and whole arrays are read and written alone
    that are arguments or results."""
    x, y = RNG.normal(size=(2, ROWS, LENGTH))
    graph, _ = staged(ft.value_and_grad(cross_entropy), x, y)
    plan = Segment(graph).frame.plan
    large = [s for s in plan.steps if isinstance(s, Nest) and len(s.kernels[0].space) == 2]
    assert len(large) == 1
    assert not [v for v in plan.temporary if v.type.ndim == 2 and v in plan.statements.outputs]
    assert Segment(graph).arena < x.nbytes


def test_other_sizes() -> None:
    """Code that is shared by sizes has them too."""
    f = ft.jit(ft.value_and_grad(cross_entropy), backend="llvm")
    for rows in (64, 80, 96, 97):
        x, y = RNG.normal(size=(2, rows, LENGTH))
        value, gradient = ft.value_and_grad(cross_entropy)(x, y)
        found, slope = f(x, y)
        np.testing.assert_allclose(found, value, rtol=1e-13)
        np.testing.assert_allclose(slope, gradient, rtol=1e-12, atol=1e-14)
