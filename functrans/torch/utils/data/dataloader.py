"""The loader: batches of a data set, in order or at random, made here or by workers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, repeat
from typing import Any

import numpy as np

from functrans.torch.creation import Generator, randint
from functrans.torch.tensor import wrap
from functrans.torch.utils.data.collating import (
    default_collate as default_collate,
    default_convert as default_convert,
)
from functrans.torch.utils.data.dataset import IterableDataset, Subset, TensorDataset
from functrans.torch.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
)
from functrans.torch.utils.data.workers import END, WorkerInfo, Workers


class DataLoader:
    """Batches of a data set.

    Parameters
    ----------
    dataset : Dataset
        Anything with items and a length, or an `IterableDataset`.
    batch_size : int, optional
        None: items by themselves.
    shuffle : bool
        In another random order each time.
    sampler : iterable of int, optional
        An order of one's own.
    batch_sampler : iterable of list of int, optional
        Batches of one's own.
    num_workers : int
        How many threads fetch batches ahead; 0: they are made when asked for. The batches and their
        order are the same; what items draw at random is not, as threads draw in any order.
    collate_fn : callable, optional
        Makes a batch of a list of items; default `default_collate`.
    drop_last : bool
        Leave out a last batch that is smaller.
    worker_init_fn : callable, optional
        Called with its number in each worker.
    generator : Generator, optional
        Where random orders come from.
    prefetch_factor : int, optional
        How many batches each worker is ahead; default 2.
    persistent_workers : bool
        Keep the threads for the next time.
    pin_memory, timeout, multiprocessing_context, pin_memory_device, in_order
        Taken for the sake of programs that give them; without effect.

    Raises
    ------
    ValueError
        Options that exclude one another.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> from functrans.torch.utils.data import DataLoader, TensorDataset
    >>> data = TensorDataset(torch.arange(5.0), torch.arange(5))
    >>> for x, y in DataLoader(data, batch_size=2):
    ...     print(x, y)
    tensor([0., 1.]) tensor([0, 1])
    tensor([2., 3.]) tensor([2, 3])
    tensor([4.]) tensor([4])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[list[Any]] | Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        self._iterable = isinstance(dataset, IterableDataset)
        _check_workers(num_workers, prefetch_factor, persistent_workers)
        if self._iterable:
            for name, given in (("shuffle", shuffle), ("sampler", sampler)):
                if given:
                    raise ValueError(
                        f"DataLoader with IterableDataset: expected unspecified {name} option, but "
                        f"got {name}={given}"
                    )
            if batch_sampler is not None:
                raise ValueError(
                    "DataLoader with IterableDataset: expected unspecified batch_sampler option, "
                    f"but got batch_sampler={batch_sampler}"
                )
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                    "and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with "
                "drop_last"
            )
        if sampler is None and not self._iterable:
            sampler = (
                RandomSampler(dataset, generator=generator)
                if shuffle
                else SequentialSampler(dataset)
            )
        if batch_size is not None and batch_sampler is None:
            # Of a data set that is gone through only the sizes of batches count.
            order: Any = repeat(0) if sampler is None else sampler
            batch_sampler = BatchSampler(order, batch_size, drop_last)
        self.dataset = dataset
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.worker_init_fn = worker_init_fn
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn
        self._workers: Workers | None = None

    def __len__(self) -> int:
        if not self._iterable:
            order: Any = self.sampler if self.batch_sampler is None else self.batch_sampler
            return len(order)
        count = len(self.dataset)
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else math.ceil(count / self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        if not self.num_workers:
            return self._here()
        return self._by_workers()

    def _requests(self) -> Iterator[Any]:
        """What a fetcher is asked for, batch by batch."""
        if self._iterable:
            return repeat(None)
        return iter(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]

    def _here(self) -> Iterator[Any]:
        fetch = self._fetcher()
        for request in self._requests():
            batch = fetch(request)
            if batch is END:
                return
            yield batch

    def _by_workers(self) -> Iterator[Any]:
        workers = self._workers
        if workers is None or self._iterable:
            n = self.num_workers
            seed = randint(0, 2**62, (), generator=self.generator).item()
            infos = [WorkerInfo(i, n, seed + i, self.dataset) for i in range(n)]
            fetchers = [self._fetcher() for _ in range(n)]
            workers = Workers(fetchers, infos, self.worker_init_fn)
            self._workers = workers if self.persistent_workers and not self._iterable else None
        try:
            assert self.prefetch_factor is not None
            yield from workers.in_order(self._requests(), self.prefetch_factor)
        finally:
            if workers is not self._workers:
                workers.close()

    def _fetcher(self) -> Callable[[Any], Any]:
        """From a request to a batch."""
        dataset, collate = self.dataset, self.collate_fn
        if self._iterable:
            return self._gone_through()
        if self.batch_sampler is None:
            return lambda index: collate(dataset[index])
        if collate is default_collate:
            at_once = _at_once(dataset)
            if at_once is not None:
                return at_once
        several = getattr(dataset, "__getitems__", None)
        if callable(several):
            return lambda indices: collate(several(indices))
        return lambda indices: collate([dataset[i] for i in indices])

    def _gone_through(self) -> Callable[[Any], Any]:
        """Batches of a data set that is gone through, begun in the thread that asks first."""
        items: Iterator[Any] | None = None

        def fetch(request: Any) -> Any:
            nonlocal items
            if items is None:
                items = iter(self.dataset)
            if self.batch_size is None:
                item = next(items, END)
                return END if item is END else self.collate_fn(item)
            batch = list(islice(items, self.batch_size))
            if not batch or (self.drop_last and len(batch) < self.batch_size):
                return END
            return self.collate_fn(batch)

        return fetch


def _at_once(dataset: Any) -> Callable[[list[Any]], Any] | None:
    """Batches of tensors by one indexing instead of one for each item; None for other data sets."""
    if type(dataset) is TensorDataset:

        def fetch(indices: list[Any]) -> Any:
            if any(type(i) is not int for i in indices):
                return default_collate([dataset[i] for i in indices])
            rows = wrap(np.asarray(indices, np.int64))
            return [x[rows] for x in dataset.tensors]

        return fetch
    if type(dataset) is Subset and (inner := _at_once(dataset.dataset)) is not None:
        return lambda indices: inner([dataset.indices[i] for i in indices])
    return None


def _check_workers(count: int, ahead: int | None, persistent: bool) -> None:
    if count < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable "
            "multiprocessing."
        )
    if not count and ahead is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing. let num_workers > "
            "0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if ahead is not None and ahead < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent and not count:
        raise ValueError("persistent_workers option needs num_workers > 0")
