"""The value and gradient of the chain of 20 operations as a program of its graph.

Beside the same gradient not staged, and `functrans.jit`, which adds to a call what it takes to find
the program.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.gradients import jax_arrays, waiting, with_module
from benchmarks.workload import Call, Target, Workload
from benchmarks.workloads.chain import inputs


def functrans(function: Any, x: Any) -> Call:
    """Return the program of the gradient's graph; staging is not timed."""
    import functrans as ft
    from functrans.compile import program
    from functrans.graph.passes import optimize

    gradient = ft.value_and_grad(with_module(function, np))
    return program(optimize(ft.make_graph(gradient)(x))).run, (x,)


def functrans_jit(function: Any, x: Any) -> Call:
    """Return the gradient under `functrans.jit` on NumPy."""
    import functrans as ft

    return ft.jit(ft.value_and_grad(with_module(function, np)), backend="numpy"), (x,)


def functrans_native(function: Any, x: Any) -> Call:
    """Return the gradient as native code."""
    import functrans as ft

    return ft.jit(ft.value_and_grad(with_module(function, np)), backend="llvm"), (x,)


def functrans_eager(function: Any, x: Any) -> Call:
    """Return the gradient by functrans, operation by operation."""
    import functrans as ft

    return ft.value_and_grad(with_module(function, np)), (x,)


def jax_jit(function: Any, x: Any) -> Call:
    """Return the gradient compiled by JAX."""
    import jax

    gradient = jax.jit(jax.value_and_grad(with_module(function, jax.numpy)))
    return waiting(gradient), jax_arrays((x,))


WORKLOAD = Workload(
    name="staged_chain",
    title="Value and gradient of a chain of 20 operations, staged",
    size_label="n",
    sizes=(1, 100, 10_000, 1_000_000),
    quick_sizes=(1, 100),
    inputs=inputs,
    contestants={
        "functrans": functrans,
        "functrans_jit": functrans_jit,
        "functrans_native": functrans_native,
        "functrans_eager": functrans_eager,
        "jax_jit": jax_jit,
    },
    ahead=frozenset({"functrans"}),
    targets=(Target(at_most=1 / 3, peer="functrans_eager", sizes=(100,)),),
)
