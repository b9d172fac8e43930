"""Padding, enlarging and shrinking of images under PyTorch's signatures."""

from __future__ import annotations

import math
from typing import Any

from functrans import nn as pure
from functrans.torch.nn.functional.results import computed, named
from functrans.torch.operands import tensor_array
from functrans.torch.tensor import Tensor

_PAD_NODES = {"constant": "ConstantPadNdBackward0", "circular": "CopySlices"}


def pad(input: Tensor, pad: Any, mode: Any = "constant", value: float | None = None) -> Tensor:
    """The input with elements put around it, or taken away where a width is negative.

    Parameters
    ----------
    input : Tensor
    pad : sequence of int
        Before and after the last dimension, then those in front of it.
    mode : {"constant", "reflect", "replicate", "circular"}
    value : float, optional
        What to put there in mode "constant"; default 0.
    """
    a = tensor_array(input, "pad")
    widths = tuple(int(n) for n in pad)
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if len(widths) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(widths) > 2 * len(a.shape):
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(widths)} and input of dimension {len(a.shape)}"
        )
    if mode == "reflect":
        for i in range(0, len(widths), 2):
            dim = len(a.shape) - 1 - i // 2
            if max(widths[i : i + 2]) >= a.shape[dim]:
                raise RuntimeError(
                    "Argument #4: Padding size should be less than the corresponding input "
                    f"dimension, but got: padding {widths[i : i + 2]} at dimension {dim} of input "
                    f"{list(a.shape)}"
                )
    array = computed(pure.pad, a, widths, mode, 0.0 if value is None else value)
    kind = f"{mode.title()}ionPad{len(widths) // 2}DBackward0".replace("eion", "ion")
    return named(array, _PAD_NODES.get(mode, kind))


_LINEAR = ("linear", "bilinear", "bicubic", "trilinear")
_AXES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: Any = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Images, signals or volumes in another size; see :func:`functrans.nn.interpolate`."""
    a = tensor_array(input, "interpolate")
    if antialias and (mode not in ("bilinear", "bicubic") or len(a.shape) != 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D "
            "tensor as input"
        )
    if align_corners is not None and mode not in _LINEAR:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear "
            "| bicubic | trilinear"
        )
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    axes = len(a.shape) - 2
    if _AXES.get(mode, axes) != axes:
        raise NotImplementedError(
            f"Got {len(a.shape)}D input, but {mode} mode needs {_AXES[mode] + 2}D input"
        )
    if recompute_scale_factor:
        if scale_factor is None:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        factors = scale_factor if isinstance(scale_factor, tuple | list) else [scale_factor] * axes
        size = [math.floor(n * f) for n, f in zip(a.shape[2:], factors, strict=True)]
        scale_factor = None
    array = computed(
        *(pure.interpolate, a, size, scale_factor, mode),
        align_corners=bool(align_corners),
        antialias=antialias,
    )
    kind = {"nearest": "Nearest", "bilinear": "Bilinear", "bicubic": "Bicubic", "linear": "Linear"}
    name = kind.get(mode, mode.title())
    return named(array, f"Upsample{name}{axes}DBackward0")


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: Any = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """As `interpolate`."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def _divisible(name: str, a: Any, dim: int, by: int, what: str) -> None:
    if len(a.shape) < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with "
            f"{len(a.shape)} dimension(s)"
        )
    if a.shape[dim] % by:
        raise RuntimeError(
            f"{name} expects {what}, but input.size({dim})={a.shape[dim]} is not divisible by {by}"
        )


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels arranged as pixels: (..., c * r**2, h, w) becomes (..., c, h * r, w * r)."""
    a = tensor_array(input, "pixel_shuffle")
    what = "its input's 'channel' dimension to be divisible by the square of upscale_factor"
    _divisible("pixel_shuffle", a, -3, upscale_factor**2, what)
    return named(computed(pure.pixel_shuffle, a, upscale_factor), "PixelShuffleBackward0")


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Pixels arranged as channels: the reverse of `pixel_shuffle`."""
    a = tensor_array(input, "pixel_unshuffle")
    for dim, side in ((-2, "height"), (-1, "width")):
        what = f"{side} to be divisible by downscale_factor"
        _divisible("pixel_unshuffle", a, dim, downscale_factor, what)
    return named(computed(pure.pixel_unshuffle, a, downscale_factor), "PixelUnshuffleBackward0")
