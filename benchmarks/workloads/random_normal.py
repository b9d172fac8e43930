"""Normal numbers in float64: a key of functrans and of JAX, the generators of NumPy and PyTorch.

JAX's numbers are those of functrans and are compared. Generators have others, and less to do: they
go on from a state, where a key says what each number is. So they are references.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gradients import waiting
from benchmarks.workload import Call, Inputs, Workload

SEED = 2026


def inputs(size: int) -> Inputs:
    """Return how many numbers."""
    return (size,)


def key() -> Any:
    """Return the key of both, as they have it: two numbers."""
    import functrans as ft

    return ft.random.key(SEED)


def functrans_normal(size: int) -> Callable[..., Any]:
    """So many numbers of a key, by functrans."""
    import functrans as ft

    return lambda key: ft.random.normal(key, size)


def jax_normal(size: int) -> Callable[..., Any]:
    """The same by JAX."""
    import jax

    return lambda key: jax.random.normal(key, (size,), "float64")


def functrans(size: int) -> Call:
    import functrans as ft

    return ft.random.normal, (key(), size)


def functrans_jit(size: int) -> Call:
    import functrans as ft

    return ft.jit(functrans_normal(size)), (key(),)


def jax_jit(size: int) -> Call:
    import jax

    return waiting(jax.jit(jax_normal(size))), (jax.random.PRNGKey(SEED),)


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
        "functrans_jit": functrans_jit,
        "torch": torch_eager,
        "jax_jit": jax_jit,
        "numpy": plain_numpy,
    },
    references=frozenset({"numpy", "torch"}),
)
