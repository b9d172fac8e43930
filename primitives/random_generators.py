"""Drawing from generators of NumPy: the first operand is the generator, the others are parameters.

The values are those of the generator's own method, to the bit. They have effects: a graph draws
when it runs. In a batch each lane gets numbers of its own, lane after lane, as if it drew in a
loop. These primitives have no samples, since no two runs of one are the same: their tests stand in
tests/test_random_generators.py.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.errors import REASONS, MissingRuleError, user_line
from functrans.core.generators import Lanes
from functrans.core.kinds import general, nondifferentiable
from functrans.core.primitive import ZERO, primitive_of
from functrans.core.types import Array, ArrayType, Shape, shape_of

from .arithmetic import add, divide, multiply, negative, square, subtract
from .comparison import greater, less_equal, where
from .exponential import log, log1p, sqrt
from .gamma_quantile import gamma_shape_ratio
from .random_wald import tail_moment
from .shape import reshape
from .special_operands import double

if TYPE_CHECKING:
    from functrans.core.kinds import Function

DOUBLE = np.dtype(float)


def drawn(x: Any, *parameters: Array, method: str, shape: Shape, dtype: Any, options: Any) -> Array:
    """Numbers of one of the generator's methods that works by elements."""
    values = getattr(x, method)(*parameters, size=shape, **dict(options))
    return np.asarray(values, dtype)[()]


def in_lanes(args: tuple[Any, ...], batched: tuple[bool, ...], rank: int) -> tuple[int, list[Any]]:
    """The number of lanes, and the operands as one call for all of them takes them."""
    x, *parameters = args
    sizes = [shape_of(y)[0] for y, b in zip(parameters, batched[1:], strict=True) if b]
    size = x.shape[0] if type(x) is Lanes and batched[0] else sizes[0]
    spread = []
    for y, b in zip(parameters, batched[1:], strict=True):
        if b and (missing := rank + 1 - len(shape_of(y))):
            y = reshape(y, shape=(size, *(1,) * missing, *shape_of(y)[1:]))
        spread.append(y)
    return size, [x.source if batched[0] else x, *spread]


generator_draw: Function = nondifferentiable(
    "generator_draw",
    drawn,
    samples=None,
    batch=lambda *args, batched, shape, **params: _draw_lanes(args, batched, shape, params),
    shape=lambda *types, method, shape, dtype, options: ArrayType(shape, dtype),
    effects=True,
)


def _draw_lanes(args: tuple[Any, ...], batched: tuple[bool, ...], shape: Shape, params: Any) -> Any:
    size, operands = in_lanes(args, batched, len(shape))
    return generator_draw(*operands, shape=(size, *shape), **params)


def picked(x: Any, *, method: str, arguments: Any, lanes: Shape, shape: Shape) -> Array:
    """Indices of a method that does not work by elements (``permutation``, ``choice``)."""
    count = math.prod(lanes)
    found = [getattr(x, method)(*arguments) for _ in range(count)]
    return np.asarray(found, np.int64).reshape((*lanes, *shape))[()]


generator_pick: Function = nondifferentiable(
    "generator_pick",
    picked,
    samples=None,
    batch=lambda x, *, batched, lanes, **params: generator_pick(
        x.source, lanes=(x.shape[0], *lanes), **params
    ),
    shape=lambda x, *, method, arguments, lanes, shape: ArrayType((*lanes, *shape), np.int64),
    effects=True,
)


# Methods whose numbers move with their parameters. A slope is a function of the number itself.


def _moving(method: str, *slopes: Any) -> Function:
    """The primitive of a method, with the derivative by each parameter (None: none is known)."""

    def impl(x: Any, *parameters: Array, shape: Shape) -> Array:
        return drawn(x, *parameters, method=method, shape=shape, dtype=DOUBLE, options=())

    def batch(*args: Any, batched: tuple[bool, ...], shape: Shape) -> Any:
        size, operands = in_lanes(args, batched, len(shape))
        return call(*operands, shape=(size, *shape))

    call = general(
        f"generator_{method}",
        impl,
        pushes=(ZERO, *slopes),
        pulls=(ZERO, *slopes),
        batch=batch,
        shape=lambda *types, shape: ArrayType(shape, DOUBLE),
        samples=None,
    )
    primitive_of(call).effects = True
    return call


def positive_part(ans: Array, of: Any) -> Array:
    """A slope where the number is greater than 0; where it has underflown, so has its slope."""
    some = greater(ans, 0.0)
    return where(some, of(where(some, ans, 1.0)), 0.0)


def gamma_by_shape(g: Array, ans: Array, y: Array) -> Array:
    return multiply(
        g,
        positive_part(
            ans, lambda z: multiply(negative(z), gamma_shape_ratio(double(y), log(z), 1))
        ),
    )


generator_standard_gamma = _moving("standard_gamma", gamma_by_shape)


def root_by_shape(g: Array, ans: Array, y: Array) -> Array:
    """Of a number that is the power 1/y of another."""
    slope = positive_part(ans, lambda z: negative(multiply(z, log(z))))
    return multiply(g, divide(slope, y))


generator_weibull = _moving("weibull", root_by_shape)
generator_power = _moving("power", root_by_shape)
generator_pareto = _moving(
    "pareto",
    lambda g, ans, y: multiply(g, negative(divide(multiply(add(1.0, ans), log1p(ans)), y))),
)
generator_lognormal = _moving(
    "lognormal",
    lambda g, ans: multiply(g, ans),
    lambda g, ans, y, z: multiply(g, multiply(ans, divide(subtract(log(ans), y), z))),
)


def wald_slope(ans: Array, mean: Array, scale: Array) -> Array:
    """The derivative of an inverse Gaussian variable by its mean."""
    reach = sqrt(divide(scale, ans))
    ratio = tail_moment(multiply(reach, add(divide(ans, mean), 1.0)), 0)
    return multiply(divide(multiply(2.0, multiply(square(ans), reach)), square(mean)), ratio)


generator_wald = _moving(
    "wald",
    lambda g, ans, y, z: multiply(g, wald_slope(ans, double(y), double(z))),
    lambda g, ans, y, z: multiply(
        g,
        divide(
            subtract(ans, multiply(y, wald_slope(ans, double(y), double(z)))),
            z,
        ),
    ),
)


def triangular_by(place: int) -> Any:
    """The derivative by one of left, mode and right: the side of the mode on which the number is
    grows with the widths of the triangle and of that side."""

    def slope(g: Array, ans: Array, y: Array, z: Array, w: Array) -> Array:
        rising = less_equal(ans, z)
        half = multiply(0.5, where(rising, subtract(ans, y), subtract(w, ans)))
        by_width = divide(half, subtract(w, y))
        by_side = divide(half, where(rising, subtract(z, y), subtract(w, z)))
        if place == 1:
            return multiply(g, by_side)
        near = rising if place == 0 else greater(ans, z)
        end = subtract(1.0, add(by_width, by_side))
        return multiply(g, where(near, end, by_width))

    return slope


generator_triangular = _moving("triangular", *map(triangular_by, range(3)))


def beta_by(place: int) -> Any:
    """The derivative by a parameter that keeps the probability, by integrals that need SciPy."""

    def slope(g: Array, ans: Array, y: Array, z: Array) -> Array:
        try:
            from .special_beta import beta_density, betainc_slope
        except ImportError:
            raise MissingRuleError(
                f"Generator.beta: its derivatives need SciPy, at {user_line()}. Install it, or "
                "draw with functrans.random.beta and a key."
            ) from None
        args = (double(y), double(z), ans)
        return multiply(g, negative(divide(betainc_slope(place, *args), beta_density(*args))))

    return slope


generator_beta = _moving("beta", beta_by(0), beta_by(1))

WITHOUT = {
    name: _moving(name, *(None,) * count)
    for name, count in (
        ("standard_t", 1),
        ("vonmises", 2),
        ("noncentral_chisquare", 2),
        ("noncentral_f", 3),
    )
}
"""Methods whose numbers have no derivative here by any parameter."""

for _name, _call in WITHOUT.items():
    for _place in range(1, len(primitive_of(_call).pulls or ())):
        REASONS[f"generator_{_name}", _place] = (
            "numbers of this distribution are drawn by rejection; functrans.random has those that "
            "can be differentiated"
        )
