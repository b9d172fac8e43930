"""Print time and memory of a long tape: ``python -m benchmarks.probes.tape PEER OPERATIONS``."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from benchmarks.gradients import GRADIENTS
from benchmarks.memory import peak_bytes


def long_chain(operations: int) -> Any:
    """Return a function of ``operations`` operations, sines and additions in turn, and a sum."""

    def chain(xp: Any, x: Any) -> Any:
        v = x
        for _ in range(operations // 2):
            v = xp.sin(v)
            v = v + x
        return xp.sum(v)

    return chain


def main(contestant: str, operations: int) -> None:
    """Measure one gradient, after a short one that loads what is loaded on first use."""
    x = np.array([0.1, 0.2, 0.3, 0.4])
    warm_up, warm_up_arguments = GRADIENTS[contestant](long_chain(10), x)
    warm_up(*warm_up_arguments)
    gradient, arguments = GRADIENTS[contestant](long_chain(operations), x)

    before = peak_bytes()
    start = time.perf_counter()
    gradient(*arguments)
    seconds = time.perf_counter() - start
    after = peak_bytes()

    measured = {"seconds": seconds, "microseconds_per_operation": 1e6 * seconds / operations}
    if before is not None and after is not None:
        measured["megabytes"] = (after - before) / 1e6
        measured["bytes_per_operation"] = (after - before) / operations
    print(json.dumps(measured))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
