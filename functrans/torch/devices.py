"""Where tensors are, on the CPU, which is the only device that functrans has, and how they lie."""

from __future__ import annotations

from typing import Any


class device:
    """A device by its type and number.

    Parameters
    ----------
    type : str or device
        Such as "cpu" or "cuda:0".
    index : int, optional

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.device("cpu"), torch.device("cuda:1").index
    (device(type='cpu'), 1)
    """

    __slots__ = ("index", "type")

    def __init__(self, type: Any, index: int | None = None) -> None:
        name, _, number = str(type).partition(":")
        if name not in _TYPES:
            raise RuntimeError(
                f"Expected one of {', '.join(_TYPES)} device type at start of device string: {name}"
            )
        if number and not number.isdigit():
            raise RuntimeError(f"Invalid device string: '{type}'")
        self.type = name
        self.index = int(number) if number else index

    def __repr__(self) -> str:
        place = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{place})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> Any:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        check_device(self)
        return self

    def __exit__(self, *exc: object) -> None:
        pass


_TYPES = (
    *("cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga"),
    *("maia", "xla", "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone"),
)

CPU = device("cpu")


def check_device(given: Any) -> None:
    """Raise unless a device that somebody asks for is the CPU."""
    if given is not None and (isinstance(given, int) or device(given).type != "cpu"):
        raise RuntimeError(f"functrans.torch has tensors on the CPU only, not on {given!r}")


class layout:
    """How the elements of a tensor lie: with steps along each dimension."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class memory_format(layout):
    """In which order the elements of a new tensor lie; tensors of functrans are in C order."""

    __slots__ = ()


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")


def set_default_device(device: Any) -> None:
    """Say where new tensors are made, which can only be the CPU."""
    check_device(device)


def get_default_device() -> device:
    """Where new tensors are made.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.get_default_device()
    device(type='cpu')
    """
    return CPU
