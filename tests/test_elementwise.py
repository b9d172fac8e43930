"""First and second derivatives of the elementwise rules against mpmath, where formulas may fail.

Regular points and pinned values are the rule book's own samples, tried by the generic tests. Here
are the points at which a plausible formula loses digits: far out, close to zeros and singularities.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import functrans as ft
from functrans import primitives as p

TOLERANCE = 4e-15  # relative: a few roundings, one in each NumPy call of a formula
DIGITS = 400
STEP = mp.mpf(10) ** -120  # relative: central differences are then exact to 240 digits

UNARY = {
    "exp": (mp.exp, [-700, -40, 0, 1, 300]),
    "exp2": (lambda x: mp.mpf(2) ** x, [-40, 3.3]),
    "expm1": (mp.expm1, [-40, -1e-8, 0, 1e-12, 5]),
    "log": (mp.log, [1e-150, 0.5, 1, 1e100]),
    "log2": (lambda x: mp.log(x, 2), [1e-3, 1e100]),
    "log10": (lambda x: mp.log(x, 10), [1e-3, 1e100]),
    "log1p": (mp.log1p, [-1 + 2**-40, -0.5, 1e-15, 0, 1e10]),
    "sqrt": (mp.sqrt, [1e-200, 2, 1e200]),
    "cbrt": (mp.cbrt, [1e-100, 2, 1e100]),
    "sinc": (mp.sincpi, [0, 1e-100, 1e-12, 1e-5, 1e-3, 0.05, 0.3, 0.62, 0.64, 0.9, 1, 2, 3.7]),
    "sigmoid": (lambda x: 1 / (1 + mp.exp(-x)), [-700, -40, -1, 0, 1, 40, 600]),
    "sin": (mp.sin, [0, 1e-9, 3, 1e5]),
    "cos": (mp.cos, [0, 1e-9, 3, 1e5]),
    "tan": (mp.tan, [0, 1e-9, 1.2, 1.57]),
    "sinh": (mp.sinh, [1e-9, 3, -300]),
    "cosh": (mp.cosh, [1e-9, 3, -300]),
    "tanh": (mp.tanh, [0, 1e-9, 0.5, 3, 20, -20, 100, 200]),
    "arcsin": (mp.asin, [0, 1e-9, 0.5, 1 - 2**-40, -1 + 2**-30]),
    "arccos": (mp.acos, [0, 1e-9, 0.5, 1 - 2**-40, -1 + 2**-30]),
    "arctan": (mp.atan, [0, 1e-9, 3, 1e50]),
    "arcsinh": (mp.asinh, [0, 1e-9, 3, -1e80]),
    "arccosh": (mp.acosh, [1 + 2**-40, 3, 1e80]),
    "arctanh": (mp.atanh, [0, 1e-9, 0.5, 1 - 2**-40, -1 + 2**-30]),
    "reciprocal": (lambda x: 1 / x, [1e-100, 3, 1e100]),
}

BINARY = {
    "power": (
        lambda x, y: x**y,
        [(2, 3), (1e-5, 2), (1e-3, -0.5), (2, 0), (5, 1), (1e-100, 1.5), (3, -300)],
    ),
    "divide": (lambda x, y: x / y, [(1e-100, 1e-100), (3, 7), (1e100, 1e-50)]),
    "hypot": (
        lambda x, y: mp.sqrt(x * x + y * y),
        [(3, 4), (1e-8, 1), (1, 1e-12), (1e100, 1e100), (1e-100, 2e-100)],
    ),
    "arctan2": (mp.atan2, [(3, 4), (1e-8, 1), (-3, -4), (1, 1e-12), (1e100, 2e100)]),
    "logaddexp": (
        lambda x, y: mp.log(mp.exp(x) + mp.exp(y)),
        [(0, 0), (-40, 0), (3, -50), (1e8, 1e8 + 1), (-300, 5)],
    ),
    "logaddexp2": (
        lambda x, y: mp.log(mp.mpf(2) ** x + mp.mpf(2) ** y, 2),
        [(0, 0), (-40, 0), (3, -50)],
    ),
}


def close(got: float, expected: mp.mpf) -> bool:
    if abs(expected) < 1e-290:
        return abs(got) < 1e-280
    return bool(abs(got - expected) <= TOLERANCE * abs(expected))


@pytest.mark.parametrize(
    ("name", "x"), [(name, x) for name, (_, points) in UNARY.items() for x in map(float, points)]
)
def test_unary(name: str, x: float) -> None:
    function = getattr(p, name)
    first = ft.grad(function)
    with mp.workdps(DIGITS):
        step = STEP * (abs(mp.mpf(x)) or 1)
        expected = [mp.diff(UNARY[name][0], mp.mpf(x), n, h=step) for n in (1, 2)]

    def tangent(y: float) -> float:
        return ft.jvp(function, (y,), (1.0,))[1]

    assert close(first(x), expected[0])
    assert close(tangent(x), expected[0])
    assert close(ft.grad(first)(x), expected[1])
    assert close(ft.grad(tangent)(x), expected[1])
    assert close(ft.jvp(first, (x,), (1.0,))[1], expected[1])
    assert close(ft.jvp(tangent, (x,), (1.0,))[1], expected[1])


@pytest.mark.parametrize(
    ("name", "x", "y"), [(name, *map(float, xy)) for name, (_, at) in BINARY.items() for xy in at]
)
def test_binary(name: str, x: float, y: float) -> None:
    exact = BINARY[name][0]
    with mp.workdps(DIGITS):
        scales = [abs(mp.mpf(v)) or mp.mpf(1) for v in (x, y)]

        def scaled(a: mp.mpf, b: mp.mpf) -> mp.mpf:
            return exact(x + a * scales[0], y + b * scales[1])

        def derivative(i: int, j: int) -> mp.mpf:
            return mp.diff(scaled, (0, 0), (i, j), h=STEP) / scales[0] ** i / scales[1] ** j

        first = [derivative(1, 0), derivative(0, 1)]
        second = [[derivative(2, 0), derivative(1, 1)], [derivative(1, 1), derivative(0, 2)]]

    gradient = ft.grad(getattr(p, name), argnums=(0, 1))
    assert all(map(close, gradient(x, y), first))
    for i, tangents in enumerate([(1.0, 0.0), (0.0, 1.0)]):
        assert all(map(close, ft.grad(lambda *v, i=i: gradient(*v)[i], (0, 1))(x, y), second[i]))
        assert all(map(close, ft.jvp(gradient, (x, y), tangents)[1], second[i]))


def test_derivatives_of_sinc_at_zero() -> None:
    # sinc(x) = sum of (-1)**k (pi x)**2k / (2k + 1)!
    derivative = p.sinc
    for order in range(7):
        expected = 0.0 if order % 2 else (-1) ** (order // 2) * np.pi**order / (order + 1)
        np.testing.assert_allclose(derivative(0.0), expected, rtol=1e-14)
        derivative = ft.grad(derivative)


@pytest.mark.filterwarnings("ignore:divide by zero")  # NumPy's own, of log(0)
def test_unselected_lanes_of_a_choice_do_not_count() -> None:
    def guarded(x: float) -> float:
        return p.where(p.greater(x, 0), p.log(x), 0.0)

    def floored(x: float) -> float:
        return p.sqrt(p.maximum(x, 0.0))

    assert ft.grad(guarded)(0.0) == 0
    assert ft.jvp(guarded, (0.0,), (1.0,))[1] == 0
    assert ft.grad(ft.grad(guarded))(0.0) == 0
    assert ft.grad(floored)(-1.0) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, -1, 0.5, 2.5])
def test_powers_by_python_numbers_keep_the_dtype(dtype: type, n: float) -> None:
    x = np.array([0.5, 2.0], dtype)
    (g,) = ft.vjp(lambda x: p.power(x, n), x)[1](np.ones(2, dtype))
    assert g.dtype == dtype
    np.testing.assert_allclose(g, n * x ** np.float32(n - 1), rtol=1e-6)  # float32: 6 digits


def test_a_number_raised_to_a_traced_power_keeps_the_dtype() -> None:
    y = np.array([0.5, 2.0], np.float32)
    g = ft.grad(lambda y: p.sum(p.power(3, y), axes=(0,)))(y)
    assert g.dtype == np.float32
    np.testing.assert_allclose(g, np.log(3) * 3**y, rtol=1e-6)  # float32: 6 digits


@pytest.mark.parametrize("x", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("kind", ["bool", "int8", "uint8", "int16", "int64"])
def test_whole_powers_of_any_size_keep_the_dtype(x: type, kind: str) -> None:
    """Less one, a bool is an integer, and the smallest integer the greatest."""
    base = np.array([0.5, 2.0, -1.0, 1.0, 0.0, np.nan], x)
    y = np.array([1, 0, 1, 0, 0, 0], kind)
    if kind == "int8":
        y[3] = -128
    slopes = ft.grad(lambda base: np.sum(base**y))(base)
    assert slopes.dtype == base.dtype
    np.testing.assert_array_equal(slopes, [1, 0, 1, -128 if kind == "int8" else 0, 0, 0])
    tangents = ft.jvp(lambda base: base**y, (base,), (np.ones_like(base),))[1]
    np.testing.assert_array_equal(tangents, slopes)


def test_the_slope_of_a_constant_power_is_zero() -> None:
    """Traced or not, and in native code: NaN to the power 0 is 1, as all else is."""
    x = np.array([np.nan, np.inf, -np.inf, 0.0, 3.0])
    y = np.zeros(5)
    wanted = np.zeros(5)
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(x**y))(x), wanted)
    both = ft.grad(lambda x, y: np.sum(x**y), argnums=(0, 1))
    for f in (both, ft.jit(both), ft.jit(both, backend="numpy")):
        np.testing.assert_array_equal(f(x, y)[0], wanted)


def test_mixed_second_derivative_of_a_varying_power_zero() -> None:
    # d/dx x**y = y * x**(y - 1), whose derivative by y at y = 0 is 1 / x: no mask may cut it off.
    by_x = ft.grad(p.power, 0)
    assert ft.grad(by_x, 1)(4.0, 0.0) == 0.25
    np.testing.assert_array_equal(
        ft.vmap(ft.grad(by_x, 1))(np.array([2.0, 4.0]), np.zeros(2)), [0.5, 0.25]
    )


def test_a_constant_negative_base_needs_no_logarithm() -> None:
    assert ft.grad(p.power, 0)(-2.0, 3.0) == 12
    assert np.isnan(ft.grad(p.power, 1)(-2.0, 3.0))
