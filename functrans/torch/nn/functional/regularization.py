"""Dropout under PyTorch's signatures."""

from __future__ import annotations

import warnings
from typing import Any

from functrans import nn as pure
from functrans.torch.nn.functional.results import finished
from functrans.torch.operands import tensor_array
from functrans.torch.random import source
from functrans.torch.tensor import Tensor


def check_probability(p: float) -> None:
    """Raise PyTorch's error for what is no probability."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _dropped(
    draw: Any, name: str, input: Tensor, p: float, training: bool, inplace: bool
) -> Tensor:
    check_probability(p)
    a = tensor_array(input, name)
    if not training or p == 0:
        return input
    return finished(input, draw(a, p, source(None)), inplace, "MulBackward0")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element set to 0 with probability `p`, the others divided by ``1 - p``."""
    return _dropped(pure.dropout, "dropout", input, p, training, inplace)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels of sequences set to 0 with probability `p`."""
    return _of_channels("dropout1d", 1, input, p, training, inplace)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels of images set to 0 with probability `p`."""
    check_probability(p)
    if input.ndim not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {input.ndim}-D input to dropout2d, which is deprecated and "
            "will result in an error in a future release. To retain the behavior and silence this "
            "warning, please use dropout instead. Note that dropout2d exists to provide "
            "channel-wise dropout on inputs with 2 spatial dimensions, a channel dimension, and an "
            "optional batch dimension (i.e. 3D or 4D inputs).",
            stacklevel=2,
        )
    # Three dimensions are a batch of sequences, as they have always been.
    return _dropped(pure.feature_dropout, "dropout2d", input, p, training, inplace)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels of volumes set to 0 with probability `p`."""
    return _of_channels("dropout3d", 3, input, p, training, inplace)


def _of_channels(
    name: str, axes: int, input: Tensor, p: float, training: bool, inplace: bool
) -> Tensor:
    check_probability(p)
    if input.ndim not in (axes + 1, axes + 2):
        raise RuntimeError(
            f"{name}: Expected {axes + 1}D or {axes + 2}D input, but received a {input.ndim}D "
            "input."
        )
    if input.ndim == axes + 2:
        return _dropped(pure.feature_dropout, name, input, p, training, inplace)

    def single(a: Any, p: float, rng: Any) -> Any:
        return pure.feature_dropout(a[None], p, rng)[0]

    return _dropped(single, name, input, p, training, inplace)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Elements set to the limit of `selu` far below with probability `p`, keeping mean 0 and
    variance 1."""
    return _dropped(pure.alpha_dropout, "alpha_dropout", input, p, training, inplace)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """As `alpha_dropout`, whole channels."""

    def draw(a: Any, p: float, rng: Any) -> Any:
        return pure.alpha_dropout(a, p, rng, channels=True)

    return _dropped(draw, "feature_alpha_dropout", input, p, training, inplace)
