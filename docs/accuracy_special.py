"""Write docs/accuracy-special.md: ``python docs/accuracy_special.py`` (needs mpmath and SciPy).

Every function of scipy.special that has a rule, and every primitive that serves these rules, is
evaluated at hard points, with its first derivatives in both modes, and compared with mpmath. The
page states the largest error of each, rounded up; a test measures again and demands that no error
has grown.
"""

from __future__ import annotations

import math
import platform
import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from accuracy import Measured, error, rounded_up
from special_exact import derivative, mp
from special_points import EQUATIONS, NO_ROW, ROWS

import functrans as ft
import functrans.primitives.distribution_functions
import functrans.primitives.special
from functrans.core.primitive import REGISTRY, Primitive, Rule

MODULES = ("functrans.primitives.special_", "functrans.primitives.distribution_functions")
PAGE = Path(__file__).with_name("accuracy-special.md")


def primitive_of_row(name: str) -> Primitive:
    """The primitive whose output a row is about."""
    return REGISTRY[name.partition("[")[0]]


def with_rules() -> set[str]:
    """The primitives of scipy.special, and of scipy.stats, that have a derivative rule."""
    return {
        name
        for name, primitive in REGISTRY.items()
        if primitive.call.__module__.startswith(MODULES)
        and (primitive.push_all or any(isinstance(r, Rule) for r in primitive.pulls or ()))
    }


def operands(name: str) -> list[int]:
    """The operands by which a row is differentiated."""
    primitive = primitive_of_row(name)
    if primitive.push_all:
        return list(range(len(ROWS[name].points[0])))
    return [i for i, pull in enumerate(primitive.pulls or ()) if isinstance(pull, Rule)]


def exact_numbers(name: str, xs: list[Any], start: Any) -> tuple[Any, dict[int, Any]]:
    """The value and the derivatives at a point; `start` is near the value of an inverse."""
    row = ROWS[name]
    if row.value is None:
        return None, {i: by(*xs) for i, by in row.by.items()}
    if row.solved is None:
        slopes = {i: derivative(row.value, xs, i) for i in operands(name) if i not in row.by}
        return row.value(*xs), slopes | {i: by(*xs) for i, by in row.by.items()}
    place, value = row.solved, row.value
    probability = xs[place]
    at_root = list(xs)

    def excess(y: Any) -> Any:
        return value(*xs[:place], y, *xs[place + 1 :]) - probability

    start = mp.mpf(float(start))
    at_root[place] = mp.findroot(
        excess, (start, start * (1 + mp.mpf(10) ** -8) + mp.mpf(10) ** -30)
    )
    slope = derivative(value, at_root, place)
    found = {i: -derivative(value, at_root, i) / slope for i in operands(name) if i != place}
    return at_root[place], found | {place: 1 / slope}


def distance(found: Any, exact: Any) -> float:
    """The error in ulp of a real or complex number."""
    if not isinstance(exact, mp.mpc) and not np.iscomplexobj(found):
        return error(found, exact, np.float64)
    size = abs(mp.mpc(exact))
    return error(float(size) + float(abs(mp.mpc(complex(found)) - exact)), size, np.float64)


def measure(name: str) -> dict[int, Measured]:
    """The largest errors: of the value (-1) and of the derivative by each operand."""
    row, primitive = ROWS[name], primitive_of_row(name)
    output = re.search(r"\[(\d)\]", name)

    def call(*xs: Any) -> Any:
        found = primitive.call(*xs, **row.params)
        return found[int(output[1])] if output else found

    worst: dict[int, Measured] = {}
    with mp.workdps(row.digits), np.errstate(all="ignore"):
        for point in row.points:
            xs = [x if isinstance(x, int) else np.float64(x) for x in point]
            value, slopes = exact_numbers(name, [mp.mpf(x) for x in point], call(*xs))
            errors = {} if value is None else {-1: distance(call(*xs), value)}
            for i, exact in slopes.items():

                def of_one(x: Any, i: int = i, xs: Any = xs) -> Any:
                    return call(*xs[:i], x, *xs[i + 1 :])

                forward = ft.jvp(of_one, (xs[i],), (1.0,))[1]
                out, pullback = ft.vjp(of_one, xs[i])
                if np.iscomplexobj(out):  # the pairing is real: the parts come one at a time
                    backward = pullback(np.complex128(1))[0] + 1j * pullback(np.complex128(-1j))[0]
                else:
                    backward = pullback(np.float64(1))[0]
                errors[i] = max(distance(forward, exact), distance(backward, exact))
            for i, ulps in errors.items():
                if i not in worst or ulps > worst[i].ulps:
                    worst[i] = Measured(ulps, tuple(map(float, point)))
    return worst


HEAD = """# Accuracy of scipy.special

The largest errors of value and first derivatives of the functions of scipy.special that have rules,
of the primitives that serve these rules, and of two distribution functions of scipy.stats, in units
in the last place (ulp) of float64, rounded up. The exact results come from mpmath; derivatives are
measured in forward and in reverse mode, and the larger error counts. There are {points} points:
near poles, zeros and branch points, where formulas change, and far out. An index in brackets is
that of an output.

Values are SciPy's own where the function is SciPy's, and most derivatives are made of such values:
a derivative is no better than they are. A function that is a hundred ulp off has a relative error
of 2e-14. What exceeds {far} ulp, and twice what the value next to it is off, is explained below.

Measured {day} on {platform}, SciPy {scipy}, NumPy {numpy}, Python {python}. The slow tests measure
again (`tests/test_special_accuracy.py`); another SciPy may double an error and add 1.

<!-- Written by docs/accuracy_special.py. -->

"""
COLUMNS = ("function", "value", "derivative", "hardest point of the derivative")
FAR = 64

# Why a derivative is further off than FAR ulp, and than twice the value.
REASONS = {
    "j1": "a zero of the derivative is near 40; SciPy's `jv(2, x)` and `j0` are off in the last "
    "place of their largest value.",
    "y0": "SciPy's `y1` near a zero.",
    "ive": "a central difference over the orders, which cancels up to 40, where the asymptotic "
    "series takes over.",
    "airy[1]": "`x * Ai(x)`, SciPy's value at -40.",
    "airy[2]": "SciPy's `Bi'` at -40.",
    "airye[0]": "as `ive`, of orders 1/3.",
    "airye[1]": "as `airye[0]`.",
    "airye[2]": "as `airye[0]`.",
    "airye[3]": "as `airye[0]`.",
    "ker": "SciPy's `kerp`.",
    "kei": "SciPy's `keip`.",
    "kelvin[1]": "as `ker` and `kei`.",
    "gamma_density": "at the mode of a density of shape 1000 the sum `log(x) - digamma(a)` is a "
    "thousandth of its terms.",
    "gammainc_by_shape": "an integral of a density that changes its sign near the mode.",
    "gammaincinv": "as `gammainc_by_shape`.",
    "gammainccinv": "as `gammainc_by_shape`.",
    "chdtr": "as `gammainc_by_shape`.",
    "chdtrc": "as `gammainc_by_shape`.",
    "betaincc": "the density, at parameters of 1e5.",
    "riemann_zeta": "the sum of two terms of the functional equation and its mirror near 0.",
    "erfcinv": "`exp(y**2)` of a value y: the square is rounded, which counts `y**2` times over.",
    "ndtri": "as `erfcinv`.",
    "wofz": "on the real axis far out, where the recurrence cancels before the series takes over.",
    "dawsn": "the recurrence cancels up to 6.25, where the asymptotic series takes over.",
    "dawson_derivative": "as `dawsn`, of higher order.",
    "voigt_profile": "by the width at a distance of 200 widths, where the second derivative of the "
    "profile is 1e-8 of its terms.",
    "pdtr": "the density at 100 counts of a mean of 1.",
    "fdtr": "the changes by the parameter and through the argument nearly cancel.",
    "fdtrc": "as `fdtr`.",
    "fdtri": "as `fdtr`.",
    "bdtrik": "SciPy solves with a tolerance.",
    "stdtr": "the density is a ratio of gamma functions of 500, SciPy's `poch`; by the freedom it "
    "is a difference of two integrals.",
    "stdtridf": "as `stdtr`.",
    "chndtr": "SciPy's `ive` of a fractional order.",
    "hyperu": "SciPy's value with parameters raised by 1.",
    "eval_chebyu": "SciPy's Gegenbauer polynomials of degree 29.",
    "eval_chebyc": "SciPy's `eval_chebys` of degree 29 at a point where it is small.",
    "eval_sh_chebyt": "SciPy's `eval_sh_chebyu`.",
    "eval_sh_legendre": "SciPy's Gegenbauer polynomials of degree 29.",
    "pbdv[0]": "SciPy's slope.",
}


def lines(name: str) -> list[tuple[str, float, Measured]]:
    """The lines of a row: for each operand its label, the error of the value, and of the slope."""
    measured = measure(name)
    value = measured.pop(-1, Measured(math.nan, ()))
    several = len(measured) > 1 or 0 not in measured
    return [
        (f"`{name}`" + (f", by operand {i}" if several else ""), value.ulps, measured[i])
        for i in sorted(measured)
    ]


def page() -> str:
    """Return the text of docs/accuracy-special.md."""
    text = HEAD.format(
        points=sum(len(row.points) for row in ROWS.values()),
        far=FAR,
        day=date.today().isoformat(),
        platform=f"{platform.system()} {platform.machine()}",
        scipy=scipy.__version__,
        numpy=np.__version__,
        python=platform.python_version(),
    )
    rows = [COLUMNS, ("---", "---:", "---:", "---")]
    for name in ROWS:
        for label, value, slope in lines(name):
            at = ", ".join(f"{x:g}" for x in slope.at)
            bounds = ["–" if math.isnan(value) else rounded_up(value), rounded_up(slope.ulps)]
            rows.append((label, *bounds, at and f"`{at}`"))
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    reasons = "\n".join(f"* `{name}`: {reason}" for name, reason in REASONS.items())
    names = ", ".join(f"`{name}`" for name in NO_ROW)
    return (
        f"{text}{table}\n\nWhat exceeds {FAR} ulp:\n\n{reasons}\n\n"
        f"What has no row: {names}. {EQUATIONS}\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
