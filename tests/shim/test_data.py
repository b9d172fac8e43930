"""functrans.torch.utils.data: data sets, samplers, batches, workers, refusals."""

from __future__ import annotations

import threading
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import functrans.torch as torch
from functrans.torch.utils import data

Pair = namedtuple("Pair", "x y")


class Squares(data.Dataset[Any]):
    def __init__(self, n: int = 10) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> Any:
        return {"x": torch.tensor([float(i)]), "square": i * i}


class Stream(data.IterableDataset[Any]):
    """Numbers, those of each worker apart."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        info = data.get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(first, self.n, step))


def plain(batch: Any) -> Any:
    if isinstance(batch, torch.Tensor):
        return batch.tolist()
    if isinstance(batch, dict):
        return {k: plain(v) for k, v in batch.items()}
    return [plain(x) for x in batch] if isinstance(batch, list | tuple) else batch


def batches(*args: Any, **options: Any) -> list[Any]:
    return [plain(batch) for batch in data.DataLoader(*args, **options)]


def test_data_sets() -> None:
    x, y = torch.arange(6.0).reshape(3, 2), torch.arange(3)
    pairs = data.TensorDataset(x, y)
    assert len(pairs) == 3 and plain(pairs[1]) == [[2.0, 3.0], 1]
    both = data.ConcatDataset([pairs, data.TensorDataset(x + 10, y)])
    assert len(both) == 6 and plain(both[4]) == [[12.0, 13.0], 1] == plain(both[-2])
    assert len(Squares() + Squares(2)) == 12
    with pytest.raises(IndexError):
        both[6]
    with pytest.raises(ValueError, match="should not exceed"):
        both[-7]
    assert list(Stream(2) + Stream(1)) == [0, 1, 0]
    assert plain(data.StackDataset(range(3), "abc")[1]) == [1, "b"]
    assert plain(data.StackDataset(n=range(3), c="abc")[2]) == {"n": 2, "c": "c"}
    part = data.Subset(pairs, [2, 0])
    assert len(part) == 2 and plain(part[0]) == [[4.0, 5.0], 2]
    assert plain(part.__getitems__([1])) == [[[0.0, 1.0], 0]]


def test_random_split() -> None:
    source = torch.Generator().manual_seed(3)
    parts = data.random_split(range(11), [0.5, 0.25, 0.25], generator=source)
    assert [len(p) for p in parts] == [6, 3, 2]
    assert sorted(i for p in parts for i in p) == list(range(11))
    again = data.random_split(range(11), [6, 3, 2], torch.Generator().manual_seed(3))
    assert [p.indices for p in again] == [p.indices for p in parts]


def test_samplers() -> None:
    torch.manual_seed(0)
    assert list(data.SequentialSampler("abc")) == [0, 1, 2]
    shuffled = data.RandomSampler(range(20))
    first, second = list(shuffled), list(shuffled)
    assert sorted(first) == sorted(second) == list(range(20)) and first != second
    assert len(list(data.RandomSampler(range(3), num_samples=7))) == 7
    assert set(data.RandomSampler(range(3), True, 50)) == {0, 1, 2}
    assert sorted(data.SubsetRandomSampler([5, 7, 9])) == [5, 7, 9]
    weighted = data.WeightedRandomSampler([0.0, 1.0, 3.0], 1000)
    counts = np.bincount(list(weighted))
    assert counts[0] == 0 and 2 < counts[2] / counts[1] < 4
    assert sorted(data.WeightedRandomSampler([1.0, 2.0], 2, replacement=False)) == [0, 1]
    assert list(data.BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert len(data.BatchSampler(range(5), 2, False)) == 3


def test_collating() -> None:
    collate = data.default_collate
    assert plain(collate([Pair(1, 2.0), Pair(3, 4.0)])) == [[1, 3], [2.0, 4.0]]
    assert type(collate([Pair(1, 2.0)])) is Pair
    assert collate([2.0, 3.0]).dtype is torch.float64 and collate([2, 3]).dtype is torch.int64
    assert collate([True, False]).dtype is torch.bool
    assert collate([np.float32(2.0)]).dtype is torch.float32
    assert collate([np.ones(2, np.int8)] * 3).shape == (3, 2)
    assert collate(["a", "b"]) == ["a", "b"]
    assert type(collate([OrderedDict(a=1)])) is OrderedDict
    assert plain(collate([(1, [2, 3]), (4, [5, 6])])) == [[1, 4], [[2, 5], [3, 6]]]
    x = torch.ones(2, requires_grad=True)
    collate([x, 2 * x]).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [3.0, 3.0]
    assert data.default_convert({"a": (np.ones(1), "s")})["a"][0].tolist() == [1.0]


def test_batches_in_order() -> None:
    assert [b["square"] for b in batches(Squares(5), batch_size=2)] == [[0, 1], [4, 9], [16]]
    assert [b["x"] for b in batches(Squares(3), batch_size=2)] == [[[0.0], [1.0]], [[2.0]]]
    loader = data.DataLoader(Squares(5), batch_size=2, drop_last=True)
    assert len(loader) == len(list(loader)) == 2
    assert batches("abc", batch_size=None) == ["a", "b", "c"]
    assert batches([1, 2, 3], batch_size=2, collate_fn=sum) == [3, 3]
    assert batches([1, 2, 3], batch_sampler=[[2, 0], [1]]) == [[3, 1], [2]]
    assert batches([1, 2, 3], sampler=[2, 2], batch_size=2) == [[3, 3]]
    stream = data.DataLoader(Stream(5), batch_size=2, drop_last=True)
    assert [plain(b) for b in stream] == [[0, 1], [2, 3]]
    assert batches(Stream(3), batch_size=None) == [0, 1, 2]


def test_batches_of_tensors_are_those_of_items() -> None:
    """They are taken at once; an own class with other items is not passed over."""
    x, y = torch.randn(7, 2), torch.arange(7)
    pairs = data.TensorDataset(x, y)

    class Own(data.TensorDataset):
        def __getitem__(self, i: Any) -> Any:
            return (*super().__getitem__(i), -i)

    items = [pairs[i] for i in range(7)]
    for dataset in (pairs, data.Subset(pairs, list(range(7)))):
        assert batches(dataset, batch_size=3) == batches(items, batch_size=3)
    assert batches(Own(x, y), batch_size=7)[0][2] == [-i for i in range(7)]
    order = [torch.tensor(2), torch.tensor(0)]
    assert batches(pairs, sampler=order, batch_size=2)[0][1] == [2, 0]


def test_shuffling() -> None:
    loader = data.DataLoader(
        range(20), batch_size=6, shuffle=True, generator=torch.Generator().manual_seed(1)
    )
    first = [i for b in loader for i in b.tolist()]
    second = [i for b in loader for i in b.tolist()]
    assert sorted(first) == sorted(second) == list(range(20)) and first != second
    again = data.DataLoader(
        range(20), batch_size=6, shuffle=True, generator=torch.Generator().manual_seed(1)
    )
    assert [i for b in again for i in b.tolist()] == first


@pytest.mark.parametrize("count", [1, 3])
def test_workers(count: int) -> None:
    """They make the same batches in the same order, in threads of their own."""
    begun: list[int] = []
    names = set()

    class Named(Squares):
        def __getitem__(self, i: int) -> Any:
            names.add(threading.current_thread())
            return super().__getitem__(i)

    options: dict[str, Any] = {"num_workers": count, "worker_init_fn": begun.append}
    for persistent in (False, True):
        loader = data.DataLoader(Named(20), batch_size=3, **options, persistent_workers=persistent)
        for _ in range(2):
            assert [plain(b) for b in loader] == batches(Squares(20), batch_size=3)
    assert sorted(begun) == sorted(3 * list(range(count)))
    assert threading.current_thread() not in names
    numbers = [i for b in data.DataLoader(Stream(10), 2, num_workers=count) for i in b.tolist()]
    assert sorted(numbers) == list(range(10))
    assert data.get_worker_info() is None
    for _ in data.DataLoader(Squares(1000), num_workers=count):
        break  # what was asked for is dropped


def test_workers_have_the_settings_of_their_maker() -> None:
    class Made(Squares):
        def __getitem__(self, i: int) -> Any:
            x = torch.tensor(0.5, requires_grad=True)
            return str(x.dtype), (2 * x).requires_grad

    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            (batch,) = data.DataLoader(Made(1), batch_size=None, num_workers=1)
    finally:
        torch.set_default_dtype(torch.float32)
    assert batch == ["torch.float64", False]


def test_errors_of_workers_arrive() -> None:
    class Broken(Squares):
        def __getitem__(self, i: int) -> Any:
            raise KeyError("no such file")

    with pytest.raises(KeyError, match="no such file"):
        list(data.DataLoader(Broken(), num_workers=2))


REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: data.TensorDataset(torch.ones(2), torch.ones(3)), ValueError, "are 2, 3"),
    (lambda: data.ConcatDataset([]), ValueError, "should not be an empty iterable"),
    (lambda: data.ConcatDataset([Stream(1)]), TypeError, "does not support IterableDataset"),
    (lambda: data.StackDataset(), ValueError, "At least one"),
    (lambda: data.StackDataset("a", "bc"), ValueError, "Size mismatch between datasets: 1, 2"),
    (lambda: data.random_split(range(3), [1, 1]), ValueError, "Sum of input lengths"),
    (lambda: data.RandomSampler("a", num_samples=0), ValueError, "positive integer"),
    (lambda: data.BatchSampler("a", 0, False), ValueError, "batch_size should be a positive"),
    (lambda: data.WeightedRandomSampler([[1.0]], 1), ValueError, "1d sequence"),  # type: ignore[list-item]
    (lambda: data.default_collate([object()]), TypeError, "found <class 'object'>"),
    (lambda: data.default_collate([[1], [1, 2]]), RuntimeError, "of equal size"),
    (lambda: data.DataLoader("a", sampler=[0], shuffle=True), ValueError, "exclusive with shuffle"),
    (lambda: data.DataLoader("a", 2, batch_sampler=[[0]]), ValueError, "batch_sampler option is"),
    (lambda: data.DataLoader("a", None, drop_last=True), ValueError, "disables auto-batching"),
    (lambda: data.DataLoader(Stream(1), shuffle=True), ValueError, "unspecified shuffle option"),
    (lambda: data.DataLoader("a", num_workers=-1), ValueError, "should be non-negative"),
    (lambda: data.DataLoader("a", prefetch_factor=2), ValueError, "num_workers > 0"),
    (lambda: data.DataLoader("a", persistent_workers=True), ValueError, "needs num_workers > 0"),
    (lambda: data.DistributedSampler, NotImplementedError, "data.DistributedSampler"),
    (lambda: torch.utils.tensorboard, NotImplementedError, "torch.utils.tensorboard"),
]


@pytest.mark.parametrize("i", range(len(REFUSED)))
def test_refusals(i: int) -> None:
    call, error, message = REFUSED[i]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.oracle("torch")
def test_as_pytorch() -> None:
    """What needs no random numbers is the same there."""
    import torch as theirs

    x = np.arange(22.0, dtype=np.float32).reshape(11, 2)
    for options in (
        {"batch_size": 3},
        {"batch_size": 4, "drop_last": True},
        {"batch_sampler": [[3, 1], [0]]},
        {"batch_size": None},
        {"sampler": [5, 2, 2], "batch_size": 2},
    ):
        results = []
        for lib in (torch, theirs):
            own = lib.utils.data
            dataset = own.ConcatDataset(
                [
                    own.TensorDataset(lib.from_numpy(x), lib.arange(11)),
                    own.Subset(own.TensorDataset(lib.from_numpy(x), lib.arange(11)), [4, 2]),
                ]
            )
            loader = own.DataLoader(dataset, **options)
            results.append(
                (len(loader), [[type(b), *(part.tolist() for part in b)] for b in loader])
            )
        assert results[0] == results[1]
