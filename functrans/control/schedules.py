"""What reverse mode keeps of a ``scan``: everything, the carry every k rounds, or a few snapshots.

``every(k)`` needs memory for n/k carries and the residuals of k rounds, and computes each round
twice. ``binomial`` needs a fixed number of carries and the residuals of one round, and computes a
round r times where C(snapshots + r, r) is the number of rounds (A. Griewank and A. Walther,
Algorithm 799: revolve, ACM TOMS 26 (2000) 19-45).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Any, ClassVar

from functrans.core.algebra import algebra
from functrans.core.errors import InputTypeError
from functrans.core.types import type_of

if TYPE_CHECKING:
    from collections.abc import Callable


class _Rounds:
    """The rounds of one scan, of which any range can be run from the carry before it."""

    def __init__(self, values: list[Any], wanted: list[bool], params: Any, scan: Any) -> None:
        consts, carry = params["consts"], params["carry"]
        self.fixed, self.start = values[:consts], values[consts : consts + carry]
        self.sequences = values[consts + carry :]
        # A cotangent may come to be in any part of the carry on the way back.
        kinds = [type_of(x).dtype.kind for x in self.start]
        self.wanted = list(wanted)
        self.wanted[consts : consts + carry] = [k in "fc" for k in kinds]
        self.params = {**params, "checkpoint": None}
        self.scan = scan
        self.length = params["length"]

    def _rows(self, sequences: list[Any], first: int, last: int) -> list[Any]:
        """What these rounds see of sequences."""
        if self.params["reverse"]:
            first, last = self.length - last, self.length - first
        return [None if x is None else algebra.rows(x, first, last) for x in sequences]

    def _operands(self, first: int, last: int, carry: list[Any]) -> tuple[list[Any], Any]:
        rows = self._rows(self.sequences, first, last)
        return [*self.fixed, *carry, *rows], {**self.params, "length": last - first}

    def run(self, first: int, last: int, carry: list[Any]) -> list[Any]:
        operands, params = self._operands(first, last, carry)
        return list(self.scan(*operands, **params))

    def pull(
        self, first: int, last: int, carry: list[Any], gs: list[Any], made: list[Any]
    ) -> list[Any]:
        """The cotangents of the operands of this range, from those of the carry after it and of the
        whole output sequences."""
        operands, params = self._operands(first, last, carry)
        _, pull = self.scan.primitive.higher.vjp(operands, self.wanted, params)
        return pull([*gs, *self._rows(made, first, last)])  # type: ignore[no-any-return]

    def sequences_of(self, pieces: list[list[Any]]) -> list[Any]:
        """The whole sequences of which the pieces come in the order of the rounds."""
        ordered = pieces[::-1] if self.params["reverse"] else pieces
        return [
            None
            if column[0] is None
            else column[0]
            if len(column) == 1
            else algebra.concatenate(*column, axis=0)
            for column in zip(*ordered, strict=True)
        ]


class Schedule:
    """How much of the rounds of a scan reverse mode keeps."""

    static: ClassVar[bool] = True
    """Whether it may be unfolded into a graph."""

    def vjp(
        self, values: list[Any], wanted: list[bool], params: Any, scan: Any
    ) -> tuple[list[Any], Callable[[list[Any]], list[Any]]]:
        """The outputs and the pullback of the scan, as the rule of a primitive returns them."""
        raise NotImplementedError


@dataclass(frozen=True, init=False)
class every(Schedule):
    """Keep the carry every `rounds` rounds, and compute the rounds between again.

    Parameters
    ----------
    rounds : int

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> def power(x):
    ...     return ft.scan(lambda y, _: (y * x, None), 1.0, length=100, checkpoint=ft.every(10))[0]
    >>> ft.grad(power)(1.0)
    np.float64(100.0)
    """

    rounds: int

    def __init__(self, rounds: int) -> None:
        _check_count("every", "rounds", rounds)
        object.__setattr__(self, "rounds", rounds)

    def vjp(
        self, values: list[Any], wanted: list[bool], params: Any, scan: Any
    ) -> tuple[list[Any], Callable[[list[Any]], list[Any]]]:
        loop = _Rounds(values, wanted, params, scan)
        marks = [*range(0, loop.length, self.rounds), loop.length]
        carry, kept, pieces = loop.start, [], []
        for first, last in zip(marks, marks[1:], strict=False):
            kept.append(carry)
            found = loop.run(first, last, carry)
            carry = found[: len(carry)]
            pieces.append(found[len(carry) :])

        def pull(gs: list[Any]) -> list[Any]:
            walk = _Walk(loop, gs)
            for first, last, before in reversed(list(zip(marks, marks[1:], kept, strict=False))):
                walk.back(first, last, before)
            return walk.gradients()

        return [*carry, *loop.sequences_of(pieces)], pull


@dataclass(frozen=True, init=False)
class binomial(Schedule):
    """Keep a fixed number of carries, placed so that the fewest rounds are computed again.

    Parameters
    ----------
    snapshots : int, optional
        How many carries to hold at a time.
    memory : int, optional
        The same in bytes.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> def power(x):
    ...     schedule = ft.binomial(snapshots=5)
    ...     return ft.scan(lambda y, _: (y * x, None), 1.0, length=100, checkpoint=schedule)[0]
    >>> ft.grad(power)(1.0)
    np.float64(100.0)
    """

    snapshots: int | None
    memory: int | None
    static: ClassVar[bool] = False

    def __init__(self, snapshots: int | None = None, *, memory: int | None = None) -> None:
        if (snapshots is None) == (memory is None):
            raise InputTypeError(
                "binomial takes either snapshots=, a number of carries, or memory=, a number of "
                f"bytes, got snapshots={snapshots!r}, memory={memory!r}"
            )
        if snapshots is None:
            _check_count("binomial", "memory", memory)
        else:
            _check_count("binomial", "snapshots", snapshots)
        object.__setattr__(self, "snapshots", snapshots)
        object.__setattr__(self, "memory", memory)

    def vjp(
        self, values: list[Any], wanted: list[bool], params: Any, scan: Any
    ) -> tuple[list[Any], Callable[[list[Any]], list[Any]]]:
        loop = _Rounds(values, wanted, params, scan)
        outs = loop.run(0, loop.length, loop.start)

        def pull(gs: list[Any]) -> list[Any]:
            walk = _Walk(loop, gs)
            # Ranges still to be gone back through, the last one on top, with the carry before each
            # and the snapshots that are free in it.
            ranges = [(0, loop.length, loop.start, self._count(loop.start))]
            while ranges:
                first, last, before, free = ranges.pop()
                if last - first <= 1:
                    walk.back(first, last, before)
                    continue
                middle = first + _left_part(last - first, free)
                after = loop.run(first, middle, before)[: len(before)]
                ranges.append((first, middle, before, free))
                ranges.append((middle, last, after, max(free - 1, 0)))
            return walk.gradients()

        return outs, pull

    def _count(self, carry: list[Any]) -> int:
        if self.snapshots is not None:
            return self.snapshots
        assert self.memory is not None
        size = sum(type_of(x).nbytes for x in carry)
        return max(1, self.memory // max(size, 1))


def _left_part(rounds: int, snapshots: int) -> int:
    """How many of the rounds to advance before the next snapshot; without one free, all but one."""
    if not snapshots:
        return rounds - 1
    sweeps = 1
    while comb(snapshots + sweeps, snapshots) < rounds:
        sweeps += 1
    return min(comb(snapshots + sweeps - 1, snapshots), rounds - 1)


class _Walk:
    """The cotangents on the way back through the rounds."""

    def __init__(self, loop: _Rounds, gs: list[Any]) -> None:
        count = len(loop.start)
        self.loop = loop
        self.carry, self.made = gs[:count], gs[count:]
        self.fixed: list[Any] = [None] * len(loop.fixed)
        self.pieces: list[list[Any]] = []

    def back(self, first: int, last: int, before: list[Any]) -> None:
        """Through the rounds from `last` to `first`, before which the carry was `before`."""
        found = self.loop.pull(first, last, before, self.carry, self.made)
        consts, count = len(self.fixed), len(self.carry)
        self.fixed = [
            a if b is None else b if a is None else algebra.add(a, b)
            for a, b in zip(self.fixed, found[:consts], strict=True)
        ]
        self.carry = found[consts : consts + count]
        self.pieces.append(found[consts + count :])

    def gradients(self) -> list[Any]:
        loop = self.loop
        if not self.pieces:  # no round at all
            return [None] * len(self.fixed) + self.carry + [None] * len(loop.sequences)
        return self.fixed + self.carry + loop.sequences_of(self.pieces[::-1])


def _check_count(name: str, argument: str, value: Any) -> None:
    if not isinstance(value, int) or value < 1:
        raise InputTypeError(f"{name}: {argument} must be an int of at least 1, got {value!r}")
