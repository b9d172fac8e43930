"""Writing into arrays: NumPy's own result is the reference, under every transform."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, seed, settings

import functrans as ft
from functrans.core.errors import ConversionError, InPlaceError
from functrans.testing import check_grads
from tests.in_place_programs import X, Y, compiled, differences, plain, programs


def check_program(source: str) -> None:
    """Values and gradients of a program, in every mode."""
    f = compiled(source)
    expected = plain(f, X, Y)
    x, y = X.copy(), Y.copy()
    value, (gx, gy) = ft.value_and_grad(f, argnums=(0, 1))(x, y)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_array_equal((x, y)[0], X)
    np.testing.assert_array_equal(y, Y)
    dx, dy = differences(f, X, Y)
    np.testing.assert_allclose(gx, dx, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(gy, dy, rtol=1e-6, atol=1e-6)
    tx, ty = np.sin(np.arange(6.0)).reshape(2, 3), np.array([0.3, -1.2, 0.5])
    out, tangent = ft.jvp(f, (x, y), (tx, ty))
    np.testing.assert_allclose(out, expected, rtol=1e-13)
    slope = np.sum(gx * tx) + np.sum(gy * ty)
    np.testing.assert_allclose(tangent, slope, rtol=1e-11, atol=1e-11)
    xs, ys = np.stack([X, X + 0.01, X * 1.1]), np.stack([Y, Y * 0.9, Y + 0.02])
    both = ft.grad(f, argnums=(0, 1))
    batch = ft.vmap(both)(xs, ys)
    for i in range(3):
        same(tuple(g[i] for g in batch), both(xs[i], ys[i]), 1e-11)
    same(ft.grad(lambda a, b: np.sum(ft.vmap(f)(a, b)), argnums=(0, 1))(xs, ys), batch, 1e-11)
    np.testing.assert_allclose(ft.make_graph(f)(x, y)(x, y), expected, rtol=1e-13)
    same(ft.grad(ft.checkpoint(f), argnums=(0, 1))(x, y), (gx, gy), 1e-13)
    second = ft.jvp(both, (x, y), (tx, ty))[1]
    mixed = ft.grad(lambda a, b: ft.jvp(f, (a, b), (tx, ty))[1], argnums=(0, 1))(x, y)
    same(second, mixed, 1e-9)


def same(given: Any, wanted: Any, tolerance: float) -> None:
    for a, b in zip(given, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@given(programs())
@settings(max_examples=150)
def test_programs(source: str) -> None:
    check_program(source)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_many_programs(part: int) -> None:
    """The parts draw other programs each, and end at about the same time."""
    seed(part)(settings(max_examples=250)(given(programs(length=14))(check_program)))()


# Arrays outside


def test_arguments_of_the_caller_are_not_changed() -> None:
    def f(x: Any) -> Any:
        x[0] = 5.0
        x *= 2.0
        return np.sum(x**2)

    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(ft.grad(f)(x), [0.0, 16.0])
    ft.jvp(f, (x,), (x,))
    ft.vjp(f, x)
    ft.linearize(f, x)
    ft.vmap(f)(np.stack([x, x]))
    ft.make_graph(f)(x)
    ft.hessian(f)(x)
    np.testing.assert_array_equal(x, [1.0, 2.0])


def test_results_can_be_changed_before_the_pullback() -> None:
    """The tape keeps the output of exp; the user gets an array of their own."""
    x = np.array([0.0, 1.0])
    out, pullback = ft.vjp(np.exp, x)
    expected = pullback(np.ones(2))[0]
    out[:] = 0.0
    x[:] = 7.0
    np.testing.assert_array_equal(pullback(np.ones(2))[0], expected)


@pytest.mark.parametrize("size", [3, 5000])
def test_captured_constants_can_change_before_the_backward_pass(size: int) -> None:
    c = np.full(size, 3.0)

    def f(x: Any) -> Any:
        y = np.sum(x * c)
        c[:] = 100.0
        return y + np.sum(x * c)

    np.testing.assert_array_equal(ft.grad(f)(np.ones(size)), np.full(size, 103.0))


def test_captured_constants_are_copied_once() -> None:
    c = np.full(5000, 3.0)
    copies: list[Any] = []

    def f(x: Any) -> Any:
        y = x
        for _ in range(4):
            y = y * c
        copies.extend(x.interpreter.constants._large.values())
        return np.sum(y)

    ft.grad(f)(np.ones(5000))
    assert len(copies) == 1
    c[0] = np.nan
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(x * c * c))(np.ones(5000)), c * c)


def test_captured_index_arrays_can_change() -> None:
    index = np.array([0, 1])

    def f(x: Any) -> Any:
        y = x[index]
        index[:] = 2
        return np.sum(y)

    np.testing.assert_array_equal(ft.grad(f)(np.ones(3)), [1.0, 1.0, 0.0])


def test_constants_of_a_graph_are_as_they_were() -> None:
    c = np.ones(2)
    graph = ft.make_graph(lambda x: x * c)(np.ones(2))
    c[:] = 9.0
    np.testing.assert_array_equal(graph(np.ones(2)), [1.0, 1.0])


def test_checkpointed_function_that_writes_to_its_arguments() -> None:
    work = np.ones(2)

    def block(x: Any, w: Any) -> Any:
        x[0] *= 3.0
        w = np.copy(w)
        w[1] = 4.0
        return x * w

    def f(x: Any) -> Any:
        y = ft.checkpoint(block)(x * 1.0, work)
        return np.sum(y * y)

    _, pullback = ft.vjp(f, np.array([1.0, 2.0]))
    for _ in range(2):  # the second walk finds the arguments as they were
        np.testing.assert_array_equal(pullback(1.0)[0], [18.0, 64.0])
    np.testing.assert_array_equal(work, [1.0, 1.0])


def test_unrecorded_views_do_not_reach_the_arguments() -> None:
    """The first run of a checkpointed function is not recorded; its views are handles all the
    same."""
    x = np.array([1.0, 2.0])

    def block(x: Any) -> Any:
        view = x[:1]
        view[0] = 9.0
        return np.sum(x * x)

    assert ft.value_and_grad(ft.checkpoint(block))(x)[0] == 85.0
    np.testing.assert_array_equal(x, [1.0, 2.0])


def test_values_of_stop_gradient_are_copies() -> None:
    def f(x: Any) -> Any:
        y = np.sum(x**2)
        c = ft.stop_gradient(x)
        c[0] = 100.0
        return y

    np.testing.assert_array_equal(ft.grad(f)(np.array([1.0, 2.0])), [2.0, 4.0])


@pytest.mark.parametrize("transform", ["grad", "jvp"])
def test_functions_with_rules_cannot_write_to_what_a_transform_keeps(transform: str) -> None:
    @ft.custom
    def total(x: Any) -> Any:
        x[0] = 100.0
        return np.sum(x)

    @total.defjvp
    def total_jvp(primals: Any, tangents: Any) -> Any:
        return total(*primals), np.sum(*tangents)

    def f(x: Any) -> Any:
        return np.sum(x * x) + total(x)

    run: dict[str, Any] = {
        "grad": lambda x: ft.grad(f)(x),
        "jvp": lambda x: ft.jvp(f, (x,), (x,)),
    }
    x = np.array([1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        run[transform](x)
    np.testing.assert_array_equal(x, [1.0, 2.0])


def test_outer_arrays_written_to_inside() -> None:
    """A constant of the inner transform can be written to with what the outer one traces."""

    def outer(x: Any) -> Any:
        def inner(y: Any) -> Any:
            before = x[0] * y  # kept for the backward pass
            x[0] = x[1] * 10.0
            return before * x[0]

        slope = ft.grad(inner)(2.0)
        return slope * np.sum(x)

    # d/dy = 2 y x0 * 10 x1 / ... by hand: inner(y) = x0 y * 10 x1, slope = 10 x0 x1
    x = np.array([3.0, 5.0])
    value, gradient = ft.value_and_grad(outer)(x)
    assert value == 10 * 3 * 5 * (50 + 5)
    # outer = 10 x0 x1 * 11 x1
    np.testing.assert_allclose(gradient, [110 * 25, 220 * 3 * 5])


def test_inner_values_cannot_be_stored_into_outer_arrays() -> None:
    def outer(x: Any) -> Any:
        def inner(y: Any) -> Any:
            x[0] = y
            return x[0] * y

        return ft.grad(inner)(2.0)

    with pytest.raises(InPlaceError, match=r"(?s)grad\(inner.*stored into.*test_in_place.py.*copy"):
        ft.grad(outer)(np.ones(2))


def test_copies_belong_to_the_inner_transform() -> None:
    def outer(x: Any) -> Any:
        def inner(y: Any) -> Any:
            z = x.copy()
            z[0] = y
            return np.sum(z * z)

        return ft.grad(inner)(2.0) * x[1]

    np.testing.assert_array_equal(ft.grad(outer)(np.array([1.0, 3.0])), [0.0, 4.0])


# Plain arrays cannot hold traced values


@pytest.mark.parametrize(
    "change",
    [
        lambda b, x: np.add(x, 1.0, out=b),
        lambda b, x: np.sum(x, axis=0, out=b[0, ...]),
        lambda b, x: b.__iadd__(x),
        lambda b, x: np.add.at(b, 0, x[0]),
        lambda b, x: np.copyto(b, x),
        lambda b, x: np.put(b, 0, x[0]),
        lambda b, x: np.putmask(b, b > 0, x),
        lambda b, x: np.place(b, x > 0, x),
        lambda b, x: np.put_along_axis(b, np.array([0]), x[:1], 0),
        lambda b, x: x.cumsum(out=b),
    ],
)
def test_a_plain_target_is_refused(change: Any) -> None:
    def f(x: Any) -> Any:
        change(np.zeros(3), x)
        return np.sum(x)

    with pytest.raises(
        (InPlaceError, ConversionError), match=r"(?s)test_in_place\.py.*zeros_like|functrans\.numpy"
    ):
        ft.grad(f)(np.ones(3))


@pytest.mark.parametrize("make", [np.zeros_like, np.empty_like, np.ones_like])
@pytest.mark.parametrize(
    "transform", [ft.grad, lambda f: lambda x: ft.jvp(f, (x,), (x,))[1], ft.make_graph]
)
def test_arrays_like_traced_ones_hold_traced_values(make: Any, transform: Any) -> None:
    def f(x: Any) -> Any:
        y = make(x)
        y[...] = 0.5
        y[1] = x[0]
        return np.sum(y * y)

    transform(f)(np.array([3.0, 4.0]))


INNER = {
    "grad": ft.grad,
    "jvp": lambda f: lambda x: ft.jvp(f, (x,), (np.ones_like(x),)),
    "hessian": ft.hessian,
    "jacrev of grad": lambda f: ft.jacrev(ft.grad(f)),
}


@pytest.mark.parametrize("inner", INNER)
def test_whole_numbers_of_an_outer_transform_are_copied_in_an_inner_one(inner: str) -> None:
    """A transform of floats hands a new array of whole numbers down, where it may be at home."""

    def squares(x: Any, i: Any) -> Any:
        return INNER[inner](lambda y: np.sum(y[i.copy()] ** 2 * np.copy(i)))(x)

    x, i = np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 6.0]]), np.array([[0, 1], [2, 2]])
    each = [squares(*lane) for lane in zip(x, i, strict=True)]
    stacked = ft.tree.map(lambda *rows: np.stack(rows), *each)
    for found in (ft.vmap(squares)(x, i), ft.jit(ft.vmap(squares), backend="numpy")(x, i)):
        ft.tree.map(np.testing.assert_array_equal, found, stacked)
    found = ft.jit(squares, backend="numpy")(x[1], i[1])
    ft.tree.map(np.testing.assert_array_equal, found, each[1])


@pytest.mark.parametrize("inner", INNER)
def test_new_arrays_of_whole_numbers_are_known_where_all_is(inner: str) -> None:
    """What is staged of a linear map is its tangents: conditions on the rest are answered."""

    def weighted(x: Any) -> Any:
        counts = ft.numpy.zeros(3, int)
        counts[1] += 2
        scale = np.linalg.eigvalsh(np.diag(counts * 1.0))[-1]
        return np.sum(x**3 * counts) * scale if counts[1] > 1 else np.sum(x)

    x = np.array([1.0, 2.0, 4.0])
    found = INNER[inner](weighted)(x)
    want = INNER[inner](lambda x: 4 * x[1] ** 3)(x)
    ft.tree.map(np.testing.assert_array_equal, found, want)


def test_namespace_makes_arrays_to_write_into() -> None:
    fnp = ft.numpy

    def f(x: Any) -> Any:
        for y in (fnp.zeros(2), fnp.ones(2), fnp.empty(2), fnp.full(2, 3.0), fnp.copy([1.0, 2.0])):
            y[...] = 1.0
            y[1] = x
        return y @ y

    assert ft.grad(f)(3.0) == 6.0
    np.testing.assert_array_equal(ft.vmap(f)(np.array([1.0, 2.0])), [2.0, 5.0])
    assert type(fnp.zeros(2)) is np.ndarray


def test_scalars_are_not_written_to() -> None:
    def f(x: Any) -> Any:
        first = x[0]
        same = first
        first += 1.0
        return same * first

    np.testing.assert_array_equal(ft.grad(f)(np.array([2.0, 0.0])), [5.0, 0.0])


def test_wrong_shapes_and_dtypes() -> None:
    def shape(x: Any) -> Any:
        x += np.ones((2, 3))
        return np.sum(x)

    def cast(x: Any) -> Any:
        x *= 1j
        return np.sum(x)

    def values(x: Any) -> Any:
        x[:2] = np.ones(3)
        return np.sum(x)

    with pytest.raises(ValueError, match="non-broadcastable"):
        ft.grad(shape)(np.ones(3))
    with pytest.raises(TypeError, match=r"(?s)Cannot cast.*test_in_place\.py"):
        ft.grad(cast)(np.ones(3))
    with pytest.raises(ValueError, match="broadcast"):
        ft.grad(values)(np.ones(3))


def test_masked_write_under_vmap() -> None:
    def f(x: Any) -> Any:
        x[x < 0] = 0.0
        return np.sum(x**2)

    x = np.array([[1.0, -2.0], [-3.0, 4.0]])
    np.testing.assert_array_equal(ft.vmap(ft.grad(f))(x), [[2.0, 0.0], [0.0, 8.0]])


def add_number(x: Any, y: Any) -> None:
    x[x > 0] += y[0]


def scale(x: Any, y: Any) -> None:
    mask = x > 0
    x[mask] = y[0] * np.sqrt(x[mask]) ** 2 - 1.0


def from_another(x: Any, y: Any) -> None:
    mask = y > 0
    x[mask] -= y[mask]


def normalized(x: Any, y: Any) -> None:
    mask = x > 0
    x[mask] /= x[mask].sum() + np.mean(y[mask]) + np.var(x[mask])


def twice(x: Any, y: Any) -> None:
    x[x > 0] **= 2
    x[:2][x[:2] < 0] *= 3.0


@pytest.mark.parametrize("program", [add_number, scale, from_another, normalized, twice])
def test_elements_of_a_traced_mask(program: Any) -> None:
    """``x[mask] += y`` keeps NumPy's meaning where the number of elements is not known."""

    def f(x: Any, y: Any) -> Any:
        x = x.copy()
        program(x, y)
        return np.sum(x**3)

    x = np.array([[1.0, -2.0, 3.0], [-4.0, 5.0, 0.5], [2.0, 1.5, 0.25]])
    y = np.array([[2.0, -1.0, 0.5], [1.0, 2.0, -3.0], [0.5, 1.5, 2.5]])
    close = {"rtol": 1e-12, "atol": 1e-12}
    gradient, hessian = ft.grad(f, (0, 1)), ft.hessian(f, (0, 1))

    def by_lanes(function: Any) -> list[Any]:
        rows = [ft.tree.leaves(function(*lane)) for lane in zip(x, y, strict=True)]
        return [np.stack(column) for column in zip(*rows, strict=True)]

    for function in (f, gradient, hessian, lambda *xs: ft.jvp(f, xs, xs)):
        found = ft.tree.leaves(ft.vmap(function)(x, y))
        for one, other in zip(found, by_lanes(function), strict=True):
            np.testing.assert_allclose(one, other, **close)
    outer = ft.grad(lambda x, y: np.sum(ft.vmap(f)(x, y)), (0, 1))(x, y)
    for one, other in zip(outer, by_lanes(gradient), strict=True):
        np.testing.assert_allclose(one, other, **close)
    graph = ft.make_graph(gradient)(x[0], y[0])
    for one, other in zip(graph(x[1], y[1]), gradient(x[1], y[1]), strict=True):
        np.testing.assert_allclose(one, other, **close)


def test_elements_of_a_traced_mask_and_casting() -> None:
    def f(x: Any) -> Any:
        x[x > 1] += 0.5
        return x

    with pytest.raises(TypeError, match=r"(?s)Cannot cast.*test_in_place\.py"):
        ft.vmap(f)(np.arange(6).reshape(2, 3))

    def g(x: Any) -> Any:
        x[x > 1] = x[x > 1] * 1.5  # an assignment casts
        return x

    found = ft.vmap(g)(np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(found, [[0, 1, 3], [4, 6, 7]])


def test_traced_index_under_vmap() -> None:
    def f(x: Any, i: Any) -> Any:
        x[i] = 10.0 * x[i]
        return x

    x, i = np.arange(6.0).reshape(2, 3), np.array([2, 0])
    np.testing.assert_array_equal(ft.vmap(f)(x, i), [[0.0, 1.0, 20.0], [30.0, 4.0, 5.0]])


def test_recurrence() -> None:
    """A loop that fills an array, as solvers are written."""

    def f(x: Any) -> Any:
        u = np.zeros_like(x)
        u[0] = x[0]
        for i in range(1, 50):
            u[i] = 0.9 * u[i - 1] + np.sin(x[i])
        return np.sum(u**2)

    x = np.linspace(0.0, 1.0, 50)
    check_grads(f, (x,))


@pytest.mark.parametrize("ind", [1.7, [0.2, -1.9], [[1.2], [0.5]], np.float32(2.9), True, [], ()])
def test_put_cuts_numbers_to_whole_positions(ind: Any) -> None:
    def f(x: Any) -> Any:
        b = x * 1.0
        np.put(b, ind, 5.0 * x[0])
        return b

    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(ft.jvp(f, (x,), (x,))[0], plain(f, x))
    check_grads(lambda x: np.sum(np.sin(f(x))), (x,))


@pytest.mark.parametrize(
    "ind", [np.array([1.5]), np.array([], float), np.array([1j]), [1j], np.nan]
)
def test_put_refuses_what_numpy_refuses(ind: Any) -> None:
    for x in (np.ones(3), None):
        with pytest.raises((TypeError, ValueError), match=r"[Cc]annot c|must be"):
            if x is None:
                ft.grad(lambda x: np.sum(np.put(x * 1.0, ind, 5.0) or 0.0))(np.ones(3))
            else:
                np.put(x, ind, 5.0)
