"""Functions of NumPy that traced arrays do not take, each with its reason and its remedy."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.array import REFUSALS
from functrans.core.errors import ConversionError, MissingRuleError, user_line

_FILE = (
    "it has no values to store while a transform runs",
    ("Store what the transformed function returns."),
)
_MEMORY = (
    "it has no memory of its own, which it could share",
    ("Ask this of plain arrays, outside of the transform."),
)
_DATES = (
    "dates are no numbers, and have no derivative",
    ("Prepare them outside of the transform, as numbers (dates.astype(float))."),
)

REASONS: dict[Any, tuple[type[Exception], tuple[str, str]]] = {
    np.save: (ConversionError, _FILE),
    np.savetxt: (ConversionError, _FILE),
    np.savez: (ConversionError, _FILE),
    np.savez_compressed: (ConversionError, _FILE),
    np.shares_memory: (ConversionError, _MEMORY),
    np.may_share_memory: (ConversionError, _MEMORY),
    np.busday_count: (MissingRuleError, _DATES),
    np.busday_offset: (MissingRuleError, _DATES),
    np.is_busday: (MissingRuleError, _DATES),
    np.datetime_as_string: (MissingRuleError, _DATES),
}
"""The class of the error, the reason and the remedy."""


def _refuse(function: Any, error: type[Exception], reason: str, remedy: str) -> None:
    def refusal() -> Exception:
        return error(
            f"numpy.{function.__name__} does not take a traced array, at {user_line()}: {reason}. "
            f"{remedy}"
        )

    REFUSALS[function] = refusal


for _function, (_error, _texts) in REASONS.items():
    _refuse(_function, _error, *_texts)
