"""Pooling under PyTorch's signatures."""

from __future__ import annotations

from typing import Any

from functrans import nn as pure
from functrans.nn.spatial import of_rank
from functrans.torch.nn.functional.results import computed, named, own_copy
from functrans.torch.operands import tensor_array
from functrans.torch.tensor import Tensor, wrap


def _pooled(name: str, axes: int, input: Tensor, of: tuple[Any, ...] = ()) -> Any:
    """The array of an input that has the axes, and windows that PyTorch takes."""
    a = tensor_array(input, name)
    ranks = f"{axes + 1}D or {axes + 2}D"
    if len(a.shape) not in (axes + 1, axes + 2):
        if name.startswith("max_pool1d"):
            raise RuntimeError(
                f"{name}: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for "
                f"input, but got:{list(a.shape)}"
            )
        if name.startswith("adaptive"):
            raise RuntimeError(f"{name}(): Expected {ranks} tensor, but got {list(a.shape)}")
        raise RuntimeError(f"non-empty {ranks} (batch mode) tensor expected for input")
    if of:
        kernel, padding, dilation = (_each(x, axes) for x in of)
        for k, m, d in zip(kernel, padding, dilation, strict=True):
            if 2 * m > d * (k - 1) + 1:
                raise RuntimeError(
                    "pad should be at most half of effective kernel size, but got "
                    f"pad={m}, kernel_size={k} and dilation={d}"
                )
        reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        size = a.shape[-axes:]
        if any(n + 2 * m < r for n, m, r in zip(size, padding, reach, strict=True)):
            channels = a.shape[-axes - 1]
            given = "x".join(map(str, (channels, *size)))
            found = "x".join(
                str(max(0, n + 2 * m - r + 1)) for n, m, r in zip(size, padding, reach, strict=True)
            )
            raise RuntimeError(
                f"Given input size: ({given}). Calculated output size: ({channels}x{found}). "
                "Output size is too small"
            )
    return a


def _each(value: Any, axes: int) -> list[int]:
    given = list(value) if isinstance(value, tuple | list) else [value]
    return given * axes if len(given) == 1 else given


def _max_pool(
    name: str,
    axes: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    a = _pooled(name, axes, input, (kernel_size, padding, dilation))
    options = {"ceil_mode": ceil_mode, "return_indices": return_indices}
    stride = None if stride == () or stride == [] else stride
    found = computed(getattr(pure, name), a, kernel_size, stride, padding, dilation, **options)
    node = f"MaxPool{axes}DWithIndicesBackward0" if axes > 1 else "SqueezeBackward1"
    if not return_indices:
        return named(found, node)
    return named(found[0], node), wrap(found[1])


def _max_pool_with_indices(
    name: str,
    axes: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    name = name.removesuffix("_with_indices")
    return _max_pool(name, axes, input, kernel_size, stride, padding, dilation, ceil_mode, True)


_MAX = """The greatest element of every window over the last {axes}; the first of equal ones.

With `return_indices` also where they lie, counted over the pooled dimensions together.
"""
_COUNTS = ("dimension", "two dimensions", "three dimensions")
max_pool1d = of_rank(_max_pool, "max_pool1d", 1, _MAX.format(axes=_COUNTS[0]))
max_pool2d = of_rank(_max_pool, "max_pool2d", 2, _MAX.format(axes=_COUNTS[1]))
max_pool3d = of_rank(_max_pool, "max_pool3d", 3, _MAX.format(axes=_COUNTS[2]))
max_pool1d_with_indices, max_pool2d_with_indices, max_pool3d_with_indices = (
    of_rank(
        *(_max_pool_with_indices, f"max_pool{n}d_with_indices", n),
        f"As `max_pool{n}d`, with the places of the elements.",
    )
    for n in (1, 2, 3)
)


def _max_unpool(
    name: str,
    axes: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    a = _pooled(name, axes, input)
    if indices.shape != input.shape:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(a.shape)}) "
            f"but got indices tensor with shape: {list(indices.shape)}"
        )
    wanted = None if output_size is None else list(output_size)[-axes:]
    array = computed(
        *(getattr(pure, name), a, own_copy(indices), kernel_size, stride, padding),
        output_size=wanted,
    )
    return named(array, f"MaxUnpool{axes}DBackward0")


max_unpool1d, max_unpool2d, max_unpool3d = (
    of_rank(
        *(_max_unpool, f"max_unpool{n}d", n),
        f"The elements that `max_pool{n}d` chose put back where they were, zeros elsewhere.",
    )
    for n in (1, 2, 3)
)


def _avg_pool(
    name: str,
    axes: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    a = _pooled(name, axes, input, (kernel_size, padding, 1))
    stride = None if stride == () or stride == [] else stride
    array = computed(
        *(getattr(pure, name), a, kernel_size, stride, padding),
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        divisor_override=divisor_override,
    )
    return named(array, f"AvgPool{axes}DBackward0" if axes > 1 else "SqueezeBackward1")


def _avg_pool1d(
    name: str,
    axes: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    return _avg_pool(name, axes, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


_AVG = """The mean of every window over the last {axes}."""
avg_pool1d = of_rank(_avg_pool1d, "avg_pool1d", 1, _AVG.format(axes=_COUNTS[0]))
avg_pool2d = of_rank(_avg_pool, "avg_pool2d", 2, _AVG.format(axes=_COUNTS[1]))
avg_pool3d = of_rank(_avg_pool, "avg_pool3d", 3, _AVG.format(axes=_COUNTS[2]))


def _lp_pool(
    name: str,
    axes: int,
    input: Tensor,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:
    a = _pooled(name, axes, input, (kernel_size, 0, 1))
    array = computed(getattr(pure, name), a, norm_type, kernel_size, stride, ceil_mode=ceil_mode)
    return named(array, "PowBackward0")


_LP = """The root of the sum of powers of every window over the last {axes}."""
lp_pool1d, lp_pool2d, lp_pool3d = (
    of_rank(_lp_pool, f"lp_pool{n}d", n, _LP.format(axes=_COUNTS[n - 1])) for n in (1, 2, 3)
)


def _adaptive_avg(name: str, axes: int, input: Tensor, output_size: Any) -> Tensor:
    a = _pooled(name, axes, input)
    whole = output_size == 1 or tuple(_each(output_size, axes)) == (1,) * axes
    node = "MeanBackward1" if whole else f"AdaptiveAvgPool{axes}DBackward0"
    return named(computed(getattr(pure, name), a, output_size), node)


def _adaptive_max(
    name: str, axes: int, input: Tensor, output_size: Any, return_indices: bool = False
) -> Any:
    a = _pooled(name, axes, input)
    found = computed(getattr(pure, name), a, output_size, return_indices=return_indices)
    node = f"AdaptiveMaxPool{axes}DBackward0"
    if not return_indices:
        return named(found, node)
    return named(found[0], node), wrap(found[1])


_ADAPTIVE = """{what} of so many windows over the last {axes} that the output has a given size."""
adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = (
    of_rank(
        *(_adaptive_avg, f"adaptive_avg_pool{n}d", n),
        _ADAPTIVE.format(what="The means", axes=_COUNTS[n - 1]),
    )
    for n in (1, 2, 3)
)
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = (
    of_rank(
        *(_adaptive_max, f"adaptive_max_pool{n}d", n),
        _ADAPTIVE.format(what="The greatest elements", axes=_COUNTS[n - 1]),
    )
    for n in (1, 2, 3)
)
