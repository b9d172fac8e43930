"""What prepares images for models: the transforms that come with weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.torch import float32, from_numpy, tensor
from functrans.torch.nn.functional import interpolate, pad
from functrans.torch.tensor import Tensor, UnsupportedError


class ImageClassification:
    """Images made smaller, cut to their middle, and with mean and deviation taken out.

    Parameters
    ----------
    crop_size : int
        The height and width of what is cut out.
    resize_size : int
        The length of the shorter side before that.
    mean, std : sequence of float
        Of the channels.
    interpolation : {"bilinear", "bicubic"}
    antialias : bool

    Examples
    --------
    >>> import functrans.torch as torch
    >>> prepare = ImageClassification(crop_size=224)
    >>> prepare(torch.zeros(3, 300, 400, dtype=torch.uint8)).shape
    torch.Size([3, 224, 224])
    """

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        interpolation: str = "bilinear",
        antialias: bool = True,
    ) -> None:
        self.crop_size = [crop_size]
        self.resize_size = [resize_size]
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img: Any) -> Tensor:
        """An image ready for a model.

        Parameters
        ----------
        img : Tensor or image
            A tensor of shape (..., channels, height, width), of bytes or of numbers from 0 to 1; or
            what NumPy makes an array of bytes of shape (height, width, channels) of, as of an image
            of Pillow.
        """
        x = _pixels(img)
        whole = x.dtype.is_floating_point
        lead = tuple(x.shape[:-3])
        x = x.reshape(-1, *x.shape[-3:])
        x = x if whole else x.to(float32)
        x = self._cut(self._resized(x))
        if not whole:
            x = x.round().clamp(0, 255) / 255
        shape = (-1, 1, 1)
        mean, std = (tensor(v, dtype=x.dtype).reshape(shape) for v in (self.mean, self.std))
        x = (x - mean) / std
        prepared: Tensor = x.reshape(*lead, *x.shape[1:])
        return prepared

    __call__ = forward

    def _resized(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        short, long = min(height, width), max(height, width)
        wanted = self.resize_size[0]
        other = int(wanted * long / short)
        size = (wanted, other) if height <= width else (other, wanted)
        if size == (height, width):
            return x
        options: dict[str, Any] = {"mode": self.interpolation, "antialias": self.antialias}
        resized: Tensor = interpolate(x, size, align_corners=False, **options)
        return resized

    def _cut(self, x: Tensor) -> Tensor:
        n = self.crop_size[0]
        height, width = x.shape[-2:]
        if height < n or width < n:
            above, left = max(n - height, 0) // 2, max(n - width, 0) // 2
            below, right = max(n - height + 1, 0) // 2, max(n - width + 1, 0) // 2
            x = pad(x, (left, right, above, below))
            height, width = x.shape[-2:]
        top, start = round((height - n) / 2), round((width - n) / 2)
        return x[..., top : top + n, start : start + n]

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"ImageClassification({options})"

    def describe(self) -> str:
        """What it does, in words."""
        return (
            f"Images of bytes are resized so that their shorter side is {self.resize_size[0]} "
            f"({self.interpolation}), cut to the middle {self.crop_size[0]} by "
            f"{self.crop_size[0]}, scaled to 0 to 1, and normalised with mean {self.mean} and "
            f"std {self.std}."
        )


def _pixels(img: Any) -> Tensor:
    """An image as a tensor with the channels in front of height and width."""
    if isinstance(img, Tensor):
        if img.ndim < 3:
            raise ValueError(
                f"an image needs the shape (..., channels, height, width), got {tuple(img.shape)}"
            )
        return img
    array = np.asarray(img)
    if array.dtype != np.uint8 or array.ndim not in (2, 3):
        raise TypeError(
            f"an image must be a Tensor or convert to an array of bytes, got {type(img).__name__} "
            f"of dtype {array.dtype} and shape {array.shape}"
        )
    array = np.repeat(array[..., None], 3, -1) if array.ndim == 2 else array[..., :3]
    return from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 0)))


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'functrans.torchvision.transforms' has no attribute {name!r}")
    raise UnsupportedError(f"torchvision.transforms.{name} is not supported by functrans")
