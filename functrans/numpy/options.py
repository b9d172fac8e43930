"""Options of NumPy functions that traced arrays do not take, refused by name."""

from __future__ import annotations

from typing import Any

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
