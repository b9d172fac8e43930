"""What all distributions share: arguments, location and scale, supports, frozen parameters.

A family is a sheet of formulas of the standard form (location 0, scale 1), valid inside of the
support. Outside, values are exact (0, 1, minus infinity) and derivatives are structural zeros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.errors import MissingRuleError, OperandError, user_line
from functrans.core.types import WEAK, Array, type_of
from functrans.numpy.operands import operand
from functrans.transforms.stop_gradient import stop_gradient

if TYPE_CHECKING:
    from collections.abc import Callable

    Formula = Callable[..., Any]
    Bounds = tuple[Any, Any]

DOUBLE = np.dtype(float)


def double(x: Any) -> Array:
    """An argument in double precision, in which SciPy computes all distributions."""
    if type(x) in WEAK and type(x) is not complex:
        return np.float64(x)
    x = operand(x)
    kind = type_of(x)
    if kind.dtype.kind not in "biuf":
        raise OperandError(
            f"functrans.scipy.stats takes real numbers, got {kind}, at {user_line()}: take the "
            "real part (numpy.real(x)), or convert (numpy.asarray(x, dtype=float))"
        )
    return x if kind.dtype == DOUBLE and not kind.weak else p.astype(x, dtype=DOUBLE)


def positive(*shapes: Array) -> Any:
    """Whether all shape parameters are greater than 0."""
    valid: Any = True
    for shape in shapes:
        valid = valid & (shape > 0)
    return valid


def real_line(*shapes: Array) -> Bounds:
    return -np.inf, np.inf


def half_line(*shapes: Array) -> Bounds:
    return 0.0, np.inf


def unit_interval(*shapes: Array) -> Bounds:
    return 0.0, 1.0


class Distribution:
    """A family of distributions, with its methods.

    Parameters
    ----------
    name : str
        SciPy's.
    shapes : str
        The names of the shape parameters, with blanks between them.
    support : callable
        The bounds of the standard form, of the shape parameters.
    valid : callable
        Whether the shape parameters are valid; elsewhere all values are NaN.
    **formulas
        The methods of the standard form, of the variable and the shape parameters.
    """

    methods: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()

    def __init__(
        self,
        name: str,
        shapes: str = "",
        *,
        support: Callable[..., Bounds],
        valid: Callable[..., Any] = positive,
        **formulas: Formula,
    ) -> None:
        self.name = name
        self.shapes = tuple(shapes.split())
        self.support = support
        self.valid = valid
        self.formulas = formulas

    def __repr__(self) -> str:
        return f"<distribution {self.name}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise AttributeError(
            f"functrans.scipy.stats.{self.name} has no {name}; where no derivative is needed use "
            f"scipy.stats.{self.name}.{name}"
        )

    def __call__(self, *args: Any, **kwds: Any) -> Frozen:
        """The distribution with fixed parameters."""
        self._parameters(args, kwds)
        return Frozen(self, args, kwds)

    def _parameters(self, args: Any, kwds: dict[str, Any]) -> list[Array]:
        """Shape parameters, then location (and scale)."""
        names = (*self.shapes, *self.tail)
        if len(args) > len(names):
            raise TypeError(
                f"{self.name}: {len(args)} parameters given, at {user_line()}; it has "
                f"{len(names)}: {', '.join(names)}"
            )
        given = dict(zip(names, args, strict=False))
        for key, value in kwds.items():
            if key not in names or key in given:
                what = "is given twice" if key in given else "is no parameter"
                raise TypeError(
                    f"{self.name}: {key} {what}, at {user_line()}; the parameters are "
                    f"{', '.join(names)}"
                )
            given[key] = value
        for key, default in zip(self.tail, (0.0, 1.0), strict=False):
            given.setdefault(key, default)
        missing = [key for key in names if key not in given]
        if missing:
            raise TypeError(f"{self.name}: no {', '.join(missing)} given, at {user_line()}")
        return [double(given[key]) for key in names]

    def _formula(self, method: str) -> Formula:
        formula = self.formulas.get(method)
        if formula is None:
            raise MissingRuleError(
                f"functrans.scipy.stats.{self.name}.{method} has no rule, at {user_line()}: "
                f"{REASONS.get((self.name, method), 'it has no formula in known functions')}"
            )
        return formula


REASONS = {
    ("vonmises", "ppf"): "SciPy finds it by iteration",
    ("skewnorm", "ppf"): "SciPy finds it by iteration",
}


def interior(low: Any, high: Any) -> Any:
    """A point inside of the bounds, as a constant."""
    low, high = stop_gradient(low), stop_gradient(high)
    below, above = np.isfinite(low), np.isfinite(high)
    safe_low, safe_high = np.where(below, low, 0.0), np.where(above, high, 0.0)
    both = np.where(below & above, 0.5 * (safe_low + safe_high), safe_low + safe_high)
    return both + np.where(below & ~above, 1.0, 0.0) - np.where(above & ~below, 1.0, 0.0)


def logarithm(value: Array, rest: Array) -> Array:
    """The logarithm of a probability, near 1 from the rest."""
    large = value > 0.5
    return np.where(
        large, np.log1p(-np.where(large, rest, 0.5)), np.log(np.where(large, 1.0, value))
    )


class Continuous(Distribution):
    """A family of continuous distributions, with SciPy's methods and arguments.

    ``logpdf, pdf, logcdf, cdf, logsf, sf, ppf, isf`` take ``(x, *shapes, loc=0, scale=1)``. All are
    differentiated by `x` and by every parameter.

    Examples
    --------
    >>> import functrans as ft
    >>> from functrans.scipy import stats
    >>> ft.grad(stats.norm.logpdf)(3.0, loc=1.0, scale=2.0)
    np.float64(-0.5)
    >>> ft.grad(lambda rate: stats.gamma.logpdf(2.0, 1.0, scale=1 / rate))(4.0)
    np.float64(-1.75)
    """

    tail = ("loc", "scale")

    def _standard(self, x: Any, args: Any, kwds: Any) -> tuple[Array, list[Array], Array, Any]:
        """The standardised variable, the shape parameters, the scale, and where all is valid."""
        *shapes, loc, scale = self._parameters(args, kwds)
        z = (double(x) - loc) / scale
        return z, shapes, scale, (scale > 0) & self.valid(*shapes) & ~np.isnan(z)

    def _inside(self, z: Array, shapes: list[Array], *, closed: bool) -> tuple[Any, Array, Bounds]:
        low, high = self.support(*shapes)
        inside = (z >= low) & (z <= high) if closed else (z > low) & (z < high)
        return inside, np.where(inside, z, interior(low, high)), (low, high)

    def _density(self, method: str, x: Any, args: Any, kwds: Any) -> Array:
        z, shapes, scale, valid = self._standard(x, args, kwds)
        inside, safe, _ = self._inside(z, shapes, closed=True)
        scale = np.where(scale > 0, scale, 1.0)
        if method == "logpdf":
            value = np.where(
                inside, self._formula("logpdf")(safe, *shapes) - np.log(scale), -np.inf
            )
        elif "pdf" in self.formulas:
            value = np.where(inside, self.formulas["pdf"](safe, *shapes) / scale, 0.0)
        else:
            value = np.where(inside, np.exp(self._formula("logpdf")(safe, *shapes)) / scale, 0.0)
        return np.where(valid, value, np.nan)[()]

    def _cumulative(self, method: str, x: Any, args: Any, kwds: Any) -> Array:
        z, shapes, _, valid = self._standard(x, args, kwds)
        inside, safe, (low, _) = self._inside(z, shapes, closed=False)
        below, above = {"cdf": (0.0, 1.0), "sf": (1.0, 0.0)}.get(
            method.removeprefix("log"), (0.0, 0.0)
        )
        if method.startswith("log"):
            below, above = (0.0 if v else -np.inf for v in (below, above))
        value = self._tail(method)(safe, *shapes)
        value = np.where(inside, value, np.where(z <= low, below, above))
        return np.where(valid, value, np.nan)[()]

    def _tail(self, method: str) -> Formula:
        if method in self.formulas:
            return self.formulas[method]
        if method.startswith("log"):
            own, other = ("cdf", "sf") if method == "logcdf" else ("sf", "cdf")
            return lambda x, *shapes: logarithm(
                self._tail(own)(x, *shapes), self._tail(other)(x, *shapes)
            )
        if method == "sf":
            cdf = self._formula("cdf")
            return lambda x, *shapes: 1.0 - cdf(x, *shapes)
        return self._formula(method)

    def _quantile(self, method: str, q: Any, args: Any, kwds: Any) -> Array:
        *shapes, loc, scale = self._parameters(args, kwds)
        q = double(q)
        low, high = self.support(*shapes)
        if method == "isf":
            low, high = high, low
        inside = (q > 0) & (q < 1)
        safe = np.where(inside, q, 0.5)
        if method in self.formulas:
            z = self.formulas[method](safe, *shapes)
        else:
            z = self._formula("ppf")(1.0 - safe, *shapes)
        z = np.where(inside, z, np.where(q <= 0, low, high))
        valid = (scale > 0) & self.valid(*shapes) & (q >= 0) & (q <= 1)
        return np.where(valid, z * scale + loc, np.nan)[()]

    def logpdf(self, x: Any, *args: Any, **kwds: Any) -> Array:
        """Logarithm of the density; minus infinity outside of the support."""
        return self._density("logpdf", x, args, kwds)

    def pdf(self, x: Any, *args: Any, **kwds: Any) -> Array:
        """The density; 0 outside of the support."""
        return self._density("pdf", x, args, kwds)

    def logcdf(self, x: Any, *args: Any, **kwds: Any) -> Array:
        """Logarithm of the distribution function."""
        return self._cumulative("logcdf", x, args, kwds)

    def cdf(self, x: Any, *args: Any, **kwds: Any) -> Array:
        """The distribution function: the probability of at most `x`."""
        return self._cumulative("cdf", x, args, kwds)

    def logsf(self, x: Any, *args: Any, **kwds: Any) -> Array:
        """Logarithm of the survival function."""
        return self._cumulative("logsf", x, args, kwds)

    def sf(self, x: Any, *args: Any, **kwds: Any) -> Array:
        """The survival function: the probability of more than `x`."""
        return self._cumulative("sf", x, args, kwds)

    def ppf(self, q: Any, *args: Any, **kwds: Any) -> Array:
        """The quantile: the inverse of ``cdf``."""
        return self._quantile("ppf", q, args, kwds)

    def isf(self, q: Any, *args: Any, **kwds: Any) -> Array:
        """The inverse of ``sf``."""
        return self._quantile("isf", q, args, kwds)


class Discrete(Distribution):
    """A family of distributions on whole numbers, with SciPy's methods and arguments.

    ``logpmf, pmf, logcdf, cdf, logsf, sf`` take ``(k, *shapes, loc=0)``. They are differentiated by
    the parameters; by `k` the derivative is zero, since they are constant between whole numbers.

    Examples
    --------
    >>> import functrans as ft
    >>> from functrans.scipy import stats
    >>> ft.grad(lambda mu: stats.poisson.logpmf(3, mu))(2.0)
    np.float64(0.5)
    """

    tail = ("loc",)

    def _standard(self, k: Any, args: Any, kwds: Any) -> tuple[Array, list[Array], Any]:
        *shapes, loc = self._parameters(args, kwds)
        k = stop_gradient(double(k) - loc)
        return k, shapes, self.valid(*shapes) & ~np.isnan(k)

    def _mass(self, method: str, k: Any, args: Any, kwds: Any) -> Array:
        k, shapes, valid = self._standard(k, args, kwds)
        low, high = self.support(*shapes)
        inside = (k >= low) & (k <= high) & (np.floor(k) == k)
        safe = np.where(inside, k, stop_gradient(low))
        if method == "logpmf":
            value = np.where(inside, self._formula("logpmf")(safe, *shapes), -np.inf)
        elif "pmf" in self.formulas:
            value = np.where(inside, self.formulas["pmf"](safe, *shapes), 0.0)
        else:
            value = np.where(inside, np.exp(self._formula("logpmf")(safe, *shapes)), 0.0)
        return np.where(valid, value, np.nan)[()]

    def _cumulative(self, method: str, k: Any, args: Any, kwds: Any) -> Array:
        k, shapes, valid = self._standard(k, args, kwds)
        low, high = self.support(*shapes)
        inside = (k >= low) & (k < high)
        safe = np.floor(np.where(inside, k, stop_gradient(low)))
        plain = method.removeprefix("log")
        if plain in self.formulas:
            value = self.formulas[plain](safe, *shapes)
        else:
            value = 1.0 - self._formula("cdf" if plain == "sf" else "sf")(safe, *shapes)
        below, above = (0.0, 1.0) if plain == "cdf" else (1.0, 0.0)
        if plain != method:
            value = (
                self.formulas[method](safe, *shapes) if method in self.formulas else np.log(value)
            )
            below, above = (0.0 if v else -np.inf for v in (below, above))
        value = np.where(inside, value, np.where(k < low, below, above))
        return np.where(valid, value, np.nan)[()]

    def logpmf(self, k: Any, *args: Any, **kwds: Any) -> Array:
        """Logarithm of the probability of `k`."""
        return self._mass("logpmf", k, args, kwds)

    def pmf(self, k: Any, *args: Any, **kwds: Any) -> Array:
        """The probability of `k`."""
        return self._mass("pmf", k, args, kwds)

    def logcdf(self, k: Any, *args: Any, **kwds: Any) -> Array:
        """Logarithm of the distribution function."""
        return self._cumulative("logcdf", k, args, kwds)

    def cdf(self, k: Any, *args: Any, **kwds: Any) -> Array:
        """The distribution function: the probability of at most `k`."""
        return self._cumulative("cdf", k, args, kwds)

    def logsf(self, k: Any, *args: Any, **kwds: Any) -> Array:
        """Logarithm of the survival function."""
        return self._cumulative("logsf", k, args, kwds)

    def sf(self, k: Any, *args: Any, **kwds: Any) -> Array:
        """The survival function: the probability of more than `k`."""
        return self._cumulative("sf", k, args, kwds)


class Frozen:
    """A distribution with fixed parameters: its methods take the variable only."""

    def __init__(self, dist: Any, args: tuple[Any, ...], kwds: dict[str, Any]) -> None:
        self.dist = dist
        self.args = args
        self.kwds = kwds

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.dist, name)
        if name.startswith("_") or not callable(method):
            raise AttributeError(f"{self.dist!r} has no method {name}")
        return lambda x: method(x, *self.args, **self.kwds)
