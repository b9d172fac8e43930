"""``scipy.special`` with derivatives: its ufuncs as they are, and functions that SciPy writes in
Python.

The ufuncs are SciPy's own objects; the rules reach them from any import.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import (
    airy as airy,
    beta as beta,
    betainc as betainc,
    betaincc as betaincc,
    betainccinv as betainccinv,
    betaincinv as betaincinv,
    betaln as betaln,
    boxcox as boxcox,
    boxcox1p as boxcox1p,
    cbrt as cbrt,
    cosdg as cosdg,
    cosm1 as cosm1,
    cotdg as cotdg,
    dawsn as dawsn,
    digamma as digamma,
    ellipe as ellipe,
    ellipeinc as ellipeinc,
    ellipk as ellipk,
    ellipkinc as ellipkinc,
    ellipkm1 as ellipkm1,
    entr as entr,
    erf as erf,
    erfc as erfc,
    erfcinv as erfcinv,
    erfcx as erfcx,
    erfi as erfi,
    erfinv as erfinv,
    exp1 as exp1,
    exp2 as exp2,
    exp10 as exp10,
    expi as expi,
    expit as expit,
    expm1 as expm1,
    expn as expn,
    exprel as exprel,
    fresnel as fresnel,
    gamma as gamma,
    gammainc as gammainc,
    gammaincc as gammaincc,
    gammainccinv as gammainccinv,
    gammaincinv as gammaincinv,
    gammaln as gammaln,
    gammasgn as gammasgn,
    hankel1 as hankel1,
    hankel2 as hankel2,
    huber as huber,
    hyp0f1 as hyp0f1,
    hyp1f1 as hyp1f1,
    hyp2f1 as hyp2f1,
    hyperu as hyperu,
    i0 as i0,
    i0e as i0e,
    i1 as i1,
    i1e as i1e,
    inv_boxcox as inv_boxcox,
    inv_boxcox1p as inv_boxcox1p,
    iv as iv,
    ive as ive,
    j0 as j0,
    j1 as j1,
    jn as jn,
    jv as jv,
    k0 as k0,
    k0e as k0e,
    k1 as k1,
    k1e as k1e,
    kl_div as kl_div,
    kn as kn,
    kv as kv,
    kve as kve,
    lambertw as lambertw,
    log1p as log1p,
    log_expit as log_expit,
    log_ndtr as log_ndtr,
    loggamma as loggamma,
    logit as logit,
    modstruve as modstruve,
    ndtr as ndtr,
    ndtri as ndtri,
    ndtri_exp as ndtri_exp,
    owens_t as owens_t,
    poch as poch,
    powm1 as powm1,
    pseudo_huber as pseudo_huber,
    psi as psi,
    rel_entr as rel_entr,
    rgamma as rgamma,
    shichi as shichi,
    sici as sici,
    sindg as sindg,
    spence as spence,
    struve as struve,
    tandg as tandg,
    wofz as wofz,
    wrightomega as wrightomega,
    xlog1py as xlog1py,
    xlogy as xlogy,
    y0 as y0,
    y1 as y1,
    yn as yn,
    yv as yv,
    zeta as zeta,
    zetac as zetac,
)

from functrans import primitives as p
from functrans.core.types import Array, shape_of
from functrans.numpy.axes import reduced_axes
from functrans.numpy.operands import operand
from functrans.numpy.reductions import logsumexp as _logsumexp
from functrans.primitives import special as _rules  # noqa: F401  (registers them)
from functrans.primitives.special_gamma import polygamma as _polygamma
from functrans.transforms.stop_gradient import stop_gradient

# With SCIPY_ARRAY_API=1 SciPy's public names are functions around the ufuncs.
globals().update(
    {
        name: function.__wrapped__
        for name, function in list(globals().items())
        if isinstance(getattr(function, "__wrapped__", None), np.ufunc)
    }
)


def polygamma(n: Any, x: Any) -> Array:
    """The derivative of order `n` of digamma, at `x`.

    Parameters
    ----------
    n : array_like of int
        The order, 0 or more; it has no derivative.
    x : array_like
        Real or complex (SciPy's takes real arguments only).

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> float(np.round(ft.grad(lambda x: polygamma(0, x))(1.0), 12))
    1.644934066848
    """
    return _polygamma(operand(n), operand(x))


def logsumexp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Array:
    """Logarithm of the sum of the exponentials along `axis` (None: all axes).

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> ft.grad(logsumexp)(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    return _logsumexp(a, axis, keepdims=keepdims)


def softmax(x: Any, axis: Any = None) -> Array:
    """Exponentials, divided by their sum along `axis` (None: all axes).

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> ft.grad(lambda x: softmax(x)[0])(np.array([0.0, 0.0]))
    array([ 0.25, -0.25])
    """
    value = operand(x)
    axes = reduced_axes(axis, len(shape_of(value)))
    return p.softmax(value, axes=axes)


def log_softmax(x: Any, axis: Any = None) -> Array:
    """Logarithm of :func:`softmax`, which does not underflow.

    Examples
    --------
    >>> import functrans as ft
    >>> import numpy as np
    >>> log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    >>> ft.grad(lambda x: log_softmax(x)[0])(np.array([0.0, 0.0]))
    array([ 0.5, -0.5])
    """
    value = operand(x)
    # The result does not depend on the shift; near 0 it is exact only with it.
    top = stop_gradient(p.max(value, axes=reduced_axes(axis, len(shape_of(value))), keepdims=True))
    value = p.subtract(value, p.where(p.isfinite(top), top, 0.0))
    return p.subtract(value, logsumexp(value, axis, keepdims=True))
