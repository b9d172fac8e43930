"""Contestants that differentiate a function with a loop, which each library writes in its own way.

The function is ``function(xp, scan, variables, *data)``; ``scan(f, start, elements)`` is that of
functrans or JAX, or a loop in Python for libraries that have none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from benchmarks.gradients import Function, jax_arrays, torch_tensors, waiting
from benchmarks.workload import Builder, Call


def python_scan(f: Callable[[Any, Any], Any], start: Any, elements: Any) -> Any:
    """Return the last carry, and no outputs."""
    carry = start
    for element in elements:
        carry, _ = f(carry, element)
    return carry, None


def functrans(function: Function, *arguments: Any) -> Call:
    """Return the gradient through `functrans.scan`."""
    import functrans as ft

    return ft.grad(partial(function, np, ft.scan)), arguments


def functrans_jit(function: Function, *arguments: Any) -> Call:
    """Return the same as a program."""
    import functrans as ft

    return ft.jit(ft.grad(partial(function, np, ft.scan))), arguments


def functrans_eager(function: Function, *arguments: Any) -> Call:
    """Return the gradient of the loop in Python."""
    import functrans as ft

    return ft.grad(partial(function, np, python_scan)), arguments


def torch(function: Function, variables: Any, *data: Any) -> Call:
    """Return the gradient by PyTorch of the loop in Python."""
    import torch

    variables, data = torch_tensors(variables), torch_tensors(data)
    leaves = variables if isinstance(variables, tuple) else (variables,)
    for leaf in leaves:
        leaf.requires_grad_()

    def gradient(variables: Any, *data: Any) -> Any:
        return torch.autograd.grad(function(torch, python_scan, variables, *data), leaves)

    return gradient, (variables, *data)


def jax_jit(function: Function, *arguments: Any) -> Call:
    """Return the gradient through ``jax.lax.scan``, compiled."""
    import jax

    gradient = jax.jit(jax.grad(partial(function, jax.numpy, jax.lax.scan)))
    return waiting(gradient), jax_arrays(arguments)


LOOPS: Mapping[str, Builder] = {
    "functrans": functrans,
    "functrans_jit": functrans_jit,
    "functrans_eager": functrans_eager,
    "torch": torch,
    "jax_jit": jax_jit,
}
