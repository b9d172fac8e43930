"""Convolutions as modules."""

from __future__ import annotations

import math
from typing import Any

from functrans.torch.creation import empty
from functrans.torch.nn import functional as F, init
from functrans.torch.nn.module import Module
from functrans.torch.nn.parameter import Parameter
from functrans.torch.tensor import Tensor

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def tupled(value: Any, axes: int) -> tuple[Any, ...]:
    """One entry for each axis."""
    return tuple(value) if isinstance(value, tuple | list) else (value,) * axes


class _ConvNd(Module):
    """What convolutions and their transposes share: parameters, options and text."""

    axes: int
    transposed = False
    weight: Any
    bias: Any

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        output_padding: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(
                    f"Invalid padding string {padding!r}, should be one of {{'valid', 'same'}}"
                )
            if padding == "same" and any(s != 1 for s in tupled(stride, self.axes)):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                "padding_mode must be one of {'zeros', 'reflect', 'replicate', 'circular'}, but "
                f"got padding_mode='{padding_mode}'"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = tupled(kernel_size, self.axes)
        self.stride = tupled(stride, self.axes)
        self.padding = padding if isinstance(padding, str) else tupled(padding, self.axes)
        self.dilation = tupled(dilation, self.axes)
        self.output_padding = tupled(output_padding, self.axes)
        self.groups = groups
        self.padding_mode = padding_mode
        channels = (out_channels, in_channels // groups)
        if self.transposed:
            channels = (in_channels, out_channels // groups)
        made = {"device": device, "dtype": dtype}
        self.weight = Parameter(empty((*channels, *self.kernel_size), **made))
        self.register_parameter("bias", Parameter(empty(out_channels, **made)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        if self.padding != (0,) * len(self.padding):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.dilation):
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * len(self.output_padding):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _Conv(_ConvNd):
    function: Any

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            *(in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, bias),
            *(padding_mode, device, dtype),
        )

    def forward(self, input: Tensor) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._widths(), self.padding_mode)
            padding = (0,) * self.axes
        return type(self).function(  # type: ignore[no-any-return]
            *(input, self.weight, self.bias),
            *(self.stride, padding, self.dilation, self.groups),
        )

    def _widths(self) -> list[int]:
        """The padding as `F.pad` takes it."""
        widths = []
        for i in reversed(range(self.axes)):
            if self.padding == "same":
                whole = self.dilation[i] * (self.kernel_size[i] - 1)
                widths += [whole // 2, whole - whole // 2]
            else:
                widths += [0 if self.padding == "valid" else self.padding[i]] * 2
        return widths


class Conv1d(_Conv):
    """A convolution over sequences, of shape (n, channels, length) or (channels, length).

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, dilation : int or tuple of int
    padding : int, tuple of int, "same" or "valid"
    groups : int
        So many convolutions side by side.
    bias : bool
    padding_mode : {"zeros", "reflect", "replicate", "circular"}

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.nn.Conv1d(16, 33, 3, stride=2)(torch.randn(20, 16, 50)).size()
    torch.Size([20, 33, 24])
    """

    axes = 1
    function = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """A convolution over images, of shape (n, channels, h, w); see `Conv1d`.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.nn.Conv2d(3, 8, (3, 5), padding="same")
    Conv2d(3, 8, kernel_size=(3, 5), stride=(1, 1), padding=same)
    """

    axes = 2
    function = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """A convolution over volumes; see `Conv1d`."""

    axes = 3
    function = staticmethod(F.conv3d)


class _ConvTransposeNd(_ConvNd):
    transposed = True
    function: Any

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            *(in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding),
            *(groups, bias, padding_mode, device, dtype),
        )

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        more = self.output_padding
        if output_size is not None:
            more = self._more(input, tuple(output_size)[-self.axes :])
        return type(self).function(  # type: ignore[no-any-return]
            *(input, self.weight, self.bias),
            *(self.stride, self.padding, more, self.groups, self.dilation),
        )

    def _more(self, input: Tensor, wanted: tuple[int, ...]) -> tuple[int, ...]:
        """How much longer than the shortest the output has to be."""
        size = input.shape[-self.axes :]
        least = [
            (n - 1) * s - 2 * m + d * (k - 1) + 1
            for n, s, m, d, k in zip(
                size, self.stride, self.padding, self.dilation, self.kernel_size, strict=True
            )
        ]
        most = [n + s - 1 for n, s in zip(least, self.stride, strict=True)]
        if any(not a <= n <= b for n, a, b in zip(wanted, least, most, strict=True)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to "
                f"{most} (for an input of {type(input.shape)(size)})"
            )
        return tuple(n - a for n, a in zip(wanted, least, strict=True))


class ConvTranspose1d(_ConvTransposeNd):
    """The transpose of a convolution over sequences.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, dilation : int or tuple of int
        Those of the convolution: `padding` takes away from the output.
    output_padding : int or tuple of int
        How much longer the output is than the shortest possible.
    groups : int
    bias : bool

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.nn.ConvTranspose1d(4, 2, 3, stride=2)(torch.randn(1, 4, 5)).size()
    torch.Size([1, 2, 11])
    """

    axes = 1
    function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """The transpose of a convolution over images; see `ConvTranspose1d`."""

    axes = 2
    function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """The transpose of a convolution over volumes; see `ConvTranspose1d`."""

    axes = 3
    function = staticmethod(F.conv_transpose3d)


class Unfold(Module):
    """The patches of images that a kernel sees, as columns."""

    def __init__(
        self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """Patches, as columns, added up to images: the transpose of `Unfold`."""

    def __init__(
        self,
        output_size: Any,
        kernel_size: Any,
        dilation: Any = 1,
        padding: Any = 0,
        stride: Any = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(
            *(input, self.output_size, self.kernel_size),
            *(self.dilation, self.padding, self.stride),
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )
