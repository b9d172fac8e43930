"""What NumPy says of a ufunc's options: the same call, of arrays with one element in place of each.

NumPy's own rules so decide which dtypes, castings and arrays to write to a call takes, and the
errors for what it does not take are its own. Masks are not handed on: the loops of SciPy's ufuncs
move NumPy's pointers themselves, and write outside of the arrays where a mask splits them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.array import TracedArray
from functrans.core.types import PYTHON_TYPES, WEAK, is_weak
from functrans.numpy.operands import NUMERIC_KINDS, operand
from functrans.numpy.options import unsupported

_ARRAYS = (np.ndarray, np.generic)
_OPTIONS = frozenset(
    ("out", "dtype", "casting", "order", "subok", "signature", "sig")
    + ("axis", "axes", "keepdims", "initial")
)


def ask(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise what NumPy raises for the options of a call, whatever the shapes and values are."""
    options = {k: v for k, v in kwargs.items() if k in _OPTIONS}
    if options.get("out") is not None:
        options["out"] = tuple(specimen(x) if _has_elements(x) else x for x in options["out"])
    if method == "at" or method in ("accumulate", "reduceat") and options.get("out") is None:
        return  # these ask NumPy themselves
    given: list[Any] = [specimen(operand(x)) for x in inputs[:1]]
    if method == "reduceat":
        given.append([0])
    elif method in ("__call__", "outer"):
        given += [specimen(operand(x)) for x in inputs[1:]]
    if "initial" in options and _has_elements(options["initial"]):
        options["initial"] = specimen(options["initial"])
    with np.errstate(all="ignore"):
        results = getattr(ufunc, method)(*given, **options)
    for result in results if isinstance(results, tuple) else (results,):
        if np.asarray(result).dtype.kind not in NUMERIC_KINDS:
            name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
            raise unsupported(name, f"dtype={options.get('dtype')!r}", "take a numeric dtype")


def _has_elements(x: Any) -> bool:
    return isinstance(x, TracedArray) or issubclass(type(x), _ARRAYS)


def specimen(x: Any) -> Any:
    """An array of one element with the dtype and the number of axes of `x`; a Python number as it
    is, or of the kind that a traced one has."""
    if type(x) in WEAK:
        return x
    if is_weak(x):
        return PYTHON_TYPES[x.dtype.kind](1)
    if issubclass(type(x), np.generic):
        return x
    return np.ones((1,) * x.ndim, x.dtype)
