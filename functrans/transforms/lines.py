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
from functrans.core.errors import described, is_own_code, is_user_code
from functrans.core.interpreter import stack
from functrans.transforms.replay import Replay
from functrans.transforms.reverse import Reverse, ReverseArray
from functrans.transforms.walk import pull_back, walk, walks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from functrans.core.interpreter import Interpreter
    from functrans.transforms.walk import Place

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


_OWN: dict[int, int] = {}
"""What frames of our own codes are, by their ids."""

_OWN_CODES: list[Any] = []
"""These codes, which modules hold too."""


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
        self._kinds = _OWN.copy()
        self._codes: list[Any] = []
        self._described: dict[tuple[int, int], str] = {}
        self._backward: dict[str, str] = {}

    def line(self, recorder: Interpreter) -> str:
        """The line of what `recorder` records now; remembers it for the tapes that it goes on.

        It is called by what is called by the recorder's own methods.
        """
        kinds = self._kinds
        growing: list[FrameType] | None = None  # those of tapes
        around: Sequence[FrameType] = ()
        line = ""
        again = False
        before = depth = 0
        frame: FrameType | None = sys._getframe(3)
        while frame is not None:
            code = frame.f_code
            kind = kinds.get(id(code), -1)
            if kind:
                if kind < 0:
                    kind = self._kind(code)
                if kind == _USER:
                    break
                if kind == _RECORDS or (kind == _ARRAY and before != _HANDS_ON):
                    if growing is None:
                        growing = [frame]
                    else:
                        growing.append(frame)
                elif kind == _WALKS and not again:
                    place = self._place(frame, depth)
                    if place is not None:
                        depth += 1
                        known = self._known.get(id(place.tape))
                        rule = None if known is None else known.get(place.index)
                        if rule is not None:
                            line = self._backward.get(rule) or self._backward.setdefault(
                                rule, backward(rule)
                            )
                            if place.around is None:
                                place.around = self._around(frame)
                            around = place.around
                            break
                elif kind == _REPLAYS:
                    again = True  # the function itself, recorded within a walk
            before = kind
            frame = frame.f_back
        if not line:
            line = self._of(frame)
        if growing is None and not around:
            return line
        top = stack.top
        if (
            growing is not None
            and len(growing) == 1
            and not around
            and type(top) is Reverse
            and top.parent is recorder
        ):
            if top.recording:  # whatever passes the only interpreter there is passes this frame
                self._remember(top.tape, top.base + len(top.tape), line)
            return line
        for frame in (*(growing or ()), *around):
            found = recording(frame)
            if found is not None:
                self._remember(*found, line)
        return line

    def _remember(self, tape: list[Any], index: int, line: str) -> None:
        known = self._known.get(id(tape))
        if known is None:
            known = self._known[id(tape)] = {}
        elif index < next(reversed(known)):
            known.clear()
        known[index] = line

    def _around(self, frame: FrameType) -> list[FrameType]:
        """The frames between that of a walk and the user's in which tapes grow."""
        found: list[FrameType] = []
        outer = frame.f_back
        while outer is not None:
            kind = self._kinds.get(id(outer.f_code), -1)
            if kind < 0:
                kind = self._kind(outer.f_code)
            if kind == _USER:
                break
            if kind in (_RECORDS, _ARRAY):
                found.append(outer)
            outer = outer.f_back
        return found

    def _kind(self, code: Any) -> int:
        kind = _KINDS.get(code, _OTHER)
        if kind == _OTHER and is_user_code(code.co_filename):
            kind = _USER
        self._kinds[id(code)] = kind
        if is_own_code(code.co_filename):
            _OWN[id(code)] = kind
            _OWN_CODES.append(code)
        else:
            self._codes.append(code)
        return kind

    def _of(self, frame: FrameType | None) -> str:
        """The place of a frame; where it is in its code tells the line."""
        if frame is None:
            return described(frame)
        key = id(frame.f_code), frame.f_lasti
        line = self._described.get(key)
        if line is None:
            line = self._described[key] = described(frame)
        return line

    def _place(self, frame: FrameType, depth: int) -> Place | None:
        """Where the walk of a frame is, the `depth`-th from within; None if it is not over a
        tape."""
        outer = frame.f_back
        if outer is None or outer.f_code is not _PULL_BACK or depth >= len(walks.open):
            return None
        return walks.open[-1 - depth]
