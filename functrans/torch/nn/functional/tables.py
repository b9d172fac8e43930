"""Rows of tables by number under PyTorch's signatures."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import nn as pure
from functrans.core.types import dtype_of, is_plain
from functrans.torch.engine import grad_mode
from functrans.torch.nn.functional.results import array_or_none, computed, named, own_copy
from functrans.torch.operands import tensor_array
from functrans.torch.printing import type_string
from functrans.torch.tensor import Tensor, UnsupportedError, wrap


def _indices(input: Tensor, rows: int, name: str) -> Any:
    """Numbers of rows as a plain array; they are checked."""
    numbers = own_copy(tensor_array(input, name))
    if dtype_of(numbers).kind not in "iu":
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got {type_string(input.array)} instead (while checking arguments for "
            f"{name})"
        )
    if is_plain(numbers):
        known = np.ravel(numbers)
        if known.size and (known.min() < 0 or known.max() >= rows):
            raise IndexError("index out of range in self")
    return numbers


def _padding_row(padding_idx: int | None, rows: int) -> int | None:
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx % rows


def _renormed(weight: Tensor, numbers: Any, max_norm: float, norm_type: float) -> None:
    """Scale those rows in place whose norm is greater."""
    used = np.unique(np.asarray(numbers))
    rows = weight.numpy_memory()[used]
    norms = np.linalg.norm(rows, norm_type, axis=1, keepdims=True)
    scaled = np.where(norms > max_norm, rows * (max_norm / (norms + 1e-7)), rows)
    with grad_mode(False):
        weight[wrap(used)] = wrap(scaled.astype(rows.dtype))


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of a table with given numbers.

    Parameters
    ----------
    input : Tensor of int
    weight : Tensor
        The table, shape (rows, features).
    padding_idx : int, optional
        The number of a row that receives no gradient.
    max_norm : float, optional
        Rows that are looked up and whose norm is greater are scaled to it, in place.
    norm_type : float
        The order of that norm.

    Raises
    ------
    IndexError
        There is no such row.
    NotImplementedError
        `scale_grad_by_freq` or `sparse` were asked for.
    """
    _refuse("embedding", scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)
    w = tensor_array(weight, "embedding")
    numbers = _indices(input, w.shape[0], "embedding")
    padding = _padding_row(padding_idx, w.shape[0])
    if max_norm is not None:
        _renormed(weight, numbers, max_norm, norm_type)
    array = computed(pure.embedding, numbers, w, padding_idx=padding)
    return named(array, "EmbeddingBackward0")


def _refuse(name: str, **options: bool) -> None:
    for option, given in options.items():
        if given:
            raise UnsupportedError(
                f"torch.nn.functional.{name} with {option}=True is not supported by functrans.torch"
            )


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Class numbers as rows of zeros with a single one."""
    labels = own_copy(tensor_array(tensor, "one_hot"))
    if dtype_of(labels) != np.dtype(np.int64):
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if is_plain(labels):
        if labels.size == 0 and num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        if labels.size and labels.min() < 0:
            raise RuntimeError("Class values must be non-negative.")
        if num_classes != -1 and labels.size and labels.max() >= num_classes:
            raise RuntimeError("Class values must be smaller than num_classes.")
    return wrap(pure.one_hot(labels, num_classes))


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: Any = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, means or maxima of rows of a table, a bag of rows each.

    Parameters
    ----------
    input : Tensor of int
        The numbers of the rows, shape (bags, rows of each); or of all bags behind one another.
    weight : Tensor
        The table, shape (rows, features).
    offsets : Tensor of int, optional
        Where each bag begins, if they stand behind one another.
    max_norm, norm_type
        As in `embedding`.
    mode : {"sum", "mean", "max"}
    per_sample_weights : Tensor, optional
        A factor for each row, for "sum".
    include_last_offset : bool
        The offsets end with the end of the last bag.
    padding_idx : int, optional
        The number of a row that does not count.

    Raises
    ------
    ValueError, RuntimeError
        The shapes do not fit.
    NotImplementedError
        `scale_grad_by_freq` or `sparse` were asked for.
    """
    name = "embedding_bag"
    _refuse(name, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)
    w = tensor_array(weight, name)
    numbers = _indices(input, w.shape[0], name)
    if per_sample_weights is not None and per_sample_weights.shape != input.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then "
            f"it must have the same shape as the input ({input.shape})"
        )
    if input.ndim == 2 and offsets is not None:
        raise ValueError(
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of "
            "fixed length sequences. However, found offsets of type " + str(type(offsets))
        )
    if input.ndim == 1 and offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if input.ndim not in (1, 2):
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}"
        )
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}')."
        )
    if max_norm is not None:
        _renormed(weight, numbers, max_norm, norm_type)
    starts = None if offsets is None else own_copy(offsets)
    if include_last_offset and starts is not None:
        numbers, starts = numbers[: starts[-1]], starts[:-1]
    array = computed(
        *(pure.embedding_bag, numbers, w, starts),
        mode=mode,
        per_sample_weights=array_or_none(per_sample_weights),
        padding_idx=_padding_row(padding_idx, w.shape[0]),
    )
    return named(array, "EmbeddingBagBackward0")
