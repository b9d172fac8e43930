"""Write docs/native-accuracy.md: ``python -m docs.native_accuracy`` (takes a minute; needs mpmath
and llvmlite).

Every mathematical function of native code is evaluated at hard and at random points and compared
with mpmath. The page states the largest error of each; tests measure again.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import mpmath
import numpy as np

from functrans.compile.llvm.code.engine import machine
from functrans.compile.llvm.elements.operations import mathematical
from functrans.compile.llvm.mathematics import FUNCTIONS
from tests.llvm.elementwise import evaluated

PAGE = Path(__file__).with_name("native-accuracy.md")
POINTS = 6000
mp = mpmath.mp
DTYPES = (np.dtype(np.float64), np.dtype(np.float32))

Draw = Callable[[np.random.Generator, int, bool], list[Any]]


class Row(NamedTuple):
    """A function: its exact value, random operands, and the same function of wider numbers."""

    exact: Callable[..., Any]
    draw: Draw
    wide: Callable[..., Any] | None


def sizes(rng: np.random.Generator, low: float, high: float, count: int, both: bool = True) -> Any:
    """Numbers of all sizes between two powers of ten."""
    x = 10 ** rng.uniform(low, high, count)
    return x * rng.choice([-1, 1], count) if both else x


def span(single: bool) -> tuple[float, float]:
    """The powers of ten between the least and the largest number."""
    return (-45, 38.5) if single else (-323.5, 308)


def within(double: float, single: float) -> Draw:
    """Numbers up to where the function is constant, overflows or vanishes, and small ones."""

    def draw(rng: np.random.Generator, count: int, is_single: bool) -> list[Any]:
        end = single if is_single else double
        parts = [rng.uniform(-end, end, count), rng.uniform(-2, 2, count)]
        return [np.concatenate([*parts, sizes(rng, span(is_single)[0], 0, count)])]

    return draw


def positive(rng: np.random.Generator, count: int, single: bool) -> list[Any]:
    near = [rng.uniform(0.5, 2, count), 1 + sizes(rng, -16, -0.5, count)]
    return [np.concatenate([sizes(rng, *span(single), count, both=False), *near])]


def above_minus_one(rng: np.random.Generator, count: int, single: bool) -> list[Any]:
    low, high = span(single)
    parts = [sizes(rng, low, high, count, both=False), sizes(rng, low, -0.01, count)]
    return [np.concatenate([*parts, rng.uniform(-1, 2, count)])]


def above_one(rng: np.random.Generator, count: int, single: bool) -> list[Any]:
    far = sizes(rng, 0, span(single)[1], count, both=False)
    return [np.concatenate([1 + sizes(rng, -16, 2, count, both=False), 1 + far])]


def all_sizes(rng: np.random.Generator, count: int, single: bool) -> list[Any]:
    return [np.concatenate([sizes(rng, *span(single), count), rng.uniform(-4, 4, count)])]


def angles(rng: np.random.Generator, count: int, single: bool) -> list[Any]:
    """Angles of all sizes, and near multiples of pi / 2."""
    near = rng.integers(1, 10**6, count) * (math.pi / 2)
    parts = [sizes(rng, *span(single), count), sizes(rng, 0, 6, count), near]
    return [np.concatenate([*parts, rng.uniform(-10, 10, count)])]


def unit(rng: np.random.Generator, count: int, single: bool) -> list[Any]:
    edges = np.sign(rng.uniform(-1, 1, count)) * (1 - sizes(rng, -16, -1, count, both=False))
    small = sizes(rng, span(single)[0], 0, count)
    return [np.concatenate([rng.uniform(-1, 1, count), small, edges])]


def plane(rng: np.random.Generator, count: int, single: bool) -> list[Any]:
    return [
        np.concatenate([sizes(rng, *span(single), count), sizes(rng, -2, 2, count)])
        for _ in range(2)
    ]


def powers(rng: np.random.Generator, count: int, single: bool) -> list[Any]:
    """Bases of all sizes to powers that reach the largest and the least numbers, and others."""
    low, high = span(single)
    x = sizes(rng, low, high, count, both=False)
    reach = rng.uniform(-1, 1, count) * 2.303 * high / np.abs(np.log(x))
    near, moderate = rng.uniform(0.5, 2, count), sizes(rng, -2, 2, count, both=False)
    exponents = [reach, rng.uniform(-1000, 1000, count), rng.uniform(-50, 50, count)]
    return [np.concatenate([x, near, moderate]), np.concatenate(exponents)]


def pairs(rng: np.random.Generator, count: int, single: bool) -> list[Any]:
    return [rng.uniform(-100, 100, 2 * count) for _ in range(2)]


def _log_of_sum(base: Any) -> Callable[[Any, Any], Any]:
    def exact(x: Any, y: Any) -> Any:
        b = base()
        return max(x, y) + mp.log1p(mp.power(b, -abs(x - y))) / mp.log(b)

    return exact


def _erfc(x: Any) -> Any:
    """erfc(x), which is 0 or 2 to any digit that counts beyond 100."""
    return mp.erfc(min(max(x, -100), 100))


def arguments_of_gamma(rng: np.random.Generator, count: int, single: bool) -> list[Any]:
    """Numbers of all sizes, near the roots and where formulas change, and some left of 0."""
    near = [root + sizes(rng, -16, -1, count) for root in (1, 2, 1.4616321449683622)]
    parts = [sizes(rng, *span(single), count, both=False), rng.uniform(0, 12, count), *near]
    return [np.concatenate([*parts, rng.uniform(-40, 0, count)])]


def _log_gamma(x: Any) -> Any:
    return mp.inf if x <= 0 and x == mp.floor(x) else mp.re(mp.loggamma(x))


def _digamma(x: Any) -> Any:
    return mp.nan if x <= 0 and x == mp.floor(x) else mp.digamma(x)


def _bessel(order: int, scaled: bool) -> Callable[[Any], Any]:
    def exact(x: Any) -> Any:
        if abs(x) < 1e4:
            found = mp.besseli(order, x)
            return found * mp.exp(-abs(x)) if scaled else found
        if not scaled:
            return mp.sign(x) ** order * mp.inf
        term = total = mp.mpf(1)
        for k in range(1, 12):
            term *= -(4 * order**2 - (2 * k - 1) ** 2) / (8 * k * abs(x))
            total += term
        return mp.sign(x) ** order * total / mp.sqrt(2 * mp.pi * abs(x))

    return exact


def _softplus(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


ROWS: dict[str, Row] = {
    "exp": Row(mp.exp, within(746, 105), np.exp),
    "exp2": Row(lambda x: mp.power(2, x), within(1076, 151), np.exp2),
    "expm1": Row(mp.expm1, within(710, 89), np.expm1),
    "sinh": Row(mp.sinh, within(711, 90), np.sinh),
    "cosh": Row(mp.cosh, within(711, 90), np.cosh),
    "tanh": Row(mp.tanh, within(25, 12), np.tanh),
    "sigmoid": Row(
        lambda x: 1 / (1 + mp.exp(-x)), within(746, 105), lambda x: 1 / (1 + np.exp(-x))
    ),
    "softplus": Row(lambda x: mp.log1p(mp.exp(x)), within(746, 105), _softplus),
    "logaddexp": Row(_log_of_sum(lambda: mp.e), pairs, np.logaddexp),
    "logaddexp2": Row(_log_of_sum(lambda: mp.mpf(2)), pairs, np.logaddexp2),
    "log": Row(mp.log, positive, np.log),
    "log2": Row(lambda x: mp.log(x) / mp.log(2), positive, np.log2),
    "log10": Row(mp.log10, positive, np.log10),
    "log1p": Row(mp.log1p, above_minus_one, np.log1p),
    "arcsinh": Row(mp.asinh, all_sizes, np.arcsinh),
    "arccosh": Row(mp.acosh, above_one, np.arccosh),
    "arctanh": Row(mp.atanh, unit, np.arctanh),
    "sin": Row(mp.sin, angles, np.sin),
    "cos": Row(mp.cos, angles, np.cos),
    "tan": Row(mp.tan, angles, np.tan),
    "arcsin": Row(mp.asin, unit, np.arcsin),
    "arccos": Row(mp.acos, unit, np.arccos),
    "arctan": Row(mp.atan, all_sizes, np.arctan),
    "arctan2": Row(mp.atan2, plane, np.arctan2),
    "erf": Row(mp.erf, within(6.5, 4.5), None),
    "erfc": Row(_erfc, within(28, 11), None),
    "normal_cdf": Row(lambda x: _erfc(-x / mp.sqrt(2)) / 2, within(39, 15), None),
    "gammaln": Row(_log_gamma, arguments_of_gamma, None),
    "digamma": Row(_digamma, arguments_of_gamma, None),
    "i0": Row(_bessel(0, False), within(713, 92), None),
    "i1": Row(_bessel(1, False), within(713, 92), None),
    "i0e": Row(_bessel(0, True), all_sizes, None),
    "i1e": Row(_bessel(1, True), all_sizes, None),
    "power": Row(mp.power, powers, np.power),
    "cbrt": Row(lambda x: mp.sign(x) * mp.cbrt(abs(x)), all_sizes, np.cbrt),
    "hypot": Row(mp.hypot, plane, np.hypot),
}

MIRRORED = ("gammaln", "digamma")
"""Functions that are reflected left of 0, where they have roots between all whole numbers: there
their error is in units of what is subtracted."""

CANCELLING = ("logaddexp", "logaddexp2")
"""Sums that may cancel: their error is in units of the larger operand."""


class Measured(NamedTuple):
    """The largest error, in ulp, and where it is."""

    ulps: float
    at: tuple[float, ...]


def operands(name: str, dtype: np.dtype[Any], count: int, seed: int = 0) -> list[Any]:
    """Random operands of a function."""
    rng = np.random.default_rng([seed, count])
    with np.errstate(all="ignore"):
        return [x.astype(dtype) for x in ROWS[name].draw(rng, count, dtype.itemsize == 4)]


def native(name: str, dtype: np.dtype[Any], xs: Sequence[Any], width: int | None = None) -> Any:
    """The function in native code, in vectors of twice the machine's width."""
    width = width or 2 * machine().vector_bytes // dtype.itemsize
    return evaluated(mathematical(name, dtype), list(xs), width)


def unit_of(size: Any, dtype: np.dtype[Any]) -> Any:
    """The distance of neighbouring numbers of a size."""
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        power = np.floor(np.log2(np.where(size > 0, size, 1))) - info.nmant
    return np.maximum(
        np.ldexp(np.ones_like(size), power.astype(int)), float(info.smallest_subnormal)
    )


def errors(name: str, dtype: np.dtype[Any], xs: Sequence[Any], found: Any, wanted: Any) -> Any:
    """Errors in ulp of finite results against wider ones, infinite where one result is infinite or
    NaN and the other is not."""
    size = np.abs(wanted)
    if name in CANCELLING:
        size = np.maximum.reduce([size, *[np.abs(x).astype(size.dtype) for x in xs]])
    if name in MIRRORED:
        a = np.abs(xs[0]).astype(size.dtype)
        size = np.where(xs[0] < 0, np.maximum(size, 2 + a * np.log(1 + a)), size)
    largest = float(np.finfo(dtype).max)
    unit = unit_of(np.minimum(size, largest), dtype)
    with np.errstate(all="ignore"):
        close = np.abs(found.astype(wanted.dtype) - wanted) / unit
        # At the threshold of overflow either side is right to within an ulp.
        beyond = np.isinf(found) & (size >= largest) & (np.sign(found) == np.sign(wanted))
        same = beyond | (np.isnan(found) & np.isnan(wanted))
    close[same] = 0
    close[~same & ~np.isfinite(found)] = np.inf
    return close


def exactly(name: str, xs: Sequence[Any]) -> Any:
    """Results by mpmath, as sums of two float64."""
    high = np.empty(len(xs[0]), np.longdouble)
    with mp.workdps(40):
        for i, point in enumerate(zip(*[x.tolist() for x in xs], strict=True)):
            try:
                value = ROWS[name].exact(*map(mp.mpf, point))
            except (ZeroDivisionError, ValueError):  # a pole
                value = mp.nan
            if isinstance(value, mp.mpc):
                value = mp.nan
            first = float(value)
            rest = float(value - first) if math.isfinite(first) else 0.0
            high[i] = np.longdouble(first) + np.longdouble(rest)
    return high


def measure(name: str, dtype: np.dtype[Any], count: int, seed: int = 0) -> Measured:
    """The largest error of a function at random points."""
    xs = operands(name, dtype, count, seed)
    keep = np.isfinite(xs[0]) & np.isfinite(xs[-1])
    xs = [x[keep] for x in xs]
    wanted = exactly(name, xs)
    keep = ~np.isnan(wanted)
    xs, wanted = [x[keep] for x in xs], wanted[keep]
    return worst(errors(name, dtype, xs, native(name, dtype, xs), wanted), xs)


def worst(found: Any, xs: Sequence[Any]) -> Measured:
    place = int(np.argmax(found))
    return Measured(float(found[place]), tuple(float(x[place]) for x in xs))


HEAD = """# Accuracy of native code

The largest errors of the mathematical functions that LLVM compiles for `functrans[jit]`, in units
in the last place (ulp). They are polynomials of our own, the same on every machine, and off by 4
ulp at most; a correctly rounded result is within 0.5. The points are random ones of all sizes, from
subnormal numbers to the largest, near poles, branch points, thresholds and multiples of pi / 2:
up to {points} for each function and precision. The exact results come from mpmath at 40 digits.

Special values, the signs of zeros and the thresholds of overflow and underflow are NumPy's.
`logaddexp` and `logaddexp2` are measured in ulp of the largest of operands and result, since their
sum may cancel; `gammaln` and `digamma` left of 0, where they have roots, in ulp of what is
subtracted there. float16 is computed in float32 and rounded. A processor without instructions that
multiply and add in one rounding has slightly larger errors.

Measured {day} on {platform}, LLVM {llvm}. The tests measure again
(`tests/llvm/test_mathematics.py`), the slow ones at a million points.

<!-- Written by docs/native_accuracy.py. -->

| function | float64 | float32 | hardest point, float64 |
| --- | ---: | ---: | --- |
"""


def page() -> str:
    """The text of docs/native-accuracy.md."""
    total = len(operands("sin", DTYPES[0], POINTS)[0])
    text = HEAD.format(
        points=total,
        day=date.today().isoformat(),
        platform=f"{platform.system()} {platform.machine()}",
        llvm=machine().processor.version.split()[-1],
    )
    lines = []
    for name in FUNCTIONS:
        double, single = [measure(name, dtype, POINTS) for dtype in DTYPES]
        at = ", ".join(f"{x:.6g}" for x in double.at)
        lines.append(f"| `{name}` | {rounded(double)} | {rounded(single)} | `{at}` |")
    return text + "\n".join(lines) + "\n"


def rounded(found: Measured) -> str:
    """Rounded up to a tenth."""
    return f"{math.ceil(found.ulps * 10 - 1e-9) / 10:.1f}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
