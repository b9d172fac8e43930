"""Dropout, and rows of tables by number, under PyTorch's signatures."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from functrans import nn as pure
from functrans.core.types import dtype_of
from functrans.torch.engine import grad_mode
from functrans.torch.nn.functional.results import computed, finished, named, own_copy
from functrans.torch.operands import tensor_array
from functrans.torch.printing import type_string
from functrans.torch.random import source
from functrans.torch.tensor import Tensor, UnsupportedError, wrap


def check_probability(p: float) -> None:
    """Raise PyTorch's error for what is no probability."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _dropped(
    draw: Any, name: str, input: Tensor, p: float, training: bool, inplace: bool
) -> Tensor:
    check_probability(p)
    a = tensor_array(input, name)
    if not training or p == 0:
        return input
    return finished(input, draw(a, p, source(None)), inplace, "MulBackward0")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element set to 0 with probability `p`, the others divided by ``1 - p``."""
    return _dropped(pure.dropout, "dropout", input, p, training, inplace)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels of sequences set to 0 with probability `p`."""
    return _of_channels("dropout1d", 1, input, p, training, inplace)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels of images set to 0 with probability `p`."""
    check_probability(p)
    if input.ndim not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {input.ndim}-D input to dropout2d, which is deprecated and "
            "will result in an error in a future release. To retain the behavior and silence this "
            "warning, please use dropout instead. Note that dropout2d exists to provide "
            "channel-wise dropout on inputs with 2 spatial dimensions, a channel dimension, and an "
            "optional batch dimension (i.e. 3D or 4D inputs).",
            stacklevel=2,
        )
    # Three dimensions are a batch of sequences, as they have always been.
    return _dropped(pure.feature_dropout, "dropout2d", input, p, training, inplace)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels of volumes set to 0 with probability `p`."""
    return _of_channels("dropout3d", 3, input, p, training, inplace)


def _of_channels(
    name: str, axes: int, input: Tensor, p: float, training: bool, inplace: bool
) -> Tensor:
    check_probability(p)
    if input.ndim not in (axes + 1, axes + 2):
        raise RuntimeError(
            f"{name}: Expected {axes + 1}D or {axes + 2}D input, but received a {input.ndim}D "
            "input."
        )
    if input.ndim == axes + 2:
        return _dropped(pure.feature_dropout, name, input, p, training, inplace)

    def single(a: Any, p: float, rng: Any) -> Any:
        return pure.feature_dropout(a[None], p, rng)[0]

    return _dropped(single, name, input, p, training, inplace)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Elements set to the limit of `selu` far below with probability `p`, keeping mean 0 and
    variance 1."""
    return _dropped(pure.alpha_dropout, "alpha_dropout", input, p, training, inplace)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """As `alpha_dropout`, whole channels."""

    def draw(a: Any, p: float, rng: Any) -> Any:
        return pure.alpha_dropout(a, p, rng, channels=True)

    return _dropped(draw, "feature_alpha_dropout", input, p, training, inplace)


def _indices(input: Tensor, rows: int, name: str) -> Any:
    """Numbers of rows as a plain array; they are checked."""
    numbers = own_copy(input)
    if dtype_of(numbers).kind not in "iu":
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got {type_string(input.array)} instead (while checking arguments for "
            f"{name})"
        )
    if isinstance(numbers, np.ndarray | np.generic):
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
    labels = own_copy(tensor)
    if dtype_of(labels) != np.dtype(np.int64):
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if isinstance(labels, np.ndarray | np.generic):
        if labels.size == 0 and num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        if labels.size and labels.min() < 0:
            raise RuntimeError("Class values must be non-negative.")
        if num_classes != -1 and labels.size and labels.max() >= num_classes:
            raise RuntimeError("Class values must be smaller than num_classes.")
    return wrap(pure.one_hot(labels, num_classes))
