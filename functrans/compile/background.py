"""Work that a thread of its own does while the program goes on: compilation."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from functrans.compile import stacks

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

T = TypeVar("T")

CALM = 0.05
"""Seconds without compilation in the foreground after which what is in no hurry is done: LLVM is
for one thread at a time, which would wait for it."""

PATIENCE = 1.0
"""Seconds that what is in no hurry waits for a call which has just been compiled, at most."""

_LOOK = 0.005
"""Seconds after which the thread looks again whether it has become calm, or the program ends."""

_jobs: deque[Callable[[], None]] = deque()
_calm_jobs: deque[Callable[[], None]] = deque()
_disturbed = 0.0
"""When something was last compiled in the foreground, or how long a call may go on."""

_lock = threading.RLock()
_busy = threading.RLock()
"""Held while a job runs. A fork waits for it: the child would find imports and locks half way.

Who holds a lock may fork, or compile something: handlers of signals run anywhere. So a thread may
take each lock again, and the background's thread waits for none while a fork waits for it.
"""

_worker: threading.Thread | None = None
_resting = False
"""Whether the thread is to end, though there is work."""

_at_rest = False
"""Whether a fork holds what jobs hold."""


_here = threading.local()
"""Has the attribute `works` in the background's thread."""


class PostponedError(BaseException):
    """A job is given up, to be done again: a fork waits for its thread, which waits for a lock."""


class _Patience(AbstractContextManager[None]):
    """A lock as the background's thread takes it."""

    def __init__(self, lock: Any) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        while not self._lock.acquire(timeout=_LOOK):
            if _resting:
                raise PostponedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._lock.release()


def taking(lock: Any) -> AbstractContextManager[Any]:
    """What a ``with`` statement is to hold, of a lock that jobs take too.

    That is the lock itself, which no Ctrl-C leaves half taken. The background's thread gets no
    signals; it gives up its job where a fork waits for it, as who forks may hold the lock.
    """
    return _Patience(lock) if hasattr(_here, "works") else lock


def later(job: Callable[[], None]) -> None:
    """Have a function called in the background, after those that wait already.

    There is one thread, which ends when there is nothing to do. What still waits when the program
    ends is dropped; what is being done then is waited for.
    """
    _jobs.append(job)
    go_on()


def when_calm(job: Callable[[], None]) -> None:
    """Have a function called in the background when nothing is in a hurry, see :data:`CALM`."""
    global _disturbed
    _disturbed = max(_disturbed, time.monotonic())
    _calm_jobs.append(job)
    go_on()


def undisturbed(run: Callable[..., T], *values: Any) -> T:
    """Call a function, for which what is in no hurry waits: beside much other work a call lasts
    longer than it is calm after a compilation, and would share its processor."""
    global _disturbed
    _disturbed = time.monotonic() + PATIENCE
    try:
        return run(*values)
    finally:
        _disturbed = time.monotonic()


def go_on() -> None:
    """See to it that somebody works where work waits: a process that was forked has no thread."""
    global _worker
    _prepare_forks()
    with _lock:
        if _worker is None and not _resting and (_jobs or _calm_jobs):
            _worker = stacks.start(_work, "functrans compiler")


def finish() -> None:
    """Do everything that waits, or wait for who does it, also what is in no hurry."""
    global _disturbed
    while _jobs or _calm_jobs:
        _disturbed = -CALM
        with _busy:
            _do_next()
    with _busy:
        pass


def _do_next() -> bool:
    """Do what is to be done now; whether there was something. What is postponed stays the next."""
    calm = not _jobs
    if calm and time.monotonic() < _disturbed + CALM:
        return False
    jobs = _calm_jobs if calm else _jobs
    try:
        job = jobs.popleft()
    except IndexError:  # another thread was faster
        return False
    try:
        job()
    except PostponedError:
        jobs.appendleft(job)
    return True


def _work() -> None:
    global _worker
    _here.works = True
    try:
        while _goes_on():
            with _Patience(_busy):
                found = _do_next()
            if not found:
                time.sleep(_LOOK)
    except PostponedError:  # a fork waits for this thread, and begins another afterwards
        _worker = None
    except BaseException:
        _worker = None
        raise


def _goes_on() -> bool:
    """Whether the thread has work; otherwise it is none any more."""
    global _worker
    with _Patience(_lock):
        waiting = _jobs or _calm_jobs
        if waiting and not _resting and threading.main_thread().is_alive():
            return True
        _worker = None
        return False


def _rest() -> None:
    """Before a fork: have the thread end, as the child would not have it. Ctrl-C meanwhile does not
    keep Python from forking."""
    global _resting, _at_rest
    _resting = True
    worker = _worker
    if worker is not None:
        worker.join()
    _at_rest = _busy.acquire()


def _rested() -> None:
    global _resting, _at_rest
    _resting = False
    if _at_rest:
        _at_rest = False
        _busy.release()
    go_on()


def _forked() -> None:
    """The child begins with fresh locks, and does itself what its parent had before it."""
    global _worker, _lock, _busy, _resting, _at_rest
    _worker, _lock, _busy = None, threading.RLock(), threading.RLock()
    _resting = _at_rest = False
    go_on()


@lru_cache(maxsize=1)
def _prepare_forks() -> None:
    """With the first job: what is registered last is asked first before a fork. Other modules take
    their locks then, for which the thread may wait that is waited for here."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_rest, after_in_parent=_rested, after_in_child=_forked)
