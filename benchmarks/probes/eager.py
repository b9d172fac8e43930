"""Kernels outside of jit against NumPy, by the number of elements: ``python -m
benchmarks.probes.eager [--write] [name ...]``.

For each elementwise operation that has a kernel, and for the rule of each of its operands, how long
NumPy takes for every time that the kernel takes, the way to it through Python included, in one
thread. With ``--write`` it makes the table functrans/compile/llvm/eager/thresholds.py anew.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import functrans as ft
from functrans.compile.llvm.code.engine import machine
from functrans.compile.llvm.eager.operations import Operations
from functrans.core.errors import FunctransError
from functrans.core.primitive import REGISTRY, Primitive, Rule
from functrans.transforms.accelerated import hook

TABLE = Path(ft.__path__[0]) / "compile" / "llvm" / "eager" / "thresholds.py"
SIZES = (2000, 8000, 32_000, 128_000, 1_000_000)
DTYPES = "fdFD"
RANGES = ((0.2, 0.8), (1.2, 3.0))
ENOUGH = 1.25
"""How many times as long NumPy has to take, from a size on, for a kernel to be used there."""

ROUNDS = 7
SLICE = 2e-3
"""Seconds of a slice, about."""


def arrays(primitive: Primitive, count: int, dtype: str, size: int) -> list[Any] | None:
    """Operands for which the result is finite; None where it takes none of this dtype."""
    rng = np.random.default_rng(0)
    for low, high in RANGES:
        xs = [rng.uniform(low, high, size).astype(dtype) for _ in range(count)]
        try:
            with np.errstate(all="ignore"):
                out = primitive.impl(*xs)
        except (TypeError, ValueError, FunctransError):
            return None
        if type(out) is np.ndarray and out.dtype.kind in "fc" and np.isfinite(out).all():
            return xs
    return None


def times(*runs: Callable[[], Any]) -> list[float]:
    """The least time of a call of each, in slices by turns."""
    once = []
    for run in runs:
        run()
        start = time.perf_counter()
        run()
        once.append(time.perf_counter() - start)
    least = list(once)
    for _ in range(ROUNDS):
        for i, run in enumerate(runs):
            calls = max(int(SLICE / max(once[i], 1e-7)), 1)
            start = time.perf_counter()
            for _ in range(calls):
                run()
            least[i] = min(least[i], (time.perf_counter() - start) / calls)
    return least


def ratios(
    native: Callable[[Any], Any], numpy: Callable[[Any], Any], xs: Any
) -> list[float] | None:
    """How long NumPy takes in times of the kernel, at each size; None where there is no kernel."""
    found = []
    for size in SIZES:
        cut = [x[:size] for x in xs]
        if native(cut) is None:
            return None
        own, other = times(lambda cut=cut: native(cut), lambda cut=cut: numpy(cut))  # type: ignore[misc]
        found.append(other / own)
    return found


def least(found: list[float]) -> int | None:
    """The size from which on a kernel is to be used."""
    size = None
    for n, ratio in zip(reversed(SIZES), reversed(found), strict=True):
        if ratio < ENOUGH:
            break
        size = n
    return size


def measured(names: list[str]) -> Iterator[tuple[str, str, str, list[float]]]:
    """Names of operations, which rule of theirs or "" for the value, dtypes and ratios."""
    operations = Operations(exact=False, least=0)
    for name in names:
        primitive = REGISTRY[name]
        pulls = [p for p in primitive.pulls or () if p is not None]
        for dtype in DTYPES:
            xs = arrays(primitive, len(pulls), dtype, SIZES[-1])
            if xs is None:
                continue
            args = lambda given: tuple(given)  # noqa: E731
            found: Any = ratios(
                lambda given: operations.value(primitive, args(given), {}),  # noqa: B023
                lambda given: primitive.impl(*given),  # noqa: B023
                xs,
            )
            if found is not None:
                yield name, "", dtype, found
            for i, pull in enumerate(pulls):
                if not isinstance(pull, Rule):
                    continue
                kept = {}

                def rule(given: Any, pull: Rule = pull) -> Any:
                    size = given[0].size
                    if size not in kept:  # noqa: B023
                        ans = primitive.impl(*given)  # noqa: B023
                        kept[size] = np.ones_like(ans), pull.select(ans, tuple(given)), {}  # noqa: B023
                    return kept[size]  # noqa: B023

                found = ratios(
                    lambda given: operations.partial(primitive, pull.apply, rule(given)),  # noqa: B023
                    lambda given: pull.apply(*rule(given)),  # noqa: B023
                    xs,
                )
                if found is not None:
                    yield name, str(i), dtype, found


HEADER = '''"""Elements from which on kernels beat NumPy outside of jit, by operation and dtype.

Written by ``python -m benchmarks.probes.eager --write``.

A name is that of an operation; with a number behind it, that of the rule of this operand. Measured
in one thread on {machine}, NumPy {numpy}.
"""

from __future__ import annotations

LEAST: dict[str, dict[str, int]] = {{
'''


def text_of(table: dict[str, dict[str, int]]) -> str:
    """The module with the table."""
    names = " ".join(machine().processor.name.split("-"))
    rows = [f'    "{name}": {json.dumps(row)},\n' for name, row in table.items()]
    return HEADER.format(machine=names, numpy=np.__version__) + "".join(rows) + "}\n"


def main() -> None:
    given = [x for x in sys.argv[1:] if not x.startswith("--")]
    names = given or sorted(n for n, p in REGISTRY.items() if p.kind == "elementwise")
    hook.least = 0
    print(" " * 34, *[f"{n:>9}" for n in SIZES])
    table: dict[str, dict[str, int]] = {}
    for name, which, dtype, found in measured(names):
        size = least(found)
        print(f"{name:28} {which:1} {dtype:3}", *[f"{r:9.2f}" for r in found], size, flush=True)
        if size is not None:
            table.setdefault(f"{name} {which}".strip(), {})[dtype] = size
    if "--write" in sys.argv:
        TABLE.write_text(text_of(table), encoding="utf-8")


if __name__ == "__main__":
    main()
