"""The stack of interpreters: which one is current, who its parent is, and when it has ended.

Every active transform is one interpreter. The current one is held in a ``ContextVar``: threads and
asyncio tasks each have their own, and leaving a ``with`` block always restores the parent.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

from functrans.core.errors import describe_function

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.primitive import Primitive
    from functrans.core.types import Array

_current: ContextVar[Interpreter | None] = ContextVar("functrans_interpreter", default=None)

current: Callable[[], Interpreter | None] = _current.get
"""The interpreter that handles the next operation, or None for plain NumPy."""

set_current = _current.set
reset_current = _current.reset


class Interpreter:
    """One active transform: what it does with each operation, and which interpreter is below.

    A value belongs to an interpreter if it points at it; every other value is a constant to it.
    While ``with interpreter:`` runs it is current; afterwards it is closed and its arrays are dead.
    """

    __slots__ = ("_token", "closed", "function", "parent", "thread")

    transform = "transform"

    def __init__(self, function: object = None) -> None:
        self.parent = current()
        self.function = function
        self.closed = False
        self.thread = threading.get_ident()
        self._token: Token[Interpreter | None] | None = None

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        """Carry out one operation in which values of mine may take part."""
        raise NotImplementedError

    def run_below(self, function: Callable[..., Any], args: list[Array]) -> Any:
        """Run `function` on the flat values `args` such that a Reverse below can replay it."""
        raise NotImplementedError

    def hand_down(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        """Let the parent carry out an operation on values none of which is mine."""
        parent = self.parent
        if parent is None:
            return primitive.impl(*args, **params)
        return parent.process(primitive, tuple(args), params)

    def __enter__(self) -> Any:
        self._token = set_current(self)
        self.closed = False
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._token is not None
        reset_current(self._token)
        self._token = None
        self.closed = True

    def __repr__(self) -> str:
        return f"{self.transform}({describe_function(self.function)})"


class under:
    """Make an interpreter (or None) current for the length of a ``with`` block."""

    __slots__ = ("interpreter", "token")

    def __init__(self, interpreter: Interpreter | None) -> None:
        self.interpreter = interpreter

    def __enter__(self) -> None:
        self.token = set_current(self.interpreter)

    def __exit__(self, *exc: object) -> None:
        reset_current(self.token)


def is_active(interpreter: Interpreter) -> bool:
    """Whether an interpreter is on the current stack."""
    active = current()
    while active is not None:
        if active is interpreter:
            return True
        active = active.parent
    return False
