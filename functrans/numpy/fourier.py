"""Discrete Fourier transforms: the functions of ``numpy.fft`` on traced arrays.

All are linear. Transforms along several axes are made of transforms along one, in NumPy's order, so
that values are NumPy's to the last bit.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import primitives as p
from functrans.core.errors import user_line, warn_user
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy import shapes
from functrans.numpy.axes import axis_slice, ndim_of, one_axis, several_axes
from functrans.numpy.operands import operand
from functrans.numpy.registry import implements
from functrans.primitives.fourier import OPPOSITE

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.primitives.fourier import Norm

    Plan = list[tuple[Any, int]]


def _scaling(norm: Any) -> Norm:
    """The argument `norm` by name."""
    if norm is None:
        return "backward"
    if norm not in OPPOSITE:
        raise ValueError(f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".')
    return norm  # type: ignore[no-any-return]


def _fitted(x: Array, n: int, axis: int) -> Array:
    """The first `n` elements along an axis, with zeros after them if there are fewer."""
    shape = shape_of(x)
    if n <= shape[axis]:
        return x if n == shape[axis] else x[axis_slice(len(shape), axis, slice(n))]
    widths = tuple((0, n - shape[axis] if i == axis else 0) for i in range(len(shape)))
    return p.pad(x, widths=widths)


def _points(n: Any, default: int) -> int:
    if isinstance(n, bool):
        raise TypeError(f"the number of points is an integer, not {n}")
    points: int = default if n is None else operator.index(n)
    if points < 1:
        raise ValueError(f"Invalid number of FFT data points ({points}) specified.")
    return points


# Along one axis.


def _full(primitive: Callable[..., Array], x: Array, n: Any, axis: Any, norm: Norm) -> Array:
    axis = one_axis(axis, ndim_of(x))
    x = _fitted(x, _points(n, shape_of(x)[axis]), axis)
    return primitive(x, axis=axis, norm=norm)


def _to_half(x: Array, n: Any, axis: Any, norm: Norm, name: str) -> Array:
    if dtype_of(x).kind == "c":
        raise TypeError(
            f"numpy.fft.{name} takes real arrays, got dtype {dtype_of(x)}, at {user_line()}; "
            "transform np.real(x), or take a transform for complex arrays"
        )
    return _full(p.rfft, x, n, axis, norm)


def _from_half(x: Array, n: Any, axis: Any, norm: Norm) -> Array:
    axis = one_axis(axis, ndim_of(x))
    n = _points(n, 2 * (shape_of(x)[axis] - 1))
    return p.irfft(_fitted(x, n // 2 + 1, axis), n=n, axis=axis, norm=norm)


@implements(np.fft.fft)
def fft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Array:
    """The spectrum of `n` points along an axis."""
    return _full(p.fft, operand(a), n, axis, _scaling(norm))


@implements(np.fft.ifft)
def ifft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Array:
    """The inverse of `fft`."""
    return _full(p.ifft, operand(a), n, axis, _scaling(norm))


@implements(np.fft.rfft)
def rfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Array:
    """The spectrum of real points: the half from which the other follows."""
    return _to_half(operand(a), n, axis, _scaling(norm), "rfft")


@implements(np.fft.irfft)
def irfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Array:
    """The inverse of `rfft`: `n` real points, an even number unless it is given.

    Imaginary parts that no spectrum of real points has are ignored, so their derivative is 0.
    """
    return _from_half(operand(a), n, axis, _scaling(norm))


@implements(np.fft.hfft)
def hfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Array:
    """The real spectrum of `n` points of which the second half are conjugates of the first."""
    return _from_half(p.conjugate(operand(a)), n, axis, OPPOSITE[_scaling(norm)])


@implements(np.fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Array:
    """The inverse of `hfft`."""
    return p.conjugate(_to_half(operand(a), n, axis, OPPOSITE[_scaling(norm)], "ihfft"))


# Along several axes, the last of which goes first; from half spectra it goes last.

LAST_TO_FIRST = np.lib.NumpyVersion(np.__version__) >= "2.1.2"
"""Whether `rfftn` takes the other axes in that order too. It shows where an axis is repeated."""


def _plan(x: Array, s: Any, axes: Any, name: str, *, half: str = "") -> Plan:
    """The number of points (None: the default) and the axis of each transform.

    `half` is ``"to"`` or ``"from"`` where the last axis has a half spectrum.
    """
    shape = shape_of(x)
    if axes is None:
        if s is not None:
            warn_user(f"numpy.fft.{name}(s=) without axes is deprecated", DeprecationWarning)
        axes = range(-len(shape if s is None else s), 0)
    axes = several_axes(tuple(axes), len(shape), repeats=True)
    if half and not axes:
        raise IndexError(f"numpy.fft.{name} needs at least one axis, at {user_line()}")
    if s is None:
        sizes = [shape[axis] for axis in axes]
        if half == "from":
            sizes[-1] = 2 * (sizes[-1] - 1)
        return list(zip(sizes, axes, strict=True))
    given = list(s)
    if len(given) != len(axes):
        raise ValueError("Shape and axes have different lengths.")
    if None in given:
        warn_user(f"None in numpy.fft.{name}(s=) is deprecated", DeprecationWarning)
    sizes = [shape[axis] if n == -1 else n for n, axis in zip(given, axes, strict=True)]
    return list(zip(sizes, axes, strict=True))


def _full_along(primitive: Callable[..., Array], x: Array, plan: Plan, norm: Norm) -> Array:
    if not shape_of(x):
        return p.reshape(p.reshape(x, shape=(1,)), shape=())  # an array, no scalar
    for n, axis in plan:
        x = _full(primitive, x, n, axis, norm)
    return x


@implements(np.fft.fftn)
def fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Array:
    """The spectrum along several axes, or all."""
    return _fftn(operand(a), s, axes, norm, "fftn")


@implements(np.fft.fft2)
def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Array:
    """The spectrum along the last two axes."""
    return _fftn(operand(a), s, axes, norm, "fft2")


def _fftn(x: Array, s: Any, axes: Any, norm: Any, name: str) -> Array:
    return _full_along(p.fft, x, _plan(x, s, axes, name)[::-1], _scaling(norm))


@implements(np.fft.ifftn)
def ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Array:
    """The inverse of `fftn`."""
    return _ifftn(operand(a), s, axes, norm, "ifftn")


@implements(np.fft.ifft2)
def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Array:
    """The inverse of `fft2`."""
    return _ifftn(operand(a), s, axes, norm, "ifft2")


def _ifftn(x: Array, s: Any, axes: Any, norm: Any, name: str) -> Array:
    return _full_along(p.ifft, x, _plan(x, s, axes, name)[::-1], _scaling(norm))


@implements(np.fft.rfftn)
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Array:
    """The spectrum of real points along several axes, or all; a half spectrum along the last."""
    return _rfftn(operand(a), s, axes, norm, "rfftn")


@implements(np.fft.rfft2)
def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Array:
    """The spectrum of real points along the last two axes."""
    return _rfftn(operand(a), s, axes, norm, "rfft2")


def _rfftn(x: Array, s: Any, axes: Any, norm: Any, name: str) -> Array:
    scaling = _scaling(norm)
    *others, (n, axis) = _plan(x, s, axes, name, half="to")
    if LAST_TO_FIRST:
        others.reverse()
    return _full_along(p.fft, _to_half(x, n, axis, scaling, name), others, scaling)


@implements(np.fft.irfftn)
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Array:
    """The inverse of `rfftn`."""
    return _irfftn(operand(a), s, axes, norm, "irfftn")


@implements(np.fft.irfft2)
def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Array:
    """The inverse of `rfft2`."""
    return _irfftn(operand(a), s, axes, norm, "irfft2")


def _irfftn(x: Array, s: Any, axes: Any, norm: Any, name: str) -> Array:
    scaling = _scaling(norm)
    *others, (n, axis) = _plan(x, s, axes, name, half="from")
    return _from_half(_full_along(p.ifft, x, others, scaling), n, axis, scaling)


# The order of frequencies.


@implements(np.fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Array:
    """Frequency 0 moved to the middle."""
    return _rolled_by_half(operand(x), axes, 1)


@implements(np.fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Array:
    """The inverse of `fftshift`."""
    return _rolled_by_half(operand(x), axes, -1)


def _rolled_by_half(x: Array, axes: Any, direction: int) -> Array:
    shape = shape_of(x)
    if not shape and axes is None:
        raise ValueError(f"numpy.fft: a number has no axis to be shifted along, at {user_line()}")
    chosen = several_axes(range(len(shape)) if axes is None else axes, len(shape), repeats=True)
    return shapes.roll(x, [direction * (shape[axis] // 2) for axis in chosen], chosen)
