"""One training step of a small network: loss, gradient and a step of gradient descent.

The network is 64-128-64-10 with tanh and softmax cross entropy, on images of 8 by 8 pixels. A step
takes the parameters and returns the loss and new parameters; PyTorch and JAX use the cross entropy
that they bring along.
"""

from __future__ import annotations

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

RATE = 0.1


def inputs(batch: int) -> Inputs:
    """Return the parameters and a batch."""
    return make_parameters((64, 128, 64, 10)), *make_data(batch, features=64, classes=10)


def descend(parameters: Parameters, gradients: Parameters) -> Parameters:
    """Return the parameters after one step of gradient descent."""
    return tuple(
        (weight - RATE * weight_gradient, bias - RATE * bias_gradient)
        for (weight, bias), (weight_gradient, bias_gradient) in zip(
            parameters, gradients, strict=True
        )
    )


def functional_step(value_and_grad: Any) -> Any:
    """Return the training step, given the function that returns loss and gradient."""

    def step(parameters: Parameters, images: Any, targets: Any) -> tuple[Any, Parameters]:
        value, gradients = value_and_grad(parameters, images, targets)
        return value, descend(parameters, gradients)

    return step


def functrans(*arguments: Any) -> Call:
    """Return the step by functrans, with the loss in plain NumPy."""
    import functrans as ft

    return functional_step(ft.value_and_grad(with_module(loss, np))), arguments


def functrans_jit(*arguments: Any) -> Call:
    """Return the step as a program; staging is not timed."""
    import functrans as ft

    return ft.jit(functional_step(ft.value_and_grad(with_module(loss, np)))), arguments


def torch(parameters: Parameters, images: Array, targets: Array) -> Call:
    """Return the step by PyTorch, with parameters as tensors and no module around them."""
    import torch

    tensors = torch_tensors(parameters)
    leaves = [leaf.requires_grad_() for layer in tensors for leaf in layer]

    def step(parameters: Parameters, images: Any, targets: Any) -> tuple[Any, list[Any]]:
        value = torch_loss(parameters, images, targets)
        gradients = torch.autograd.grad(value, leaves)
        with torch.no_grad():
            return value, [
                leaf - RATE * gradient for leaf, gradient in zip(leaves, gradients, strict=True)
            ]

    return step, (tensors, torch_tensors(images), torch_tensors(targets))


def jax_jit(*arguments: Any) -> Call:
    """Return the whole step compiled by JAX."""
    import jax

    return waiting(jax.jit(functional_step(jax.value_and_grad(jax_loss)))), jax_arrays(arguments)


def jax_eager(*arguments: Any) -> Call:
    """Return the step by JAX, operation by operation."""
    import jax

    return waiting(functional_step(jax.value_and_grad(jax_loss))), jax_arrays(arguments)


def autograd(*arguments: Any) -> Call:
    """Return the step by HIPS autograd."""
    import autograd
    import autograd.numpy

    return functional_step(autograd.value_and_grad(with_module(loss, autograd.numpy))), arguments


WORKLOAD = Workload(
    name="mlp",
    title="Training step of a network 64-128-64-10",
    size_label="batch",
    sizes=(1, 32, 128),
    quick_sizes=(1, 32),
    inputs=inputs,
    contestants={
        "functrans": functrans,
        "functrans_jit": functrans_jit,
        "torch": torch,
        "jax_jit": jax_jit,
        "jax_eager": jax_eager,
        "autograd": autograd,
    },
)
