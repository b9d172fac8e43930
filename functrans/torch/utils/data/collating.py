"""Batches from lists of items: tensors of the numbers in nested containers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from functrans.torch import dtypes
from functrans.torch.creation import as_tensor, tensor
from functrans.torch.shaping import stack
from functrans.torch.tensor import Tensor


def default_collate(batch: Any) -> Any:
    """Items as one batch: tensors and arrays stacked, numbers in a tensor, containers kept.

    Parameters
    ----------
    batch : list
        Items of one structure: tensors, arrays, numbers, strings, and dicts, tuples and lists of
        them.

    Raises
    ------
    RuntimeError
        Items differ in length.
    TypeError
        An item is of another type; give the loader a ``collate_fn`` that knows it.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.utils.data.default_collate([{"x": 1, "y": [0.5]}, {"x": 2, "y": [1.5]}])
    {'x': tensor([1, 2]), 'y': [tensor([0.5000, 1.5000], dtype=torch.float64)]}
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(batch)
    if isinstance(first, np.ndarray):
        if first.dtype.kind not in "biufc":
            raise _unknown(first.dtype)
        return as_tensor(np.stack(batch))
    if isinstance(first, np.generic):
        return as_tensor(np.array(batch))
    if isinstance(first, float):
        return tensor(batch, dtype=dtypes.float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        collated = {key: default_collate([item[key] for item in batch]) for key in first}
        return collated if type(first) is dict else _like(first, collated)
    if isinstance(first, Sequence):
        if any(len(item) != len(first) for item in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        parts = [default_collate(list(samples)) for samples in zip(*batch, strict=True)]
        if hasattr(first, "_fields"):
            return type(first)(*parts)
        return parts if isinstance(first, tuple) else _like(first, parts)
    raise _unknown(type(first))


def default_convert(data: Any) -> Any:
    """Arrays in nested containers as tensors; the rest as it is."""
    if isinstance(data, np.ndarray | np.generic):
        kind = data.dtype.kind
        return as_tensor(np.asarray(data)) if kind in "biufc" else data
    if isinstance(data, Mapping):
        return _like(data, {key: default_convert(x) for key, x in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(default_convert, data))
    if isinstance(data, tuple):
        return [default_convert(x) for x in data]
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _like(data, [default_convert(x) for x in data])
    return data


def _like(container: Any, content: Any) -> Any:
    """Content in a container of the type of another; a plain one where that takes no content."""
    try:
        return type(container)(content)
    except TypeError:
        return content


def _unknown(found: Any) -> TypeError:
    return TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
        f"{found}. Give the loader a collate_fn that makes a batch of these"
    )
