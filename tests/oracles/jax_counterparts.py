"""The rule book's primitives as JAX functions; it loads JAX, so only running tests import it."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from functrans.core.primitive import REGISTRY

jax.config.update("jax_enable_x64", True)
jnp = jax.numpy


def through(f: Callable[..., Any]) -> Callable[..., Any]:
    """A counterpart whose ``axes`` are called ``axis``."""
    return lambda *xs, axes, **rest: f(*xs, axis=axes, **rest)


def norm(x: Any, *, axes: Any, keepdims: bool = False) -> Any:
    return jnp.sqrt(jnp.sum(jnp.real(x * jnp.conj(x)), axis=axes, keepdims=keepdims))


def index_update(x: Any, y: Any, *arrays: Any, index: Any) -> Any:
    return jnp.asarray(x).at[index.key(arrays)].set(y)


def index_add(x: Any, y: Any, *arrays: Any, index: Any) -> Any:
    return jnp.asarray(x).at[index.key(arrays)].add(y)


def cholesky(x: Any, *, upper: bool = False) -> Any:
    return jnp.linalg.cholesky(x, upper=upper, symmetrize_input=False)


def eigh(x: Any, *, uplo: str = "L") -> Any:
    return with_marks(*jnp.linalg.eigh(x, UPLO=uplo, symmetrize_input=False))


def with_marks(*factors: Any) -> Any:
    """With the zeros that mark the factors where a derivative is undetermined."""
    return (*factors, *map(jnp.zeros_like, factors))


def standardize(x: Any, *, axes: Any, eps: float) -> Any:
    x = jnp.asarray(x, jnp.result_type(x, jnp.float32) if x.dtype.kind == "f" else float)
    mean = jnp.mean(x, axes, keepdims=True)
    var = jnp.mean((x - mean) ** 2, axes, keepdims=True)
    return (x - mean) / jnp.sqrt(var + eps), mean, var


# The counterparts of primitives that have another name or other parameters in JAX. Ufuncs have the
# same.
COUNTERPARTS: dict[str, Callable[..., Any]] = {
    "round": lambda x, *, decimals: jnp.round(x, decimals),
    "where": jnp.where,
    "clip": lambda x, low, high: jnp.clip(x, low, high),
    "real": jnp.real,
    "imag": jnp.imag,
    "angle": jnp.angle,
    "make_complex": lambda x, y: x + 1j * y,
    "astype": lambda x, *, dtype: jnp.asarray(x).astype(dtype),
    "nan_to_num": jnp.nan_to_num,
    "cumsum": lambda x, *, axis, reverse=False: jax.lax.cumsum(1 * jnp.asarray(x), axis, reverse),
    "mean": through(jnp.mean),
    "sum": through(jnp.sum),
    "prod": through(jnp.prod),
    "max": through(jnp.max),
    "min": through(jnp.min),
    "any": through(jnp.any),
    "all": through(jnp.all),
    "count_nonzero": through(jnp.count_nonzero),
    "var": through(jnp.var),
    "softmax": through(jax.nn.softmax),
    "logsumexp": through(jax.scipy.special.logsumexp),
    "norm": norm,
    "argmax": jnp.argmax,
    "argmin": jnp.argmin,
    "argsort": lambda x, *, axis, kind=None: jnp.argsort(x, axis),
    "sort": lambda x, *, axis, kind=None: jnp.sort(x, axis),
    "searchsorted": jnp.searchsorted,
    "reshape": jnp.reshape,
    "transpose": jnp.transpose,
    "broadcast_to": jnp.broadcast_to,
    "concatenate": lambda *xs, axis: jnp.concatenate(xs, axis),
    "pad": lambda x, *, widths: jnp.pad(x, widths) if widths else x,
    "flip": lambda x, *, axes: jnp.flip(x, axes),
    "roll": lambda x, *, shift, axis: jnp.roll(x, shift, axis),
    "tensordot": jnp.tensordot,
    "dot": jnp.dot,
    "einsum": lambda *xs, subscripts, optimize: jnp.einsum(subscripts, *xs),
    "solve": jnp.linalg.solve,
    "inv": lambda x, *, strict=True: jnp.linalg.inv(x),
    "det": jnp.linalg.det,
    "slogdet": lambda x: tuple(jnp.linalg.slogdet(x)),
    "cholesky": cholesky,
    "eigh": eigh,
    "packbits": lambda x, *, axis, order: jnp.packbits(x, axis, order),
    "unpackbits": lambda x, *, axis, count, order: jnp.unpackbits(x, axis, count, order),
    "eigvalsh": lambda x, *, uplo="L": eigh(x, uplo=uplo)[::2],
    "svdvals": lambda x: with_marks(jnp.linalg.svd(x, compute_uv=False)),
    "fft": jnp.fft.fft,
    "ifft": jnp.fft.ifft,
    "rfft": jnp.fft.rfft,
    "irfft": jnp.fft.irfft,
    "sigmoid": jax.nn.sigmoid,
    "relu": jax.nn.relu,
    "softplus": jax.nn.softplus,
    "log_softmax": through(jax.nn.log_softmax),
    "normal_cdf": jax.scipy.special.ndtr,
    "standardize": standardize,
    "sinc": jnp.sinc,
    "index": lambda x, *arrays, index: jnp.asarray(x)[index.key(arrays)],
    "index_update": index_update,
    "index_add": index_add,
}


NAMESPACES = (jnp, jnp.linalg, jnp.fft, jax.scipy.special, jax.nn)


def counterpart(name: str) -> Callable[..., Any] | None:
    """The JAX function of a primitive, if there is one with the same meaning."""
    primitive = REGISTRY[name]
    if name in COUNTERPARTS:
        return COUNTERPARTS[name]
    if isinstance(primitive.impl, np.ufunc):
        return getattr(jnp, name, None)
    if primitive.kind == "elementwise":
        return getattr(jax.scipy.special, name, None)
    return None


def known_by_name(name: str) -> bool:
    """Whether JAX has a function of that name."""
    return any(hasattr(namespace, name) for namespace in NAMESPACES)
