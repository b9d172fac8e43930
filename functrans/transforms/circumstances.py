"""Under which circumstances an operation runs: the user's line, the rule that it belongs to, the
lanes around it. All of it is read off the call stack, so interpreters pay nothing for being
watched."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functrans.core.cotangent import Masked
from functrans.core.errors import described, is_user_code
from functrans.graph.graph import Graph
from functrans.transforms.batching import Batch
from functrans.transforms.forward import _push, push_forward
from functrans.transforms.lines import recording, walked
from functrans.transforms.replay import Replay
from functrans.transforms.walk import _pull_masked, walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_BATCH = Batch.process.__code__
_EVALUATE = Graph.evaluate.__code__
_MASKED = {_pull_masked.__code__: "g", _push.__code__: "t"}


@dataclass(frozen=True)
class Operation:
    """An operation of the program, as it is told from those of derivative rules."""

    name: str
    line: str


@dataclass(frozen=True)
class Circumstances:
    """What was going on around an operation.

    `rule` is the operation whose derivative is being computed, in the `mode` ``"backward"`` or
    ``"tangent"``; None outside of rules. `lanes` are the sizes of the vmaps around, the outermost
    first. `mask` has the lanes that count, where a rule computes others that do not.
    """

    line: str
    mode: str
    rule: Operation | None
    lanes: tuple[int, ...]
    mask: Any


class Tapes:
    """Which operations of the program the entries of tapes are about."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[list[Any], dict[int, tuple[Operation, tuple[int, ...]]]]] = {}

    def around(self, name: str) -> Circumstances:
        """The circumstances of the operation of this name that is being processed; remembers it
        for each tape that it goes on."""
        line, lanes, mask, mode, rule = "", [], None, "", None
        tapes: list[tuple[list[Any], int]] = []
        replayed = False
        for frame in _outwards():
            code = frame.f_code
            if code is _BATCH and any(frame.f_locals.get("batched", ())):
                lanes.append(frame.f_locals["self"].size)
            elif (place := recording(frame)) is not None:
                tapes.append(place)
            elif code is push_forward.__code__:
                kept = frame.f_locals["primitive"].name
                mode, rule = mode or "tangent", Operation(kept, line or _user_line(frame))
            elif code is walk.__code__ and not replayed:
                found = self._pulled(frame)
                if found is not None:
                    mode, (rule, sizes) = "backward", found
                    lanes = lanes or list(sizes)
            elif code is Replay.pull_at.__code__:
                replayed = True
            elif code in _MASKED and mask is None:
                masked = frame.f_locals[_MASKED[code]]
                mask = masked.mask if type(masked) is Masked else None
            elif code is _EVALUATE and not line and "equation" in frame.f_locals:
                line = frame.f_locals["equation"].line
            elif not line and is_user_code(code.co_filename):
                line = described(frame)
        for tape, index in tapes:
            entries = self._known.setdefault(id(tape), (tape, {}))[1]
            entries[index] = rule or Operation(name, line), tuple(lanes)
        return Circumstances(line or described(None), mode, rule, tuple(lanes), mask)

    def _pulled(self, frame: FrameType) -> tuple[Operation, tuple[int, ...]] | None:
        """What a backward walk is about just now, and the lanes around that operation."""
        primitive = frame.f_locals.get("primitive")
        name = getattr(primitive, "name", "a function with rules of its own")
        place = walked(frame)
        if place is not None:
            found = self._known.get(id(place[0]), (None, {}))[1].get(place[1])
            if found is not None:
                return found
        return (Operation(name, ""), ()) if primitive is not None else None


def _outwards() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _user_line(frame: FrameType | None) -> str:
    while frame is not None:
        if is_user_code(frame.f_code.co_filename):
            return described(frame)
        frame = frame.f_back
    return ""
