"""Sequences of several lengths, filled up in one tensor or packed behind one another."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable
from typing import Any

import numpy as np

from functrans.torch import creation, indexing, shaping
from functrans.torch.tensor import Tensor, wrap

_Packed = namedtuple("_Packed", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"])


class PackedSequence(_Packed):
    """Sequences of several lengths, all first elements before all second ones.

    Attributes
    ----------
    data : Tensor
    batch_sizes : Tensor
        How many sequences go on to each time.
    sorted_indices, unsorted_indices : Tensor or None
        How the sequences were put in the order of their lengths, and back.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if batch_sizes is None:
            raise ValueError("batch_sizes should always be on CPU: give a tensor of integers")
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The sequences in another dtype."""
        return PackedSequence(self.data.to(*args, **kwargs), *self[1:])

    def double(self) -> PackedSequence:
        """The sequences as float64."""
        return PackedSequence(self.data.double(), *self[1:])

    def float(self) -> PackedSequence:
        """The sequences as float32."""
        return PackedSequence(self.data.float(), *self[1:])

    def cpu(self) -> PackedSequence:
        """The sequences themselves."""
        return self

    @property
    def is_cuda(self) -> bool:
        """False: there is the CPU only."""
        return False

    def lengths(self) -> np.ndarray[Any, Any]:
        """The lengths of the sequences in their packed order."""
        sizes = self.batch_sizes.numpy_memory()
        return np.asarray((sizes[:, None] > np.arange(sizes[0])).sum(0))

    def places(self) -> tuple[Tensor, Tensor]:
        """The time and the sequence of each entry of the data."""
        sizes = self.batch_sizes.numpy_memory()
        times = np.repeat(np.arange(len(sizes)), sizes)
        rows = np.concatenate([np.arange(n) for n in sizes])
        return wrap(times), wrap(rows)

    def padded(self, value: Any = 0.0, total: int | None = None) -> Tensor:
        """The sequences in their packed order, shape (time, n, ...)."""
        times = len(self.batch_sizes) if total is None else total
        shape = (times, int(self.batch_sizes[0]), *self.data.shape[1:])
        out = creation.full(shape, value, dtype=self.data.dtype)
        return indexing.index_put(out, self.places(), self.data)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that puts things back."""
    if permutation is None:
        return None
    return wrap(np.argsort(permutation.numpy_memory()))


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack sequences that are filled up in one tensor.

    Parameters
    ----------
    input : Tensor
        Shape (time, n, ...), with `batch_first` (n, time, ...).
    lengths : Tensor or sequence of int
    batch_first : bool
    enforce_sorted : bool
        The lengths must not increase; otherwise the sequences are sorted.

    Raises
    ------
    RuntimeError
        The lengths increase, or one is not positive.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> packed = torch.nn.utils.rnn.pack_padded_sequence(torch.ones(3, 2, 1), [3, 1])
    >>> packed.batch_sizes
    tensor([2, 1, 1])
    """
    counts = np.asarray(lengths.numpy_memory() if isinstance(lengths, Tensor) else lengths)
    counts = counts.astype(np.int64)
    order = None
    if not enforce_sorted:
        order = np.argsort(-counts, kind="stable")
        counts = counts[order]
        input = indexing.index_select(input, 0 if batch_first else 1, wrap(order))
    elif np.any(np.diff(counts) > 0):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if batch_first:
        input = shaping.transpose(input, 0, 1)
    if counts.size != input.shape[1]:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {counts.size} (batch_size="
            f"{input.shape[1]})"
        )
    if counts.size == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    if counts.min() <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    sizes = wrap((np.arange(counts.max())[:, None] < counts).sum(1))
    sorted_indices = None if order is None else wrap(order)
    where = PackedSequence(input, sizes).places()
    return PackedSequence(indexing.getitem(input, where), sizes, sorted_indices)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Fill packed sequences up in one tensor: the reverse of `pack_padded_sequence`.

    Returns
    -------
    sequences : Tensor
        In the order before packing.
    lengths : Tensor
    """
    longest = len(sequence.batch_sizes)
    if total_length is not None and total_length < longest:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, "
            f"but got total_length={total_length} and max sequence length being {longest}"
        )
    out = sequence.padded(padding_value, total_length)
    lengths = sequence.lengths()
    if sequence.unsorted_indices is not None:
        out = indexing.index_select(out, 1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices.numpy_memory()]
    return (shaping.transpose(out, 0, 1) if batch_first else out), wrap(lengths)


def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences, the shorter ones filled up.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.nn.utils.rnn.pad_sequence([torch.ones(2), torch.ones(1)], batch_first=True)
    tensor([[1., 1.],
            [1., 0.]])
    """
    from functrans.torch.nn.functional.resampling import pad

    if padding_side not in ("left", "right"):
        raise RuntimeError(f"padding_side should be one of 'left' or 'right', got {padding_side}")
    if isinstance(sequences, Tensor):
        sequences = shaping.unbind(sequences, 0)
    elif not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    sequences = list(sequences)
    longest = max(len(s) for s in sequences)
    filled = []
    for s in sequences:
        missing = longest - len(s)
        widths = [0, 0] * (s.ndim - 1) + ([missing, 0] if padding_side == "left" else [0, missing])
        filled.append(pad(s, widths, value=padding_value))
    return shaping.stack(filled, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """The sequences that `pad_sequence` stacked."""
    if not batch_first:
        padded_sequences = shaping.transpose(padded_sequences, 0, 1)
    counts = [int(n) for n in lengths]
    return [s[:n] for s, n in zip(padded_sequences, counts, strict=True)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences."""
    lengths = [len(s) for s in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The list of sequences that were packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
