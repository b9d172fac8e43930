"""The programs of tests/hard_points.py have their exact derivatives in every mode."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from tests import hard_points

Array = Any
Way = Callable[[Callable[[Any], Any], Any], Any]

RTOL = 1e-13
"""Some derivatives are sums of several roundings; zeros, infinities and NaN have to be exact."""


def directions(x: Array) -> list[Array]:
    """The unit vectors of the space of `x`."""
    return [d.reshape(np.shape(x))[()] for d in np.eye(np.size(x))]


def stacked(x: Array) -> Array:
    """A batch of the point and of one that is beside it."""
    return np.stack([x, x + 0.25])


FIRST: dict[str, Way] = {
    "grad": lambda f, x: ft.grad(f)(x),
    "jvp": lambda f, x: [ft.jvp(f, (x,), (t,))[1] for t in directions(x)],
    "linearize": lambda f, x: [ft.linearize(f, x)[1](t) for t in directions(x)],
    "jacfwd": lambda f, x: ft.jacfwd(f)(x),
    "jacrev": lambda f, x: ft.jacrev(f)(x),
    "checkpoint": lambda f, x: ft.grad(ft.checkpoint(f))(x),
    "vmap of grad": lambda f, x: ft.vmap(ft.grad(f))(stacked(x))[0],
    "vmap of jacfwd": lambda f, x: ft.vmap(ft.jacfwd(f))(stacked(x))[0],
    "graph of grad": lambda f, x: ft.make_graph(ft.grad(f))(x)(x),
}
SECOND: dict[str, Way] = {
    "jacfwd of jacrev": lambda f, x: ft.jacfwd(ft.jacrev(f))(x),
    "jacrev of jacfwd": lambda f, x: ft.jacrev(ft.jacfwd(f))(x),
    "jacfwd of jacfwd": lambda f, x: ft.jacfwd(ft.jacfwd(f))(x),
    "jacrev of jacrev": lambda f, x: ft.jacrev(ft.jacrev(f))(x),
    "vmap of hessian": lambda f, x: ft.vmap(ft.hessian(f))(stacked(x))[0],
    "graph of hessian": lambda f, x: ft.make_graph(ft.hessian(f))(x)(x),
}


def compiled(backend: Any) -> tuple[dict[str, Way], dict[str, Way]]:
    """The same of programs on an executor."""
    jit = lambda f: ft.jit(f, backend=backend)  # noqa: E731
    first: dict[str, Way] = {
        "jit of grad": lambda f, x: jit(ft.grad(f))(x),
        "grad of jit": lambda f, x: ft.grad(jit(f))(x),
        "jit of jacfwd": lambda f, x: jit(ft.jacfwd(f))(x),
        "jacfwd of jit": lambda f, x: ft.jacfwd(jit(f))(x),
        "vmap of jit of grad": lambda f, x: ft.vmap(jit(ft.grad(f)))(stacked(x))[0],
    }
    second: dict[str, Way] = {
        "jit of hessian": lambda f, x: jit(ft.hessian(f))(x),
        "hessian of jit": lambda f, x: ft.hessian(jit(f))(x),
        "jit of jacrev of jacrev": lambda f, x: jit(ft.jacrev(ft.jacrev(f)))(x),
        "jacfwd of jit of jacfwd": lambda f, x: ft.jacfwd(jit(ft.jacfwd(f)))(x),
    }
    return first, second


def program(text: str) -> Callable[[Any], Any]:
    names: dict[str, Any] = {"np": np, "ft": ft, "w": np.array(hard_points.WEIGHTS)}
    if "special" in text:
        pytest.importorskip("scipy")
        from functrans.scipy import special

        names["special"] = special
    function = eval(f"lambda x: {text}", names)
    return lambda x: np.sum(function(x))


ROWS = [
    pytest.param(table, text, point, id=f"{text} at {np.asarray(point[0]).tolist()}")
    for table, programs in hard_points.TABLES.items()
    for text, points in programs.items()
    for point in points
    if all(hasattr(np, name) for name in re.findall(r"\bnp\.(\w+)", text))  # not in NumPy 2.0
]


def check(found: Any, wanted: Array, size: float, what: str) -> None:
    """Compare; next to entries of that `size`, rounding may leave a small one in place of zero."""
    found = np.reshape(found, wanted.shape)
    bound = 4 * np.finfo(float).eps * size
    np.testing.assert_allclose(found, wanted, rtol=RTOL, atol=bound, err_msg=what)


def largest(x: Array) -> float:
    return float(np.max(np.abs(x), initial=0, where=np.isfinite(x)))


def check_row(
    table: str, text: str, point: Any, first_ways: dict[str, Way], second_ways: dict[str, Way]
) -> None:
    function, x = program(text), np.asarray(point[0], float)[()]
    first = np.broadcast_to(np.asarray(point[1], float), np.shape(x))
    without = ("vmap", "graph", "jit") if table == "lengths" else ()
    size = largest(first)
    if text == "np.linalg.det(x)":  # its minors are sums of products that may cancel
        size = max(size, largest(np.asarray(x)) ** (len(x) - 1))
    for name, way in first_ways.items():
        if not any(word in name for word in without):
            check(way(function, x), first, size, name)
    if point[2] is None:
        return
    second = np.asarray(point[2], float)
    if second.shape != 2 * np.shape(x):
        second = np.diag(second.ravel()).reshape(2 * np.shape(x))
    size = max(largest(second), largest(first))
    for name, way in second_ways.items():
        if not any(word in name for word in without):
            check(way(function, x), second, size, name)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of values such as log(0)
@pytest.mark.parametrize(("table", "text", "point"), ROWS)
def test_derivatives(table: str, text: str, point: Any) -> None:
    check_row(table, text, point, FIRST, SECOND)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize(("table", "text", "point"), ROWS)
def test_derivatives_of_programs(table: str, text: str, point: Any, backend: str) -> None:
    if backend == "llvm":
        pytest.importorskip("llvmlite")
    check_row(table, text, point, *compiled(backend))


def test_a_wrong_row_is_found() -> None:
    for first, second in ((0.9, 1.0), (1.0, 0.9), (np.nan, 1.0)):
        with pytest.raises(AssertionError, match="Not equal to tolerance"):
            test_derivatives("", "np.exp(x)", (0.0, first, second))
