"""NumPy's generators among the arguments of transformed functions.

In the place of a generator a transformed function gets a :class:`TracedGenerator`. What stands
behind it is the operand of the primitives that draw: the generator itself; a traced array of
``vmap`` around :class:`Lanes`, where each lane is to have numbers of its own; or a variable of a
graph that draws when it runs. The methods are those of ``functrans.random.generators``, which is
loaded when one is asked for.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.errors import RandomnessError, is_own_code, user_line
from functrans.core.types import ArrayType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GENERATOR_TYPE = ArrayType((), np.dtype(object))
"""The type of a variable that stands for a generator."""

METHODS: dict[str, Callable[..., Any]] = {}
"""The methods of traced generators by name; empty until they are loaded."""


class Hook:
    """What loads the methods: filled in by the package, which knows where they are."""

    load: Callable[[], Any]


hook = Hook()


class Lanes:
    """A generator that several lanes share, each with numbers of its own."""

    __slots__ = ("dtype", "shape", "source")

    def __init__(self, source: Any, size: int) -> None:
        self.source = source
        self.shape = (size,)
        self.dtype = GENERATOR_TYPE.dtype


class TracedGenerator:
    """Stands for a ``numpy.random.Generator`` in a transformed function."""

    __slots__ = ("operand",)

    def __init__(self, operand: Any) -> None:
        self.operand = operand

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """So that code which asks for a generator takes this one."""
        return np.random.Generator

    def __getattr__(self, name: str) -> Any:
        if not METHODS:
            hook.load()
        method = METHODS.get(name)
        if method is None:
            raise AttributeError(f"'Generator' object has no attribute {name!r}")
        return lambda *args, **kwargs: method(self.operand, *args, **kwargs)

    @property
    def bit_generator(self) -> Any:
        """That of the generator."""
        return self.operand.bit_generator

    def __repr__(self) -> str:
        return f"<traced numpy.random.Generator {self.operand!r}>"


def is_generator(x: Any) -> bool:
    """Whether a leaf is a generator of NumPy's, or stands for one."""
    if type(x) is TracedGenerator:
        return True
    random = sys.modules.get("numpy.random")  # which NumPy loads when it is used
    return random is not None and isinstance(x, random.Generator)


def traced(x: Any) -> Any:
    """A leaf as a transformed function gets it: a generator in a form that takes traced arrays."""
    return TracedGenerator(x) if is_generator(x) and type(x) is not TracedGenerator else x


def operand_of(x: Any) -> Any:
    """What stands behind a generator, for primitives that draw; any other leaf as it is."""
    return x.operand if type(x) is TracedGenerator else x


# A graph that was made while a generator moved on holds numbers that ought to be new in each run.


def states(function: Any) -> list[tuple[str, Any, Any]]:
    """The generators that a function reads from outside, NumPy's own global one too if it mentions
    ``random``: what each is called, and its state."""
    random = sys.modules.get("numpy.random")
    if random is None or function is None:
        return []
    found: dict[int, tuple[str, Any]] = {}
    for name, x in _read_by(function):
        if name == "random" or getattr(x, "__self__", None) is random.mtrand._rand:
            name, x = "numpy.random", random.mtrand._rand
        elif type(x) is TracedGenerator or not isinstance(x, random.Generator):
            continue
        found[id(x)] = name, x
    return [(name, x, _state(x)) for name, x in found.values()]


def _state(generator: Any) -> Any:
    bits = getattr(generator, "bit_generator", None) or generator._bit_generator
    return _bytes(bits.state)


def _bytes(x: Any) -> Any:
    """A state in a form that can be compared."""
    if isinstance(x, dict):
        return {key: _bytes(value) for key, value in x.items()}
    return x.tobytes() if isinstance(x, np.ndarray) else x


def copied(operand: Any) -> Any:
    """What stands behind a generator again, with a copy of it that goes its own way."""
    if type(operand) is Lanes:
        return Lanes(copied(operand.source), operand.shape[0])
    if hasattr(operand, "underlying"):
        if operand.underlying is None:
            raise RandomnessError(
                f"checkpoint: a generator that is an input of a graph cannot draw the same numbers "
                f"again when the function runs again, at {user_line()}. Draw before the function, "
                "or draw with functrans.random and a key."
            )
        again = operand.snapshot()
        again.value = copied(operand.underlying)
        return again
    from copy import deepcopy

    return deepcopy(operand)


def moved(before: list[tuple[str, Any, Any]]) -> str | None:
    """The name of the first of these generators whose state has changed since."""
    return next((name for name, x, state in before if _state(x) != state), None)


def _read_by(function: Any, depth: int = 3) -> Iterator[tuple[str, Any]]:
    """The names and values that a function closes over or finds among its globals, and those that
    functions among them do; the arguments bound by functools.partial, and what a method is of.

    Functions of functrans close over those of users; among its globals there is no generator.
    """
    inner = getattr(function, "func", None)
    if inner is not None:
        yield from ((f"argument {i}", x) for i, x in enumerate(function.args))
        yield from function.keywords.items()
        function = inner
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        return
    scope = {} if is_own_code(code.co_filename) else getattr(function, "__globals__", {})
    values = [(n, scope.get(n)) for n in code.co_names if n in scope or n == "random"]
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            values.append((name, cell.cell_contents))
        except ValueError:  # not assigned yet
            continue
    for name, x in values:
        yield name, x
        if depth and hasattr(x, "__code__"):
            yield from _read_by(x, depth - 1)
