"""Native code that programs share which differ in sizes alone.

The first program has code of its own, in which all sizes are numbers: that is the fastest. When
another comes that differs from it in sizes, the texts of both are written with marks, and one
module is made of them that reads the numbers in which they differ from a table
(:mod:`functrans.compile.llvm.code.templates`). Further programs whose text differs in no other
numbers only have a table made. Where texts differ in more (a loop that is there for one size and
not for the other), a program has code of its own again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar
from weakref import WeakValueDictionary, ref

from functrans.compile.llvm.code.templates import Template, arranged, table
from functrans.compile.llvm.code.varying import marking
from functrans.compile.llvm.plans.dynamic_shapes import GraphSignature, varying

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    import numpy as np

    from functrans.compile.llvm.code.builder import Module
    from functrans.compile.llvm.code.templates import Number
    from functrans.compile.llvm.compiled import Compiled
    from functrans.compile.llvm.plans.dynamic_shapes import Sizes
    from functrans.graph.graph import Graph

TRIED = 4
"""Programs with code of their own to whose text that of another is compared, the latest ones."""


class Address(int):
    """The address of a constant, with its place among them."""

    place: int

    def __new__(cls, address: int, place: int) -> Address:
        made = super().__new__(cls, address)
        made.place = place
        return made


class Text(Protocol):
    """A graph that has been written as text."""

    module: Module
    constants: list[np.ndarray[Any, Any]]


T = TypeVar("T", bound=Text)


class Shared:
    """Code that reads numbers from a table.

    Attributes
    ----------
    origin : GraphSignature
        Of the program that the others were compared with.
    pattern : hashable
        Which sizes differ from those.
    code : Compiled
    """

    def __init__(
        self,
        origin: GraphSignature,
        pattern: Hashable,
        template: Template,
        samples: Sequence[Sequence[Number]],
        compiled: Callable[[Module], Compiled],
    ) -> None:
        self.origin = origin
        self.pattern = pattern
        self.skeleton = template.skeleton
        self.samples = samples
        self._places = arranged(samples)
        self.code = compiled(template.module(self._places))

    def table(self, numbers: Sequence[Number], addresses: Sequence[int]) -> list[int] | None:
        """What the code is to be given for other numbers of its skeleton, and the addresses of
        constants; None if they differ where those so far do not."""
        return table(numbers, self._places, self.samples[0], addresses)


class _Written(NamedTuple, Generic[T]):
    """A program as text, and that in parts."""

    segment: T
    template: Template

    @property
    def addresses(self) -> list[Address]:
        return [Address(x.ctypes.data, i) for i, x in enumerate(self.segment.constants)]


class Found(NamedTuple, Generic[T]):
    """Code for a program: what is shared, what it was written as for that, and the table."""

    shared: Shared
    segment: T
    table: list[int]


class Family:
    """Programs that differ in sizes alone, as long as they are there."""

    def __init__(self) -> None:
        self._shared: list[ref[Shared]] = []
        self._alone: list[ref[Member]] = []

    def shared(self) -> list[Shared]:
        """The code that some have together."""
        return [x for x in [each() for each in self._shared] if x is not None]

    def alone(self) -> list[Member]:
        """Those with code of their own."""
        return [x for x in [each() for each in self._alone] if x is not None]

    def enter(self, shared: Shared, before: Shared | None = None) -> None:
        """Have code at hand, in place of some that serves fewer."""
        self._shared = [ref(x) for x in (*self.shared(), shared) if x is not before]

    def settle(self, member: Member) -> None:
        """Have a program at hand that has code of its own."""
        self._alone = [ref(x) for x in (*self.alone(), member)]


_families: WeakValueDictionary[Hashable, Family] = WeakValueDictionary()


class Member:
    """A program in its family.

    Parameters
    ----------
    graph : Graph
    options : hashable
        What its text depends on besides.
    """

    def __init__(self, graph: Graph, options: Hashable) -> None:
        self._graph = graph
        self._signature = GraphSignature(graph)
        key = options, self._signature.key
        self._family = _families.get(key) or Family()
        _families[key] = self._family
        self._samples: dict[Hashable, tuple[bytes, list[Number]]] = {}

    def find(
        self, write: Callable[[Graph], T], compiled: Callable[[Module], Compiled]
    ) -> Found[T] | None:
        """Code that serves this program and others; None if it is to have its own.

        ``write(graph)`` gives the text of a graph, ``compiled(module)`` the code of a module.
        """
        written: dict[Hashable, _Written[T]] = {}

        def own(other: GraphSignature, pattern: Hashable) -> _Written[T]:
            if pattern not in written:
                written[pattern] = _written(self._graph, other.sizes, write)
            return written[pattern]

        for shared in self._family.shared():
            pattern = self._signature.pattern(shared.origin)
            if pattern == shared.pattern:
                mine = own(shared.origin, pattern)
                if mine.template.skeleton == shared.skeleton:
                    return self._joined(shared, mine, compiled)
        for other in self._family.alone()[-TRIED:]:
            pattern = self._signature.pattern(other._signature)
            if pattern is None:
                continue
            mine = own(other._signature, pattern)
            skeleton, numbers = other._sample(self._signature, pattern, write)
            if skeleton == mine.template.skeleton:
                samples = [numbers, mine.template.numbers]
                shared = Shared(other._signature, pattern, mine.template, samples, compiled)
                self._family.enter(shared)
                return self._joined(shared, mine, compiled)
        self.settle()
        return None

    def settle(self) -> None:
        """Let others be compared with this program, which has code of its own."""
        self._family.settle(self)

    def _joined(
        self, shared: Shared, mine: _Written[T], compiled: Callable[[Module], Compiled]
    ) -> Found[T]:
        numbers = mine.template.numbers
        found = shared.table(numbers, mine.addresses)
        if found is None:
            more = [*shared.samples, numbers]
            refined = Shared(shared.origin, shared.pattern, mine.template, more, compiled)
            self._family.enter(refined, before=shared)
            shared, found = refined, refined.table(numbers, mine.addresses)
            assert found is not None
        return Found(shared, mine.segment, found)

    def _sample(
        self, other: GraphSignature, pattern: Hashable, write: Callable[[Graph], Text]
    ) -> tuple[bytes, list[Number]]:
        """The skeleton and the numbers of the text in which sizes vary that differ from others."""
        if pattern not in self._samples:
            template = _written(self._graph, other.sizes, write).template
            self._samples[pattern] = template.skeleton, template.numbers
        return self._samples[pattern]


def _written(graph: Graph, sizes: Sequence[Sizes], write: Callable[[Graph], T]) -> _Written[T]:
    """A graph as text in which the sizes vary that differ from others."""
    copy, found = varying(graph, sizes)
    with marking(found):
        segment = write(copy)
    return _Written(segment, Template(segment.module))
