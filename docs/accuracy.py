"""Write docs/accuracy.md: ``python docs/accuracy.py`` (takes a minute; needs mpmath).

Every elementwise primitive is evaluated, with its first derivative in both modes, on a grid of hard
points, and compared with mpmath. The page states the largest error of each, rounded up; a test
measures again and demands that no error has grown.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterator
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import mpmath
import numpy as np

import functrans as ft
from functrans.core.primitive import REGISTRY

PAGE = Path(__file__).with_name("accuracy.md")
mp = mpmath.mp
DIGITS = 60

Exact = Callable[..., Any]


class Row(NamedTuple):
    """A primitive, exactly: its value, its partial derivatives, and where to look."""

    value: Exact
    partials: tuple[Exact, ...]
    points: tuple[tuple[float, ...], ...]
    params: tuple[Any, ...] = ()


SIZES = [5e-324, 1e-308, 1e-200, 1e-100, 1e-45, 1e-20, 1e-8, 1e-5, 1e-3, 0.03, 0.1, 0.3, 0.5, 0.7]
SIZES += [
    0.9,
    1.0,
    1.1,
    1.5,
    2.0,
    3.0,
    5.0,
    10.0,
    20.0,
    40.0,
    87.0,
    100.0,
    300.0,
    700.0,
    720.0,
    1e4,
]
SIZES += [1e5, 1e10, 1e22, 1e38, 1e100, 1e150, 1e155, 1e162, 1e200, 1e300, 1.7e308]
LINE = [0.0, *SIZES, *(-x for x in SIZES)]
POSITIVE = SIZES
NEAR_ONE = [1 - 2.0**-k for k in (2, 8, 20, 24, 40, 53)] + [1 + 2.0**-k for k in (2, 8, 23, 52)]
UNIT = [x for x in LINE if abs(x) < 1] + [s * x for x in NEAR_ONE if x < 1 for s in (1, -1)]
ANGLES = [k * math.pi / 4 for k in range(-9, 10)] + [math.pi * 1e5, 710.0 * math.pi]


def one(values: Any) -> tuple[tuple[float, ...], ...]:
    """The points of a function of one operand."""
    return tuple((float(x),) for x in values)


def two(*grids: Any) -> tuple[tuple[float, ...], ...]:
    """The points of a function of several operands: all pairs."""
    return tuple(tuple(map(float, xs)) for xs in product(*grids))


PAIR = [1e-300, 1e-30, 1e-8, 0.3, 1.0, 1.5, 3.0, 40.0, 700.0, 1e8, 1e30, 1e300]
SIGNED = [*PAIR, *(-x for x in PAIR)]
QUOTIENTS = two([0.0, *SIGNED], SIGNED)


def less(a: Any, b: Any) -> Any:
    return mp.mpf(1) if a < b else mp.mpf("0.5") if a == b else mp.mpf(0)


def sign(x: Any) -> Any:
    return mp.sign(x)


def bessel(x: Any, n: Any) -> Any:
    """The spherical Bessel function of order n over x**n."""
    n = int(n)
    limit = 1 / mp.fac2(2 * n + 1)
    return limit * mp.hyp0f1(n + mp.mpf(3) / 2, -x * x / 4)


def logaddexp(x: Any, y: Any) -> Any:
    return max(x, y) + mp.log1p(mp.exp(-abs(x - y)))


def logistic(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def sech2(x: Any) -> Any:
    e = mp.exp(-2 * abs(x))
    return 4 * e / (1 + e) ** 2


def power_by_exponent(x: Any, y: Any) -> Any:
    return x**y * mp.log(x)


LN2, LN10, PI = (lambda: mp.log(2)), (lambda: mp.log(10)), (lambda: mp.pi)
constant = lambda c: lambda *xs: mp.mpf(c)  # noqa: E731

ROWS: dict[str, Row] = {
    "maximum": Row(max, (lambda x, y: less(y, x), less), QUOTIENTS),
    "minimum": Row(min, (less, lambda x, y: less(y, x)), QUOTIENTS),
    "fmax": Row(max, (lambda x, y: less(y, x), less), QUOTIENTS),
    "fmin": Row(min, (less, lambda x, y: less(y, x)), QUOTIENTS),
    "heaviside": Row(
        lambda x, y: mp.mpf(0) if x < 0 else mp.mpf(1) if x > 0 else y,
        (constant(0), lambda x, y: mp.mpf(x == 0)),
        QUOTIENTS,
    ),
    "where": Row(
        lambda c, x, y: x if c else y,
        (constant(0), lambda c, x, y: mp.mpf(bool(c)), lambda c, x, y: mp.mpf(not c)),
        two([0.0, 1.0], [0.0, 3.0], [1e300]),
    ),
    "clip": Row(
        lambda x, a, b: min(max(x, a), b),
        (
            lambda x, a, b: mp.mpf(a <= x <= b),
            lambda x, a, b: mp.mpf(x < a),
            lambda x, a, b: mp.mpf(x > b),
        ),
        two(LINE, [-1.0], [0.5]),
    ),
    "add": Row(lambda x, y: x + y, (constant(1), constant(1)), QUOTIENTS),
    "subtract": Row(lambda x, y: x - y, (constant(1), constant(-1)), QUOTIENTS),
    "negative": Row(lambda x: -x, (constant(-1),), one(LINE)),
    "positive": Row(lambda x: x, (constant(1),), one(LINE)),
    "multiply": Row(lambda x, y: x * y, (lambda x, y: y, lambda x, y: x), QUOTIENTS),
    "square": Row(lambda x: x * x, (lambda x: 2 * x,), one(LINE)),
    "divide": Row(lambda x, y: x / y, (lambda x, y: 1 / y, lambda x, y: -x / y**2), QUOTIENTS),
    "reciprocal": Row(lambda x: 1 / x, (lambda x: -1 / x**2,), one([*POSITIVE, -3.0, -1e-8])),
    "remainder": Row(
        lambda x, y: x - y * mp.floor(x / y),
        (constant(1), lambda x, y: -mp.floor(x / y)),
        two([0.1, 0.3, 5.5, -7.5, 1e8 + 0.3, -1e-3], [0.1, 3.0, -2.0, 1e-3]),
    ),
    "fmod": Row(
        lambda x, y: x - y * int(x / y),
        (constant(1), lambda x, y: -mp.mpf(int(x / y))),
        two([0.1, 0.3, 5.5, -7.5, 1e8 + 0.3, -1e-3], [0.1, 3.0, -2.0, 1e-3]),
    ),
    "sign": Row(sign, (constant(0),), one(LINE)),
    "absolute": Row(abs, (sign,), one(LINE)),
    "fabs": Row(abs, (sign,), one(LINE)),
    "copysign": Row(
        lambda x, y: abs(x) if y >= 0 else -abs(x),
        (lambda x, y: sign(x) * (1 if y >= 0 else -1), constant(0)),
        two([0.0, *SIGNED], [1e-300, -2.0]),
    ),
    "angle": Row(
        lambda x: mp.pi if x < 0 else mp.mpf(0), (constant(0),), one([1e-300, 3.0, -1e-300, -3.0])
    ),
    "exp": Row(mp.exp, (mp.exp,), one([*LINE, 709.7, -745.0, -708.5, 88.7])),
    "exp2": Row(
        lambda x: mp.power(2, x), (lambda x: mp.power(2, x) * LN2(),), one([*LINE, 1023.9, -1074.0])
    ),
    "expm1": Row(mp.expm1, (mp.exp,), one([*LINE, 709.7])),
    "log": Row(mp.log, (lambda x: 1 / x,), one([*POSITIVE, *NEAR_ONE])),
    "log2": Row(lambda x: mp.log(x) / LN2(), (lambda x: 1 / (x * LN2()),), one(POSITIVE)),
    "log10": Row(lambda x: mp.log(x) / LN10(), (lambda x: 1 / (x * LN10()),), one(POSITIVE)),
    "log1p": Row(
        mp.log1p,
        (lambda x: 1 / (1 + x),),
        one([*UNIT, *POSITIVE, 0.0]),
    ),
    "sqrt": Row(mp.sqrt, (lambda x: 1 / (2 * mp.sqrt(x)),), one(POSITIVE)),
    "cbrt": Row(
        lambda x: sign(x) * mp.cbrt(abs(x)),
        (lambda x: 1 / (3 * mp.cbrt(abs(x)) ** 2),),
        one(x for x in LINE if x),
    ),
    "power": Row(
        lambda x, y: mp.power(x, y),
        (lambda x, y: y * mp.power(x, y - 1), power_by_exponent),
        two([1e-300, 1e-8, 0.3, 1 - 2.0**-20, 1.0, 1.5, 3.0, 1e8, 1e300], SIGNED[:8])
        + two([0.3, 1.5, 40.0], [-0.5, -2.5, -40.0, 0.0, 2.0, 3.0, 200.0, 700.0]),
    ),
    "float_power": Row(
        lambda x, y: mp.power(x, y),
        (lambda x, y: y * mp.power(x, y - 1), power_by_exponent),
        two([1e-8, 0.3, 1.0, 1.5, 3.0, 1e8], [-2.5, 0.5, 2.0, 3.3]),
    ),
    "direction": Row(
        lambda x, y: x / mp.hypot(x, y),
        (lambda x, y: y**2 / mp.hypot(x, y) ** 3, lambda x, y: -x * y / mp.hypot(x, y) ** 3),
        two(SIGNED, SIGNED),
    ),
    "hypot": Row(
        mp.hypot,
        (lambda x, y: x / mp.hypot(x, y), lambda x, y: y / mp.hypot(x, y)),
        two([0.0, *SIGNED], SIGNED),
    ),
    "sigmoid": Row(
        logistic, (lambda x: logistic(x) * logistic(-x),), one([*LINE, -708.0, -745.0, 36.0])
    ),
    "logaddexp": Row(
        logaddexp,
        (lambda x, y: logistic(x - y), lambda x, y: logistic(y - x)),
        two([0.0, *SIGNED], [0.0, *SIGNED]) + ((1e8, 1e8 + 1), (-745.0, 0.0)),
    ),
    "logaddexp2": Row(
        lambda x, y: logaddexp(x * LN2(), y * LN2()) / LN2(),
        (lambda x, y: logistic((x - y) * LN2()), lambda x, y: logistic((y - x) * LN2())),
        two([0.0, *SIGNED], [0.0, *SIGNED]),
    ),
    "spherical_bessel": Row(
        bessel,
        (lambda x, n: -x * bessel(x, n + 1),),
        two([0.0, 1e-8, 0.1, 1.0, 1.9, 2.1, 2.9, 3.1, 10.0, 40.0], [0, 1]),
    ),
    "share": Row(
        lambda x, y: logistic(x - y),
        (
            lambda x, y: logistic(x - y) * logistic(y - x),
            lambda x, y: -logistic(x - y) * logistic(y - x),
        ),
        two([0.0, *SIGNED], [0.0, *SIGNED]) + ((1e8, 1e8 + 1), (-745.0, 0.0)),
    ),
    "share2": Row(
        lambda x, y: logistic((x - y) * LN2()),
        (
            lambda x, y: logistic((x - y) * LN2()) * logistic((y - x) * LN2()) * LN2(),
            lambda x, y: -logistic((x - y) * LN2()) * logistic((y - x) * LN2()) * LN2(),
        ),
        two([0.0, *SIGNED], [0.0, *SIGNED]),
    ),
    "power_slope": Row(
        lambda x, y: y * mp.power(x, y - 1),
        (
            lambda x, y: y * (y - 1) * mp.power(x, y - 2),
            lambda x, y: mp.power(x, y - 1) * (1 + y * mp.log(x)),
        ),
        two([0.3, 1.5, 3.0, 1e8], [-2.5, 0.5, 2.0, 3.25]),
    ),
    "power_log": Row(
        power_by_exponent,
        (
            lambda x, y: mp.power(x, y - 1) * (1 + y * mp.log(x)),
            lambda x, y: power_by_exponent(x, y) * mp.log(x),
        ),
        two([0.3, 1.5, 3.0, 1e8], [-2.5, 0.5, 2.0, 3.25]),
    ),
    "relu": Row(lambda x: max(x, mp.mpf(0)), (lambda x: mp.mpf(x > 0),), one(LINE)),
    "softplus": Row(
        lambda x: logaddexp(x, mp.mpf(0)), (logistic,), one([*LINE, -708.0, -745.0, 36.0])
    ),
    "normal_cdf": Row(
        mp.ncdf,
        (lambda x: mp.npdf(x),),
        one([x for x in LINE if abs(x) <= 38] + [-38.0, -5.5, 8.2]),
    ),
    "over_cosh_square": Row(
        lambda x, y: x * sech2(y),
        (lambda x, y: sech2(y), lambda x, y: -2 * x * sech2(y) * mp.tanh(y)),
        [(x, y) for x in (1.0, -2.5, 0.0) for y in (*LINE, 300.0)],
    ),
    "sech_square": Row(sech2, (lambda x: -2 * sech2(x) * mp.tanh(x),), one([*LINE, 354.0, -372.0])),
    "arctan_slope": Row(
        lambda x: 1 / (1 + x * x), (lambda x: -2 * x / (1 + x * x) ** 2,), one(LINE)
    ),
    "modified_bessel": Row(
        lambda x, n: mp.besseli(int(n), x),
        (lambda x, n: (mp.besseli(int(n) - 1, x) + mp.besseli(int(n) + 1, x)) / 2,),
        two([1e-8, 0.1, 1.0, 3.0, 10.0, 20.0, 100.0, 700.0], [0, 1]),
    ),
    "sinc": Row(
        lambda x: bessel(mp.pi * x, 0),
        (lambda x: -(mp.pi**2) * x * bessel(mp.pi * x, 1),),
        one([x for x in LINE if abs(x) <= 40] + [0.62, 0.64, 0.955, 0.96, 2.5, -3.7]),
    ),
    "sinc_slope": Row(
        lambda x: -(mp.pi**2) * x * bessel(mp.pi * x, 1),
        (lambda x: mp.pi**2 * ((mp.pi * x) ** 2 * bessel(mp.pi * x, 2) - bessel(mp.pi * x, 1)),),
        one([x for x in LINE if abs(x) <= 40] + [0.62, 0.64, 2.5, -3.7]),
    ),
    "sin": Row(mp.sin, (mp.cos,), one([*LINE, *ANGLES])),
    "cos": Row(mp.cos, (lambda x: -mp.sin(x),), one([*LINE, *ANGLES])),
    "tan": Row(mp.tan, (lambda x: 1 + mp.tan(x) ** 2,), one([*LINE, *ANGLES])),
    "sinh": Row(mp.sinh, (mp.cosh,), one(LINE)),
    "cosh": Row(mp.cosh, (mp.sinh,), one(LINE)),
    "tanh": Row(mp.tanh, (sech2,), one([*LINE, 354.0, -372.0])),
    "one_minus_square": Row(
        lambda x: (1 - x) * (1 + x), (lambda x: -2 * x,), one([*LINE, *NEAR_ONE])
    ),
    "arcsin": Row(mp.asin, (lambda x: 1 / mp.sqrt((1 - x) * (1 + x)),), one(UNIT)),
    "arccos": Row(mp.acos, (lambda x: -1 / mp.sqrt((1 - x) * (1 + x)),), one(UNIT)),
    "arctan": Row(mp.atan, (lambda x: 1 / (1 + x * x),), one(LINE)),
    "arctan2": Row(
        mp.atan2,
        (lambda x, y: y / (x * x + y * y), lambda x, y: -x / (x * x + y * y)),
        two(SIGNED, SIGNED),
    ),
    "arcsinh": Row(mp.asinh, (lambda x: 1 / mp.hypot(1, x),), one(LINE)),
    "arccosh": Row(
        mp.acosh,
        (lambda x: 1 / mp.sqrt((x - 1) * (x + 1)),),
        one([x for x in [*POSITIVE, *NEAR_ONE] if x > 1]),
    ),
    "arctanh": Row(mp.atanh, (lambda x: 1 / ((1 - x) * (1 + x)),), one(UNIT)),
    **{
        name: Row(lambda x: x * 180 / mp.pi, (lambda x: 180 / mp.pi,), one(LINE))
        for name in ("degrees", "rad2deg")
    },
    **{
        name: Row(lambda x: x * mp.pi / 180, (lambda x: mp.pi / 180,), one(LINE))
        for name in ("radians", "deg2rad")
    },
}

# Elementwise primitives whose values are no real numbers computed with rounding.
NO_ROW = {
    "ldexp": "scales by a power of two",
    "nextafter": "the neighbour of a number",
    "make_complex": "joins two numbers",
    "conjugate": "of real numbers the identity",
    "power_mixed": "a sum that vanishes: it serves second derivatives of powers",
    "binary_cross_entropy": "its derivative is bounded near 0 and 1, as PyTorch's",
    "truncated_quantile": "what `truncated_normal` draws with: held to quantiles and known values",
    "tail_moment": "part of a slope of `wald`, which is compared with differences of quantiles",
    "positive_polygamma": "part of slopes of gamma variables; held to values of mpmath",
    "gamma_shape_ratio": "the slope of gamma variables, held to values of mpmath",
    "parting_reciprocal": "a reciprocal, of differences of values",
    "zero_at_zero": "a reciprocal, but 0 for 0, of singular values",
}

DOUBLE_ONLY = {"float_power"}  # which computes in double precision whatever it is given


def error(found: Any, exact: Any, dtype: type) -> float:
    """The distance from an exact number in units in the last place of a number of its size."""
    limits = np.finfo(dtype)
    if abs(exact) > mp.mpf(float(limits.max)):
        near = np.isinf(found) or found == limits.max
        return 0.0 if near and np.sign(found) == mp.sign(exact) else math.inf
    if not np.isfinite(found):
        # The exact number is representable; half a unit below the limit may round to infinity.
        return 1.0 if abs(exact) > mp.mpf(float(limits.max)) * (1 - 1e-7) else math.inf
    exponent = max(mp.mag(exact) - 1 if exact else limits.minexp, limits.minexp)
    unit = mp.ldexp(1, int(exponent) - limits.nmant)
    return float(abs(mp.mpf(float(found)) - exact) / unit)


def usable(point: tuple[float, ...], dtype: type) -> tuple[Any, ...] | None:
    """The point in this precision, unless it lies outside."""
    with np.errstate(all="ignore"):
        xs = tuple(dtype(x) for x in point)
    if any(np.isinf(x) or (x == 0) != (given == 0) for x, given in zip(xs, point, strict=True)):
        return None
    return xs


class Measured(NamedTuple):
    """The largest error of a value or derivative, and the point where it occurs."""

    ulps: float
    at: tuple[float, ...]


def measure(name: str, dtype: type) -> list[Measured]:
    """The largest errors of a primitive's value and of each partial derivative, in both modes."""
    row = ROWS[name]
    call = REGISTRY[name].call
    worst = [Measured(0.0, ()) for _ in range(1 + len(row.partials))]
    with mp.workdps(DIGITS), np.errstate(all="ignore"):
        for point in row.points:
            xs = usable(point, dtype)
            if xs is None:
                continue
            if name in ("spherical_bessel", "modified_bessel"):
                xs = (xs[0], int(xs[1]))
            exact = [mp.mpf(float(x)) for x in xs]
            try:
                wanted = [f(*exact) for f in (row.value, *row.partials)]
            except ZeroDivisionError:  # a point that single precision rounds to the pole
                continue
            found: list[list[Any]] = [[call(*xs)]]
            for i in range(len(row.partials)):
                if name == "where" and i == 0:
                    found.append([dtype(0)])
                    continue

                def of_one(x: Any, i: int = i, xs: Any = xs) -> Any:
                    return call(*xs[:i], x, *xs[i + 1 :])

                forward = ft.jvp(of_one, (xs[i],), (dtype(1),))[1]
                backward = ft.vjp(of_one, xs[i])[1](dtype(1))[0]
                found.append([forward, backward])
            for k, (values, number) in enumerate(zip(found, wanted, strict=True)):
                ulps = max(error(v, number, dtype) for v in values)
                if ulps > worst[k].ulps:
                    worst[k] = Measured(ulps, tuple(map(float, xs)))
    return worst


def rounded_up(ulps: float) -> str:
    """The bound that the page states: the next of 0, 0.5, 1, 1.5, 2, 3, 4 and so on."""
    if ulps > ENORMOUS:
        return f"> {ENORMOUS:.0e}"
    steps = [0, 0.5, 1, 1.5, *range(2, 17)]
    return next((f"{s:g}" for s in steps if ulps <= s + 1e-3), f"{math.ceil(ulps):d}")


def cells(name: str) -> Iterator[tuple[str, list[Measured], list[Measured]]]:
    """The lines of a primitive: for each operand its label and the errors in both precisions."""
    double = measure(name, np.float64)
    single = [] if name in DOUBLE_ONLY else measure(name, np.float32)
    for i in range(1, len(double)):
        label = f"`{name}`" + (f", by operand {i - 1}" if len(double) > 2 else "")
        yield label, [double[0], double[i]], [single[0], single[i]] if single else []


HEAD = """# Accuracy

The largest errors of value and first derivative of every elementwise primitive, in units in the
last place (ulp), rounded up. An ulp is the distance between neighbouring floating-point numbers of
the size of the exact result; a correctly rounded result is within 0.5. The exact results come from
mpmath at {digits} digits.

The points are hard ones: zeros, subnormal numbers, both sides of where functions saturate, overflow
and underflow, poles and branch points to within one ulp, ties, and arguments up to 1.7e308;
{double} points in float64 and {single} in float32. Derivatives are measured in forward and in
reverse mode, and the larger error counts. Values are NumPy's own where NumPy has the function:
that column says how good the installed NumPy is. What exceeds 4 ulp is explained below the table.

Measured {day} on {platform}, NumPy {numpy}, Python {python}. The slow tests measure again
(`tests/test_accuracy.py`); another library of elementary functions may double an error and add 1.

<!-- Written by docs/accuracy.py. -->

"""

COLUMNS = (
    "primitive",
    "value, float64",
    "derivative, float64",
    "value, float32",
    "derivative, float32",
    "hardest point of the derivative, float64",
)

# Why a derivative, or a value of our own, is further off than 4 ulp.
REASONS = {
    "power": "by the base it is `y * x**(y - 1)`: where that power is subnormal its rounding "
    "counts `y` times over.",
    "share": "the product of two shares.",
    "power_slope": "the derivative by the exponent contains `1 + y * log(x)`, which vanishes "
    "nearby.",
    "power_log": "as `power_slope`.",
    "normal_cdf": "`exp(-x**2 / 2)`: the square is rounded, which counts `x**2 / 2` times over.",
    "sinc": "NumPy's values are not 0 at whole numbers, hence the number of ulp there.",
    "sinc_slope": "its derivative is a function of the rounded `pi * x`.",
    "modified_bessel": "`numpy.i0` is as far off at 700, and the derivative is a mean of orders.",
    "over_cosh_square": "as `sech_square`.",
    "sech_square": "the square of a `cosh` that is off by more than 1 ulp in NumPy's float32.",
    "tanh": "as `sech_square`.",
}
ENORMOUS = 1e6


def page() -> str:
    """Return the text of docs/accuracy.md."""
    count = {
        dtype: sum(usable(p, dtype) is not None for row in ROWS.values() for p in row.points)
        for dtype in (np.float64, np.float32)
    }
    text = HEAD.format(
        digits=DIGITS,
        double=count[np.float64],
        single=count[np.float32],
        day=date.today().isoformat(),
        platform=f"{platform.system()} {platform.machine()}",
        numpy=np.__version__,
        python=platform.python_version(),
    )
    rows = [COLUMNS, ("---", *["---:"] * 4, "---")]
    for name in ROWS:
        for label, double, single in cells(name):
            bounds = [rounded_up(m.ulps) for m in (*double, *single)] + ["–"] * (2 - len(single))
            at = ", ".join(f"{x:g}" for x in double[1].at)
            rows.append((label, *bounds, at and f"`{at}`"))
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    reasons = "\n".join(f"* `{name}`: {reason}" for name, reason in REASONS.items())
    left_out = "\n".join(f"* `{name}`: {reason}" for name, reason in NO_ROW.items())
    return f"{text}{table}\n\nWhat exceeds 4 ulp:\n\n{reasons}\n\nWhat has no row:\n\n{left_out}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
