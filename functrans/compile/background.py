"""Work that a thread of its own does while the program goes on: compilation."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_jobs: deque[Callable[[], None]] = deque()
_lock = threading.Lock()
_busy = threading.Lock()
"""Held while a job runs. A fork waits for it: the child would find imports and locks half way."""

_worker: threading.Thread | None = None


def later(job: Callable[[], None]) -> None:
    """Have a function called in the background, after those that wait already.

    There is one thread, which ends when there is nothing to do. What still waits when the program
    ends is dropped; what is being done then is waited for.
    """
    _jobs.append(job)
    go_on()


def go_on() -> None:
    """See to it that somebody works where work waits: a process that was forked has no thread."""
    global _worker
    with _lock:
        if _worker is None and _jobs:
            _worker = threading.Thread(target=_work, name="functrans compiler")
            _worker.start()


def _work() -> None:
    global _worker
    while True:
        with _lock:
            if not _jobs or not threading.main_thread().is_alive():
                _worker = None
                return
        with _busy:
            if _jobs:
                _jobs.popleft()()


def _forked() -> None:
    """The child has no thread, and begins with fresh locks."""
    global _worker, _lock, _busy
    _worker, _lock, _busy = None, threading.Lock(), threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _busy.acquire(),
        after_in_parent=lambda: _busy.release(),
        after_in_child=_forked,
    )
