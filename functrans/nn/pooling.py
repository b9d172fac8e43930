"""Pooling: the greatest element or the mean of windows, sliding or adapted to a given output size.

The windows lie over the last axes; any axes may stand before them.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, Shape, dtype_of, is_plain, shape_of
from functrans.nn.spatial import Pairs, of_rank, pairs, whole_numbers
from functrans.numpy.operands import operand
from functrans.transforms.stop_gradient import stop_gradient


def _windows(
    name: str,
    size: Shape,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
) -> tuple[dict[str, Any], Pairs]:
    """The parameters of the windows, and the padding as it was given."""
    axes = len(size)
    window = whole_numbers(kernel_size, axes, f"{name}: kernel_size", 1)
    strides = window if stride is None else whole_numbers(stride, axes, f"{name}: stride", 1)
    dilations = whole_numbers(dilation, axes, f"{name}: dilation", 1)
    given = pairs(padding, axes, f"{name}: padding")
    widths = []
    for n, k, s, d, (before, after) in zip(size, window, strides, dilations, given, strict=True):
        reach = d * (k - 1) + 1
        if max(before, after) > reach // 2:
            raise ValueError(
                f"{name}: padding must be at most half of the kernel, got {padding!r} with "
                f"kernel_size={kernel_size!r} and dilation={dilation!r}"
            )
        if ceil_mode:
            steps = -(-(n + before + after - reach) // s)
            if steps * s >= n + before:  # this window would begin in the padding behind
                steps -= 1
            after = max(after, steps * s + reach - n - before)
        widths.append((before, after))
    params = {
        "window": window,
        "stride": strides,
        "padding": tuple(widths),
        "dilation": dilations,
    }
    return params, given


def _pooled(x: Any, axes: int, name: str) -> tuple[Array, Shape]:
    x = operand(x)
    shape = shape_of(x)
    if len(shape) < axes:
        raise ValueError(f"{name}: the input needs at least {axes} axes, got shape {shape}")
    return x, shape[len(shape) - axes :]


def _max_pool(
    name: str,
    axes: int,
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    *,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    x, size = _pooled(x, axes, name)
    params, _ = _windows(name, size, kernel_size, stride, padding, dilation, ceil_mode)
    places = p.window_argmax(stop_gradient(x), **params)
    reach = zip(params["window"], params["dilation"], params["stride"], strict=True)
    apart = all((k - 1) * d < s for k, d, s in reach)
    out = chosen(x, places, axes, unique=apart)
    return (out, places) if return_indices else out


max_pool1d = of_rank(
    _max_pool,
    "max_pool1d",
    1,
    """The greatest element of every window along the last axis.

Of equal elements the first is the one chosen, which alone receives the derivative.

Parameters
----------
x : array_like
    Shape (..., length).
kernel_size : int or tuple of int
stride : int or tuple of int, optional
    Default: `kernel_size`.
padding : int, tuple of int or tuple of pairs
    What is padded is never chosen; at most half of `kernel_size`.
dilation : int or tuple of int
ceil_mode : bool
    A last window may reach beyond the end.
return_indices : bool
    Return also where the chosen elements lie, counted over the pooled axes together.

Raises
------
ValueError
    The sizes do not fit.

Examples
--------
>>> max_pool1d(np.array([1.0, 3.0, 2.0, 2.0, 5.0]), 2, return_indices=True)
(array([3., 2.]), array([1, 2]))
""",
)

max_pool2d = of_rank(
    _max_pool,
    "max_pool2d",
    2,
    """The greatest element of every window over the last two axes; see `max_pool1d`.

Examples
--------
>>> max_pool2d(np.arange(9.0).reshape(1, 3, 3), 2, stride=1)
array([[[4., 5.],
        [7., 8.]]])
""",
)

max_pool3d = of_rank(
    _max_pool,
    "max_pool3d",
    3,
    """The greatest element of every window over the last three axes; see `max_pool1d`.

Examples
--------
>>> max_pool3d(np.arange(8.0).reshape(1, 2, 2, 2), 2)
array([[[[7.]]]])
""",
)


def _max_unpool(
    name: str,
    axes: int,
    x: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    *,
    output_size: Any = None,
) -> Array:
    x, size = _pooled(x, axes, name)
    indices = operand(indices)
    if shape_of(indices) != shape_of(x):
        raise ValueError(
            f"{name}: indices must have the shape of the input, {shape_of(x)}, got "
            f"{shape_of(indices)}"
        )
    window = whole_numbers(kernel_size, axes, f"{name}: kernel_size", 1)
    strides = window if stride is None else whole_numbers(stride, axes, f"{name}: stride", 1)
    widths = whole_numbers(padding, axes, f"{name}: padding", 0)
    if output_size is None:
        output_size = [
            (n - 1) * s - 2 * m + k
            for n, s, m, k in zip(size, strides, widths, window, strict=True)
        ]
    wanted = whole_numbers(output_size, axes, f"{name}: output_size", 1)
    if is_plain(indices) and indices.size:
        top = indices.max()
        if indices.min() < 0 or top >= prod(wanted):
            raise ValueError(
                f"{name}: indices go up to {top}, an output of size {wanted} has {prod(wanted)} "
                "elements"
            )
    kept = shape_of(x)[: len(shape_of(x)) - axes]
    rows, places = (p.reshape(a, shape=(prod(kept), prod(size))) for a in (x, indices))
    empty = np.zeros((prod(kept), prod(wanted)), dtype_of(x))
    return p.reshape(p.put_along_axis(empty, places, rows, axis=1), shape=(*kept, *wanted))


max_unpool1d = of_rank(
    _max_unpool,
    "max_unpool1d",
    1,
    """The elements that `max_pool1d` chose put back where they were, zeros elsewhere.

Parameters
----------
x : array_like
    Shape (..., length).
indices : array_like of int
    Where the elements belong, counted over the pooled axes together.
kernel_size, stride, padding : int or tuple of int
    Those of the pooling.
output_size : int or tuple of int, optional
    Default: the least that pools to the size of `x`.

Raises
------
ValueError
    The shapes or indices do not fit.

Examples
--------
>>> max_unpool1d(np.array([3.0, 2.0]), np.array([1, 2]), 2)
array([0., 3., 2., 0.])
""",
)

max_unpool2d = of_rank(
    _max_unpool,
    "max_unpool2d",
    2,
    """The elements that `max_pool2d` chose put back where they were; see `max_unpool1d`.

Examples
--------
>>> max_unpool2d(np.array([[[5.0]]]), np.array([[[2]]]), 2)
array([[[0., 0.],
        [5., 0.]]])
""",
)

max_unpool3d = of_rank(
    _max_unpool,
    "max_unpool3d",
    3,
    """The elements that `max_pool3d` chose put back where they were; see `max_unpool1d`.

Examples
--------
>>> max_unpool3d(np.ones((1, 1, 1, 1)), np.zeros((1, 1, 1, 1), int), 2).sum()
np.float64(1.0)
""",
)


def chosen(x: Array, places: Array, axes: int, *, unique: bool) -> Array:
    """The elements of `x` at places that are counted over its last axes together."""
    shape = shape_of(x)
    kept = shape[: len(shape) - axes]
    plane = prod(shape[len(shape) - axes :])
    start = np.arange(prod(kept)).reshape(kept + (1,) * axes) * plane
    index = p.Index((p.ARRAY,), unique)
    return p.index_(p.reshape(x, shape=(prod(shape),)), p.add(places, start), index=index)


def _avg_pool(
    name: str,
    axes: int,
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    *,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    x, size = _pooled(x, axes, name)
    params, given = _windows(name, size, kernel_size, stride, padding, 1, ceil_mode)
    total = p.window_sum(x, **params)
    if divisor_override is not None:
        if divisor_override == 0:
            raise ValueError(f"{name}: divisor_override must not be 0")
        return p.divide(total, divisor_override)
    out = shape_of(total)[len(shape_of(total)) - axes :]
    counts = np.ones(())
    for n, count, k, s, (before, after) in zip(
        size, out, params["window"], params["stride"], given, strict=True
    ):
        low = np.arange(count) * s - before
        high = np.minimum(low + k, n + after)
        if not count_include_pad:
            low, high = np.maximum(low, 0), np.minimum(high, n)
        counts = counts[..., None] * (high - low)
    if counts.size and (counts == counts.flat[0]).all():
        return p.divide(total, counts.flat[0].item())
    return p.divide(total, counts.astype(dtype_of(total)))


avg_pool1d = of_rank(
    _avg_pool,
    "avg_pool1d",
    1,
    """The mean of every window along the last axis.

Parameters
----------
x : array_like
    Shape (..., length).
kernel_size : int or tuple of int
stride : int or tuple of int, optional
    Default: `kernel_size`.
padding : int, tuple of int or tuple of pairs
    Zeros; at most half of `kernel_size`.
ceil_mode : bool
    A last window may reach beyond the end; what is there does not count.
count_include_pad : bool
    Whether the zeros of `padding` count as elements.
divisor_override : int, optional
    Divide by this instead of the number of elements.

Raises
------
ValueError
    The sizes do not fit.

Examples
--------
>>> avg_pool1d(np.array([1.0, 3.0, 2.0, 4.0]), 2)
array([2., 3.])
""",
)

avg_pool2d = of_rank(
    _avg_pool,
    "avg_pool2d",
    2,
    """The mean of every window over the last two axes; see `avg_pool1d`.

Examples
--------
>>> avg_pool2d(np.arange(4.0).reshape(1, 2, 2), 2)
array([[[1.5]]])
""",
)

avg_pool3d = of_rank(
    _avg_pool,
    "avg_pool3d",
    3,
    """The mean of every window over the last three axes; see `avg_pool1d`.

Examples
--------
>>> avg_pool3d(np.arange(8.0).reshape(1, 2, 2, 2), 2)
array([[[[3.5]]]])
""",
)


def _adaptive(x: Any, output_size: Any, axes: int, name: str) -> tuple[Array, Shape, Shape]:
    """The input, the size of its pooled axes, and that of the output."""
    x, size = _pooled(x, axes, name)
    wanted = output_size if isinstance(output_size, tuple | list) else (output_size,) * axes
    if len(wanted) != axes:
        raise ValueError(f"{name}: output_size must have {axes} entries, got {output_size!r}")
    filled = [n if w is None else w for n, w in zip(size, wanted, strict=True)]
    return x, size, whole_numbers(filled, axes, f"{name}: output_size", 1)


def _even(size: Shape, wanted: Shape) -> dict[str, Any] | None:
    """The parameters of windows of one length that do not overlap, if such windows do it."""
    if any(n % w or n == 0 for n, w in zip(size, wanted, strict=True)):
        return None
    window = tuple(n // w for n, w in zip(size, wanted, strict=True))
    axes = len(size)
    return {
        "window": window,
        "stride": window,
        "padding": ((0, 0),) * axes,
        "dilation": (1,) * axes,
    }


def _bounds(size: int, wanted: int) -> tuple[Any, Any]:
    """Where the windows of adaptive pooling begin and end along an axis."""
    steps = np.arange(wanted)
    return steps * size // wanted, -(-(steps + 1) * size // wanted)


def _adaptive_avg(name: str, axes: int, x: Any, output_size: Any) -> Array:
    x, size, wanted = _adaptive(x, output_size, axes, name)
    ndim = len(shape_of(x))
    count = prod(size)
    if wanted == (1,) * axes and count:
        return p.divide(p.sum(x, axes=tuple(range(ndim - axes, ndim)), keepdims=True), count)
    params = _even(size, wanted)
    if params is not None:
        return p.divide(p.window_sum(x, **params), prod(params["window"]))
    for i, (n, w) in enumerate(zip(size, wanted, strict=True)):
        low, high = _bounds(n, w)
        places = np.arange(n)[:, None]
        share = ((places >= low) & (places < high)) / (high - low)
        axis = ndim - axes + i
        x = p.tensordot(x, share.astype(dtype_of(x)), axes=((axis,), (0,)))
        x = p.transpose(x, axes=(*range(axis), ndim - 1, *range(axis, ndim - 1)))
    return x


adaptive_avg_pool1d = of_rank(
    _adaptive_avg,
    "adaptive_avg_pool1d",
    1,
    """Means of so many windows that the output has a given length; windows may overlap.

Parameters
----------
x : array_like
    Shape (..., length).
output_size : int, or tuple of int or None
    None keeps the size of an axis.

Examples
--------
>>> adaptive_avg_pool1d(np.array([1.0, 2.0, 3.0]), 2)
array([1.5, 2.5])
""",
)

adaptive_avg_pool2d = of_rank(
    _adaptive_avg,
    "adaptive_avg_pool2d",
    2,
    """Means of windows over the last two axes, for an output of given size; see
`adaptive_avg_pool1d`.

Examples
--------
>>> adaptive_avg_pool2d(np.arange(6.0).reshape(1, 2, 3), (1, None))
array([[[1.5, 2.5, 3.5]]])
""",
)

adaptive_avg_pool3d = of_rank(
    _adaptive_avg,
    "adaptive_avg_pool3d",
    3,
    """Means of windows over the last three axes; see `adaptive_avg_pool1d`.

Examples
--------
>>> adaptive_avg_pool3d(np.arange(8.0).reshape(1, 2, 2, 2), (1, 1, 2))
array([[[[3., 4.]]]])
""",
)


def _adaptive_max(
    name: str, axes: int, x: Any, output_size: Any, *, return_indices: bool = False
) -> Any:
    x, size, wanted = _adaptive(x, output_size, axes, name)
    if prod(size) == 0:
        raise ValueError(f"{name}: the pooled axes must not be empty, got shape {shape_of(x)}")
    params = _even(size, wanted)
    if params is not None:
        places = p.window_argmax(stop_gradient(x), **params)
    else:
        places = _uneven_argmax(stop_gradient(x), size, wanted)
    out = chosen(x, places, axes, unique=params is not None)
    return (out, places) if return_indices else out


adaptive_max_pool1d = of_rank(
    _adaptive_max,
    "adaptive_max_pool1d",
    1,
    """The greatest elements of so many windows that the output has a given length.

Parameters
----------
x : array_like
    Shape (..., length).
output_size : int, or tuple of int or None
    None keeps the size of an axis.
return_indices : bool
    Return also where they lie, counted over the pooled axes together.

Examples
--------
>>> adaptive_max_pool1d(np.array([1.0, 2.0, 3.0]), 2)
array([2., 3.])
""",
)

adaptive_max_pool2d = of_rank(
    _adaptive_max,
    "adaptive_max_pool2d",
    2,
    """The greatest elements of windows over the last two axes; see `adaptive_max_pool1d`.

Examples
--------
>>> adaptive_max_pool2d(np.arange(6.0).reshape(1, 2, 3), 1)
array([[[5.]]])
""",
)

adaptive_max_pool3d = of_rank(
    _adaptive_max,
    "adaptive_max_pool3d",
    3,
    """The greatest elements of windows over the last three axes; see `adaptive_max_pool1d`.

Examples
--------
>>> adaptive_max_pool3d(np.arange(8.0).reshape(1, 2, 2, 2), (1, 1, 2))
array([[[[6., 7.]]]])
""",
)


def _uneven_argmax(x: Array, size: Shape, wanted: Shape) -> Array:
    """Where the greatest elements of adaptive windows lie.

    Shorter windows repeat their last element, which as the later one is never chosen.
    """
    axes = len(size)
    table = np.zeros((1,) * (2 * axes), int)
    for i, (n, w) in enumerate(zip(size, wanted, strict=True)):
        low, high = _bounds(n, w)
        lengths = np.arange((high - low).max())
        own = np.minimum(low[:, None] + lengths, high[:, None] - 1)
        shape = [1] * (2 * axes)
        shape[i], shape[axes + i] = own.shape
        table = table * n + own.reshape(shape)
    flat = table.reshape(*wanted, -1)
    kept = shape_of(x)[: len(shape_of(x)) - axes]
    x = p.reshape(x, shape=(*kept, prod(size)))
    which = p.argmax(x[(..., flat)], axis=len(kept) + axes, keepdims=True)
    numbers = p.add(which, np.arange(prod(wanted)).reshape(*wanted, 1) * flat.shape[-1])
    places = p.index_(flat.reshape(-1), numbers, index=p.Index((p.ARRAY,)))
    return p.reshape(places, shape=(*kept, *wanted))
