"""Limits of dtypes, options of printing, and switches of PyTorch that have no effect here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from functrans.compile.llvm.code import threads
from functrans.compile.llvm.code.pool import MOST
from functrans.torch import dtypes, printing
from functrans.torch.operands import common_dtype, unwrap


class finfo:
    """The limits of a floating-point dtype.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.finfo(torch.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: dtypes.dtype | None = None) -> None:
        kind = dtypes.get_default_dtype() if type is None else type
        if not (kind.is_floating_point or kind.is_complex):
            raise TypeError(
                f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                f"'{kind!r}'"
            )
        info: Any = np.finfo(kind.numpy)
        self.bits = int(info.bits)
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.smallest_normal)
        self.resolution = float(info.resolution)
        self.dtype = dtypes.of_numpy(info.dtype).name

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.tiny:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo:
    """The limits of an integer dtype.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.iinfo(torch.int8)
    iinfo(min=-128, max=127, dtype=int8)
    """

    def __init__(self, type: dtypes.dtype) -> None:
        if type.numpy.kind not in "iu":
            raise TypeError(
                f"torch.iinfo() requires an integer input type. Use torch.finfo to handle "
                f"'{type!r}'"
            )
        info = np.iinfo(type.numpy)
        self.bits, self.min, self.max = info.bits, int(info.min), int(info.max)
        self.dtype = type.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def result_type(tensor1: Any, tensor2: Any) -> dtypes.dtype:
    """The dtype in which two operands meet.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.result_type(torch.tensor([1, 2]), 1.0)
    torch.float32
    """
    return dtypes.of_numpy(common_dtype(unwrap(tensor1), unwrap(tensor2)))


def promote_types(type1: dtypes.dtype, type2: dtypes.dtype) -> dtypes.dtype:
    """The dtype in which tensors of two dtypes meet.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.promote_types(torch.int32, torch.float16)
    torch.float16
    """
    return dtypes.of_numpy(dtypes.joined(type1.numpy, type2.numpy))


_ORDER = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


def can_cast(from_: dtypes.dtype, to: dtypes.dtype) -> bool:
    """Whether a dtype may be written into another: not from a higher kind to a lower.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.can_cast(torch.float64, torch.int64)
    False
    """
    a, b = from_.numpy.kind, to.numpy.kind
    return _ORDER[a] <= _ORDER[b] and not (a == "i" and b == "u")


_PROFILES = {
    "default": (4, 1000, 3, 80),
    "short": (2, 1000, 2, 80),
    "full": (4, float("inf"), 3, 80),
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Say how tensors are printed.

    Parameters
    ----------
    precision : int
        Digits after the point; 4 unless set.
    threshold : int
        Above so many elements (1000) only the edges are shown.
    edgeitems : int
        How many elements at each edge of a dimension; 3.
    linewidth : int
        Characters of a line; 80.
    profile : "default", "short" or "full"
        Sets these four.
    sci_mode : bool
        Powers of ten always or never; None leaves it to the values.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.set_printoptions(precision=2)
    >>> torch.tensor(1 / 3)
    tensor(0.33)
    >>> torch.set_printoptions(profile="default")
    """
    options = printing.options
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"profile must be one of {', '.join(_PROFILES)}, got {profile!r}")
        options.precision, options.threshold, options.edge_items, options.line_width = _PROFILES[
            profile
        ]
    if precision is not None:
        options.precision = precision
    if threshold is not None:
        options.threshold = threshold
    if edgeitems is not None:
        options.edge_items = edgeitems
    if linewidth is not None:
        options.line_width = linewidth
    options.sci_mode = sci_mode


def get_num_threads() -> int:
    """How many threads native code may use; NumPy's libraries have settings of their own."""
    return threads.get_num_threads()


def set_num_threads(num: int) -> None:
    """Sets how many threads native code may use; those of NumPy's libraries are set by the
    environment (OMP_NUM_THREADS and its like)."""
    if num <= 0:
        raise RuntimeError("Expected a positive number of threads")
    threads.set_num_threads(min(num, MOST))


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Does nothing: all that functrans does is deterministic."""


def are_deterministic_algorithms_enabled() -> bool:
    """Always."""
    return True


def set_float32_matmul_precision(precision: str) -> None:
    """Does nothing: float32 products are those of NumPy's library."""


def get_float32_matmul_precision() -> str:
    """The highest: products of float32 have its full precision."""
    return "highest"


def _no_cuda(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("functrans.torch has tensors on the CPU only: there is no CUDA device")


cuda = SimpleNamespace(
    is_available=lambda: False,
    device_count=lambda: 0,
    manual_seed=lambda seed: None,
    manual_seed_all=lambda seed: None,
    empty_cache=lambda: None,
    synchronize=_no_cuda,
    current_device=_no_cuda,
    get_device_name=_no_cuda,
    set_device=_no_cuda,
)
"""What programs ask of ``torch.cuda`` to find out that there is none."""

backends = SimpleNamespace(
    cudnn=SimpleNamespace(
        benchmark=False, deterministic=True, enabled=False, is_available=lambda: False
    ),
    mps=SimpleNamespace(is_available=lambda: False, is_built=lambda: False),
    cuda=SimpleNamespace(is_built=lambda: False, matmul=SimpleNamespace(allow_tf32=False)),
)
"""What programs ask of ``torch.backends``."""
