"""Dropout as modules."""

from __future__ import annotations

from typing import Any

from functrans.torch.nn import functional as F
from functrans.torch.nn.functional.regularization import check_probability
from functrans.torch.nn.module import Module
from functrans.torch.tensor import Tensor


class _DropoutNd(Module):
    function: Any

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        check_probability(p)
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return input
        return type(self).function(input, self.p, True, self.inplace)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """In training, each element set to 0 with probability `p`, the others divided by ``1 - p``.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.nn.Dropout(0.5).eval()(torch.ones(2))
    tensor([1., 1.])
    """

    function = staticmethod(F.dropout)


class Dropout1d(_DropoutNd):
    """In training, whole channels of sequences set to 0."""

    function = staticmethod(F.dropout1d)


class Dropout2d(_DropoutNd):
    """In training, whole channels of images set to 0."""

    function = staticmethod(F.dropout2d)


class Dropout3d(_DropoutNd):
    """In training, whole channels of volumes set to 0."""

    function = staticmethod(F.dropout3d)


class AlphaDropout(_DropoutNd):
    """In training, elements set to the limit of `SELU` far below, keeping mean and variance."""

    function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(_DropoutNd):
    """As `AlphaDropout`, whole channels."""

    function = staticmethod(F.feature_alpha_dropout)
