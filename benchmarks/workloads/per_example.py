"""Gradients of a network's loss for every example of a batch: ``vmap`` of ``grad``.

The network is 64-32-10. HIPS autograd has no batching and loops over the examples, as its users do;
it takes part up to 128 examples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gradients import jax_arrays, torch_tensors, waiting, with_module
from benchmarks.network import (
    Array,
    Parameters,
    jax_loss,
    loss,
    make_data,
    make_parameters,
    torch_loss,
)
from benchmarks.workload import Call, Inputs, Workload

# The parameters are shared; images and targets are mapped over their first axis.
IN_AXES = (None, 0, 0)


def inputs(batch: int) -> Inputs:
    """Return the parameters and a batch."""
    return make_parameters((64, 32, 10)), *make_data(batch, features=64, classes=10)


def functrans_gradients() -> Callable[..., Any]:
    """The gradients by functrans, with the loss in plain NumPy."""
    import functrans as ft

    return ft.vmap(ft.grad(with_module(loss, np)), in_axes=IN_AXES)


def jax_gradients() -> Callable[..., Any]:
    """The same by JAX."""
    import jax

    gradients: Callable[..., Any] = jax.vmap(jax.grad(jax_loss), in_axes=IN_AXES)
    return gradients


def functrans(*arguments: Any) -> Call:
    """Return the gradients by functrans."""
    return functrans_gradients(), arguments


def functrans_jit(*arguments: Any) -> Call:
    """Return the gradients as a program; staging is not timed."""
    import functrans as ft

    return ft.jit(functrans_gradients()), arguments


def torch(*arguments: Any) -> Call:
    """Return the gradients by ``torch.func``."""
    import torch

    gradients = torch.func.vmap(torch.func.grad(torch_loss), in_dims=IN_AXES)
    return gradients, torch_tensors(arguments)


def jax_jit(*arguments: Any) -> Call:
    """Return the gradients compiled by JAX."""
    import jax

    return waiting(jax.jit(jax_gradients())), jax_arrays(arguments)


def jax_eager(*arguments: Any) -> Call:
    """Return the gradients by JAX, operation by operation."""
    return waiting(jax_gradients()), jax_arrays(arguments)


def autograd(*arguments: Any) -> Call:
    """Return the gradients by HIPS autograd, in a loop."""
    import autograd
    import autograd.numpy

    gradient = autograd.grad(with_module(loss, autograd.numpy))

    def gradients(parameters: Parameters, images: Array, targets: Array) -> Any:
        singles = [gradient(parameters, *example) for example in zip(images, targets, strict=True)]
        return [
            [np.stack(arrays) for arrays in zip(*layers, strict=True)]
            for layers in zip(*singles, strict=True)
        ]

    return gradients, arguments


WORKLOAD = Workload(
    name="per_example",
    title="Gradient for every example of a batch",
    size_label="batch",
    sizes=(16, 128, 1024),
    quick_sizes=(16, 128),
    inputs=inputs,
    contestants={
        "functrans": functrans,
        "functrans_jit": functrans_jit,
        "torch": torch,
        "jax_jit": jax_jit,
        "jax_eager": jax_eager,
        "autograd": autograd,
    },
    limits={"autograd": 128},
)
