"""Orthogonal polynomials of scipy.special, Legendre functions, and binomials.

The derivative of a polynomial by its argument is one of a lower degree. By the degree there is no
formula, and by the parameters of a family one of as many terms as the degree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import elementwise
from functrans.core.types import Array, type_of

from .arithmetic import add, divide, multiply, negative, square, subtract
from .comparison import equal, greater, logical_or, where
from .exponential import sqrt
from .samples import Sample, draw
from .special_gamma import digamma, polygamma_difference, rgamma_partial
from .special_operands import double, fit, with_parameters
from .special_ufuncs import sp

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.kinds import Function


def by_degree(*parameters: float) -> Callable[[], list[Sample]]:
    """Samples of degrees, with these parameters, and arguments between -0.9 and 0.9."""
    return lambda: [
        Sample(np.array([0, 1, 2, 5]), *parameters, draw((4,), -0.9, 0.9)),
        Sample(3, *parameters, draw((2, 3), 0.1, 0.9).T, label="non-contiguous"),
        Sample(2, *parameters, draw((3,), 0.1, 0.9).astype(np.float32), label="float32"),
        Sample(4, *parameters, 0.3, label="0-d"),
        Sample(1, *parameters, draw((0,), 0.1, 0.9), label="empty"),
    ]


def by_real_degree(*parameters: float) -> Callable[[], list[Sample]]:
    """The same, with degrees that are no whole numbers, and complex arguments."""
    return lambda: [
        *by_degree(*parameters)(),
        Sample(np.array([0.5, 2.5]), *parameters, np.array([0.3, 0.2]), label="real degree"),
        Sample(2.5, *parameters, np.array([0.3 + 0.4j, -0.2j]), label="complex"),
    ]


def polynomial(name: str, ufunc: Any, slope: Callable[..., Array], samples: Any) -> Function:
    """A polynomial of degree (first operand), parameters, and argument (last operand)."""

    def partial(xs: tuple[Array, ...], ans_type: Any) -> Array:
        degree, *rest = xs
        constant = equal(degree, 0)
        found = fit(slope(where(constant, 1, degree), *rest), ans_type)
        return where(constant, 0.0, found)

    return elementwise(name, ufunc, *[None] * (ufunc.nin - 1), partial, samples=samples)


def below(n: Array) -> Array:
    return subtract(n, 1)


def shifted(x: Array) -> Array:
    """From [0, 1] to [-1, 1]."""
    return subtract(multiply(2, x), 1)


eval_chebyt = polynomial(
    "eval_chebyt",
    sp.eval_chebyt,
    lambda n, x: multiply(n, sp.eval_chebyu(below(n), x)),
    by_real_degree(),
)
eval_chebyu = polynomial(
    "eval_chebyu",
    sp.eval_chebyu,
    lambda n, x: multiply(2, sp.eval_gegenbauer(below(n), 2.0, x)),
    by_real_degree(),
)
eval_chebyc = polynomial(
    "eval_chebyc",
    sp.eval_chebyc,
    lambda n, x: multiply(n, sp.eval_chebys(below(n), x)),
    by_real_degree(),
)
eval_chebys = polynomial(
    "eval_chebys",
    sp.eval_chebys,
    lambda n, x: sp.eval_gegenbauer(below(n), 2.0, multiply(0.5, x)),
    by_real_degree(),
)
eval_sh_chebyt = polynomial(
    "eval_sh_chebyt",
    sp.eval_sh_chebyt,
    lambda n, x: multiply(multiply(2, n), sp.eval_sh_chebyu(below(n), x)),
    by_real_degree(),
)
eval_sh_chebyu = polynomial(
    "eval_sh_chebyu",
    sp.eval_sh_chebyu,
    lambda n, x: multiply(4, sp.eval_gegenbauer(below(n), 2.0, shifted(x))),
    by_real_degree(),
)
eval_legendre = polynomial(
    "eval_legendre",
    sp.eval_legendre,
    lambda n, x: sp.eval_gegenbauer(below(n), 1.5, x),
    by_real_degree(),
)
eval_sh_legendre = polynomial(
    "eval_sh_legendre",
    sp.eval_sh_legendre,
    lambda n, x: multiply(2, sp.eval_gegenbauer(below(n), 1.5, shifted(x))),
    by_real_degree(),
)
eval_gegenbauer = polynomial(
    "eval_gegenbauer",
    sp.eval_gegenbauer,
    lambda n, a, x: multiply(multiply(2, a), sp.eval_gegenbauer(below(n), add(a, 1), x)),
    by_real_degree(0.75),
)
eval_jacobi = polynomial(
    "eval_jacobi",
    sp.eval_jacobi,
    lambda n, a, b, x: multiply(
        multiply(0.5, add(add(n, a), add(b, 1))),
        sp.eval_jacobi(below(n), add(a, 1), add(b, 1), x),
    ),
    by_real_degree(0.5, 0.75),
)
eval_sh_jacobi = polynomial(
    "eval_sh_jacobi",
    sp.eval_sh_jacobi,
    lambda n, p, q, x: multiply(n, sp.eval_sh_jacobi(below(n), add(p, 2), add(q, 1), x)),
    by_real_degree(1.5, 0.75),
)
eval_laguerre = polynomial(
    "eval_laguerre",
    sp.eval_laguerre,
    lambda n, x: negative(sp.eval_genlaguerre(below(n), 1.0, x)),
    by_real_degree(),
)
eval_genlaguerre = polynomial(
    "eval_genlaguerre",
    sp.eval_genlaguerre,
    lambda n, a, x: negative(sp.eval_genlaguerre(below(n), add(a, 1), x)),
    by_real_degree(0.75),
)
eval_hermite = polynomial(
    "eval_hermite",
    sp.eval_hermite,
    lambda n, x: multiply(multiply(2, n), sp.eval_hermite(below(n), x)),
    by_degree(),
)
eval_hermitenorm = polynomial(
    "eval_hermitenorm",
    sp.eval_hermitenorm,
    lambda n, x: multiply(n, sp.eval_hermitenorm(below(n), x)),
    by_degree(),
)

# Associated Legendre functions, of order x and degree y.


def lpmv_partial(ans: Array, x: Array, y: Array, z: Array) -> Array:
    """``-(sqrt(1 - z**2) * P(x + 1, y, z) + x * z * P(x, y, z)) / (1 - z**2)``."""
    order, wide = double(x), double(z)
    span = subtract(1.0, square(wide))
    raised = multiply(sqrt(span), sp.lpmv(add(order, 1), double(y), wide))
    slope = divide(add(raised, multiply(multiply(order, wide), double(ans))), span)
    return fit(negative(slope), type_of(ans))


lpmv = elementwise(
    "lpmv",
    sp.lpmv,
    None,
    None,
    lpmv_partial,
    samples=lambda: [
        Sample(np.array([0.0, 1.0, 2.0]), 3.0, draw((3,), -0.9, 0.9)),
        Sample(1.0, 2.5, draw((2, 3), -0.9, 0.9).T, label="non-contiguous"),
        Sample(1.0, 2.0, draw((3,), -0.9, 0.9).astype(np.float32), label="float32"),
        Sample(0.0, 2.0, 0.3, label="0-d"),
        Sample(1.0, 2.0, draw((0,), -0.9, 0.9), label="empty"),
    ],
)

# Binomial coefficients of real numbers, exact at the zeros too, where their logarithm is not.


def binom_by_first(ans: Array, x: Array, y: Array) -> Array:
    n, k = double(x), double(y)
    plain = polygamma_difference(add(subtract(n, k), 1), k, 0)
    return through_zeros(ans, n, k, plain, top=True)


def binom_by_second(ans: Array, x: Array, y: Array) -> Array:
    n, k = double(x), double(y)
    plain = subtract(digamma(add(subtract(n, k), 1)), digamma(add(k, 1)))
    return through_zeros(ans, n, k, plain, top=False)


def through_zeros(ans: Array, n: Array, k: Array, plain: Array, *, top: bool) -> Array:
    """``ans * plain``, and the product rule where a reciprocal gamma function is zero."""
    over, under = add(subtract(n, k), 1), add(k, 1)
    zero = logical_or(equal(double(ans), 0), logical_or(greater(0.0, over), greater(0.0, under)))
    rise = where(zero, add(n, 1), 1.0)
    # The slopes of the reciprocals, by their rule.
    over, under = where(zero, over, 1.0), where(zero, under, 1.0)
    first = multiply(rgamma_slope(over), sp.rgamma(under))
    if not top:
        first = subtract(multiply(sp.rgamma(over), rgamma_slope(under)), first)
    exact = multiply(sp.gamma(rise), first)
    if top:
        exact = add(exact, multiply(digamma(rise), double(ans)))
    inner = multiply(double(ans), where(zero, 0.0, plain))
    return fit(where(zero, exact, inner), type_of(ans))


def rgamma_slope(x: Array) -> Array:
    return rgamma_partial(sp.rgamma(x), x)


binom = elementwise(
    "binom",
    sp.binom,
    binom_by_first,
    binom_by_second,
    samples=lambda: [
        *with_parameters((2.5, 6), last=(0.5, 2))(),
        Sample(np.array([3.0, 5.0]), np.array([0.0, 2.0]), label="whole numbers"),
        Sample(2.5, np.array([4.2, -1.3]), label="beyond"),
        Sample(1.0, 2.0, pinned=[0.5, -0.5], label="a zero"),
    ],
)
