"""The user's lines of operations that are recorded, those of derivative rules included.

A rule runs where the user has called a transform. What it is about is an operation further up,
which a tape has an entry of: so the lines of entries are remembered while tapes grow, and found
again in a backward walk. Both are read off the call stack; reverse mode pays nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from functrans.core.errors import described, is_user_code
from functrans.transforms.replay import Replay
from functrans.transforms.reverse import Reverse, ReverseArray
from functrans.transforms.walk import pull_back, walk

if TYPE_CHECKING:
    from types import FrameType

BACKWARD = "the backward pass"

_RECORDING = {
    getattr(Reverse, name).__code__
    for name in ("process", "unary", "binary", "_record_one", "custom")
} | {ReverseArray.__array_ufunc__.__code__}
_WALK = walk.__code__
_REPLAY = Replay.pull_at.__code__


def backward(line: str) -> str:
    """The line of an operation of a derivative rule, by that of the operation that it is about."""
    return line if line.endswith(BACKWARD) else f"{line}, in {BACKWARD}"


def recording(frame: FrameType) -> tuple[list[Any], int] | None:
    """The tape that an operation will go on, and its place there, if reverse mode is at it in this
    frame."""
    if frame.f_code not in _RECORDING:
        return None
    mine = frame.f_locals["self"]
    reverse: Reverse = mine if isinstance(mine, Reverse) else mine.interpreter
    return (reverse.tape, reverse.base + len(reverse.tape)) if reverse.recording else None


def walked(frame: FrameType) -> tuple[list[Any], int] | None:
    """The tape and the place of the entry that a backward walk is at, if this is the frame of
    one."""
    outer = frame.f_back
    if frame.f_code is not _WALK or outer is None or outer.f_code is not pull_back.__code__:
        return None
    return outer.f_locals["tape"], frame.f_locals.get("k", -1)


class Lines:
    """Lines of the entries of tapes that grow while a function is recorded.

    A tape is known by its id: holding it would make a cycle, since its entries hold arrays of the
    interpreter that asks. Another tape with the id of one that is gone begins at a lower place.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[int, dict[int, str]] = {}

    def line(self) -> str:
        """The line of what is recorded now; remembers it for the tapes that it goes on."""
        tapes: list[tuple[list[Any], int]] = []
        rule = ""
        again = False
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            if code in _RECORDING:
                place = recording(frame)
                if place is not None:
                    tapes.append(place)
            elif code is _WALK and not rule and not again:
                place = walked(frame)
                if place is not None:
                    rule = self._known.get(id(place[0]), {}).get(place[1], "")
            elif code is _REPLAY:
                again = True  # the function itself, recorded within a walk
            elif is_user_code(code.co_filename):
                break
            frame = frame.f_back
        line = backward(rule) if rule else described(frame)
        for tape, index in tapes:
            known = self._known.setdefault(id(tape), {})
            if known and index < next(reversed(known)):
                known.clear()
            known[index] = line
        return line
