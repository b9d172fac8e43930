"""Continuous distributions by formula from uniform and normal numbers: pathwise derivatives by
their parameters are those of the formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, Shape
from functrans.random.arguments import (
    check_float,
    check_key,
    check_shape,
    in_dtype,
    keys_of,
    parameters,
    spread,
)


def units(key: Array, shape: Shape, dtype: np.dtype[Any], low: float = 0.0) -> Array:
    """Numbers in [low, 1)."""
    u = p.random_uniform(key, shape=shape, dtype=dtype)
    return p.add(p.multiply(u, dtype.type(1 - low)), dtype.type(low)) if low else u


def positive_units(key: Array, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Numbers in (0, 1), those at 0 replaced by the least number there is."""
    return units(key, shape, dtype, float(np.finfo(dtype).tiny))


def uniform(
    key: Any, shape: Any = (), dtype: Any = float, minval: Any = 0.0, maxval: Any = 1.0
) -> Array:
    """Numbers uniformly distributed from `minval` to below `maxval`.

    Parameters
    ----------
    key : key
    shape : int or tuple of int
        `minval` and `maxval` broadcast to it.
    dtype : dtype
        Real floating point.
    minval, maxval : array_like

    Returns
    -------
    ndarray
        Differentiable by the bounds.

    Raises
    ------
    InputTypeError
        A key, shape or dtype that is none.
    ValueError
        Parameters that do not broadcast to the shape. All samplers raise these two.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.uniform(ft.random.key(0), 3, minval=-1.0).round(6)
    array([-0.163086, -0.567409,  0.930643])
    """
    key = check_key("uniform", key)
    if type(minval) is float and minval == 0 and type(maxval) is float and maxval == 1:
        return units(key, check_shape("uniform", shape), check_float("uniform", dtype))
    shape, kind, (low, high) = parameters("uniform", shape, dtype, minval=minval, maxval=maxval)
    return p.add(p.multiply(units(key, shape, kind), p.subtract(high, low)), low)


def normal(key: Any, shape: Any = (), dtype: Any = float) -> Array:
    """Numbers of the standard normal distribution.

    Parameters
    ----------
    key : key
    shape : int or tuple of int
    dtype : dtype
        Floating point; complex numbers have independent parts of variance 1/2.

    Returns
    -------
    ndarray
        ``mean + std * normal(key, shape)`` is differentiable by `mean` and `std`.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.normal(ft.random.key(0), 3).round(6)
    array([-0.205842, -0.784766,  1.816087])
    """
    key = check_key("normal", key)
    shape = check_shape("normal", shape)
    kind = np.dtype(dtype)
    if kind.kind != "c":
        return p.random_normal(key, shape=shape, dtype=check_float("normal", kind))
    part = check_float("normal", f"f{kind.itemsize // 2}")
    real, imag = (p.random_normal(k, shape=shape, dtype=part) for k in keys_of(key, 2))
    scale = part.type(math.sqrt(0.5))
    return p.make_complex(p.multiply(scale, real), p.multiply(scale, imag))


def truncated_normal(
    key: Any, lower: Any, upper: Any, shape: Any = None, dtype: Any = None
) -> Array:
    """Numbers of the standard normal distribution, given that they lie between two bounds.

    Parameters
    ----------
    key : key
    lower, upper : array_like
        May be infinite, and any number of standard deviations out.
    shape : int or tuple of int, optional
        The bounds broadcast to it; default: their common shape.
    dtype : dtype, optional
        Default: that of the parameters, float64 for Python numbers.

    Returns
    -------
    ndarray
        Differentiable by the bounds.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.truncated_normal(ft.random.key(0), -1.0, 1.0, 3).round(6)
    array([-0.139996, -0.506315,  0.906522])
    """
    key = check_key("truncated_normal", key)
    shape, kind, (a, b) = parameters("truncated_normal", shape, dtype, lower=lower, upper=upper)
    return in_dtype(p.truncated_quantile(units(key, shape, kind), a, b), kind)


def exponential(key: Any, shape: Any = (), dtype: Any = float) -> Array:
    """Numbers of the exponential distribution of mean 1.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.exponential(ft.random.key(0), 2).round(6)
    array([0.542071, 0.243723])
    """
    key = check_key("exponential", key)
    return exponentials(key, check_shape("exponential", shape), check_float("exponential", dtype))


def exponentials(key: Array, shape: Shape, dtype: np.dtype[Any]) -> Array:
    return p.negative(p.log1p(p.negative(units(key, shape, dtype))))


def gumbel(key: Any, shape: Any = (), dtype: Any = float) -> Array:
    """Numbers of the standard Gumbel distribution.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.gumbel(ft.random.key(0), 2).round(6)
    array([ 0.137906, -0.425993])
    """
    key = check_key("gumbel", key)
    return gumbels(key, check_shape("gumbel", shape), check_float("gumbel", dtype))


def gumbels(key: Array, shape: Shape, dtype: np.dtype[Any]) -> Array:
    return p.negative(p.log(p.negative(p.log(positive_units(key, shape, dtype)))))


def laplace(key: Any, shape: Any = (), dtype: Any = float) -> Array:
    """Numbers of the standard Laplace distribution.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.laplace(ft.random.key(0), 2).round(6)
    array([0.178034, 0.837963])
    """
    key = check_key("laplace", key)
    kind = check_float("laplace", dtype)
    u = units(key, check_shape("laplace", shape), kind, float(np.finfo(kind).epsneg) - 1)
    return p.multiply(p.sign(u), p.log1p(p.negative(p.absolute(u))))


def logistic(key: Any, shape: Any = (), dtype: Any = float) -> Array:
    """Numbers of the standard logistic distribution.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.logistic(ft.random.key(0), 2).round(6)
    array([-0.32911 , -1.287387])
    """
    key = check_key("logistic", key)
    u = positive_units(key, check_shape("logistic", shape), check_float("logistic", dtype))
    return p.subtract(p.log(u), p.log1p(p.negative(u)))


def cauchy(key: Any, shape: Any = (), dtype: Any = float) -> Array:
    """Numbers of the standard Cauchy distribution.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.cauchy(ft.random.key(0), 2).round(6)
    array([-0.26193 , -1.237846])
    """
    key = check_key("cauchy", key)
    kind = check_float("cauchy", dtype)
    u = units(key, check_shape("cauchy", shape), kind, float(np.finfo(kind).eps))
    return p.tan(p.multiply(kind.type(math.pi), p.subtract(u, kind.type(0.5))))


def maxwell(key: Any, shape: Any = (), dtype: Any = float) -> Array:
    """Numbers of the Maxwell distribution: lengths of standard normal vectors in three dimensions.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.maxwell(ft.random.key(0), 2).round(6)
    array([1.98907 , 0.424607])
    """
    key = check_key("maxwell", key)
    return _maxwell(key, check_shape("maxwell", shape), check_float("maxwell", dtype))


def _maxwell(key: Array, shape: Shape, dtype: np.dtype[Any]) -> Array:
    vectors = p.random_normal(key, shape=(*shape, 3), dtype=dtype)
    return p.sqrt(p.sum(p.square(vectors), axes=(len(shape),)))


def double_sided_maxwell(
    key: Any, loc: Any, scale: Any, shape: Any = (), dtype: Any = None
) -> Array:
    """Numbers of Maxwell's distribution with either sign, scaled and moved.

    Parameters
    ----------
    key : key
    loc, scale : array_like
        Differentiable.
    shape : int or tuple of int
        Of the numbers for each pair of parameters; that of these comes behind it.
    dtype : dtype, optional
        Default: that of the parameters.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.double_sided_maxwell(ft.random.key(0), 0.0, 2.0, 2).shape
    (2,)
    """
    who = "double_sided_maxwell"
    key = check_key(who, key)
    inner, kind, (loc, scale) = parameters(who, None, dtype, loc=loc, scale=scale)
    shape = check_shape(who, shape) + inner
    first, second = keys_of(key, 2)
    sided = p.multiply(signs(second, shape, kind), _maxwell(first, shape, kind))
    return p.add(p.multiply(scale, sided), loc)


def signs(key: Array, shape: Shape, dtype: np.dtype[Any]) -> Array:
    positive = p.less(p.random_uniform(key, shape=shape, dtype=np.dtype(float)), 0.5)
    return p.subtract(p.multiply(dtype.type(2), positive), dtype.type(1))


def rademacher(key: Any, shape: Any = (), dtype: Any = int) -> Array:
    """Numbers that are 1 or -1.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.rademacher(ft.random.key(0), 4)
    array([ 1,  1, -1, -1])
    """
    key = check_key("rademacher", key)
    return signs(key, check_shape("rademacher", shape), np.dtype(dtype))


def lognormal(key: Any, sigma: Any = 1.0, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers whose logarithms are normally distributed with mean 0 and the given deviation.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.grad(lambda s: ft.random.lognormal(ft.random.key(0), s))(0.5).round(6)
    np.float64(-0.18571)
    """
    key = check_key("lognormal", key)
    shape, kind, (sigma,) = parameters("lognormal", shape, dtype, sigma=sigma)
    return p.exp(p.multiply(p.random_normal(key, shape=shape, dtype=kind), sigma))


def pareto(key: Any, b: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of the Pareto distribution with minimum 1 and exponent `b`.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.pareto(ft.random.key(0), 2.0, 2).round(6)
    array([1.311321, 1.129598])
    """
    key = check_key("pareto", key)
    shape, kind, (b,) = parameters("pareto", shape, dtype, b=b)
    return p.exp(p.divide(exponentials(key, shape, kind), b))


def rayleigh(key: Any, scale: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of the Rayleigh distribution: lengths of normal vectors in two dimensions.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.rayleigh(ft.random.key(0), 2.0, 2).round(6)
    array([2.639971, 3.49984 ])
    """
    key = check_key("rayleigh", key)
    shape, kind, (scale,) = parameters("rayleigh", shape, dtype, scale=scale)
    u = positive_units(key, shape, kind)
    return p.multiply(scale, p.sqrt(p.multiply(kind.type(-2), p.log(u))))


def weibull_min(
    key: Any, scale: Any, concentration: Any, shape: Any = None, dtype: Any = None
) -> Array:
    """Numbers of the Weibull distribution.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.weibull_min(ft.random.key(0), 1.0, 2.0, 2).round(6)
    array([0.736254, 0.493683])
    """
    who = "weibull_min"
    key = check_key(who, key)
    shape, kind, (scale, concentration) = parameters(
        who, shape, dtype, scale=scale, concentration=concentration
    )
    lengths = exponentials(key, shape, kind)
    return p.multiply(scale, p.power(lengths, p.divide(kind.type(1), concentration)))


def triangular(
    key: Any, left: Any, mode: Any, right: Any, shape: Any = None, dtype: Any = None
) -> Array:
    """Numbers from `left` to `right` whose density is a triangle with its top at `mode`.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.triangular(ft.random.key(0), 0.0, 0.5, 1.0, 2).round(6)
    array([0.457415, 0.328858])
    """
    who = "triangular"
    key = check_key(who, key)
    shape, kind, (left, mode, right) = parameters(
        who, shape, dtype, left=left, mode=mode, right=right
    )
    u = units(key, shape, kind)
    width = p.subtract(right, left)
    rising = p.sqrt(p.multiply(p.multiply(u, width), p.subtract(mode, left)))
    rest = p.multiply(p.subtract(kind.type(1), u), width)
    falling = p.sqrt(p.multiply(rest, p.subtract(right, mode)))
    below = p.less(u, p.divide(p.subtract(mode, left), width))
    return p.where(below, p.add(left, rising), p.subtract(right, falling))


def wald(key: Any, mean: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of the inverse Gaussian distribution of scale 1, differentiable by the mean.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.wald(ft.random.key(0), 1.5, 2).round(6)
    array([0.209434, 2.682148])
    """
    key = check_key("wald", key)
    shape, _, (mean,) = parameters("wald", shape, dtype, mean=mean)
    return p.random_wald(key, spread(mean, shape))
