"""First calls with further sizes of a batch: code that is shared, and what the peers compile.

``python -m benchmarks.probes.sizes`` prints milliseconds of the first call for each size, and how
much longer a call with shared code takes than one with code of its own. The cache on the disk is
off meanwhile.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import functrans as ft
from functrans.compile import background
from functrans.compile.llvm.code import engine
from functrans.compile.llvm.families import Member

SIZES = (32, 33, 48, 40)
"""Of a batch; the first has code of its own, the second makes what the others share."""

RUN = 128
"""The size for which calls are timed."""

ROUNDS = 101

TRIES = 5
"""Of first calls, of which the shortest counts."""


def network(np_: Any, grad: Callable[..., Any]) -> Callable[..., Any]:
    """Return a step of training of a network with two hidden layers."""

    def loss(p: Any, x: Any, y: Any) -> Any:
        h = np_.tanh(x @ p["w1"] + p["b1"])
        h = np_.tanh(h @ p["w2"] + p["b2"])
        return entropy(np_)(h @ p["w3"] + p["b3"], y)

    def step(p: Any, v: Any, x: Any, y: Any) -> Any:
        value, slope = grad(loss)(p, x, y)
        v = {name: 0.9 * v[name] + slope[name] for name in p}
        return {name: p[name] - 0.01 * v[name] for name in p}, v, value

    return step


def entropy(np_: Any) -> Callable[..., Any]:
    """Return softmax cross-entropy."""

    def loss(z: Any, y: Any) -> Any:
        z = z - np_.max(z, axis=1, keepdims=True)
        picked = z[np_.arange(y.shape[0]), y]
        return np_.mean(np_.log(np_.sum(np_.exp(z), axis=1)) - picked)

    return loss


def chain(np_: Any) -> Callable[..., Any]:
    """Return twenty functions of each element."""

    def run(x: Any) -> Any:
        for _ in range(10):
            x = np_.sin(x) * x + np_.tanh(x)
        return x

    return run


def workloads() -> dict[str, tuple[Callable[[Any, Any], Any], Callable[[int], Any]]]:
    """Functions by name, given a NumPy and a ``value_and_grad``, and arguments for a size."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return (rng.normal(size=shape) * 0.05).astype("f4")

    p = {"w1": normal(784, 512), "b1": normal(512), "w2": normal(512, 512), "b2": normal(512)}
    p |= {"w3": normal(512, 10), "b3": normal(10)}
    v = {name: np.zeros_like(x) for name, x in p.items()}
    return {
        "network": (network, lambda n: (p, v, normal(n, 784), rng.integers(0, 10, n))),
        "chain": (lambda np_, _: chain(np_), lambda n: (normal(n, 100),)),
        "cross-entropy": (
            lambda np_, grad: grad(entropy(np_)),
            lambda n: (normal(n, 1000), rng.integers(0, 10, n)),
        ),
    }


def forgotten() -> None:
    """Drop all programs, and the code of each that was loaded lately."""
    ft.clear_caches()
    engine.forget()
    gc.collect()


def waiting(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of JAX that comes back when its results are there."""
    import jax

    return lambda *args: jax.block_until_ready(call(*args))


def firsts(
    compiled: Callable[[], Callable[..., Any]],
    forget: Callable[[], None],
    make: Callable[[int], Any],
) -> str:
    """Milliseconds of the first call for each size, at least, after all has been forgotten."""
    best = [float("inf")] * len(SIZES)
    call = None
    for _ in range(TRIES):
        call = None
        forget()
        call = compiled()
        for i, n in enumerate(SIZES):
            args = make(n)
            start = time.perf_counter()
            call(*args)
            best[i] = min(best[i], (time.perf_counter() - start) * 1e3)
            background.finish()  # optimised code of this size, which others would wait for
    return " ".join([f"{x:8.1f}" for x in best])


def slower(f: Callable[..., Any], make: Callable[[int], Any]) -> float:
    """How much longer a call with shared code takes: the ratio of the shortest, taken in turn."""
    find = Member.find
    ft.clear_caches()
    Member.find = lambda *_: None  # type: ignore[method-assign,assignment]
    own = ft.jit(f, backend="llvm")
    args = make(RUN)
    own(*args)
    Member.find = find  # type: ignore[method-assign]
    ft.clear_caches()
    shared = ft.jit(f, backend="llvm")
    for n in (RUN + 4, RUN + 9, RUN):
        shared(*make(n))
    background.finish()
    times: tuple[list[float], list[float]] = [], []
    runs = own._run, shared._run
    for _ in range(ROUNDS):
        for run, taken in zip(runs, times, strict=True):
            start = time.perf_counter()
            run(*args)
            taken.append(time.perf_counter() - start)
    return min(times[1]) / min(times[0])


def main() -> None:
    """Measure and print."""
    os.environ["FUNCTRANS_CACHE"] = "0"
    print("ms of the first call for sizes", SIZES)
    for name, (build, make) in workloads().items():
        f = build(np, ft.value_and_grad)
        times = firsts(partial(ft.jit, f, backend="llvm"), forgotten, make)
        print(f"{name:14} native code  {times}   shared / own at {RUN}: {slower(f, make):.2f}")
        try:
            import jax
        except ImportError:
            continue
        g = build(jax.numpy, jax.value_and_grad)
        times = firsts(lambda g=g: waiting(jax.jit(g)), jax.clear_caches, make)  # type: ignore[misc]
        print(f"{name:14} jax.jit      {times}")


if __name__ == "__main__":
    main()
