"""What a call costs when there is next to nothing to compute.

A scalar, ten numbers, and a dict of six arrays with a Python float, as a training step has them.
The native builtin is what `functrans.jit` comes to where nothing but the call is left: it checks
the arguments, makes the results and runs the compiled function.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.gradients import jax_arrays, waiting
from benchmarks.workload import Call, Inputs, Target, Workload


def scalar(x: Any) -> Any:
    """One operation on a number."""
    return x * 2.0


def step(parameters: Any, rate: Any) -> Any:
    """One operation or two on each array."""
    return {name: x - rate * x for name, x in parameters.items()}


def inputs(size: str) -> Inputs:
    """Return a function and its arguments."""
    if size == "scalar":
        return scalar, np.float64(1.5)
    numbers = np.random.default_rng(0).normal(size=(6, 10))
    if size == "array":
        return scalar, numbers[0]
    return step, dict(zip(("w1", "b1", "w2", "b2", "w3", "b3"), numbers, strict=True)), 0.5


def functrans(function: Any, *arguments: Any) -> Call:
    """Return the function under `functrans.jit`."""
    import functrans as ft

    return ft.jit(function), arguments


def functrans_native(function: Any, *arguments: Any) -> Call:
    """Return a builtin around the native function of the graph."""
    import functrans as ft
    from functrans.compile.llvm.calling.entry import builtin
    from functrans.compile.llvm.segment import NativeFunction

    graph = ft.make_graph(function)(*arguments)
    types = [x.type for x in graph.inputs]
    signature = ft.tree.unflatten(ft.tree.structure(arguments), types)
    results = ft.tree.structure(function(*arguments))
    outputs = ft.tree.unflatten(results, [x.type for x in graph.outputs])
    native = NativeFunction(graph)
    call = builtin(
        "call",
        native.address,
        signature,
        outputs,
        function,
        arena=native.arena,
        numbers=native.numbers,
        kept=native,
    )
    return call, arguments


def numpy(function: Any, *arguments: Any) -> Call:
    """Return the function as it is."""
    return function, arguments


def jax_jit(function: Any, *arguments: Any) -> Call:
    """Return the function compiled by JAX."""
    import jax

    return waiting(jax.jit(function)), tuple([jax_arrays(x) for x in arguments])


WORKLOAD = Workload(
    name="calls",
    title="Calls with next to nothing to compute",
    size_label="arguments",
    sizes=("scalar", "array", "dict"),
    quick_sizes=("scalar", "dict"),
    inputs=inputs,
    contestants={
        "functrans": functrans,
        "functrans_native": functrans_native,
        "numpy": numpy,
        "jax_jit": jax_jit,
    },
    ahead=frozenset({"functrans_native"}),
    targets=(Target(at_most=1.0, peer="jax_jit"),),
)
