"""Contestants that compile a value with its gradient, of a function that is written once.

The function is ``function(xp, scan, variables, *data)`` as in :mod:`benchmarks.loops`. Compilation
is not timed here; the report says what each first call took.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from benchmarks.gradients import Function, jax_arrays, torch_tensors, waiting
from benchmarks.loops import python_scan
from benchmarks.workload import Builder, Call, Target


def functrans(function: Function, *arguments: Any) -> Call:
    """Return value and gradient as native code where llvmlite is installed."""
    import functrans as ft

    return ft.jit(ft.value_and_grad(partial(function, np, ft.scan))), arguments


def functrans_numpy(function: Function, *arguments: Any) -> Call:
    """Return the same as a program of NumPy's operations."""
    import functrans as ft

    staged = ft.value_and_grad(partial(function, np, ft.scan))
    return ft.jit(staged, backend="numpy"), arguments


def jax_jit(function: Function, *arguments: Any) -> Call:
    """Return the same compiled by JAX."""
    import jax

    compiled = jax.jit(jax.value_and_grad(partial(function, jax.numpy, jax.lax.scan)))
    return waiting(compiled), jax_arrays(arguments)


def _torch(function: Function, variables: Any, *data: Any) -> tuple[Callable[..., Any], Any]:
    import torch

    variables, data = torch_tensors(variables), torch_tensors(data)
    leaves = variables if isinstance(variables, tuple) else (variables,)
    for leaf in leaves:
        leaf.requires_grad_()

    def value_and_gradient(variables: Any, *data: Any) -> Any:
        value = function(torch, python_scan, variables, *data)
        gradients = torch.autograd.grad(value, leaves)
        return value, gradients

    return value_and_gradient, (variables, *data)


def torch(function: Function, *arguments: Any) -> Call:
    """Return the same by PyTorch, operation by operation."""
    return _torch(function, *arguments)


def torch_compile(function: Function, variables: Any, *data: Any) -> Call:
    """Return the same with the value compiled by ``torch.compile``, which compiles its backward
    pass too."""
    import torch

    variables, data = torch_tensors(variables), torch_tensors(data)
    leaves = variables if isinstance(variables, tuple) else (variables,)
    for leaf in leaves:
        leaf.requires_grad_()
    compiled = torch.compile(partial(function, torch, python_scan))

    def value_and_gradient(variables: Any, *data: Any) -> Any:
        value = compiled(variables, *data)
        return value, torch.autograd.grad(value, leaves)

    return value_and_gradient, (variables, *data)


COMPILED: Mapping[str, Builder] = {
    "functrans": functrans,
    "functrans_numpy": functrans_numpy,
    "torch": torch,
    "torch_compile": torch_compile,
    "jax_jit": jax_jit,
}

WITHOUT_TORCH_COMPILE = {k: v for k, v in COMPILED.items() if k != "torch_compile"}
"""For loops that PyTorch would unroll, which takes it minutes to compile."""

AHEAD = (Target(at_most=1.0, peer="jax_jit"), Target(at_most=1.0, peer="torch"))
"""Ahead of both at all sizes."""
