"""Convolutions, transposed convolutions, and the patches that they see."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, shape_of
from functrans.nn.spatial import Pairs, of_rank, pairs, whole_numbers, with_batch
from functrans.numpy.operands import operand


def _convolution(
    name: str,
    axes: int,
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    x, single = with_batch(operand(x), axes, name)
    weight = _weight(weight, axes, groups, name)
    strides = whole_numbers(stride, axes, f"{name}: stride", 1)
    dilations = whole_numbers(dilation, axes, f"{name}: dilation", 1)
    widths = _padding(padding, shape_of(weight)[2:], strides, dilations, name)
    out = p.convolution(
        x, weight, stride=strides, padding=widths, dilation=dilations, groups=groups
    )
    return _finished(out, bias, single, name)


conv1d = of_rank(
    _convolution,
    "conv1d",
    1,
    """Convolution along one axis: the weights slide over the input, unreversed.

Parameters
----------
x : array_like
    Shape (n, channels, length), or (channels, length).
weight : array_like
    Shape (outputs, channels / groups, window).
bias : array_like, optional
    Shape (outputs,).
stride, dilation : int or tuple of int
    The step from output to output, and from weight to weight.
padding : int, tuple of int, tuple of pairs, "same" or "valid"
    Zeros before and after: for all axes, an axis, or a pair (before, after) an axis. "same"
    (with stride 1) keeps the length; "valid" is 0.
groups : int
    So many convolutions side by side, each of its own channels to its own outputs.

Raises
------
ValueError
    The shapes do not fit, or the kernel reaches beyond the padded input.

Examples
--------
>>> conv1d(np.array([[1.0, 2.0, 4.0]]), np.array([[[1.0, -1.0]]]))
array([[-1., -2.]])
""",
)

conv2d = of_rank(
    _convolution,
    "conv2d",
    2,
    """Convolution of images, of shape (n, channels, h, w) or (channels, h, w); see `conv1d`.

Examples
--------
>>> conv2d(np.ones((1, 3, 3)), np.ones((1, 1, 2, 2)), padding="same")
array([[[4., 4., 2.],
        [4., 4., 2.],
        [2., 2., 1.]]])
""",
)

conv3d = of_rank(
    _convolution,
    "conv3d",
    3,
    """Convolution of volumes, of shape (n, channels, h, w, d); see `conv1d`.

Examples
--------
>>> conv3d(np.ones((1, 1, 3, 3, 3)), np.ones((2, 1, 3, 3, 3)))[0, :, 0, 0, 0]
array([27., 27.])
""",
)


def _weight(weight: Any, axes: int, groups: int, name: str) -> Array:
    weight = operand(weight)
    if len(shape_of(weight)) != axes + 2:
        raise ValueError(f"{name}: weight needs {axes + 2} axes, got shape {shape_of(weight)}")
    if groups < 1:
        raise ValueError(f"{name}: groups must be at least 1, got {groups}")
    return weight


def _padding(
    padding: Any, kernel: tuple[int, ...], stride: Any, dilation: tuple[int, ...], name: str
) -> Pairs:
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding == "same":
        if max(stride) > 1:
            raise ValueError(f"{name}: padding='same' needs stride 1, got {stride}")
        whole = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple((n // 2, n - n // 2) for n in whole)
    if isinstance(padding, str):
        raise ValueError(f"{name}: padding must be numbers, 'same' or 'valid', got {padding!r}")
    return pairs(padding, len(kernel), f"{name}: padding")


def _finished(out: Array, bias: Any, single: bool, name: str) -> Array:
    shape = shape_of(out)
    if bias is not None:
        bias = operand(bias)
        if shape_of(bias) != shape[1:2]:
            raise ValueError(
                f"{name}: bias has shape {shape_of(bias)}; it must be {shape[1:2]}, a number for "
                "each output"
            )
        out = p.add(out, p.reshape(bias, shape=(shape[1],) + (1,) * (len(shape) - 2)))
    return out[0] if single else out


def _transposed(
    name: str,
    axes: int,
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Array:
    x, single = with_batch(operand(x), axes, name)
    weight = _weight(weight, axes, groups, name)
    strides = whole_numbers(stride, axes, f"{name}: stride", 1)
    dilations = whole_numbers(dilation, axes, f"{name}: dilation", 1)
    widths = pairs(padding, axes, f"{name}: padding")
    extra = whole_numbers(output_padding, axes, f"{name}: output_padding", 0)
    channels, kernel = shape_of(weight)[0], shape_of(weight)[2:]
    if shape_of(x)[1] != channels or channels % groups:
        raise ValueError(
            f"{name}: the input has {shape_of(x)[1]} channels (shape {shape_of(x)}); a weight of "
            f"shape {shape_of(weight)} takes {channels}, which must be a multiple of "
            f"groups={groups}"
        )
    for more, s, d in zip(extra, strides, dilations, strict=True):
        if more >= max(s, d):
            raise ValueError(
                f"{name}: output_padding must be less than stride or dilation, got {extra} with "
                f"stride {strides} and dilation {dilations}"
            )
    size = tuple(
        (n - 1) * s - sum(pair) + d * (k - 1) + more + 1
        for n, s, pair, d, k, more in zip(
            shape_of(x)[2:], strides, widths, dilations, kernel, extra, strict=True
        )
    )
    if min(size) < 1:
        raise ValueError(
            f"{name}: an input of shape {shape_of(x)} would give an output of size {size}; "
            "padding takes away too much"
        )
    # The extra length lies behind all windows, so it counts as padding that is not there.
    behind = tuple((pair[0], pair[1] - more) for pair, more in zip(widths, extra, strict=True))
    out = p.convolution_input(
        x, weight, size=size, stride=strides, padding=behind, dilation=dilations, groups=groups
    )
    return _finished(out, bias, single, name)


conv_transpose1d = of_rank(
    _transposed,
    "conv_transpose1d",
    1,
    """The transpose of the convolution with this weight, as a layer.

Parameters
----------
x : array_like
    Shape (n, channels, length), or (channels, length).
weight : array_like
    Shape (channels, outputs / groups, window).
bias : array_like, optional
    Shape (outputs,).
stride, padding, dilation, groups
    Those of the convolution: `padding` takes away from the output.
output_padding : int or tuple of int
    How much longer the output is than the shortest that the convolution would map to this
    input; less than `stride` or `dilation`.

Raises
------
ValueError
    The shapes or sizes do not fit.

Examples
--------
>>> conv_transpose1d(np.array([[1.0, 2.0]]), np.array([[[1.0, 1.0]]]), stride=2)
array([[1., 1., 2., 2.]])
""",
)

conv_transpose2d = of_rank(
    _transposed,
    "conv_transpose2d",
    2,
    """The transpose of a convolution of images; see `conv_transpose1d`.

Examples
--------
>>> conv_transpose2d(np.ones((1, 1, 2)), np.ones((1, 1, 2, 2)))
array([[[1., 2., 1.],
        [1., 2., 1.]]])
""",
)

conv_transpose3d = of_rank(
    _transposed,
    "conv_transpose3d",
    3,
    """The transpose of a convolution of volumes; see `conv_transpose1d`.

Examples
--------
>>> conv_transpose3d(np.ones((1, 1, 1, 1)), np.ones((1, 2, 2, 2, 2))).shape
(2, 2, 2, 2)
""",
)


def unfold(
    x: Any, kernel_size: Any, *, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Array:
    """The patches of images that a kernel sees, as columns.

    Parameters
    ----------
    x : array_like
        Shape (n, channels, h, w) or (channels, h, w).
    kernel_size, dilation, padding, stride : int or tuple of int

    Returns
    -------
    array
        Shape (n, channels * kernel_h * kernel_w, positions).

    Examples
    --------
    >>> unfold(np.arange(6.0).reshape(1, 2, 3), 2)
    array([[0., 1.],
           [1., 2.],
           [3., 4.],
           [4., 5.]])
    """
    x, single = with_batch(operand(x), 2, "unfold")
    widths = pairs(padding, 2, "unfold: padding")
    n, channels, *size = shape_of(x)
    places = _patch_places("unfold", tuple(size), kernel_size, stride, widths, dilation)
    x = p.pad(x, widths=((0, 0), (0, 0), *widths)) if any(map(any, widths)) else x
    rows, columns = places
    out = x[:, :, rows[:, None, :, None], columns[None, :, None, :]]
    shape = (n, channels * rows.shape[0] * columns.shape[0], rows.shape[1] * columns.shape[1])
    out = p.reshape(out, shape=shape)
    return out[0] if single else out


def fold(
    x: Any,
    output_size: Any,
    kernel_size: Any,
    *,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Array:
    """Patches, as columns, added up to images: the transpose of `unfold`.

    Parameters
    ----------
    x : array_like
        Shape (n, channels * kernel_h * kernel_w, positions), or without the first axis.
    output_size : int or tuple of int
        Height and width of the images.
    kernel_size, dilation, padding, stride : int or tuple of int
        Those of `unfold`.

    Raises
    ------
    ValueError
        The shape of `x` is not that of the patches of such images.

    Examples
    --------
    >>> fold(np.ones((4, 2)), (2, 3), 2)
    array([[[1., 2., 1.],
            [1., 2., 1.]]])
    """
    x, single = with_batch(operand(x), 1, "fold")
    size = whole_numbers(output_size, 2, "fold: output_size", 1)
    widths = pairs(padding, 2, "fold: padding")
    rows, columns = _patch_places("fold", size, kernel_size, stride, widths, dilation)
    n, whole, positions = shape_of(x)
    (kernel_h, out_h), (kernel_w, out_w) = rows.shape, columns.shape
    if whole % (kernel_h * kernel_w) or positions != out_h * out_w:
        raise ValueError(
            f"fold: images of size {size} have {out_h * out_w} patches, of a multiple of "
            f"{kernel_h * kernel_w} elements; got shape {shape_of(x)}"
        )
    channels = whole // (kernel_h * kernel_w)
    x = p.reshape(x, shape=(n, channels, kernel_h, kernel_w, out_h, out_w))
    padded = [s + sum(pair) for s, pair in zip(size, widths, strict=True)]
    key = (slice(None), slice(None), rows[:, None, :, None], columns[None, :, None, :])
    target = np.zeros((n, channels, *padded), x.dtype)
    index, arrays = p.index_arguments(target.shape, key)
    out = p.index_add(target, x, *arrays, index=index)
    inner = [slice(b, b + s) for s, (b, _) in zip(size, widths, strict=True)]
    out = out[(slice(None), slice(None), *inner)]
    return out[0] if single else out


def _patch_places(
    name: str, size: tuple[int, ...], kernel: Any, stride: Any, widths: Pairs, dilation: Any
) -> list[Any]:
    """For each axis, where in the padded image each element of each patch lies."""
    kernels = whole_numbers(kernel, 2, f"{name}: kernel_size", 1)
    strides = whole_numbers(stride, 2, f"{name}: stride", 1)
    dilations = whole_numbers(dilation, 2, f"{name}: dilation", 1)
    counts = p.output_size(name, size, kernels, strides, widths, dilations)
    return [
        np.arange(k)[:, None] * d + np.arange(count) * s
        for k, d, count, s in zip(kernels, dilations, counts, strides, strict=True)
    ]
