"""Work that a thread of its own does while the program goes on: compilation."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING

from functrans.compile import stacks

if TYPE_CHECKING:
    from collections.abc import Callable

CALM = 0.05
"""Seconds without compilation in the foreground after which what is in no hurry is done: LLVM is
for one thread at a time, which would wait for it."""

_LOOK = 0.005
"""Seconds after which the thread looks again whether it has become calm, or the program ends."""

_jobs: deque[Callable[[], None]] = deque()
_calm_jobs: deque[Callable[[], None]] = deque()
_disturbed = 0.0
"""When something was last compiled in the foreground."""

_lock = threading.Lock()
_busy = threading.Lock()
"""Held while a job runs. A fork waits for it: the child would find imports and locks half way."""

_worker: threading.Thread | None = None
_resting = False
"""Whether the thread is to end, though there is work."""

_at_rest = False
"""Whether a fork holds what jobs hold."""


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
    _disturbed = time.monotonic()
    _calm_jobs.append(job)
    go_on()


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
    _disturbed = -CALM
    while _jobs or _calm_jobs:
        with _busy:
            job = _next()
            if job is not None:
                job()
    with _busy:
        pass


def _next() -> Callable[[], None] | None:
    """What is to be done now."""
    try:
        if _jobs:
            return _jobs.popleft()
        if _calm_jobs and time.monotonic() >= _disturbed + CALM:
            return _calm_jobs.popleft()
    except IndexError:  # another thread was faster
        pass
    return None


def _work() -> None:
    global _worker
    try:
        while _goes_on():
            with _busy:
                job = _next()
                if job is not None:
                    job()
            if job is None:
                time.sleep(_LOOK)
    except BaseException:
        _worker = None
        raise


def _goes_on() -> bool:
    """Whether the thread has work; otherwise it is none any more."""
    global _worker
    with _lock:
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
    _worker, _lock, _busy = None, threading.Lock(), threading.Lock()
    _resting = _at_rest = False
    go_on()


@lru_cache(maxsize=1)
def _prepare_forks() -> None:
    """With the first job: what is registered last is asked first before a fork. Other modules take
    their locks then, for which the thread may wait that is waited for here."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_rest, after_in_parent=_rested, after_in_child=_forked)
