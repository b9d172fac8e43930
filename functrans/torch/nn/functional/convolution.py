"""Convolutions, and the patches that they see, under PyTorch's signatures."""

from __future__ import annotations

from typing import Any

from functrans import nn as pure
from functrans.nn.spatial import of_rank
from functrans.torch.nn.functional.affine import short_name
from functrans.torch.nn.functional.results import array_or_none, computed, named
from functrans.torch.operands import tensor_array
from functrans.torch.tensor import Tensor, wrap


def _checked(name: str, axes: int, input: Tensor, weight: Tensor, bias: Tensor | None) -> Any:
    """The arrays of input, weight and bias, whose ranks and dtypes fit."""
    a, w, b = tensor_array(input, name), tensor_array(weight, name), array_or_none(bias)
    if len(a.shape) not in (axes + 1, axes + 2):
        raise RuntimeError(
            f"Expected {axes + 1}D (unbatched) or {axes + 2}D (batched) input to {name}, but got "
            f"input of size: {list(a.shape)}"
        )
    for other in (w, b):
        if other is not None and other.dtype != a.dtype:
            raise RuntimeError(
                f"expected scalar type {short_name(a)} but found {short_name(other)}"
            )
    return a, w, b


def _check_channels(a: Any, w: Any, axes: int, groups: int, transposed: bool) -> None:
    """Raise PyTorch's error for an input with another number of channels than the weight takes."""
    if len(w.shape) != axes + 2:
        raise RuntimeError(
            f"weight should have at least three dimensions, {axes + 2} of them for this function, "
            f"but got {list(w.shape)}"
        )
    shape = a.shape if len(a.shape) == axes + 2 else (1, *a.shape)
    wanted = w.shape[0] if transposed else w.shape[1] * groups
    if shape[1] != wanted:
        given = f"transposed={int(transposed)}" if transposed else f"groups={groups}"
        raise RuntimeError(
            f"Given {given}, weight of size {list(w.shape)}, expected input{list(shape)} to have "
            f"{wanted} channels, but got {shape[1]} channels instead"
        )


def _check_bias(w: Any, b: Any, outputs: int) -> None:
    if b is not None and b.shape != (outputs,):
        raise RuntimeError(
            f"Given weight of size {list(w.shape)}, expected bias to be 1-dimensional with "
            f"{outputs} elements, but got bias of size {list(b.shape)} instead"
        )


def _numbers(value: Any, axes: int) -> list[int]:
    given = list(value) if isinstance(value, tuple | list) else [value]
    return given * axes if len(given) == 1 else given


def _check_windows(a: Any, w: Any, axes: int, stride: Any, padding: Any, dilation: Any) -> None:
    """Raise PyTorch's errors for strides, and for kernels that reach beyond the padded input."""
    if min(_numbers(stride, axes)) < 1:
        raise RuntimeError("non-positive stride is not supported")
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise RuntimeError(f"Invalid padding string: '{padding}'")
        if padding == "same" and max(_numbers(stride, axes)) > 1:
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        if padding == "same":
            return
        padding = 0
    padded = [n + 2 * m for n, m in zip(a.shape[-axes:], _numbers(padding, axes), strict=True)]
    reach = [d * (k - 1) + 1 for k, d in zip(w.shape[2:], _numbers(dilation, axes), strict=True)]
    if any(n < k for n, k in zip(padded, reach, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({' x '.join(map(str, padded))}). Kernel "
            f"size: ({' x '.join(map(str, reach))}). Kernel size can't be greater than actual "
            "input size"
        )


def _convolution(
    name: str,
    axes: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    a, w, b = _checked(name, axes, input, weight, bias)
    _check_channels(a, w, axes, groups, False)
    _check_bias(w, b, w.shape[0])
    _check_windows(a, w, axes, stride, padding, dilation)
    array = computed(
        *(getattr(pure, name), a, w, b),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    return named(array, "ConvolutionBackward0")


_CONVOLUTION = """A convolution over {axes} dimensions.

`input` has shape (n, channels, ...) or (channels, ...), `weight` (outputs, channels / groups,
...). `padding` is a number, one for each dimension, "same" or "valid".
"""
conv1d = of_rank(_convolution, "conv1d", 1, _CONVOLUTION.format(axes="one"))
conv2d = of_rank(_convolution, "conv2d", 2, _CONVOLUTION.format(axes="two"))
conv3d = of_rank(_convolution, "conv3d", 3, _CONVOLUTION.format(axes="three"))


def _transposed(
    name: str,
    axes: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    a, w, b = _checked(name, axes, input, weight, bias)
    _check_channels(a, w, axes, groups, True)
    _check_bias(w, b, w.shape[1] * groups)
    array = computed(
        *(getattr(pure, name), a, w, b),
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        groups=groups,
        dilation=dilation,
    )
    return named(array, "ConvolutionBackward0")


_TRANSPOSED = """The transpose of a convolution over {axes} dimensions.

`input` has shape (n, channels, ...) or (channels, ...), `weight` (channels, outputs / groups,
...).
"""
conv_transpose1d = of_rank(_transposed, "conv_transpose1d", 1, _TRANSPOSED.format(axes="one"))
conv_transpose2d = of_rank(_transposed, "conv_transpose2d", 2, _TRANSPOSED.format(axes="two"))
conv_transpose3d = of_rank(_transposed, "conv_transpose3d", 3, _TRANSPOSED.format(axes="three"))


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The patches of images that a kernel sees, as columns."""
    a = tensor_array(input, "unfold")
    options = {"dilation": dilation, "padding": padding, "stride": stride}
    return named(computed(pure.unfold, a, kernel_size, **options), "Im2ColBackward0")


def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """Patches, as columns, added up to images: the transpose of `unfold`."""
    a = tensor_array(input, "fold")
    kernel = _numbers(kernel_size, 2)
    if len(a.shape) in (2, 3) and a.shape[-2] % (kernel[0] * kernel[1]):
        raise RuntimeError(
            f"Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={a.shape[-2]} and kernel_size={tuple(kernel)}."
        )
    options = {"dilation": dilation, "padding": padding, "stride": stride}
    return named(computed(pure.fold, a, output_size, kernel_size, **options), "Col2ImBackward0")


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of all groups by turns."""
    shape = tensor_array(input, "channel_shuffle").shape
    if groups < 1 or shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {shape[1]} channels and "
            f"{groups} groups."
        )
    split = input.reshape(shape[0], groups, shape[1] // groups, *shape[2:])
    return wrap(split.transpose(1, 2).reshape(*shape).array)
