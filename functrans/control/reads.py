"""What a function reads besides its arguments: its code, what it closes over, its globals.

A trace of a function is good for another function with the same code that reads the same, and stays
good for as long as nothing that it has read changes.
"""

from __future__ import annotations

import functools
import sys
from operator import is_
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from functrans.core.array import TracedArray
from functrans.core.constants import same_bits
from functrans.core.digests import blake2b
from functrans.core.errors import is_user_code

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import TypeAlias

    # An array, and what it was when it was read (its shape, its dtype, and all of its bytes if they
    # are few, in the order of its elements, or else a copy); what messages call it.
    Kept: TypeAlias = tuple[
        np.ndarray[Any, Any],
        tuple[int, ...],
        np.dtype[Any],
        bytes | np.ndarray[Any, Any],
        str,
    ]

_PLAIN = (int, bool, str, bytes, type(None), type(Ellipsis), np.dtype)
_NUMBERS = (float, complex, np.generic)  # equal numbers may differ in the sign of a zero
_MISSING = object()

FEW_BYTES = 65_536
"""Up to which making them anew and comparing them takes less time than looking at an array."""


class Arrays:
    """Arrays as they were when they were read."""

    def __init__(self) -> None:
        self._kept: dict[int, Kept] = {}

    def keep(self, array: np.ndarray[Any, Any], what: str) -> None:
        """Remember an array as it is now; `what` is what messages call it."""
        if id(array) not in self._kept:
            few = array.nbytes <= FEW_BYTES
            content = array.tobytes() if few else array.copy(order="K")
            self._kept[id(array)] = array, array.shape, array.dtype, content, what

    def __bool__(self) -> bool:
        return bool(self._kept)

    def __contains__(self, array: np.ndarray[Any, Any]) -> bool:
        return id(array) in self._kept

    def change(self) -> str | None:
        """What has changed since, in words; None if nothing has."""
        for array, shape, dtype, content, what in self._kept.values():
            if array.shape != shape or array.dtype != dtype:
                return f"the array {what} has another type"
            if isinstance(content, bytes):
                same = array.tobytes() == content
            else:
                same = same_bits(array, content)
            if not same:
                return f"the elements of the array {what} are others"
        return None

    def conditions(self, name: Callable[[Any], str]) -> list[str]:
        """What has to hold for nothing to have changed, as :meth:`Reads.conditions` has it."""
        found = []
        for array, shape, dtype, content, _ in self._kept.values():
            this = name(array)
            alike = f"{this}.shape == {name(shape)} and {this}.dtype is {name(dtype)}"
            if isinstance(content, bytes):
                found.append(f"{alike} and {this}.tobytes() == {name(content)}")
            else:
                found.append(f"{alike} and same_bits({this}, {name(content)})")
        return found


class Reads:
    """What a function reads, as it was when this was made.

    Attributes
    ----------
    key : hashable
        Equal for functions that do the same with the same arguments.
    traced : bool
        Whether an array of a transform is among it.
    """

    jitted: ClassVar[set[type]] = set()
    """The classes of functions that are jitted themselves, which count their calls."""

    def __init__(self, function: Any) -> None:
        self.traced = False
        self._slots: list[tuple[Any, Any, Any, str]] = []  # namespace, name, value, what to call it
        self._cells: list[tuple[Any, Any, str]] = []
        self._members: list[tuple[Any, str, Any, str]] = []  # of objects with slots
        self._lists: list[tuple[Any, tuple[Any, ...], str]] = []
        self._arrays = Arrays()
        self._seen: dict[int, int] = {}
        self._held: list[Any] = []  # so that no other object gets its address
        self.key: Hashable = self._walk(function, getattr(function, "__name__", "the function"))

    def change(self) -> str | None:
        """What has changed since, in words; None if nothing has."""
        for namespace, name, value, what in self._slots:
            if namespace.get(name, _MISSING) is not value:
                return f"{what} is another object"
        for cell, value, what in self._cells:
            try:
                if cell.cell_contents is not value:
                    return f"{what} is another object"
            except ValueError:  # not assigned any more
                if value is not _MISSING:
                    return f"{what} is another object"
        if self._members or self._lists:
            for owner, name, value, what in self._members:
                if getattr(owner, name, _MISSING) is not value:
                    return f"{what} is another object"
            for container, items, what in self._lists:
                now = _items(container)
                if len(now) != len(items) or not all(map(is_, now, items)):
                    return f"the elements of {what} are others"
        return self._arrays.change() if self._arrays else None

    def conditions(self) -> tuple[list[str], dict[str, Any]]:
        """What has to hold for nothing to have changed, as expressions of Python, and what the
        names in them stand for. One that raises AttributeError, KeyError or ValueError does not
        hold."""
        if any([v is _MISSING for _, v, _ in self._cells]):
            return ["change() is None"], {"change": self.change}
        found: list[str] = []
        names: dict[str, Any] = {}

        def name(x: Any) -> str:
            names[f"n{len(names)}"] = x
            return f"n{len(names) - 1}"

        for namespace, key, value, _ in self._slots:
            found.append(f"{name(namespace)}[{key!r}] is {name(value)}")
        for cell, value, _ in self._cells:
            found.append(f"{name(cell)}.cell_contents is {name(value)}")
        for owner, member, value, _ in self._members:
            found.append(f"getattr({name(owner)}, {member!r}, {name(_MISSING)}) is {name(value)}")
        for container, items, _ in self._lists:
            this = name(container)
            if not items:
                found.append(f"not {this}")
                continue
            now = f"(*{this}, *{this}.values())" if isinstance(container, dict) else this
            count = len(container)
            found.append(f"len({this}) == {count} and all(map(is_, {now}, {name(items)}))")
        found += self._arrays.conditions(name)
        return found, {**names, "is_": is_, "same_bits": same_bits}

    def has(self, array: np.ndarray[Any, Any]) -> bool:
        """Whether an array is among what the function reads."""
        return array in self._arrays

    def _walk(self, value: Any, what: str) -> Hashable:
        kind = type(value)
        if isinstance(value, _PLAIN):
            return kind, value
        if isinstance(value, _NUMBERS):
            return kind, repr(value)
        if id(value) in self._seen:
            return "seen", self._seen[id(value)]
        self._seen[id(value)] = len(self._seen)
        self._held.append(value)
        if isinstance(value, TracedArray):
            self.traced = True
            return "traced", id(value)
        if isinstance(value, np.ndarray) and value.dtype != object:
            self._arrays.keep(value, what)
            digest = blake2b(value.tobytes(), digest_size=16).digest()
            return kind, value.shape, value.dtype, digest
        if isinstance(value, FunctionType):
            return self._function(value, what)
        if isinstance(value, MethodType):
            return "method", self._walk(value.__func__, what), self._walk(value.__self__, what)
        if isinstance(value, functools.partial):
            parts = (value.func, value.args, value.keywords)
            return "partial", *(self._walk(part, what) for part in parts)
        if isinstance(value, tuple | list | set | frozenset | dict):
            return self._container(value, what)
        if isinstance(value, ModuleType):
            return "module", id(value)
        if isinstance(value, type):
            return "class", id(value), *self._class(value)
        return "object", id(value), *self._attributes(value, what)

    def _function(self, function: FunctionType, what: str) -> Hashable:
        code = function.__code__
        parts: list[Hashable] = [code]
        own = is_user_code(code.co_filename)  # closures of libraries stay what they are
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            inner = f"{name} of {what}"
            if own:
                self._cells.append((cell, _contents(cell), inner))
            parts.append(self._walk(_contents(cell), inner))
        for default in (function.__defaults__, function.__kwdefaults__):
            parts.append(self._walk(default, f"the defaults of {what}"))
        if own:
            names = function.__globals__
            for name in sorted(_names(code)):
                if name in names:
                    parts.append((name, self._slot(names, name, f"the global {name}")))
                    self._module(names[name], _names(code), parts)
        return tuple(parts)

    def _module(self, module: Any, names: set[str], parts: list[Hashable]) -> None:
        """What the names in a function's code may be in a module of the user's."""
        if isinstance(module, ModuleType) and is_user_code(getattr(module, "__file__", None) or ""):
            for name in sorted(names & vars(module).keys()):
                what = f"{module.__name__}.{name}"
                parts.append((name, self._slot(vars(module), name, what)))

    def _slot(self, namespace: dict[str, Any], name: str, what: str) -> Hashable:
        value = namespace[name]
        self._slots.append((namespace, name, value, what))
        return self._walk(value, what)

    def _container(self, value: Any, what: str) -> Hashable:
        items = _items(value)
        if not isinstance(value, tuple | frozenset):
            self._lists.append((value, items, what))
        walked = [self._walk(x, what) for x in items]
        if isinstance(value, set | frozenset):
            walked.sort(key=repr)
        return type(value), *walked

    def _attributes(self, value: Any, what: str) -> list[Hashable]:
        """What an object holds, in its slots too, and what its class does with it."""
        cls = type(value)
        if cls in self.jitted or _of_a_library(cls):  # as what functools.lru_cache makes
            wrapped = getattr(value, "__wrapped__", None)
            return [] if wrapped is None else [self._walk(wrapped, what)]
        parts: list[Hashable] = [self._walk(cls, cls.__name__)]
        held = getattr(value, "__dict__", None)
        if isinstance(held, dict):
            parts += [(name, self._slot(held, name, f"{what}.{name}")) for name in held]
            self._lists.append((held.keys(), tuple(held), f"the attributes of {what}"))
        for name in _slot_names(cls):
            member, inner = getattr(value, name, _MISSING), f"{what}.{name}"
            self._members.append((value, name, member, inner))
            parts.append((name, self._walk(member, inner)))
        return parts

    def _class(self, cls: type) -> list[Hashable]:
        """The functions and values of a user's class and of those that it inherits from."""
        parts: list[Hashable] = []
        for owner in cls.__mro__:
            if not is_user_code(_file_of(owner)):
                continue
            names: Any = vars(owner)
            for name in sorted(names):
                value = names[name]
                inner = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
                if isinstance(inner, FunctionType) or not name.startswith("__"):
                    what = f"{owner.__name__}.{name}"
                    self._slots.append((names, name, value, what))
                    parts.append((name, self._walk(inner, what)))
        return parts


def watch(conditions: list[str], names: dict[str, Any]) -> Callable[[], bool]:
    """A function that tells whether conditions hold, as :meth:`Reads.conditions` writes them; it is
    called before each call of a program, so it is spelt out."""
    text = f"""
def fresh():
    try:
        return {" and ".join(conditions) or True}
    except (AttributeError, KeyError, ValueError):
        return False
"""
    names = dict(names)
    exec(text, names)
    return names["fresh"]  # type: ignore[no-any-return]


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return _MISSING


def _items(container: Any) -> tuple[Any, ...]:
    if isinstance(container, dict):
        return (*container, *container.values())
    return tuple(container)


def _names(code: CodeType) -> set[str]:
    """The names of globals and attributes in a function's code and in the functions within it."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names(constant)
    return found


def _slot_names(cls: type) -> list[str]:
    found: list[str] = []
    for owner in cls.__mro__:
        names = vars(owner).get("__slots__", ())
        found += (names,) if isinstance(names, str) else names
    return [name for name in found if not name.startswith("__")]


def _of_a_library(cls: type) -> bool:
    """Whether a class is of Python, NumPy or SciPy, whose objects hold no state of programs."""
    package = cls.__module__.partition(".")[0]
    return package in sys.stdlib_module_names or package in ("numpy", "scipy")


def _file_of(cls: type) -> str:
    return getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
