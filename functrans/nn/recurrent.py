"""Recurrent networks: one step of each kind, and whole sequences in layers and both directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of, shape_of
from functrans.nn.activations import relu
from functrans.nn.linear import linear
from functrans.nn.regularization import dropout
from functrans.nn.sources import part
from functrans.numpy.operands import operand

if TYPE_CHECKING:
    from functrans.nn.sources import Source

State = tuple[Array, ...]
Step = Callable[[Array, State, Array, Array], State]
"""From the gates that the input and the last output give, the last state, and what the weights of
the last output are, to the new state."""


def _split(x: Array, parts: int) -> list[Array]:
    """The last axis in parts of one length."""
    n = shape_of(x)[-1] // parts
    return [x[..., i * n : (i + 1) * n] for i in range(parts)]


def _rnn_step(nonlinearity: str) -> Step:
    activations: dict[str, Callable[[Array], Array]] = {"tanh": p.tanh, "relu": relu}
    if nonlinearity not in activations:
        raise ValueError(f"nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
    activation = activations[nonlinearity]
    return lambda gates, state, weight, bias: (
        activation(p.add(gates, linear(state[0], weight, bias))),
    )


def _lstm_step(gates: Array, state: State, weight: Array, bias: Array) -> State:
    i, f, g, o = _split(p.add(gates, linear(state[0], weight, bias)), 4)
    c = p.add(p.multiply(p.sigmoid(f), state[1]), p.multiply(p.sigmoid(i), p.tanh(g)))
    return p.multiply(p.sigmoid(o), p.tanh(c)), c


def _gru_step(gates: Array, state: State, weight: Array, bias: Array) -> State:
    (h,) = state
    reset, update, new = _split(gates, 3)
    reset_h, update_h, new_h = _split(linear(h, weight, bias), 3)
    reset, update = p.sigmoid(p.add(reset, reset_h)), p.sigmoid(p.add(update, update_h))
    n = p.tanh(p.add(new, p.multiply(reset, new_h)))
    return (p.add(n, p.multiply(update, p.subtract(h, n))),)


def rnn_cell(
    x: Any,
    h: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    *,
    nonlinearity: Literal["tanh", "relu"] = "tanh",
) -> Array:
    """One step of a plain recurrent network: ``tanh(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)``.

    Parameters
    ----------
    x, h : array_like
        Input and last output, shape (..., inputs) and (..., hidden).
    w_ih, w_hh : array_like
        Shape (hidden, inputs) and (hidden, hidden).
    b_ih, b_hh : array_like, optional
        Shape (hidden,).
    nonlinearity : {"tanh", "relu"}

    Examples
    --------
    >>> rnn_cell(np.ones(1), np.zeros(1), np.array([[2.0]]), np.eye(1), nonlinearity="relu")
    array([2.])
    """
    return _rnn_step(nonlinearity)(linear(x, w_ih, b_ih), (operand(h),), w_hh, b_hh)[0]


def lstm_cell(
    x: Any,
    state: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
) -> tuple[Array, Array]:
    """One step of a long short-term memory.

    Parameters
    ----------
    x : array_like
        Input, shape (..., inputs).
    state : pair of array_like
        Last output and last cell, shape (..., hidden).
    w_ih, w_hh, b_ih, b_hh
        As in `rnn_cell`, with four parts along the first axis: those of the input, forget, cell and
        output gates.

    Returns
    -------
    h, c : array
        New output and cell.

    Examples
    --------
    >>> weights = np.zeros((4, 1)), np.zeros((4, 1))
    >>> lstm_cell(np.ones(1), (np.zeros(1), np.ones(1)), *weights)[1]
    array([0.5])
    """
    h, c = state
    new = _lstm_step(linear(x, w_ih, b_ih), (operand(h), operand(c)), w_hh, b_hh)
    return new[0], new[1]


def gru_cell(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Array:
    """One step of a gated recurrent unit.

    The weights are those of `rnn_cell`, with three parts along the first axis: those of the reset
    and update gates, and of the new output.

    Examples
    --------
    >>> gru_cell(np.ones(1), np.ones(1), np.zeros((3, 1)), np.zeros((3, 1)))
    array([0.5])
    """
    return _gru_step(linear(x, w_ih, b_ih), (operand(h),), w_hh, b_hh)[0]


def rnn(
    x: Any,
    hx: Any,
    params: Sequence[Sequence[Any]],
    *,
    nonlinearity: Literal["tanh", "relu"] = "tanh",
    bidirectional: bool = False,
    batch_first: bool = False,
    dropout: float = 0.0,
    rng: Source | None = None,
    training: bool = True,
    lengths: Any = None,
) -> tuple[Array, Array]:
    """A plain recurrent network over sequences.

    Parameters
    ----------
    x : array_like
        Shape (time, n, inputs), or (time, inputs) for a single sequence.
    hx : array_like, optional
        The first outputs, shape (layers * directions, n, hidden); None: zeros.
    params : sequence of tuple
        ``(w_ih, w_hh, b_ih, b_hh)`` or ``(w_ih, w_hh)`` of each layer, as in `rnn_cell`; if
        bidirectional, two of them a layer, forwards and backwards.
    nonlinearity : {"tanh", "relu"}
    bidirectional : bool
        Run each layer in both directions and join the outputs.
    batch_first : bool
        The first two axes of `x` and of the output are (n, time).
    dropout : float
        The probability that an output is omitted between layers.
    rng : numpy.random.Generator or key, optional
        Needed for dropout in training.
    training : bool
        Whether dropout takes place.
    lengths : array_like of int, optional
        The lengths of the sequences, shape (n,), if they are not all whole: beyond them the outputs
        are 0, and the last outputs are those at their ends.

    Returns
    -------
    out : array
        The outputs of the last layer at all times, shape (time, n, directions * hidden).
    h : array
        The last outputs of all layers, in the shape of `hx`.

    Raises
    ------
    ValueError
        The shapes or the number of parameters do not fit.

    Examples
    --------
    >>> out, h = rnn(np.ones((3, 1)), None, [(np.eye(1), np.eye(1))], nonlinearity="relu")
    >>> out.ravel(), h
    (array([1., 2., 3.]), array([[3.]]))
    """
    initial = None if hx is None else (hx,)
    options = (bidirectional, batch_first, dropout, rng, training, lengths)
    out, state = _sequence("rnn", _rnn_step(nonlinearity), 1, 1, x, initial, params, *options)
    return out, state[0]


def lstm(
    x: Any,
    hx: Any,
    params: Sequence[Sequence[Any]],
    *,
    bidirectional: bool = False,
    batch_first: bool = False,
    dropout: float = 0.0,
    rng: Source | None = None,
    training: bool = True,
    lengths: Any = None,
) -> tuple[Array, tuple[Array, Array]]:
    """A long short-term memory over sequences; see `rnn`.

    `hx` and the second result are pairs ``(h, c)`` of outputs and cells. The parameters of a layer
    may end with a projection of its outputs, shape (outputs, hidden).

    Examples
    --------
    >>> params = [(np.ones((4, 1)), np.ones((4, 1)))]
    >>> out, (h, c) = lstm(np.ones((5, 2, 1)), None, params)
    >>> out.shape, h.shape, c.shape
    ((5, 2, 1), (1, 2, 1), (1, 2, 1))
    """
    options = (bidirectional, batch_first, dropout, rng, training, lengths)
    out, state = _sequence("lstm", _lstm_step, 2, 4, x, hx, params, *options)
    return out, (state[0], state[1])


def gru(
    x: Any,
    hx: Any,
    params: Sequence[Sequence[Any]],
    *,
    bidirectional: bool = False,
    batch_first: bool = False,
    dropout: float = 0.0,
    rng: Source | None = None,
    training: bool = True,
    lengths: Any = None,
) -> tuple[Array, Array]:
    """Gated recurrent units over sequences; see `rnn`.

    Examples
    --------
    >>> out, h = gru(np.ones((5, 2, 1)), None, [(np.ones((3, 1)), np.ones((3, 1)))])
    >>> out.shape, h.shape
    ((5, 2, 1), (1, 2, 1))
    """
    initial = None if hx is None else (hx,)
    options = (bidirectional, batch_first, dropout, rng, training, lengths)
    out, state = _sequence("gru", _gru_step, 1, 3, x, initial, params, *options)
    return out, state[0]


def _sequence(
    name: str,
    step: Step,
    states: int,
    gates: int,
    x: Any,
    hx: Any,
    params: Sequence[Sequence[Any]],
    bidirectional: bool,
    batch_first: bool,
    omitted: float,
    rng: Source | None,
    training: bool,
    lengths: Any,
) -> tuple[Array, list[Array]]:
    x = operand(x)
    single = len(shape_of(x)) == 2
    if single:
        x = x[:, None]
    elif len(shape_of(x)) != 3:
        raise ValueError(
            f"{name}: the input must have shape (time, n, inputs) or (time, inputs), got "
            f"{shape_of(x)}"
        )
    elif batch_first:
        x = p.transpose(x, axes=(1, 0, 2))
    directions = 2 if bidirectional else 1
    cells = [_Cell(name, *map(operand, cell), projects=states == 2) for cell in params]
    _check_cells(name, cells, gates, directions, shape_of(x)[2])
    initial = _initial(name, x, hx, cells, states, single)
    inside = None if lengths is None else _inside(name, lengths, shape_of(x))
    last: list[State] = []
    for layer in range(0, len(cells), directions):
        if layer and omitted:
            x = dropout(x, omitted, None if rng is None else part(rng, layer), training=training)
        outputs = []
        for direction in range(directions):
            cell = cells[layer + direction]
            state = tuple(h[layer + direction] for h in initial)
            out, state = _run(step, x, state, cell, inside, backwards=direction == 1)
            outputs.append(out)
            last.append(state)
        x = outputs[0] if directions == 1 else p.concatenate(*outputs, axis=2)
    final = [p.stack(list(h)) for h in zip(*last, strict=True)]
    if single:
        return x[:, 0], [h[:, 0] for h in final]
    return (p.transpose(x, axes=(1, 0, 2)) if batch_first else x), final


class _Cell:
    """The parameters of one layer in one direction."""

    __slots__ = ("b_hh", "b_ih", "given", "projection", "w_hh", "w_ih")

    def __init__(self, name: str, *given: Array, projects: bool) -> None:
        allowed = (2, 3, 4, 5) if projects else (2, 4)
        if len(given) not in allowed:
            more = ", each of them with a projection behind it," if projects else ""
            raise ValueError(
                f"{name}: params must hold (w_ih, w_hh, b_ih, b_hh) or (w_ih, w_hh){more} for each "
                f"layer; got {len(given)} arrays"
            )
        self.given = given
        self.w_ih, self.w_hh = given[:2]
        self.b_ih, self.b_hh = given[2:4] if len(given) > 3 else (None, None)
        self.projection = given[len(given) - 1] if len(given) % 2 else None

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return int(shape_of(self.w_hh)[-1])


def _inside(name: str, lengths: Any, shape: tuple[int, ...]) -> Any:
    """Which times lie within each sequence, shape (time, n, 1)."""
    counts = np.asarray(lengths)
    if counts.shape != shape[1:2] or (counts.size and not 0 < counts.min() <= counts.max()):
        raise ValueError(
            f"{name}: lengths must hold a positive number for each of {shape[1]} sequences, got "
            f"{lengths!r}"
        )
    if counts.size and counts.max() > shape[0]:
        raise ValueError(f"{name}: lengths go up to {counts.max()}, the input to {shape[0]} times")
    return (np.arange(shape[0])[:, None] < counts)[:, :, None]


def _run(
    step: Step, x: Array, state: State, cell: _Cell, inside: Any, backwards: bool
) -> tuple[Array, State]:
    """One layer in one direction: its outputs at all times, and its last state."""
    gates = linear(x, cell.w_ih, cell.b_ih)  # of all times at once
    times = range(shape_of(x)[0])
    outputs = []
    for t in reversed(times) if backwards else times:
        new = step(gates[t], state, cell.w_hh, cell.b_hh)
        if cell.projection is not None:
            new = (linear(new[0], cell.projection), *new[1:])
        if inside is None:
            state = new
            outputs.append(new[0])
        else:
            state = tuple(p.where(inside[t], a, b) for a, b in zip(new, state, strict=True))
            outputs.append(p.where(inside[t], new[0], 0.0))
    return p.stack(outputs[::-1] if backwards else outputs), state


def _check_cells(name: str, cells: list[_Cell], gates: int, directions: int, inputs: int) -> None:
    if not cells or len(cells) % directions:
        raise ValueError(
            f"{name}: params must hold (w_ih, w_hh, b_ih, b_hh) or (w_ih, w_hh) for each layer"
            f"{', and each of both directions' if directions == 2 else ''}; got {len(cells)}"
        )
    for i, cell in enumerate(cells):
        outputs = cell.outputs
        hidden = outputs if cell.projection is None else shape_of(cell.projection)[-1]
        wanted: list[tuple[int, ...]] = [(gates * hidden, inputs), (gates * hidden, outputs)]
        wanted += [(gates * hidden,)] * 2 if len(cell.given) > 3 else []
        wanted += [] if cell.projection is None else [(outputs, hidden)]
        found = [shape_of(w) for w in cell.given]
        if found != wanted:
            raise ValueError(
                f"{name}: params[{i}] has shapes {found}; for {inputs} inputs and {hidden} hidden "
                f"units they must be {wanted}"
            )
        if (i + 1) % directions == 0:
            inputs = directions * outputs


def _initial(
    name: str, x: Array, hx: Any, cells: list[_Cell], states: int, single: bool
) -> list[Array]:
    if shape_of(x)[0] == 0:
        raise ValueError(f"{name}: the sequences are empty (shape {shape_of(x)})")
    projection = cells[0].projection
    hidden = cells[0].outputs if projection is None else shape_of(projection)[-1]
    shapes = [(len(cells), shape_of(x)[1], n) for n in (cells[0].outputs, hidden)][:states]
    if hx is None:
        return [np.zeros(shape, dtype_of(x)) for shape in shapes]
    given = [operand(h) for h in hx]
    given = [h[:, None] for h in given] if single and len(shape_of(given[0])) == 2 else given
    for h, shape in zip(given, shapes, strict=True):
        if shape_of(h) != shape:
            raise ValueError(
                f"{name}: hx must have shape (layers * directions, n, hidden) = {shape}, got "
                f"{shape_of(h)}"
            )
    return given
