"""Numbers of NumPy in checkpoints: they are read, and written, as Python's."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.torch.serialization.storages import corrupt

_CODES = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")


class NumberType:
    """The type of a number in a file."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "<"

    def set_state(self, state: Any) -> None:
        """Take the order of bytes from what the file says more of the type."""
        if (
            not isinstance(state, tuple)
            or len(state) < 2
            or state[1] not in ("<", ">", "|", "=")
            or any(x not in (None, -1, 0) for x in state[2:])
        ):
            raise corrupt(f"the type of a number is {state!r}")
        self.order = state[1]


def number_type(code: Any, align: Any = False, copy: Any = True) -> NumberType:
    """A type by NumPy's code for it."""
    if code not in _CODES:
        raise corrupt(f"a number is of type {code!r}")
    return NumberType(code)


def number(kind: Any, data: Any) -> bool | int | float | complex:
    """A number from its bytes."""
    if not isinstance(kind, NumberType) or type(data) is not bytes:
        raise corrupt(f"a number is {data!r}")
    dtype = np.dtype(kind.order + kind.code)
    if len(data) != dtype.itemsize or (dtype.kind == "b" and data > b"\x01"):
        raise corrupt(f"a number of type {kind.code} is {data!r}")
    found: bool | int | float | complex = np.frombuffer(data, dtype)[0].item()
    return found
