"""The older ways to normalise weights, by hooks: ``weight_norm`` and ``spectral_norm``.

Before each call of the module a hook computes the weight from parameters with other names.
"""

from __future__ import annotations

import warnings
from typing import Any

from functrans import nn as pure
from functrans.torch.creation import randn
from functrans.torch.engine import grad_mode
from functrans.torch.inplace import written
from functrans.torch.nn.functional.distances import normalize
from functrans.torch.nn.module import Module
from functrans.torch.nn.parameter import Parameter
from functrans.torch.nn.utils.parametrizations import as_matrix, divided, lengths, output_dim
from functrans.torch.tensor import Tensor, wrap


class _Normed:
    """The hook of one parameter."""

    def __init__(self, name: str) -> None:
        self.name = name

    def value(self, module: Any) -> Tensor:
        """The weight as the module sees it."""
        raise NotImplementedError

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.value(module))


class WeightNorm(_Normed):
    """Weights from their length (``weight_g``) and their direction (``weight_v``)."""

    def __init__(self, name: str, dim: int | None) -> None:
        super().__init__(name)
        self.dim = dim

    def value(self, module: Any) -> Tensor:
        v, g = getattr(module, f"{self.name}_v"), getattr(module, f"{self.name}_g")
        return wrap(pure.weight_norm(v.array, g.array, self.dim))


class SpectralNorm(_Normed):
    """Weights (``weight_orig``) divided by their greatest singular value."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__(name)
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got n_power_iterations="
                f"{n_power_iterations}"
            )
        self.n_power_iterations = n_power_iterations
        self.dim = dim
        self.eps = eps

    def value(self, module: Any) -> Tensor:
        weight = getattr(module, f"{self.name}_orig")
        u, v = (getattr(module, f"{self.name}_{end}") for end in "uv")
        matrix = as_matrix(weight, self.dim)
        if module.training:
            with grad_mode(False):
                # Here v is turned first: it is the u of the transpose.
                new_v, new_u = pure.power_iteration(
                    *(matrix.T.array, v.array, u.array),
                    iterations=self.n_power_iterations,
                    eps=self.eps,
                )
                written(u, wrap(new_u))
                written(v, wrap(new_v))
        return divided(weight, matrix, u.clone(), v.clone())


def _hooked(module: Module, hook: _Normed) -> Module:
    with grad_mode(False):
        setattr(module, hook.name, hook.value(module))
    module.register_forward_pre_hook(hook)
    return module


def _removed(module: Module, name: str, kind: type[_Normed], what: str) -> Module:
    """Make the weight a plain parameter again, with the value that it has."""
    for number, hook in list(module._forward_pre_hooks.items()):
        if isinstance(hook, kind) and hook.name == name:
            with grad_mode(False):
                value = hook.value(module)
            for ending in ("_g", "_v", "_orig", "_u"):
                if hasattr(module, name + ending):
                    delattr(module, name + ending)
            delattr(module, name)
            module.register_parameter(name, Parameter(value.detach()))
            del module._forward_pre_hooks[number]
            return module
    raise ValueError(f"{what} of '{name}' not found in {module}")


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Compute weights from their length (``weight_g``) and their direction (``weight_v``).

    Examples
    --------
    >>> import functrans.torch as torch, warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     m = torch.nn.utils.weight_norm(torch.nn.Linear(2, 3))
    >>> list(m.state_dict())
    ['bias', 'weight_g', 'weight_v']
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of "
        "`torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    weight = getattr(module, name)
    with grad_mode(False):
        length = lengths(weight, dim)
    delattr(module, name)
    module.register_parameter(f"{name}_g", Parameter(length))
    module.register_parameter(f"{name}_v", Parameter(weight.data))
    return _hooked(module, WeightNorm(name, dim))


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight a plain parameter again."""
    return _removed(module, name, WeightNorm, "weight_norm")


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide weights (``weight_orig``) by their greatest singular value.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> list(torch.nn.utils.spectral_norm(torch.nn.Linear(2, 3)).state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    dim = output_dim(module) if dim is None else dim
    hook = SpectralNorm(name, n_power_iterations, dim, eps)
    weight = getattr(module, name)
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    with grad_mode(False):
        for ending, size in zip("uv", as_matrix(weight, dim).shape, strict=True):
            start = randn(size, dtype=weight.dtype)
            module.register_buffer(f"{name}_{ending}", normalize(start, dim=0, eps=eps))
    return _hooked(module, hook)


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight a plain parameter again."""
    return _removed(module, name, SpectralNorm, "spectral_norm")
