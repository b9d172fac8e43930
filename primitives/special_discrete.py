"""Distribution functions of scipy.special for counts, and their inverses, by their slopes as in
:mod:`functrans.primitives.special_distributions`.

They are constant between whole numbers. The inverse in the count solves the equation with the count
as a real number, so that a family has slopes of its own for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.kinds import elementwise
from functrans.core.primitive import ZERO

from .arithmetic import add, negative, subtract
from .comparison import floor, greater, less, where
from .samples import Sample, draw
from .special_beta import beta_density
from .special_distributions import by_first, by_second, inverse_partials, partials
from .special_gamma import gamma_density
from .special_operands import with_parameters
from .special_shape import gammainc_by_shape
from .special_ufuncs import sp

if TYPE_CHECKING:
    from collections.abc import Callable

    from .special_distributions import Slope, Slopes


def count_partials(slopes: Slopes) -> list[Any]:
    """The partials of the function that solves for the count, which comes first. Where already 0 is
    too many it stays 0."""

    def partial(place: int) -> Any:
        formula = inverse_partials(slopes, 0)[place]
        return lambda ans, xs: where(
            greater(ans, 0), formula(where(greater(ans, 0), ans, 1.0), xs), 0.0
        )

    return [partial(place) for place in range(len(slopes))]


# Poisson.

POISSON: Slopes = (
    lambda k, m: negative(gammainc_by_shape(add(k, 1), m, 1)),
    lambda k, m: negative(gamma_density(add(k, 1), m)),
)
POISSON_STEPS: Slopes = (ZERO, lambda k, m: POISSON[1](floor(k), m))
pdtr = elementwise(
    "pdtr", sp.pdtr, *partials(POISSON_STEPS), samples=with_parameters((0.5, 3), last=(0.5, 3))
)
pdtrc = elementwise(
    "pdtrc",
    sp.pdtrc,
    *partials(POISSON_STEPS, -1),
    samples=with_parameters((0.5, 3), last=(0.5, 3)),
)
pdtri = elementwise(
    "pdtri",
    sp.pdtri,
    *inverse_partials(POISSON_STEPS, 1),
    samples=lambda: [
        Sample(np.array([0, 1, 4]), draw((3,), 0.2, 0.8)),
        Sample(2, draw((2, 3), 0.2, 0.8).T, label="non-contiguous"),
        Sample(1, draw((3,), 0.2, 0.8).astype(np.float32), label="float32"),
        Sample(1, 0.5, label="0-d"),
        Sample(1, draw((0,), 0.2, 0.8), label="empty"),
    ],
)
pdtrik = elementwise(
    "pdtrik",
    sp.pdtrik,
    *count_partials(POISSON),
    samples=with_parameters((0.2, 0.6), last=(1.5, 4)),
)

# Binomial and negative binomial.


def of_binomial(slope: Slope) -> Slope:
    """A slope of betainc at the operands that make it the binomial distribution function."""
    return lambda k, n, p: slope(subtract(n, k), add(k, 1), subtract(1, p))


def of_negative_binomial(slope: Slope) -> Slope:
    """A slope of betainc at the operands that make it the negative binomial one."""
    return lambda k, n, p: slope(n, add(k, 1), p)


BINOMIAL: Slopes = (
    lambda k, n, p: subtract(of_binomial(by_second)(k, n, p), of_binomial(by_first)(k, n, p)),
    of_binomial(by_first),
    lambda k, n, p: negative(of_binomial(beta_density)(k, n, p)),
)
BINOMIAL_STEPS: Slopes = (
    ZERO,
    ZERO,
    lambda k, n, p: where(less(floor(k), n), BINOMIAL[2](floor(k), n, p), 0.0),
)
NEGATIVE_BINOMIAL: Slopes = (
    of_negative_binomial(by_second),
    of_negative_binomial(by_first),
    of_negative_binomial(beta_density),
)
NEGATIVE_BINOMIAL_STEPS: Slopes = (ZERO, ZERO, NEGATIVE_BINOMIAL[2])


def trials(low: float, high: float) -> Callable[[], list[Sample]]:
    """Samples of whole counts, and of a probability."""
    return lambda: [
        Sample(np.array([0.5, 1.5, 3.5]), np.array([5, 2, 8]), draw((3,), low, high)),
        Sample(2.5, 5, draw((2, 3), low, high).T, label="non-contiguous"),
        Sample(1.5, 4, 0.5, label="0-d"),
        Sample(1.5, 4, draw((0,), low, high), label="empty"),
    ]


def counts(low: float, high: float) -> Callable[[], list[Sample]]:
    """The same with whole numbers only."""
    return lambda: [
        Sample(np.array([0, 1, 3]), np.array([5, 2, 8]), draw((3,), low, high)),
        Sample(2, 5, draw((2, 3), low, high).T, label="non-contiguous"),
        Sample(1, 4, 0.5, label="0-d"),
        Sample(1, 4, draw((0,), low, high), label="empty"),
    ]


bdtr = elementwise("bdtr", sp.bdtr, *partials(BINOMIAL_STEPS), samples=trials(0.2, 0.8))
bdtrc = elementwise("bdtrc", sp.bdtrc, *partials(BINOMIAL_STEPS, -1), samples=trials(0.2, 0.8))
bdtri = elementwise(
    "bdtri", sp.bdtri, *inverse_partials(BINOMIAL_STEPS, 2), samples=trials(0.2, 0.8)
)
bdtrik = elementwise(
    "bdtrik",
    sp.bdtrik,
    *count_partials(BINOMIAL),
    samples=with_parameters((0.5, 0.8), (6, 9), last=(0.3, 0.7)),
)
bdtrin = elementwise(
    "bdtrin",
    sp.bdtrin,
    *inverse_partials(BINOMIAL, 1),
    samples=with_parameters((2, 4), (0.3, 0.7), last=(0.3, 0.7)),
)
nbdtr = elementwise("nbdtr", sp.nbdtr, *partials(NEGATIVE_BINOMIAL_STEPS), samples=counts(0.2, 0.8))
nbdtrc = elementwise(
    "nbdtrc", sp.nbdtrc, *partials(NEGATIVE_BINOMIAL_STEPS, -1), samples=counts(0.2, 0.8)
)
nbdtri = elementwise(
    "nbdtri", sp.nbdtri, *inverse_partials(NEGATIVE_BINOMIAL_STEPS, 2), samples=counts(0.2, 0.8)
)
nbdtrik = elementwise(
    "nbdtrik",
    sp.nbdtrik,
    *count_partials(NEGATIVE_BINOMIAL),
    samples=with_parameters((0.6, 0.8), (3, 6), last=(0.3, 0.7)),
)
nbdtrin = elementwise(
    "nbdtrin",
    sp.nbdtrin,
    *inverse_partials(NEGATIVE_BINOMIAL, 1),
    samples=with_parameters((2, 4), (0.3, 0.7), last=(0.3, 0.7)),
)
