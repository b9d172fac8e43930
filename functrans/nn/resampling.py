"""Padding, enlarging and shrinking of images."""

from __future__ import annotations

import math
from math import prod
from typing import Any, Literal

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of, shape_of
from functrans.nn.pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from functrans.numpy.axes import axis_slice
from functrans.numpy.operands import operand
from functrans.numpy.padding import pad as numpy_pad

PadMode = Literal["constant", "reflect", "replicate", "circular"]
_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(x: Any, widths: Any, mode: PadMode = "constant", value: float = 0.0) -> Array:
    """`x` with elements put around it, or taken away where a width is negative.

    Parameters
    ----------
    x : array_like
    widths : sequence of int
        Before and after the last axis, then before and after the one in front of it, and so on.
    mode : {"constant", "reflect", "replicate", "circular"}
    value : float
        What to put there in mode "constant".

    Raises
    ------
    ValueError
        There are more widths than axes, or an odd number; reflection reaches beyond the array.

    Examples
    --------
    >>> pad(np.array([[1.0, 2.0, 3.0]]), (1, 2), "reflect")
    array([[2., 1., 2., 3., 2., 1.]])
    >>> pad(np.array([1.0, 2.0, 3.0]), (-1, 1), value=9.0)
    array([2., 3., 9.])
    """
    x = operand(x)
    shape = shape_of(x)
    widths = tuple(widths)
    if len(widths) % 2 or len(widths) > 2 * len(shape):
        raise ValueError(
            f"pad: widths must be pairs for at most the {len(shape)} axes of x, got {widths}"
        )
    if mode not in _MODES:
        raise ValueError(f"pad: mode must be one of {', '.join(_MODES)}, got {mode!r}")
    pairs = [(0, 0)] * len(shape)
    for i in range(0, len(widths), 2):
        axis = len(shape) - 1 - i // 2
        before, after = widths[i : i + 2]
        n = shape[axis]
        limit = {"reflect": n - 1, "circular": n}.get(mode, math.inf)
        if max(before, after) > limit:
            raise ValueError(
                f"pad: in mode {mode!r} the axis {axis} of length {n} can be padded by {limit} "
                f"elements, got {(before, after)}"
            )
        if before + after + n < 0:
            raise ValueError(f"pad: widths {(before, after)} take away more than axis {axis} has")
        if min(before, after) < 0:
            kept = slice(max(-before, 0), n - max(-after, 0))
            x = x[axis_slice(len(shape), axis, kept)]
        pairs[axis] = (max(before, 0), max(after, 0))
    if not any(map(any, pairs)):
        return x
    if mode == "constant":
        return numpy_pad(x, pairs, "constant", constant_values=value)
    return numpy_pad(x, pairs, _MODES[mode])


InterpolationMode = Literal[
    "nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"
]
_AXES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


def interpolate(
    x: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: InterpolationMode = "nearest",
    *,
    align_corners: bool = False,
    antialias: bool = False,
) -> Array:
    """Images, or signals of one to three axes, in another size.

    Parameters
    ----------
    x : array_like
        Shape (n, channels, ...).
    size : int or tuple of int, optional
        The new lengths of the axes behind the channels.
    scale_factor : float or tuple of float, optional
        In place of `size`: by how much these axes grow.
    mode : str
        "nearest" (rounds down), "nearest-exact", "linear", "bilinear", "trilinear", "bicubic" or
        "area" (means).
    align_corners : bool
        Whether the centres of the outer elements, instead of their outer edges, keep their place.
        For the linear and cubic modes.
    antialias : bool
        Each element of a smaller image is a mean over all that it stands for. For the modes
        "bilinear" and "bicubic".

    Raises
    ------
    ValueError
        Not exactly one of `size` and `scale_factor` is given, or the mode does not fit the axes or
        `antialias`.

    Examples
    --------
    >>> interpolate(np.array([[[1.0, 3.0]]]), 4, mode="linear")
    array([[[1. , 1.5, 2.5, 3. ]]])
    """
    x = operand(x)
    shape = shape_of(x)
    axes = len(shape) - 2
    if not 1 <= axes <= 3:
        raise ValueError(
            f"interpolate: the input needs axes (n, channels, ...) with one to three more, got "
            f"shape {shape}"
        )
    if _AXES.get(mode, axes) != axes:
        raise ValueError(f"interpolate: mode {mode!r} is for {_AXES[mode]} axes, got {shape}")
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor")
    factors: list[float | None] = [None] * axes
    if scale_factor is not None:
        factors = _each(scale_factor, axes, "scale_factor")
        sizes = [int(n * f) for n, f in zip(shape[2:], factors, strict=True) if f is not None]
    else:
        sizes = _each(size, axes, "size")
    if min(sizes) < 1:
        raise ValueError(f"interpolate: the output would have size {tuple(sizes)}")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(
            f"interpolate: antialias is for the modes 'bilinear' and 'bicubic', got {mode!r}"
        )
    if mode == "area":
        return _area(x, sizes)
    for i, (n, wanted, factor) in enumerate(zip(shape[2:], sizes, factors, strict=True)):
        scale = n / wanted if factor is None else 1 / factor
        if antialias:
            if align_corners:
                scale = (n - 1) / (wanted - 1) if wanted > 1 else 0.0
            means = _means(n, wanted, scale, mode).astype(dtype_of(x))
            x = p.matmul(x, means.T) if i else p.matmul(means, x)
            continue
        x = _resampled(x, 2 + i, n, wanted, scale, mode, align_corners)
    return x


def _each(value: Any, axes: int, name: str) -> list[Any]:
    given = list(value) if isinstance(value, tuple | list) else [value] * axes
    if len(given) != axes:
        raise ValueError(f"interpolate: {name} must have {axes} entries, got {value!r}")
    return given


def _area(x: Array, sizes: list[int]) -> Array:
    pools = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)
    return pools[len(sizes) - 1](x, tuple(sizes))


def _resampled(
    x: Array, axis: int, n: int, wanted: int, scale: float, mode: str, align_corners: bool
) -> Array:
    """One axis in another length: a weighted sum of few elements each."""
    steps = np.arange(wanted)
    if mode.startswith("nearest"):
        shift = 0.5 if mode == "nearest-exact" else 0.0
        places = np.minimum(np.floor((steps + shift) * scale).astype(int), n - 1)
        return x[axis_slice(len(shape_of(x)), axis, places)]
    if align_corners:
        position = steps * ((n - 1) / (wanted - 1) if wanted > 1 else 0.0)
    else:
        position = (steps + 0.5) * scale - 0.5
    if mode != "bicubic":
        position = np.clip(position, 0, n - 1)
    low = np.floor(position)
    part = position - low
    weights = cubic_weights(part) if mode == "bicubic" else {0: 1 - part, 1: part}
    total: Array = None
    for offset, weight in weights.items():
        places = np.clip(low.astype(int) + offset, 0, n - 1)
        column = weight.astype(dtype_of(x)).reshape((-1,) + (1,) * (len(shape_of(x)) - axis - 1))
        term = p.multiply(x[axis_slice(len(shape_of(x)), axis, places)], column)
        total = term if total is None else p.add(total, term)
    return total


def _means(n: int, wanted: int, scale: float, mode: str) -> Any:
    """The matrix that makes elements of weighted means, over more of them the smaller it gets."""
    width = max(scale, 1.0)
    reach = width * (1 if mode == "bilinear" else 2)
    centre = scale * (np.arange(wanted)[:, None] + 0.5)
    first = np.maximum(np.trunc(centre - reach + 0.5), 0)
    last = np.minimum(np.trunc(centre + reach + 0.5), n)
    places = np.arange(n)
    distance = abs(places - centre + 0.5) / width
    if mode == "bilinear":
        weights = np.maximum(1 - distance, 0.0)
    else:  # cubic convolution with the slope -1/2 at distance 1, as image libraries have it
        a = -0.5
        near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
        far = a * (((distance - 5) * distance + 8) * distance - 4)
        weights = np.where(distance < 1, near, np.where(distance < 2, far, 0.0))
    weights = np.where((places >= first) & (places < last), weights, 0.0)
    return weights / weights.sum(1, keepdims=True)


def cubic_weights(part: Any) -> dict[int, Any]:
    """The weights of four neighbours in cubic convolution, with the slope -3/4 at distance 1."""
    a = -0.75

    def near(d: Any) -> Any:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: Any) -> Any:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return {-1: far(part + 1), 0: near(part), 1: near(1 - part), 2: far(2 - part)}


def pixel_shuffle(x: Any, upscale_factor: int) -> Array:
    """Channels arranged as pixels: (..., c * r**2, h, w) becomes (..., c, h * r, w * r).

    Raises
    ------
    ValueError
        The channels are no multiple of ``upscale_factor**2``.

    Examples
    --------
    >>> pixel_shuffle(np.arange(4.0).reshape(4, 1, 1), 2)
    array([[[0., 1.],
            [2., 3.]]])
    """
    x = operand(x)
    shape, r = shape_of(x), upscale_factor
    if len(shape) < 3 or r < 1 or shape[-3] % (r * r):
        raise ValueError(
            f"pixel_shuffle: an input of shape {shape} must have axes (..., channels, h, w) with a "
            f"multiple of {r * r} channels"
        )
    kept, (c, h, w) = prod(shape[:-3]), shape[-3:]
    x = p.reshape(x, shape=(kept, c // (r * r), r, r, h, w))
    x = p.transpose(x, axes=(0, 1, 4, 2, 5, 3))
    return p.reshape(x, shape=(*shape[:-3], c // (r * r), h * r, w * r))


def pixel_unshuffle(x: Any, downscale_factor: int) -> Array:
    """Pixels arranged as channels: the reverse of `pixel_shuffle`.

    Raises
    ------
    ValueError
        Height and width are no multiples of `downscale_factor`.

    Examples
    --------
    >>> pixel_unshuffle(np.arange(4.0).reshape(1, 2, 2), 2).ravel()
    array([0., 1., 2., 3.])
    """
    x = operand(x)
    shape, r = shape_of(x), downscale_factor
    if len(shape) < 3 or r < 1 or shape[-2] % r or shape[-1] % r:
        raise ValueError(
            f"pixel_unshuffle: an input of shape {shape} must have axes (..., channels, h, w) with "
            f"h and w multiples of {r}"
        )
    kept, (c, h, w) = prod(shape[:-3]), shape[-3:]
    x = p.reshape(x, shape=(kept, c, h // r, r, w // r, r))
    x = p.transpose(x, axes=(0, 1, 3, 5, 2, 4))
    return p.reshape(x, shape=(*shape[:-3], c * r * r, h // r, w // r))
