"""Native functions that check the arguments of a call and find their data.

Each answers whether the arguments are as the signature says. Until all have, nothing is made, so
that any call can be handed on; and no code of a user runs, which could change what was checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.calling.plan import (
    EXTENTS,
    UNKNOWN,
    Container,
    ContainerKind,
    Donation,
    Head,
    Input,
    InputKind,
)
from functrans.compile.llvm.calling.tables import Writer
from functrans.compile.llvm.code.builder import TRUE, Module, Value, number

if TYPE_CHECKING:
    from functrans.compile.llvm.calling.structs import Layouts


def write(module: Module, fields: Layouts) -> None:
    """Write all of them."""
    _PlaceOfKey(module, fields, "place_of_key", "i64", ["ptr", "ptr", "i64", "i64"]).write()
    _Keywords(module, fields, "open_keywords", "i1", ["ptr", "ptr", "ptr", "ptr"]).write()
    _Containers(module, fields, "open_containers").write()
    _Arrays(module, fields, "read_array", "i1", ["ptr", "ptr", "ptr", "ptr"]).write()
    _Numbers(module, fields, "read_number", "i1", ["ptr", "ptr", "ptr", "ptr"]).write()
    _Donations(module, fields, "keep_donations_apart").write()


class _PlaceOfKey(Writer):
    """``i64 (ptr name, ptr keys, i64 count, i64 first)``: the place of a string among some, or -1.

    It is looked for at a first place, then by its address, then as an equal string. There is no
    look-up, which may run the code of other keys.
    """

    def write(self) -> None:
        b = self.b
        name, keys, count, first = b.operands
        place = b.slot("i64")
        b.store(first, place)
        found, search, missing = b.label("found"), b.label("search"), b.label("missing")
        b.fork(b.icmp("eq", name, self.word(keys, first, "ptr")), found, search)
        b.start(search)

        def same_address(j: Value) -> None:
            b.store(j, place)
            again = b.label("next")
            b.fork(b.icmp("eq", name, self.word(keys, j, "ptr")), found, again)
            b.start(again)

        b.repeat(0, count, same_address)
        text = self.field(self.word(keys, 0, "ptr"), self.fields.type, "ptr")
        string = b.label("string")
        b.fork(b.icmp("eq", self.field(name, self.fields.type, "ptr"), text), string, missing)
        b.start(string)

        def same_text(j: Value) -> None:
            b.store(j, place)
            order = self.call("PyUnicode_Compare", name, self.word(keys, j, "ptr"), result="i32")
            again = b.label("next")
            b.fork(b.icmp("eq", order, 0), found, again)
            b.start(again)

        b.repeat(0, count, same_text)
        b.jump(missing)
        b.start(missing)
        b.store(number(-1, "i64"), place)
        b.jump(found)
        b.start(found)
        b.finish(b.load("i64", place))


class _Keywords(Writer):
    """``i1 (ptr plan, ptr frame, ptr arguments, ptr names)``: the arguments by position, then those
    by keyword in the order of their names, as objects of the frame."""

    def write(self) -> None:
        b, fields = self.b, self.fields
        _, _, given, names = b.operands
        objects = self.objects()
        before, count = self.head(Head.ARGUMENTS), self.head(Head.KEYWORDS)
        keys = self.head(Head.KEYWORD_TABLE, "ptr")
        self.require(b.icmp("eq", self.field(names, fields.tuple_size, "i64"), count))
        named = b.at(names, fields.tuple_items, "i8")
        b.repeat(0, before, lambda i: self.put(self.word(given, i, "ptr"), objects, i))

        def take(i: Value) -> None:
            name = self.word(named, i, "ptr")
            place = self.call("place_of_key", name, keys, count, i, result="i64")
            self.require(b.icmp("sge", place, 0))
            value = self.word(given, b.add(before, i), "ptr")
            self.put(value, objects, b.add(before, place))

        b.repeat(0, count, take)
        self.answer()


class _Containers(Writer):
    """``i1 (ptr plan, ptr frame)``: the items of containers behind the objects, level by level."""

    def write(self) -> None:
        objects = self.objects()
        self.each(Head.CONTAINERS, Container, lambda record: self.open(record, objects))
        self.answer()

    def open(self, record: Value, objects: Value) -> None:
        b, fields = self.b, self.fields
        thing = self.word(objects, self.word(record, Container.SOURCE), "ptr")
        wanted = self.word(record, Container.TYPE, "ptr")
        self.require(b.icmp("eq", self.field(thing, fields.type, "ptr"), wanted))
        count = self.word(record, Container.COUNT)
        to = b.at(objects, self.word(record, Container.TO), "i64")

        def copy(size: Value, items: Value) -> None:
            self.require(b.icmp("eq", size, count))
            b.repeat(0, count, lambda i: self.put(self.word(items, i, "ptr"), to, i))

        def copy_list() -> None:
            items = self.field(thing, fields.list_items, "ptr")
            copy(self.field(thing, fields.list_size, "i64"), items)

        def copy_tuple() -> None:
            copy(self.field(thing, fields.tuple_size, "i64"), b.at(thing, fields.tuple_items, "i8"))

        self.choose(
            self.word(record, Container.KIND),
            {
                ContainerKind.TUPLE: copy_tuple,
                ContainerKind.LIST: copy_list,
                ContainerKind.DICT: lambda: self.open_dict(thing, record, count, to),
            },
        )

    def open_dict(self, thing: Value, record: Value, count: Value, to: Value) -> None:
        b = self.b
        self.require(b.icmp("eq", self.call("PyDict_Size", thing, result="i64"), count))
        keys = self.word(record, Container.KEYS, "ptr")
        position, key, value = b.slot("i64"), b.slot("ptr"), b.slot("ptr")
        b.store(number(0, "i64"), position)

        def take(i: Value) -> None:
            went = self.call("PyDict_Next", thing, position, key, value, result="i32")
            self.require(b.icmp("ne", went, 0))
            name = b.load("ptr", key)
            place = self.call("place_of_key", name, keys, count, i, result="i64")
            self.require(b.icmp("sge", place, 0))
            self.put(b.load("ptr", value), to, place)

        b.repeat(0, count, take)


class _Arrays(Writer):
    """``i1 (ptr thing, ptr record, ptr sizes, ptr data)``: the data of an array."""

    def write(self) -> None:
        b, fields = self.b, self.fields
        thing, record, sizes, data = b.operands
        wanted = self.word(record, Input.OBJECT, "ptr")
        same_dtype = b.icmp("eq", self.field(thing, fields.array_descr, "ptr"), wanted)
        ndim = self.word(record, Input.NDIM)
        short = b.emit("i32", f"trunc {ndim} to i32")
        same_ndim = b.icmp("eq", self.field(thing, fields.array_ndim, "i32"), short)
        flags = b.emit("i32", f"trunc {self.word(record, Input.FLAGS)} to i32")
        held = b.both(self.field(thing, fields.array_flags, "i32"), flags)
        self.require(b.both(b.both(same_dtype, same_ndim), b.icmp("eq", held, flags)))
        dims = self.field(thing, fields.array_dims, "ptr")
        wanted_dims = self.word(record, Input.DIMS, "ptr")

        def check(j: Value) -> None:
            dim, wanted = self.word(dims, j), self.word(wanted_dims, j)
            same, other = b.label("same"), b.label("other")
            b.fork(b.icmp("eq", dim, wanted), same, other)
            b.start(other)
            self.require(b.icmp("slt", wanted, 0))
            place = b.at(sizes, b.xor(wanted, -1), "i64")
            known = b.load("i64", place)
            is_new = b.icmp("eq", known, UNKNOWN)
            self.require(b.either(is_new, b.icmp("eq", known, dim)))
            b.store(dim, place)
            b.jump(same)
            b.start(same)

        b.repeat(0, ndim, check)
        b.store(self.field(thing, fields.array_data, "ptr"), data)
        self.answer()


class _Numbers(Writer):
    """``i1 (ptr thing, ptr record, ptr slots, ptr data)``: the data of a scalar or a number; or an
    object that is as it should be."""

    def write(self) -> None:
        b = self.b
        thing, record, slots, data = b.operands
        slot = b.at(slots, self.word(record, Input.SLOT), "i64")
        usual, other = b.label("usual"), b.label("unusual")
        kind = self.field(thing, self.fields.type, "ptr")
        b.fork(b.icmp("eq", kind, self.word(record, Input.TYPE, "ptr")), usual, other)
        b.start(other)
        self.require(b.icmp("eq", kind, self.word(record, Input.OTHER_TYPE, "ptr")))
        b.store(b.at(thing, self.word(record, Input.OTHER_OFFSET), "i8"), data)
        b.line(f"ret {TRUE}")
        b.start(usual)
        known = self.word(record, Input.OBJECT, "ptr")

        def read_value() -> None:
            b.store(b.at(thing, self.word(record, Input.OFFSET), "i8"), data)

        def read_int() -> None:
            overflow = b.slot("i32")
            value = self.call("PyLong_AsLongLongAndOverflow", thing, overflow, result="i64")
            self.require(b.icmp("eq", b.load("i32", overflow), 0))
            b.store(value, slot)
            b.store(slot, data)

        def read_bool() -> None:
            true = b.icmp("eq", thing, known)
            b.store(b.emit("i64", f"zext {true} to i64"), slot)  # its byte comes first
            b.store(slot, data)

        self.choose(
            self.word(record, Input.KIND),
            {
                InputKind.VALUE: read_value,
                InputKind.INT: read_int,
                InputKind.BOOL: read_bool,
                InputKind.SAME: lambda: self.require(b.icmp("eq", thing, known)),
            },
        )
        self.answer()


class _Donations(Writer):
    """``i1 (ptr plan, ptr frame)``: whether the arguments that are given up overlap with no other.

    There may be hundreds of both: they are compared some at a time.
    """

    def write(self) -> None:
        b = self.b
        starts = self.part(Head.EXTENT_PART)
        count = self.head(Head.EXTENTS)
        stops = b.at(starts, count, "i64")
        zero = number(0, "i64")
        b.repeat(0, b.mul(count, 2), lambda i: self.put(zero, starts, i))
        self.measure(starts, stops)
        kind = f"<{EXTENTS} x i64>"

        def check(donation: Value) -> None:
            leaf = self.word(donation, Donation.RECORD)
            first, last = [b.splat(self.word(x, leaf), EXTENTS) for x in (starts, stops)]

            def against(i: Value, found: list[Value]) -> list[Value]:
                below = b.icmp("ult", b.load(kind, b.at(starts, i, "i64")), last)
                above = b.icmp("ult", first, b.load(kind, b.at(stops, i, "i64")))
                overlapping = b.both(below, above)
                return [b.add(found[0], b.emit(kind, f"zext {overlapping} to {kind}"))]

            (found,) = b.loop(0, count, against, [number(0, kind)], step=EXTENTS)
            total = b.call(f"llvm.vector.reduce.add.v{EXTENTS}i64", "i64", found)
            self.require(b.icmp("ule", total, 1))  # it overlaps with itself, if it is not empty

        self.each(Head.DONATIONS, Donation, check)
        self.answer()

    def measure(self, starts: Value, stops: Value) -> None:
        """Where the data of each leaf begins and ends."""
        b, objects = self.b, self.objects()
        table = self.head(Head.LEAF_TABLE, "ptr")
        inputs = self.part(Head.INPUT_PART)

        def one(i: Value) -> None:
            record = b.at(table, b.mul(i, Input.SIZE), "i64")
            thing = self.word(objects, self.word(record, Input.SOURCE), "ptr")

            def grow(j: Value, size: list[Value]) -> list[Value]:
                dims = self.field(thing, self.fields.array_dims, "ptr")
                return [b.mul(size[0], self.word(dims, j))]

            size = self.word(record, Input.ITEMSIZE)
            (size,) = b.loop(0, self.word(record, Input.NDIM), grow, [size])
            first = self.word(inputs, self.word(record, Input.TO))
            self.put(first, starts, i)
            self.put(b.add(first, size), stops, i)

        b.repeat(0, self.head(Head.LEAVES), one)
