"""Time to the first result of each of the other workloads: staging, compiling and running."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from benchmarks.first_results import (
    FIRST_RESULTS,
    Transformed,
    gradient,
    loop_gradient,
    value_and_gradient,
)
from benchmarks.network import loss
from benchmarks.workload import Inputs, Target, Workload
from benchmarks.workloads import (
    black_scholes,
    chain,
    hessian,
    mlp,
    per_example,
    random_normal,
    rk4,
    rnn,
    scalar_function,
    scan_rnn,
)


def _of(transform: Callable[..., Transformed], inputs: Inputs) -> Inputs:
    """Return the transformed function of a workload, with its arguments."""
    function, *arguments = inputs
    return transform(function), *arguments


SOURCES: dict[str, Callable[[], Inputs]] = {
    "chain": lambda: _of(gradient, chain.inputs(100)),
    "chain with value": lambda: _of(value_and_gradient, chain.inputs(100)),
    "scalar function": lambda: _of(gradient, scalar_function.inputs(100)),
    "MLP": lambda: (gradient(loss), *mlp.inputs(32)),
    "Hessian": lambda: (
        Transformed(hessian.functrans_hessian, hessian.jax_hessian),
        *hessian.inputs(100),
    ),
    "per example": lambda: (
        Transformed(per_example.functrans_gradients, per_example.jax_gradients),
        *per_example.inputs(128),
    ),
    "RNN": lambda: _of(gradient, rnn.inputs(50)),
    "RNN by scan": lambda: _of(loop_gradient, scan_rnn.inputs(100)),
    "ODE by scan": lambda: _of(loop_gradient, rk4.inputs(100)),
    "normal numbers": lambda: (
        Transformed(
            lambda: random_normal.functrans_normal(1000), lambda: random_normal.jax_normal(1000)
        ),
        random_normal.key(),
    ),
}

if find_spec("scipy"):  # whose error function it needs
    SOURCES["Black-Scholes"] = lambda: (
        Transformed(black_scholes.functrans_greeks, black_scholes.jax_greeks),
        *black_scholes.inputs(10_000),
    )


def inputs(name: str) -> Inputs:
    """Return the transformed function and the arguments of that workload."""
    return SOURCES[name]()


WORKLOAD = Workload(
    name="first_result",
    title="First result, from nothing",
    size_label="of",
    sizes=tuple(SOURCES),
    quick_sizes=("chain",),
    inputs=inputs,
    contestants=FIRST_RESULTS,
    targets=(Target(at_most=0.2, peer="jax_jit", sizes=tuple(SOURCES)),),
)
