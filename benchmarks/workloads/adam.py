"""A step of the optimiser Adam on many parameters, whose memory the step may take.

Nothing but reading and writing: parameters, two moments, and the gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.gradients import jax_arrays, torch_tensors, waiting
from benchmarks.workload import Call, Inputs, Target, Workload

RATE, FIRST, SECOND, SMALL = 1e-3, 0.9, 0.999, 1e-8


def step(xp: Any, x: Any, mean: Any, square: Any, gradient: Any) -> tuple[Any, Any, Any]:
    """Return parameters and moments after a step, late enough that nothing is corrected."""
    mean = FIRST * mean + (1.0 - FIRST) * gradient
    square = SECOND * square + (1.0 - SECOND) * gradient * gradient
    return x - RATE * mean / (xp.sqrt(square) + SMALL), mean, square


def inputs(n: int) -> Inputs:
    """Return parameters, moments and the gradient."""
    x, mean, square, gradient = np.random.default_rng(0).normal(size=(4, n))
    return x, mean, abs(square), gradient


def functrans(*arguments: Any) -> Call:
    """Return the step as a program; it makes new arrays, as the others here do."""
    import functrans as ft

    return ft.jit(lambda *xs: step(np, *xs)), arguments


def jax_jit(*arguments: Any) -> Call:
    """Return the step compiled by JAX."""
    import jax

    return waiting(jax.jit(lambda *xs: step(jax.numpy, *xs))), jax_arrays(arguments)


def torch(*arguments: Any) -> Call:
    """Return the step by PyTorch."""
    import torch

    return lambda *xs: step(torch, *xs), torch_tensors(arguments)


WORKLOAD = Workload(
    name="adam",
    title="A step of Adam",
    size_label="n",
    sizes=(1000, 16_384, 1_000_000),
    quick_sizes=(1000,),
    inputs=inputs,
    contestants={"functrans": functrans, "torch": torch, "jax_jit": jax_jit},
    targets=(Target(at_most=1.0, peer="jax_jit"), Target(at_most=1.0, peer="torch")),
)
