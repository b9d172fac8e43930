"""The gamma distribution and those made of gamma variables.

A gamma variable is drawn by rejection, so its formula says nothing of how it moves with its shape.
Its derivative is that which keeps its probability (implicit reparameterisation): the expectation of
a function of the numbers then has the expectation of its derivative as derivative. So it is in all
orders.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, Shape
from functrans.random.arguments import check_key, keys_of, parameters, spread
from functrans.random.continuous import signs


def loggammas(key: Array, a: Array, shape: Shape) -> Array:
    return p.random_loggamma(key, spread(a, shape))


def gamma(key: Any, a: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of the gamma distribution of scale 1.

    Parameters
    ----------
    key : key
    a : array_like
        The shape parameter, greater than 0.
    shape : int or tuple of int, optional
        `a` broadcasts to it; default: its shape.
    dtype : dtype, optional
        Default: that of `a`, float64 for Python numbers.

    Returns
    -------
    ndarray
        Differentiable by `a`, by implicit reparameterisation. NaN where `a` is negative.

    Examples
    --------
    >>> import functrans as ft
    >>> key = ft.random.key(0)
    >>> ft.random.gamma(key, 2.5).round(6), ft.grad(lambda a: ft.random.gamma(key, a))(2.5).round(6)
    (np.float64(6.279366), np.float64(1.634176))
    """
    key = check_key("gamma", key)
    shape, _, (a,) = parameters("gamma", shape, dtype, a=a)
    return p.exp(loggammas(key, a, shape))


def loggamma(key: Any, a: Any, shape: Any = None, dtype: Any = None) -> Array:
    """The logarithms of numbers of the gamma distribution of scale 1.

    They are exact where the numbers themselves underflow: for small `a`.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.loggamma(ft.random.key(0), 1e-3).round(3)
    np.float64(-563.536)
    """
    key = check_key("loggamma", key)
    shape, _, (a,) = parameters("loggamma", shape, dtype, a=a)
    return loggammas(key, a, shape)


def beta(key: Any, a: Any, b: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of the beta distribution.

    Parameters
    ----------
    key : key
    a, b : array_like
        Greater than 0.
    shape : int or tuple of int, optional
        The parameters broadcast to it; default: their common shape.
    dtype : dtype, optional
        Default: that of the parameters, float64 for Python numbers.

    Returns
    -------
    ndarray
        Differentiable by `a` and `b`, as quotients of gamma variables.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.beta(ft.random.key(0), 2.0, 3.0, 2).round(6)
    array([0.20825 , 0.781622])
    """
    key = check_key("beta", key)
    shape, _, (a, b) = parameters("beta", shape, dtype, a=a, b=b)
    first, second = keys_of(key, 2)
    return p.sigmoid(p.subtract(loggammas(first, a, shape), loggammas(second, b, shape)))


def chisquare(key: Any, df: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of the chi-squared distribution, differentiable by the degrees of freedom.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.chisquare(ft.random.key(0), 3.0, 2).round(6)
    array([9.206712, 1.440527])
    """
    key = check_key("chisquare", key)
    shape, kind, (df,) = parameters("chisquare", shape, dtype, df=df)
    return _chisquares(key, df, shape, kind)


def _chisquares(key: Array, df: Array, shape: Shape, dtype: np.dtype[Any]) -> Array:
    half = p.multiply(df, dtype.type(0.5))
    return p.multiply(dtype.type(2), p.exp(loggammas(key, half, shape)))


def f(key: Any, dfnum: Any, dfden: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of the F distribution, differentiable by the degrees of freedom.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.f(ft.random.key(0), 3.0, 5.0).round(6)
    np.float64(0.306912)
    """
    key = check_key("f", key)
    shape, kind, (dfnum, dfden) = parameters("f", shape, dtype, dfnum=dfnum, dfden=dfden)
    first, second = keys_of(key, 2)
    top = p.divide(_chisquares(first, dfnum, shape, kind), dfnum)
    return p.divide(top, p.divide(_chisquares(second, dfden, shape, kind), dfden))


def t(key: Any, df: Any, shape: Any = None, dtype: Any = None) -> Array:
    """Numbers of Student's t distribution, differentiable by the degrees of freedom.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.t(ft.random.key(0), 3.0).round(6)
    np.float64(2.178964)
    """
    key = check_key("t", key)
    shape, kind, (df,) = parameters("t", shape, dtype, df=df)
    first, second = keys_of(key, 2)
    half = p.multiply(df, kind.type(0.5))
    spread_by = p.sqrt(p.divide(half, p.exp(loggammas(second, half, shape))))
    return p.multiply(p.random_normal(first, shape=shape, dtype=kind), spread_by)


def generalized_normal(key: Any, p: Any, shape: Any = (), dtype: Any = float) -> Array:
    """Numbers whose density is proportional to ``exp(-abs(x)**p)``.

    Parameters
    ----------
    key : key
    p : float
        Greater than 0; differentiable.
    shape : int or tuple of int
    dtype : dtype

    Examples
    --------
    >>> import functrans as ft
    >>> ft.random.generalized_normal(ft.random.key(0), 1.5).round(6)
    np.float64(0.312256)
    """
    key = check_key("generalized_normal", key)
    shape, kind, (power,) = parameters("generalized_normal", shape, dtype, p=p)
    return powered(key, power, shape, kind)


def powered(key: Array, power: Array, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Numbers of the generalised normal distribution."""
    first, second = keys_of(key, 2)
    inverse = p.divide(dtype.type(1), power)
    return p.multiply(
        signs(second, shape, dtype),
        p.exp(p.multiply(inverse, loggammas(first, inverse, shape))),
    )
