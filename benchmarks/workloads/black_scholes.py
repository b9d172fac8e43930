"""The price of an option by Black and Scholes with its five greeks, on many points at once.

A chain of some eighty elementwise operations on large arrays: the memory traffic of one operation
after the other is what staging saves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gradients import jax_arrays, waiting
from benchmarks.workload import Call, Inputs, Target, Workload


def price(xp: Any, erf: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return the price of a call in the functions of an array module."""

    def call(spot: Any, strike: Any, time: Any, rate: Any, volatility: Any) -> Any:
        spread = volatility * xp.sqrt(time)
        drift = rate + 0.5 * volatility * volatility
        upper = (xp.log(spot / strike) + drift * time) / spread
        lower = upper - spread

        def cdf(x: Any) -> Any:
            return 0.5 * (1.0 + erf(x * math.sqrt(0.5)))

        return spot * cdf(upper) - strike * xp.exp(-rate * time) * cdf(lower)

    return call


def inputs(size: int) -> Inputs:
    """Return spots, strikes, times, rates and volatilities between 0.5 and 1.5."""
    return tuple(np.random.default_rng(0).uniform(0.5, 1.5, (5, size)))


def functrans_greeks() -> Callable[..., Any]:
    """The price and its five derivatives, by functrans."""
    import functrans as ft
    from functrans.scipy import special

    value = price(np, special.erf)

    def greeks(*args: Any) -> Any:
        outs, pull = ft.vjp(value, *args)
        return (outs, *pull(np.ones_like(outs)))

    return greeks


def functrans(*args: Any) -> Call:
    """Return the greeks as one program on NumPy; staging is not timed."""
    import functrans as ft

    return ft.jit(functrans_greeks(), backend="numpy"), args


def functrans_native(*args: Any) -> Call:
    """Return the greeks as native code."""
    import functrans as ft

    return ft.jit(functrans_greeks(), backend="llvm"), args


def functrans_eager(*args: Any) -> Call:
    """Return the greeks by functrans, operation by operation."""
    return functrans_greeks(), args


def jax_greeks() -> Callable[..., Any]:
    """The same by JAX."""
    import jax

    value = price(jax.numpy, jax.scipy.special.erf)

    def greeks(*args: Any) -> Any:
        outs, pull = jax.vjp(value, *args)
        return (outs, *pull(jax.numpy.ones_like(outs)))

    return greeks


def jax_jit(*args: Any) -> Call:
    """Return the greeks compiled by JAX."""
    import jax

    return waiting(jax.jit(jax_greeks())), jax_arrays(args)


WORKLOAD = Workload(
    name="black_scholes",
    title="Black-Scholes with five greeks, staged",
    size_label="n",
    sizes=(100, 10_000, 1_000_000),
    quick_sizes=(100, 10_000),
    inputs=inputs,
    contestants={
        "functrans": functrans,
        "functrans_native": functrans_native,
        "functrans_eager": functrans_eager,
        "jax_jit": jax_jit,
    },
    targets=(Target(at_most=1.0, peer="jax_jit", sizes=(1_000_000,)),),
)
