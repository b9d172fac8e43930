"""What looks at results of rules as they are applied: set while ``functrans.debug.nans`` is
entered."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class _Watching(threading.local):
    """Functions that the drivers of rules call; None: nobody looks.

    A rule that works on plain arrays calls NumPy, which tells no interpreter.
    """

    batched: Callable[..., None] | None = None
    """``batched(primitive, values, ans)``: an operation carried out on all lanes."""
    pushed: Callable[..., None] | None = None
    """``pushed(primitive, tangents, primals, tangent)``, in forward mode."""
    pulled: Callable[..., None] | None = None
    """``pulled(primitive, args, cotangent)`` with the arguments of a pull, in a backward pass."""

    def set(self, functions: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        """Let these look, in the order above; returns those that did before."""
        before = self.batched, self.pushed, self.pulled
        self.batched, self.pushed, self.pulled = functions
        return before


watching = _Watching()
