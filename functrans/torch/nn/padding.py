"""Padding as modules."""

from __future__ import annotations

from typing import Any

from functrans.torch.nn import functional as F
from functrans.torch.nn.convolution import tupled
from functrans.torch.nn.module import Module
from functrans.torch.tensor import Tensor


class _Pad(Module):
    axes: int
    mode: str

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = tupled(padding, 2 * self.axes)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


def _classes(base: type[_Pad], kind: str, what: str, mode: str | None = None) -> list[Any]:
    """The classes of a kind for one to three axes."""
    made = []
    for axes, where in ((1, "dimension"), (2, "two dimensions"), (3, "three dimensions")):
        own = {"axes": axes, "__doc__": f"The last {where} padded {what}.", "__module__": __name__}
        made.append(type(f"{kind}{axes}d", (base,), {**own, **({"mode": mode} if mode else {})}))
    return made


ConstantPad1d, ConstantPad2d, ConstantPad3d = _classes(
    _ConstantPad, "ConstantPad", "with one value"
)
ZeroPad1d, ZeroPad2d, ZeroPad3d = _classes(_ZeroPad, "ZeroPad", "with zeros")
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = _classes(
    _Pad, "ReflectionPad", "with the elements mirrored at its ends", "reflect"
)
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = _classes(
    _Pad, "ReplicationPad", "with its outermost elements", "replicate"
)
CircularPad1d, CircularPad2d, CircularPad3d = _classes(
    _Pad, "CircularPad", "with the elements of its other end", "circular"
)
