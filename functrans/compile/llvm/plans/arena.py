"""Where values of native code lie: in arguments, results, constants, or one arena of memory.

A value in the middle takes a piece of the arena from the step that writes it to the last one that
reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from functrans.graph.graph import Variable

LINE = 64
"""Bytes of a line of the cache: pieces begin at multiples."""


class Place(NamedTuple):
    """Where a value lies.

    Attributes
    ----------
    kind : str
        ``input``, ``output``, ``constant`` or ``arena``.
    number : int
        Which of them; for the arena, the offset in bytes.
    """

    kind: str
    number: int


def lines(size: int) -> int:
    """So many bytes, up to a whole number of lines, at least one."""
    return -(-size // LINE) * LINE or LINE


def arranged(
    steps: Sequence[Iterable[Variable]],
    fixed: Iterable[Variable],
    size_of: Callable[[Variable], int],
) -> tuple[dict[Variable, int], int]:
    """Offsets in the arena for all values that steps mention and are not `fixed`, and its size.

    Pieces of memory that have become free are joined, and the first that is large enough is taken.
    """
    known = set(fixed)
    first: dict[Variable, int] = {}
    last: dict[Variable, int] = {}
    for i, mentioned in enumerate(steps):
        for x in mentioned:
            if x not in known:
                first.setdefault(x, i)
                last[x] = i
    ending: dict[int, list[Variable]] = {}
    for x, i in last.items():
        ending.setdefault(i, []).append(x)
    beginning: dict[int, list[Variable]] = {}
    for x, i in first.items():
        beginning.setdefault(i, []).append(x)
    free: list[tuple[int, int]] = []  # offset and size, by offset
    offsets: dict[Variable, int] = {}
    top = 0
    for i in range(len(steps)):
        for x in beginning.get(i, ()):
            size = lines(size_of(x))
            place = next((k for k, (_, room) in enumerate(free) if room >= size), None)
            if place is None:
                offsets[x] = top
                top += size
            else:
                offset, room = free.pop(place)
                offsets[x] = offset
                if room > size:
                    free.insert(place, (offset + size, room - size))
        for x in ending.get(i, ()):
            free.append((offsets[x], lines(size_of(x))))
            free = _joined(free)
    return offsets, top


def _joined(free: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for offset, size in sorted(free):
        if joined and sum(joined[-1]) == offset:
            joined[-1] = joined[-1][0], joined[-1][1] + size
        else:
            joined.append((offset, size))
    return joined
