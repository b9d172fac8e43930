"""Writing pickles of tensors and containers, as PyTorch's reader of weights takes them."""

from __future__ import annotations

import pickle
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from functrans.torch import dtypes
from functrans.torch.devices import device
from functrans.torch.nn.parameter import Buffer, Parameter
from functrans.torch.serialization.storages import STORAGE_NAMES, Memory
from functrans.torch.tensor import Size, Tensor


class _Call:
    """A call in the file, of one of PyTorch's names."""

    def __init__(self, name: str, *args: Any) -> None:
        self.name = name
        self.args = args


class _Name:
    """One of PyTorch's names in the file."""

    def __init__(self, name: str) -> None:
        self.name = name


class _StoragePart:
    """What stands for a storage in the file."""

    def __init__(self, root: Memory, key: str) -> None:
        self.parts = (
            "storage",
            _Name(f"torch.{STORAGE_NAMES[dtypes.of_numpy(root.dtype)]}"),
            key,
            "cpu",
            root.size,
        )


class Pickler:
    """Writes one object.

    Attributes
    ----------
    storages : list of ndarray
        The memory that the tensors of the object are views of, by their numbers in the pickle.
    """

    def __init__(self) -> None:
        self.storages: list[Memory] = []
        self._keys: dict[int, str] = {}
        self._memo: dict[Any, int] = {}
        self._alive: list[Any] = []
        self._out: list[bytes] = []

    def dumps(self, x: Any) -> bytes:
        """The pickle of an object.

        Raises
        ------
        TypeError
            Something in it is no tensor, container, number or string.
        """
        self._out = [pickle.PROTO + b"\x02"]
        self._save(x, "obj")
        self._out.append(pickle.STOP)
        return b"".join(self._out)

    def _write(self, *parts: bytes) -> None:
        self._out.extend(parts)

    def _save(self, x: Any, path: str) -> None:
        if isinstance(x, np.generic) and x.dtype.kind in "biufc":
            x = x.item()
        key = x.name if type(x) is _Name else id(x)
        if key in self._memo:
            self._write(_with_number(pickle.BINGET, pickle.LONG_BINGET, self._memo[key]))
            return
        save = _SAVERS.get(type(x))
        if save is None:
            raise TypeError(
                f"torch.save: {path} is of type {type(x).__module__}.{type(x).__qualname__}. Only "
                f"tensors, containers, numbers and strings are saved; {_remedy(x)}"
            )
        save(self, x, path)

    def _remember(self, x: Any) -> None:
        key = x.name if type(x) is _Name else id(x)
        number = self._memo[key] = len(self._memo)
        self._alive.append(x)  # its id stays its own
        self._write(_with_number(pickle.BINPUT, pickle.LONG_BINPUT, number))

    def _int(self, x: int, path: str) -> None:
        if 0 <= x < 256:
            self._write(pickle.BININT1, bytes([x]))
        elif -(2**31) <= x < 2**31:
            self._write(pickle.BININT, struct.pack("<i", x))
        else:
            data = pickle.encode_long(x)
            if len(data) < 256:
                self._write(pickle.LONG1, bytes([len(data)]), data)
            else:
                self._write(pickle.LONG4, struct.pack("<i", len(data)), data)

    def _str(self, x: str, path: str) -> None:
        data = x.encode("utf-8", "surrogatepass")
        self._write(pickle.BINUNICODE, struct.pack("<I", len(data)), data)
        self._remember(x)

    def _tuple(self, x: tuple[Any, ...], path: str) -> None:
        short = {0: pickle.EMPTY_TUPLE, 1: pickle.TUPLE1, 2: pickle.TUPLE2, 3: pickle.TUPLE3}
        if len(x) > 3:
            self._write(pickle.MARK)
        for i, item in enumerate(x):
            self._save(item, f"{path}[{i}]")
        self._write(short.get(len(x), pickle.TUPLE))
        if x and id(x) not in self._memo:
            self._remember(x)

    def _list(self, x: list[Any], path: str) -> None:
        self._write(pickle.EMPTY_LIST)
        self._remember(x)
        if x:
            self._write(pickle.MARK)
            for i, item in enumerate(x):
                self._save(item, f"{path}[{i}]")
            self._write(pickle.APPENDS)

    def _dict(self, x: dict[Any, Any], path: str) -> None:
        self._write(pickle.EMPTY_DICT)
        self._remember(x)
        self._items(x, path)

    def _items(self, x: dict[Any, Any], path: str) -> None:
        if x:
            self._write(pickle.MARK)
            for key, value in x.items():
                self._save(key, f"a key of {path}")
                self._save(value, f"{path}[{key!r}]")
            self._write(pickle.SETITEMS)

    def _ordered(self, x: OrderedDict[Any, Any], path: str) -> None:
        self._called(_Call("collections.OrderedDict"), path)
        self._remember(x)
        self._items(x, path)
        if vars(x):
            self._save(vars(x), path)
            self._write(pickle.BUILD)

    def _name(self, x: _Name, path: str) -> None:
        module, _, name = x.name.rpartition(".")
        self._write(pickle.GLOBAL, f"{module}\n{name}\n".encode())
        self._remember(x)

    def _called(self, x: _Call, path: str) -> None:
        self._save(_Name(x.name), path)
        self._tuple(x.args, path)
        self._write(pickle.REDUCE)

    def _storage(self, x: _StoragePart, path: str) -> None:
        self._tuple(x.parts, path)
        self._write(pickle.BINPERSID)

    def _tensor(self, x: Tensor, path: str) -> None:
        root, offset, strides = self._within(x.numpy_memory())
        key = self._keys.get(id(root))
        if key is None:
            key = self._keys[id(root)] = str(len(self.storages))
            self.storages.append(root)
        whole = type(x) is Parameter
        parts = (
            _StoragePart(root, key),
            offset,
            tuple(x.shape),
            strides,
            x.requires_grad and not whole,
            _Call("collections.OrderedDict"),
        )
        made = _Call("torch._utils._rebuild_tensor_v2", *parts)
        attributes = {k: v for k, v in vars(x).items() if k != "_retains"}
        if whole:
            name = "torch._utils._rebuild_parameter"
            rest: list[Any] = [_Call("collections.OrderedDict")]
            if attributes:
                name, rest = f"{name}_with_state", [*rest, attributes]
            made = _Call(name, made, x.requires_grad, *rest)
        elif attributes:
            kind, function = _Name("torch.Tensor"), _Name(made.name)
            made = _Call(
                "torch._tensor._rebuild_from_type_v2", function, kind, made.args, attributes
            )
        self._called(made, path)
        self._remember(x)

    def _within(self, memory: Memory) -> tuple[Memory, int, tuple[int, ...]]:
        """The block that a memory is a view of, where it begins in it, and its strides."""
        root = memory
        while isinstance(root.base, np.ndarray):
            root = root.base
        item = memory.itemsize
        offset, off = divmod(_address(memory) - _address(root), item)
        steps = [divmod(k, item) for k in memory.strides]
        is_view = (
            root.dtype == memory.dtype
            and root.dtype.isnative
            and (root.flags.c_contiguous or root.flags.f_contiguous)
            and not off
            and all(k >= 0 and not rest for k, rest in steps)
        )
        if not memory.size or not is_view:
            # Strides that PyTorch has not, as of x[::-1], or other types: a copy of its own.
            root = np.array(memory, memory.dtype.newbyteorder("="), order="C")
            return root, 0, tuple(k // item for k in root.strides)
        return root, offset, tuple(k for k, _ in steps)


def _address(memory: Memory) -> int:
    return int(memory.__array_interface__["data"][0])


def _with_number(short: bytes, long: bytes, n: int) -> bytes:
    return short + bytes([n]) if n < 256 else long + struct.pack("<I", n)


def _remedy(x: Any) -> str:
    if hasattr(x, "state_dict"):
        return "save what its state_dict() returns"
    if isinstance(x, np.ndarray):
        return "write torch.from_numpy(x) for an array"
    return "write it as a dict of them"


def _bytes(p: Pickler, x: bytes, path: str) -> None:
    p._called(_Call("_codecs.encode", x.decode("latin1"), "latin1"), path)
    p._remember(x)


def _calling(name: str, args: Callable[[Any], tuple[Any, ...]]) -> Callable[..., None]:
    def save(p: Pickler, x: Any, path: str) -> None:
        p._called(_Call(name, *args(x)), path)
        p._remember(x)

    return save


_SAVERS: dict[type, Callable[..., None]] = {
    type(None): lambda p, x, path: p._write(pickle.NONE),
    bool: lambda p, x, path: p._write(pickle.NEWTRUE if x else pickle.NEWFALSE),
    float: lambda p, x, path: p._write(pickle.BINFLOAT, struct.pack(">d", x)),
    int: Pickler._int,
    str: Pickler._str,
    bytes: _bytes,
    tuple: Pickler._tuple,
    list: Pickler._list,
    dict: Pickler._dict,
    OrderedDict: Pickler._ordered,
    Tensor: Pickler._tensor,
    Parameter: Pickler._tensor,
    Buffer: Pickler._tensor,
    _Name: Pickler._name,
    _Call: Pickler._called,
    _StoragePart: Pickler._storage,
    Counter: _calling("collections.Counter", lambda x: (dict(x),)),
    set: _calling("__builtin__.set", lambda x: (list(x),)),
    frozenset: _calling("__builtin__.frozenset", lambda x: (list(x),)),
    complex: _calling("__builtin__.complex", lambda x: (x.real, x.imag)),
    bytearray: _calling("__builtin__.bytearray", lambda x: (bytes(x),)),
    Size: _calling("torch.Size", lambda x: (tuple(x),)),
    device: _calling("torch.device", lambda x: (x.type,) if x.index is None else (x.type, x.index)),
    dtypes.dtype: lambda p, x, path: p._save(_Name(repr(x)), path),
}


def storage_bytes(storages: list[Memory]) -> Iterator[memoryview]:
    """The bytes of storages, in the order of their memory."""
    for root in storages:
        flat: Any = root.ravel(order="K").view(np.uint8)
        yield memoryview(flat)
