"""``isinstance`` says of a traced array what it says of the value that it stands for, so that user
code takes the branch it takes without a transform."""

from __future__ import annotations

import numbers
from functools import singledispatch

import numpy as np
import pytest

import functrans as ft
from functrans.core.array import TracedArray

X = np.array([0.5, 1.5])

TRANSFORMS = {
    "grad": lambda f, x: ft.vjp(f, x),
    "grad of grad": lambda f, x: ft.grad(lambda y: np.sum(ft.vjp(f, y)[0] + y))(x),
    "jvp": lambda f, x: ft.jvp(f, (x,), (x,)),
    "linearize": lambda f, x: ft.linearize(f, x),
    "jit": lambda f, x: ft.jit(f)(x),
    "make_graph": lambda f, x: ft.make_graph(f)(x),
    "vmap": lambda f, x: ft.vmap(f)(np.stack([x, x])),
    "checkpoint": lambda f, x: ft.vjp(ft.checkpoint(f), x),
}
CLASSES = (
    np.ndarray, np.generic, np.floating, np.float64, np.integer,
    bool, int, float, complex, numbers.Real,
)  # fmt: skip


def told(x):
    return [isinstance(x, cls) for cls in CLASSES]


class Told(Exception):
    """Brings what was seen out of a transform, of whatever kind it is."""


def looked_at(transform, value, of=lambda x: x):
    """What ``isinstance`` says of a value that a transformed function makes of its argument."""

    def function(x):
        assert isinstance(x, TracedArray)
        raise Told(told(of(x)))

    with pytest.raises(Told) as found:
        TRANSFORMS[transform](function, value)
    return found.value.args[0]


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize(
    "of", [lambda x: x, lambda x: x[0], lambda x: np.sum(x), lambda x: x * 2, lambda x: x > 1]
)
def test_a_value_with_axes_and_what_is_made_of_it(transform, of):
    assert looked_at(transform, X, of) == told(of(X))


@pytest.mark.parametrize("transform", sorted(TRANSFORMS.keys() - {"vmap", "grad of grad"}))
@pytest.mark.parametrize("value", [2.5, np.float64(2.5), np.float32(2.5)])
def test_a_scalar(transform, value):
    assert looked_at(transform, value) == told(value)


@pytest.mark.parametrize("transform", ["grad", "jvp", "linearize"])
def test_an_array_without_axes_where_it_is_known(transform):
    assert looked_at(transform, np.array(2.5)) == told(np.array(2.5))


@pytest.mark.parametrize("value", [3, 1j, True, np.int32(3)])
def test_whole_and_complex_numbers(value):
    assert looked_at("jit", value) == told(value)


def test_the_branch_for_arrays_is_differentiated():
    def f(x):
        if isinstance(x, np.ndarray):
            return np.sum(x * x)
        raise AssertionError("the branch for numbers")

    np.testing.assert_array_equal(ft.grad(f)(X), 2 * X)
    np.testing.assert_array_equal(ft.jit(ft.grad(f))(X), 2 * X)


def test_arrays_are_converted_only_if_they_are_none():
    def f(x):
        x = x if isinstance(x, np.ndarray) else np.array(x)
        return np.sum(x**3)

    np.testing.assert_array_equal(ft.grad(f)(X), 3 * X**2)


def test_patterns_and_dispatch_by_type():
    @singledispatch
    def area(x):
        raise TypeError(type(x))

    area.register(np.ndarray, lambda x: np.sum(x * x))
    area.register(float, lambda x: x * x)

    def matched(x):
        match x:
            case np.ndarray():
                return np.sum(x * x)
            case float():
                return x * x

    for f in (area, matched):
        np.testing.assert_array_equal(ft.grad(f)(X), 2 * X)
        assert ft.grad(f)(1.5) == 3.0


def test_the_type_itself_tells_the_difference():
    kinds = []
    ft.grad(lambda x: (kinds.append(type(x)), np.sum(x))[1])(X)
    assert issubclass(kinds[0], TracedArray) and not issubclass(kinds[0], np.ndarray)
