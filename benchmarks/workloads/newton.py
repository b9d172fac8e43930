"""Logistic regression by Newton's method: gradient, Hessian and the step that they give."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.gradients import jax_arrays, torch_tensors, waiting, with_module
from benchmarks.workload import Call, Inputs, Target, Workload

FEATURES = 10


def loss(xp: Any, weights: Any, x: Any, y: Any) -> Any:
    """Return the mean logistic loss with a small penalty; y is 1 or -1."""
    return xp.mean(xp.log1p(xp.exp(-y * (x @ weights)))) + 0.005 * xp.sum(weights * weights)


def inputs(rows: int) -> Inputs:
    """Return weights, rows and labels."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, FEATURES))
    y = np.where(x @ rng.normal(size=FEATURES) > 0, 1.0, -1.0)
    return rng.normal(scale=0.1, size=FEATURES), x, y


def functrans(*arguments: Any) -> Call:
    """Return the weights after a step, as a program."""
    import functrans as ft

    f = with_module(loss, np)

    def step(weights: Any, x: Any, y: Any) -> Any:
        gradient, hessian = ft.grad(f)(weights, x, y), ft.hessian(f)(weights, x, y)
        return weights - np.linalg.solve(hessian, gradient)

    return ft.jit(step), arguments


def jax_jit(*arguments: Any) -> Call:
    """Return the same compiled by JAX."""
    import jax

    f = with_module(loss, jax.numpy)

    def step(weights: Any, x: Any, y: Any) -> Any:
        gradient, hessian = jax.grad(f)(weights, x, y), jax.hessian(f)(weights, x, y)
        return weights - jax.numpy.linalg.solve(hessian, gradient)

    return waiting(jax.jit(step)), jax_arrays(arguments)


def torch(*arguments: Any) -> Call:
    """Return the same by ``torch.func``."""
    import torch

    f = with_module(loss, torch)

    def step(weights: Any, x: Any, y: Any) -> Any:
        gradient = torch.func.grad(f)(weights, x, y)
        hessian = torch.func.hessian(f)(weights, x, y)
        return weights - torch.linalg.solve(hessian, gradient)

    return step, torch_tensors(arguments)


WORKLOAD = Workload(
    name="newton",
    title="Logistic regression: a step of Newton's method, 10 features",
    size_label="rows",
    sizes=(100, 10_000),
    quick_sizes=(100,),
    inputs=inputs,
    contestants={"functrans": functrans, "torch": torch, "jax_jit": jax_jit},
    targets=(Target(at_most=1.0, peer="jax_jit"), Target(at_most=1.0, peer="torch")),
)
