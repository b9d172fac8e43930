"""Checkpoints by their addresses: the folders in which they are kept, and downloading."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from functrans.torch.serialization import load as _load
from functrans.torch.tensor import UnsupportedError

_CHUNK = 1 << 18
_HASH = re.compile(r"-([0-9a-f]{8,64})\.")
_dir: str | None = None


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


def get_dir() -> str:
    """The folder of PyTorch's hub: what `set_dir` set, ``$TORCH_HOME/hub``, ``~/.cache/torch/hub``.

    Checkpoints are in its folder ``checkpoints``.
    """
    if _dir is not None:
        return _dir
    home = os.environ.get("TORCH_HOME")
    return str((Path(home).expanduser() if home else _cache() / "torch") / "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Keep checkpoints in the folder ``checkpoints`` of another folder."""
    global _dir
    _dir = os.path.expanduser(os.fspath(d))


def folders() -> list[Path]:
    """Where checkpoints are looked for; the first is where they are downloaded to.

    The second is ``$FUNCTRANS_HOME/checkpoints``, by default ``~/.cache/functrans/checkpoints``.
    """
    home = os.environ.get("FUNCTRANS_HOME")
    own = Path(home).expanduser() if home else _cache() / "functrans"
    return [Path(get_dir()) / "checkpoints", own / "checkpoints"]


def download_url_to_file(
    url: str, dst: str | os.PathLike[str], hash_prefix: str | None = None, progress: bool = True
) -> None:
    """Download a file.

    Parameters
    ----------
    url : str
    dst : path
        Where to. There is nothing there until all of it has arrived.
    hash_prefix : str, optional
        What the SHA-256 of the file must begin with.
    progress : bool
        Show a bar, with tqdm where that is installed.

    Raises
    ------
    ConnectionError
        It cannot be reached.
    RuntimeError
        It has another hash.
    """
    from http.client import HTTPException
    from urllib.request import Request, urlopen

    target = Path(dst).expanduser()
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(suffix=".partial", prefix=target.name, dir=target.parent)
    digest = hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as file:
            try:
                with urlopen(Request(url, headers={"User-Agent": "functrans"})) as source:
                    length = source.headers.get("Content-Length")
                    with _bar(int(length) if length else None, progress) as bar:
                        while part := source.read(_CHUNK):
                            file.write(part)
                            digest.update(part)
                            bar.update(len(part))
                    if length and file.tell() != int(length):
                        raise HTTPException(f"it ended at byte {file.tell()}")
            except (OSError, HTTPException, ValueError) as error:
                raise ConnectionError(
                    f"{url} could not be downloaded: {error}. Without a network, get the file by "
                    f"other means and put it at {target}"
                ) from error
        found = digest.hexdigest()
        if hash_prefix is not None and not found.startswith(hash_prefix):
            raise RuntimeError(
                f'invalid hash value (expected "{hash_prefix}", got "{found}") of {url}: the file '
                "was damaged on its way or is another one. It was not kept"
            )
        os.replace(partial, target)
    finally:
        Path(partial).unlink(missing_ok=True)


class _NoBar:
    """In place of a bar."""

    def __enter__(self) -> _NoBar:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def update(self, count: int) -> None:
        """Note that more has arrived."""


def _bar(length: int | None, wanted: bool) -> Any:
    if not wanted:
        return _NoBar()
    try:
        from tqdm import tqdm
    except ImportError:
        return _NoBar()
    return tqdm(total=length, unit="B", unit_scale=True, unit_divisor=1024)


def load_state_dict_from_url(
    url: str,
    model_dir: str | os.PathLike[str] | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> Any:
    """The checkpoint of an address, from the folders where it may be, or else downloaded.

    Parameters
    ----------
    url : str
    model_dir : path, optional
        The folder of the file; default those of `folders`.
    map_location, weights_only : optional
        As in `functrans.torch.load`.
    progress : bool
        Show a bar while it is downloaded.
    check_hash : bool
        The name of the file ends in the beginning of its hash, which is compared after a download.
    file_name : str, optional
        Default: as in the address.

    Raises
    ------
    ConnectionError
        There is no such file, and it cannot be downloaded.
    RuntimeError
        It has another hash.
    """
    name = file_name or os.path.basename(urlparse(url).path)
    places = folders() if model_dir is None else [Path(model_dir)]
    for folder in places:
        if (folder / name).is_file():
            return _load(folder / name, map_location)
    target = places[0] / name
    found = _HASH.search(name) if check_hash else None
    print(f'Downloading: "{url}" to {target}', file=sys.stderr)
    download_url_to_file(url, target, found.group(1) if found else None, progress)
    return _load(target, map_location)


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'functrans.torch.hub' has no attribute {name!r}")
    raise UnsupportedError(
        f"torch.hub.{name} is not supported by functrans.torch, which runs no programs that it "
        "downloads"
    )
