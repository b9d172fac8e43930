"""What a jitted function tells of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from functrans.graph.graph import Graph


class CacheInfo(NamedTuple):
    """How a jitted function has fared.

    Attributes
    ----------
    hits, misses : int
        Calls that found a program, and those that had to stage.
    size : int
        Programs at hand for the function as it is.
    reasons : tuple of str
        Why each miss was one, the last 32.
    """

    hits: int
    misses: int
    size: int
    reasons: tuple[str, ...]


class Lowered(NamedTuple):
    """What a call is carried out by: see :meth:`Jitted.lower`.

    Attributes
    ----------
    graph : Graph
    source : str
        The program that it runs as, or the part of it that is in Python.
    native : str
        The native part, in LLVM's language.
    """

    graph: Graph
    source: str
    native: str = ""

    def __str__(self) -> str:
        return "\n\n".join(filter(None, [str(self.graph), self.source, self.native]))
