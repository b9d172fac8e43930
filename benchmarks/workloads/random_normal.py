"""Normal numbers in float64: a key of functrans and of JAX, the generators of NumPy and PyTorch.

JAX's numbers are those of functrans and are compared. Generators have others, and less to do: they
go on from a state, where a key says what each number is. So they are references.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.gradients import waiting
from benchmarks.workload import Call, Inputs, Workload

SEED = 2026


def inputs(size: int) -> Inputs:
    """Return how many numbers."""
    return (size,)


def functrans(size: int) -> Call:
    import functrans as ft

    return ft.random.normal, (ft.random.key(SEED), size)


def jax_jit(size: int) -> Call:
    import jax

    def normal(key: Any) -> Any:
        return jax.random.normal(key, (size,), "float64")

    return waiting(jax.jit(normal)), (jax.random.PRNGKey(SEED),)


def plain_numpy(size: int) -> Call:
    return np.random.default_rng(SEED).standard_normal, (size,)


def torch_eager(size: int) -> Call:
    import torch

    generator = torch.Generator().manual_seed(SEED)

    def normal(n: int) -> Any:
        return torch.randn(n, generator=generator, dtype=torch.float64)

    return normal, (size,)


WORKLOAD = Workload(
    name="random_normal",
    title="Normal numbers",
    size_label="n",
    sizes=(1, 1000, 1_000_000),
    quick_sizes=(1, 1000),
    inputs=inputs,
    contestants={
        "functrans": functrans,
        "torch": torch_eager,
        "jax_jit": jax_jit,
        "numpy": plain_numpy,
    },
    references=frozenset({"numpy", "torch"}),
)
