"""Modules of this library itself, which are the same in each process: builtins, threads, libraries.

Their texts follow from the sources, so their code on the disk is found by these, and no text is
written for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.code import cache
from functrans.compile.llvm.code.engine import key_of, load, load_known
from functrans.compile.llvm.code.sources import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.compile.llvm.code.engine import Loaded


def load_standing(
    name: str, write: Callable[[], str], names: list[str], *, quick: bool = True
) -> Loaded:
    """Compile a module of this library, or find it; it stays.

    Parameters
    ----------
    name : str
        What its text depends on besides the sources and the processor.
    write : callable
        Gives the text.
    names : list of str
        Functions of it.
    quick : bool
        As for :func:`functrans.compile.llvm.code.engine.load`.
    """
    return load(write, names, quick=quick, known_as=_known_as(name))


def find_standing(name: str, names: list[str], *, quick: bool = True) -> Loaded | None:
    """A module that was loaded under this name, if the disk has it."""
    known_as = _known_as(name)
    if known_as is None:
        return None
    return load_known(key_of(known_as, quick=quick), names, kept=True)


def _known_as(name: str) -> str | None:
    sources = fingerprint() if cache.folder() is not None else None
    return None if sources is None else f"; {name} of {sources}"
