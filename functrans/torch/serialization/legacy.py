"""The checkpoints of PyTorch before version 1.6: pickles one after another, then the storages."""

from __future__ import annotations

import io
import struct
from typing import IO, Any

import numpy as np

from functrans.torch.serialization.archive import storage_parts
from functrans.torch.serialization.storages import Storage, StorageType, corrupt, typed
from functrans.torch.serialization.unpickling import Unpickler

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


def _nothing(given: Any) -> Any:
    raise corrupt("a storage where there is none")


class _Requests:
    """Notes what storages a pickle asks for."""

    def __init__(self) -> None:
        self.kinds: dict[str, tuple[StorageType, int]] = {}
        self.found: dict[str, Storage] = {}

    def note(self, given: Any) -> None:
        key, kind, count = self._parts(given)
        if self.kinds.setdefault(key, (kind, count)) != (kind, count):
            raise corrupt(f"the storage {key} is of two types or sizes")

    def storage(self, given: Any) -> Storage:
        key, kind, _ = self._parts(given)
        whole = self.found[key]
        part = given[5] if len(given) > 5 else None
        if part is None:
            return whole
        if not isinstance(part, tuple) or len(part) != 3:
            raise corrupt(f"a part of a storage is {part!r}")
        _, start, count = part
        if type(start) is not int or type(count) is not int or start < 0 or count < 0:
            raise corrupt(f"a part of a storage is {part!r}")
        if start + count > whole.elements.size:
            raise corrupt("a part of a storage is not within it")
        return Storage(kind, whole.elements[start : start + count])

    def _parts(self, given: Any) -> tuple[str, StorageType, int]:
        if isinstance(given, tuple) and given and given[0] == "module":
            raise corrupt("it holds a module, not only tensors")
        return storage_parts(given, 6)


def load(file: IO[bytes]) -> Any:
    """The object in a file of the old format."""
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    if Unpickler(file, _nothing).load() != MAGIC:
        raise corrupt("it does not begin as a checkpoint of PyTorch")
    if Unpickler(file, _nothing).load() != PROTOCOL:
        raise corrupt("it is of an unknown version")
    system = Unpickler(file, _nothing).load()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise corrupt("it was written on a machine with another byte order")
    start = file.tell()
    requests = _Requests()
    Unpickler(file, requests.note, dry=True).load()
    keys = Unpickler(file, _nothing).load()
    if not isinstance(keys, list) or any(
        type(key) is not str or key not in requests.kinds for key in keys
    ):
        raise corrupt("it has storages that nothing stands on")
    for key in keys:
        kind, count = requests.kinds[key]
        head = file.read(8)
        size = count * kind.dtype.itemsize
        if len(head) < 8 or struct.unpack("<q", head)[0] != count or size > length - file.tell():
            raise corrupt(f"the storage {key} is cut off")
        raw = np.frombuffer(bytearray(file.read(size)), np.uint8)
        requests.found[key] = Storage(kind, typed(raw, kind))
    file.seek(start)
    return Unpickler(file, requests.storage).load()
