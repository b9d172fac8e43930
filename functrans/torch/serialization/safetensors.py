"""Files of the format of the safetensors package: named tensors and nothing else.

The functions are those of ``safetensors.torch``. They need the package: ``pip install
"functrans[safetensors]"``.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from functrans.torch import dtypes
from functrans.torch.engine import EngineArray
from functrans.torch.serialization.storages import widened
from functrans.torch.tensor import Tensor, UnsupportedError, wrap

_NAMES = {
    "F16": dtypes.float16,
    "F32": dtypes.float32,
    "F64": dtypes.float64,
    "C64": dtypes.complex64,
    "U8": dtypes.uint8,
    "I8": dtypes.int8,
    "I16": dtypes.int16,
    "I32": dtypes.int32,
    "I64": dtypes.int64,
    "BOOL": dtypes.bool,
}
_OF = {d: name for name, d in _NAMES.items()}


def _package() -> Any:
    try:
        import safetensors
    except ImportError:
        raise ImportError(
            "files of safetensors need the package: pip install 'functrans[safetensors]'"
        ) from None
    return safetensors


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors of a file that was read into memory, by their names."""
    return {name: _tensor(name, part) for name, part in _package().deserialize(data)}


def load_file(filename: str | os.PathLike[str], device: Any = "cpu") -> dict[str, Tensor]:
    """The tensors of a file, by their names."""
    with open(filename, "rb") as file:
        return load(file.read())


def _tensor(name: str, part: Any) -> Tensor:
    data = part["data"]
    raw = np.frombuffer(data if isinstance(data, bytearray) else bytearray(data), np.uint8)
    if part["dtype"] == "BF16":
        warnings.warn(
            "NumPy has no bfloat16: tensors of that dtype are read as float32", stacklevel=4
        )
        values = widened(raw.view(np.uint16))
    elif part["dtype"] in _NAMES:
        values = raw.view(_NAMES[part["dtype"]].numpy)
    else:
        raise UnsupportedError(
            f"the tensor {name!r} has the dtype {part['dtype']}, which functrans.torch does not "
            "have"
        )
    return wrap(EngineArray(values.reshape(part["shape"])))


def _arrays(tensors: dict[str, Tensor]) -> dict[str, np.ndarray[Any, Any]]:
    if not isinstance(tensors, dict):
        raise TypeError(f"safetensors: expected a dict of tensors, got {type(tensors).__name__}")
    found = {}
    for name, x in tensors.items():
        if not isinstance(name, str) or not isinstance(x, Tensor):
            raise TypeError(
                f"safetensors: tensors[{name!r}] is a {type(x).__name__}; only tensors by name can "
                "be saved"
            )
        if x.dtype not in _OF:
            raise UnsupportedError(f"safetensors has no dtype for {x.dtype}, of tensors[{name!r}]")
        found[name] = np.array(x.numpy_memory(), order="C")
    return found


def save(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """The bytes of a file of tensors; those that share memory are written one by one."""
    _package()
    from safetensors.numpy import save as serialized

    return bytes(serialized(_arrays(tensors), metadata))


def save_file(
    tensors: dict[str, Tensor],
    filename: str | os.PathLike[str],
    metadata: dict[str, str] | None = None,
) -> None:
    """Write tensors to a file; those that share memory are written one by one."""
    data = save(tensors, metadata)
    with open(filename, "wb") as file:
        file.write(data)
