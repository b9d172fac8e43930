"""Builtins: objects of Python whose native code checks arguments, makes results and calls a
compiled function.

One native function serves all: it reads what to check and what to make in a table
(:mod:`functrans.compile.llvm.calling.plan`), which takes a few nanoseconds for an argument. So it
is compiled once in a process, and a new program costs a table.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from functrans.compile.llvm.calling.memory import prepare as prepare_memory
from functrans.compile.llvm.calling.plan import Plan
from functrans.compile.llvm.calling.scratch import bind, prepare
from functrans.compile.llvm.calling.signature import Structure
from functrans.compile.llvm.calling.structs import layouts
from functrans.compile.llvm.code.standing import load_standing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from functrans.compile.llvm.calling.structs import Layouts

LARGEST = 4096
"""Containers and leaves of arguments and results up to which native code takes a signature."""

FASTCALL_AND_KEYWORDS = 0x0080 | 0x0002


class _MethodDef(ctypes.Structure):
    """CPython's ``PyMethodDef``."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def builtin(
    name: str,
    body: int | ctypes.c_void_p,
    inputs: Sequence[Any],
    outputs: Any,
    fallback: Callable[..., Any],
    *,
    keywords: Mapping[str, Any] | None = None,
    arena: int = 0,
    status: bool = False,
    polls: bool = False,
    long: bool = False,
    numbers: np.ndarray[Any, np.dtype[np.int64]] | None = None,
    kept: Any = None,
) -> Callable[..., Any]:
    """A function around native code.

    Its arguments are those of the signature exactly: arrays of NumPy's own class, of
    the dtype itself, in C order and aligned, of the shape; numbers of the class. Any other call is
    handed on to `fallback`, as it is.

    Parameters
    ----------
    name : str
        Its ``__name__``.
    body : int or c_void_p
        The address, or the place where it stands and may be replaced by that of another function
        that does the same, of ``i32 body(ptr inputs, ptr outputs, ptr arena, ptr sizes)``: arrays
        of the addresses of data, by the numbers of the leaves; memory for what is computed in
        between, at a multiple of 64, its content undefined; the sizes that the arguments told,
        int64, in the
        order of :meth:`Structure.sizes`. A function with fewer operands, or without a result, does
        too (``void body(ptr, ptr, ptr)``). Results do not overlap with anything, but for those that
        are donated arguments. A scalar lies in 16 bytes of its own.
    inputs : sequence
        For each argument a leaf (see :mod:`functrans.compile.llvm.calling.signature`) or a nested
        tuple, named tuple, list, or dict of leaves.
    outputs : leaf, or nested tuple, named tuple, list or dict of leaves
        An :class:`ArrayType` without dimensions gives a scalar of NumPy, a weak one a number of
        Python.
    fallback : callable
        Another builtin, perhaps: a chain of them is a function for several signatures.
    keywords : dict, optional
        The same of arguments that are given by keyword; their leaves come behind the others.
    arena : int
        Bytes.
    status : bool
        Whether the body returns 0, or another number where it cannot go on. Then the results are
        dropped, and `fallback` is called with the arguments.
    polls : bool
        Whether the body lets others have the GIL meanwhile, and may return
        :data:`functrans.compile.llvm.code.polling.INTERRUPTED`, with an exception of Python set.
    long : bool
        Whether a call takes so long (tens of microseconds) that other threads should run meanwhile.
    numbers : array of int64, optional
        What the body gets in place of the sizes.
    kept : object, optional
        Something that the body needs and that lives as long as the builtin.

    Returns
    -------
    callable
        A builtin of Python; a function of Python that does the same where objects are not laid out
        as native code could read them.
    """
    structure, made = Structure(inputs, keywords or {}), Structure([outputs])
    found = layouts()
    if found is None or len(structure.nodes) + len(made.nodes) > LARGEST:
        from functrans.compile.llvm.calling.foreign import Foreign

        return Foreign(name, body, structure, made, fallback, arena, status, polls, numbers, kept)
    plan = Plan(structure, made, found, body, arena, status or polls, long, polls, numbers)
    definition = _MethodDef(name.encode(), _native(), FASTCALL_AND_KEYWORDS, None)
    held = (fallback, plan.words, definition, tuple(plan.objects), kept)
    return _new()(ctypes.addressof(definition), held, None)  # type: ignore[no-any-return]


@lru_cache(maxsize=1)
def _new() -> Any:
    """CPython's ``PyCFunction_NewEx``."""
    kind = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    return kind(("PyCFunction_NewEx", ctypes.pythonapi))


@lru_cache(maxsize=1)
def _native() -> int:
    """The address of the native function of all builtins."""
    found = layouts()
    assert found is not None
    prepare()
    prepare_memory()
    names = ["functrans_entry", "empty_arena"]
    loaded = load_standing(f"builtins of {found}", partial(_text, found), names)
    bind(loaded["empty_arena"])
    return loaded["functrans_entry"]


def _text(fields: Layouts) -> str:
    """The module of the native function."""
    from functrans.compile.llvm.calling.entry_text import text

    return text(fields)
