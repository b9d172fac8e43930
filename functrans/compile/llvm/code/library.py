"""Functions that are compiled once for all programs, which call them by name.

They take sizes as arguments, so a program has no code of its own for them. They are compiled, or
read from the disk, when the first program needs them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from functrans.compile.llvm.code.builder import Builder, Module, Value
from functrans.compile.llvm.code.engine import PROVIDERS
from functrans.compile.llvm.code.standing import load_standing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Entry(NamedTuple):
    """A function of a library.

    Attributes
    ----------
    write : callable
        Enters it in a module; its name there.
    operands : sequence of str
        Their types.
    result : str
        The type of what it returns.
    """

    write: Callable[[Module], str]
    operands: Sequence[str]
    result: str = "void"


class Library:
    """Functions of a kind, which are compiled together.

    Parameters
    ----------
    functions : mapping of str to Entry
        By the names that :meth:`call` knows.
    """

    def __init__(self, functions: Mapping[str, Entry]) -> None:
        self._functions = functions
        PROVIDERS.update({self.symbol(name): partial(self._address, name) for name in functions})

    def symbol(self, name: str) -> str:
        """What native code calls a function."""
        return f"functrans_{name}"

    def call(self, builder: Builder, name: str, *operands: Value) -> Value:
        """Call a function from a program."""
        return builder.call(self.symbol(name), self._functions[name].result, *operands)

    def _address(self, wanted: str) -> int:
        """Compile all functions, and find one."""
        names = list(map(self.symbol, self._functions))
        found = load_standing(f"library of {names}", self._text, names, quick=False)
        return found[self.symbol(wanted)]

    def _text(self) -> str:
        """The module of all functions."""
        module = Module()
        for name, (write, operands, result) in self._functions.items():
            inner = write(module)
            b = Builder(module, self.symbol(name), result, operands)
            found = b.call(inner, result, *b.operands)
            b.finish(None if result == "void" else found)
        return module.text()
