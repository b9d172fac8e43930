"""What native code calls besides its own functions, seen to before code from the disk is loaded.

Who writes a text enters what it names. Who finds the code has written none, so here stands which
module has each name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from functrans.compile.llvm.code.engine import PROVIDERS, SYMBOLS
from functrans.compile.llvm.code.standing import find_standing

if TYPE_CHECKING:
    from collections.abc import Iterable

OURS = "functrans_"
"""What the names begin with."""

_KINDS = ("double", "float")

_ANGLES = frozenset(f"{x}_of_large_{kind}" for x in ("sin", "cos", "tan") for kind in _KINDS)

_FILLINGS = (
    *(f"bits{n}" for n in (8, 16, 32, 64)),
    *(f"{x}_{kind}" for x in ("normal", "uniform") for kind in _KINDS),
)

_HOMES = {
    "parallel": "code.threads",
    "poll": "code.polling",
    **dict.fromkeys(("cholesky", "lu", "substitution", "transposing"), "linear.library"),
    **dict.fromkeys(_ANGLES, "mathematics"),
    **dict.fromkeys(("encryption", "integer", "keys", *_FILLINGS), "random.filling"),
}
"""The modules that enter what they provide when they are imported."""


def prepare(named: Iterable[str], library: tuple[str, str] | None) -> bool:
    """Let there be what code names; whether it is the code for this process.

    Parameters
    ----------
    named : iterable of str
    library : tuple of str or None
        The library of linear algebra that the code was written for, if it calls one.
    """
    for name in named:
        if name in SYMBOLS or name in PROVIDERS or not name.startswith(OURS):
            continue
        own = name.removeprefix(OURS)
        if own in _ANGLES:
            found = find_standing(name, [name])
            if found is not None:
                SYMBOLS[name] = found[name]
                continue
        if own in _HOMES:
            import_module(f"functrans.compile.llvm.{_HOMES[own]}")
        elif own.endswith("gemm"):
            from functrans.compile.llvm.code.blas import blas

            blas()
        elif own.startswith(("sort_", "argsort_")):
            import numpy as np

            from functrans.compile.llvm.code.sorters import sorter

            how, dtype, number = own.split("_")
            sorter(np.dtype(dtype), int(number), how == "argsort")
    if not any([name.startswith(OURS) and name.endswith("gemm") for name in named]):
        return True
    from functrans.compile.llvm.code.blas import asked

    return asked() == library
