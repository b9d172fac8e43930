"""Integrals of scipy.special: exponential, sine, Fresnel, elliptic; hypergeometric functions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import elementwise, general, ufunc_shape
from functrans.core.types import Array, dtype_of, type_of

from .arithmetic import add, divide, multiply, negative, real, reciprocal, square, subtract
from .cardinal_sine import spherical_bessel
from .comparison import equal, less, logical_and, maximum, where
from .exponential import exp, log, real_line_shape
from .samples import Sample, binary, draw, unary
from .special_operands import double, fit, with_parameters
from .special_ufuncs import sp
from .trigonometric import cos, cosh

if TYPE_CHECKING:
    from functrans.core.kinds import Function

inf = np.inf


def two_outputs(name: str, impl: Any, first: Any, second: Any, samples: Any) -> Function:
    """A function of one operand with two outputs, whose partials are functions of it."""

    def push(t: Array, x: Array) -> Any:
        return multiply(t, first(x)), multiply(t, second(x))

    def pull(g: Any, x: Array) -> Array:
        # No cotangent of the output with a pole must not become 0 times infinity there.
        z = where(logical_and(equal(x, 0), equal(g[1], 0)), 1.0, x)
        return add(multiply(g[0], first(x)), multiply(g[1], second(z)))

    return general(
        name,
        impl,
        pushes=(push,),
        pulls=(pull,),
        batch=lambda x: impl(x),  # the ufunc reaches this primitive
        shape=ufunc_shape(impl),
        outputs=2,
        samples=samples,
    )


# Exponential, sine and hyperbolic integrals.

expi = elementwise("expi", sp.expi, lambda x: divide(exp(x), x), samples=unary(0.5, 3))
exp1 = elementwise(
    "exp1", sp.exp1, lambda x: negative(divide(exp(negative(x)), x)), samples=unary(0.5, 3)
)


def expn_partial(ans: Array, x: Array, y: Array) -> Array:
    """Minus the function of the order below; order -1 is elementary."""
    lowest = equal(x, 0)
    inverse = reciprocal(where(lowest, y, 1.0))
    elementary = multiply(exp(negative(y)), add(inverse, square(inverse)))
    below = expn(maximum(subtract(x, 1), 0), y)
    return fit(negative(where(lowest, elementary, below)), type_of(ans))


expn: Function = elementwise(
    "expn",
    sp.expn,
    None,
    expn_partial,
    samples=lambda: [
        Sample(np.array([0, 1, 2, 5]), draw((4,), 0.5, 3)),
        Sample(2, draw((2, 3), 0.5, 3).T, label="non-contiguous"),
        Sample(1, draw((3,), 0.5, 3).astype(np.float32), label="float32"),
        Sample(3, 1.5, label="0-d"),
        Sample(1, draw((0,), 0.5, 3), label="empty"),
    ],
)


def cardinal_hyperbolic_sine(x: Array) -> Array:
    """``sinh(x) / x``, whose derivatives do not cancel at the origin."""
    values = spherical_bessel(multiply(1j, x), 0)
    return values if dtype_of(x).kind == "c" else real(values)


sici = two_outputs(
    "sici",
    sp.sici,
    lambda x: spherical_bessel(x, 0),
    lambda x: divide(cos(x), x),
    unary(0.5, 3),
)
shichi = two_outputs(
    "shichi",
    sp.shichi,
    cardinal_hyperbolic_sine,
    lambda x: divide(cosh(x), x),
    unary(0.5, 3),
)


def spence_slope(x: Array) -> Array:
    """``log(x) / (1 - x)``; around 1 by a series in ``1 - x``, which is rounded near 0."""
    left = less(x if dtype_of(x).kind != "c" else real(x), 0.5)
    near, far = where(left, 1.0, x), where(left, x, 0.5)
    series = negative(sp.hyp2f1(1.0, 1.0, 2.0, subtract(1, near)))
    return where(left, divide(log(far), subtract(1, far)), series)


spence = elementwise(
    "spence",
    sp.spence,
    lambda x, ans_type: fit(spence_slope(x), ans_type),
    samples=unary(
        0.3,
        3,
        Sample(np.array([0.0, 1.0]), pinned=[np.array([-inf, -1.0])], label="the ends"),
        Sample(1e-9, pinned=[-20.72326585766967695], label="near the pole"),
    ),
)

# Fresnel integrals. The phase is reduced exactly, so that it stays right far out.


def half_turns(x: Array) -> Array:
    """``pi / 2 * x**2`` less whole turns: the square in two parts, of which the large is exact."""
    if dtype_of(x).kind == "c":
        return math.pi / 2 * np.square(x)
    wide = np.asarray(x, float)
    with np.errstate(all="ignore"):
        split = wide * (2.0**27 + 1)
        high = split - (split - wide)
        low = wide - high
        product = wide * wide
        error = ((high * high - product) + 2 * high * low) + low * low
        error = np.where(np.isfinite(error), error, 0)
        return math.pi / 2 * (np.fmod(product, 4) + error)


fresnel_sine: Function = elementwise(
    "fresnel_sine",
    lambda x: np.sin(half_turns(x)).astype(real_line_shape(type_of(x)).dtype)[()],
    lambda x: multiply(multiply(math.pi, x), fresnel_cosine(x)),
    shape=real_line_shape,
    samples=unary(-2, 2),
)
fresnel_cosine: Function = elementwise(
    "fresnel_cosine",
    lambda x: np.cos(half_turns(x)).astype(real_line_shape(type_of(x)).dtype)[()],
    lambda x: multiply(multiply(-math.pi, x), fresnel_sine(x)),
    shape=real_line_shape,
    samples=unary(-2, 2),
)
fresnel = two_outputs(
    "fresnel",
    sp.fresnel,
    lambda x: fresnel_sine(x),
    lambda x: fresnel_cosine(x),
    unary(-2, 2),
)

# Elliptic integrals. Their derivatives are hypergeometric functions without cancellation.


def ellipk_slope(m: Array, complement: Array) -> Array:
    """The derivative of ellipk at m, given ``1 - m`` as well."""
    return multiply(math.pi / 8, divide(sp.hyp2f1(0.5, 0.5, 2.0, m), complement))


def ellipe_slope(m: Array) -> Array:
    """The derivative of ellipe at m."""
    return multiply(-math.pi / 8, sp.hyp2f1(0.5, 1.5, 2.0, m))


def ellipkm1_partial(x: Array) -> Array:
    # Below the spacing of numbers near 1 the second factor is constant.
    m = where(less(x, 2.0**-53), 1 - 2.0**-53, subtract(1, x))
    return negative(ellipk_slope(m, x))


ellipk = elementwise(
    "ellipk",
    sp.ellipk,
    lambda x: ellipk_slope(x, subtract(1, x)),
    samples=unary(
        -2, 0.9, Sample(0.0, pinned=[math.pi / 8], label="the circle"), complex_too=False
    ),
)
ellipkm1 = elementwise(
    "ellipkm1", sp.ellipkm1, ellipkm1_partial, samples=unary(0.2, 3, complex_too=False)
)
ellipe = elementwise(
    "ellipe",
    sp.ellipe,
    lambda x: ellipe_slope(x),
    samples=unary(
        -2, 0.9, Sample(0.0, pinned=[-math.pi / 8], label="the circle"), complex_too=False
    ),
)

# Hypergeometric functions, by the argument.

LAST = Sample(0.5, 1.5, draw((3,), -0.5, 0.5) * (1 + 1j), label="complex")


def hyp0f1_partial(ans: Array, x: Array, y: Array) -> Array:
    a = double(x)
    return fit(divide(hyp0f1(add(a, 1), y), a), type_of(ans))


def hyp1f1_partial(ans: Array, x: Array, y: Array, z: Array) -> Array:
    a, b = double(x), double(y)
    return fit(multiply(divide(a, b), hyp1f1(add(a, 1), add(b, 1), z)), type_of(ans))


def hyperu_partial(ans: Array, x: Array, y: Array, z: Array) -> Array:
    a, b = double(x), double(y)
    return fit(negative(multiply(a, hyperu(add(a, 1), add(b, 1), z))), type_of(ans))


def hyp2f1_partial(ans: Array, x: Array, y: Array, z: Array, w: Array) -> Array:
    a, b, c = double(x), double(y), double(z)
    slope = hyp2f1(add(a, 1), add(b, 1), add(c, 1), w)
    return fit(multiply(divide(multiply(a, b), c), slope), type_of(ans))


hyp0f1: Function = elementwise(
    "hyp0f1",
    sp.hyp0f1,
    None,
    hyp0f1_partial,
    samples=with_parameters((0.5, 2), last=(-2, 2)),
)
hyp1f1: Function = elementwise(
    "hyp1f1",
    sp.hyp1f1,
    None,
    None,
    hyp1f1_partial,
    samples=lambda: [*with_parameters((0.5, 2), (0.5, 2), last=(-2, 2))(), LAST],
)
hyperu: Function = elementwise(
    "hyperu",
    sp.hyperu,
    None,
    None,
    hyperu_partial,
    samples=with_parameters((0.5, 2), (0.5, 2), last=(0.5, 2)),
)
hyp2f1: Function = elementwise(
    "hyp2f1",
    sp.hyp2f1,
    None,
    None,
    None,
    hyp2f1_partial,
    samples=with_parameters((0.5, 2), (0.5, 2), (0.5, 2), last=(-2, 0.8)),
)

# Lambert's function, and Owen's.

lambertw = elementwise(
    "lambertw",
    sp._ufuncs._lambertw,
    lambda ans: divide(exp(negative(ans)), add(1, ans)),
    None,
    None,
    samples=lambda: [
        Sample(draw((3,), 0.5, 3) + 0.5j, 0, 1e-8),
        Sample(draw((2, 3), 0.5, 3).T * (1 + 1j), np.array([0, -1]), 1e-8, label="branches"),
        Sample(draw((3,), 0.5, 3), 0, 1e-8, label="real"),
        Sample(1.5 + 0.5j, 0, 1e-8, label="0-d"),
        Sample(np.zeros(0), 0, 1e-8, label="empty"),
        Sample(np.array([0.0, -1 / 5]), 0, 1e-8, label="the origin"),
    ],
)
wrightomega = elementwise(
    "wrightomega",
    sp.wrightomega,
    lambda ans: divide(ans, add(1, ans)),
    samples=unary(-2, 3),
)


def owens_t_by_first(x: Array, y: Array) -> Array:
    gauss = exp(multiply(-0.5, square(x)))
    return multiply(
        -0.5 / math.sqrt(2 * math.pi),
        multiply(gauss, sp.erf(multiply(multiply(x, y), math.sqrt(0.5)))),
    )


def owens_t_by_second(x: Array, y: Array) -> Array:
    growth = add(1, square(y))
    gauss = exp(multiply(-0.5, multiply(square(x), growth)))
    return divide(gauss, multiply(2 * math.pi, growth))


owens_t = elementwise(
    "owens_t",
    sp.owens_t,
    lambda x, y, ans_type: fit(owens_t_by_first(x, y), ans_type),
    lambda x, y, ans_type: fit(owens_t_by_second(x, y), ans_type),
    samples=binary(-2, 2, complex_too=False),
)
