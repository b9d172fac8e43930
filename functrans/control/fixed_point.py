"""Which parts of a loop's carry have a property throughout the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.control.derived import Flags


def fixed_point(flags: Flags, step: Callable[[Flags], Flags]) -> Flags:
    """The flags at the start and all that follow: where a round passes a property on to another
    part of the carry, that has it too."""
    while True:
        after = tuple(a or b for a, b in zip(flags, step(flags), strict=True))
        if after == flags:
            return flags
        flags = after
