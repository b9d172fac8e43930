"""Data sets: what has an item for each index, or is gone through."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

from functrans.torch.creation import Generator, randperm
from functrans.torch.tensor import Tensor

T = TypeVar("T", covariant=True)


class Dataset(Generic[T]):
    """A data set with an item for each index; a class of one's own defines ``__getitem__``.

    With ``__len__`` too it can be sampled; with ``__getitems__`` (from a list of indices to a list
    of items) a batch is fetched at once.
    """

    def __getitem__(self, index: Any) -> T:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T]):
    """A data set that is gone through; a class of one's own defines ``__iter__``."""

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError("Subclasses of IterableDataset should implement __iter__.")

    def __add__(self, other: Dataset[Any]) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """The entries of tensors along their first dimension.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> data = torch.utils.data.TensorDataset(torch.ones(3, 2), torch.arange(3))
    >>> data[1]
    (tensor([1., 1.]), tensor(1))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if len({x.shape[0] for x in tensors}) > 1:
            sizes = ", ".join(str(x.shape[0]) for x in tensors)
            raise ValueError(f"Size mismatch between tensors: their first dimensions are {sizes}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple([x[index] for x in self.tensors])

    def __len__(self) -> int:
        return len(self.tensors[0])


class StackDataset(Dataset[Any]):
    """Several data sets side by side: their items as a tuple, or by name as a dict."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ValueError(
                "Supported either `tuple`- (via `args`) or `dict`- (via `kwargs`) like input/"
                "output, but both types are given."
                if args
                else "At least one dataset should be passed"
            )
        self.datasets: Any = args or kwargs
        parts = args or tuple(kwargs.values())
        if len({len(d) for d in parts}) > 1:
            sizes = ", ".join(str(len(d)) for d in parts)
            raise ValueError(f"Size mismatch between datasets: {sizes}")
        self._length = len(parts[0])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple([dataset[index] for dataset in self.datasets])

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[Any]):
    """Several data sets one after another.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> data = torch.utils.data.ConcatDataset([[1, 2], [3]])
    >>> data[2], data[-1], len(data)
    (3, 3, 3)
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("datasets should not be an empty iterable")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise TypeError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = list(accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        at = index + len(self) if index < 0 else index
        if at < 0:
            raise ValueError("absolute value of index should not exceed dataset length")
        i = bisect_right(self.cumulative_sizes, at)
        if i == len(self.datasets):
            raise IndexError(f"index {index} is beyond the {len(self)} items of the data sets")
        return self.datasets[i][at - (self.cumulative_sizes[i - 1] if i else 0)]


class ChainDataset(IterableDataset[Any]):
    """Several data sets that are gone through one after another."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise TypeError("ChainDataset only supports IterableDataset")

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)


class Subset(Dataset[Any]):
    """The items of a data set at some indices."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        own = [self.indices[i] for i in indices]
        fetch: Any = getattr(self.dataset, "__getitems__", None)
        found: list[Any] = [self.dataset[i] for i in own] if fetch is None else fetch(own)
        return found

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Any, lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset]:
    """A data set in random parts.

    Parameters
    ----------
    dataset : Dataset
    lengths : sequence of int or float
        The sizes of the parts, or shares that add up to 1.
    generator : Generator, optional

    Raises
    ------
    ValueError
        The lengths do not add up to that of the data set.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> parts = torch.utils.data.random_split(range(10), [0.7, 0.3])
    >>> [len(part) for part in parts]
    [7, 3]
    """
    sizes = list(lengths)
    total = len(dataset)
    if math.isclose(sum(sizes), 1) and sum(sizes) <= 1:
        for i, share in enumerate(sizes):
            if not 0 <= share <= 1:
                raise ValueError(f"Fraction at index {i} is not between 0 and 1")
        sizes = [math.floor(total * share) for share in sizes]
        for i in range(total - int(sum(sizes))):
            sizes[i % len(sizes)] += 1
    if sum(sizes) != total:
        raise ValueError(
            "Sum of input lengths does not equal the length of the input dataset! "
            f"{sum(sizes)} and {total}"
        )
    order = randperm(total, generator=generator).tolist()
    ends = list(accumulate(int(size) for size in sizes))
    return [Subset(dataset, order[a:b]) for a, b in zip([0, *ends], ends, strict=False)]
