"""The user's lines of operations that are recorded, those of derivative rules included.

A rule runs where the user has called a transform. What it is about is an operation further up,
which a tape has an entry of: so the lines of entries are remembered while tapes grow, and found
again in a backward walk, which tells where it is. All else is read off the call stack; reverse mode
pays nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from functrans.core.array import TracedArray
from functrans.core.errors import described, is_user_code
from functrans.transforms.replay import Replay
from functrans.transforms.reverse import Reverse, ReverseArray
from functrans.transforms.walk import pull_back, walk, walks

if TYPE_CHECKING:
    from types import FrameType

BACKWARD = "the backward pass"

_RECORDING = {
    getattr(Reverse, name).__code__
    for name in ("process", "unary", "binary", "_record_one", "custom")
} | {ReverseArray.__array_ufunc__.__code__}
_WALK = walk.__code__
_PULL_BACK = pull_back.__code__


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
    if frame.f_code is not _WALK or outer is None or outer.f_code is not _PULL_BACK:
        return None
    return outer.f_locals["tape"], frame.f_locals.get("k", -1)


_OTHER, _USER, _RECORDS, _ARRAY, _HANDS_ON, _WALKS, _REPLAYS = range(7)
"""What a frame is, by its code: the user's, one in which a tape grows, NumPy's protocol of an array
of such a tape and what that goes on to where it does not do it all, a walk, and the second run of a
checkpointed function."""

_KINDS = {
    **dict.fromkeys(_RECORDING, _RECORDS),
    ReverseArray.__array_ufunc__.__code__: _ARRAY,
    TracedArray.__array_ufunc__.__code__: _HANDS_ON,
    _WALK: _WALKS,
    Replay.pull_at.__code__: _REPLAYS,
}


class Lines:
    """Lines of the entries of tapes that grow while a function is recorded.

    A tape is known by its id: holding it would make a cycle, since its entries hold arrays of the
    interpreter that asks. Another tape with the id of one that is gone begins at a lower place.

    What a frame is, and what its place is called, is worked out once: `_codes` holds the codes, so
    that no other has the id of one.
    """

    __slots__ = ("_backward", "_codes", "_described", "_kinds", "_known")

    def __init__(self) -> None:
        self._known: dict[int, dict[int, str]] = {}
        self._kinds: dict[int, int] = {}
        self._codes: list[Any] = []
        self._described: dict[tuple[int, int], str] = {}
        self._backward: dict[str, str] = {}

    def line(self) -> str:
        """The line of what is recorded now; remembers it for the tapes that it goes on."""
        tapes: list[tuple[list[Any], int]] = []
        kinds = self._kinds
        line = ""
        again = False
        before = depth = 0
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            code = frame.f_code
            kind = kinds.get(id(code), -1)
            if kind < 0:
                kind = self._kind(code)
            if kind == _USER:
                break
            if kind == _RECORDS or (kind == _ARRAY and before != _HANDS_ON):
                place = recording(frame)
                if place is not None:
                    tapes.append(place)
            elif kind == _WALKS and not (line or again):
                rule = self._pulled(frame, depth)
                depth += rule is not None
                if rule:
                    line = self._backward.get(rule) or self._backward.setdefault(
                        rule, backward(rule)
                    )
            elif kind == _REPLAYS:
                again = True  # the function itself, recorded within a walk
            before = kind
            frame = frame.f_back
        line = line or self._of(frame)
        for tape, index in tapes:
            known = self._known.setdefault(id(tape), {})
            if known and index < next(reversed(known)):
                known.clear()
            known[index] = line
        return line

    def _kind(self, code: Any) -> int:
        kind = _KINDS.get(code, _OTHER)
        if kind == _OTHER and is_user_code(code.co_filename):
            kind = _USER
        self._codes.append(code)
        self._kinds[id(code)] = kind
        return kind

    def _of(self, frame: FrameType | None) -> str:
        """The place of a frame; where it is in its code tells the line."""
        if frame is None:
            return described(frame)
        key = id(frame.f_code), frame.f_lasti
        return self._described.get(key) or self._described.setdefault(key, described(frame))

    def _pulled(self, frame: FrameType, depth: int) -> str | None:
        """The line of the entry that a walk is at, which is the `depth`-th from within; "" if it
        is not known, None if this is no walk over a tape."""
        outer = frame.f_back
        if outer is None or outer.f_code is not _PULL_BACK or depth >= len(walks.open):
            return None
        place = walks.open[-1 - depth]
        return self._known.get(id(place.tape), {}).get(place.index, "")
