"""No search for cyclic garbage while many objects that stay are made.

The collector looks at all objects again and again while their number grows, which takes most of the
time in which a long graph is worked on, and finds nothing.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def no_collection() -> Iterator[None]:
    """Let the collector wait, if it is on.

    Examples
    --------
    >>> import gc
    >>> with no_collection():
    ...     gc.isenabled()
    False
    """
    if not gc.isenabled():
        yield
        return
    try:  # from the first moment on: Ctrl-C may come before the next line
        gc.disable()
        yield
    finally:
        gc.enable()
