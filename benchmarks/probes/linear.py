"""Print what linear algebra takes: ``python -m benchmarks.probes.linear [n ...]``.

For each operation and size: microseconds of ``jit`` in native code, of NumPy, and of ``jax.jit``
where JAX is installed, all in float64, interleaved in one process, one thread; medians.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.threads import limit_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

limit_threads()

import numpy as np  # noqa: E402

import functrans as ft  # noqa: E402

SIZES = (4, 10, 32, 100, 300, 1000)
ROUNDS = 9
SLICE = 0.02
"""Seconds of one contestant in a round."""

Operation = tuple[str, "Callable[[Any, Any, Any], Any]"]

OPERATIONS: Sequence[Operation] = (
    ("cholesky", lambda xp, s, y: xp.linalg.cholesky(s)),
    ("solve, vector", lambda xp, s, y: xp.linalg.solve(s, y[0])),
    ("solve, matrix", lambda xp, s, y: xp.linalg.solve(s, y)),
    ("inv", lambda xp, s, y: xp.linalg.inv(s)),
    ("slogdet", lambda xp, s, y: xp.linalg.slogdet(s)[1]),
)


def timed(calls: Sequence[Callable[[], Any]]) -> list[float]:
    """Microseconds of each call, the median of rounds in which each has its turn."""
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    for _ in range(ROUNDS):
        for call, own in zip(calls, times, strict=True):
            start = time.perf_counter()
            count = 0
            while time.perf_counter() - start < SLICE:
                call()
                count += 1
            own.append((time.perf_counter() - start) / count * 1e6)
    return [median(own) for own in times]


def peer(f: Callable[[Any, Any, Any], Any], s: Any, y: Any) -> Callable[[], Any] | None:
    """The operation by ``jax.jit``, waited for."""
    if importlib.util.find_spec("jax") is None:
        return None
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    compiled = jax.jit(lambda s, y: f(jnp, s, y))
    given = jnp.asarray(s), jnp.asarray(y)
    return lambda: jax.block_until_ready(compiled(*given))


def main() -> None:
    sizes = [int(n) for n in sys.argv[1:]] or SIZES
    print(f"{'':16}{'n':>6}{'native':>12}{'NumPy':>12}{'jax.jit':>12}")
    for name, f in OPERATIONS:
        for n in sizes:
            x = np.random.default_rng(0).normal(size=(n, n))
            s, y = x @ x.T + n * np.eye(n), x.copy()
            native = ft.jit(lambda s, y, f=f: f(np, s, y), backend="llvm")
            calls = [lambda: native(s, y), lambda: f(np, s, y), peer(f, s, y)]  # noqa: B023
            found = timed([call for call in calls if call is not None])
            print(f"{name:16}{n:6}" + "".join([f"{t:12.1f}" for t in found]), flush=True)


if __name__ == "__main__":
    main()
