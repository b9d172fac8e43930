"""``torch.utils.dlpack``: arrays of other libraries as tensors and back, without a copy."""

from __future__ import annotations

from typing import Any

from functrans.torch.creation import from_dlpack as from_dlpack
from functrans.torch.tensor import Tensor


def to_dlpack(tensor: Tensor) -> Any:
    """The tensor as a capsule that other libraries read.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> from functrans.torch.utils.dlpack import to_dlpack
    >>> type(to_dlpack(torch.ones(2))).__name__
    'PyCapsule'
    """
    return tensor.__dlpack__()
