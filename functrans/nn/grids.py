"""Images seen through grids of places: sampling, and the grids of affine maps.

Places are from -1 to 1 along each axis, the last axis of the image first, as PyTorch has them.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Literal

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of, shape_of
from functrans.nn.resampling import cubic_weights
from functrans.numpy.operands import operand
from functrans.transforms.stop_gradient import stop_gradient


def affine_grid(theta: Any, size: tuple[int, ...], *, align_corners: bool = False) -> Array:
    """The grid that `grid_sample` needs to see images through affine maps.

    Parameters
    ----------
    theta : array_like
        Maps from places of the output to places of the input, shape (n, 2, 3), or (n, 3, 4) for
        volumes.
    size : tuple of int
        That of the output: (n, channels, h, w) or (n, channels, d, h, w).
    align_corners : bool
        Whether -1 and 1 are the centres of the outer elements, instead of their outer edges.

    Returns
    -------
    array
        Shape (n, h, w, 2) or (n, d, h, w, 3).

    Raises
    ------
    ValueError
        The shapes do not fit.

    Examples
    --------
    >>> same = np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> affine_grid(same, (1, 1, 1, 2))
    array([[[[-0.5,  0. ],
             [ 0.5,  0. ]]]])
    """
    theta = operand(theta)
    axes = len(size) - 2
    if axes not in (2, 3) or shape_of(theta) != (size[0], axes, axes + 1):
        raise ValueError(
            f"affine_grid: for an output of size {tuple(size)} theta must have shape (n, 2, 3), or "
            f"(n, 3, 4) for volumes; got {shape_of(theta)}"
        )
    steps = []
    for n in size[2:]:
        places = np.linspace(-1.0, 1.0, n) if n > 1 else np.zeros(n)
        steps.append(places if align_corners else places * ((n - 1) / n if n else 1.0))
    mesh = np.meshgrid(*steps, indexing="ij")
    base = np.stack([*mesh[::-1], np.ones(mesh[0].shape)], -1).astype(dtype_of(theta))
    flat = p.matmul(base.reshape(-1, axes + 1), p.transpose(theta, axes=(0, 2, 1)))
    return p.reshape(flat, shape=(size[0], *size[2:], axes))


def grid_sample(
    x: Any,
    grid: Any,
    mode: Literal["bilinear", "nearest", "bicubic"] = "bilinear",
    padding_mode: Literal["zeros", "border", "reflection"] = "zeros",
    *,
    align_corners: bool = False,
) -> Array:
    """Images at the places of a grid.

    Parameters
    ----------
    x : array_like
        Shape (n, channels, h, w) or (n, channels, d, h, w).
    grid : array_like
        Shape (n, out h, out w, 2) or (n, out d, out h, out w, 3).
    mode : {"bilinear", "nearest", "bicubic"}
        "bilinear" is linear along each axis, of volumes too; "bicubic" is for images.
    padding_mode : {"zeros", "border", "reflection"}
        What is outside: zeros, the outermost elements, or the image mirrored.
    align_corners : bool
        As in `affine_grid`.

    Returns
    -------
    array
        Shape (n, channels, out h, out w), or with out d.

    Raises
    ------
    ValueError
        The shapes or modes do not fit.

    Examples
    --------
    >>> x = np.array([[[[1.0, 3.0]]]])
    >>> grid_sample(x, np.array([[[[0.0, 0.0], [-0.5, 0.0]]]]))
    array([[[[2., 1.]]]])
    """
    x, grid = operand(x), operand(grid)
    shape, axes = shape_of(x), len(shape_of(x)) - 2
    wanted = (shape[0], axes)
    if (
        axes not in (2, 3)
        or len(shape_of(grid)) != axes + 2
        or wanted != shape_of(grid)[:: axes + 1]
    ):
        raise ValueError(
            "grid_sample: input and grid must have shapes (n, channels, h, w) and (n, out h, out "
            f"w, 2), or with one axis more and 3; got {shape} and {shape_of(grid)}"
        )
    if mode not in ("bilinear", "nearest", "bicubic") or (mode == "bicubic" and axes != 2):
        raise ValueError(
            "grid_sample: mode must be 'bilinear', 'nearest' or (for images) 'bicubic', got "
            f"{mode!r}"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "grid_sample: padding_mode must be 'zeros', 'border' or 'reflection', got "
            f"{padding_mode!r}"
        )
    if 0 in shape[2:]:
        raise ValueError(f"grid_sample: there is nothing to see in an input of shape {shape}")
    taps = []
    for axis in range(axes):
        n = shape[2 + axis]
        place = _elements(grid[..., axes - 1 - axis], n, align_corners)
        taps.append(_taps(place, n, mode, padding_mode, align_corners))
    lanes = np.arange(shape[0]).reshape((shape[0],) + (1,) * axes)
    total: Array = None
    for chosen in product(*taps):
        key: Any = (lanes, slice(None), *[tap[0] for tap in chosen])
        part = p.getitem(x, key)  # the channels come last
        for _, weight, inside in chosen:
            if weight is not None:
                part = p.multiply(part, p.reshape(weight, shape=(*shape_of(weight), 1)))
            if inside is not None:
                part = p.where(p.reshape(inside, shape=(*shape_of(inside), 1)), part, 0.0)
        total = part if total is None else p.add(total, part)
    return p.transpose(total, axes=(0, axes + 1, *range(1, axes + 1)))


def _elements(place: Array, n: int, align_corners: bool) -> Array:
    """Places from -1 to 1 counted in elements."""
    if align_corners:
        return p.multiply(p.add(place, 1.0), (n - 1) / 2)
    return p.divide(p.subtract(p.multiply(p.add(place, 1.0), n), 1.0), 2)


def _taps(
    place: Array, n: int, mode: str, padding_mode: str, align_corners: bool
) -> list[tuple[Array, Array, Array]]:
    """Along one axis, which elements are seen, with which weights, and where they are inside."""
    if mode != "bicubic":
        place = _drawn_in(place, n, padding_mode, align_corners)
    if mode == "nearest":
        return [_tap(p.rint(stop_gradient(place)), None, n, mode, padding_mode, align_corners)]
    low = p.floor(stop_gradient(place))
    part = p.subtract(place, low)
    weights = cubic_weights(part) if mode == "bicubic" else {0: p.subtract(1.0, part), 1: part}
    return [
        _tap(p.add(low, float(offset)), weight, n, mode, padding_mode, align_corners)
        for offset, weight in weights.items()
    ]


def _tap(
    at: Array, weight: Any, n: int, mode: str, padding_mode: str, align_corners: bool
) -> tuple[Array, Array, Array]:
    if mode == "bicubic":
        at = _drawn_in(at, n, padding_mode, align_corners)
    inside = None
    if padding_mode == "zeros":
        inside = p.logical_and(p.greater_equal(at, 0), p.less(at, n))
    kept = p.clip(at, 0, n - 1)
    kept = p.where(p.isnan(kept), 0.0, kept)  # no number has a place, but an index must be one
    return p.astype(kept, dtype=np.dtype(np.intp)), weight, inside


def _drawn_in(place: Array, n: int, padding_mode: str, align_corners: bool) -> Array:
    """Places outside of the image where `padding_mode` sees them; the edge has derivative 0."""
    if padding_mode == "zeros":
        return place
    if padding_mode == "reflection":
        least, span = (0.0, float(n - 1)) if align_corners else (-0.5, float(n))
        if span == 0:
            return p.multiply(place, 0.0)
        away = p.absolute(p.subtract(place, least))
        flips = p.floor(p.divide(stop_gradient(away), span))
        extra = p.subtract(away, p.multiply(flips, span))
        odd = p.equal(p.remainder(flips, 2), 1)
        place = p.add(p.where(odd, p.subtract(span, extra), extra), least)
    top = float(n - 1)
    return p.where(place <= 0, 0.0, p.where(place >= top, top, place))
