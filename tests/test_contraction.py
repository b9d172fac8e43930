"""Matrix products, tensordot and einsum: NumPy's values, the work that derivatives do, notation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import primitives as p
from functrans.testing import Sample, check_grads, check_rules

Array = Any


def draw(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def operands(*shapes: tuple[int, ...]) -> list[Array]:
    return [draw(*shape, seed=i) for i, shape in enumerate(shapes)]


def names(function: Callable[..., Any], *args: Array) -> list[str]:
    """The primitives of the staged function, one an equation."""
    return [e.primitive.name for e in ft.make_graph(function)(*args).equations]


# What derivatives and batches cost.


def test_the_cotangents_of_a_matrix_product_are_two_matrix_products() -> None:
    x, y, g = operands((3, 4), (4, 2), (3, 2))
    for products in (
        names(lambda x, y, g: ft.vjp(np.matmul, x, y)[1](g), x, y, g),
        names(
            lambda x, y, g: ft.vjp(lambda x, y: np.einsum("ij,jk->ik", x, y), x, y)[1](g), x, y, g
        ),
    ):
        assert products.count("matmul") == 2
        assert set(products) <= {"matmul", "transpose", "einsum"}


def matmul_shapes(function: Callable[..., Any], *args: Array) -> list[tuple[int, ...]]:
    graph = ft.make_graph(function)(*args)
    found = [e for e in graph.equations if e.primitive.name == "matmul"]
    return [x.type.shape for e in found for x in e.inputs]


@pytest.mark.parametrize(
    ("x", "y", "in_axes", "expected"),
    [
        ((5, 3, 4), (4, 2), (0, None), [(15, 4), (4, 2)]),
        ((5, 4), (4, 2), (0, None), [(5, 4), (4, 2)]),
        ((3, 4), (5, 4), (None, 0), [(3, 4), (4, 5)]),
        ((5, 7, 3, 4), (4, 2), (0, None), [(105, 4), (4, 2)]),
        ((5, 3, 4), (5, 4, 2), (0, 0), [(5, 3, 4), (5, 4, 2)]),
        ((3, 4), (5, 4, 2), (None, 0), [(3, 4), (5, 4, 2)]),
    ],
)
def test_a_batch_against_one_matrix_is_one_product(
    x: tuple[int, ...], y: tuple[int, ...], in_axes: Any, expected: list[tuple[int, ...]]
) -> None:
    batched = ft.vmap(np.matmul, in_axes=in_axes)
    assert matmul_shapes(batched, *operands(x, y)) == expected


def test_the_cotangent_of_one_matrix_for_a_whole_stack_is_one_product() -> None:
    x, y, g = operands((5, 3, 4), (4, 2), (5, 3, 2))
    shapes = matmul_shapes(lambda x, y, g: ft.vjp(np.matmul, x, y)[1](g)[1], x, y, g)
    assert shapes[-2:] == [(4, 15), (15, 2)]


# Products in all ranks.

RANKS = [(), (3,), (2, 3), (4, 2, 3)]


@pytest.mark.parametrize("name", ["dot", "inner", "outer", "kron", "vdot", "tensordot"])
@pytest.mark.parametrize("x_shape", RANKS)
@pytest.mark.parametrize("y_shape", [(), (3,), (3, 3), (2, 3, 3)])
def test_products_in_all_ranks(
    name: str, x_shape: tuple[int, ...], y_shape: tuple[int, ...]
) -> None:
    function = getattr(np, name)
    if name == "tensordot":
        function = lambda x, y: np.tensordot(x, y, min(x.ndim, y.ndim, 1))  # noqa: E731
        y_shape = y_shape[::-1]
    if name == "vdot":
        y_shape = x_shape
    x, y = operands(x_shape, y_shape)
    found, _ = ft.vjp(function, x, y)
    np.testing.assert_array_equal(found, function(x, y))
    check_rules(function, [Sample(x, y)])


@pytest.mark.parametrize(
    "function", [np.dot, np.inner, np.outer, np.kron, partial(np.tensordot, axes=0)]
)
def test_products_with_python_numbers(function: Callable[..., Any]) -> None:
    (x,) = operands((3,))
    check_grads(function, (x, 1.7), order=3)
    check_grads(function, (1.7, x), order=3)
    check_grads(function, (1.7, 0.6), order=3)
    rates = ft.vmap(ft.grad(lambda x, y: np.sum(function(x, y) ** 2), 1), in_axes=(0, None))
    np.testing.assert_allclose(rates(np.stack([x, 2 * x]), 1.7), 3.4 * x @ x * np.array([1, 4]))


@pytest.mark.parametrize("name", ["dot", "inner", "matmul", "vdot"])
def test_complex_products(name: str) -> None:
    x = draw(3, 3) + 1j * draw(3, 3, seed=1)
    check_rules(getattr(np, name), [Sample(x, draw(3, 3, seed=2)), Sample(draw(3, 3), x)])


@pytest.mark.parametrize("function", [np.matmul, np.dot, np.inner])
def test_shapes_that_do_not_fit(function: Callable[..., Any]) -> None:
    for x, y in (operands((2, 3), (2, 2)), operands((3,), (2,)), operands((4, 2, 3), (2,))):
        with pytest.raises(ValueError):
            ft.vjp(function, x, y)
        with pytest.raises(ValueError):
            ft.make_graph(function)(x, y)


# Einsum.

EINSUMS: list[tuple[Any, ...]] = [
    ("ij,jk", (2, 3), (3, 4)),
    ("ba", (2, 3)),
    ("ij , jk -> ki", (2, 3), (3, 4)),
    ("...ij,...jk->...ik", (5, 2, 3), (3, 4)),
    ("...ij,jk", (5, 2, 3), (3, 4)),
    ("i...->...", (2, 3, 4)),
    ("...ii->...i", (2, 3, 3)),
    ("ii", (3, 3)),
    ("iij,ijj->ij", (2, 2, 3), (2, 3, 3)),
    ("ij->", (2, 3)),
    ("ij,jk,kl", (2, 3), (3, 4), (4, 2)),
    ("a...,b...,ab->...", (2, 5), (3, 5), (2, 3)),
    ("...,...", (2, 3), (3,)),
    ("b...,...a", (2, 3, 4), (3, 4, 2)),
    ("i,i", (1,), (3,)),
    ("...,...->...", (1, 3), (2, 1)),
    ("ab,bc,cd,de,ef->af", (2, 3), (3, 2), (2, 4), (4, 2), (2, 3)),
]


@pytest.mark.parametrize("case", EINSUMS, ids=lambda case: case[0])
@pytest.mark.parametrize("optimize", [False, True, "optimal"])
def test_einsum(case: tuple[Any, ...], optimize: Any) -> None:
    subscripts, *shapes = case
    xs = operands(*shapes)

    def function(*xs: Array) -> Array:
        return np.einsum(subscripts, *xs, optimize=optimize)

    found, _ = ft.vjp(function, *xs)
    if len(xs) > 4 and not optimize:  # contracted in pairs, in another order than NumPy
        np.testing.assert_allclose(found, function(*xs), rtol=1e-13)
    else:
        np.testing.assert_array_equal(found, function(*xs))
    check_rules(lambda *xs: p.einsum_of(subscripts, *xs, optimize=optimize), [Sample(*xs)])


def test_einsum_of_arrays_and_labels_by_turns() -> None:
    x, y = operands((2, 3), (3, 4))
    for labels in (
        ([0, 1], [1, 2]),
        ([0, 1], [1, 2], [2, 0]),
        ([30, 1], [1, 5]),
        ([Ellipsis, 1], [1, 0]),
    ):
        rest = labels[2:]

        def function(x: Array, y: Array, labels: Any = labels, rest: Any = rest) -> Array:
            return np.einsum(x, labels[0], y, labels[1], *rest)

        np.testing.assert_array_equal(ft.vjp(function, x, y)[0], function(x, y))


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk", [(2, 3)]),
        ("ij,jk->z", [(2, 3), (3, 4)]),
        ("i.j,jk", [(2, 3), (3, 4)]),
        ("ijk,jk", [(2, 3), (3, 4)]),
        ("ij,ij", [(2, 3), (3, 4)]),
        ("ij,jk->ii", [(2, 3), (3, 4)]),
        ("i...->i", [(3, 2)]),
        ("...i...", [(3,)]),
    ],
)
def test_wrong_subscripts(subscripts: str, shapes: list[tuple[int, ...]]) -> None:
    xs = operands(*shapes)
    with pytest.raises(ValueError):
        np.einsum(subscripts, *xs)
    with pytest.raises(ValueError, match="einsum"):
        ft.vjp(lambda *xs: np.einsum(subscripts, *xs), *xs)


def test_what_is_not_on_a_diagonal_stays_zero() -> None:
    """Against infinite cotangents too."""
    x = np.ones((2, 2))
    _, pull = ft.vjp(lambda x: np.einsum("ii->i", x), x)
    (found,) = pull(np.array([np.inf, np.nan]))
    np.testing.assert_array_equal(found, [[np.inf, 0.0], [0.0, np.nan]])
