"""Normalisation under PyTorch's signatures."""

from __future__ import annotations

from math import prod
from typing import Any

from functrans import nn as pure
from functrans.torch.engine import grad_mode
from functrans.torch.inplace import written
from functrans.torch.nn.functional.results import array_or_none, computed, named
from functrans.torch.operands import tensor_array
from functrans.torch.tensor import Size, Tensor


def _check_channels(a: Any, **given: Tensor | None) -> None:
    for name, values in given.items():
        if values is not None and values.numel() != a.shape[1]:
            raise RuntimeError(f"{name} should contain {a.shape[1]} elements not {values.numel()}")


def _update(tensors: tuple[Tensor | None, ...], statistics: tuple[Any, ...]) -> None:
    """Write new running statistics into their tensors."""
    with grad_mode(False):
        for tensor, new in zip(tensors, statistics, strict=True):
            if tensor is not None:
                written(tensor, new)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel brought to mean 0 and variance 1; in training the running statistics, if there
    are any, are updated in place.

    Raises
    ------
    ValueError
        A training batch has one value a channel.
    RuntimeError
        There are no statistics outside of training, or shapes do not fit.
    """
    a = tensor_array(input, "batch_norm")
    if training and prod(a.shape) // max(a.shape[1], 1) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {Size(a.shape)}"
        )
    if not training and running_mean is None:
        raise RuntimeError("running_mean must be defined in evaluation mode")
    _check_channels(a, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    arrays = map(array_or_none, (running_mean, running_var, weight, bias))
    options = {"training": training, "momentum": momentum, "eps": eps}
    out, statistics = computed(pure.batch_norm, a, *arrays, **options)
    if training:
        _update((running_mean, running_var), statistics)
    return named(out, "NativeBatchNormBackward0")


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of each example brought to mean 0 and variance 1."""
    a = tensor_array(input, "instance_norm")
    if use_input_stats and prod(a.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {Size(a.shape)}"
        )
    arrays = map(array_or_none, (running_mean, running_var, weight, bias))
    options = {"use_input_stats": use_input_stats, "momentum": momentum, "eps": eps}
    out, statistics = computed(pure.instance_norm, a, *arrays, **options)
    if use_input_stats:
        _update((running_mean, running_var), statistics)
    return named(out, "ViewBackward0")


def _last(a: Any, normalized_shape: Any, star: str) -> tuple[int, ...]:
    own = tuple(normalized_shape)
    if a.shape[len(a.shape) - len(own) :] != own:
        listed = ", ".join(map(str, own))
        raise RuntimeError(
            f"Given normalized_shape={list(own)}, expected input with shape [*{star}{listed}], but "
            f"got input of size{list(a.shape)}"
        )
    return own


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Each example brought to mean 0 and variance 1 over its last dimensions."""
    a = tensor_array(input, "layer_norm")
    own = _last(a, normalized_shape, ", ")
    w, b = array_or_none(weight), array_or_none(bias)
    return named(computed(pure.layer_norm, a, own, w, b, eps=eps), "NativeLayerNormBackward0")


def rms_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Each example divided by the root of its mean square over its last dimensions."""
    a = tensor_array(input, "rms_norm")
    own = _last(a, normalized_shape, "")
    return named(computed(pure.rms_norm, a, own, array_or_none(weight), eps=eps), "MulBackward0")


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Groups of channels of each example brought to mean 0 and variance 1."""
    a = tensor_array(input, "group_norm")
    if len(a.shape) < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {len(a.shape)}"
        )
    if a.shape[1] % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(a.shape)} and num_groups={num_groups}"
        )
    for name, values in (("weight", weight), ("bias", bias)):
        if values is not None and values.shape != a.shape[1:2]:
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, "
                f"but got {name} of shape {list(values.shape)} and input of shape {list(a.shape)}"
            )
    w, b = array_or_none(weight), array_or_none(bias)
    out = computed(pure.group_norm, a, num_groups, w, b, eps=eps)
    return named(out, "NativeGroupNormBackward0")


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Each element divided by a power of the squares of its neighbours among the channels."""
    if input.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)"
        )
    a = tensor_array(input, "local_response_norm")
    return named(pure.local_response_norm(a, size, alpha=alpha, beta=beta, k=k), "DivBackward0")
