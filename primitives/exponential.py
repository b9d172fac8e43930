"""Exponentials, logarithms, powers and roots."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.array import TracedArray
from functrans.core.kinds import elementwise, ufunc_shape
from functrans.core.primitive import ZERO
from functrans.core.types import SCALARS, Array, ArrayType, dtype_of, type_of

from .arithmetic import (
    add,
    astype,
    divide,
    multiply,
    negative,
    radius,
    square,
    subtract,
)
from .comparison import equal, isinf, joint_dtype, logical_and, logical_or, where
from .samples import Sample, binary, draw, unary

if TYPE_CHECKING:
    from functrans.core.kinds import Function

nan, inf = np.nan, np.inf
LOG2, LOG10 = math.log(2), math.log(10)

# Exponentials and logarithms.

exp = elementwise(
    "exp",
    np.exp,
    "ans",
    samples=unary(-2, 2, Sample(np.array([-inf, 0.0]), pinned=[np.array([0, 1.0])])),
)
exp2 = elementwise("exp2", np.exp2, lambda ans: multiply(ans, LOG2), samples=unary(-2, 2))
expm1 = elementwise(
    "expm1",
    np.expm1,
    lambda x: exp(x),
    samples=unary(-2, 2, Sample(-40.0, pinned=[np.exp(-40)], label="far out")),
)
log = elementwise(
    "log",
    np.log,
    lambda g, x: divide(g, x),
    samples=unary(
        0.5,
        2,
        Sample(0.0, pinned=[inf], label="the singularity"),
        Sample(np.array([1e-308, inf]), pinned=[np.array([1 / 1e-308, 0])], label="extremes"),
        Sample(np.array([-2 + 0j, complex(-2, -0.0)]), pinned=[-0.5], label="the branch cut"),
    ),
)
log2 = elementwise(
    "log2", np.log2, lambda g, x: divide(multiply(1 / LOG2, g), x), samples=unary(0.5, 2)
)
log10 = elementwise(
    "log10", np.log10, lambda g, x: divide(multiply(1 / LOG10, g), x), samples=unary(0.5, 2)
)
log1p = elementwise(
    "log1p",
    np.log1p,
    lambda g, x: divide(g, add(1, x)),
    samples=unary(
        -0.5,
        2,
        Sample(-1.0, pinned=[inf], label="the singularity"),
        Sample(-1 + 2**-50, pinned=[2.0**50], label="near the singularity"),
    ),
)

# Roots and powers.

sqrt = elementwise(
    "sqrt",
    np.sqrt,
    lambda g, ans: divide(multiply(0.5, g), ans),
    samples=unary(
        0.5,
        2,
        Sample(0.0, pinned=[inf], label="the singularity"),
        Sample(np.array([1e-300, inf]), pinned=[np.array([5e149, 0])], label="extremes"),
        Sample(-4 + 0j, pinned=[-0.25j], label="above the branch cut"),
        Sample(complex(-4, -0.0), pinned=[0.25j], label="below the branch cut"),
    ),
)
cbrt = elementwise(
    "cbrt",
    np.cbrt,
    lambda g, ans: divide(divide(g, multiply(3, ans)), ans),
    samples=unary(
        -2,
        -0.5,
        Sample(0.0, pinned=[inf], label="the singularity"),
        Sample(-8e-300, pinned=[1 / 12e-200], label="tiny"),
        Sample(np.array([-inf, inf]), pinned=[0], label="infinity"),
        complex_too=False,
    ),
)


def power_by_base(x: Array, y: Array) -> Array:
    """``y * x**(y - 1)``, which is 0 for y = 0 at any x, 0 included."""
    if type(y) in SCALARS:
        return power_by_base_known(x, y)
    x, y = strong(x, y)
    if isinstance(y, TracedArray):
        return power_slope(x, y)
    if dtype_of(y).kind in "biu":  # where y - 1 is an integer of another size, or overflows
        y = astype(y, dtype=joint_dtype(type_of(x), type_of(y)))
    # The exponent of a constant power 0 may be anything.
    return multiply(y, power(x, where(equal(y, 0), 0, subtract(y, 1))))


def strong(x: Array, y: Array) -> list[Array]:
    """Two operands, none of them weak: ``y - 1`` would no longer be."""
    types = type_of(x), type_of(y)
    dtype = joint_dtype(*types)
    return [astype(z, dtype=dtype) if t.weak else z for z, t in zip((x, y), types, strict=True)]


def power_by_base_known(x: Array, y: complex) -> Array:
    """The same for one number `y`, with the products that it needs at most."""
    if y == 0:
        return 0
    n = y - 1
    if n == 0:
        return 1
    if n == 1:
        return multiply(2, x)
    if n == 2:
        return multiply(3, square(x))
    if n == 3:
        return multiply(4, multiply(x, square(x)))
    dtype = dtype_of(x)
    if dtype.kind == "f" and isinstance(y, int | float | np.floating):
        exponent = dtype.type(y) if type_of(y).weak else y
        if rounded_off(exponent, -1):
            return power_slope(x, exponent)
    return multiply(y, power(x, n))


def rounded_off(x: Any, y: Any) -> Any:
    """What rounding takes from ``x + y``, exactly (Knuth, Moller)."""
    total = x + y
    added = total - x
    return (x - (total - added)) + (y - added)


def power_by_exponent(ans: Array, x: Array, y: Array) -> Array:
    """``ans * log(x)``, which is 0 where the power vanishes, and 0 at 0**0."""
    if isinstance(x, TracedArray) or isinstance(y, TracedArray):
        return power_log(*(astype(z, dtype=dtype_of(ans)) for z in (x, y)))
    return times_log(ans, x, y)


def times_log(ans: Array, x: Array, y: Array) -> Array:
    """A multiple of a power times the logarithm of its base; see :func:`power_by_exponent`."""
    dtype = dtype_of(ans)
    if dtype_of(x) != dtype or type_of(x).weak:
        x = astype(x, dtype=dtype)
    if not (issubclass(type(x), np.floating) and 0 < x < inf):
        vanishing = logical_or(equal(ans, 0), logical_and(equal(x, 0), equal(y, 0)))
        x = where(vanishing, 1, x)
    return multiply(ans, log(x))


# The first derivatives of a power as functions of both operands. Their own derivatives are exact at
# the base 0 too, where those of their factors would be 0 times infinity, or cancel.


def power_slope_impl(x: Array, y: Array) -> Array:
    x, y = cast_together(x, y)
    with np.errstate(all="ignore"):
        one = y.ndim == 0 and bool(y[()])
        y = y[()] if one else y
        # The power 0 of anything is constant, that of 0 and of NaN too.
        ans = y * np.power(x, y - 1 if one else np.where(y == 0, 0, y - 1))
        if ans.dtype.kind == "f":
            rest = rounded_off(y, -1)
            if rest if one else rest.any():  # half an ulp of the exponent counts log(x) times over
                part = rest * np.log(x)
                part = np.where(np.abs(part) < 1e-3, part, 0)  # not infinite or huge exponents
                ans = ans * (1 + part).astype(ans.dtype)
        return ans[()]


def power_log_impl(x: Array, y: Array) -> Array:
    x, y = cast_together(x, y)
    with np.errstate(all="ignore"):
        ans = np.power(x, y)
        return (ans * np.log(np.where((ans == 0) | at_origin(x, y), 1, x)))[()]


def power_mixed_impl(x: Array, y: Array) -> Array:
    x, y = cast_together(x, y)
    with np.errstate(all="ignore"):
        below = np.power(x, np.where(at_origin(x, y), 1, y - 1))
        return (below * (1 + y * np.log(np.where(below == 0, 1, x))))[()]


def cast_together(x: Array, y: Array) -> list[Array]:
    dtype = np.result_type(x, y)
    return [np.asarray(z, dtype) for z in (x, y)]


def at_origin(x: Array, y: Array) -> Array:
    """Where a power is 0**0, which has derivatives 0."""
    return (x == 0) & (y == 0)


def slope_by_base(x: Array, y: Array) -> Array:
    """``y * (y - 1) * x**(y - 2)``."""
    x, y = strong(x, y)
    return multiply(y, power_slope(x, where(equal(y, 0), 1, subtract(y, 1))))


def mixed_by_base(x: Array, y: Array) -> Array:
    x, y = strong(x, y)
    n = subtract(y, 1)
    return add(multiply(y, power_mixed(x, n)), power_slope(x, n))


def mixed_by_exponent(ans: Array, x: Array, y: Array) -> Array:
    x, y = strong(x, y)
    return add(times_log(ans, x, y), power_log(x, subtract(y, 1)))


AT_ZERO = (np.zeros(4), np.array([0.5, 1.0, 2.0, 3.0]))

power_slope: Function = elementwise(
    "power_slope",  # y * x**(y - 1)
    power_slope_impl,
    slope_by_base,
    lambda x, y: power_mixed(x, y),
    shape=ufunc_shape(np.power),
    samples=binary(
        0.5,
        2,
        Sample(*AT_ZERO, pinned=[[-inf, 0, 2, 0], [-inf, -inf, 0, 0]], label="at 0"),
        Sample(0.0, 0.0, pinned=[0, 0], label="0**0"),
        Sample(
            np.array([np.nan, inf, -inf]),
            np.zeros(3),
            smooth=False,
            value=[0, 0, 0],
            label="constant powers",
        ),
        Sample(
            np.array([3.0, 0.5, 3.0, 1.0, 0.5]),
            np.array([1e300, 1e300, inf, inf, -inf]),
            smooth=False,
            value=[inf, 0, inf, inf, -inf],
            label="huge exponents",
        ),
    ),
)
power_log: Function = elementwise(
    "power_log",  # x**y * log(x)
    power_log_impl,
    lambda x, y: power_mixed(x, y),
    lambda ans, x, y: times_log(ans, x, y),
    shape=ufunc_shape(np.power),
    samples=binary(
        0.5,
        2,
        Sample(*AT_ZERO, pinned=[[-inf, -inf, 0, 0], 0], label="at 0"),
        Sample(0.0, 0.0, pinned=[0, 0], label="0**0"),
    ),
)
power_mixed: Function = elementwise(
    "power_mixed",  # x**(y - 1) * (1 + y * log(x)), the derivative of either by the other operand
    power_mixed_impl,
    mixed_by_base,
    mixed_by_exponent,
    shape=ufunc_shape(np.power),
    samples=binary(0.5, 2, Sample(0.0, 3.0, pinned=[0, 0], label="at 0")),
)
power: Function = elementwise(
    "power",
    np.power,
    power_by_base,
    power_by_exponent,
    samples=binary(
        0.5,
        2,
        Sample(draw((3,), -2, -0.5), 3, label="negative base, whole power"),
        Sample(draw((3,), -2, 2), np.array([0, 1, 4]), label="whole powers"),
        Sample(np.array([0.0, -2.0, inf, nan]), 0, pinned=[0, None], label="x**0"),
        Sample(np.array([0.0, -2.0, inf]), np.zeros(3), pinned=[0, None], label="x**0"),
        Sample(
            np.zeros(6),
            np.array([0.0, 0.5, 1.0, 2.0, 3.0, -1.0]),
            pinned=[np.array([0, inf, 1, 0, 0, -inf]), np.array([0, 0, 0, 0, 0, -inf])],
            label="0**y",
        ),
        Sample(0.0, 1, pinned=[1, 0], label="0**1"),
        Sample(0.0, 2, pinned=[0, 0], label="0**2"),
        Sample(0.0, 0.5, pinned=[inf, 0], label="0**0.5"),
        Sample(0.0, -1, pinned=[-inf, -inf], label="0**-1"),
        Sample(inf, np.array([-1.0, 2.0]), pinned=[inf, np.array([0, inf])], label="infinity"),
        Sample(1e-200, 2.0, pinned=[2e-200, 0], label="a vanishing power"),
        Sample(-2.0, 3.0, pinned=[12, nan], label="negative base, varying power"),
        Sample(np.zeros(2, complex), np.array([2.0, 1.0]), pinned=[np.array([0, 1]), 0]),
        Sample(np.array([-2.0, 2.0]), np.array([1 + 1j, 2 - 1j]), label="real base, complex power"),
    ),
)
float_power: Function = elementwise(
    "float_power",
    np.float_power,
    lambda ans, x, y: power_by_base(astype(x, dtype=dtype_of(ans)), y),
    power_by_exponent,
    samples=binary(0.5, 2, Sample(np.array([1, 2, 3]), -2, label="integers")),
)


def direction_impl(x: Array, y: Array) -> Array:
    r = np.hypot(x, y)
    with np.errstate(invalid="ignore"):  # infinity / infinity is replaced
        ratio = x / np.where(r == 0, inf, r)
    return np.where(np.absolute(x) == np.inf, np.copysign(1, x), ratio).astype(r.dtype)[()]


def turned(d: Array, x: Array, y: Array) -> Array:
    """``d**2 / hypot(x, y)``, divided before the square can underflow."""
    return multiply(d, divide(d, radius(hypot(x, y))))


# x / hypot(x, y): 0 at the origin, 1 or -1 where x is infinite. Its own derivatives do not cancel,
# as those of the quotient would.
direction: Function = elementwise(
    "direction",
    direction_impl,
    lambda x, y: turned(direction(y, x), x, y),
    lambda ans, x, y: negative(multiply(ans, divide(direction(y, x), radius(hypot(x, y))))),
    shape=ufunc_shape(np.hypot),
    samples=binary(
        0.5,
        2,
        Sample(0.0, 0.0, pinned=[0, 0], label="the origin"),
        Sample(1.0, 1e-12, pinned=[1e-24, -1e-12], label="beside an axis"),
        Sample(-inf, 1.0, pinned=[0, 0], label="infinity"),
        complex_too=False,
    ),
)
hypot: Function = elementwise(
    "hypot",
    np.hypot,
    lambda x, y: direction(x, y),
    lambda x, y: direction(y, x),
    samples=binary(
        0.5,
        2,
        Sample(0.0, 0.0, pinned=[0, 0], label="the origin"),
        Sample(0.0, -2.0, pinned=[0, -1], label="on an axis"),
        Sample(3e200, 4e200, pinned=[0.6, 0.8], label="huge"),
        Sample(3e-200, 4e-200, pinned=[0.6, 0.8], label="tiny"),
        Sample(-inf, 1.0, pinned=[-1, 0], label="infinity"),
        complex_too=False,
    ),
)

# Sums of exponentials.

BOTH_INFINITE = Sample(
    np.array([-inf, inf]), np.array([-inf, inf]), pinned=[0.5, 0.5], label="both infinite"
)


def sigmoid_impl(x: Array) -> Array:
    if dtype_of(x).kind == "c":
        with np.errstate(over="ignore"):  # 1 / infinity is the right value
            return 1 / (1 + np.exp(-x))
    e = np.exp(-np.abs(x))  # exp(-x) would overflow where the value is tiny but no zero
    return np.where(np.less(x, 0), e, np.ones_like(e))[()] / (1 + e)


sigmoid: Function = elementwise(
    "sigmoid",
    sigmoid_impl,
    lambda ans, x: multiply(ans, sigmoid(negative(x))),
    samples=unary(
        -2,
        2,
        Sample(
            np.array([-inf, -800.0, -720.0, -40.0, 40.0, 800.0, inf]),
            pinned=[np.array([0, 0, np.exp(-720), np.exp(-40), np.exp(-40), 0, 0])],
            label="far out",
        ),
    ),
)


def share_impl(x: Array, y: Array, exponential: Any, rate: float) -> Array:
    """``1 / (1 + exponential(y - x))``, with what rounding takes from the difference."""
    x, y = cast_together(x, y)
    with np.errstate(all="ignore"):
        d = np.where((x == y) & np.isinf(x), 0, x - y)
        e = exponential(-np.abs(d))
        below = np.signbit(d)
        ans = np.where(below, e, np.ones_like(e)) / (1 + e)
        other = np.where(below, np.ones_like(e), e) / (1 + e)
        rest = rounded_off(x, -y)
        rest = np.where(np.isfinite(rest), rest, 0)
        return np.asarray(ans * (1 + rate * rest * other), x.dtype)[()]


def share_slope(ans: Array, x: Array, y: Array, other: Array) -> Array:
    """The derivative of a share by its own exponent: none between two infinities."""
    return where(logical_and(equal(x, y), isinf(x)), 0.0, multiply(ans, other))


def shares(name: str, ufunc: np.ufunc, exponential: np.ufunc, rate: float) -> Function:
    """The share of the first of two exponentials in their sum."""

    def slope(ans: Array, x: Array, y: Array) -> Array:
        return multiply(rate, share_slope(ans, x, y, call(y, x)))

    call: Function = elementwise(
        name,
        lambda x, y: share_impl(x, y, exponential, rate),
        lambda ans, x, y: slope(ans, x, y),
        lambda ans, x, y: negative(slope(ans, x, y)),
        shape=ufunc_shape(ufunc),
        samples=binary(
            -2,
            2,
            Sample(
                np.array([-40.0, -inf, inf, 1e10, inf, -inf]),
                np.array([0.0, 1.0, 1.0, 1e10, inf, -inf]),
                smooth=False,
                value=[exponential(-40.0), 0, 1, 0.5, 0.5, 0.5],
                label="far apart",
            ),
            Sample(
                np.array([-inf, inf, inf]),
                np.array([1.0, 1.0, inf]),
                pinned=[[0, 0, 0], [0, 0, 0]],
                label="infinite",
            ),
            complex_too=False,
        ),
    )
    return call


share = shares("share", np.logaddexp, np.exp, 1.0)
share2 = shares("share2", np.logaddexp2, np.exp2, LOG2)
logaddexp = elementwise(
    "logaddexp",
    np.logaddexp,
    lambda x, y: share(x, y),
    lambda x, y: share(y, x),
    samples=binary(
        -2,
        2,
        BOTH_INFINITE,
        Sample(np.array([-inf, inf]), 1.0, pinned=[np.array([0, 1]), 1], label="one infinite"),
        Sample(-40.0, 0.0, pinned=[np.exp(-40), 1], label="far apart"),
        Sample(1e10, 1e10 + 1, pinned=[1 / (1 + np.e), 1 / (1 + 1 / np.e)], label="huge"),
        Sample(np.array([1.0, 1.0]), np.array([1.0, 1.0]), label="ties"),
        complex_too=False,
    ),
)
logaddexp2 = elementwise(
    "logaddexp2",
    np.logaddexp2,
    lambda x, y: share2(x, y),
    lambda x, y: share2(y, x),
    samples=binary(
        -2,
        2,
        BOTH_INFINITE,
        complex_too=False,
    ),
)

# The modified Bessel function and its derivatives, without SciPy.


def real_line_shape(x: ArrayType, *rest: ArrayType) -> ArrayType:
    """As the operand, whole numbers made floating-point numbers."""
    return ArrayType(x.shape, x.dtype if x.dtype.kind in "fc" else float)


def modified_bessel_impl(x: Array, y: int) -> Array:
    """The modified Bessel function of whole order `y`: NumPy's own for order 0.

    Other orders are the mean of ``exp(x * cos(a)) * cos(y * a)`` over all angles `a`. At 256
    angles it is exact up to rounding as far as numbers reach; taking those at `a` and ``pi - a``
    together leaves nothing that cancels near 0.
    """
    order = abs(int(y))
    if order == 0:
        return np.i0(x)[()]
    wide = np.asarray(x, float)
    total = np.zeros_like(wide)
    for angle in (np.arange(64) + 0.5) * (math.pi / 128):
        along = wide * math.cos(angle)
        part = np.sinh(along) if order % 2 else 2 * np.sinh(along / 2) ** 2
        total += part * math.cos(order * angle)
    return (total / 64).astype(np.asarray(x).dtype)[()]


modified_bessel: Function = elementwise(
    "modified_bessel",
    modified_bessel_impl,
    lambda x, y: multiply(0.5, add(modified_bessel(x, y - 1), modified_bessel(x, y + 1))),
    ZERO,
    shape=real_line_shape,
    samples=lambda: [
        Sample(draw((5,), -4, 4), 0),
        Sample(draw((2, 3), -20, 20).T, 1, label="non-contiguous"),
        Sample(draw((3,), -4, 4).astype(np.float32), 2, label="float32"),
        Sample(draw((), 1, 4)[()], 3, label="0-d"),
        Sample(draw((0,), 1, 4), 1, label="empty"),
        Sample(np.array([0.0, 1e-9]), 0, pinned=[np.array([0.0, 5e-10]), None], label="the origin"),
        Sample(np.array([500.0, 700.0]), 1, second=False, label="far out"),
    ],
)
"""The modified Bessel function of the first kind of whole order `y`."""
