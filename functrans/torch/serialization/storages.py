"""Storages: blocks of memory that tensors in a file are views of, and the tensors on them."""

from __future__ import annotations

import math
import pickle
import warnings
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

from functrans.torch import dtypes
from functrans.torch.engine import EngineArray
from functrans.torch.nn.parameter import Parameter
from functrans.torch.tensor import Tensor, wrap

Memory = np.ndarray[Any, Any]


class StorageType(NamedTuple):
    """A class of storages by PyTorch's name, with NumPy's dtype of its elements."""

    name: str
    dtype: np.dtype[Any]


STORAGE_NAMES = {
    dtypes.float16: "HalfStorage",
    dtypes.float32: "FloatStorage",
    dtypes.float64: "DoubleStorage",
    dtypes.complex64: "ComplexFloatStorage",
    dtypes.complex128: "ComplexDoubleStorage",
    dtypes.uint8: "ByteStorage",
    dtypes.int8: "CharStorage",
    dtypes.int16: "ShortStorage",
    dtypes.int32: "IntStorage",
    dtypes.int64: "LongStorage",
    dtypes.bool: "BoolStorage",
}

BFLOAT16 = "BFloat16Storage"
STORAGE_TYPES = {name: StorageType(name, d.numpy) for d, name in STORAGE_NAMES.items()}
STORAGE_TYPES[BFLOAT16] = StorageType(BFLOAT16, np.dtype(np.uint16))
STORAGE_TYPES["UntypedStorage"] = StorageType("UntypedStorage", np.dtype(np.uint8))


class Storage(NamedTuple):
    """A storage that was read: its elements in one axis."""

    kind: StorageType
    elements: Memory


def corrupt(reason: str) -> pickle.UnpicklingError:
    """The error for a file that contradicts itself."""
    return pickle.UnpicklingError(f"torch.load: the file is corrupt or was made to harm: {reason}")


def typed(raw: Memory, kind: StorageType) -> Memory:
    """Bytes as the elements of a storage; bfloat16, which NumPy does not have, as float32."""
    elements = raw.view(kind.dtype)
    if kind.name == BFLOAT16:
        warnings.warn(
            "NumPy has no bfloat16: tensors of that dtype are read as float32", stacklevel=2
        )
        return widened(elements)
    if kind.dtype.kind == "b" and (raw > 1).any():
        raise corrupt("a bool is neither 0 nor 1")
    return elements


def widened(bits: Memory) -> Memory:
    """The float32 numbers of the 16 bits of bfloat16 ones."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _counts(x: Any, what: str) -> tuple[int, ...]:
    if not isinstance(x, tuple) or any(type(n) is not int or n < 0 for n in x):
        raise corrupt(f"the {what} of a tensor is {x!r}")
    return x


def view(storage: Any, offset: Any, size: Any, stride: Any) -> Memory:
    """The part of a storage that a tensor is."""
    if not isinstance(storage, Storage):
        raise corrupt(f"a tensor stands on {storage!r}, which is no storage")
    shape, steps = _counts(size, "size"), _counts(stride, "stride")
    (start,) = _counts((offset,), "offset")
    if len(shape) != len(steps) or len(shape) > 64:
        raise corrupt(f"a tensor has size {shape} and strides {steps}")
    elements = storage.elements
    last = start + sum((n - 1) * k for n, k in zip(shape, steps, strict=True))
    empty = 0 in shape
    if start > elements.size or (not empty and last >= elements.size):
        raise corrupt(
            f"a tensor of size {shape} with strides {steps} from {start} on is not within the "
            f"{elements.size} elements of its storage"
        )
    if empty:
        return np.empty(shape, elements.dtype)
    if math.prod(shape) > 2**62 // elements.itemsize:
        raise corrupt(f"a tensor has size {shape}")
    strides = [k * elements.itemsize for k in steps]
    return np.lib.stride_tricks.as_strided(elements[start:], shape, strides)


def rebuild_tensor(
    storage: Any,
    storage_offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any = False,
    backward_hooks: Any = None,
    metadata: Any = None,
) -> Tensor:
    """A tensor from its parts, as PyTorch writes them."""
    values = view(storage, storage_offset, size, stride)
    flags = metadata or {}
    if not isinstance(flags, dict) or set(flags) - {"conj", "neg"}:
        raise corrupt(f"a tensor has the properties {flags!r}")
    if flags.get("conj"):
        values = np.conj(values)
    if flags.get("neg"):
        values = -values
    made = wrap(EngineArray(values))
    return made.requires_grad_() if requires_grad is True else made


def rebuild_tensor_of_dtype(
    storage: Any,
    storage_offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    backward_hooks: Any,
    dtype: Any,
    metadata: Any = None,
) -> Tensor:
    """A tensor of a dtype that its storage, of bytes, does not say."""
    if not isinstance(storage, Storage) or not isinstance(dtype, dtypes.dtype):
        raise corrupt(f"a tensor has the dtype {dtype!r}")
    whole = storage.elements.view(np.uint8)
    whole = whole[: whole.size - whole.size % dtype.itemsize]
    kind = STORAGE_TYPES[STORAGE_NAMES[dtype]]
    own = Storage(kind, typed(whole, kind))
    return rebuild_tensor(own, storage_offset, size, stride, requires_grad, None, metadata)


def rebuild_parameter(data: Any, requires_grad: Any, backward_hooks: Any = None) -> Parameter:
    """A parameter from its tensor."""
    if not isinstance(data, Tensor) or type(requires_grad) is not bool:
        raise corrupt("a parameter stands on what is no tensor")
    made: Parameter = Parameter(data, requires_grad)
    return made


def rebuild_parameter_with_state(
    data: Any, requires_grad: Any, backward_hooks: Any, state: Any
) -> Parameter:
    """A parameter with attributes."""
    return with_attributes(rebuild_parameter(data, requires_grad), state)  # type: ignore[no-any-return]


def with_attributes(x: Any, state: Any) -> Any:
    """An object with the attributes that a file gives it, none of which is one of its class."""
    given = state[0] if isinstance(state, tuple) and len(state) == 2 and not state[1] else state
    if given is None:
        return x
    if not isinstance(x, Tensor) and type(x) is not OrderedDict:
        raise corrupt(f"attributes for an object of type {type(x).__name__}")
    if not isinstance(given, dict) or any(
        type(name) is not str or hasattr(type(x), name) for name in given
    ):
        raise corrupt(f"attributes {given!r} for an object of type {type(x).__name__}")
    vars(x).update(given)
    return x
