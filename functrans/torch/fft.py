"""``torch.fft``: discrete Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.types import dtype_of
from functrans.torch import dtypes
from functrans.torch.dtypes import dtype as DType
from functrans.torch.operands import floating, tensor_array
from functrans.torch.outputs import taking_out
from functrans.torch.tensor import Tensor, UnsupportedError, wrap


def _operand(input: Tensor, name: str) -> Any:
    return floating(tensor_array(input, name))


def _one(name: str, *, complex_ok: bool = True) -> Any:
    transform = getattr(np.fft, name)

    def call(input: Tensor, n: int | None = None, dim: int = -1, norm: Any = None) -> Tensor:
        a = _operand(input, name)
        if not complex_ok and dtype_of(a).kind == "c":
            raise RuntimeError(f"{name} expects a real input tensor, but got {input.dtype}")
        return wrap(transform(a, n, dim, norm))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`numpy.fft.{name}` along a dimension."
    return call


def _several(name: str, dims: Any, *, complex_ok: bool = True) -> Any:
    transform = getattr(np.fft, name)

    def call(input: Tensor, s: Any = None, dim: Any = dims, norm: Any = None) -> Tensor:
        a = _operand(input, name)
        if not complex_ok and dtype_of(a).kind == "c":
            raise RuntimeError(f"{name} expects a real input tensor, but got {input.dtype}")
        axes = tuple(range(-len(s), 0)) if dim is None and s is not None else dim
        axes = (axes,) if isinstance(axes, int) else axes
        return wrap(transform(a, s, axes, norm))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`numpy.fft.{name}` along dimensions."
    return call


fft, ifft = _one("fft"), _one("ifft")
rfft, irfft = _one("rfft", complex_ok=False), _one("irfft")
hfft, ihfft = _one("hfft"), _one("ihfft", complex_ok=False)
fft2, ifft2 = _several("fft2", (-2, -1)), _several("ifft2", (-2, -1))
rfft2, irfft2 = _several("rfft2", (-2, -1), complex_ok=False), _several("irfft2", (-2, -1))
fftn, ifftn = _several("fftn", None), _several("ifftn", None)
rfftn, irfftn = _several("rfftn", None, complex_ok=False), _several("irfftn", None)


def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Frequencies in order, with 0 in the middle."""
    return wrap(np.fft.fftshift(tensor_array(input, "fftshift"), dim))


def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The inverse of `fftshift`."""
    return wrap(np.fft.ifftshift(tensor_array(input, "ifftshift"), dim))


def fftfreq(n: int, d: float = 1.0, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """The frequencies of `fft`."""
    return wrap(np.fft.fftfreq(n, d).astype((dtype or dtypes.get_default_dtype()).numpy))


def rfftfreq(n: int, d: float = 1.0, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """The frequencies of `rfft`."""
    return wrap(np.fft.rfftfreq(n, d).astype((dtype or dtypes.get_default_dtype()).numpy))


_OUT = """
fft fft2 fftfreq fftn hfft ifft ifft2 ifftn ihfft irfft irfft2 irfftn rfft rfft2 rfftfreq rfftn
"""
globals().update(taking_out(globals(), _OUT.split()))


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'functrans.torch.fft' has no attribute {name!r}")
    raise UnsupportedError(f"torch.fft.{name} is not supported by functrans.torch")


__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]
