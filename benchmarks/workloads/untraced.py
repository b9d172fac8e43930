"""What a function of ``functrans.numpy`` costs outside any transform: the NumPy call it wraps, and
little else.

Both are called directly, with the same arrays of four elements. Timed are the functions with a
wrapper of their own. All others have none (``functrans.numpy.sum is numpy.sum``): a call costs no
more by construction, and timing it would only compare NumPy with itself. The tests check that no
wrapper is left out.

What NumPy writes in Python too (`ones`, `zeros_like`, `take`) costs no more than its own, since
ours then does the same in one call. Where NumPy's function is one of C, the call of a Python
function comes on top, some 50 nanoseconds, and 40 more to ask whether a transform runs. Four
functions cannot reach the target for that, because NumPy needs as little: `asarray` of an array (11
nanoseconds against 60), `asanyarray` (50 against 120), `zeros` (60 against 140) and `array` (80
against 190). They cannot be NumPy's own either: NumPy would not ask about a list of traced values,
and traced values could not be written into its arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Call, Inputs, Target, Workload

X = np.array([0.5, 1.5, -0.25, 2.0])
Y = np.array([1.25, -0.75, 0.5, 3.0])
KNOTS = np.array([0.0, 1.0, 2.0, 3.0])

OPERATIONS: dict[str, tuple[Any, ...]] = {
    "argsort": (X,),
    "array": (X,),
    "asanyarray": (X,),
    "asarray": (X,),
    "average": (X, None, Y),
    "clip": (X, -1.0, 1.0),
    "copy": (X,),
    "full": (4, 1.0),
    "full_like": (X, 1.0),
    "interp": (X, KNOTS, Y),
    "lexsort": ((X, Y),),
    "nan_to_num": (X,),
    "ones": (4,),
    "ones_like": (X,),
    "pad": (X, 1),
    "piecewise": (X, [X < 0, X >= 0], [-1.0, 1.0]),
    "polyint": (X,),
    "roll": (X, 1),
    "select": ([X < 0, X > 1], [X, Y]),
    "sort": (X,),
    "std": (X,),
    "take": (X, [0, 2]),
    "var": (X,),
    "zeros": (4,),
    "zeros_like": (X,),
}
"""The arguments of each function."""


def inputs(operation: str) -> Inputs:
    """Return the operation: its arrays are constants of this file."""
    return (operation,)


def functrans(operation: str) -> Call:
    """Return the call of the wrapper; AssertionError if it is the NumPy function itself."""
    import functrans.numpy

    function = getattr(functrans.numpy, operation)
    assert function is not getattr(np, operation), f"{operation} is NumPy's own"
    return function, OPERATIONS[operation]


def plain_numpy(operation: str) -> Call:
    """Return the call of the NumPy function."""
    return getattr(np, operation), OPERATIONS[operation]


WORKLOAD = Workload(
    name="untraced",
    title="Untraced call of a function with a wrapper, 4 elements",
    size_label="",
    sizes=tuple(OPERATIONS),
    quick_sizes=tuple(OPERATIONS),
    inputs=inputs,
    contestants={"functrans": functrans, "numpy": plain_numpy},
    targets=(Target(at_most=1.10, peer="numpy"),),
)
