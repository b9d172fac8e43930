"""Options of NumPy functions that traced arrays do not take, refused by name."""

from __future__ import annotations

from typing import Any

from functrans.core.errors import InPlaceError, user_line


def no_out(out: Any, name: str) -> None:
    """Refuse ``out=``, by which NumPy writes into an array."""
    if out is not None:
        raise InPlaceError(
            f"numpy.{name}(out=) with a traced array, at {user_line()}: arrays cannot be changed "
            f"in place inside a transform yet. Write y = numpy.{name}(...), which makes a new one."
        )


def unsupported(name: str, option: str, remedy: str = "leave it out") -> TypeError:
    """The error for an option that traced arrays do not take."""
    return TypeError(
        f"numpy.{name}({option}) is not supported for traced arrays, at {user_line()}; {remedy}"
    )


def checked_device(device: Any) -> None:
    """Refuse a device other than the CPU, the only one."""
    if device not in (None, "cpu"):
        raise ValueError(f"unsupported device {device!r}, at {user_line()}; the only one is 'cpu'")
