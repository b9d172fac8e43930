"""The table by which native code checks arguments, makes results and calls a compiled function.

It is an array of words. A header comes first, then tables of records; addresses of objects stand in
it, so whoever keeps a plan keeps `objects` too. What reads it is in ``entry.py``.
"""

from __future__ import annotations

import ctypes
import sys
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from functrans.compile.llvm.calling.memory import LEAST_RESULT, keep_results
from functrans.compile.llvm.calling.signature import (
    Array,
    Donated,
    Number,
    Same,
    Structure,
    is_named,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.calling.signature import Leaf, Node
    from functrans.compile.llvm.calling.structs import Layouts

EXTENTS = 8
"""Places of data that are compared at a time."""

UNKNOWN = -1
"""A size that no argument has told yet."""


class Words:
    """Numbers with names, of words or of kinds; to make an ``Enum`` of them takes ten times as
    long.

    Attributes
    ----------
    SIZE : int
        How many there are.
    """

    SIZE: ClassVar[int]

    def __init_subclass__(cls) -> None:
        cls.SIZE = len([x for x in vars(cls).values() if type(x) is int])


class Head(Words):
    """Words of the header. What ends in S counts the records of a table, whose address follows."""

    BODY = 0
    """Where its address stands, which may change."""
    ARGUMENTS = 1
    CONTAINERS = 2
    CONTAINER_TABLE = 3
    LEAVES = 4
    LEAF_TABLE = 5
    OUTPUTS = 6
    OUTPUT_TABLE = 7
    CONSTANTS = 8
    CONSTANT_TABLE = 9
    BUILDS = 10
    BUILD_TABLE = 11
    DONATIONS = 12
    DONATION_TABLE = 13
    ARENA = 14
    """Bytes."""
    STATUS = 15
    """Whether the body returns a number other than 0 where the fallback is to be called."""
    LONG = 16
    NUMBERS = 17
    """Whether a result is a scalar or a number, which is made of what the body wrote."""
    HELD = 18
    """Whether the arguments' arrays need references of their own while the body runs."""
    SIZES = 19
    RESULTS = 20
    ARRAY_TYPE = 21
    KEYWORDS = 22
    KEYWORD_TABLE = 23
    EXTENTS = 24
    """Leaves whose places are compared if some are given up, some more than there are."""
    # Where the parts of a call's frame begin, in words; behind the last one it ends.
    INPUT_PART = 25
    OUTPUT_PART = 26
    SIZE_PART = 27
    SLOT_PART = 28
    RESULT_PART = 29
    OBJECT_PART = 30
    EXTENT_PART = 31
    WORDS = 32
    TABLE = 33
    """The address of the numbers that the body gets in place of sizes, or 0."""


class Input(Words):
    """Words of the record of a leaf of the arguments."""

    KIND = 0
    SOURCE = 1
    TYPE = 2
    OTHER_TYPE = 3
    OTHER_OFFSET = 4
    OBJECT = 5
    """The dtype of an array; the object that it must be; ``True``."""
    NDIM = 6
    DIMS = 7
    FLAGS = 8
    OFFSET = 9
    TO = 10
    SLOT = 11
    ITEMSIZE = 12


class InputKind(Words):
    """What a leaf of the arguments is to be."""

    ARRAY = 0
    VALUE = 1
    INT = 2
    BOOL = 3
    SAME = 4


class Container(Words):
    """Words of the record of a container among the arguments."""

    KIND = 0
    SOURCE = 1
    TYPE = 2
    COUNT = 3
    TO = 4
    KEYS = 5


class ContainerKind(Words):
    """Kinds of containers."""

    TUPLE = 0
    LIST = 1
    DICT = 2
    NAMED = 3
    """Among results; a named tuple among arguments is a tuple."""


class Output(Words):
    """Words of the record of a result that is data."""

    KIND = 0
    DTYPE = 1
    NDIM = 2
    DIMS = 3
    VARIES = 4
    TO = 5
    SLOT = 6
    SOURCE = 7
    NUMBER = 8
    BYTES = 9
    """Of an array; where its dimensions vary, of an element."""


class OutputKind(Words):
    """What a result that is data is."""

    ARRAY = 0
    DONATED = 1
    SCALAR = 2
    FLOAT = 3
    INT = 4
    BOOL = 5
    COMPLEX = 6


class Constant(Words):
    """Words of the record of a result that is no data."""

    TO = 0
    OBJECT = 1


class Build(Words):
    """Words of the record of a container among the results; its items stand in pairs of a key and
    the number of a result."""

    KIND = 0
    COUNT = 1
    TO = 2
    ITEMS = 3
    MAKE = 4
    """What makes a named tuple of a tuple."""


class Donation(Words):
    """Words of the record of an argument that is given up."""

    RECORD = 0
    """The number of the leaf's record."""


_CONTIGUOUS, _ALIGNED, _WRITEABLE = 0x1, 0x100, 0x400  # flags of arrays, in NumPy's interface

_CONTAINER_KINDS: dict[Any, int] = {
    tuple: ContainerKind.TUPLE,
    list: ContainerKind.LIST,
    dict: ContainerKind.DICT,
}

_OUTPUT_KINDS = {
    float: OutputKind.FLOAT,
    int: OutputKind.INT,
    bool: OutputKind.BOOL,
    complex: OutputKind.COMPLEX,
}


class _Place(int):
    """The place of a word among those behind the tables, which stands for its address."""


class Plan:
    """The table of a signature.

    Parameters
    ----------
    inputs : Structure
    outputs : Structure
        Of one root.
    layouts : Layouts
    body : int or c_void_p
        The address of the compiled function, or where it stands.
    arena : int
        Bytes.
    status : bool
        As in :class:`Head`.
    long : bool
        Whether the body runs without the GIL.
    polls : bool
        Whether it lets others have that now and then.
    numbers : array of int64 or None
        What the body gets in place of the sizes, where it does.

    Attributes
    ----------
    words : array of int64
    objects : list
        What the words have the addresses of.
    """

    def __init__(
        self,
        inputs: Structure,
        outputs: Structure,
        layouts: Layouts,
        body: int | ctypes.c_void_p,
        arena: int,
        status: bool,
        long: bool,
        polls: bool,
        numbers: np.ndarray[Any, np.dtype[np.int64]] | None = None,
    ) -> None:
        self._layouts = layouts
        self.objects: list[Any] = []
        self._loose: list[int] = []
        self._sizes = {name: 1 + i for i, name in enumerate(inputs.sizes())}  # behind the size 1
        self._slots = 0
        self._nowhere = len(inputs.leaves)
        tables = self._tables(inputs, outputs)
        head = [0] * Head.SIZE
        if isinstance(body, int):
            head[Head.BODY] = self._put([body])
        else:
            self.objects.append(body)
            head[Head.BODY] = ctypes.addressof(body)
        if numbers is not None:
            self.objects.append(numbers)
            head[Head.TABLE] = numbers.ctypes.data
        head[Head.ARGUMENTS] = inputs.roots - len(inputs.keywords)
        head[Head.ARENA] = arena
        kinds = [record[Output.KIND] for record in tables[Head.OUTPUTS]]
        head[Head.NUMBERS] = any(kind >= OutputKind.SCALAR for kind in kinds)
        head[Head.STATUS], head[Head.LONG] = status, long
        head[Head.HELD] = (long or polls) and bool(tables[Head.CONTAINERS])
        head[Head.SIZES] = len(inputs.sizes())
        head[Head.RESULTS] = len(outputs.nodes)
        head[Head.ARRAY_TYPE] = id(np.ndarray)
        if inputs.keywords:
            keys = self._put([self._key(key) for key in inputs.keywords])
            head[Head.KEYWORDS], head[Head.KEYWORD_TABLE] = len(inputs.keywords), keys
        if tables[Head.DONATIONS]:
            head[Head.EXTENTS] = -(-len(tables[Head.LEAVES]) // EXTENTS) * EXTENTS
        opened = bool(tables[Head.CONTAINERS] or inputs.keywords)
        self._lay_out(head, inputs, outputs, opened)
        self.words = self._joined(head, tables)

    def _tables(self, inputs: Structure, outputs: Structure) -> dict[int, list[list[int]]]:
        """The records of all tables."""
        donated = {x.content.place for x in outputs.leaves if isinstance(x.content, Donated)}
        nodes, results = list(enumerate(inputs.nodes)), list(enumerate(outputs.nodes))
        places = {x.number: i for i, x in nodes if x.number >= 0}
        data = [(i, x) for i, x in results if x.number >= 0]
        data.sort(key=lambda pair: pair[1].number)
        leaves = [(i, x) for i, x in nodes if not x.container]
        return {
            Head.CONTAINERS: [self._container(i, x) for i, x in nodes if x.container],
            Head.LEAVES: [self._input(i, x, donated) for i, x in leaves],
            Head.OUTPUTS: [self._output(i, x, places) for i, x in data],
            Head.CONSTANTS: [
                [i, self._address(x.content.value)]
                for i, x in results
                if isinstance(x.content, Same)
            ],
            # What is in a container comes behind it.
            Head.BUILDS: [self._build(i, x) for i, x in reversed(results) if x.container],
            Head.DONATIONS: [[i] for i, (_, x) in enumerate(leaves) if x.number in donated],
        }

    def _lay_out(
        self, head: list[int], inputs: Structure, outputs: Structure, opened: bool
    ) -> None:
        """Where the parts of a call's frame begin; it has the objects if arguments are `opened`."""
        parts = [
            1,  # the address of the objects
            len(inputs.leaves) + 1,  # and one for those that are no data
            len(outputs.leaves),
            1 + len(self._sizes),
            self._slots,
            len(outputs.nodes),
            len(inputs.nodes) if opened else 0,
            2 * head[Head.EXTENTS],
        ]
        for i in range(len(parts)):
            head[Head.INPUT_PART + i] = sum(parts[: i + 1])

    def _joined(self, head: list[int], tables: dict[int, list[list[int]]]) -> Any:
        """All in one array, with addresses in place of places."""
        words: list[int] = list(head)
        starts = {}
        for kind, records in tables.items():
            words[kind] = len(records)
            starts[kind] = len(words)
            for record in records:
                words.extend(record)
        behind = len(words)
        words.extend(self._loose)
        array = np.empty(len(words), np.int64)
        base = array.ctypes.data
        for kind, start in starts.items():
            words[kind + 1] = base + 8 * start
        array[:] = [base + 8 * (behind + x) if type(x) is _Place else x for x in words]
        return array

    def _address(self, x: Any) -> int:
        self.objects.append(x)
        return id(x)

    def _put(self, words: Sequence[int]) -> _Place:
        place = _Place(len(self._loose))
        self._loose.extend(words)
        return place

    def _slot(self, count: int) -> int:
        self._slots += count
        return self._slots - count

    def _size(self, dim: int | str) -> int:
        """A size as a word: itself, or the number of one that the call tells, from -1 down."""
        return -1 - self._sizes[dim] if isinstance(dim, str) else dim

    def _input(self, i: int, node: Node, donated: set[int]) -> list[int]:
        x: Leaf = node.content
        record = [0] * Input.SIZE
        record[Input.SOURCE] = i
        record[Input.TO] = node.number if node.number >= 0 else self._nowhere
        if isinstance(x, Same):
            record[Input.KIND] = InputKind.SAME
            record[Input.TYPE] = self._address(type(x.value))
            record[Input.OBJECT] = self._address(x.value)
        elif isinstance(x, Number):
            record[Input.TYPE] = self._address(x.kind)
            record[Input.ITEMSIZE] = x.dtype.itemsize
            if x.kind is int or x.kind is bool:
                record[Input.KIND] = InputKind.INT if x.kind is int else InputKind.BOOL
                record[Input.OBJECT] = id(True)
                record[Input.SLOT] = self._slot(1)
            else:
                offset = self._layouts
                record[Input.KIND] = InputKind.VALUE
                record[Input.OFFSET] = (
                    offset.float_value if x.kind is float else offset.complex_value
                )
        else:
            assert isinstance(x, Array)
            self._array(x, record, node.number in donated)
        return record

    def _array(self, x: Array, record: list[int], donated: bool) -> None:
        scalar = self._address(x.dtype.type), self._layouts.values[x.dtype.char]
        record[Input.ITEMSIZE] = x.dtype.itemsize
        if x.form == "scalar" and not x.shape:
            record[Input.KIND] = InputKind.VALUE
            record[Input.TYPE], record[Input.OFFSET] = scalar
            return
        record[Input.KIND] = InputKind.ARRAY
        record[Input.TYPE] = id(np.ndarray)
        record[Input.OBJECT] = self._address(x.dtype)
        record[Input.NDIM] = len(x.shape)
        record[Input.DIMS] = self._put([self._size(d) for d in x.shape])
        record[Input.FLAGS] = _CONTIGUOUS | _ALIGNED | (_WRITEABLE if donated else 0)
        if x.form == "either" and not x.shape:
            record[Input.OTHER_TYPE], record[Input.OTHER_OFFSET] = scalar

    def _container(self, i: int, node: Node) -> list[int]:
        x = node.content
        record = [0] * Container.SIZE
        record[Container.KIND] = _CONTAINER_KINDS.get(type(x), ContainerKind.TUPLE)
        record[Container.SOURCE] = i
        record[Container.TYPE] = self._address(type(x))
        record[Container.COUNT] = node.count
        record[Container.TO] = node.first
        if type(x) is dict:
            record[Container.KEYS] = self._put([self._key(key) for key in node.keys])
        return record

    def _key(self, key: str) -> int:
        return self._address(sys.intern(key))

    def _output(self, i: int, node: Node, places: dict[int, int]) -> list[int]:
        x: Leaf = node.content
        record = [0] * Output.SIZE
        record[Output.TO] = i
        record[Output.NUMBER] = node.number
        if isinstance(x, Donated):
            record[Output.KIND] = OutputKind.DONATED
            record[Output.SOURCE] = places[x.place]
            record[Output.SLOT] = x.place
        elif isinstance(x, Number):
            record[Output.KIND] = _OUTPUT_KINDS[x.kind]
            record[Output.SLOT] = self._slot(2)
        else:
            assert isinstance(x, Array)
            record[Output.DTYPE] = self._address(x.dtype)
            if not x.shape and x.form != "array":
                record[Output.KIND] = OutputKind.SCALAR
                record[Output.SLOT] = self._slot(2)
            else:
                dims = [self._size(d) for d in x.shape]
                record[Output.NDIM] = len(dims)
                record[Output.DIMS] = self._put(dims)
                record[Output.VARIES] = any(d < 0 for d in dims)
                count = 1 if record[Output.VARIES] else prod(dims)
                record[Output.BYTES] = x.dtype.itemsize * count
                if record[Output.BYTES] >= LEAST_RESULT:
                    keep_results()
        return record

    def _build(self, i: int, node: Node) -> list[int]:
        x = node.content
        keys: Any = list(x) if type(x) is dict else range(node.count)
        order = node.keys if type(x) is dict else keys
        items: list[int] = []
        for key in keys:  # a dict is filled in the order in which the user wrote it
            items += [
                self._key(key) if type(x) is dict else key,
                node.first + order.index(key),
            ]
        cls: Any = type(x)
        make = self._address(cls._make) if is_named(x) else 0
        kind = _CONTAINER_KINDS.get(cls, ContainerKind.NAMED)
        return [kind, node.count, i, self._put(items), make]
