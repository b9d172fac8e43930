"""Workers of a loader: threads that fetch batches ahead, each in turn.

Threads and not processes: items need not be copied from one to another, and NumPy gives way to
other threads while it computes and reads. A worker sees the data set itself.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from functrans.torch import dtypes
from functrans.torch.engine import mode, record


class WorkerInfo(NamedTuple):
    """What `get_worker_info` returns in a worker."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Current(threading.local):
    """The worker that this thread is."""

    info: WorkerInfo | None = None


_current = _Current()

END = object()
"""What a worker returns that has nothing more."""


def get_worker_info() -> WorkerInfo | None:
    """In a worker of a loader its number and how many there are; None elsewhere.

    A data set that is gone through needs it to give each worker another part.
    """
    return _current.info


class Workers:
    """Some threads, and what is asked of them in turn.

    Parameters
    ----------
    fetchers : list of callable
        For each worker, makes a batch from what is sent; run in its thread only.
    infos : list of WorkerInfo
    init : callable, optional
        Called in each thread with the number of the worker.
    """

    def __init__(
        self,
        fetchers: list[Callable[[Any], Any]],
        infos: list[WorkerInfo],
        init: Callable[[int], Any] | None,
    ) -> None:
        settings = dtypes.get_default_dtype(), mode.grad

        def begin(info: WorkerInfo) -> None:
            # What is set by thread is that of the thread which made the workers.
            dtypes.set_default_dtype(settings[0])
            record(settings[1])
            _current.info = info
            if init is not None:
                init(info.id)

        self.fetchers = fetchers
        self.threads = [ThreadPoolExecutor(1, "functrans-loader") for _ in fetchers]
        self.begun = [
            thread.submit(begin, info) for thread, info in zip(self.threads, infos, strict=True)
        ]

    def in_order(self, requests: Iterator[Any], ahead: int) -> Iterator[Any]:
        """What the workers make of requests, `ahead` of which are worked on by each."""
        turns = deque(range(len(self.threads)))
        waiting: deque[tuple[int, Future[Any]]] = deque()
        for begun in self.begun:
            begun.result()  # raises what the initialiser raised
        try:
            while True:
                while turns and len(waiting) < ahead * len(self.threads):
                    request = next(requests, END)
                    if request is END:
                        turns.clear()
                        break
                    worker = turns[0]
                    turns.rotate(-1)
                    waiting.append(
                        (worker, self.threads[worker].submit(self.fetchers[worker], request))
                    )
                if not waiting:
                    return
                worker, future = waiting.popleft()
                result = future.result()
                if result is not END:
                    yield result
                elif worker in turns:
                    turns.remove(worker)
        finally:
            for _, future in waiting:
                future.cancel()

    def close(self) -> None:
        """Let the threads end after what they are at."""
        for thread in self.threads:
            thread.shutdown(wait=False, cancel_futures=True)
