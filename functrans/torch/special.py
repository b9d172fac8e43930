"""``torch.special``: functions of mathematical physics and statistics, by functrans.scipy.special.

SciPy is an extra: it is imported at the first call.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from functrans import primitives as p
from functrans.core.types import WEAK, dtype_of
from functrans.torch.operands import floating, promoted, tensor_array, unwrap
from functrans.torch.outputs import taking_out
from functrans.torch.pointwise import (
    digamma as digamma,
    erf as erf,
    erfc as erfc,
    erfinv as erfinv,
    exp2 as exp2,
    expm1 as expm1,
    i0 as i0,
    lgamma,
    log1p as log1p,
    logit as logit,
    round as round,
    sigmoid,
    sinc as sinc,
    xlogy as xlogy,
)
from functrans.torch.reductions import (
    log_softmax as log_softmax,
    logsumexp as logsumexp,
    softmax as softmax,
)
from functrans.torch.tensor import Tensor, UnsupportedError, wrap

psi = digamma
gammaln, expit = lgamma, sigmoid


def _library() -> Any:
    return import_module("functrans.scipy.special")


def _unary(name: str, scipy_name: str) -> Any:
    def call(input: Tensor) -> Tensor:
        return wrap(getattr(_library(), scipy_name)(floating(tensor_array(input, name))))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Elementwise: `scipy.special.{scipy_name}`; needs SciPy."
    return call


def _binary(name: str, scipy_name: str) -> Any:
    def call(input: Any, other: Any) -> Tensor:
        a, b = promoted(unwrap(input, name), unwrap(other, name))
        a, b = (x if type(x) in WEAK else floating(x) for x in (a, b))
        return wrap(getattr(_library(), scipy_name)(a, b))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Elementwise: `scipy.special.{scipy_name}`; needs SciPy."
    return call


entr = _unary("entr", "entr")
erfcx = _unary("erfcx", "erfcx")
i0e = _unary("i0e", "i0e")
i1 = _unary("i1", "i1")
i1e = _unary("i1e", "i1e")
ndtr = _unary("ndtr", "ndtr")
ndtri = _unary("ndtri", "ndtri")
log_ndtr = _unary("log_ndtr", "log_ndtr")
bessel_j0 = _unary("bessel_j0", "j0")
bessel_j1 = _unary("bessel_j1", "j1")
bessel_y0 = _unary("bessel_y0", "y0")
bessel_y1 = _unary("bessel_y1", "y1")
modified_bessel_i0 = _unary("modified_bessel_i0", "i0")
modified_bessel_i1 = _unary("modified_bessel_i1", "i1")
modified_bessel_k0 = _unary("modified_bessel_k0", "k0")
modified_bessel_k1 = _unary("modified_bessel_k1", "k1")
scaled_modified_bessel_k0 = _unary("scaled_modified_bessel_k0", "k0e")
scaled_modified_bessel_k1 = _unary("scaled_modified_bessel_k1", "k1e")
xlog1py = _binary("xlog1py", "xlog1py")
gammainc = igamma = _binary("gammainc", "gammainc")
gammaincc = igammac = _binary("gammaincc", "gammaincc")


def spherical_bessel_j0(x: Tensor) -> Tensor:
    """The spherical Bessel function of order 0; needs SciPy."""
    return wrap(_library().spherical_jn(0, floating(tensor_array(x, "spherical_bessel_j0"))))


def airy_ai(x: Tensor) -> Tensor:
    """The Airy function Ai; needs SciPy."""
    return wrap(_library().airy(floating(tensor_array(x, "airy_ai")))[0])


def polygamma(n: Any, input: Any) -> Tensor:
    """The n-th derivative of `digamma`; needs SciPy. As a method, ``x.polygamma(n)``."""
    order, x = (input, n) if isinstance(n, Tensor) else (n, input)
    a = floating(tensor_array(x, "polygamma"))
    return wrap(p.astype(_library().polygamma(order, a), dtype=dtype_of(a)))


def multigammaln(input: Tensor, p_: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension `p_`; needs SciPy."""
    a = floating(tensor_array(input, "multigammaln"))
    return wrap(p.astype(_library().multigammaln_beyond(a, p_), dtype=dtype_of(a)))


mvlgamma = multigammaln


def zeta(input: Any, other: Any) -> Tensor:
    """The Hurwitz zeta function, without a derivative; needs SciPy."""
    import scipy.special

    a, b = (floating(unwrap(x, "zeta")) for x in (input, other))
    if any(isinstance(x, Tensor) and x.requires_grad for x in (input, other)):
        raise NotImplementedError(
            "torch.special.zeta has no derivative in functrans.torch; detach its arguments"
        )
    known = [x.concrete("zeta") if hasattr(x, "concrete") else x for x in (a, b)]
    return wrap(p.positive(scipy.special.zeta(*known)))


_OUT = """
airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 digamma entr erf erfc erfcx erfinv exp2 expit
expm1 gammainc gammaincc gammaln i0 i0e i1 i1e log1p log_ndtr logit logsumexp modified_bessel_i0
modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 multigammaln ndtr ndtri polygamma psi
round scaled_modified_bessel_k0 scaled_modified_bessel_k1 sinc spherical_bessel_j0 xlog1py xlogy
zeta
"""
globals().update(taking_out(globals(), _OUT.split()))


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'functrans.torch.special' has no attribute {name!r}")
    raise UnsupportedError(f"torch.special.{name} is not supported by functrans.torch")


__all__ = [
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "igamma",
    "igammac",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "multigammaln",
    "mvlgamma",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "sinc",
    "softmax",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
    "zeta",
]
