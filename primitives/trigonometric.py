"""Circular and hyperbolic functions with their inverses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from functrans.core.kinds import elementwise, ufunc_shape
from functrans.core.types import Array, dtype_of

from .arithmetic import add, divide, multiply, negative, radius, square, subtract
from .exponential import direction, hypot, sqrt
from .samples import Sample, binary, unary

if TYPE_CHECKING:
    from functrans.core.kinds import Function

inf = np.inf

# Circular functions.

sin = elementwise("sin", np.sin, np.cos, samples=unary(-4, 4))
cos: Function = elementwise("cos", np.cos, lambda x: negative(sin(x)), samples=unary(-4, 4))
tan = elementwise("tan", np.tan, lambda ans: add(1, square(ans)), samples=unary(-1, 1))

# Hyperbolic functions.

sinh = elementwise("sinh", np.sinh, np.cosh, samples=unary(-2, 2))
cosh = elementwise("cosh", np.cosh, np.sinh, samples=unary(-2, 2))


def sech_square_impl(x: Array) -> Array:
    with np.errstate(over="ignore"):  # 1 / infinity is the right value
        # The square of cosh would overflow before its reciprocal vanishes.
        return np.square(np.reciprocal(np.cosh(x)))


# 1 / cosh(x)**2: far out ``1 - tanh(x)**2`` would cancel, and there its own derivative is 0, where
# that of the quotient would be 0 times infinity.
sech_square: Function = elementwise(
    "sech_square",
    sech_square_impl,
    lambda ans, x: multiply(-2, multiply(ans, tanh(x))),
    shape=ufunc_shape(np.tanh),
    samples=unary(
        -2,
        2,
        Sample(np.array([-inf, -800.0, 800.0, inf]), pinned=[0], label="beyond"),
        Sample(np.array([0.0, 357.0]), smooth=False, value=[1, 4 * np.exp(-714)], label="exactly"),
    ),
)


def over_cosh_square_impl(x: Array, y: Array) -> Array:
    c = np.cosh(y)
    return x / c / c


# A cotangent through tanh, in one operation: sech_square would have to turn warnings off, which
# takes as long as all of this, and rules run where they are off.
over_cosh_square: Function = elementwise(
    "over_cosh_square",
    over_cosh_square_impl,
    lambda g, y: over_cosh_square(g, y),
    lambda ans, y: multiply(-2, multiply(ans, tanh(y))),
    shape=ufunc_shape(np.divide),
    samples=lambda: [
        Sample(2.0, 0.5, value=2 / np.cosh(0.5) ** 2),
        Sample(np.array([1.0, -2.0, 0.0]), np.array([-1.0, 0.0, 2.0])),
        Sample(np.float32(1.5), np.array([0.3, 2.0], np.float32)),
        Sample(1 + 2j, 0.3 - 0.2j),
        Sample(np.ones((2, 1)), np.linspace(-2, 2, 3)),
        Sample(np.ones(2), np.array([357.0, -300.0]), pinned=[None, [0]], label="far out"),
        Sample(np.ones((0,)), np.ones((0,))),
    ],
)


tanh: Function = elementwise(
    "tanh",
    np.tanh,
    lambda g, x: over_cosh_square(g, x),
    samples=unary(
        -2,
        2,
        Sample(np.array([20.0, -20.0]), pinned=[4 * np.exp(-40)], label="far out"),
        Sample(300.0, pinned=[4 * np.exp(-600)], label="farther out"),
        Sample(np.array([800.0, -inf]), pinned=[0], label="beyond"),
    ),
)

# Inverse functions. One is subtracted and added such that on a branch cut the sign of a zero part,
# which tells the side, survives: z - 1 and z - (-1) keep the imaginary zero of z, 1 - z and z + 1
# do not.


one_minus_square = elementwise(
    "one_minus_square",
    lambda x: (1 - x) * (1 + x),
    lambda x: multiply(-2, x),
    shape=lambda x: x,
    samples=unary(-2, 2, Sample(1 - 2**-50, pinned=[-2 + 2**-49], label="near a zero")),
)


def one_minus_square_root(x: Array) -> Array:
    """``sqrt(1 - x**2)``, without cancellation near 1 and -1."""
    if dtype_of(x).kind == "c":
        return multiply(sqrt(negative(subtract(x, 1))), sqrt(subtract(x, -1)))
    return sqrt(one_minus_square(x))


def one_plus_square_root(x: Array) -> Array:
    """``sqrt(1 + x**2)``, without overflow, and without cancellation near 1j and -1j."""
    if dtype_of(x).kind == "c":
        return sqrt(multiply(subtract(x, 1j), subtract(x, complex(0, -1))))
    return hypot(x, 1)


arcsin = elementwise(
    "arcsin",
    np.arcsin,
    lambda g, x: divide(g, one_minus_square_root(x)),
    samples=unary(
        -0.9,
        0.9,
        Sample(np.array([-1.0, 1.0]), pinned=[inf], label="the ends"),
        Sample(1 - 2**-50, pinned=[2.0**25 / np.sqrt(2 - 2**-50)], label="near an end"),
        Sample(
            np.array([2 + 0j, complex(2, -0.0), -2 + 0j, complex(-2, -0.0)]),
            pinned=[np.array([1j, -1j, -1j, 1j]) / np.sqrt(3)],
            label="the branch cuts",
        ),
    ),
)
arccos = elementwise(
    "arccos",
    np.arccos,
    lambda g, x: negative(divide(g, one_minus_square_root(x))),
    samples=unary(
        -0.9,
        0.9,
        Sample(np.array([-1.0, 1.0]), pinned=[-inf], label="the ends"),
        Sample(
            np.array([2 + 0j, complex(2, -0.0), -2 + 0j, complex(-2, -0.0)]),
            pinned=[np.array([-1j, 1j, 1j, -1j]) / np.sqrt(3)],
            label="the branch cuts",
        ),
    ),
)


def arctan_slope_partial(ans: Array, x: Array) -> Array:
    """``-2 * x / (1 + x**2)**2``, which is 0 at infinity."""
    if dtype_of(x).kind == "c":
        return multiply(-2, multiply(x, square(ans)))
    return multiply(-2, multiply(ans, divide(direction(x, 1), hypot(x, 1))))


def arctan_slope_impl(x: Array) -> Array:
    if dtype_of(x).kind != "c":
        r = np.hypot(1, x)  # the square would overflow before its reciprocal vanishes
        return 1 / r / r
    with np.errstate(over="ignore", divide="ignore"):  # infinities have the right reciprocal
        return 1 / (1 + np.square(x))


arctan_slope: Function = elementwise(
    "arctan_slope",
    arctan_slope_impl,
    arctan_slope_partial,
    shape=ufunc_shape(np.arctan),
    samples=unary(
        -2,
        2,
        Sample(np.array([-inf, 1e200, inf]), pinned=[0], label="far out"),
        Sample(1e155, smooth=False, value=1e-310, label="the square overflows"),
    ),
)
arctan = elementwise(
    "arctan",
    np.arctan,
    lambda x: arctan_slope(x),
    samples=unary(-2, 2, Sample(np.array([1e200, -inf]), pinned=[0], label="far out")),
)


def arctan2_partial(x: Array, y: Array) -> Array:
    """``y / (x**2 + y**2)`` without overflow; 0 at the origin and at infinity."""
    return divide(direction(y, x), radius(hypot(x, y)))


arctan2 = elementwise(
    "arctan2",
    np.arctan2,
    arctan2_partial,
    lambda x, y: negative(arctan2_partial(y, x)),
    samples=binary(
        0.5,
        2,
        Sample(0.0, 0.0, pinned=[0, 0], label="the origin"),
        Sample(np.array([0.0, -0.0]), -2.0, pinned=[-0.5, 0], label="the branch cut"),
        Sample(3e200, 4e200, pinned=[1.6e-201, -1.2e-201], label="huge"),
        Sample(3e-200, 4e-200, pinned=[1.6e199, -1.2e199], label="tiny"),
        Sample(1.0, inf, pinned=[0, 0], label="infinity"),
        complex_too=False,
    ),
)
arcsinh = elementwise(
    "arcsinh",
    np.arcsinh,
    lambda g, x: divide(g, one_plus_square_root(x)),
    samples=unary(
        -2,
        2,
        Sample(np.array([1e200, -inf]), pinned=[np.array([1e-200, 0])], label="far out"),
        Sample(
            np.array([2j, complex(-0.0, 2), complex(0.0, -2), complex(-0.0, -2)]),
            pinned=[np.array([-1j, 1j, 1j, -1j]) / np.sqrt(3)],
            label="the branch cuts",
        ),
    ),
)
arccosh = elementwise(
    "arccosh",
    np.arccosh,
    lambda g, x: divide(divide(g, sqrt(subtract(x, 1))), sqrt(subtract(x, -1))),
    samples=unary(
        1.2,
        3,
        Sample(1.0, pinned=[inf], label="the end"),
        Sample(np.array([1e200, inf]), pinned=[np.array([1e-200, 0])], label="far out"),
        Sample(
            np.array([0j, complex(0, -0.0), -2 + 0j]),
            pinned=[np.array([-1j, 1j, -1 / np.sqrt(3)])],
            label="the branch cut",
        ),
    ),
)
arctanh = elementwise(
    "arctanh",
    np.arctanh,
    lambda g, x: divide(g, one_minus_square(x)),
    samples=unary(
        -0.9,
        0.9,
        Sample(np.array([-1.0, 1.0]), pinned=[inf], label="the ends"),
        Sample(1 - 2**-50, pinned=[2.0**50 / (2 - 2**-50)], label="near an end"),
    ),
)

# Degrees.

degrees: Function = elementwise(
    "degrees", np.degrees, lambda g: degrees(g), samples=unary(-4, 4, complex_too=False)
)
radians: Function = elementwise(
    "radians", np.radians, lambda g: radians(g), samples=unary(-180, 180, complex_too=False)
)
rad2deg: Function = elementwise(
    "rad2deg", np.rad2deg, lambda g: rad2deg(g), samples=unary(-4, 4, complex_too=False)
)
deg2rad: Function = elementwise(
    "deg2rad", np.deg2rad, lambda g: deg2rad(g), samples=unary(-180, 180, complex_too=False)
)
