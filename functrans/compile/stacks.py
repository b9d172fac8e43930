"""Threads with stacks of a known size, for work that needs more than a thread of a user may have.

What ``threading.stack_size`` or the C library gives a thread can be as little as 64 kB. Compiled
code does with that, the compiler does not.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

STACK = 1 << 24
"""Bytes of the stack of such a thread. What is not touched takes no memory."""

_lock = threading.RLock()  # the handler of a signal may start a thread while one is started


def _forked() -> None:
    """A child would wait for ever for a thread that it has not."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)

_here = threading.local()
"""Has the attribute `large` in threads that were started here."""


def start(target: Callable[[], object], name: str) -> threading.Thread:
    """Start a thread with a large stack, where threads can be told such.

    Parameters
    ----------
    target : callable
        What it runs.
    name : str

    Returns
    -------
    Thread
    """

    def run() -> None:
        _here.large = True
        target()

    thread = threading.Thread(target=run, name=name)
    with _lock:
        before = threading.stack_size()
        with suppress(ValueError, RuntimeError):  # it cannot be told
            threading.stack_size(STACK)
        try:
            thread.start()
        finally:
            with suppress(ValueError, RuntimeError):
                threading.stack_size(before)
    return thread


def is_large() -> bool:
    """Whether this thread is the main one, or has a large stack."""
    main = threading.main_thread().ident == threading.get_ident()
    return main or getattr(_here, "large", False)


def on_large_stack(function: Callable[..., T], *args: Any, **options: Any) -> T:
    """Call a function, in another thread if this one's stack may be small, and wait for it.

    Raises
    ------
    BaseException
        What the function raises.
    """
    if is_large():
        return function(*args, **options)
    made: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            made.append(function(*args, **options))
        except BaseException as error:
            errors.append(error)

    try:
        thread = start(run, "functrans compiler")
    except RuntimeError:  # the program ends, or there are as many threads as there may be
        return function(*args, **options)
    thread.join()
    if errors:
        raise errors[0]
    return made[0]
