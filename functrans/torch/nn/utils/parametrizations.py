"""Ready-made parametrizations: ``torch.nn.utils.parametrizations``."""

from __future__ import annotations

from typing import Any

from functrans import nn as pure
from functrans.torch.nn.module import Module
from functrans.torch.nn.utils.parametrize import register_parametrization
from functrans.torch.tensor import Tensor, wrap


class _WeightNorm(Module):
    """Weights from their length and their direction."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return wrap(pure.weight_norm(weight_v.array, weight_g.array, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The length and the direction of weights."""
        return lengths(weight, self.dim), weight


def lengths(weight: Tensor, dim: int | None) -> Tensor:
    """The norms of weights over all dimensions but one."""
    if dim is None:
        whole: Tensor = weight.norm()
        return whole
    others = tuple(i for i in range(weight.ndim) if i != dim % weight.ndim)
    found: Tensor = weight.norm(dim=others, keepdim=True) if others else weight.abs()
    return found


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Parametrize weights by their length (``original0``) and their direction (``original1``).

    Examples
    --------
    >>> import functrans.torch as torch
    >>> m = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 3))
    >>> [tuple(w.shape) for w in m.parametrizations.weight.parameters()]
    [(3, 1), (3, 2)]
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


def __getattr__(name: str) -> Any:
    from functrans.torch.tensor import UnsupportedError

    if name.startswith("_"):
        raise AttributeError(
            f"module 'functrans.torch.nn.utils.parametrizations' has no attribute {name!r}"
        )
    raise UnsupportedError(
        f"torch.nn.utils.parametrizations.{name} is not supported by functrans.torch"
    )
