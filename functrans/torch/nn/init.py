"""``torch.nn.init``: first values, written into parameters without being recorded.

The distributions are those of :mod:`functrans.nn.init`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from functrans import nn as pure
from functrans.torch.engine import grad_mode
from functrans.torch.inplace import written
from functrans.torch.random import Generator, source
from functrans.torch.tensor import Tensor


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much weights are scaled before a nonlinearity.

    Raises
    ------
    ValueError
        The nonlinearity is not known.
    """
    if nonlinearity == "leaky_relu" and param is not None and isinstance(param, bool | str):
        raise ValueError(f"negative_slope {param} not a valid number")
    try:
        return pure.init.calculate_gain(nonlinearity, param)
    except ValueError:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}") from None


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """The number of inputs and of outputs of a unit with these weights."""
    if tensor.ndim < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    return pure.init.fans(tuple(tensor.shape))


def _filled(tensor: Tensor, draw: Callable[..., Any], *args: Any, **options: Any) -> Tensor:
    """Write what an initialiser of functrans.nn makes in the shape and dtype of a tensor."""
    with grad_mode(False):
        values = draw(tuple(tensor.shape), *args, dtype=tensor.array.dtype, **options)
        return written(tensor, values)


def _empty(tensor: Tensor) -> bool:
    """Whether there is nothing to fill, which is worth a warning."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=4)
        return True
    return False


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Evenly distributed numbers between two bounds.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> bool((torch.nn.init.uniform_(torch.empty(3, 5), 1.0, 2.0) >= 1).all())
    True
    """
    return _filled(tensor, pure.init.uniform, source(generator), a, b)


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Normally distributed numbers."""
    return _filled(tensor, pure.init.normal, source(generator), mean, std)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normally distributed numbers of which those outside of two bounds are drawn again."""
    return _filled(tensor, pure.init.truncated_normal, source(generator), mean, std, a, b)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """The same number everywhere."""
    return _filled(tensor, pure.init.constant, val)


def ones_(tensor: Tensor) -> Tensor:
    """Ones everywhere."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros everywhere."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """A matrix that passes on as many inputs as possible."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _filled(tensor, pure.init.eye)


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The kernel of a convolution that passes on as many channels as possible."""
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    return _filled(tensor, pure.init.dirac, groups)


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Even numbers of variance ``2 * gain**2 / (fan_in + fan_out)``."""
    _calculate_fan_in_and_fan_out(tensor)
    return _filled(tensor, pure.init.xavier_uniform, source(generator), gain)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers of variance ``2 * gain**2 / (fan_in + fan_out)``."""
    _calculate_fan_in_and_fan_out(tensor)
    return _filled(tensor, pure.init.xavier_normal, source(generator), gain)


def _kaiming(
    tensor: Tensor,
    draw: Callable[..., Any],
    a: float,
    mode: str,
    nonlinearity: str,
    generator: Generator | None,
) -> Tensor:
    if _empty(tensor):
        return tensor
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    calculate_gain(nonlinearity, a)
    _calculate_fan_in_and_fan_out(tensor)
    return _filled(tensor, draw, source(generator), a, mode, nonlinearity)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Even numbers of variance ``gain**2 / fan``."""
    return _kaiming(tensor, pure.init.kaiming_uniform, a, mode, nonlinearity, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal numbers of variance ``gain**2 / fan``."""
    return _kaiming(tensor, pure.init.kaiming_normal, a, mode, nonlinearity, generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """A random matrix with orthonormal rows or columns, times `gain`."""
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if not tensor.numel():
        return tensor
    return _filled(tensor, pure.init.orthogonal, source(generator), gain)


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Normal numbers, of which a share in each column is 0."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    numbers = source(generator)
    none = -int(-sparsity * rows // 1)

    def draw(shape: tuple[int, ...], dtype: Any) -> Any:
        values = pure.init.normal(shape, numbers, 0.0, std, dtype)
        for column in range(columns):
            values[numbers.permutation(rows)[:none], column] = 0
        return values

    return _filled(tensor, draw)


def __getattr__(name: str) -> Any:
    from functrans.torch.tensor import UnsupportedError

    if name.startswith("_"):
        raise AttributeError(f"module 'functrans.torch.nn.init' has no attribute {name!r}")
    raise UnsupportedError(f"torch.nn.init.{name} is not supported by functrans.torch")
