"""The marginal likelihood of a Gaussian process by its length scale, variance and noise: value and
gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.compiled import AHEAD, COMPILED
from benchmarks.workload import Inputs, Workload


def loss(xp: Any, scan: Any, variables: Any, x: Any, y: Any, eye: Any) -> Any:
    """Return the negative logarithm of the likelihood, without its constant."""
    scale, variance, noise = variables[0], variables[1], variables[2]
    apart = (x[:, None] - x[None, :]) / scale
    kernel = variance * xp.exp(-0.5 * apart * apart) + noise * eye
    factor = xp.linalg.cholesky(kernel)
    solved = xp.linalg.solve(kernel, y)
    return 0.5 * xp.sum(y * solved) + xp.sum(xp.log(xp.diagonal(factor)))


def inputs(n: int) -> Inputs:
    """Return the function, the three parameters, places, values and the unit matrix."""
    x = np.sort(np.random.default_rng(0).uniform(0.0, 10.0, n))
    y = np.sin(x) + 0.1 * np.random.default_rng(1).normal(size=n)
    return loss, np.array([1.0, 1.5, 0.3]), x, y, np.eye(n)


WORKLOAD = Workload(
    name="gaussian_process",
    title="Value and gradient of a Gaussian process' likelihood",
    size_label="n",
    sizes=(20, 100),
    quick_sizes=(20,),
    inputs=inputs,
    contestants=COMPILED,
    targets=AHEAD,
)
