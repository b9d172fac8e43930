"""The memory of this process, as Linux tells it: what it holds, and the largest it has held."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def _bytes(name: str) -> int | None:
    if not STATUS.exists():
        return None
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(lines[name].split()[0]) * 1024


def peak_bytes() -> int | None:
    """Return the largest memory this process has held since it started, or since
    `start_of_peak`; None where the system does not tell.

    Not ``resource.getrusage``: on Linux its figure starts at that of the process that started us.
    """
    return _bytes("VmHWM")


def start_of_peak() -> int | None:
    """Have `peak_bytes` tell of what comes from now on, and return what the process holds; None
    where the system cannot.

    What is free but still with the process is given back before, so that it is not used unseen.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of the GNU C library
    if trim is None:
        return None
    trim(0)
    try:
        CLEAR.write_text("5")
    except OSError:  # another system, or one that forbids it
        return None
    return _bytes("VmRSS")
