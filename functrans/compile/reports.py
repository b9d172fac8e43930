"""Which floating-point errors NumPy reports, switched as a whole.

``numpy.errstate`` builds the state anew wherever it is entered, which takes as long as four small
operations. What it builds is kept here, and set where NumPy keeps it, if this NumPy has that place.
"""

from __future__ import annotations

import contextvars
import importlib
from typing import Any

KINDS = frozenset(("divide", "over", "under", "invalid"))

_PLAIN = frozenset(("ignore", "warn", "raise"))
"""The ways to report that need nothing else to be known."""


def _places() -> tuple[Any, Any, Any]:
    """What sets NumPy's state, resets it, and makes one; None each where there is no such place."""
    try:
        umath: Any = importlib.import_module("numpy._core.umath")
        return umath._extobj_contextvar.set, umath._extobj_contextvar.reset, umath._make_extobj
    except (ImportError, AttributeError):  # a NumPy that keeps its state elsewhere
        return None, None, None


set_reports, reset_reports, _make_state = _places()


def kept_state(errstate: dict[str, Any]) -> Any:
    """What ``set_reports`` takes for a state that says everything; None where there is no such
    thing, and ``numpy.errstate`` has to be entered.

    Examples
    --------
    >>> import numpy as np
    >>> state = kept_state(dict.fromkeys(KINDS, "ignore"))
    >>> if state is not None:
    ...     token = set_reports(state)
    ...     try:
    ...         assert np.divide(1.0, 0.0) == np.inf
    ...     finally:
    ...         reset_reports(token)
    """
    if _make_state is None or set(errstate) != KINDS or not _PLAIN.issuperset(errstate.values()):
        return None
    # With NumPy's defaults for what it holds besides: the size of buffers.
    return contextvars.Context().run(_make_state, **errstate)
