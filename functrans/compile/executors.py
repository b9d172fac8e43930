"""Which executor carries a staged program out: NumPy, or native code where llvmlite is there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from functrans.compile.llvm.code.processor import available
from functrans.core.errors import OptionError
from functrans.core.reports import interrupting

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.types import Array
    from functrans.graph.graph import Equation, Graph

Backend = Literal["numpy", "llvm"]

BACKENDS = ("numpy", "llvm")

VARIABLE = "FUNCTRANS_BACKEND"

IN_BACKGROUND = "FUNCTRANS_BACKGROUND"


class Runnable(Protocol):
    """A graph that can be run on plain values."""

    @property
    def run(self) -> Callable[..., list[Array]]: ...

    @property
    def source(self) -> str: ...

    def __call__(self, *values: Array) -> list[Array]: ...


class Executor(NamedTuple):
    """How programs are carried out.

    Attributes
    ----------
    backend : {"numpy", "llvm"}
    exact : bool
        Native code gives NumPy's bits wherever NumPy defines them.
    background : bool
        NumPy carries a program out for as long as its native code is compiled by another thread.
    """

    backend: Backend = "numpy"
    exact: bool = False
    background: bool = False

    @property
    def native(self) -> bool:
        """Whether native code is to be used now: it reports no floating-point errors, so it is not
        where one would interrupt."""
        return self.backend == "llvm" and not interrupting()

    @property
    def params(self) -> dict[str, Any]:
        """This executor as a parameter of an operation, left out if it is NumPy."""
        return {} if self.backend == "numpy" else {"executor": self}

    def takes(self, equation: Equation) -> bool:
        """Whether native code carries an operation out."""
        from functrans.compile.llvm.segment import supported

        return supported(equation, self.exact)

    def program(self, graph: Graph, donated: tuple[int, ...] = ()) -> Runnable:
        """What runs a graph, made once; see :func:`functrans.compile.program`."""
        if not self.native:
            from functrans.compile.numpy_program import program

            return program(graph, donated)
        from functrans.compile.llvm.native import native_program

        return native_program(graph, donated, self.exact, self.background)


NUMPY = Executor()


def executor(
    backend: Backend | None = None, exact: bool = False, background: bool | None = None
) -> Executor:
    """The executor of these options.

    Parameters
    ----------
    backend : {"numpy", "llvm"}, optional
        None stands for what the environment variable ``FUNCTRANS_BACKEND`` says; where it says
        nothing, for ``"llvm"`` if llvmlite is installed and ``"numpy"`` otherwise.
    exact : bool
        See :class:`Executor`.
    background : bool, optional
        The same; None stands for what the environment variable ``FUNCTRANS_BACKGROUND`` says, 0 or
        1, and for False where it says nothing.

    Raises
    ------
    OptionError
        There is no such backend, or it is not installed; the environment says something else.
    """
    if background is None:
        said = os.environ.get(IN_BACKGROUND) or "0"
        if said not in ("0", "1"):
            raise OptionError(
                f"the environment variable {IN_BACKGROUND} is {said!r}; it takes 0 or 1"
            )
        background = said == "1"
    asked, where = backend, "jit: backend"
    if backend is None and os.environ.get(VARIABLE):
        asked, where = os.environ[VARIABLE], f"the environment variable {VARIABLE}"  # type: ignore[assignment]
    if asked is None:
        asked = "llvm" if available() else "numpy"
    elif asked not in BACKENDS:
        raise OptionError(f"{where} is {asked!r}; it takes 'numpy' or 'llvm'")
    elif asked == "llvm" and not available():
        raise OptionError(
            f"{where} is 'llvm', which needs llvmlite: pip install 'functrans[jit]'. The backend "
            "'numpy' needs nothing else."
        )
    return Executor(asked, exact, background) if asked == "llvm" else NUMPY
