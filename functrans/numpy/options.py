"""Options of NumPy functions that traced arrays do not take, refused by name."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functrans.core.errors import OptionError, user_line


def unsupported(name: str, option: str, remedy: str = "leave it out") -> OptionError:
    """The error for an option that traced arrays do not take."""
    return OptionError(
        f"numpy.{name}({option}) is not supported for traced arrays, at {user_line()}; {remedy}"
    )


def checked_device(device: Any) -> None:
    """Refuse a device other than the CPU, the only one."""
    if device not in (None, "cpu"):
        raise ValueError(f"unsupported device {device!r}, at {user_line()}; the only one is 'cpu'")


_ORDERS = ("C", "F", "A", "K", None)
_CASTINGS = ("no", "equiv", "safe", "same_kind", "unsafe")
_CLIP_MODES = {None: "raise", 0: "clip", 1: "wrap", 2: "raise"}
_EMPTY = np.empty(0)


def checked_order(order: Any) -> None:
    """Refuse an order in memory that is none; traced arrays have none, so it says nothing else."""
    if order not in _ORDERS:
        _EMPTY.copy(order)


def checked_subok(subok: Any) -> None:
    """Refuse what does not say whether subclasses of arrays are passed through."""
    if type(subok) is not bool:
        operator.index(subok)


def checked_casting(casting: Any) -> None:
    """Refuse a casting rule that is none."""
    if casting not in _CASTINGS:
        raise (ValueError if isinstance(casting, str) else TypeError)(
            f"casting must be one of {', '.join(_CASTINGS)}, not {casting!r}"
        )


def checked_copy(copy: Any) -> None:
    """Refuse a text, which NumPy's older functions took for this argument."""
    if isinstance(copy, str):
        raise ValueError(f"strings are not allowed for 'copy', here {copy!r}")


def clip_mode(mode: Any) -> Any:
    """What is done with positions out of bounds, which NumPy also knows by number."""
    return mode if type(mode) is str else _CLIP_MODES.get(mode, mode)
