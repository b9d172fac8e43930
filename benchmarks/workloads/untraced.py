"""What a functrans function costs outside any transform: the NumPy call it wraps, and little else.

Both are called directly, with the same arrays of four elements. Timed are primitives with a wrapper
of their own. Ufuncs have none (``functrans.primitives.sin is numpy.sin``): a call costs no more by
construction, and timing it would only compare NumPy with itself. The tests check the identity.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.workload import Call, Inputs, Target, Workload

X = np.array([0.5, 1.5, -0.25, 2.0])
Y = np.array([1.25, -0.75, 0.5, 3.0])

SHAPE = "shape" if np.lib.NumpyVersion(np.__version__) >= "2.1.0" else "newshape"

# For each primitive: the NumPy function it wraps, the operands, and the keyword arguments of the
# primitive and of the NumPy function.
OPERATIONS: dict[
    str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], dict[str, Any]]
] = {
    "where": (np.where, (X > 0, X, Y), {}, {}),
    "clip": (np.clip, (X, -1.0, 1.0), {}, {}),
    # numpy.sum and numpy.max are slower ways to the same reductions, and would flatter us.
    "sum": (np.add.reduce, (X,), {"axes": (0,)}, {"axis": (0,)}),
    "max": (np.maximum.reduce, (X,), {"axes": (0,)}, {"axis": (0,)}),
    "reshape": (np.reshape, (X,), {"shape": (2, 2)}, {SHAPE: (2, 2)}),
    "sort": (np.sort, (X,), {"axis": 0}, {"axis": 0}),
}


def with_keywords(function: Callable[..., Any], keywords: dict[str, Any]) -> Callable[..., Any]:
    """Return ``function``, bound to its keyword arguments if it has any."""
    return partial(function, **keywords) if keywords else function


def inputs(operation: str) -> Inputs:
    """Return the operation: its arrays are constants of this file."""
    return (operation,)


def functrans(operation: str) -> Call:
    """Return the call of the primitive; AssertionError if it is the NumPy function itself."""
    import functrans.primitives

    wrapped, arguments, keywords, _ = OPERATIONS[operation]
    function = getattr(functrans.primitives, operation)
    assert function is not wrapped, f"{operation} is NumPy's own: nothing would be measured"
    return with_keywords(function, keywords), arguments


def plain_numpy(operation: str) -> Call:
    """Return the call of the NumPy function."""
    wrapped, arguments, _, keywords = OPERATIONS[operation]
    return with_keywords(wrapped, keywords), arguments


WORKLOAD = Workload(
    name="untraced",
    title="Untraced call of a primitive, 4 elements",
    size_label="",
    sizes=tuple(OPERATIONS),
    quick_sizes=tuple(OPERATIONS),
    inputs=inputs,
    contestants={"functrans": functrans, "numpy": plain_numpy},
    targets=(Target(at_most=1.10, peer="numpy"),),
)
