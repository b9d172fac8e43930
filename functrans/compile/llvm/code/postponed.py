"""Optimisations that a thread makes, once nothing else is to be compiled."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING

from functrans.compile import background

if TYPE_CHECKING:
    from collections.abc import Callable


def optimize_later(optimize: Callable[[], None]) -> None:
    """Have a function called that compiles with all optimisations what runs without them.

    Where that fails, there is a warning, and what runs goes on.
    """
    background.when_calm(partial(_optimize, optimize))


def _optimize(optimize: Callable[[], None]) -> None:
    try:
        optimize()
    except Exception as error:
        warnings.warn(
            f"native code could not be compiled with optimisations, and goes on without: {error}",
            RuntimeWarning,
            stacklevel=1,
        )
