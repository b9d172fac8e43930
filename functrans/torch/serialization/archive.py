"""The zip archives of checkpoints: a pickle, and a record for each storage."""

from __future__ import annotations

import io
import struct
import sys
import zipfile
from collections.abc import Iterable
from typing import IO, Any

import numpy as np

from functrans.torch.serialization.storages import (
    Memory,
    Storage,
    StorageType,
    corrupt,
    typed,
)
from functrans.torch.serialization.unpickling import Unpickler

ALIGNMENT = 64
"""The bytes of each storage begin at a multiple, as PyTorch's do, so that they can be mapped."""
_CHUNK = 1 << 20
# What zipfile raises for archives that are none, or only in part.
_ERRORS = (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError, struct.error)


class Archive:
    """An archive that is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.length = file.seek(0, io.SEEK_END)
        self.unread = self.length
        file.seek(0)
        try:
            self.zip = zipfile.ZipFile(file)
        except _ERRORS as error:
            raise corrupt(f"it is no whole zip archive ({error})") from error
        self.names = {info.filename: info for info in self.zip.infolist()}
        pickles = [name for name in self.names if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise corrupt("it has no data.pkl")
        self.prefix = pickles[0].removesuffix("data.pkl")
        if f"{self.prefix}constants.pkl" in self.names:
            raise RuntimeError(
                "torch.load: the file is a TorchScript archive, which holds programs. Save the "
                "state_dict() of the model with PyTorch, and load that"
            )
        order = self.record("byteorder").tobytes() if self.has("byteorder") else b"little"
        if order not in (b"little", b"big"):
            raise corrupt(f"its byte order is {order!r}")
        self.swapped = order.decode() != sys.byteorder
        self.storages: dict[str, Storage] = {}

    def has(self, name: str) -> bool:
        return self.prefix + name in self.names

    def record(self, name: str) -> Memory:
        """The bytes of a record, as an array that can be written to."""
        info = self.names.get(self.prefix + name)
        if info is None:
            raise corrupt(f"it has no record {name!r}")
        # As PyTorch writes them: so a small file cannot ask for much memory.
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise corrupt(f"its record {name!r} is compressed")
        self.unread -= info.file_size
        if self.unread < 0:
            raise corrupt("its records are larger than the file")
        found = np.empty(info.file_size, np.uint8)
        try:
            with self.zip.open(info) as source:
                for start in range(0, found.size, _CHUNK):
                    part = source.read(min(_CHUNK, found.size - start))
                    found[start : start + len(part)] = np.frombuffer(part, np.uint8)
                    if len(part) < min(_CHUNK, found.size - start):
                        raise corrupt(f"its record {name!r} is cut off")
                if source.read(1):
                    raise corrupt(f"its record {name!r} is longer than it says")
        except _ERRORS as error:
            raise corrupt(f"its record {name!r} cannot be read ({error})") from error
        return found

    def storage(self, given: Any) -> Storage:
        """The storage that a part of the pickle stands for."""
        key, kind, count = storage_parts(given, 5)
        known = self.storages.get(key)
        if known is None:
            raw = self.record(f"data/{key}")
            if raw.size != count * kind.dtype.itemsize:
                raise corrupt(
                    f"a storage has {raw.size} bytes in place of the {count} elements of "
                    f"{kind.name}"
                )
            if self.swapped:
                raw.view(kind.dtype).byteswap(inplace=True)
            known = self.storages[key] = Storage(kind, typed(raw, kind))
        if known.kind != kind:
            raise corrupt(f"a storage is of {known.kind.name} and of {kind.name}")
        return known

    def load(self) -> Any:
        """The object."""
        stream = io.BytesIO(self.record("data.pkl").tobytes())
        return Unpickler(stream, self.storage).load()


def storage_parts(given: Any, length: int) -> tuple[str, StorageType, int]:
    """Key, type and number of elements in what stands for a storage in a pickle."""
    if not isinstance(given, tuple) or len(given) != length or given[0] != "storage":
        raise corrupt(f"a storage is {given!r}")
    kind, key, count = given[1], given[2], given[4]
    if not isinstance(kind, StorageType) or type(key) is not str:
        raise corrupt(f"a storage has type {kind!r} and key {key!r}")
    if type(count) is not int or count < 0:
        raise corrupt(f"a storage has {count!r} elements")
    return key, kind, count


def write(file: Any, name: str, pickled: bytes, storages: Iterable[memoryview]) -> None:
    """Write an archive.

    Parameters
    ----------
    file : binary file
    name : str
        Of the folder in the archive.
    pickled : bytes
    storages : iterable of memoryview
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:

        def record(key: str, data: bytes | memoryview) -> None:
            info = zipfile.ZipInfo(f"{name}/{key}")
            # An entry of the header that means nothing fills up what is missing.
            header = 30 + len(info.filename.encode()) + 4
            missing = -(archive.fp.tell() + header) % ALIGNMENT  # type: ignore[union-attr]
            info.extra = b"FB" + struct.pack("<H", missing) + b"Z" * missing
            info.file_size = len(data)
            with archive.open(info, "w") as out:
                out.write(data)

        record("data.pkl", pickled)
        record("byteorder", sys.byteorder.encode())
        for key, data in enumerate(storages):
            record(f"data/{key}", data)
        record("version", b"3\n")
