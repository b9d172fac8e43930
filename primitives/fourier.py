"""Discrete Fourier transforms along one axis: linear, with the roots of unity as coefficients.

The matrix of `fft` and that of `ifft` are symmetric, so each is its own transpose. `rfft` and
`irfft` keep one half of a spectrum whose other half is its conjugate: they are each other's
transposes up to a conjugation and a factor 2 for every frequency that stands for two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from functrans.core.kinds import linear
from functrans.core.types import Array, ArrayType, dtype_of, shape_of

from .arithmetic import conjugate, multiply, real_dtype
from .samples import Sample, draw, draw_complex

if TYPE_CHECKING:
    from functrans.core.kinds import Function

Norm: TypeAlias = Literal["backward", "ortho", "forward"]

OPPOSITE: dict[Norm, Norm] = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
"""The `norm` by which a transform in the other direction is scaled alike."""


def complex_dtype(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """The dtype of a spectrum."""
    return np.result_type(dtype, 1j)


def full_samples(*values: Any) -> list[Sample]:
    """Samples of a transform; `values` are those of 1, 1j, 0, 0."""
    return [
        Sample(np.array([1, 1j, 0, 0]), axis=0, norm="backward", value=values, label="exactly"),
        Sample(draw_complex((4,), -1, 1), axis=0, norm="backward", label="even"),
        Sample(draw_complex((5,), -1, 1), axis=0, norm="ortho", label="odd"),
        Sample(draw_complex((1,), -1, 1), axis=0, norm="forward", label="one point"),
        Sample(draw_complex((3, 2, 2), -1, 1), axis=1, norm="forward", label="a middle axis"),
        Sample(draw((2, 3), -1, 1).T, axis=0, norm="forward", label="real, non-contiguous"),
        Sample(draw((0, 3), -1, 1), axis=1, norm="backward", label="empty"),
        Sample(np.array([1, -2, 4]), axis=0, norm="ortho", label="integers"),
        Sample(draw((3,), -1, 1).astype(np.float32), axis=0, norm="ortho", label="float32"),
        Sample(
            draw_complex((3,), -1, 1).astype(np.complex64), axis=0, norm="ortho", label="complex64"
        ),
    ]


fft: Function = linear(
    "fft",
    lambda x, *, axis, norm: np.fft.fft(x, axis=axis, norm=norm),
    lambda g, *, axis, norm: fft(g, axis=axis, norm=norm),
    batch=lambda x, *, axis, norm: fft(x, axis=axis + 1, norm=norm),
    shape=lambda x, *, axis, norm: ArrayType(x.shape, complex_dtype(x.dtype)),
    masks=None,
    samples=lambda: full_samples(1 + 1j, 2, 1 - 1j, 0),
)
ifft: Function = linear(
    "ifft",
    lambda x, *, axis, norm: np.fft.ifft(x, axis=axis, norm=norm),
    lambda g, *, axis, norm: ifft(g, axis=axis, norm=norm),
    batch=lambda x, *, axis, norm: ifft(x, axis=axis + 1, norm=norm),
    shape=lambda x, *, axis, norm: ArrayType(x.shape, complex_dtype(x.dtype)),
    masks=None,
    samples=lambda: full_samples((1 + 1j) / 4, 0, (1 - 1j) / 4, 1 / 2),
)

# Half spectra: of n points the frequencies 0 to n // 2. All stand for themselves and for their
# conjugates but the first, and the last of even n.


def with_length(x: ArrayType, axis: int, n: int, dtype: np.dtype[np.generic]) -> ArrayType:
    """The type of a transform whose length along `axis` is `n`."""
    return ArrayType((*x.shape[:axis], n, *x.shape[axis + 1 :]), dtype)


def weighted(g: Array, axis: int, n: int, middle: float) -> Array:
    """A half spectrum of `n` points times `middle` at frequencies that stand for two."""
    weights = np.full(n // 2 + 1, middle, real_dtype(dtype_of(g)))
    weights[0] = 1
    if n % 2 == 0:
        weights[-1] = 1
    return multiply(g, weights.reshape((-1,) + (1,) * (len(shape_of(g)) - axis - 1)))


def rfft_transpose(g: Array, x_type: ArrayType, *, axis: int, norm: Norm) -> Array:
    n = x_type.shape[axis]
    return irfft(conjugate(weighted(g, axis, n, 0.5)), n=n, axis=axis, norm=OPPOSITE[norm])


def irfft_transpose(g: Array, *, n: int, axis: int, norm: Norm) -> Array:
    return weighted(conjugate(rfft(g, axis=axis, norm=OPPOSITE[norm])), axis, n, 2.0)


rfft: Function = linear(
    "rfft",
    lambda x, *, axis, norm: np.fft.rfft(x, axis=axis, norm=norm),
    rfft_transpose,
    batch=lambda x, *, axis, norm: rfft(x, axis=axis + 1, norm=norm),
    shape=lambda x, *, axis, norm: with_length(
        x, axis, x.shape[axis] // 2 + 1, complex_dtype(x.dtype)
    ),
    masks=None,
    samples=lambda: [
        Sample(draw((4,), -1, 1), axis=0, norm="backward", label="even"),
        Sample(draw((5,), -1, 1), axis=0, norm="backward", label="odd"),
        Sample(draw((6,), -1, 1), axis=0, norm="ortho", label="even, ortho"),
        Sample(draw((1,), -1, 1), axis=0, norm="forward", label="one point"),
        Sample(draw((2,), -1, 1), axis=0, norm="forward", label="two points"),
        Sample(draw((2, 3, 2), -1, 1), axis=1, norm="forward", label="a middle axis"),
        Sample(draw((2, 4), -1, 1).T, axis=0, norm="ortho", label="non-contiguous"),
        Sample(draw((0, 3), -1, 1), axis=1, norm="backward", label="empty"),
        Sample(np.array([1, -2, 4]), axis=0, norm="ortho", label="integers"),
        Sample(draw((4,), -1, 1).astype(np.float32), axis=0, norm="ortho", label="float32"),
    ],
)
irfft: Function = linear(
    "irfft",  # of n // 2 + 1 elements along the axis
    lambda x, *, n, axis, norm: np.fft.irfft(x, n, axis=axis, norm=norm),
    irfft_transpose,
    batch=lambda x, *, n, axis, norm: irfft(x, n=n, axis=axis + 1, norm=norm),
    shape=lambda x, *, n, axis, norm: with_length(
        x, axis, n, np.result_type(real_dtype(x.dtype), 1.0)
    ),
    masks=None,
    samples=lambda: [
        Sample(draw_complex((3,), -1, 1), n=4, axis=0, norm="backward", label="even"),
        Sample(draw_complex((3,), -1, 1), n=5, axis=0, norm="backward", label="odd"),
        Sample(draw_complex((4,), -1, 1), n=6, axis=0, norm="ortho", label="even, ortho"),
        Sample(draw_complex((1,), -1, 1), n=1, axis=0, norm="forward", label="one point"),
        Sample(draw_complex((2,), -1, 1), n=2, axis=0, norm="forward", label="two points"),
        Sample(draw_complex((2, 2, 2), -1, 1), n=3, axis=1, norm="forward", label="a middle axis"),
        Sample(draw((2, 3), -1, 1).T, n=4, axis=0, norm="ortho", label="real, non-contiguous"),
        Sample(draw_complex((0, 2), -1, 1), n=3, axis=1, norm="backward", label="empty"),
        Sample(np.array([1, -2, 4]), n=4, axis=0, norm="ortho", label="integers"),
        Sample(
            draw_complex((3,), -1, 1).astype(np.complex64),
            n=4,
            axis=0,
            norm="ortho",
            label="complex64",
        ),
    ],
)
