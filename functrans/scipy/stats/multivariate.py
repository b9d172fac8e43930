"""Distributions of vectors: normal, Dirichlet, multinomial."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans.core.errors import MissingRuleError, user_line
from functrans.core.types import Array, shape_of
from functrans.numpy.axes import ndim_of
from functrans.primitives import special as _rules  # noqa: F401  (registers them)
from functrans.primitives.special_ufuncs import sp
from functrans.scipy.linalg.systems import cholesky_factor, solve_triangular
from functrans.scipy.stats.distribution import Frozen, double
from functrans.transforms.stop_gradient import stop_gradient


class Multivariate:
    """A family of distributions of vectors."""

    name = ""

    def __repr__(self) -> str:
        return f"<distribution {self.name}>"

    def __call__(self, *args: Any, **kwds: Any) -> Frozen:
        """The distribution with fixed parameters."""
        return Frozen(self, args, kwds)


class MultivariateNormal(Multivariate):
    """The normal distribution of vectors, with SciPy's arguments.

    The covariance must be positive definite; its derivative is that of the function of its
    symmetric part.

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> from functrans.scipy import stats
    >>> cov = np.array([[2.0, 0.0], [0.0, 4.0]])
    >>> ft.grad(lambda x: stats.multivariate_normal.logpdf(x, np.zeros(2), cov))(np.ones(2))
    array([-0.5 , -0.25])
    """

    name = "multivariate_normal"

    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Array:
        """Logarithm of the density.

        Parameters
        ----------
        x : array_like, shape (..., n)
        mean : array_like, optional
            Default 0.
        cov : array_like
            The matrix, its diagonal, or a number.
        allow_singular : bool
            Must be False: a singular covariance has no density.
        """
        if allow_singular:
            raise MissingRuleError(
                f"functrans.scipy.stats.multivariate_normal(allow_singular=True) has no rule, at "
                f"{user_line()}: the density of a singular covariance is one on a subspace, which "
                "moves with it"
            )
        x, cov = double(x), double(cov)
        mean = None if mean is None else double(mean)
        n = self._dimension(x, mean, cov)
        if ndim_of(cov) < 2:
            cov = cov * np.eye(n) if ndim_of(cov) == 0 else cov[:, None] * np.eye(n)
        if ndim_of(x) == 0 or (ndim_of(x) == 1 and n == 1):
            x = x[..., None]
        deviation = x if mean is None else x - mean
        factor = cholesky_factor(cov, True)
        columns = np.reshape(deviation, (-1, n)).T
        turned = solve_triangular(factor, columns, lower=True)
        distance = np.reshape(np.sum(turned * turned, axis=0), shape_of(deviation)[:-1])
        logarithm = np.sum(np.log(np.diagonal(factor)))
        return (-0.5 * (n * math.log(2 * math.pi) + distance) - logarithm)[()]

    @staticmethod
    def _dimension(x: Array, mean: Array | None, cov: Array) -> int:
        if mean is not None and ndim_of(mean):
            return shape_of(mean)[-1]
        if ndim_of(cov):
            return shape_of(cov)[-1]
        return 1

    def pdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Array:
        """The density; the arguments are those of ``logpdf``."""
        return np.exp(self.logpdf(x, mean, cov, allow_singular))

    def cdf(self, *args: Any, **kwds: Any) -> Array:
        """Has no rule."""
        raise MissingRuleError(
            f"functrans.scipy.stats.multivariate_normal.cdf has no rule, at {user_line()}: SciPy "
            "integrates it at random points"
        )


class Dirichlet(Multivariate):
    """The Dirichlet distribution, with SciPy's arguments.

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> from functrans.scipy import stats
    >>> ft.grad(lambda x: stats.dirichlet.logpdf(x, np.array([2.0, 3.0])))(np.array([0.25, 0.75]))
    array([4.        , 2.66666667])
    """

    name = "dirichlet"

    def logpdf(self, x: Any, alpha: Any) -> Array:
        """Logarithm of the density.

        Parameters
        ----------
        x : array_like, shape (n, ...) or (n - 1, ...)
            Probabilities; the last may be left out. If it is given, all count as free.
        alpha : array_like, shape (n,)
        """
        x, alpha = double(x), double(alpha)
        if shape_of(x)[0] == shape_of(alpha)[0] - 1:
            x = np.concatenate([x, 1 - np.sum(x, axis=0, keepdims=True)])
        if shape_of(x)[0] != shape_of(alpha)[0]:
            raise ValueError(
                "Vector 'x' must have either the same number of entries as, or one entry fewer "
                f"than, parameter vector 'a', but alpha.shape = {shape_of(alpha)} and x.shape = "
                f"{shape_of(x)}."
            )
        whole = sp.gammaln(np.sum(alpha)) - np.sum(sp.gammaln(alpha))
        power = np.reshape(alpha - 1, (-1,) + (1,) * (ndim_of(x) - 1))
        return (whole + np.sum(sp.xlogy(power, x), axis=0))[()]

    def pdf(self, x: Any, alpha: Any) -> Array:
        """The density; the arguments are those of ``logpdf``."""
        return np.exp(self.logpdf(x, alpha))


class Multinomial(Multivariate):
    """The multinomial distribution, with SciPy's arguments.

    Probabilities must add up to 1; derivatives take all of them as free.

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> from functrans.scipy import stats
    >>> ft.grad(lambda p: stats.multinomial.logpmf([1, 3], 4, p))(np.array([0.25, 0.75]))
    array([4., 4.])
    """

    name = "multinomial"

    def logpmf(self, x: Any, n: Any, p: Any) -> Array:
        """Logarithm of the probability of the counts `x`, shape (..., k)."""
        x, n, p = stop_gradient(double(x)), stop_gradient(double(n)), double(p)
        possible = np.all((x >= 0) & (x == np.floor(x)), axis=-1) & (np.sum(x, axis=-1) == n)
        safe = np.where(possible[..., None], x, 0.0)
        terms = sp.xlogy(safe, p) - sp.gammaln(safe + 1)
        value = sp.gammaln(n + 1) + np.sum(terms, axis=-1)
        return np.where(possible, value, -np.inf)[()]

    def pmf(self, x: Any, n: Any, p: Any) -> Array:
        """The probability of the counts `x`."""
        return np.exp(self.logpmf(x, n, p))


multivariate_normal = MultivariateNormal()
dirichlet = Dirichlet()
multinomial = Multinomial()
