"""Contestants that differentiate one function, written once for every library.

The function is ``function(xp, variables, *data)``, where ``xp`` is the library's array module
(``numpy`` for functrans, ``torch``, ``jax.numpy`` or ``autograd.numpy``) and ``variables``, an
array or a tuple of arrays, is what to differentiate. Every builder here takes the function and
NumPy arrays; converting those and making the gradient function are not timed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.workload import Builder, Call

Function = Callable[..., Any]


def with_module(function: Function, xp: Any) -> Function:
    """Return ``function`` of the remaining arguments, bound to the array module ``xp``."""

    def bound(*arguments: Any) -> Any:
        return function(xp, *arguments)

    return bound


def torch_tensors(tree: Any) -> Any:
    """Return ``tree``, an array or a tuple, with every array copied to a tensor."""
    import torch

    if isinstance(tree, tuple):
        return tuple(torch_tensors(item) for item in tree)
    return torch.tensor(tree)


def jax_arrays(tree: Any) -> Any:
    """Return ``tree`` with every array moved to JAX."""
    import jax

    return jax.tree.map(jax.numpy.asarray, tree)


def waiting(function: Function) -> Function:
    """Return ``function``, not returning before JAX has computed its result."""
    import jax

    return lambda *arguments: jax.block_until_ready(function(*arguments))


def functrans_gradient(function: Function, variables: Any, *data: Any) -> Call:
    """Return the gradient by functrans of a function in plain NumPy."""
    import functrans as ft

    return ft.grad(with_module(function, np)), (variables, *data)


def functrans_jit_gradient(function: Function, variables: Any, *data: Any) -> Call:
    """Return the same gradient as a program; staging is not timed."""
    import functrans as ft

    return ft.jit(ft.grad(with_module(function, np))), (variables, *data)


def torch_gradient(function: Function, variables: Any, *data: Any) -> Call:
    """Return the gradient by PyTorch: the tape is built and walked in every call."""
    import torch

    variables, data = torch_tensors(variables), torch_tensors(data)
    leaves = variables if isinstance(variables, tuple) else (variables,)
    for leaf in leaves:
        leaf.requires_grad_()

    def gradient(variables: Any, *data: Any) -> Any:
        return torch.autograd.grad(function(torch, variables, *data), leaves)

    return gradient, (variables, *data)


def jax_jit_gradient(function: Function, variables: Any, *data: Any) -> Call:
    """Return the gradient compiled by JAX; compilation is not timed."""
    import jax

    gradient = jax.jit(jax.grad(with_module(function, jax.numpy)))
    return waiting(gradient), jax_arrays((variables, *data))


def jax_eager_gradient(function: Function, variables: Any, *data: Any) -> Call:
    """Return the gradient by JAX, operation by operation."""
    import jax

    gradient = jax.grad(with_module(function, jax.numpy))
    return waiting(gradient), jax_arrays((variables, *data))


def autograd_gradient(function: Function, variables: Any, *data: Any) -> Call:
    """Return the gradient by HIPS autograd."""
    import autograd
    import autograd.numpy

    return autograd.grad(with_module(function, autograd.numpy)), (variables, *data)


GRADIENTS: Mapping[str, Builder] = {
    "functrans": functrans_gradient,
    "functrans_jit": functrans_jit_gradient,
    "torch": torch_gradient,
    "jax_jit": jax_jit_gradient,
    "jax_eager": jax_eager_gradient,
    "autograd": autograd_gradient,
}


def numpy_forward(function: Function, *arguments: Any) -> Call:
    """Return the evaluation of the function alone, in plain NumPy: a reference."""
    return with_module(function, np), arguments


def forward_difference(function: Function, x: np.ndarray[Any, Any]) -> Call:
    """Return two-point differences: one evaluation more than there are variables."""
    value = with_module(function, np)
    step = float(np.sqrt(np.finfo(x.dtype).eps))

    def gradient(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        start = value(x)
        result = np.empty_like(x)
        moved = x.copy()
        for i in range(x.size):
            moved[i] = x[i] + step
            result[i] = (value(moved) - start) / step
            moved[i] = x[i]
        return result

    return gradient, (x,)


def central_difference(function: Function, x: np.ndarray[Any, Any]) -> Call:
    """Return central differences: two evaluations for every variable."""
    value = with_module(function, np)
    step = float(np.cbrt(np.finfo(x.dtype).eps))

    def gradient(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        result = np.empty_like(x)
        moved = x.copy()
        for i in range(x.size):
            moved[i] = x[i] + step
            above = value(moved)
            moved[i] = x[i] - step
            result[i] = (above - value(moved)) / (2 * step)
            moved[i] = x[i]
        return result

    return gradient, (x,)
