"""Random numbers as functions of explicit keys, with the names of ``jax.random``.

A key is an array of two words. The same key gives the same numbers: eager, staged, and in each lane
of ``vmap``; so use each key once, and :func:`split` it into as many as are needed. Numbers of
continuous distributions are differentiable by the parameters.

>>> import numpy as np, functrans as ft
>>> key, subkey = ft.random.split(ft.random.key(0))
>>> ft.grad(lambda scale: np.sum(scale * ft.random.normal(subkey, 3)))(2.0).round(6)
np.float64(0.656072)
"""

from functrans.random.checking import checking_keys as checking_keys
from functrans.random.continuous import (
    cauchy as cauchy,
    double_sided_maxwell as double_sided_maxwell,
    exponential as exponential,
    gumbel as gumbel,
    laplace as laplace,
    logistic as logistic,
    lognormal as lognormal,
    maxwell as maxwell,
    normal as normal,
    pareto as pareto,
    rademacher as rademacher,
    rayleigh as rayleigh,
    triangular as triangular,
    truncated_normal as truncated_normal,
    uniform as uniform,
    wald as wald,
    weibull_min as weibull_min,
)
from functrans.random.discrete import (
    bernoulli as bernoulli,
    binomial as binomial,
    categorical as categorical,
    choice as choice,
    geometric as geometric,
    multinomial as multinomial,
    permutation as permutation,
    poisson as poisson,
    randint as randint,
)
from functrans.random.gammas import (
    beta as beta,
    chisquare as chisquare,
    f as f,
    gamma as gamma,
    generalized_normal as generalized_normal,
    loggamma as loggamma,
    t as t,
)
from functrans.random.keys import (
    PRNGKey as PRNGKey,
    bits as bits,
    fold_in as fold_in,
    key as key,
    split as split,
)
from functrans.random.vectors import (
    ball as ball,
    dirichlet as dirichlet,
    multivariate_normal as multivariate_normal,
    orthogonal as orthogonal,
)
