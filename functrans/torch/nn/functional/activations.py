"""Activation functions under PyTorch's signatures."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from functrans import nn as pure, primitives as p
from functrans.torch import pointwise, random, reductions
from functrans.torch.inplace import written
from functrans.torch.nn.functional.affine import short_name
from functrans.torch.nn.functional.results import finished, named
from functrans.torch.operands import dim_index, tensor_array
from functrans.torch.tensor import Tensor, wrap


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """``max(input, 0)``; the derivative at 0 is 0."""
    result = pointwise.relu(input)
    return written(input, result) if inplace else result


def relu_(input: Tensor) -> Tensor:
    """As `relu`, in place."""
    return relu(input, True)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """``min(max(input, 0), 6)``; the derivative at both bounds is 0."""
    return hardtanh(input, 0.0, 6.0, inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """The input where it is positive, elsewhere ``alpha * (exp(input) - 1)``."""
    a = tensor_array(input, "elu")
    return finished(input, pure.elu(a, alpha), inplace, "EluBackward0")


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """As `elu`, in place."""
    return elu(input, alpha, True)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """`elu` scaled so that activations keep mean 0 and variance 1."""
    return finished(input, pure.selu(tensor_array(input, "selu")), inplace, "EluBackward0")


def selu_(input: Tensor) -> Tensor:
    """As `selu`, in place."""
    return selu(input, True)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """The input where it is positive, elsewhere ``alpha * (exp(input / alpha) - 1)``."""
    a = tensor_array(input, "celu")
    return finished(input, pure.celu(a, alpha), inplace, "CeluBackward0")


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """As `celu`, in place."""
    return celu(input, alpha, True)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """The input where it is positive, elsewhere ``negative_slope * input``."""
    a = tensor_array(input, "leaky_relu")
    return finished(input, pure.leaky_relu(a, negative_slope), inplace, "LeakyReluBackward0")


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """As `leaky_relu`, in place."""
    return leaky_relu(input, negative_slope, True)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """The input where it is positive, elsewhere ``weight * input``.

    Raises
    ------
    RuntimeError
        The number of weights is neither 1 nor that of the channels.
    """
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.numel() not in (1, channels):
        raise RuntimeError(
            "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
            f"{weight.numel()} and channel size = {channels}."
        )
    array = pure.prelu(tensor_array(input, "prelu"), tensor_array(weight, "prelu"))
    return named(array, "PreluKernelBackward0")


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """The input where it is positive, elsewhere times a slope: in training a random one."""
    a = tensor_array(input, "rrelu")
    slope: Any = (lower + upper) / 2
    if training:
        slope = random.source(None).uniform(lower, upper, a.shape).astype(a.dtype)
    return finished(input, pure.leaky_relu(a, slope), inplace, "RreluWithNoiseBackward0")


def rrelu_(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False
) -> Tensor:
    """As `rrelu`, in place."""
    return rrelu(input, lower, upper, training, True)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """The input where it is above the threshold, elsewhere `value`."""
    array = pure.threshold(tensor_array(input, "threshold"), threshold, value)
    return finished(input, array, inplace, "ThresholdBackward0")


def threshold_(input: Tensor, threshold_: float, value: float) -> Tensor:
    """As `threshold`, in place."""
    return threshold(input, threshold_, value, True)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """The input between two bounds; the derivative at both is 0."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    array = pure.hardtanh(tensor_array(input, "hardtanh"), min_val, max_val)
    return finished(input, array, inplace, "HardtanhBackward0")


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """As `hardtanh`, in place."""
    return hardtanh(input, min_val, max_val, True)


def gelu(input: Tensor, *, approximate: Any = "none") -> Tensor:
    """The input times the probability that a standard normal variable is below it."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return named(pure.gelu(tensor_array(input, "gelu"), approximate), "GeluBackward0")


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * sigmoid(input)``."""
    return finished(input, pure.silu(tensor_array(input, "silu")), inplace, "SiluBackward0")


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * tanh(softplus(input))``."""
    return finished(input, pure.mish(tensor_array(input, "mish")), inplace, "MishBackward0")


def logsigmoid(input: Tensor) -> Tensor:
    """The logarithm of the sigmoid, exact far out."""
    return named(pure.log_sigmoid(tensor_array(input, "logsigmoid")), "LogSigmoidBackward0")


def sigmoid(input: Tensor) -> Tensor:
    """``1 / (1 + exp(-input))``."""
    return pointwise.sigmoid(input)  # type: ignore[no-any-return]


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return pointwise.tanh(input)  # type: ignore[no-any-return]


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """``input / 6 + 1/2`` between 0 and 1."""
    array = pure.hardsigmoid(tensor_array(input, "hardsigmoid"))
    return finished(input, array, inplace, "HardsigmoidBackward0")


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * hardsigmoid(input)``."""
    array = pure.hardswish(tensor_array(input, "hardswish"))
    return finished(input, array, inplace, "HardswishBackward0")


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """``log(1 + exp(beta * input)) / beta``; the input where ``beta * input > threshold``."""
    array = pure.softplus(tensor_array(input, "softplus"), beta, threshold)
    return named(array, "SoftplusBackward0")


def softsign(input: Tensor) -> Tensor:
    """``input / (1 + |input|)``."""
    return wrap(pure.softsign(tensor_array(input, "softsign")))


def tanhshrink(input: Tensor) -> Tensor:
    """``input - tanh(input)``."""
    return wrap(pure.tanhshrink(tensor_array(input, "tanhshrink")))


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """The input moved towards 0 by `lambd`, and 0 within `lambd` of it."""
    a = tensor_array(input, "softshrink")
    if lambd < 0:
        raise RuntimeError(
            f"lambda must be in range [0, {np.finfo(a.dtype).max:.6g}] for input dtype "
            f"{short_name(a)}, but found {lambd:g}"
        )
    return named(pure.softshrink(a, lambd), "SoftshrinkBackward0")


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """The input, and 0 within `lambd` of 0."""
    return named(pure.hardshrink(tensor_array(input, "hardshrink"), lambd), "HardshrinkBackward0")


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along a dimension, times the sigmoid of the second."""
    if not input.ndim:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    dim = dim_index(dim, input.ndim)
    if input.shape[dim] % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {dim} is size {input.shape[dim]}"
        )
    return named(pure.glu(tensor_array(input, "glu"), dim), "GluBackward0")


def _given_dim(name: str, input: Tensor, dim: int | None) -> int:
    """The dimension, or the one that PyTorch has always taken where none was given."""
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
        "dim=X as an argument.",
        stacklevel=4,
    )
    return 0 if input.ndim in (0, 1, 3) else 1


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """Exponentials, divided by their sum along a dimension."""
    return reductions.softmax(input, _given_dim("softmax", input, dim), dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """The logarithm of `softmax`."""
    return reductions.log_softmax(input, _given_dim("log_softmax", input, dim), dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """The `softmax` of ``-input``."""
    negative = wrap(p.negative(tensor_array(input, "softmin")))
    return reductions.softmax(negative, _given_dim("softmin", input, dim), dtype)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A random choice among classes, relaxed so that it has a derivative by the logits."""
    a = tensor_array(logits, "gumbel_softmax")
    return wrap(pure.gumbel_softmax(a, random.source(None), tau=tau, hard=hard, axis=dim))
