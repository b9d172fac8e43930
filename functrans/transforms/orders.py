"""How many orders an :class:`Expansion` carries.

It begins with those that are needed where the first equal values are met. What comes later may need
more: a derivative of higher order beside it, or a product of two. Who can run the function again
says so, and does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from functrans.core.errors import DegenerateWarning, warn_user

T = TypeVar("T")

MORE = 2
"""How many orders more are tried: each takes twice as long."""


class MoreOrdersError(Exception):
    """More orders are needed, and the function can run again."""


class _Expected(threading.local):
    """The least order of a derivative, and whether the function can run again."""

    order = 0
    again = False


expected = _Expected()


@contextmanager
def _expecting(order: int, again: bool) -> Iterator[None]:
    before = expected.order, expected.again
    expected.order, expected.again = order, again
    try:
        yield
    finally:
        expected.order, expected.again = before


def with_orders(order: int, run: Callable[[], T]) -> T:
    """What a function returns that takes derivatives of this order, and of lower ones besides."""
    for more in range(MORE if order > 1 else 0):
        try:
            with _expecting(order + more, True):
                return run()
        except MoreOrdersError:
            pass
    with _expecting(order + (MORE if order > 1 else 0), False):
        return run()


def too_deep() -> None:
    """Say that a derivative needs more orders than are carried."""
    if expected.again:
        raise MoreOrdersError
    warn_user(_TOO_DEEP, DegenerateWarning)


_TOO_DEEP = (
    "a derivative depends on more orders of a series than are carried: a matrix is decomposed that "
    "depends on single vectors of another decomposition with equal values, or derivatives of "
    "several orders are in one result. It is NaN. Decompose functions of the matrix, or use "
    "functrans.numpy.linalg.eigh_function(h, a) for them."
)
