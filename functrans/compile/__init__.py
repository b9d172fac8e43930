"""What carries staged programs out: a graph in, a function of NumPy arrays out."""

from typing import TYPE_CHECKING, Any as _Any

if TYPE_CHECKING:
    from functrans.compile.numpy_program import Program as Program, program as program


def __getattr__(name: str) -> _Any:
    """Those of NumPy, which a process that has native code at hand does not need."""
    if name in ("Program", "program"):
        from functrans.compile import numpy_program

        return getattr(numpy_program, name)
    raise AttributeError(f"module 'functrans.compile' has no attribute {name!r}")
