"""Print what sorting, searching and positions take: ``python -m benchmarks.probes.orders``.

For each operation: microseconds of native code, of NumPy (of functrans on NumPy for gradients) and
of ``jax.jit`` where it is installed, one after another in each round; the least of many rounds. One
thread.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from benchmarks.threads import limit_threads

if TYPE_CHECKING:
    from collections.abc import Callable

limit_threads()

import numpy as np  # noqa: E402

import functrans as ft  # noqa: E402


def least(functions: list[Callable[[], Any]], seconds: float = 1.0) -> list[float]:
    """Microseconds of each, one after another in each round."""
    best = [float("inf")] * len(functions)
    for f in functions:
        f()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for i, f in enumerate(functions):
            start = time.perf_counter()
            f()
            best[i] = min(best[i], 1e6 * (time.perf_counter() - start))
    return best


def cases(xp: Any, grad: Any) -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Functions of a namespace, and the names of their operands."""
    slope = np.cos(np.arange(100))

    def segments(weights: Any, places: Any) -> Any:
        if xp is np:
            return np.bincount(places, weights, 1000)
        return xp.zeros(1000).at[places].add(weights)

    return {
        "argmax of rows": (lambda x: xp.argmax(x, 1), ("rows",)),
        "argmax of x * x - x of rows": (lambda x: xp.argmax(x * x - x, 1), ("rows",)),
        "argmax of columns": (lambda x: xp.argmax(x, 0), ("rows",)),
        "argmax of 1000000": (lambda x: xp.argmax(x), ("many",)),
        "take_along_axis of rows": (
            lambda x, i: xp.take_along_axis(x, i, 1),
            ("rows", "orders"),
        ),
        "sort of rows": (lambda x: xp.sort(x, 1), ("rows",)),
        "sort of columns": (lambda x: xp.sort(x, 0), ("rows",)),
        "argsort of rows": (lambda x: xp.argsort(x, 1), ("rows",)),
        "sort of 1000000": (lambda x: xp.sort(x), ("many",)),
        "gradient of sum of sorted rows times numbers": (
            grad(lambda x: xp.sum(xp.sort(x, 1) * slope)),
            ("rows",),
        ),
        "median of rows": (lambda x: xp.median(x, 1), ("rows",)),
        "searchsorted of 100000 in 1000": (xp.searchsorted, ("steps", "queries")),
        "sums of 1000000 in 1000 segments": (segments, ("many", "places")),
    }


def native_segments(weights: Any, places: Any) -> Any:
    """Sums of segments under `jit`, where :func:`numpy.bincount` would need to know the places."""
    total = ft.numpy.zeros_like(weights[:1000])
    np.add.at(total, places, weights)
    return total


def main() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1000, 100))
    operands = {
        "rows": rows,
        "many": rng.normal(size=1_000_000),
        "orders": np.argsort(rows, 1),
        "steps": np.sort(rng.normal(size=1000)),
        "queries": rng.normal(size=100_000),
        "places": rng.integers(0, 1000, 1_000_000),
    }
    try:
        import jax

        jax.config.update("jax_enable_x64", True)
        others = cases(jax.numpy, jax.grad)
    except ImportError:
        others = {}
    print(f"{'microseconds':<46}{'native':>10}{'NumPy':>10}{'jax.jit':>10}")
    for name, (f, names) in cases(np, ft.grad).items():
        xs = [operands[x] for x in names]
        program = ft.jit(native_segments if "segments" in name else f)
        plain = ft.jit(f, backend="numpy") if "gradient" in name else f
        functions: list[Callable[[], Any]] = [
            lambda f=program, xs=xs: f(*xs),
            lambda f=plain, xs=xs: f(*xs),
        ]
        if others:
            given = [jax.numpy.asarray(x) for x in xs]
            other = jax.jit(others[name][0])
            functions.append(lambda f=other, xs=given: jax.block_until_ready(f(*xs)))
        print(f"{name:<46}" + "".join([f"{x:>10.1f}" for x in least(functions)]))


if __name__ == "__main__":
    main()
