"""Distributions of ``scipy.stats`` with derivatives by the variable and by every parameter.

Methods have SciPy's names, arguments (shapes, ``loc``, ``scale``) and values. ``norm(0, 2).logpdf``
fixes parameters, as in SciPy.
"""

from functrans.scipy.stats.continuous import (
    beta as beta,
    cauchy as cauchy,
    chi as chi,
    chi2 as chi2,
    erlang as erlang,
    expon as expon,
    f as f,
    gamma as gamma,
    gennorm as gennorm,
    gumbel_l as gumbel_l,
    gumbel_r as gumbel_r,
    halfcauchy as halfcauchy,
    halfnorm as halfnorm,
    invgamma as invgamma,
    laplace as laplace,
    logistic as logistic,
    lognorm as lognorm,
    loguniform as loguniform,
    maxwell as maxwell,
    norm as norm,
    pareto as pareto,
    powerlaw as powerlaw,
    rayleigh as rayleigh,
    reciprocal as reciprocal,
    skewnorm as skewnorm,
    t as t,
    truncnorm as truncnorm,
    uniform as uniform,
    vonmises as vonmises,
    weibull_max as weibull_max,
    weibull_min as weibull_min,
)
from functrans.scipy.stats.discrete import (
    bernoulli as bernoulli,
    betabinom as betabinom,
    binom as binom,
    geom as geom,
    hypergeom as hypergeom,
    nbinom as nbinom,
    poisson as poisson,
    randint as randint,
)
from functrans.scipy.stats.multivariate import (
    dirichlet as dirichlet,
    multinomial as multinomial,
    multivariate_normal as multivariate_normal,
)
