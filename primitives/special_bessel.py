"""Bessel, Airy and Struve functions of scipy.special, by their argument.

The derivatives by the order are no function of scipy.special, so there is no rule for them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.errors import missing_rule
from functrans.core.kinds import elementwise, general, ufunc_shape
from functrans.core.primitive import ZERO
from functrans.core.types import Array, ArrayType, dtype_of, type_of

from .arithmetic import absolute, add, divide, multiply, negative, remainder, subtract
from .comparison import equal, less, where
from .exponential import power
from .samples import Sample, draw, unary
from .special_operands import double, double_shape, fit, with_parameters
from .special_ufuncs import sp

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.kinds import Function

inf = np.inf
ORDERS = with_parameters((0.2, 2.5), last=(0.5, 4))
WHOLE_ORDERS = [
    Sample(np.array([0, 1, 2, 5]), np.array([0.5, 1.5, 2.5, 3.5]), label="whole orders"),
    Sample(1, draw((2, 3), 0.5, 4).T, label="non-contiguous"),
    Sample(2, draw((3,), 0.5, 4).astype(np.float32), label="float32"),
    Sample(0, 1.5, label="0-d"),
    Sample(1, draw((0,), 0.5, 4), label="empty"),
]
COMPLEX = Sample(np.array([0.0, 1.0, 2.5]), draw((3,), 0.5, 2) * (1 + 1j), label="complex")
ORIGIN = np.zeros(4)
FIRST_ORDERS = np.arange(4.0)

# Cylinder functions.


def neighbours(
    function: Any, combine: Any, factor: float, x: Array, y: Array, ans_type: ArrayType
) -> Array:
    """``factor * combine(f(x - 1, y), f(x + 1, y))``, the derivative of a cylinder function."""
    x = double(x)  # x + 1 would round in float32
    slope = multiply(factor, combine(function(subtract(x, 1), y), function(add(x, 1), y)))
    return fit(slope, ans_type)


jv: Function = elementwise(
    "jv",
    sp.jv,
    None,
    lambda x, y, ans_type: neighbours(jv, subtract, 0.5, x, y, ans_type),
    samples=lambda: [
        *ORDERS(),
        COMPLEX,
        Sample(FIRST_ORDERS, ORIGIN, pinned=[None, np.array([0, 0.5, 0, 0])], label="the origin"),
    ],
)
yv: Function = elementwise(
    "yv",
    sp.yv,
    None,
    lambda x, y, ans_type: neighbours(yv, subtract, 0.5, x, y, ans_type),
    samples=lambda: [*ORDERS(), COMPLEX],
)
yn: Function = elementwise(
    "yn",
    sp.yn,
    None,
    lambda x, y, ans_type: neighbours(yv, subtract, 0.5, x, y, ans_type),
    samples=lambda: list(WHOLE_ORDERS),
)
hankel1: Function = elementwise(
    "hankel1",
    sp.hankel1,
    None,
    lambda x, y, ans_type: neighbours(hankel1, subtract, 0.5, x, y, ans_type),
    samples=lambda: [COMPLEX],
)
hankel2: Function = elementwise(
    "hankel2",
    sp.hankel2,
    None,
    lambda x, y, ans_type: neighbours(hankel2, subtract, 0.5, x, y, ans_type),
    samples=lambda: [COMPLEX],
)
iv: Function = elementwise(
    "iv",
    sp.iv,
    None,
    lambda x, y, ans_type: neighbours(iv, add, 0.5, x, y, ans_type),
    samples=lambda: [
        *ORDERS(),
        COMPLEX,
        Sample(FIRST_ORDERS, ORIGIN, pinned=[None, np.array([0, 0.5, 0, 0])], label="the origin"),
    ],
)
kv: Function = elementwise(
    "kv",
    sp.kv,
    None,
    lambda x, y, ans_type: neighbours(kv, add, -0.5, x, y, ans_type),
    samples=lambda: [*ORDERS(), COMPLEX],
)
kn = elementwise(
    "kn",
    sp.kn,
    None,
    lambda x, y, ans_type: neighbours(kv, add, -0.5, x, y, ans_type),
    samples=lambda: list(WHOLE_ORDERS),
)

# Orders 0 and 1.

j0 = elementwise("j0", sp.j0, lambda x: negative(j1(x)), samples=unary(-3, 3, complex_too=False))
j1: Function = elementwise(
    "j1",
    sp.j1,
    lambda x: multiply(0.5, subtract(j0(x), jv(2.0, x))),
    samples=unary(-3, 3, Sample(0.0, pinned=[0.5], label="the origin"), complex_too=False),
)
y0 = elementwise(
    "y0",
    sp.y0,
    lambda x: negative(y1(x)),
    samples=unary(0.5, 3, Sample(0.0, pinned=[inf], label="the pole"), complex_too=False),
)


def y1_partial(ans: Array, x: Array) -> Array:
    """``y0 - y1 / x``, infinite at the pole."""
    pole = equal(x, 0)
    z = where(pole, 1.0, x)
    return where(pole, inf, subtract(y0(z), divide(ans, z)))


y1: Function = elementwise(
    "y1",
    sp.y1,
    y1_partial,
    samples=unary(0.5, 3, Sample(0.0, pinned=[inf], label="the pole"), complex_too=False),
)
i0 = elementwise("i0", sp.i0, lambda x: i1(x), samples=unary(-3, 3, complex_too=False))
i1: Function = elementwise(
    "i1",
    sp.i1,
    lambda x: multiply(0.5, add(i0(x), iv(2.0, x))),
    samples=unary(-3, 3, Sample(0.0, pinned=[0.5], label="the origin"), complex_too=False),
)
k0 = elementwise("k0", sp.k0, lambda x: negative(k1(x)), samples=unary(0.5, 3, complex_too=False))
k1: Function = elementwise(
    "k1",
    sp.k1,
    # Not by the neighbours: SciPy's kv(2, x) is 0 for x >= 698, where k1 is not.
    lambda ans, x: negative(add(k0(x), divide(ans, x))),
    samples=unary(
        0.5, 3, Sample(700.0, pinned=[-4.676452304252103e-306], label="far out"), complex_too=False
    ),
)

# Exponentially scaled functions. The derivative of order n is a central difference of order 2n over
# the orders, which cancels for large arguments; there it is taken from the asymptotic series.


def differences(function: Any, x: Array, y: Array, z: int) -> Array:
    """``2**-z`` times the central difference of order 2z over the order x."""
    total = np.zeros(())
    for k in range(2 * z + 1):
        total = total + (-1) ** k * math.comb(2 * z, k) * function(x + (z - k), y)
    return total / 2**z


def asymptotic(x: Array, y: Array, z: int, alternating: int) -> Array:
    """The derivative of order z of the series in ``1 / y`` times ``y**(-1/2)``."""
    term = np.ones(np.broadcast_shapes(np.shape(x), np.shape(y)))
    total = np.zeros(term.shape)
    for k in range(30):
        slope = math.prod(-(k + 0.5 + j) for j in range(z))
        total = total + term * slope
        term = term * alternating * (4 * x * x - (2 * k + 1) ** 2) / (8 * (k + 1) * y)
    return total * y ** (-0.5 - z)


def scaled(function: Any, alternating: int, leading: float, turn: int) -> Any:
    """The implementation for ive (alternating series) or kve, by order, argument and derivative."""

    def impl(x: Array, y: Array, z: int) -> Array:
        order, size = np.asarray(x, float), np.abs(np.asarray(y, float))
        if z == 0:
            return np.asarray(function(order, size))[()]
        far = size > np.maximum(40, order * order)
        with np.errstate(all="ignore"):
            near = turn**z * differences(function, order, size, z)
            if not far.any():
                return np.asarray(near)[()]
            series = asymptotic(order, np.where(far, size, inf), z, alternating)
        return np.where(far, leading * series, near)[()]

    return impl


def scaled_samples(stated: float) -> Callable[[], list[Sample]]:
    """`stated` is the first derivative of order 0 at 2.5."""
    return lambda: [
        Sample(draw((3,), 0.2, 2.5), draw((3,), 0.5, 4, 1), 1),
        Sample(draw((2, 1), 0.2, 2.5), draw((3,), 0.5, 4, 1), 2, label="broadcast"),
        Sample(1.0, draw((2, 3), 0.5, 4).T, 0, label="non-contiguous"),
        Sample(0.0, 2.5, 1, value=stated, label="0-d"),
        Sample(0.0, draw((0,), 0.5, 4), 1, label="empty"),
        Sample(np.array([0.0, 1.0, 9.0]), np.array([300.0, 60.0, 70.0]), 1, label="far out"),
    ]


ive_derivative: Function = elementwise(
    "ive_derivative",
    scaled(sp.ive, -1, 1 / math.sqrt(2 * math.pi), 1),
    None,
    lambda x, y, z: ive_derivative(x, y, z + 1),
    ZERO,
    shape=lambda x, y, z: double_shape(x, y),
    samples=scaled_samples(-0.06346179208093619),
)
kve_derivative: Function = elementwise(
    "kve_derivative",
    scaled(sp.kve, 1, math.sqrt(math.pi / 2), -1),
    None,
    lambda x, y, z: kve_derivative(x, y, z + 1),
    ZERO,
    shape=lambda x, y, z: double_shape(x, y),
    samples=scaled_samples(-0.1406257335797785),
)


def ive_partial(ans: Array, x: Array, y: Array) -> Array:
    """The derivative of ``exp(-abs(y)) * iv(x, y)``, which is even or odd in y; 0 at the kink."""
    if dtype_of(y).kind == "c":
        raise missing_rule("scipy.special.ive of complex numbers (which is not holomorphic)")
    order = double(x)
    origin = equal(y, 0)
    mirrored = subtract(1.0, multiply(2.0, remainder(add(order, 1), 2.0)))
    turn = where(less(y, 0), mirrored, 1.0)
    slope = multiply(turn, ive_derivative(order, double(absolute(where(origin, 1.0, y))), 1))
    return fit(where(origin, where(equal(order, 1), 0.5, 0.0), slope), type_of(ans))


def kve_partial(ans: Array, x: Array, y: Array) -> Array:
    """The derivative of ``exp(y) * kv(x, y)``."""
    order = double(x)
    if dtype_of(y).kind == "c":
        around = add(kve(subtract(order, 1), y), kve(add(order, 1), y))
        return fit(subtract(ans, multiply(0.5, around)), type_of(ans))
    return fit(kve_derivative(order, double(y), 1), type_of(ans))


ive = elementwise(
    "ive",
    sp.ive,
    None,
    ive_partial,
    samples=lambda: [
        *ORDERS(),
        Sample(np.array([0.0, 1.0, 2.0]), np.array([-1.5, -0.5, -50.0]), label="negative"),
        Sample(np.arange(3.0), np.zeros(3), pinned=[None, np.array([0, 0.5, 0])], label="origin"),
    ],
)
kve: Function = elementwise("kve", sp.kve, None, kve_partial, samples=lambda: [*ORDERS(), COMPLEX])
i0e = elementwise(
    "i0e",
    sp.i0e,
    lambda ans, x: ive_partial(ans, 0.0, x),
    samples=unary(
        0.5,
        3,
        Sample(np.array([-1.5, -60.0]), label="negative"),
        Sample(0.0, pinned=[0], label="the kink"),
        complex_too=False,
    ),
)
i1e = elementwise(
    "i1e",
    sp.i1e,
    lambda ans, x: ive_partial(ans, 1.0, x),
    samples=unary(
        0.5,
        3,
        Sample(np.array([-1.5, -60.0]), label="negative"),
        Sample(0.0, pinned=[0.5], label="the origin"),
        complex_too=False,
    ),
)
k0e = elementwise(
    "k0e",
    sp.k0e,
    lambda ans, x: kve_partial(ans, 0.0, x),
    samples=unary(0.5, 3, Sample(60.0, label="far out"), complex_too=False),
)
k1e = elementwise(
    "k1e",
    sp.k1e,
    lambda ans, x: kve_partial(ans, 1.0, x),
    samples=unary(0.5, 3, Sample(60.0, label="far out"), complex_too=False),
)

# Struve functions.


def struve_constant(x: Array, y: Array) -> Array:
    """``(y / 2)**x / (sqrt(pi) * gamma(x + 3/2))``, the inhomogeneous term of the recurrences."""
    weight = divide(sp.rgamma(add(x, 1.5)), math.sqrt(math.pi))
    return multiply(power(multiply(0.5, y), x), weight)


def struve_partial(ans: Array, x: Array, y: Array) -> Array:
    """``H(x - 1, y) - x / y * H(x, y)``, at the origin from the other recurrence."""
    order, wide = double(x), double(y)
    origin = equal(wide, 0)
    z = where(origin, 1.0, wide)
    inner = subtract(struve(subtract(order, 1), z), multiply(divide(order, z), struve(order, z)))
    limit = where(equal(order, 0), 2 / math.pi, struve_constant(order, where(origin, wide, 0.0)))
    return fit(where(origin, limit, inner), type_of(ans))


def modstruve_partial(ans: Array, x: Array, y: Array) -> Array:
    """Half the sum of ``L(x - 1, y)``, ``L(x + 1, y)`` and the inhomogeneous term: all positive."""
    order, wide = double(x), double(y)
    around = add(modstruve(subtract(order, 1), wide), modstruve(add(order, 1), wide))
    return fit(multiply(0.5, add(around, struve_constant(order, wide))), type_of(ans))


struve: Function = elementwise(
    "struve",
    sp.struve,
    None,
    struve_partial,
    samples=lambda: [
        *ORDERS(),
        Sample(np.zeros(2), np.array([0.0, -0.0]), pinned=[None, 2 / math.pi], label="the origin"),
    ],
)
modstruve: Function = elementwise(
    "modstruve",
    sp.modstruve,
    None,
    modstruve_partial,
    samples=lambda: [
        *ORDERS(),
        Sample(0.0, 0.0, pinned=[None, 2 / math.pi], label="the origin"),
    ],
)

# Airy functions: Ai, Ai', Bi, Bi'.


def airy_push(t: Array, ans: Any, x: Array) -> Any:
    a, slope_a, b, slope_b = ans
    return tuple(multiply(t, d) for d in (slope_a, multiply(x, a), slope_b, multiply(x, b)))


def airy_pull(g: Any, ans: Any, x: Array) -> Array:
    a, slope_a, b, slope_b = ans
    parts = zip(g, (slope_a, multiply(x, a), slope_b, multiply(x, b)), strict=True)
    first, *others = [multiply(c, d) for c, d in parts]
    for part in others:
        first = add(first, part)
    return first


airy: Function = general(
    "airy",
    sp.airy,
    pushes=(airy_push,),
    pulls=(airy_pull,),
    batch=lambda x: airy(x),
    shape=ufunc_shape(sp.airy),
    outputs=4,
    samples=unary(-2, 2),
)
