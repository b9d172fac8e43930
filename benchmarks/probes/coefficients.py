"""Fit the polynomials of native mathematics: ``python -m benchmarks.probes.coefficients``.

It writes functrans/compile/llvm/mathematics/coefficients.py. Each polynomial is the Chebyshev
interpolant of a smooth function, which is within a small factor of the best one; what functions
they are is said beside each, and what is computed with them where they are used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath

mp = mpmath.mp
mp.dps = 60
HERE = Path(__file__).resolve().parents[2]
TABLE = HERE / "functrans" / "compile" / "llvm" / "mathematics" / "coefficients.py"

Function = Callable[[Any], Any]


def taylor_at_zero(f: Function, limit: Any, near: str = "1e-20") -> Function:
    """The function with its value at 0, where its formula is 0 / 0."""
    return lambda t: limit if abs(t) < mp.mpf(near) else f(t)


HALF_LOG2 = mp.log(2) / 2 * mp.mpf("1.0001")
ROOT_LOW, ROOT_HIGH = mp.sqrt(0.5) - 1 - mp.mpf("0.003"), mp.sqrt(2) - 1 + mp.mpf("0.003")
EIGHTH = (mp.pi / 4) ** 2 * mp.mpf("1.01")
TANGENT = (mp.sqrt(2) - 1) ** 2 * mp.mpf("1.001")


def scaled_tail(q: Any) -> Any:
    """(1 + x) exp(x**2) erfc(x) where q = (x - 3) / (x + 3): smooth on the half-line (Shepherd
    and Laframboise 1981)."""
    x = 3 * (1 + q) / (1 - q)
    return (1 + x) * mp.exp(x * x) * mp.erfc(x)


def normal_tail(q: Any) -> Any:
    """(3/2 + x) exp(x**2 / 2) times the normal distribution at -x, where q = (x - c) / (x + c) with
    c = 17/4."""
    x = mp.mpf("4.25") * (1 + q) / (1 - q)
    return (mp.mpf("1.5") + x) * mp.exp(x * x / 2) * mp.erfc(x / mp.sqrt(2)) / 2


def middle(last: str, c: str) -> Any:
    """The variable of the functions above at the last x."""
    return (mp.mpf(last) - mp.mpf(c)) / (mp.mpf(last) + mp.mpf(c))


def inverse_square(f: Function) -> Function:
    """A function of x, given t = 1 / x**2."""
    return lambda t: f(1 / mp.sqrt(t))


def far_bessel(order: int) -> Function:
    """sqrt(x) exp(-x) I(x) of q = 16 / x - 1."""

    def scaled(q: Any) -> Any:
        x = 16 / (q + 1) if q > -1 else mp.mpf("1e60")
        return mp.sqrt(x) * mp.exp(-x) * mp.besseli(order, x) if x < 1e4 else _hankel(order, x)

    return scaled


def _hankel(order: int, x: Any) -> Any:
    """The same for large x, by its asymptotic series (Abramowitz and Stegun 9.7.1)."""
    term = total = mp.mpf(1)
    for k in range(1, 30):
        term *= -(4 * mp.mpf(order) ** 2 - (2 * k - 1) ** 2) / (8 * k * x)
        total += term
    return total / mp.sqrt(2 * mp.pi)


PSI_ROOT = mp.findroot(mp.digamma, mp.mpf("1.46"))

FITS: dict[str, tuple[str, Function, Any, Any, int, int]] = {
    "exp": (
        "(exp(r) - 1 - r) / r**2, |r| < log(2) / 2",
        taylor_at_zero(lambda r: (mp.exp(r) - 1 - r) / r**2, mp.mpf(1) / 2),
        -HALF_LOG2,
        HALF_LOG2,
        10,
        5,
    ),
    "log": (
        "(2 artanh(s) / s - 2) / t of t = s**2, |s| < 0.172",
        taylor_at_zero(lambda t: 2 * (mp.atanh(mp.sqrt(t)) / mp.sqrt(t) - 1) / t, mp.mpf(2) / 3),
        0,
        mp.mpf("0.1716") ** 2 * mp.mpf("1.02"),
        7,
        0,
    ),
    "exp_short": (
        "as exp, to the digits of a float32",
        taylor_at_zero(lambda r: (mp.exp(r) - 1 - r) / r**2, mp.mpf(1) / 2),
        -HALF_LOG2,
        HALF_LOG2,
        6,
        0,
    ),
    "log_short": (
        "as log, to the digits that the power of a float32 needs",
        taylor_at_zero(lambda t: 2 * (mp.atanh(mp.sqrt(t)) / mp.sqrt(t) - 1) / t, mp.mpf(2) / 3),
        0,
        mp.mpf("0.1716") ** 2 * mp.mpf("1.02"),
        4,
        0,
    ),
    "log_tail": (
        "(2 artanh(s) / s - 2 - 2 t / 3) / t**2 of t = s**2, |s| < 0.172",
        taylor_at_zero(
            lambda t: (2 * (mp.atanh(mp.sqrt(t)) / mp.sqrt(t) - 1) / t - mp.mpf(2) / 3) / t,
            mp.mpf(2) / 5,
        ),
        0,
        mp.mpf("0.1716") ** 2 * mp.mpf("1.02"),
        7,
        0,
    ),
    "log_direct": (
        "(log(1 + f) - f + f**2 / 2) / f**3, sqrt(1/2) < 1 + f < sqrt(2)",
        taylor_at_zero(lambda f: (mp.log1p(f) - f + f * f / 2) / f**3, mp.mpf(1) / 3, "1e-14"),
        ROOT_LOW,
        ROOT_HIGH,
        0,
        8,
    ),
    "sin": (
        "(sin(x) / x - 1) / t of t = x**2, |x| < pi / 4",
        taylor_at_zero(lambda t: (mp.sin(mp.sqrt(t)) / mp.sqrt(t) - 1) / t, -mp.mpf(1) / 6),
        0,
        EIGHTH,
        6,
        3,
    ),
    "cos": (
        "(cos(x) - 1 + t / 2) / t**2 of t = x**2, |x| < pi / 4",
        taylor_at_zero(lambda t: (mp.cos(mp.sqrt(t)) - 1 + t / 2) / t**2, mp.mpf(1) / 24, "1e-16"),
        0,
        EIGHTH,
        6,
        3,
    ),
    "arctan": (
        "(arctan(x) / x - 1) / t of t = x**2, |x| < tan(pi / 8)",
        taylor_at_zero(lambda t: (mp.atan(mp.sqrt(t)) / mp.sqrt(t) - 1) / t, -mp.mpf(1) / 3),
        0,
        TANGENT,
        11,
        5,
    ),
    "arcsin": (
        "(arcsin(x) / x - 1) / t of t = x**2, |x| < 1/2",
        taylor_at_zero(lambda t: (mp.asin(mp.sqrt(t)) / mp.sqrt(t) - 1) / t, mp.mpf(1) / 6),
        0,
        mp.mpf("0.2502"),
        13,
        5,
    ),
    "erf": (
        "erf(x) / x - 1 of t = x**2, |x| < 1",
        taylor_at_zero(lambda t: mp.erf(mp.sqrt(t)) / mp.sqrt(t) - 1, 2 / mp.sqrt(mp.pi) - 1),
        0,
        mp.mpf("1.001"),
        12,
        6,
    ),
    "erfc": (
        "(1 + x) exp(x**2) erfc(x) of q = (x - 3) / (x + 3), 0 <= x <= 27.3 or 10.1",
        scaled_tail,
        -1,
        (middle("27.3", "3"), middle("10.1", "3")),
        24,
        11,
    ),
    "normal": (
        "(3/2 + x) exp(x**2 / 2) normal_cdf(-x), 0 <= x <= 38.6, of q = (x - 17/4) / (x + 17/4)",
        normal_tail,
        -1,
        (middle("38.6", "4.25"), middle("14.3", "4.25")),
        24,
        11,
    ),
    "log_gamma": (
        "log(gamma(2 + u)) / u, -3/4 <= u <= 1/2",
        taylor_at_zero(lambda u: mp.loggamma(2 + u) / u, mp.digamma(2)),
        mp.mpf(-3) / 4,
        mp.mpf(1) / 2,
        21,
        0,
    ),
    "stirling": (
        "(log(gamma(x)) - (x - 1/2) log(x) + x - log(2 pi) / 2) x of t = 1 / x**2, x >= 8",
        taylor_at_zero(
            inverse_square(
                lambda x: (
                    (mp.loggamma(x) - (x - mp.mpf(1) / 2) * mp.log(x) + x - mp.log(2 * mp.pi) / 2)
                    * x
                )
            ),
            mp.mpf(1) / 12,
        ),
        0,
        mp.mpf(1) / 64,
        7,
        0,
    ),
    "digamma": (
        "digamma(3/2 + u) / (3/2 + u - its root), |u| <= 1/2",
        lambda u: mp.digamma(u + mp.mpf(3) / 2) / (u + mp.mpf(3) / 2 - PSI_ROOT),
        mp.mpf(-1) / 2,
        mp.mpf(1) / 2,
        23,
        0,
    ),
    "digamma_tail": (
        "(log(x) - 1 / (2 x) - digamma(x)) x**2 of t = 1 / x**2, x >= 8",
        taylor_at_zero(
            inverse_square(lambda x: (mp.log(x) - 1 / (2 * x) - mp.digamma(x)) * x * x),
            mp.mpf(1) / 12,
        ),
        0,
        mp.mpf(1) / 64,
        7,
        0,
    ),
    "bessel_i0": (
        "(I0(x) - 1) / t of t = x**2 / 4, x <= 8",
        taylor_at_zero(lambda t: (mp.besseli(0, 2 * mp.sqrt(t)) - 1) / t, mp.mpf(1)),
        0,
        16,
        15,
        0,
    ),
    "bessel_i1": (
        "(2 I1(x) / x - 1) / t of t = x**2 / 4, x <= 8",
        taylor_at_zero(
            lambda t: (mp.besseli(1, 2 * mp.sqrt(t)) / mp.sqrt(t) - 1) / t, mp.mpf(1) / 2
        ),
        0,
        16,
        15,
        0,
    ),
    "bessel_i0_far": (
        "sqrt(x) exp(-x) I0(x) of q = 16 / x - 1, x >= 8",
        far_bessel(0),
        -1,
        1,
        26,
        0,
    ),
    "bessel_i1_far": (
        "sqrt(x) exp(-x) I1(x) of q = 16 / x - 1, x >= 8",
        far_bessel(1),
        -1,
        1,
        26,
        0,
    ),
    "cbrt": (
        "z**(-1/3), 1 <= z < 2",
        lambda z: z ** (-mp.mpf(1) / 3),
        1,
        2,
        5,
        5,
    ),
}


def tail_of_erf(last: Any, degree: int) -> list[Any]:
    """log(erfc(x)) for 1 <= x <= last, with the error weighed by what it does to erf(x), and the
    weights moved until the largest errors are alike (Lawson 1961)."""
    count = 10 * degree
    a, b = mp.mpf(1), mp.mpf(last)
    places = [mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]
    nodes = [(a + b) / 2 + (b - a) / 2 * u for u in places]
    values = [mp.log(mp.erfc(x)) for x in nodes]
    effect = [mp.erfc(x) / mp.erf(x) for x in nodes]
    lawson = [mp.mpf(1)] * count
    basis = []
    for x in nodes:
        u = (2 * x - a - b) / (b - a)
        row = [mp.mpf(1), u]
        while len(row) <= degree:
            row.append(2 * u * row[-1] - row[-2])
        basis.append(row[: degree + 1])
    best: tuple[Any, Any] | None = None
    for _ in range(10):
        weight = [max(e, mp.mpf("1e-19")) * mp.sqrt(v) for e, v in zip(effect, lawson, strict=True)]
        system = mp.matrix([[w * y for y in row] for w, row in zip(weight, basis, strict=True)])
        right = mp.matrix([w * y for w, y in zip(weight, values, strict=True)])
        found = mp.lu_solve(system.T * system, system.T * right)
        errors = [
            abs(mp.fdot(row, found) - y) * e
            for row, y, e in zip(basis, values, effect, strict=True)
        ]
        top = max(errors)
        if best is None or top < best[0]:
            best = top, found
        lawson = [v * (e / top + mp.mpf("1e-3")) for v, e in zip(lawson, errors, strict=True)]
    assert best is not None
    print("log(erfc)", degree, mp.nstr(best[0], 3))
    return monomials(best[1], a, b)


def monomials(chebyshev: Any, a: Any, b: Any) -> list[Any]:
    """The powers of x of a Chebyshev series on [a, b]."""
    scale, offset = 2 / (b - a), -(a + b) / (b - a)
    total = [mp.mpf(0)] * len(chebyshev)
    older, newer = [mp.mpf(1)], [offset, scale]
    for coefficient in chebyshev:
        for i, x in enumerate(older):
            total[i] += coefficient * x
        following = [mp.mpf(0)] * (len(newer) + 1)
        for i, x in enumerate(newer):
            following[i] += 2 * offset * x
            following[i + 1] += 2 * scale * x
        for i, x in enumerate(older):
            following[i] -= x
        older, newer = newer, following
    return total


def words_of_two_over_pi(count: int) -> list[int]:
    """The bits of 2 / pi after the point, in words of 64, after a word of zeros."""
    with mp.workdps(64 * count // 3 + 60):
        bits = int(mp.floor(2 / mp.pi * mp.mpf(2) ** (64 * count)))
    return [0] + [(bits >> (64 * (count - 1 - i))) & (2**64 - 1) for i in range(count)]


def main() -> None:
    lines = [
        '"""Polynomials of native mathematics: fitted by benchmarks/probes/coefficients.py, which',
        'says how; do not edit. For each element type the coefficients, the lowest power first."""',
        "",
        "POLYNOMIALS: dict[tuple[str, str], tuple[float, ...]] = {",
    ]

    def entry(name: str, what: str, double: list[Any], single: list[Any]) -> None:
        lines.append(f"    # {what}")
        for element, coefficients in (("double", double), ("float", single)):
            if not coefficients:
                continue
            lines.append(f'    ("{name}", "{element}"): (')
            lines.extend(f"        {float(x)!r}," for x in coefficients)
            lines.append("    ),")

    for name, (what, function, a, b, double, single) in FITS.items():
        fitted = []
        for i, count in enumerate((double, single)):
            if not count:
                fitted.append([])
                continue
            last = b[i] if isinstance(b, tuple) else b
            found, error = mp.chebyfit(function, [a, last], count, error=True)
            print(name, count, mp.nstr(error, 3))
            fitted.append(found[::-1])
        entry(name, what, *fitted)
    entry(
        "erf_tail",
        "log(erfc(x)), 1 <= x <= 5.95 or 4",
        tail_of_erf("5.95", 16),
        tail_of_erf("4", 6),
    )
    lines += ["}", "", "TWO_OVER_PI = ("]
    lines += [f"    0x{x:016X}," for x in words_of_two_over_pi(21)]
    lines += [")", '"""The bits of 2 / pi after the point, after a word of zeros."""']
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
