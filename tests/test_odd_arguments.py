"""Calls of array functions with all that their options may be given: NumPy is the oracle.

The calls are those of `tests/function_sweep.py`. Under each transform a call gives what NumPy
gives, in value, dtype, shape and class, and raises an error of the same class where NumPy raises.
What traced arrays do not take is refused by an error of functrans.
"""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import numpy as np
import pytest

from functrans import tree
from functrans.core.errors import FunctransError
from functrans.numpy.operands import NUMERIC_KINDS
from tests.function_sweep import FUNCTIONS, calls
from tests.test_ufunc_options import TRANSFORMS, X, difference, lanes, outcome

KNOWN = {
    # Whether a value without axes is an array or a scalar, a graph does not know.
    "isscalar no axes": "value",
    "imag no axes": "value",
    "ndarray.view no axes": "value",
    "ndarray.astype no axes": "value",
    "ndarray.fill a scalar": "value",  # a scalar of NumPy takes no writes, and says nothing
    **{
        f"{name} a scalar": "accepted"
        for name in ("full", "zeros", "ones", "empty", "arange", "eye", "identity", "tri")
    },
    **{f"{name} a scalar": "accepted" for name in ("copyto", "ndarray.dot")},
    "place a scalar": "class",
    "putmask a scalar": "class",
    "isfortran": "refused",  # traced arrays have no layout, which an AttributeError says
    "common_type": "refused",  # its result is a type, which jvp and vmap do not give back
    "geomspace integers": "accepted",  # zeros, of which staged code does not know
    "geomspace bools": "accepted",
    "unravel_index shape=(-1, -1)": "refused",  # NumPy sees that their product is positive
}
"""What is otherwise, by function and what is particular about the call, with the reason."""


def public(error: Exception) -> type[Exception]:
    """The class of an error that users may name."""
    private = "numpy._core._exceptions"
    return next(c for c in type(error).__mro__ if c.__module__ != private)  # type: ignore[return-value]


def judged(found: Any, expected: Any, scalars: bool) -> str:
    """How the outcome of a call differs from NumPy's; empty if it does not, or is refused."""
    if isinstance(expected, Exception):
        if not isinstance(found, Exception):
            return "accepted"
        return "" if isinstance(found, (FunctransError, public(expected))) else "class"
    if isinstance(found, Exception):
        return "" if isinstance(found, FunctransError) else "refused"
    if isinstance(expected, list | tuple) and type(found) is not type(expected):
        return "value"
    if any(np.asarray(x).dtype.kind not in NUMERIC_KINDS for x in tree.leaves(expected)):
        return "" if repr(found) == repr(expected) else "value"  # texts, dtypes, None
    words = difference(found, expected, scalars, eps=1e-15)
    if words.startswith("raises"):  # an error among several results
        return "refused"
    return "value" if words else ""


def swept(names: Any = None, every: int = 1, first: int = 0) -> dict[str, Counter[str]]:
    """What differs, by call: how, and in which transforms. Of the calls, every n-th is made."""
    found: dict[str, Counter[str]] = {}
    for i, (name, label, call) in enumerate(calls(names)):
        if i % every != first:
            continue
        particular = f"{name} {label[2:]}".strip()
        expected = outcome(call, X)
        for transform, apply in TRANSFORMS.items():
            wanted = expected
            if transform == "vmap" and not isinstance(expected, Exception):
                wanted = outcome(lanes, call, X)
            how = judged(outcome(apply, call, X), wanted, transform != "vmap")
            if how and how not in (KNOWN.get(particular), KNOWN.get(name)):
                found.setdefault(f"{how}: {particular}", Counter())[transform] += 1
    return found


def quietly(**options: Any) -> dict[str, Counter[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return swept(**options)


EVERY = 23
"""Of how many calls the tests by default make one: a prime, which so meets all kinds of options."""


def test_some_odd_arguments() -> None:
    assert quietly(every=EVERY, first=5) == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_all_odd_arguments(part: int) -> None:
    assert quietly(names=list(FUNCTIONS)[part::4]) == {}
