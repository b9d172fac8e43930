"""Recurrent networks as modules."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from functrans import nn as pure
from functrans.torch import indexing
from functrans.torch.creation import empty
from functrans.torch.nn import init
from functrans.torch.nn.functional.results import array_or_none, computed
from functrans.torch.nn.module import Module
from functrans.torch.nn.parameter import Parameter
from functrans.torch.nn.utils.rnn import PackedSequence
from functrans.torch.operands import tensor_array
from functrans.torch.random import source
from functrans.torch.tensor import Tensor, wrap


class RNNBase(Module):
    """What recurrent networks share: parameters, and running over sequences.

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, ... : Parameter
        Those of each layer; with the ending "_reverse" those of the other direction.
    """

    gates = 1
    states = 1

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._check_options(mode, hidden_size, num_layers, dropout, proj_size)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        made = {"device": device, "dtype": dtype}
        outputs = proj_size or hidden_size
        rows = self.gates * hidden_size
        self._groups: list[list[str]] = []
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else outputs * (2 if bidirectional else 1)
            for ending in ("", "_reverse") if bidirectional else ("",):
                shapes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (rows, inputs),
                    "weight_hh": (rows, outputs),
                }
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                names = [f"{kind}_l{layer}{ending}" for kind in shapes]
                for name, shape in zip(names, shapes.values(), strict=True):
                    setattr(self, name, Parameter(empty(shape, **made)))
                self._groups.append(names)
        self.reset_parameters()

    def _check_options(
        self, mode: str, hidden_size: Any, num_layers: int, dropout: Any, proj_size: int
    ) -> None:
        number = isinstance(dropout, int | float) and not isinstance(dropout, bool)
        if not number or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an "
                "element being zeroed"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero "
                f"dropout expects num_layers greater than 1, but got dropout={dropout} and "
                f"num_layers={num_layers}",
                stacklevel=4,
            )
        if not isinstance(hidden_size, int):
            raise TypeError(f"hidden_size should be of type int, got: {type(hidden_size).__name__}")
        if hidden_size <= 0:
            raise ValueError("hidden_size must be greater than zero")
        if num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if proj_size < 0:
            raise ValueError(
                "proj_size should be a positive integer or zero to disable projections"
            )
        if proj_size >= hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._groups]

    def flatten_parameters(self) -> None:
        """Nothing: the parameters need not lie behind one another."""

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _check_input(self, input: Tensor, packed: bool) -> None:
        tensor_array(input, self.mode.lower())
        ranks = (2,) if packed else (2, 3)
        if input.ndim not in ranks:
            if packed:
                raise RuntimeError(f"input must have 2 dimensions, got {input.ndim}")
            what = "D tensor" if self.mode.startswith("RNN") else "D"
            raise ValueError(
                f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.ndim}{what} "
                "instead"
            )
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. Expected "
                f"{self.input_size}, got {input.shape[-1]}"
            )

    def _check_hidden(self, hidden: tuple[Tensor, ...], batch: int, single: bool) -> None:
        for h in hidden:
            tensor_array(h, self.mode.lower())
        rank = 2 if single else 3
        if any(h.ndim != rank for h in hidden):
            kind = "unbatched 2-D" if single else "batched 3-D"
            if self.states == 1:
                raise RuntimeError(
                    f"For {kind} input, hx should also be {rank}-D but got {hidden[0].ndim}-D "
                    "tensor"
                )
            ranks = ", ".join(f"{h.ndim}-D" for h in hidden)
            raise RuntimeError(
                f"For {kind} input, hx and cx should also be {rank}-D but got ({ranks}) tensors"
            )
        layers = self.num_layers * (2 if self.bidirectional else 1)
        sizes = (self.proj_size or self.hidden_size, self.hidden_size)
        for i, (h, size) in enumerate(zip(hidden, sizes, strict=False)):
            wanted = (layers, batch, size)
            found = [h.shape[0], 1, h.shape[1]] if single else list(h.shape)
            if tuple(found) != wanted:
                which = "hidden" if self.states == 1 else f"hidden[{i}]"
                raise RuntimeError(f"Expected {which} size {wanted}, got {found}")

    def forward(self, input: Any, hx: Any = None) -> Any:
        packed = isinstance(input, PackedSequence)
        lengths = None
        given: tuple[Tensor, ...] | None = None if hx is None else tuple(hx)
        if hx is not None and self.states == 1:
            given = (hx,)
        self._check_input(input.data if packed else input, packed)
        if packed:
            x = input.padded()
            lengths = input.lengths()
            if given is not None and input.sorted_indices is not None:
                given = tuple(indexing.index_select(h, 1, input.sorted_indices) for h in given)
        else:
            x = input
        if given is not None:
            single = x.ndim == 2
            batch = 1 if single else x.shape[0 if self.batch_first and not packed else 1]
            self._check_hidden(given, batch, single)
        out, last = self._run(x, given, self.batch_first and not packed, lengths)
        if not packed:
            return out, (last if self.states > 1 else last[0])
        if input.unsorted_indices is not None:
            last = tuple(indexing.index_select(h, 1, input.unsorted_indices) for h in last)
        rows = PackedSequence(indexing.getitem(out, input.places()), *input[1:])
        return rows, (last if self.states > 1 else last[0])

    def _run(
        self, x: Tensor, given: tuple[Tensor, ...] | None, batch_first: bool, lengths: Any
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        function: Any = {1: pure.rnn, 3: pure.gru, 4: pure.lstm}[self.gates]
        hx: Any = None
        if given is not None:
            arrays = tuple(h.array for h in given)
            hx = arrays if self.states > 1 else arrays[0]
        out, last = computed(
            function,
            x.array,
            hx,
            [[w.array for w in group] for group in self.all_weights],
            bidirectional=self.bidirectional,
            batch_first=batch_first,
            dropout=self.dropout,
            rng=source(None) if self.dropout and self.training else None,
            training=self.training,
            lengths=lengths,
            **self._options(),
        )
        return wrap(out), tuple(map(wrap, last if self.states > 1 else (last,)))

    def _options(self) -> dict[str, Any]:
        return {}

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.batch_first is not False:
            text += f", batch_first={self.batch_first}"
        if self.dropout:
            text += f", dropout={self.dropout}"
        if self.bidirectional is not False:
            text += f", bidirectional={self.bidirectional}"
        return text


class RNN(RNNBase):
    """A plain recurrent network over sequences.

    Parameters
    ----------
    input_size, hidden_size : int
    num_layers : int
    nonlinearity : {"tanh", "relu"}
    bias : bool
    batch_first : bool
        The first two dimensions of input and output are (n, time).
    dropout : float
        The probability that an output is omitted between layers, in training.
    bidirectional : bool
        Run each layer in both directions.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> out, h = torch.nn.RNN(10, 20, 2)(torch.randn(5, 3, 10))
    >>> out.size(), h.size()
    (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            self.nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self.nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if self.nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(f"RNN_{self.nonlinearity.upper()}", *args, **kwargs)

    def _options(self) -> dict[str, Any]:
        return {"nonlinearity": self.nonlinearity}


class LSTM(RNNBase):
    """A long short-term memory over sequences; see `RNN`. `proj_size` projects its outputs.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> out, (h, c) = torch.nn.LSTM(10, 20, proj_size=5)(torch.randn(5, 3, 10))
    >>> out.size(), h.size(), c.size()
    (torch.Size([5, 3, 5]), torch.Size([1, 3, 5]), torch.Size([1, 3, 20]))
    """

    gates = 4
    states = 2

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)


class GRU(RNNBase):
    """Gated recurrent units over sequences; see `RNN`."""

    gates = 3

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)


class RNNCellBase(Module):
    """What the single steps of recurrent networks share."""

    weight_ih: Any
    weight_hh: Any
    bias_ih: Any
    bias_hh: Any

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        made = {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(empty((rows, input_size), **made))
        self.weight_hh = Parameter(empty((rows, hidden_size), **made))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, **made)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        nonlinearity = self.__dict__.get("nonlinearity", "tanh")
        if nonlinearity != "tanh":
            text += f", nonlinearity={nonlinearity}"
        return text

    def _arguments(self, input: Tensor, states: list[Tensor | None]) -> tuple[Any, list[Any]]:
        """The arrays of the input and of the states, zeros for those that were not given."""
        for x in (input, *states):
            if x is not None:
                tensor_array(x, type(self).__name__)
        if input.ndim not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected input to be 1D or 2D, got {input.ndim}D instead"
            )
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {input.shape[-1]} expected "
                f"{self.input_size}"
            )
        shape = (*input.shape[:-1], self.hidden_size)
        arrays = []
        for i, h in enumerate(states):
            if h is None:
                arrays.append(np.zeros(shape, input.array.dtype))
                continue
            if h.ndim not in (1, 2):
                raise ValueError(
                    f"{type(self).__name__}: Expected hidden to be 1D or 2D, got {h.ndim}D instead"
                )
            if input.ndim == 2 and h.shape[0] != input.shape[0]:
                raise RuntimeError(
                    f"Input batch size {input.shape[0]} doesn't match hidden{i} batch size "
                    f"{h.shape[0]}"
                )
            if h.shape[-1] != self.hidden_size:
                raise RuntimeError(
                    f"hidden{i} has inconsistent hidden_size: got {h.shape[-1]}, expected "
                    f"{self.hidden_size}"
                )
            arrays.append(h.array)
        return input.array, arrays

    def _weights(self) -> list[Any]:
        given = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return [array_or_none(w) for w in given]


class RNNCell(RNNCellBase):
    """One step of a plain recurrent network.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.nn.RNNCell(10, 20)(torch.randn(3, 10), torch.randn(3, 20)).size()
    torch.Size([3, 20])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        x, (h,) = self._arguments(input, [hx])
        kind: Any = self.nonlinearity
        return wrap(pure.rnn_cell(x, h, *self._weights(), nonlinearity=kind))


class LSTMCell(RNNCellBase):
    """One step of a long short-term memory."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        x, (h, c) = self._arguments(input, [None, None] if hx is None else list(hx))
        h, c = pure.lstm_cell(x, (h, c), *self._weights())
        return wrap(h), wrap(c)


class GRUCell(RNNCellBase):
    """One step of a gated recurrent unit."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        x, (h,) = self._arguments(input, [hx])
        return wrap(pure.gru_cell(x, h, *self._weights()))
