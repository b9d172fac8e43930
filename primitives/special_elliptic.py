"""Elliptic integrals and functions of scipy.special: Carlson's, Legendre's by the parameter,
Jacobi's.

The derivatives of Carlson's integrals are integrals of the same kind, with other exponents.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import align, elementwise, general, ufunc_shape
from functrans.core.types import Array, ArrayType, type_of

from .arithmetic import add, divide, multiply, negative, reciprocal, square, subtract
from .comparison import equal, rint, where
from .exponential import sqrt
from .samples import Sample, binary, draw
from .special_integrals import ellipe_slope, ellipk_slope
from .special_operands import double, fit, with_parameters
from .special_ufuncs import sp
from .trigonometric import cos, sin

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.kinds import Function

CHUNK = 1024  # elements integrated at a time

# The integral of ``t**rise / (t + x)**p / (t + y)**q ...`` over positive t.


def carlson_impl(*xs: Array, powers: tuple[float, ...], rise: int) -> Array:
    dtype = np.result_type(*xs, np.float64)
    wide = np.broadcast_arrays(*(np.asarray(x, dtype) for x in xs))
    points = np.stack([x.ravel() for x in wide])
    parts = [
        carlson_sum(points[:, i : i + CHUNK], powers, rise)
        for i in range(0, points.shape[1], CHUNK)
    ]
    values = np.concatenate(parts) if parts else np.zeros(0, dtype)
    return values.reshape(wide[0].shape)[()]


def carlson_sum(points: Array, powers: tuple[float, ...], rise: int) -> Array:
    """By the trapezoidal rule in the logarithm of t, which converges exponentially."""
    exponents = np.array(powers)[:, None]
    size = np.abs(points)
    counted = exponents > 0
    zero = (size == 0) & counted
    start = rise + 1 - np.sum(np.where(zero, exponents, 0), axis=0)  # the power of t at 0
    fall = float(np.sum(exponents)) - rise - 1
    with np.errstate(all="ignore"):
        logs = np.log(np.where(size > 0, size, 1))
        low = np.min(np.where((size > 0) & counted, logs, np.inf), axis=0)
        high = np.max(np.where((size > 0) & counted, logs, -np.inf), axis=0)
        low, high = (np.where(np.isfinite(v), v, 0.0) for v in (low, high))
        low, high = low - 40 / np.maximum(start, 0.25), high + 40 / fall
        h = 0.25
        count = math.ceil(float(np.max(high - low)) / h) + 1
        u = low + h * np.arange(count)[:, None]
        t = np.exp(u)
        terms = np.exp((rise + 1) * u).astype(points.dtype)
        for x, p in zip(points, powers, strict=True):
            if p:
                terms = terms * (t + x) ** -p
        values = h * np.sum(terms, axis=0)
    return np.where(start <= 0, np.inf, values)


def carlson_by(place: int) -> Callable[..., Array]:
    """The push, and pull, of the operand at this place."""

    def scaled(t: Array, xs: tuple[Array, ...], *, powers: tuple[float, ...], rise: int) -> Array:
        p = powers[place]
        higher = (*powers[:place], p + 1, *powers[place + 1 :])
        return multiply(t, multiply(-p, carlson(*xs, powers=higher, rise=rise)))

    return scaled


def carlson_shape(*types: ArrayType, powers: tuple[float, ...], rise: int) -> ArrayType:
    shape = np.broadcast_shapes(*(t.shape for t in types))
    return ArrayType(shape, np.result_type(*(t.dtype for t in types), np.float64))


carlson: Function = general(
    "carlson",
    carlson_impl,
    pushes=tuple(map(carlson_by, range(4))),
    pulls=tuple(map(carlson_by, range(4))),
    batch=lambda *xs, batched, powers, rise: carlson(*align(xs, batched), powers=powers, rise=rise),
    shape=carlson_shape,
    samples=lambda: [
        Sample(*(draw((3,), 0.5, 3, i) for i in range(4)), powers=(0.5, 1.5, 0.5, 1.0), rise=0),
        Sample(
            draw((2, 1), 0.5, 3),
            draw((3,), 0.5, 3),
            1.0,
            2.0,
            powers=(0.5,) * 4,
            rise=0,
            label="broadcast",
        ),
        Sample(
            draw((2, 3), 0.5, 3).T,
            1e-3,
            1.0,
            2.0,
            powers=(1.5, 0.5, 0.5, 1.0),
            rise=1,
            label="non-contiguous",
        ),
        Sample(
            np.array([1 + 1j]),
            np.array([2 - 0.5j]),
            np.array([1.5 + 0.5j]),
            np.array([1 - 0.25j]),
            powers=(0.5, 0.5, 1.5, 1.0),
            rise=0,
            label="complex",
        ),
        Sample(
            *(1.0, 2.0, 3.0, 0.5),
            powers=(0.5, 1.5, 0.5, 1.0),
            rise=0,
            value=0.1861300166877597,
            label="0-d",
        ),
        Sample(
            draw((0,), 0.5, 3), 2.0, 1.5, 1.0, powers=(0.5, 0.5, 1.5, 1.0), rise=0, label="empty"
        ),
    ],
)


def of_carlson(factor: float, powers: tuple[float, ...], rise: int = 0) -> Callable[..., Array]:
    """A multiple of an integral, of up to four operands, in the dtype of the output."""

    def formula(xs: tuple[Array, ...], ans_type: ArrayType) -> Array:
        wide = [x if type_of(x).dtype.kind == "c" else double(x) for x in xs]
        wide += [np.ones(())] * (4 - len(wide))
        full = (*powers, *(0.0,) * (4 - len(powers)))
        return fit(multiply(factor, carlson(*wide, powers=full, rise=rise)), ans_type)

    return formula


COMPLEX = [np.array([z]) for z in (1 + 1j, 2 - 0.5j, 1.5 + 0.25j, 1 - 0.25j)]


def complex_too(operands: int) -> Callable[[], list[Sample]]:
    """Samples of so many operands, real and complex."""
    real = with_parameters(*[(0.5, 3)] * (operands - 1), last=(0.5, 3))
    return lambda: [*real(), Sample(*COMPLEX[:operands], label="complex")]


elliprc = elementwise(
    "elliprc",
    sp.elliprc,
    of_carlson(-0.25, (1.5, 1.0)),
    of_carlson(-0.5, (0.5, 2.0)),
    samples=complex_too(2),
)
elliprf = elementwise(
    "elliprf",
    sp.elliprf,
    of_carlson(-0.25, (1.5, 0.5, 0.5)),
    of_carlson(-0.25, (0.5, 1.5, 0.5)),
    of_carlson(-0.25, (0.5, 0.5, 1.5)),
    samples=lambda: [
        *complex_too(3)(),
        Sample(2.0, 2.0, 2.0, label="equal"),
    ],
)
elliprd = elementwise(
    "elliprd",
    sp.elliprd,
    of_carlson(-0.75, (1.5, 0.5, 1.5)),
    of_carlson(-0.75, (0.5, 1.5, 1.5)),
    of_carlson(-2.25, (0.5, 0.5, 2.5)),
    samples=complex_too(3),
)
elliprg = elementwise(
    "elliprg",
    sp.elliprg,
    of_carlson(0.125, (1.5, 0.5, 0.5), 1),
    of_carlson(0.125, (0.5, 1.5, 0.5), 1),
    of_carlson(0.125, (0.5, 0.5, 1.5), 1),
    samples=complex_too(3),
)
elliprj = elementwise(
    "elliprj",
    sp.elliprj,
    of_carlson(-0.75, (1.5, 0.5, 0.5, 1.0)),
    of_carlson(-0.75, (0.5, 1.5, 0.5, 1.0)),
    of_carlson(-0.75, (0.5, 0.5, 1.5, 1.0)),
    of_carlson(-1.5, (0.5, 0.5, 0.5, 2.0)),
    samples=complex_too(4),
)

# Gauss's mean is pi / 2 over an integral of Carlson's.


def agm_by(x: Array, y: Array, ans: Array) -> Array:
    """The derivative by x."""
    integral = sp.elliprd(0.0, square(y), square(x))
    return multiply(multiply(2 / (3 * math.pi), x), multiply(square(ans), integral))


agm = elementwise(
    "agm",
    sp.agm,
    lambda ans, x, y, ans_type: fit(agm_by(double(x), double(y), double(ans)), ans_type),
    lambda ans, x, y, ans_type: fit(agm_by(double(y), double(x), double(ans)), ans_type),
    samples=with_parameters((0.5, 3), last=(0.5, 3)),
)

# Legendre's incomplete integrals by the parameter. Beyond a quarter turn they continue with the
# complete ones.


def reduced(x: Array) -> tuple[Array, Array, Array]:
    """The number of half turns, and sine and squared cosine of the rest."""
    turns = rint(divide(x, math.pi))
    rest = subtract(x, multiply(math.pi, turns))
    return turns, sin(rest), square(cos(rest))


def continued(inner: Array, turns: Array, complete: Array) -> Array:
    none = equal(turns, 0)
    return add(inner, where(none, 0.0, multiply(multiply(2, turns), where(none, 0.0, complete))))


def ellipkinc_by_parameter(x: Array, y: Array) -> Array:
    turns, s, c = reduced(x)
    rest = subtract(1, multiply(y, square(s)))
    inner = multiply(divide(multiply(s, square(s)), 6), sp.elliprd(c, 1.0, rest))
    return continued(inner, turns, ellipk_slope(y, subtract(1, y)))


def ellipeinc_by_parameter(x: Array, y: Array) -> Array:
    turns, s, c = reduced(x)
    rest = subtract(1, multiply(y, square(s)))
    inner = multiply(divide(multiply(s, square(s)), -6), sp.elliprd(c, rest, 1.0))
    return continued(inner, turns, ellipe_slope(y))


def amplitude(x: Array, y: Array) -> Array:
    """``sqrt(1 - y * sin(x)**2)``."""
    return sqrt(subtract(1, multiply(y, square(sin(x)))))


ellipkinc = elementwise(
    "ellipkinc",
    sp.ellipkinc,
    lambda x, y, ans_type: fit(reciprocal(amplitude(x, y)), ans_type),
    lambda x, y, ans_type: fit(ellipkinc_by_parameter(double(x), double(y)), ans_type),
    samples=binary(
        0.2, 0.9, Sample(np.array([-4.0, 2.0, 7.0]), 0.6, label="further turns"), complex_too=False
    ),
)
ellipeinc = elementwise(
    "ellipeinc",
    sp.ellipeinc,
    lambda x, y, ans_type: fit(amplitude(x, y), ans_type),
    lambda x, y, ans_type: fit(ellipeinc_by_parameter(double(x), double(y)), ans_type),
    samples=binary(
        0.2, 0.9, Sample(np.array([-4.0, 2.0, 7.0]), 0.6, label="further turns"), complex_too=False
    ),
)

# Jacobi's functions sn, cn, dn, and the amplitude.


def ellipj_slopes(ans: Any, x: Array, y: Array) -> tuple[Any, Any]:
    """The derivatives of all four by either operand."""
    sn, cn, dn, amplitude = ans
    m = double(y)
    by_first = (
        multiply(cn, dn),
        negative(multiply(sn, dn)),
        negative(multiply(m, multiply(sn, cn))),
        dn,
    )
    turn = negative(multiply(dn, ellipkinc_by_parameter(double(amplitude), m)))
    through = multiply(multiply(m, multiply(sn, cn)), turn)
    last = negative(divide(add(multiply(0.5, square(sn)), through), dn))
    return by_first, (multiply(cn, turn), negative(multiply(sn, turn)), last, turn)


def ellipj_push(ts: Any, ans: Any, x: Array, y: Array) -> Any:
    first, second = ellipj_slopes(ans, x, y)
    return tuple(
        add(multiply(ts[0], a), multiply(ts[1], b)) for a, b in zip(first, second, strict=True)
    )


def ellipj_pull(g: Any, ans: Any, x: Array, y: Array) -> Any:
    return tuple(
        add(
            add(multiply(g[0], s[0]), multiply(g[1], s[1])),
            add(multiply(g[2], s[2]), multiply(g[3], s[3])),
        )
        for s in ellipj_slopes(ans, x, y)
    )


ellipj: Function = general(
    "ellipj",
    sp.ellipj,
    push_all=ellipj_push,
    pull_all=ellipj_pull,
    batch=lambda *xs, batched: sp.ellipj(*align(xs, batched)),  # the ufunc reaches this primitive
    shape=ufunc_shape(sp.ellipj),
    outputs=4,
    samples=lambda: [
        Sample(draw((3,), -3, 3), draw((3,), 0.1, 0.8, 1)),
        Sample(draw((2, 1), 0.5, 8), draw((3,), 0.1, 0.8, 1), label="broadcast"),
        Sample(0.7, draw((2, 3), 0.1, 0.8).T, label="non-contiguous"),
        Sample(0.7, 0.3, label="0-d"),
        Sample(0.7, draw((0,), 0.1, 0.8), label="empty"),
    ],
)
