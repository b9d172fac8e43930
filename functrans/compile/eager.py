"""What carries out operations on large arrays outside of jit: NumPy, or native kernels too."""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from functrans.compile.executors import VARIABLE as BACKEND_VARIABLE
from functrans.compile.llvm.code.processor import available
from functrans.core.errors import OptionError
from functrans.transforms.accelerated import LEAST_VARIABLE, hook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functrans.compile.llvm.eager.operations import Operations

EagerBackend = Literal["numpy", "llvm", "exact"]

BACKENDS = ("numpy", "llvm", "exact")

VARIABLE = "FUNCTRANS_EAGER"

WIDE = 32
"""Bytes of vector registers from which on kernels were measured to beat NumPy."""


class _Choice(threading.local):
    """What this thread has asked for."""

    backend: EagerBackend | None = None


_choice = _Choice()
_for_all: EagerBackend | None = None
_operations: dict[bool, Operations] = {}


def set_eager_backend(backend: EagerBackend | None) -> None:
    """What carries out operations on large arrays outside of :func:`jit`, from now on.

    Native kernels take the elementwise operations of differentiated and batched functions, and
    their rules, where the arguments are large and kernels were measured to beat NumPy. They are
    within 4 units in the last place, and give the warnings that NumPy gives.

    Parameters
    ----------
    backend : {"numpy", "llvm", "exact"} or None
        NumPy for everything; kernels; only those kernels whose results have the bits of NumPy's.
        None stands for what the environment variables ``FUNCTRANS_EAGER``, or else
        ``FUNCTRANS_BACKEND``, say; where they say nothing, for ``"llvm"`` if llvmlite is installed
        and the processor has vectors of 32 bytes, and ``"numpy"`` otherwise.

    Raises
    ------
    OptionError
        There is no such backend, or it is not installed.

    See Also
    --------
    eager_backend : The same for the length of a ``with`` block.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.set_eager_backend("numpy")
    >>> ft.get_eager_backend()
    'numpy'
    >>> ft.set_eager_backend(None)
    """
    global _for_all
    _for_all = None if backend is None else _checked(backend, "set_eager_backend: backend")


def get_eager_backend() -> EagerBackend:
    """What carries out operations on large arrays outside of :func:`jit`, in this thread now.

    Raises
    ------
    OptionError
        An environment variable names what there is not.

    Examples
    --------
    >>> import functrans as ft
    >>> with ft.eager_backend("numpy"):
    ...     ft.get_eager_backend()
    'numpy'
    """
    return _choice.backend or _for_all or _default()


class eager_backend:
    """What carries out operations on large arrays, in this thread for the length of a ``with``
    block.

    Parameters
    ----------
    backend : {"numpy", "llvm", "exact"}
        See :func:`functrans.set_eager_backend`.

    Raises
    ------
    OptionError
        There is no such backend, or it is not installed.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> x = np.linspace(0, 1, 10_000)
    >>> with ft.eager_backend("numpy"):
    ...     slope = ft.grad(lambda x: np.sum(np.sin(x)))(x)
    >>> bool(np.array_equal(slope, np.cos(x)))
    True
    """

    __slots__ = ("_backend", "_before")

    _before: EagerBackend | None

    def __init__(self, backend: EagerBackend) -> None:
        self._backend: EagerBackend = _checked(backend, "eager_backend: backend")

    def __enter__(self) -> None:
        self._before = _choice.backend
        _choice.backend = self._backend

    def __exit__(self, *exc: object) -> None:
        _choice.backend = self._before


def kernels() -> Operations | None:
    """The kernels of this moment; None: NumPy does everything."""
    backend = get_eager_backend()
    if backend == "numpy":
        return None
    exact = backend == "exact"
    found = _operations.get(exact)
    if found is None:
        from functrans.compile.llvm.eager.operations import Operations

        found = _operations[exact] = Operations(exact, least(os.environ))
    return found


def forget() -> None:
    """Forget all kernels, and give back the memory that is kept between calls of native code."""
    from functrans.compile.llvm.calling import memory, scratch

    _operations.clear()
    memory.forget()
    scratch.forget()


def _checked(backend: str, where: str) -> EagerBackend:
    if backend not in BACKENDS:
        raise OptionError(f"{where} is {backend!r}; it takes 'numpy', 'llvm' or 'exact'")
    if backend != "numpy" and not available():
        raise OptionError(
            f"{where} is {backend!r}, which needs llvmlite: pip install 'functrans[jit]'. The "
            "backend 'numpy' needs nothing else."
        )
    return backend  # type: ignore[return-value]


@lru_cache(maxsize=1)
def _default() -> EagerBackend:
    """What the environment says when it is first asked."""
    return told(os.environ)


def told(environment: Mapping[str, str]) -> EagerBackend:
    """The backend of the environment and the machine."""
    own = environment.get(VARIABLE)
    if own:
        return _checked(own, f"the environment variable {VARIABLE}")
    if environment.get(BACKEND_VARIABLE) == "numpy" or not available():
        return "numpy"
    from functrans.compile.llvm.code.engine import machine

    return "llvm" if machine().vector_bytes >= WIDE else "numpy"


def least(environment: Mapping[str, str]) -> int | None:
    """The elements from which on kernels do all that they can, if the environment tells it."""
    told = environment.get(LEAST_VARIABLE)
    if not told:
        return None
    if not told.isdecimal():
        raise OptionError(
            f"{LEAST_VARIABLE} is {told!r}; it takes a number of elements, from which on kernels "
            "carry out what they can"
        )
    return hook.least
