"""Ready-made parametrizations: ``torch.nn.utils.parametrizations``."""

from __future__ import annotations

from typing import Any

from functrans import nn as pure
from functrans.torch.creation import randn
from functrans.torch.engine import grad_mode
from functrans.torch.inplace import written
from functrans.torch.nn.convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from functrans.torch.nn.functional.distances import normalize
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


class _SpectralNorm(Module):
    """Weights divided by their greatest singular value, which is estimated step by step."""

    _u: Any
    _v: Any

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(
                "Dimension out of range (expected to be in range of "
                f"[-{weight.ndim}, {weight.ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got n_power_iterations="
                f"{n_power_iterations}"
            )
        self.dim = dim if dim >= 0 else dim + weight.ndim
        self.eps = eps
        if weight.ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight, self.dim)
            for name, size in zip(("_u", "_v"), matrix.shape, strict=True):
                start = randn(size, dtype=weight.dtype)
                self.register_buffer(name, normalize(start, dim=0, eps=eps))
            self._turn(matrix, 15)

    def _turn(self, matrix: Tensor, iterations: int) -> None:
        """Take steps towards the vectors of the greatest singular value."""
        with grad_mode(False):
            arrays = (matrix.array, self._u.array, self._v.array)
            u, v = pure.power_iteration(*arrays, iterations=iterations, eps=self.eps)
            written(self._u, wrap(u))
            written(self._v, wrap(v))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._turn(matrix, self.n_power_iterations)
        return divided(weight, matrix, self._u.clone(), self._v.clone())

    def right_inverse(self, value: Tensor) -> Tensor:
        """The weights themselves: their scale cannot be known."""
        return value


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """Weights as a matrix whose rows run along one dimension."""
    turned = weight if dim == 0 else weight.movedim(dim, 0)
    found: Tensor = turned.flatten(1)
    return found


def divided(weight: Tensor, matrix: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Weights divided by ``u @ matrix @ v``."""
    return weight / (u @ (matrix @ v))


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Parametrize weights so that their greatest singular value is 1.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> _ = torch.manual_seed(0)
    >>> m = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(3, 4)).eval()
    >>> abs(torch.linalg.svdvals(m.weight)[0].item() - 1) < 0.1
    True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    dim = output_dim(module) if dim is None else dim
    function = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return register_parametrization(module, name, function)


def output_dim(module: Module) -> int:
    """The dimension of the outputs in the weight of a layer."""
    return 1 if isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d) else 0


def __getattr__(name: str) -> Any:
    from functrans.torch.tensor import UnsupportedError

    if name.startswith("_"):
        raise AttributeError(
            f"module 'functrans.torch.nn.utils.parametrizations' has no attribute {name!r}"
        )
    raise UnsupportedError(
        f"torch.nn.utils.parametrizations.{name} is not supported by functrans.torch"
    )
