"""Print how long layers of convolutions take: ``python -m benchmarks.probes.convolution_layers``.

A convolution with bias and `maximum`, the same with a residual, and a small network, forward and
with its gradient, in float32 on one thread: by ``jit`` to native code, by the same with the
elementwise work in loops of its own, by ``jax.jit`` and by PyTorch without compilation, in turn.
Printed are medians of the first one's microseconds, in the processor's time, and of the others'
time by it. An argument gives the number of images, 8 by default.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from benchmarks.threads import limit_threads

if TYPE_CHECKING:
    from collections.abc import Callable

limit_threads()

import numpy as np  # noqa: E402

import functrans as ft  # noqa: E402
from benchmarks.peers import is_installed, settle, versions  # noqa: E402
from functrans import nn  # noqa: E402
from functrans.compile.llvm.families import Member  # noqa: E402
from functrans.compile.llvm.kernels.convolving import Convolving  # noqa: E402

LAYERS = [(3, 64, 64, 7, 2), (64, 64, 16, 3, 1), (16, 16, 32, 3, 1), (64, 64, 56, 1, 1)]
"""Channels, outputs, size of the images, of the kernel, stride."""

NETWORK = (3, 32, 64, 64)
"""Channels of images of 32 by 32, and of what each layer makes of them."""

ROUNDS = 200
SLICE = 0.001
"""Seconds of one contestant in a round, about: short, so that all see the same clock."""


class Case:
    """What is measured: a function of arrays, given a library's convolution.

    Parameters
    ----------
    name : str
    args : list of ndarray
    body : callable
        ``body(convolution, args)``, where the convolution takes x, w, stride and padding.
    gradient : bool
        Whether the value is wanted with the gradients by all arguments but the first two.
    """

    def __init__(self, name: str, args: list[Any], body: Any, gradient: bool = False) -> None:
        self.name, self.args, self.body, self.gradient = name, args, body, gradient


def layer(convolution: Any, x: Any, w: Any, b: Any, stride: int, residual: Any = None) -> Any:
    """Convolution, bias, a residual perhaps, and `maximum`, which all libraries call clipping."""
    y = convolution(x, w, stride, w.shape[-1] // 2) + b
    return (y if residual is None else y + residual).clip(0)


def network(convolution: Any, x: Any, t: Any, *weights: Any) -> Any:
    """Layers, the mean over space, and the distance to a target."""
    for i in range(0, len(weights), 2):
        x = layer(convolution, x, weights[i], weights[i + 1], 2 if i else 1)
    return ((x.mean((2, 3)) - t) ** 2).sum()


def cases(images: int) -> list[Case]:
    """All that is measured."""
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Any:
        return rng.normal(size=shape).astype(np.float32)

    found = []
    for channels, outputs, size, kernel, stride in LAYERS:
        after = -(-size // stride)
        args = [
            draw(images, channels, size, size),
            draw(outputs, channels, kernel, kernel),
            draw(outputs, 1, 1),
            draw(images, outputs, after, after),
        ]
        name = f"{channels} to {outputs}, {size} by {size}, kernel {kernel}, stride {stride}"
        found += [
            Case(name, args[:3], lambda c, x, w, b, s=stride: layer(c, x, w, b, s)),
            Case(
                f"{name}, residual", args, lambda c, x, w, b, r, s=stride: layer(c, x, w, b, s, r)
            ),
        ]
    weights = []
    for before, behind in zip(NETWORK, NETWORK[1:], strict=False):
        weights += [draw(behind, before, 3, 3) / 10, draw(behind, 1, 1)]
    args = [draw(images, NETWORK[0], 32, 32), draw(images, NETWORK[-1]), *weights]
    return [*found, Case("network", args, network), Case("network, gradient", args, network, True)]


def native(case: Case, apart: bool) -> Callable[[], Any]:
    """``jit``, which has compiled, with code of its own for each case."""

    def convolution(x: Any, w: Any, stride: int, padding: int) -> Any:
        return nn.conv2d(x, w, stride=stride, padding=padding)

    def f(*args: Any) -> Any:
        assert apart in (False, True)  # functions that do and read the same share a program
        return case.body(convolution, *args)

    numbers = tuple(range(2, len(case.args)))
    compiled = ft.jit(ft.value_and_grad(f, numbers) if case.gradient else f, backend="llvm")
    with ExitStack() as stack:
        stack.enter_context(patch.object(Member, "find", return_value=None))
        if apart:
            stack.enter_context(patch.object(Convolving, "longest", return_value=0))
        compiled(*case.args)
        settle()
    return lambda: compiled(*case.args)


def by_jax(case: Case) -> Callable[[], Any]:
    """``jax.jit``."""
    import jax

    def convolution(x: Any, w: Any, stride: int, padding: int) -> Any:
        pads = [(padding, padding)] * 2
        return jax.lax.conv_general_dilated(x, w, (stride, stride), pads)

    def f(*args: Any) -> Any:
        return case.body(convolution, *args)

    numbers = tuple(range(2, len(case.args)))
    compiled = jax.jit(jax.value_and_grad(f, numbers) if case.gradient else f)
    args = [jax.numpy.asarray(x) for x in case.args]
    return lambda: jax.block_until_ready(compiled(*args))


def by_torch(case: Case) -> Callable[[], Any]:
    """PyTorch, operation by operation."""
    import torch

    def convolution(x: Any, w: Any, stride: int, padding: int) -> Any:
        return torch.nn.functional.conv2d(x, w, stride=stride, padding=padding)

    args = [torch.from_numpy(x) for x in case.args]
    free = [x.requires_grad_() for x in args[2:]] if case.gradient else []

    def call() -> Any:
        if not case.gradient:
            with torch.no_grad():
                return case.body(convolution, *args)
        value = case.body(convolution, *args)
        return value, torch.autograd.grad(value, free)

    return call


def once(call: Callable[[], Any], count: int) -> float:
    """Seconds of the processor for a call."""
    start = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - start) / count


def main(images: int) -> None:
    """Print the table."""
    print(", ".join([f"{name} {version}" for name, version in versions().items()]))
    for case in cases(images):
        calls = {"native": native(case, False), "apart": native(case, True)}
        if is_installed("jax_jit"):
            calls["jax_jit"] = by_jax(case)
        if is_installed("torch"):
            calls["torch"] = by_torch(case)
        counts = {name: max(int(SLICE / once(call, 3)), 1) for name, call in calls.items()}
        rng, rounds = np.random.default_rng(0), []
        for _ in range(
            ROUNDS
        ):  # in any order: who comes after whom finds other things in the caches
            order = rng.permutation(list(calls)).tolist()
            rounds.append({name: once(calls[name], counts[name]) for name in order})
        own = median([found["native"] for found in rounds])
        others = [
            f"{name} {median([found[name] / found['native'] for found in rounds]):5.2f}"
            for name in list(calls)[1:]
        ]
        print(f"{case.name:50} {own * 1e6:9.1f} us ", *others, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 8)
