"""The entry of a checkpointed function on a tape."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

from functrans.core.array import snapshot
from functrans.core.interpreter import stack, under
from functrans.core.types import type_of
from functrans.transforms.walk import outputs_cotangent, pull_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.cotangent import Cotangents
    from functrans.core.types import ArrayType
    from functrans.transforms.reverse import Reverse


class Replay:
    """The entry of a checkpointed function: it runs again when the backward walk arrives.

    It stands on the tape of `reverse`, so it must not keep it alive: a cycle would keep all arrays
    until the next collection. Of an argument it has the value and the index (None: a constant).
    """

    __slots__ = ("args", "function", "reverse", "turn", "types")

    types: tuple[ArrayType | None, ...]

    def __init__(
        self,
        reverse: Reverse,
        function: Callable[..., list[Any]],
        args: list[Any],
    ) -> None:
        if reverse.turn is None:
            reverse.turn = threading.RLock()
        self.reverse = weakref.ref(reverse)
        self.turn = reverse.turn
        self.function = function
        self.args = [
            (x.value, x.index) if reverse.owns(x) else (reverse.constants.keep(x), None)
            for x in args
        ]

    def pull_at(self, k: int, cotangents: Cotangents) -> None:
        """Record the function on a tape of its own, behind all others, and walk that."""
        gs = outputs_cotangent(cotangents.values, k, self.types)
        if gs is None:
            return
        reverse = self.reverse()
        assert reverse is not None, "who walks a tape holds its interpreter"
        with self.turn:
            self._pull(reverse, gs, cotangents)

    def _pull(self, reverse: Reverse, gs: tuple[Any, ...], cotangents: Cotangents) -> None:
        args = [snapshot(x) if i is None else reverse.array(x, i) for x, i in self.args]
        base = len(cotangents.values)
        segment: list[Any] = []
        before = reverse.tape, reverse.base, reverse.recording, reverse.parent
        reverse.tape, reverse.base, reverse.recording, reverse.parent = (
            segment,
            base,
            True,
            stack.top,
        )
        try:
            with under(reverse):
                outs = self.function(*args)
        finally:
            reverse.tape, reverse.base, reverse.recording, reverse.parent = before
        cotangents.values.extend([None] * len(segment))
        for o, g in zip(outs, gs, strict=True):
            if reverse.owns(o):
                cotangents.add(o.index, g, type_of(o.value))
        pull_back(segment, cotangents, base=base, keep=False)
        cotangents.truncate(base)
