"""Threads for native code: a few workers that claim the chunks of a kernel.

A kernel is cut into chunks by its data alone, so that results do not depend on the number of
threads. Who is free takes the next chunk, the thread that called the kernel too: a worker that gets
no processor delays nobody. Workers wait for a few microseconds, then they sleep. A kernel within a
chunk, or one that is called while another thread's runs, has its chunks carried out one by one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from functrans.compile.background import taking
from functrans.compile.llvm.code.builder import Builder, Value, number
from functrans.compile.llvm.code.engine import PROVIDERS, SYMBOLS, lock
from functrans.compile.llvm.code.pool import MOST, Pool
from functrans.compile.llvm.code.varying import marking
from functrans.compile.stacks import on_large_stack
from functrans.core.errors import InputTypeError, OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

PARALLEL = "functrans_parallel"
"""The function that modules of :func:`parallel` call."""

OPERANDS = ("ptr", "i64", "ptr")
"""The operands of what it calls for each chunk: the context, the chunk's number, memory of the
thread's own."""

_wanted: int | None = None
_pool: Pool | None = None


def set_num_threads(count: int) -> None:
    """How many threads native code may use, with the one that calls it.

    Results are the same for any number.

    Parameters
    ----------
    count : int
        From 1 to 256.

    Raises
    ------
    InputTypeError
        `count` is no int, or out of range.

    Examples
    --------
    >>> import functrans as ft
    >>> before = ft.get_num_threads()
    >>> ft.set_num_threads(1)
    >>> ft.get_num_threads()
    1
    >>> ft.set_num_threads(before)
    """
    global _wanted
    if type(count) is not int or not 1 <= count <= MOST:
        raise InputTypeError(
            f"set_num_threads: the number of threads must be an int from 1 to {MOST}, got {count!r}"
        )
    with lock:
        if _pool is not None:
            _pool.resize(count)
        _wanted = count


def get_num_threads() -> int:
    """How many threads native code may use, with the one that calls it.

    That is what :func:`functrans.set_num_threads` was told last; before, what the environment
    variable ``FUNCTRANS_NUM_THREADS`` says, or else ``OMP_NUM_THREADS``; or else the processors
    that this process may run on.

    Raises
    ------
    OptionError
        The environment variable is no number from 1 to 256.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.get_num_threads() >= 1
    True
    """
    global _wanted
    if _wanted is None:
        _wanted = told(os.environ)
    return _wanted


def told(environment: Mapping[str, str]) -> int:
    """The number of threads that the environment and the processors give."""
    own = environment.get("FUNCTRANS_NUM_THREADS")
    if own is not None:
        if not own.isdecimal() or not 1 <= int(own) <= MOST:
            raise OptionError(
                f"FUNCTRANS_NUM_THREADS is {own!r}; it takes a number from 1 to {MOST}"
            )
        return int(own)
    others = environment.get("OMP_NUM_THREADS", "")
    if others.isdecimal() and int(others) >= 1:
        return min(int(others), MOST)
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), MOST)
    return min(os.cpu_count() or 1, MOST)


def prepare() -> None:
    """Let there be the function that modules of :func:`parallel` call."""
    if _pool is None:  # otherwise there is no need to wait for who compiles
        on_large_stack(_prepare)


def _prepare() -> None:
    global _pool
    with taking(lock):
        if _pool is None:
            with marking(None):  # it is no part of the text that is being written
                pool = Pool(get_num_threads())
            SYMBOLS[PARALLEL] = pool.address
            _pool = pool


def _address() -> int:
    prepare()
    return SYMBOLS[PARALLEL]


PROVIDERS[PARALLEL] = _address


def parallel(
    b: Builder,
    chunk: str,
    context: Value,
    chunks: Value | int,
    nanoseconds: Value | int,
    memory: Value | None = None,
) -> None:
    """Call a function of the module for each chunk of a kernel, perhaps in several threads.

    When it is over, all chunks are done, and what they wrote is seen.

    Parameters
    ----------
    b : Builder
        Of the kernel.
    chunk : str
        The name of ``void chunk(ptr context, i64 index, ptr memory)``, which is called once for
        each index below `chunks`, in any order. It must not call Python. The memory is the
        thread's own: :data:`functrans.compile.llvm.code.pool.ROOM` bytes.
    context : Value
        An address, for it.
    chunks : Value or int
        How many there are, an int64. It must not depend on the number of threads if results do on
        how the work is cut.
    nanoseconds : Value or int
        The time of all chunks in one thread, an int64; threads for less than 30 microseconds each
        are not woken.
    memory : Value, optional
        That of the thread that calls, as much of it as chunks need; null for none.
    """
    prepare()
    given = [x if isinstance(x, Value) else number(x, "i64") for x in (chunks, nanoseconds)]
    own = Value("ptr", "null") if memory is None else memory
    b.call(PARALLEL, "void", Value("ptr", f"@{chunk}"), context, *given, own)
