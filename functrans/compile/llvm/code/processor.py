"""The processor that code is generated for: this one, as LLVM describes it.

Asking LLVM takes a tenth of a second, as it is loaded then. So what it said is kept on the disk, by
what the system tells of the processor and by the file of LLVM's library.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from functools import lru_cache
from typing import NamedTuple

from functrans.compile.llvm.code import cache

_SAME = (b"vendor_id", b"cpu family", b"model", b"model name", b"stepping", b"flags")
"""What Linux tells of a processor that is always the same."""

_FIRST = 1 << 14
"""Bytes that hold what it tells of the first one."""


class Processor(NamedTuple):
    """A processor, and who describes it.

    Attributes
    ----------
    name, features : str
        As LLVM calls them.
    triple : str
        The kind of machine, as LLVM calls it.
    version : str
        Those of llvmlite and LLVM.
    """

    name: str
    features: str
    triple: str
    version: str


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether llvmlite is installed."""
    return importlib.util.find_spec("llvmlite") is not None


def processor() -> Processor:
    """That of this process, from the disk if LLVM was asked before."""
    key = _key()
    known = None if key is None else cache.find(key)
    if known is not None:
        return Processor(*known.decode().split("\n"))
    found = _asked()
    if key is not None:
        cache.keep(key, "\n".join(found).encode())
    return found


def _asked() -> Processor:
    import llvmlite
    import llvmlite.binding as llvm

    version = f"{llvmlite.__version__} {'.'.join(map(str, llvm.llvm_version_info))}"
    features = llvm.get_host_cpu_features().flatten()
    return Processor(llvm.get_host_cpu_name(), features, llvm.get_default_triple(), version)


def _key() -> str | None:
    """What the description is kept by; None where the system does not tell enough."""
    library, told = _library(), _told()
    if library is None or told is None:
        return None
    return cache.key_of("processor", platform.machine(), library, told)


def _library() -> str | None:
    """The file that LLVM is in, and when it was written."""
    found = importlib.util.find_spec("llvmlite")
    if found is None or not found.origin:
        return None
    path = os.path.join(os.path.dirname(found.origin), "binding", "libllvmlite.so")
    try:
        status = os.stat(path)
    except OSError:
        return None
    return f"{path} {status.st_size} {status.st_mtime_ns} {status.st_ino}"


def _told() -> str | None:
    """What Linux tells of the first processor of x86."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return None
    try:
        with open("/proc/cpuinfo", "rb", buffering=0) as file:
            first = file.read(_FIRST).partition(b"\n\n")[0]
    except OSError:
        return None
    lines = [line for line in first.split(b"\n") if line.partition(b"\t")[0].strip() in _SAME]
    return b"\n".join(lines).decode() if len(lines) == len(_SAME) else None
