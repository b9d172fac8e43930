"""The full Hessian of Rosenbrock's function: forward over reverse mode, batched.

HIPS autograd builds the matrix row by row and takes part up to 100 variables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gradients import jax_arrays, torch_tensors, waiting
from benchmarks.workload import Call, Inputs, Workload


def rosenbrock(x: Any) -> Any:
    """Return Rosenbrock's function, in operators and methods that every library has."""
    valley = x[1:] - x[:-1] ** 2
    return (100.0 * valley**2 + (1.0 - x[:-1]) ** 2).sum()


def inputs(size: int) -> Inputs:
    """Return a point of ``size`` variables."""
    return (np.random.default_rng(0).uniform(-1.5, 1.5, size),)


def functrans_hessian() -> Callable[..., Any]:
    """The Hessian, by functrans."""
    import functrans as ft

    return ft.hessian(rosenbrock)


def jax_hessian() -> Callable[..., Any]:
    """The same by JAX."""
    import jax

    hessian: Callable[..., Any] = jax.hessian(rosenbrock)
    return hessian


def functrans(x: Any) -> Call:
    """Return the Hessian by functrans."""
    return functrans_hessian(), (x,)


def functrans_jit(x: Any) -> Call:
    """Return the Hessian as a program; staging is not timed."""
    import functrans as ft

    return ft.jit(functrans_hessian()), (x,)


def torch(x: Any) -> Call:
    """Return the Hessian by ``torch.func``, which batches as functrans does."""
    import torch

    return torch.func.hessian(rosenbrock), (torch_tensors(x),)


def jax_jit(x: Any) -> Call:
    """Return the Hessian compiled by JAX."""
    import jax

    return waiting(jax.jit(jax_hessian())), (jax_arrays(x),)


def jax_eager(x: Any) -> Call:
    """Return the Hessian by JAX, operation by operation."""
    return waiting(jax_hessian()), (jax_arrays(x),)


def autograd(x: Any) -> Call:
    """Return the Hessian by HIPS autograd."""
    import autograd

    return autograd.hessian(rosenbrock), (x,)


WORKLOAD = Workload(
    name="hessian",
    title="Hessian of Rosenbrock's function",
    size_label="n",
    sizes=(10, 100, 1000),
    quick_sizes=(10, 100),
    inputs=inputs,
    contestants={
        "functrans": functrans,
        "functrans_jit": functrans_jit,
        "torch": torch,
        "jax_jit": jax_jit,
        "jax_eager": jax_eager,
        "autograd": autograd,
    },
    limits={"autograd": 100},
)
