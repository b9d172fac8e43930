"""Images seen through grids of places under PyTorch's signatures."""

from __future__ import annotations

import warnings
from typing import Any

from functrans import nn as pure
from functrans.torch.nn.functional.results import computed, named
from functrans.torch.operands import tensor_array
from functrans.torch.tensor import Tensor


def _corners(given: bool | None, name: str) -> bool:
    if given is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since "
            "1.3.0. Please specify align_corners=True if the old behavior is desired. See the "
            f"documentation of {name} for details.",
            stacklevel=3,
        )
    return bool(given)


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The grid that `grid_sample` needs to see images through affine maps."""
    corners = _corners(align_corners, "grid_sample")
    a = tensor_array(theta, "affine_grid")
    if a.dtype.kind != "f":
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    axes = len(size) - 2
    if len(a.shape) != 3 or a.shape[-2:] != (axes, axes + 1):
        raise ValueError(
            f"Expected a batch of {axes}D affine matrices of shape Nx{axes}x{axes + 1} for size "
            f"{size}. Got {theta.shape}."
        )
    array = computed(pure.affine_grid, a, tuple(map(int, size)), align_corners=corners)
    return named(array, "AffineGridGeneratorBackward0")


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: Any = "bilinear",
    padding_mode: Any = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Images at the places of a grid; see :func:`functrans.nn.grid_sample`."""
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    corners = _corners(align_corners, "grid_sample")
    a, g = tensor_array(input, "grid_sample"), tensor_array(grid, "grid_sample")
    array = computed(pure.grid_sample, a, g, mode, padding_mode, align_corners=corners)
    return named(array, f"GridSampler{len(a.shape) - 2}DBackward0")
