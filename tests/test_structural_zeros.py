"""Lanes that were not selected stay zero, whatever partial they meet and wherever they are moved.

Programs with their exact derivatives are in tests/hard_points.py ("selection", "lengths"); here
stand all operations that move elements, each between a function with poles and a selection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft

POINT = np.array([[-1.0, 0.0, 4.0], [9.0, 0.0, -2.0]])
"""For a function that is defined for positive numbers alone: two points inside, the rest not."""

window = np.lib.stride_tricks.sliding_window_view


def assigned(y: Any) -> Any:
    z = np.ones_like(y)
    z[0] = y[1]
    z[1, :2] = y[0, 1:]
    return z


def overwritten(y: Any) -> Any:
    y = y.copy()
    y += 0.0
    y[0, 0] = 1.0
    return y


MOVEMENTS: dict[str, Callable[[Any], Any]] = {
    "transpose": lambda y: y.T,
    "reshape": lambda y: y.reshape(3, 2),
    "ravel": np.ravel,
    "ravel by columns": lambda y: y.ravel("F"),
    "flip": np.flip,
    "roll": lambda y: np.roll(y, 1, axis=1),
    "rot90": np.rot90,
    "a slice": lambda y: y[:, 1:],
    "steps backwards": lambda y: y[::-1, ::-2],
    "integer arrays": lambda y: y[[0, 1, 1], [2, 0, 1]],
    "ix_": lambda y: y[np.ix_([0, 1], [2, 0])],
    "take": lambda y: np.take(y, [2, 0, 2], axis=1),
    "take_along_axis": lambda y: np.take_along_axis(y, np.array([[0, 2], [1, 0]]), 1),
    "compress": lambda y: np.compress([True, False, True], y, axis=1),
    "choose": lambda y: np.choose(np.array([0, 1, 0]), [y[0], y[1]]),
    "concatenate": lambda y: np.concatenate([y, y, np.ones((2, 3))], axis=1),
    "stack": lambda y: np.stack([y, y]),
    "block": lambda y: np.block([[y], [y]]),
    "tile": lambda y: np.tile(y, (2, 1)),
    "repeat": lambda y: np.repeat(y, 2, axis=0),
    "pad": lambda y: np.pad(y, 1, constant_values=1.0),
    "pad by the edge": lambda y: np.pad(y, 1, mode="edge"),
    "broadcast_to": lambda y: np.broadcast_to(y, (2, 2, 3)),
    "expand_dims": lambda y: y[None, :, None],
    "squeeze": lambda y: np.squeeze(y[None]),
    "moveaxis": lambda y: np.moveaxis(y, 0, 1),
    "split": lambda y: np.split(y, 3, axis=1)[2],
    "diagonal": lambda y: y.diagonal(),
    "diag": lambda y: np.where(np.eye(3) > 0, np.diag(y[0]), 1.0),
    "tril": lambda y: np.where(np.tri(2, 3) > 0, np.tril(y), 1.0),
    "insert": lambda y: np.insert(y, 1, 1.0, axis=1),
    "append": lambda y: np.append(y, y),
    "delete": lambda y: np.delete(y, 1, axis=1),
    "resize": lambda y: np.resize(y, (4, 3)),
    "windows": lambda y: window(y, 2, axis=1),
    "meshgrid": lambda y: np.meshgrid(y[0], y[1])[0],
    "einsum, axes": lambda y: np.einsum("ij->ji", y),
    "einsum, diagonal": lambda y: np.einsum("ii->i", y[:, :2]),
    "outer": lambda y: np.multiply.outer(np.ones(2), y),
    "array": lambda y: ft.numpy.array([[v for v in row] for row in y]),
    "index_update": lambda y: ft.numpy.index_update(y, (0, 0), 1.0),
    "assigned": assigned,
    "overwritten": overwritten,
    "out": lambda y: np.multiply(y, 1.0, out=np.zeros_like(y)),
    "elementwise": lambda y: np.sqrt(np.square(np.abs(-2.0 * y))),
    "maximum": lambda y: np.maximum(y, y),
    "float32 and back": lambda y: y.astype(np.float32).astype(float),
    "a second selection": lambda y: np.where(np.array([True, False, True]), y, 2.0 * y),
}

WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "grad": lambda f, x: ft.grad(f)(x),
    "jacfwd": lambda f, x: ft.jacfwd(f)(x),
    "vmap": lambda f, x: ft.vmap(ft.grad(f))(x[None])[0],
    "graph": lambda f, x: ft.make_graph(ft.grad(f))(x)(x),
    "forward over reverse": lambda f, x: ft.jacfwd(ft.grad(f))(x),
    "reverse over reverse": lambda f, x: ft.jacrev(ft.grad(f))(x),
    "reverse over forward": lambda f, x: ft.jacrev(ft.jacfwd(f))(x),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of log(0) and log(-1)
@pytest.mark.parametrize("name", MOVEMENTS)
def test_moved_lanes(name: str) -> None:
    """As if no pole had been there: the logarithm of a positive number in its place."""
    move = MOVEMENTS[name]
    finite = np.isfinite(move(np.where(POINT > 0, 1.0, np.nan)))
    weights = np.random.default_rng(0).standard_normal(finite.shape)

    def function(x: Any) -> Any:
        return np.sum(weights * np.where(finite, move(np.log(x)), 0.0) ** 2)

    def harmless(x: Any) -> Any:
        return function(np.where(POINT > 0, x, 1.0))

    rtol = 1e-6 if "float32" in name else 1e-13
    for way, derive in WAYS.items():
        np.testing.assert_allclose(
            derive(function, POINT), derive(harmless, POINT), rtol=rtol, atol=rtol, err_msg=way
        )


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_a_selected_infinity_stays() -> None:
    assert ft.grad(np.sqrt)(0.0) == np.inf
    assert np.isnan(ft.grad(lambda x: np.sqrt(x) * 0.0)(0.0))  # a zero factor is no selection
    assert np.isnan(ft.grad(lambda x: np.sqrt(x) ** 2)(0.0))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "c16"])
def test_many_numbers_or_zero(dtype: str) -> None:
    """Large choices between numbers and 0 take another way, with NumPy's result in every bit."""
    x = np.random.default_rng(0).normal(size=(80, 120)).astype(dtype)
    x[0, :4] = [np.nan, np.inf, -np.inf, -0.0]
    for y in (x, x.T, x[::-1, ::2], np.asfortranarray(x)):
        chosen = np.random.default_rng(1).random(y.shape) > 0.5
        found, wanted = ft.primitives.where(chosen, y, 0), np.where(chosen, y, 0)
        assert found.dtype == wanted.dtype and found.tobytes() == wanted.tobytes()
