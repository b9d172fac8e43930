"""Functions of scipy.special that solve a linear differential equation of second order.

SciPy returns the solution with its slope; the slope of the slope is given by the equation. The
derivatives by the parameters of the equation have no formula.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.errors import missing_rule
from functrans.core.kinds import align, elementwise, general, ufunc_shape
from functrans.core.types import Array, dtype_of, type_of

from .arithmetic import add, divide, multiply, negative, real, reciprocal, square, subtract
from .comparison import equal, greater, less, where
from .exponential import exp, power, sqrt
from .samples import Sample, draw, unary
from .special_bessel import ive_derivative, kve_derivative, neighbours
from .special_error import wofz_slope
from .special_integrals import two_outputs
from .special_operands import double, fit, with_parameters
from .special_ufuncs import sp
from .trigonometric import cos, cosh

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.kinds import Function

DEGREE = math.pi / 180


def pair(
    name: str, ufunc: Any, second: Callable[..., Array], samples: Any, unit: float = 1.0
) -> Function:
    """A solution and its slope by the last operand, which is given in this unit.

    `second` gives the slope of the slope from both and all operands.
    """

    def rates(ans: Any, xs: tuple[Array, ...]) -> list[Array]:
        wide = [double(v) for v in (*ans, *xs)]
        found = (wide[1], second(*wide))
        return [fit(multiply(unit, v), type_of(a)) for v, a in zip(found, ans, strict=True)]

    def push(t: Array, ans: Any, xs: tuple[Array, ...]) -> Any:
        return tuple(multiply(t, rate) for rate in rates(ans, xs))

    def pull(g: Any, ans: Any, xs: tuple[Array, ...]) -> Array:
        first, last = rates(ans, xs)
        return add(multiply(g[0], first), multiply(g[1], last))

    others = (None,) * (ufunc.nin - 1)
    return general(
        name,
        ufunc,
        pushes=(*others, push),
        pulls=(*others, pull),
        batch=lambda *xs, batched: ufunc(*align(xs, batched)),  # which reaches this primitive
        shape=ufunc_shape(ufunc),
        outputs=2,
        samples=samples,
    )


def at(*parameters: float, low: float, high: float) -> Callable[[], list[Sample]]:
    """Samples of fixed parameters, and arguments from an interval."""
    return lambda: [
        Sample(*parameters, draw((3,), low, high)),
        Sample(*parameters, draw((2, 2), low, high).T, label="non-contiguous"),
        Sample(*parameters, draw((), low, high)[()], label="0-d"),
        Sample(*parameters, draw((0,), low, high), label="empty"),
    ]


# Parabolic cylinder functions.


def parabolic(y: Array, slope: Array, v: Array, x: Array) -> Array:
    return multiply(y, subtract(multiply(0.25, square(x)), add(v, 0.5)))


pbdv = pair("pbdv", sp.pbdv, parabolic, at(1.5, low=-2, high=3))
pbvv = pair("pbvv", sp.pbvv, parabolic, at(1.5, low=0.5, high=3))
pbwa = pair(
    "pbwa",
    sp.pbwa,
    lambda y, slope, a, x: multiply(y, subtract(a, multiply(0.25, square(x)))),
    at(0.5, low=-2, high=3),
)

# Mathieu functions, by their angle in degrees, and the modified ones.

CHARACTERISTIC = [
    Sample(np.array([1.0, 2.0]), 1.5),
    Sample(2.0, np.full((2, 3), 1.5).T, label="non-contiguous"),
    Sample(2.0, 1.5, label="0-d"),
    Sample(2.0, np.zeros(0), label="empty"),
]
mathieu_a = elementwise("mathieu_a", sp.mathieu_a, None, None, samples=lambda: CHARACTERISTIC)
mathieu_b = elementwise("mathieu_b", sp.mathieu_b, None, None, samples=lambda: CHARACTERISTIC)


def angular(characteristic: Any) -> Callable[..., Array]:
    """Mathieu's equation, for the angle in degrees."""
    return lambda y, slope, m, q, x: negative(
        multiply(
            y,
            subtract(characteristic(m, q), multiply(multiply(2, q), cos(multiply(2 * DEGREE, x)))),
        )
    )


def radial(characteristic: Any) -> Callable[..., Array]:
    """Mathieu's modified equation."""
    return lambda y, slope, m, q, x: multiply(
        y, subtract(characteristic(m, q), multiply(multiply(2, q), cosh(multiply(2, x))))
    )


MATHIEU = at(2.0, 1.5, low=10, high=80)
MODIFIED = at(2.0, 1.5, low=0.3, high=1.5)
mathieu_cem = pair("mathieu_cem", sp.mathieu_cem, angular(sp.mathieu_a), MATHIEU, DEGREE)
mathieu_sem = pair("mathieu_sem", sp.mathieu_sem, angular(sp.mathieu_b), MATHIEU, DEGREE)
mathieu_modcem1 = pair("mathieu_modcem1", sp.mathieu_modcem1, radial(sp.mathieu_a), MODIFIED)
mathieu_modcem2 = pair("mathieu_modcem2", sp.mathieu_modcem2, radial(sp.mathieu_a), MODIFIED)
mathieu_modsem1 = pair("mathieu_modsem1", sp.mathieu_modsem1, radial(sp.mathieu_b), MODIFIED)
mathieu_modsem2 = pair("mathieu_modsem2", sp.mathieu_modsem2, radial(sp.mathieu_b), MODIFIED)

# Spheroidal functions.

WIDTHS = [
    Sample(np.array([0.0, 1.0, 1.0]), np.array([2.0, 2.0, 3.0]), draw((3,), 0.5, 2)),
    Sample(1.0, np.array([[2.0], [3.0]]), draw((3,), 0.5, 2), label="broadcast"),
    Sample(1.0, 2.0, 0.5, label="0-d"),
    Sample(1.0, 2.0, np.zeros(0), label="empty"),
]
pro_cv = elementwise("pro_cv", sp.pro_cv, None, None, None, samples=lambda: WIDTHS)
obl_cv = elementwise("obl_cv", sp.obl_cv, None, None, None, samples=lambda: WIDTHS)


def spheroidal(y: Array, slope: Array, m: Array, value: Array, width: Array, x: Array) -> Array:
    """The equation on both sides of 1, with the squared width (negative for the oblate)."""
    span = subtract(1, square(x))
    weight = subtract(subtract(value, multiply(width, square(x))), divide(square(m), span))
    return divide(subtract(multiply(multiply(2, x), slope), multiply(weight, y)), span)


def prolate(y: Array, slope: Array, m: Array, n: Array, c: Array, x: Array) -> Array:
    return spheroidal(y, slope, m, sp.pro_cv(m, n, c), square(c), x)


def prolate_given(y: Any, slope: Any, m: Any, n: Any, c: Any, value: Any, x: Any) -> Array:
    return spheroidal(y, slope, m, value, square(c), x)


def oblate(y: Array, slope: Array, m: Array, n: Array, c: Array, x: Array) -> Array:
    return spheroidal(y, slope, m, sp.obl_cv(m, n, c), negative(square(c)), x)


def oblate_given(y: Any, slope: Any, m: Any, n: Any, c: Any, value: Any, x: Any) -> Array:
    return spheroidal(y, slope, m, value, negative(square(c)), x)


def oblate_radial_given(y: Any, slope: Any, m: Any, n: Any, c: Any, value: Any, x: Any) -> Array:
    """The oblate radial equation, which is regular on the whole line."""
    span = add(1, square(x))
    weight = subtract(value, multiply(square(c), square(x)))
    weight = subtract(weight, divide(square(m), span))
    return divide(subtract(multiply(weight, y), multiply(multiply(2, x), slope)), span)


def oblate_radial(y: Array, slope: Array, m: Array, n: Array, c: Array, x: Array) -> Array:
    return oblate_radial_given(y, slope, m, n, c, sp.obl_cv(m, n, c), x)


PRO, OBL = float(sp.pro_cv(1, 2, 0.5)), float(sp.obl_cv(1, 2, 0.5))
ANGLE, RADIUS = {"low": -0.8, "high": 0.8}, {"low": 1.5, "high": 3.0}
FAR = {"low": 2.3, "high": 3.5}  # nearer to 1 SciPy's second radial functions are wrong
pro_ang1 = pair("pro_ang1", sp.pro_ang1, prolate, at(1.0, 2.0, 0.5, **ANGLE))
pro_rad1 = pair("pro_rad1", sp.pro_rad1, prolate, at(1.0, 2.0, 0.5, **RADIUS))
pro_rad2 = pair("pro_rad2", sp.pro_rad2, prolate, at(1.0, 2.0, 0.5, **FAR))
obl_ang1 = pair("obl_ang1", sp.obl_ang1, oblate, at(1.0, 2.0, 0.5, **ANGLE))
obl_rad1 = pair("obl_rad1", sp.obl_rad1, oblate_radial, at(1.0, 2.0, 0.5, **RADIUS))
obl_rad2 = pair("obl_rad2", sp.obl_rad2, oblate_radial, at(1.0, 2.0, 0.5, **FAR))
pro_ang1_cv = pair("pro_ang1_cv", sp.pro_ang1_cv, prolate_given, at(1.0, 2.0, 0.5, PRO, **ANGLE))
pro_rad1_cv = pair("pro_rad1_cv", sp.pro_rad1_cv, prolate_given, at(1.0, 2.0, 0.5, PRO, **RADIUS))
pro_rad2_cv = pair("pro_rad2_cv", sp.pro_rad2_cv, prolate_given, at(1.0, 2.0, 0.5, PRO, **FAR))
obl_ang1_cv = pair("obl_ang1_cv", sp.obl_ang1_cv, oblate_given, at(1.0, 2.0, 0.5, OBL, **ANGLE))
obl_rad1_cv = pair(
    "obl_rad1_cv", sp.obl_rad1_cv, oblate_radial_given, at(1.0, 2.0, 0.5, OBL, **RADIUS)
)
obl_rad2_cv = pair(
    "obl_rad2_cv", sp.obl_rad2_cv, oblate_radial_given, at(1.0, 2.0, 0.5, OBL, **FAR)
)

# Kelvin functions.

POSITIVE = unary(0.5, 3, complex_too=False)
ORIGIN = Sample(0.0, pinned=[0.0], label="the origin")


def over_argument(y: Array, x: Array, limit: float) -> Array:
    """``y / x``, and its limit at the origin."""
    origin = equal(x, 0)
    return where(origin, limit, divide(y, where(origin, 1.0, x)))


ber = elementwise(
    "ber", sp.ber, lambda x: sp.berp(x), samples=unary(-3, 3, ORIGIN, complex_too=False)
)
bei = elementwise(
    "bei", sp.bei, lambda x: sp.beip(x), samples=unary(-3, 3, ORIGIN, complex_too=False)
)
ker = elementwise("ker", sp.ker, lambda x: sp.kerp(x), samples=POSITIVE)
kei = elementwise("kei", sp.kei, lambda x: sp.keip(x), samples=POSITIVE)
berp = elementwise(
    "berp",
    sp.berp,
    lambda ans, x: negative(add(sp.bei(x), over_argument(ans, x, 0.0))),
    samples=unary(-3, 3, ORIGIN, complex_too=False),
)
beip = elementwise(
    "beip",
    sp.beip,
    lambda ans, x: subtract(sp.ber(x), over_argument(ans, x, 0.5)),
    samples=unary(-3, 3, Sample(0.0, pinned=[0.5], label="the origin"), complex_too=False),
)
kerp = elementwise(
    "kerp", sp.kerp, lambda ans, x: negative(add(sp.kei(x), divide(ans, x))), samples=POSITIVE
)
keip = elementwise(
    "keip", sp.keip, lambda ans, x: subtract(sp.ker(x), divide(ans, x)), samples=POSITIVE
)


def kelvin_rates(ans: Any, x: Array) -> Any:
    be, ke, slope_be, slope_ke = ans
    return (
        slope_be,
        slope_ke,
        subtract(multiply(1j, be), over_argument(slope_be, x, 0.0)),
        subtract(multiply(1j, ke), divide(slope_ke, x)),
    )


kelvin: Function = general(
    "kelvin",
    sp.kelvin,
    pushes=(lambda t, ans, x: tuple(multiply(t, r) for r in kelvin_rates(ans, x)),),
    pulls=(lambda g, ans, x: summed(g, kelvin_rates(ans, x)),),
    batch=lambda x: sp.kelvin(x),
    shape=ufunc_shape(sp.kelvin),
    outputs=4,
    samples=POSITIVE,
)


def summed(g: Any, rates: Any) -> Array:
    """The sum of the cotangents times the rates."""
    first, *others = [multiply(c, r) for c, r in zip(g, rates, strict=True)]
    for part in others:
        first = add(first, part)
    return first


# Scaled Airy functions, by scaled Bessel functions of order 1/3 where the identities cancel.


def airye_rates(ans: Any, x: Array) -> Any:
    if dtype_of(x).kind == "c":
        raise missing_rule("scipy.special.airye of complex numbers (which is not holomorphic)")
    a, slope_a, b, slope_b = (double(v) for v in ans)
    wide = double(x)
    right, far = greater(wide, 0), greater(wide, 1)
    root = sqrt(where(right, wide, 0.0))
    near_a, near_b = add(slope_a, multiply(root, a)), subtract(slope_b, multiply(root, b))
    z = where(far, wide, 1.0)
    phase, scale = multiply(2 / 3, power(z, 1.5)), multiply(z, math.sqrt(1 / 3))
    third = 1 / 3
    bessel_b = add(ive_derivative(-third, phase, 1), ive_derivative(third, phase, 1))
    far_a = multiply(divide(scale, math.pi), kve_derivative(third, phase, 1))
    far_a = add(divide(where(far, a, 0.0), multiply(2, z)), far_a)
    far_b = add(divide(where(far, b, 0.0), multiply(2, z)), multiply(scale, bessel_b))
    rate_a, rate_b = where(far, far_a, near_a), where(far, far_b, near_b)
    beyond = less(wide, 0)
    rates = (
        rate_a,
        where(beyond, multiply(wide, a), multiply(root, rate_a)),
        rate_b,
        where(beyond, multiply(wide, b), negative(multiply(root, rate_b))),
    )
    return tuple(fit(r, type_of(v)) for r, v in zip(rates, ans, strict=True))


airye: Function = general(
    "airye",
    sp.airye,
    pushes=(lambda t, ans, x: tuple(multiply(t, r) for r in airye_rates(ans, x)),),
    pulls=(lambda g, ans, x: summed(g, airye_rates(ans, x)),),
    batch=lambda x: sp.airye(x),
    shape=ufunc_shape(sp.airye),
    outputs=4,
    samples=unary(0.2, 4, Sample(np.array([30.0, 100.0]), label="far out"), complex_too=False),
)

# Scaled cylinder functions.


def scaled_neighbours(name: str, function: Any) -> Callable[..., Array]:
    """The slope of a function that is only scaled off the real line."""

    def partial(x: Array, y: Array, ans_type: Any) -> Array:
        if dtype_of(y).kind == "c":
            raise missing_rule(
                f"scipy.special.{name} of complex numbers (which is not holomorphic)"
            )
        return neighbours(function, subtract, 0.5, x, y, ans_type)

    return partial


def turning_neighbours(function: Any, turn: complex) -> Callable[..., Array]:
    """The slope of a Hankel function whose oscillation is taken out."""
    return lambda ans, x, y, ans_type: add(
        neighbours(function, subtract, 0.5, x, y, ans_type), multiply(turn, ans)
    )


ORDERS = with_parameters((0.2, 2.5), last=(0.5, 4))
COMPLEX = Sample(np.array([0.0, 1.0, 2.5]), draw((3,), 0.5, 2) * (1 + 1j), label="complex")
jve = elementwise("jve", sp.jve, None, scaled_neighbours("jve", sp.jve), samples=ORDERS)
yve = elementwise("yve", sp.yve, None, scaled_neighbours("yve", sp.yve), samples=ORDERS)
hankel1e = elementwise(
    "hankel1e", sp.hankel1e, None, turning_neighbours(sp.hankel1e, -1j), samples=lambda: [COMPLEX]
)
hankel2e = elementwise(
    "hankel2e", sp.hankel2e, None, turning_neighbours(sp.hankel2e, 1j), samples=lambda: [COMPLEX]
)

# Integrals of Bessel, Airy and Struve functions.


def excess_over_argument(function: Any, sign: int) -> Callable[..., Array]:
    """``sign * (function(x) - 1) / x`` for i0 (sign 1) or j0 (-1), by a series near 0."""

    def formula(x: Array) -> Array:
        small = less(square(x), 1.0)
        near = where(small, x, 0.0)
        quarter = multiply(0.25 * sign, square(near))
        total: Any = 1.0
        for k in range(12, 1, -1):
            total = add(1, multiply(divide(quarter, k * k), total))
        z = where(small, 1.0, x)
        far = multiply(sign, divide(subtract(function(z), 1), z))
        return where(small, multiply(multiply(0.25, near), total), far)

    return formula


itj0y0 = two_outputs("itj0y0", sp.itj0y0, lambda x: sp.j0(x), lambda x: sp.y0(x), POSITIVE)
iti0k0 = two_outputs("iti0k0", sp.iti0k0, lambda x: sp.i0(x), lambda x: sp.k0(x), POSITIVE)
it2j0y0 = two_outputs(
    "it2j0y0",
    sp.it2j0y0,
    excess_over_argument(sp.j0, -1),
    lambda x: negative(divide(sp.y0(x), x)),
    POSITIVE,
)
it2i0k0 = two_outputs(
    "it2i0k0",
    sp.it2i0k0,
    excess_over_argument(sp.i0, 1),
    lambda x: negative(divide(sp.k0(x), x)),
    POSITIVE,
)
itstruve0 = elementwise("itstruve0", sp.itstruve0, lambda x: sp.struve(0.0, x), samples=POSITIVE)
it2struve0 = elementwise(
    "it2struve0",
    sp.it2struve0,
    lambda x: negative(divide(sp.struve(0.0, x), x)),
    samples=POSITIVE,
)
itmodstruve0 = elementwise(
    "itmodstruve0", sp.itmodstruve0, lambda x: sp.modstruve(0.0, x), samples=POSITIVE
)


def itairy_rates(x: Array) -> Any:
    forth, back = sp.airy(x), sp.airy(negative(x))
    return forth[0], forth[2], back[0], back[2]


itairy: Function = general(
    "itairy",
    sp.itairy,
    pushes=(lambda t, x: tuple(multiply(t, r) for r in itairy_rates(x)),),
    pulls=(lambda g, x: summed(g, itairy_rates(x)),),
    batch=lambda x: sp.itairy(x),
    shape=ufunc_shape(sp.itairy),
    outputs=4,
    samples=lambda: [  # SciPy's values are good to 1e-6 only, which differences see
        Sample(x, pinned=[sum(itairy_rates(np.asarray(x, float)))])
        for x in (draw((3,), 0.5, 3), np.array([[0.5, 2.5]]).T, 0.7, np.zeros(0))
    ],
)
besselpoly = elementwise(
    "besselpoly",
    sp.besselpoly,
    lambda x, y, z, ans_type: fit(
        subtract(
            sp.besselpoly(x, add(double(y), 1), subtract(double(z), 1)),
            sp.besselpoly(x, add(double(y), 1), add(double(z), 1)),
        ),
        ans_type,
    ),
    None,
    None,
    samples=lambda: [
        Sample(draw((3,), 0.5, 2), 1.0, 2.0),
        Sample(draw((2, 3), 0.5, 2).T, 0.5, 1.5, label="non-contiguous"),
        Sample(0.7, 1.0, 2.0, label="0-d"),
        Sample(draw((0,), 0.5, 2), 1.0, 2.0, label="empty"),
    ],
)

# Modified Fresnel integrals: F, and K = exp(-+ i * (x**2 + pi / 4)) * F / sqrt(pi).


def modfresnel(name: str, ufunc: Any, sign: int) -> Function:
    constant = np.exp(-0.25j * sign * math.pi) / math.sqrt(math.pi)

    def rates(ans: Any, x: Array) -> Any:
        turn = exp(multiply(1j * sign, square(x)))
        last = subtract(multiply(multiply(-2j * sign, x), ans[1]), constant)
        return tuple(fit(r, type_of(a)) for r, a in zip((negative(turn), last), ans, strict=True))

    return general(
        name,
        ufunc,
        pushes=(lambda t, ans, x: tuple(multiply(t, r) for r in rates(ans, x)),),
        pulls=(lambda g, ans, x: summed(g, rates(ans, x)),),
        batch=lambda x: ufunc(x),
        shape=ufunc_shape(ufunc),
        outputs=2,
        samples=unary(0.2, 2, complex_too=False),
    )


modfresnelp = modfresnel("modfresnelp", sp.modfresnelp, 1)
modfresnelm = modfresnel("modfresnelm", sp.modfresnelm, -1)

# Wright's function raises its second parameter.

WRIGHT = with_parameters((0.5, 1.5), (1, 2), last=(0.2, 2))
wright_bessel = elementwise(
    "wright_bessel",
    sp.wright_bessel,
    None,
    None,
    lambda x, y, z, ans_type: fit(sp.wright_bessel(x, add(double(x), double(y)), z), ans_type),
    samples=WRIGHT,
)
log_wright_bessel = (
    elementwise(
        "log_wright_bessel",
        sp.log_wright_bessel,
        None,
        None,
        lambda ans, x, y, z: fit(
            exp(subtract(sp.log_wright_bessel(x, add(double(x), double(y)), z), ans)),
            type_of(ans),
        ),
        samples=WRIGHT,
    )
    if hasattr(sp, "log_wright_bessel")  # since SciPy 1.14
    else None
)

# Voigt's profile: the real part of wofz. Without width it is Lorentz's profile.


def voigt_parts(y: Array, z: Array, x: Array) -> tuple[Array, Array, Array]:
    """The scale, the point, and the slope of wofz there."""
    scale = reciprocal(multiply(math.sqrt(2), y))
    point = multiply(add(x, multiply(1j, z)), scale)
    return scale, point, wofz_slope(point)


def voigt_slope(place: int) -> Callable[..., Array]:
    def partial(ans: Array, x: Array, y: Array, z: Array) -> Array:
        a, b, c = double(x), double(y), double(z)
        flat = equal(b, 0)
        scale, point, slope = voigt_parts(where(flat, 1.0, b), c, a)
        if place == 1:
            inner = negative(
                multiply(
                    scale,
                    add(
                        multiply(math.sqrt(2), where(flat, 0.0, double(ans))),
                        multiply(
                            multiply(math.sqrt(2 / math.pi), scale), real(multiply(point, slope))
                        ),
                    ),
                )
            )
            limit: Any = 0.0
        else:
            turned = slope if place == 0 else multiply(1j, slope)
            inner = multiply(multiply(1 / math.sqrt(math.pi), square(scale)), real(turned))
            size = add(square(a), square(c))
            size = where(equal(size, 0), 1.0, size)
            numerator = (
                multiply(-2, multiply(a, c)) if place == 0 else subtract(square(a), square(c))
            )
            limit = divide(divide(numerator, size), multiply(math.pi, size))
        return fit(where(flat, limit, inner), type_of(ans))

    return partial


voigt_profile = elementwise(
    "voigt_profile",
    sp.voigt_profile,
    voigt_slope(0),
    voigt_slope(1),
    voigt_slope(2),
    samples=lambda: [
        *with_parameters((-2, 2), (0.5, 2), last=(0.2, 2))(),
        Sample(1.0, 0.0, 2.0, pinned=[-4 / 25 / math.pi, 0, -3 / 25 / math.pi], label="no width"),
    ],
)

# Angles of degrees, minutes and seconds.

radian = elementwise(
    "radian",
    sp.radian,
    lambda ans_type: fit(np.float64(DEGREE), ans_type),
    lambda ans_type: fit(np.float64(DEGREE / 60), ans_type),
    lambda ans_type: fit(np.float64(DEGREE / 3600), ans_type),
    samples=lambda: [
        *with_parameters((-90, 90), (0, 60), last=(0, 60))(),
        Sample(30.0, 12.0, 3.5, pinned=[DEGREE, DEGREE / 60, DEGREE / 3600], label="exact"),
    ],
)
