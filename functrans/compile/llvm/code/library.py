"""Functions that are compiled once for all programs, which call them by name.

They take sizes as arguments, so a program has no code of its own for them. They are compiled, or
read from the disk, when the first program needs them.
"""

from __future__ import annotations

import ctypes
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from functrans.compile.background import taking
from functrans.compile.llvm.code.builder import Builder, Module, Value
from functrans.compile.llvm.code.engine import PROVIDERS, SYMBOLS, lock
from functrans.compile.llvm.code.postponed import optimize_later
from functrans.compile.llvm.code.standing import find_standing, load_standing
from functrans.compile.stacks import on_large_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from functrans.compile.llvm.code.engine import Loaded


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
    quick : bool
        Have code at hand in a fifth of the time where no optimised one is. Programs reach it
        by a jump, to what a thread compiles with all optimisations as soon as that is there; those
        that are loaded later call this at once. Both give the same bits.
    """

    def __init__(self, functions: Mapping[str, Entry], *, quick: bool = False) -> None:
        self._functions = functions
        self._quick = quick
        self._names = list(map(self.symbol, functions))
        self._places: dict[str, ctypes.c_void_p] = {}
        self._optimized: Loaded | None = None
        PROVIDERS.update({name: partial(self._address, name) for name in self._names})
        _libraries.update(dict.fromkeys(self._names, self))

    def symbol(self, name: str) -> str:
        """What native code calls a function."""
        return f"functrans_{name}"

    def call(self, builder: Builder, name: str, *operands: Value) -> Value:
        """Call a function from a program."""
        return builder.call(self.symbol(name), self._functions[name].result, *operands)

    def optimize(self) -> None:
        """Compile all functions with all optimisations, unless that has been done."""
        if self._optimized is None:
            on_large_stack(self._optimize)

    def _optimize(self) -> None:
        with taking(lock):
            if self._optimized is None:  # no other thread was faster
                self._use(load_standing(self._known_as, self._text, self._names, quick=False))

    def _use(self, code: Loaded) -> None:
        """Let optimised code be what is called from now on."""
        for name in self._names:
            if name in self._places:
                self._places[name].value = code[name]
            SYMBOLS[name] = code[name]
        self._optimized = code

    @property
    def _known_as(self) -> str:
        return f"library of {self._names}"

    def _address(self, wanted: str) -> int:
        """Compile all functions, and find one."""
        if self._quick and self._optimized is None:
            found = find_standing(self._known_as, self._names, quick=False)
            if found is None:
                return self._compile_quickly()[wanted]
            self._use(found)
        self.optimize()
        return SYMBOLS[wanted]

    def _compile_quickly(self) -> Loaded:
        """Code that does until there is optimised one."""
        for name in self._names:
            place = self._places.setdefault(name, ctypes.c_void_p())
            SYMBOLS[_place_of(name)] = ctypes.addressof(place)
        inner = list(map(_quickly, self._names))
        known_as = f"quick {self._known_as}"
        code = load_standing(known_as, self._text_with_jumps, [*self._names, *inner])
        optimize_later(self.optimize)  # before there are symbols: Ctrl-C may come in between
        for name in self._names:
            self._places[name].value = code[_quickly(name)]
            SYMBOLS[name] = code[name]
        return code

    def _text(self) -> str:
        """The module of all functions."""
        module = Module()
        self._enter(module, lambda name: name)
        return module.text()

    def _text_with_jumps(self) -> str:
        """A plain module with other names, and functions that jump to where places say."""
        module = Module(plain=True)
        self._enter(module, _quickly)
        for name, entry in zip(self._names, self._functions.values(), strict=True):
            b = Builder(module, name, entry.result, entry.operands)
            address = b.load("ptr", module.external(_place_of(name)))
            found = b.call_at(address, entry.result, *b.operands)
            b.finish(None if entry.result == "void" else found)
        return module.text()

    def _enter(self, module: Module, named: Callable[[str], str]) -> None:
        """Enter all functions in a module."""
        for name, (write, operands, result) in self._functions.items():
            inner = write(module)
            b = Builder(module, named(self.symbol(name)), result, operands)
            found = b.call(inner, result, *b.operands)
            b.finish(None if result == "void" else found)


_libraries: dict[str, Library] = {}
"""By the names of their functions."""


def optimize_libraries(named: Iterable[str]) -> None:
    """Have the libraries of which native code names functions optimised before it runs."""
    for library in {_libraries[name]: None for name in named if name in _libraries}:
        library.optimize()


def _quickly(name: str) -> str:
    """What the quick code of a function is called."""
    return f"{name}_quickly"


def _place_of(name: str) -> str:
    """What the place is called where a function's address stands."""
    return f"{name}_place"
