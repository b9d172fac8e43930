"""Object code on the disk, so that what another process has compiled only has to be read.

A file is named after everything that its code depends on, and begins with a sum of its contents:
what is damaged, cut off or not ours is not loaded. Nothing here raises for what the disk does: a
folder that cannot be written to only means that nothing is kept.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING

from functrans._version import __version__
from functrans.core.digests import blake2b

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LIMIT = 256 << 20
"""Bytes of all files together, from which on those that were not used for longest are removed."""

_MAGIC = b"functrans object code 2\n"
_SUM = 32
_ENDING = ".object"
_UNFINISHED = ".part"
_BINARY = getattr(os, "O_BINARY", 0)
_ABANDONED = 3600
"""Seconds after which a file that is not finished was left behind by a process that has ended."""

_written = 0
"""Files that this process has written; the size of all is looked at with the first and then
sometimes."""


def key_of(text: str, *machine: str, contents: Iterable[bytes] = ()) -> str:
    """The name of the code of a module for a machine, by all that it depends on.

    Parameters
    ----------
    text : str
        The module, in LLVM's language.
    *machine : str
        Processor, features, versions.
    contents : iterable of bytes
        Of arrays, where it depends on some.
    """
    found = blake2b(digest_size=_SUM)
    for part in (__version__, sys.platform, *machine, text):
        found.update(b"%d:" % len(part))
        found.update(part.encode())
    for content in contents:
        found.update(b"%d:" % len(content))
        found.update(content)
    return found.hexdigest()


def folder() -> str | None:
    """Where the files are: ``FUNCTRANS_CACHE_DIR``, or in the folder of the system for caches.

    None if there is to be no cache (``FUNCTRANS_CACHE=0``), or no such folder.
    """
    if os.environ.get("FUNCTRANS_CACHE", "1") == "0":
        return None
    own = os.environ.get("FUNCTRANS_CACHE_DIR")
    if own:
        return own
    home = os.path.expanduser("~")
    if home == "~":  # nobody's
        return None
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return os.path.join(base or os.path.join(home, "AppData", "Local"), "functrans", "native")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Caches", "functrans", "native")
    base = os.environ.get("XDG_CACHE_HOME")  # which has to be absolute to count
    if not base or not os.path.isabs(base):
        base = os.path.join(home, ".cache")
    return os.path.join(base, "functrans", "native")


def find(key: str) -> bytes | None:
    """The object code of that name, if the disk has it as it was written."""
    where = folder()
    if where is None or not _private(where):
        return None
    path = os.path.join(where, key + _ENDING)
    try:
        with open(path, "rb", buffering=0) as file:
            content = file.readall()
    except OSError:
        return None
    start = len(_MAGIC) + _SUM
    code = content[start:]
    if content[:start] != _MAGIC + _sum(key, code):
        with contextlib.suppress(OSError):
            os.unlink(path)
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # it was used now
    return code


def has(key: str) -> bool:
    """Whether there is a file of that name, damaged perhaps."""
    where = folder()
    return where is not None and os.path.exists(os.path.join(where, key + _ENDING))


def keep(key: str, code: bytes) -> None:
    """Write object code to the disk, whole or not at all."""
    global _written
    where = folder()
    if where is None:
        return
    try:
        if not os.path.isdir(where):
            os.makedirs(os.path.dirname(where) or ".", exist_ok=True)
            os.makedirs(where, mode=0o700, exist_ok=True)
        if not _private(where):
            return
        unfinished = os.path.join(where, os.urandom(8).hex() + _UNFINISHED)
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + _sum(key, code) + code)
            os.replace(unfinished, os.path.join(where, key + _ENDING))
        except BaseException:
            os.unlink(unfinished)
            raise
    except OSError:
        return
    if _written % 16 == 0:
        _shrink(where)
    _written += 1


def clear_cache() -> None:
    """Remove the native code that functrans has kept on the disk.

    Programs that are compiled in this process stay; :func:`functrans.clear_caches` forgets those.
    The folder is ``FUNCTRANS_CACHE_DIR``, or that of the system for caches; only files that
    functrans has written there are removed.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.clear_cache()
    """
    where = folder()
    if where is not None:
        for path, _ in _files(where):
            with contextlib.suppress(OSError):
                os.unlink(path)


def _sum(key: str, code: bytes) -> bytes:
    """Of the contents and of the name, so that a file under another's name is none."""
    return blake2b(key.encode() + code, digest_size=_SUM).digest()


def _private(where: str) -> bool:
    """Whether nobody else could have put code there for us to run."""
    try:
        status = os.stat(where)
    except OSError:
        return False
    if sys.platform == "win32":  # where folders of users are theirs
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _files(where: str) -> Iterator[tuple[str, os.stat_result]]:
    """The files of this module in a folder."""
    try:
        entries = list(os.scandir(where))
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith((_ENDING, _UNFINISHED)):
            with contextlib.suppress(OSError):  # another process may have removed it
                yield entry.path, entry.stat(follow_symlinks=False)


def _shrink(where: str) -> None:
    """Remove what was not used for longest, down to three quarters of the limit."""
    now = time.time()
    files = []
    for path, status in _files(where):
        if path.endswith(_ENDING):
            files.append((status.st_mtime, status.st_size, path))
        elif now - status.st_mtime > _ABANDONED:
            with contextlib.suppress(OSError):
                os.unlink(path)
    total = sum([size for _, size, _ in files])
    if total <= LIMIT:
        return
    for _, size, path in sorted(files):
        if total <= LIMIT * 3 // 4:
            return
        with contextlib.suppress(OSError):
            os.unlink(path)
        total -= size
