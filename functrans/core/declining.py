"""Warnings that are not given, because whoever runs a program can do otherwise.

A graph takes equal eigenvalues as its rules see them, one by one, and warns where that may be
wrong. Whoever has the function that it was made of can call that instead, whose transforms know of
each other; and so wants no warning, but to hear of it before anything comes of the result.
"""

from __future__ import annotations

import threading


class DeclinedError(BaseException):
    """A program would warn. Not an Exception, which a user's function may catch."""


class _Declined(threading.local):
    """The kind of warnings that this thread takes no result with."""

    category: type[Warning] | None = None
    near = True
    """Whether results that are merely less exact than another way are not taken either."""


declined = _Declined()


class declining:
    """Raise DeclinedError in place of warnings of a kind, for the length of a ``with`` block."""

    __slots__ = ("before", "category", "near")

    def __init__(self, category: type[Warning] | None, near: bool = True) -> None:
        self.category = category
        self.near = near

    def __enter__(self) -> None:
        self.before = declined.category, declined.near
        declined.category, declined.near = self.category or declined.category, self.near

    def __exit__(self, *exc: object) -> None:
        declined.category, declined.near = self.before
