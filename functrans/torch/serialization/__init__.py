"""Saving and loading: PyTorch's checkpoints, read without running anything that is in them."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

from functrans.torch.devices import check_device, device
from functrans.torch.serialization import legacy, safetensors as safetensors
from functrans.torch.serialization.archive import Archive, write
from functrans.torch.serialization.pickling import Pickler, storage_bytes
from functrans.torch.serialization.storages import corrupt
from functrans.torch.tensor import UnsupportedError

SAFETENSORS = ".safetensors"


def _is_safetensors(f: Any) -> bool:
    return isinstance(f, str | os.PathLike) and os.fspath(f).endswith(SAFETENSORS)


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write tensors, in containers, to a file that PyTorch reads too.

    Parameters
    ----------
    obj : Tensor, dict, list, ...
        Tensors and parameters, numbers, strings, bytes, sizes, dtypes, and dicts, lists, tuples and
        sets of them: what ``state_dict()`` of modules, optimisers and schedulers returns. Tensors
        that share memory share it when they are loaded again. Numbers of NumPy become Python's.
    f : path or binary file
        With the ending ``.safetensors`` the file is one of that format, of a dict of tensors.
    pickle_module, pickle_protocol, _use_new_zipfile_serialization
        Without effect: the format is that of the zip archives that PyTorch writes by default.

    Raises
    ------
    TypeError
        Something else is in `obj`, and where.

    Examples
    --------
    >>> import io
    >>> import functrans.torch as torch
    >>> file = io.BytesIO()
    >>> torch.save({"w": torch.ones(2), "epoch": 3}, file)
    >>> torch.load(file)
    {'w': tensor([1., 1.]), 'epoch': 3}
    """
    if _is_safetensors(f):
        safetensors.save_file(obj, f)
        return
    pickler = Pickler()
    pickled = pickler.dumps(obj)
    if not isinstance(f, str | os.PathLike):
        write(f, "archive", pickled, storage_bytes(pickler.storages))
        return
    with open(f, "wb") as file:
        stem = Path(f).stem
        write(file, stem if stem.isascii() else "archive", pickled, storage_bytes(pickler.storages))


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read what `save`, or PyTorch's, wrote.

    Nothing in the file is run: it may hold tensors, containers, numbers and strings, and whatever
    else it names is refused.

    Parameters
    ----------
    f : path or binary file
        The zip archives of PyTorch, its older format, or (by the ending) ``.safetensors``.
    map_location : optional
        Tensors are always loaded to the CPU, also those that were saved from other devices.
    pickle_module, weights_only, mmap, **pickle_load_args
        Without effect: only weights are loaded, always.

    Returns
    -------
    object
        Tensors of bfloat16, which NumPy does not have, come as float32, with a warning.

    Raises
    ------
    pickle.UnpicklingError
        The file is corrupt, or asks for something else than data.
    RuntimeError
        It is a TorchScript archive.
    """
    if isinstance(map_location, str | device):
        check_device(map_location)
    if _is_safetensors(f):
        return safetensors.load_file(f)
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            return _loaded(file)
    if not hasattr(f, "seek"):
        f = io.BytesIO(f.read())
    f.seek(0)
    return _loaded(f)


def _loaded(file: Any) -> Any:
    head = file.read(4)
    if not head:
        raise EOFError("torch.load: the file is empty")
    if head == b"PK\x03\x04":
        return Archive(file).load()
    if zipfile.is_zipfile(file):
        raise corrupt("it is a zip archive with something before it")
    file.seek(0)
    return legacy.load(file)


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'functrans.torch.serialization' has no attribute {name!r}")
    raise UnsupportedError(
        f"torch.serialization.{name} is not supported by functrans.torch, whose load admits data "
        "only"
    )
