"""What a functrans function costs outside any transform: the NumPy call it wraps, and little else.

Both are called directly, with the same arrays of four elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Call, Inputs, Target, Workload

X = np.array([0.5, 1.5, -0.25, 2.0])
Y = np.array([1.25, -0.75, 0.5, 3.0])
MATRIX = np.arange(16.0).reshape(4, 4)

# The primitives are timed against the NumPy function they wrap, the namespace likewise.
OPERATIONS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "sin": ("primitives", (X,)),
    "exp": ("primitives", (X,)),
    "add": ("primitives", (X, Y)),
    "multiply": ("primitives", (X, Y)),
    "numpy.sin": ("numpy", (X,)),
    "numpy.multiply": ("numpy", (X, Y)),
    "numpy.matmul": ("numpy", (MATRIX, X)),
    "numpy.sum": ("numpy", (X,)),
    "numpy.where": ("numpy", (X > 0, X, Y)),
}


def inputs(operation: str) -> Inputs:
    """Return the operation: its arrays are constants of this file."""
    return (operation,)


def functrans(operation: str) -> Call:
    """Return the call of the functrans function."""
    import functrans.numpy
    import functrans.primitives

    namespace, arguments = OPERATIONS[operation]
    module = getattr(functrans, namespace)
    return getattr(module, operation.removeprefix("numpy.")), arguments


def plain_numpy(operation: str) -> Call:
    """Return the call of the NumPy function."""
    return getattr(np, operation.removeprefix("numpy.")), OPERATIONS[operation][1]


WORKLOAD = Workload(
    name="untraced",
    title="Untraced call, 4 elements",
    size_label="",
    sizes=tuple(OPERATIONS),
    quick_sizes=tuple(OPERATIONS),
    inputs=inputs,
    contestants={"functrans": functrans, "numpy": plain_numpy},
    targets=(Target(at_most=1.10, peer="numpy"),),
)
