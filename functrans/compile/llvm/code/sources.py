"""The sources of this library as a short text, by which what they have made is found again.

A file is told by its path, its size and the times at which it and its entry were changed. What was
changed after this process had begun to load the library may not be what it runs: then there is no
such text.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from functrans._version import LOADED
from functrans.core.digests import blake2b
from functrans.primitives import arithmetic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLDERS = ("core", "graph", "transforms", "compile", "control", "random")
"""What decides about native code: ``compile``, all that it imports, and what rewrites graphs for
it."""

_MARGIN = 0.05
"""Seconds by which the clocks of files may be behind."""


@lru_cache(maxsize=1)
def fingerprint() -> str | None:
    """The text; None where sources cannot be told, or have changed meanwhile."""
    return now()


def now() -> str | None:
    """The same, looked up anew."""
    root = __file__
    for _ in __name__.split(".")[1:]:
        root = os.path.dirname(root)
    folders = [os.path.join(root, name) for name in FOLDERS]
    return told([*folders, os.path.dirname(arithmetic.__file__)], LOADED)


def told(folders: Iterable[str], loaded: float) -> str | None:
    """The text of the sources in some folders, for what was loaded at a time."""
    files = []
    try:
        for folder in folders:
            files += list(_files(folder))
    except OSError:  # they are in an archive
        return None
    latest = int((loaded - _MARGIN) * 1e9)
    if not files or max([max(changed, entered) for _, _, changed, entered in files]) > latest:
        return None
    text = repr(sorted(files)).encode("utf-8", "surrogateescape")
    return blake2b(text, digest_size=32).hexdigest()


def _files(folder: str) -> Iterator[tuple[str, int, int, int]]:
    """The sources in a folder and in those within: path, size, nanoseconds of changes."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.endswith(".py"):
                status = entry.stat()
                yield entry.path, status.st_size, status.st_mtime_ns, status.st_ctime_ns
            elif "." not in name and name != "__pycache__" and entry.is_dir():
                yield from _files(entry.path)
