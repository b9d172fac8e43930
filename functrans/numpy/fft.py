"""``numpy.fft``: NumPy's own functions, which hand over to ``fourier`` for traced arrays.

The array API standard gives the functions of frequencies a ``dtype``, which NumPy's do not have.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.fft import (
    fft as fft,
    fft2 as fft2,
    fftn as fftn,
    fftshift as fftshift,
    hfft as hfft,
    ifft as ifft,
    ifft2 as ifft2,
    ifftn as ifftn,
    ifftshift as ifftshift,
    ihfft as ihfft,
    irfft as irfft,
    irfft2 as irfft2,
    irfftn as irfftn,
    rfft as rfft,
    rfft2 as rfft2,
    rfftn as rfftn,
)

from functrans.core.types import Array


def fftfreq(n: int, d: Any = 1.0, device: Any = None, *, dtype: Any = None) -> Array:
    """Return the frequencies of a spectrum of `n` points that are `d` apart.

    Parameters
    ----------
    n : int
    d : array_like
        May be traced.
    device : "cpu", optional
    dtype : dtype, optional
        By default float64.

    Returns
    -------
    array
        Of shape ``(n,)``.

    Examples
    --------
    >>> import functrans.numpy as fnp
    >>> fnp.fft.fftfreq(4, dtype=fnp.float32)
    array([ 0.  ,  0.25, -0.5 , -0.25], dtype=float32)
    """
    ans: Any = np.fft.fftfreq(n, d, device)
    return ans if dtype is None else ans.astype(dtype)


def rfftfreq(n: int, d: Any = 1.0, device: Any = None, *, dtype: Any = None) -> Array:
    """Return the frequencies of the half spectrum of `n` real points that are `d` apart.

    Parameters
    ----------
    n : int
    d : array_like
        May be traced.
    device : "cpu", optional
    dtype : dtype, optional
        By default float64.

    Returns
    -------
    array
        Of shape ``(n // 2 + 1,)``.

    Examples
    --------
    >>> import functrans.numpy as fnp
    >>> fnp.fft.rfftfreq(4)
    array([0.  , 0.25, 0.5 ])
    """
    ans: Any = np.fft.rfftfreq(n, d, device)
    return ans if dtype is None else ans.astype(dtype)
