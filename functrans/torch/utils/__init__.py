"""What PyTorch has under ``torch.utils``: data sets, checkpoints, other libraries' arrays."""

from typing import Any

from functrans.torch.tensor import UnsupportedError
from functrans.torch.utils import checkpoint as checkpoint, data as data, dlpack as dlpack


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'functrans.torch.utils' has no attribute {name!r}")
    raise UnsupportedError(f"torch.utils.{name} is not supported by functrans.torch")
