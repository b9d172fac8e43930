"""Views: what is written through one name of an array is seen through all."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from tests.in_place_programs import differences, plain


def test_views_are_released() -> None:
    def f(x: Any) -> Any:
        views = [x[i:] for i in range(3)]
        dead = weakref.ref(views[0])
        del views
        gc.collect()
        assert dead() is None
        for i in range(100):
            x[i % 3 :]
        assert len(x.place.views) < 30
        return np.sum(x)

    ft.grad(f)(np.ones(3))


def test_read_only_views() -> None:
    def f(x: Any) -> Any:
        for view in (np.broadcast_to(x, (2, 2)), np.diagonal(x[None] * x)):
            with pytest.raises(ValueError, match="read-only"):
                view[0] = 1.0
        wide = np.broadcast_to(x, (2, 2))
        x[0] = 7.0  # seen through the view
        return np.sum(wide)

    assert ft.value_and_grad(f)(np.array([1.0, 2.0]))[0] == 18.0


def test_parts_of_complex_arrays() -> None:
    def f(z: Any) -> Any:
        re, row = z.real, z[0]
        re[...] *= 3.0
        z.imag = z.imag + z.real
        row.real[1] = 0.25
        z.imag[1, :] += 1.0
        return np.sum(z.real**2 + 2 * z.imag**3)

    z = np.array([[1.0 + 2.0j, 0.5 - 1.0j], [2.0j, 3.0 + 0.1j]])
    value, gradient = ft.value_and_grad(f)(z)
    assert value == pytest.approx(plain(f, z))
    numeric = np.empty_like(z)
    h = 1e-6
    for i in np.ndindex(z.shape):
        e = np.zeros_like(z)
        e[i] = h
        real, imag = ((plain(f, z + d) - plain(f, z - d)) / (2 * h) for d in (e, 1j * e))
        numeric[i] = real - 1j * imag
    np.testing.assert_allclose(gradient, numeric, rtol=1e-7, atol=1e-7)


def test_layout_decides_between_view_and_copy() -> None:
    """NumPy's reshape of a transposed array is a copy; the layout of the argument counts too."""

    def f(x: Any) -> Any:
        y = x.reshape(-1)
        y[0] = 9.0
        return np.sum(x)

    for x in (np.ones((2, 3)), np.asfortranarray(np.ones((2, 3)))):
        assert ft.value_and_grad(f)(x)[0] == f(np.copy(x, order="K"))

    def g(x: Any) -> Any:
        y = (x.T * 1.0).reshape(-1)
        z = x.T.reshape(-1)
        y[0], z[1] = 5.0, 6.0
        return np.sum(x) + np.sum(y) + np.sum(z)

    x = np.arange(6.0).reshape(2, 3)
    assert ft.value_and_grad(g)(x)[0] == plain(g, x)

    def h(x: Any) -> Any:
        for y in (x[:, 0].ravel(), np.ravel(x[:, 1]), x[1].ravel(), np.ravel(x[0])):
            y[:] = y * 2.0 + 1.0
        return np.sum(x)

    assert ft.value_and_grad(h)(x)[0] == ft.make_graph(h)(x)(x) == plain(h, x)
    assert ft.vmap(h)(x[None]) == plain(h, x)


def test_views_by_einsum_and_copies_by_flat() -> None:
    def f(x: Any) -> Any:
        np.einsum("ii->i", x)[:] = 2.0
        part = x.flat[1:3]
        part[0] = 9.0
        np.einsum("ij->ji", x)[0, 1] *= 3.0
        total = np.einsum("ij->i", x)
        total[0] = 7.0
        return np.sum(x**2) + np.sum(part) + np.sum(total)

    x = np.arange(1.0, 5.0).reshape(2, 2)
    value, gradient = ft.value_and_grad(f)(x)
    assert value == plain(f, x)
    np.testing.assert_allclose(
        gradient, differences(lambda a, b: f(a), x, np.zeros(0))[0], rtol=1e-7
    )


def test_augmented_assignment_to_a_row_writes_once() -> None:
    def f(x: Any) -> Any:
        x[0] += 1.0
        return np.sum(x)

    graph = str(ft.make_graph(f)(np.ones((2, 2))))
    assert graph.count("index_update") == 1


def test_a_view_is_written_to_where_a_mask_or_an_array_says() -> None:
    def masked(x: Any) -> Any:
        x[np.array([True, True, False])] = x[:2]
        return np.sum(x**2)

    def reversed_rows(x: Any) -> Any:
        x[np.array([True, True, True])] = x[::-1]
        x[np.array([0, 1]), ...] = x[1:]
        return np.sum(x * np.arange(1.0, 4.0))

    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(ft.grad(masked)(x), 2 * x)
    np.testing.assert_array_equal(ft.grad(reversed_rows)(x), [5.0, 1.0, 0.0])


def test_copyto_lets_leading_axes_of_length_one_go() -> None:
    def f(x: Any) -> Any:
        y = np.zeros_like(x)
        np.copyto(y, x.reshape(1, 1, 3), where=np.array([True, False, True]))
        np.copyto(y[:1], x.reshape(1, 3)[:, 1:2])
        return np.sum(y * np.arange(1.0, 4.0))

    np.testing.assert_array_equal(ft.grad(f)(np.array([1.0, 2.0, 3.0])), [0.0, 1.0, 3.0])


WITHOUT_AXES: dict[str, Callable[[Any], Any]] = {
    "an Ellipsis": lambda y: y[1, ...],
    "a shape": lambda y: y[1:2].reshape(()),
    "an axis of length one that goes": lambda y: np.squeeze(y[1:2]),
    "a view of a view": lambda y: y[1:2].T.reshape(())[...],
    "there and back": lambda y: y[1:2].reshape(()).reshape(1)[0, ...],
}


@pytest.mark.parametrize("name", WITHOUT_AXES)
def test_views_without_axes_are_arrays(name: str) -> None:
    """Also where values are not known: NumPy does not look at them to decide it."""

    def f(x: Any) -> Any:
        y = x.copy()
        view, other = WITHOUT_AXES[name](y), y[2]
        same = view
        same *= 10.0
        other += 100.0  # a scalar
        seen = view * 1.0
        np.add(view, y[0], out=view)
        y[1:] += view
        view.reshape(1)[:] -= 1.0
        return y, view * 2.0, seen

    x = np.array([2.0, 3.0, 5.0])
    stack = np.stack([x, 2 * x])
    want = f(x)
    outcomes = {
        "jvp": ft.jvp(f, (x,), (x,))[0],
        "vjp": ft.vjp(f, x)[0],
        "jit": ft.jit(f, backend="numpy")(x),
        "jit of vjp": ft.jit(lambda x: ft.vjp(f, x)[0], backend="numpy")(x),
        "vmap": ft.tree.map(lambda a: a[0], ft.vmap(f)(stack)),
        "vmap of vjp": ft.tree.map(lambda a: a[0], ft.vmap(lambda x: ft.vjp(f, x)[0])(stack)),
    }
    for transform, found in outcomes.items():
        for a, b in zip(found, want, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=transform)
    slopes = ft.jacfwd(f)(x)
    for found in (ft.jit(ft.jacrev(f), backend="numpy")(x), ft.vmap(ft.jacrev(f))(stack)):
        for a, b in zip(found, slopes, strict=True):
            np.testing.assert_array_equal(a if a.shape == b.shape else a[0], b)
