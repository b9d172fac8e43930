"""The special functions of the namespace: what array-API code finds as ``xp.special``.

They are those of ``functrans.scipy.special``. Needs SciPy, which is loaded when the first of them
is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """The function of this name."""
    if name.startswith("_"):
        raise AttributeError(f"module 'functrans.numpy.special' has no attribute {name!r}")
    try:
        functions = import_module("functrans.scipy.special")
    except ModuleNotFoundError as error:
        raise AttributeError(f"functrans.numpy.special.{name} needs SciPy: {error}") from error
    return getattr(functions, name)
