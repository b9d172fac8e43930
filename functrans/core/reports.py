"""Which floating-point errors NumPy reports, asked and switched faster than by ``numpy.geterr`` and
``numpy.errstate``.

These build the state anew wherever it is asked for or entered, which takes as long as four small
operations. What NumPy builds is kept here, and read and set where NumPy keeps it, if this NumPy has
that place.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT = 16
"""States of callers for which a switch keeps its own."""


def _places() -> tuple[Any, Any]:
    """Where NumPy keeps its state, and what makes one; None each in a NumPy that does otherwise."""
    try:
        umath: Any = importlib.import_module("numpy._core.umath")
        return umath._extobj_contextvar, umath._make_extobj
    except (ImportError, AttributeError):
        return None, None


_current, _make_state = _places()

_known: dict[int, tuple[Any, bool, bool]] = {}
"""States that were looked at, kept so that no other gets their address, and what was seen: whether
an error interrupts, and whether the small results of an underflow are told."""


def state() -> Any:
    """What tells which errors are reported: the same object for as long as it is not changed."""
    return None if _current is None else _current.get()


def interrupting() -> bool:
    """Whether an error is to do more than to warn: to raise an exception, to call a function, to
    print or to log.

    Examples
    --------
    >>> import numpy as np
    >>> with np.errstate(divide="raise"):
    ...     print(interrupting())
    True
    """
    return _seen()[1]


def only_warning() -> bool:
    """Whether errors do no more than to warn, and nobody is told of an underflow.

    Examples
    --------
    >>> import numpy as np
    >>> with np.errstate(under="warn"):
    ...     print(only_warning())
    False
    """
    _, interrupts, underflow = _seen()
    return not (interrupts or underflow)


def _seen() -> tuple[Any, bool, bool]:
    now = state()
    found = _known.get(id(now))
    if found is None or now is None:
        if len(_known) >= KEPT:
            _known.clear()
        how = np.geterr()
        interrupts = not set(how.values()) <= {"warn", "ignore"}
        found = _known[id(now)] = now, interrupts, how["under"] != "ignore"
    return found


class Reports:
    """What has changed of the reports since this was made.

    Examples
    --------
    >>> import numpy as np
    >>> reports = Reports()
    >>> with np.errstate(divide="ignore"):
    ...     reports.changed()
    {'divide': 'ignore'}
    """

    __slots__ = ("_answer", "_asked", "_start")

    def __init__(self) -> None:
        self._start = np.geterr()
        self._asked: Any = None
        self._answer: dict[str, Any] | None = None

    def changed(self) -> dict[str, Any] | None:
        """How those kinds of errors are reported now that were reported in another way; None if
        there are none. It is the same object for as long as nothing is switched."""
        if _current is not None:
            state = _current.get()
            if state is self._asked:
                return self._answer
            self._asked = state
        now = np.geterr()
        before: dict[str, Any] = dict(self._start)
        self._answer = {k: how for k, how in now.items() if how != before[k]} or None
        return self._answer


def switch(errstate: dict[str, Any]) -> Callable[[], Any] | None:
    """A function that turns reports on and off as ``numpy.errstate(**errstate)`` does where it is
    entered, and returns what :func:`switch_back` takes; None where ``numpy.errstate`` is needed.

    Examples
    --------
    >>> import numpy as np
    >>> silent = switch({"divide": "ignore"})
    >>> if silent is not None:
    ...     token = silent()
    ...     try:
    ...         assert np.divide(1.0, 0.0) == np.inf
    ...     finally:
    ...         switch_back(token)
    """
    if _current is None:
        return None
    get, put, make = _current.get, _current.set, _make_state
    made: dict[Any, Any] = {}

    def enter() -> Any:
        before = get()
        state = made.get(before)
        if state is None:
            if len(made) >= KEPT:
                made.clear()
            state = made[before] = make(**errstate)  # and the rest as it is now
        return put(state)

    return enter


def switch_back(token: Any) -> None:
    """Report errors as before the switch."""
    _current.reset(token)
