"""Instructions that check the arguments of a call and find their data."""

from __future__ import annotations

from functrans.compile.llvm.builder import Value, number
from functrans.compile.llvm.plan import (
    UNKNOWN,
    Container,
    ContainerKind,
    Derived,
    Donation,
    Head,
    Input,
    InputKind,
)
from functrans.compile.llvm.tables import NULL, Writer


class Arguments(Writer):
    """The part of the native function before anything is made: all of it can be handed on."""

    def read_arguments(self) -> None:
        """Find the data of all leaves and the sizes of the call."""
        self.open_containers()
        self.read_leaves()
        self.derive_sizes()
        self.keep_donations_apart()

    def open_containers(self) -> None:
        """Write the items of containers behind the arguments, level by level."""
        b = self.b

        def open_all() -> None:
            objects = self.part(Head.OBJECT_PART)
            b.repeat(
                0,
                self.count,
                lambda i: b.store(self.word(self.args, i, "ptr"), b.at(objects, i, "i64")),
            )
            b.store(objects, self.objects)
            self.each(Head.CONTAINERS, Container, lambda record: self.open(record, objects))

        b.when(b.icmp("ne", self.head(Head.CONTAINERS), 0), open_all)

    def open(self, record: Value, objects: Value) -> None:
        b, fields = self.b, self.fields
        thing = self.word(objects, self.word(record, Container.SOURCE), "ptr")
        wanted = self.word(record, Container.TYPE, "ptr")
        self.require(b.icmp("eq", self.field(thing, fields.type, "ptr"), wanted))
        count = self.word(record, Container.COUNT)
        to = b.at(objects, self.word(record, Container.TO), "i64")

        def copy(size: Value, items: Value) -> None:
            self.require(b.icmp("eq", size, count))
            b.repeat(0, count, lambda i: b.store(self.word(items, i, "ptr"), b.at(to, i, "i64")))

        def copy_list() -> None:
            copy(
                self.field(thing, fields.list_size, "i64"),
                self.field(thing, fields.list_items, "ptr"),
            )

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
        """Write the values of a dict by the order of the record's keys.

        No code of a user may run meanwhile, so there is no look-up, which may compare keys: a key
        is found by its address, or as an equal string.
        """
        b = self.b
        self.require(b.icmp("eq", self.call("PyDict_Size", thing, result="i64"), count))
        keys = self.word(record, Container.KEYS, "ptr")
        position, key, value = b.slot("i64"), b.slot("ptr"), b.slot("ptr")
        b.store(number(0, "i64"), position)

        def take(i: Value) -> None:
            went = self.call("PyDict_Next", thing, position, key, value, result="i32")
            self.require(b.icmp("ne", went, 0))
            name = b.load("ptr", key)
            place = self.place_of_key(name, keys, count, i)
            b.store(b.load("ptr", value), b.at(to, place, "i64"))

        b.repeat(0, count, take)

    def place_of_key(self, name: Value, keys: Value, count: Value, i: Value) -> Value:
        """The place of a key among some; it is looked for at place i first."""
        b = self.b
        place = b.slot("i64")
        b.store(i, place)
        found = b.label("found")
        search = b.label("search")
        b.fork(b.icmp("eq", name, self.word(keys, i, "ptr")), found, search)
        b.start(search)

        def same_address(j: Value) -> None:
            b.store(j, place)
            again = b.label("next")
            b.fork(b.icmp("eq", name, self.word(keys, j, "ptr")), found, again)
            b.start(again)

        b.repeat(0, count, same_address)
        text = self.field(self.word(keys, 0, "ptr"), self.fields.type, "ptr")
        self.require(b.icmp("eq", self.field(name, self.fields.type, "ptr"), text))

        def same_text(j: Value) -> None:
            b.store(j, place)
            order = self.call("PyUnicode_Compare", name, self.word(keys, j, "ptr"), result="i32")
            again = b.label("next")
            b.fork(b.icmp("eq", order, 0), found, again)
            b.start(again)

        b.repeat(0, count, same_text)
        b.jump(self.fallback)
        b.start(found)
        return b.load("i64", place)

    def read_leaves(self) -> None:
        b = self.b
        objects = b.load("ptr", self.objects)
        data = b.slot("ptr")

        def read(record: Value) -> None:
            thing = self.word(objects, self.word(record, Input.SOURCE), "ptr")
            done = b.label("read")
            kind = self.field(thing, self.fields.type, "ptr")
            usual, other = b.label("usual"), b.label("unusual")
            wanted = self.word(record, Input.TYPE, "ptr")
            b.fork(b.icmp("eq", kind, wanted), usual, other)
            b.start(other)
            wanted = self.word(record, Input.OTHER_TYPE, "ptr")
            self.require(b.icmp("eq", kind, wanted))
            b.store(b.at(thing, self.word(record, Input.OTHER_OFFSET), "i8"), data)
            b.jump(done)
            b.start(usual)
            self.choose(
                self.word(record, Input.KIND),
                {
                    InputKind.ARRAY: lambda: self.read_array(thing, record, data),
                    InputKind.VALUE: lambda: b.store(
                        b.at(thing, self.word(record, Input.OFFSET), "i8"), data
                    ),
                    InputKind.INT: lambda: self.read_int(thing, record, data),
                    InputKind.BOOL: lambda: self.read_bool(thing, record, data),
                    InputKind.SAME: lambda: self.require(
                        b.icmp("eq", thing, self.word(record, Input.OBJECT, "ptr"))
                    ),
                },
            )
            b.jump(done)
            b.start(done)
            b.store(b.load("ptr", data), b.at(self.inputs, self.word(record, Input.TO), "i64"))

        b.store(NULL, data)
        self.each(Head.LEAVES, Input, read)

    def read_array(self, thing: Value, record: Value, data: Value) -> None:
        b, fields = self.b, self.fields
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
            place = b.at(self.sizes, b.xor(wanted, -1), "i64")
            known = b.load("i64", place)
            is_new = b.icmp("eq", known, UNKNOWN)
            self.require(b.either(is_new, b.icmp("eq", known, dim)))
            b.store(dim, place)
            b.jump(same)
            b.start(same)

        b.repeat(0, ndim, check)
        b.store(self.field(thing, fields.array_data, "ptr"), data)

    def read_int(self, thing: Value, record: Value, data: Value) -> None:
        b = self.b
        overflow = b.slot("i32")
        value = self.call("PyLong_AsLongLongAndOverflow", thing, overflow, result="i64")
        self.require(b.icmp("eq", b.load("i32", overflow), 0))
        place = b.at(self.slots, self.word(record, Input.SLOT), "i64")
        b.store(value, place)
        b.store(place, data)

    def read_bool(self, thing: Value, record: Value, data: Value) -> None:
        b = self.b
        place = b.at(self.slots, self.word(record, Input.SLOT), "i64")
        true = b.icmp("eq", thing, self.word(record, Input.OBJECT, "ptr"))
        b.store(b.emit("i64", f"zext {true} to i64"), place)  # its byte comes first
        b.store(place, data)

    def derive_sizes(self) -> None:
        b = self.b

        def clear(record: Value) -> None:
            b.store(number(0, "i64"), b.at(self.sizes, self.word(record, Derived.TO), "i64"))

        def add(record: Value) -> None:
            one, other = [
                self.word(self.sizes, self.word(record, x)) for x in (Derived.ONE, Derived.OTHER)
            ]
            product = b.mul(b.mul(one, other), self.word(record, Derived.FACTOR))
            place = b.at(self.sizes, self.word(record, Derived.TO), "i64")
            b.store(b.add(b.load("i64", place), product), place)

        self.each(Head.DERIVED, Derived, clear)
        self.each(Head.DERIVED, Derived, add)

    def keep_donations_apart(self) -> None:
        """An argument that is given up must not overlap with another."""
        b = self.b
        objects = b.load("ptr", self.objects)

        def extent(record: Value) -> tuple[Value, Value]:
            thing = self.word(objects, self.word(record, Input.SOURCE), "ptr")
            first = self.word(self.inputs, self.word(record, Input.TO), "i64")
            bytes_ = b.slot("i64")
            b.store(self.word(record, Input.ITEMSIZE), bytes_)

            def grow(j: Value) -> None:
                dims = self.field(thing, self.fields.array_dims, "ptr")
                b.store(b.mul(b.load("i64", bytes_), self.word(dims, j)), bytes_)

            b.repeat(0, self.word(record, Input.NDIM), grow)
            return first, b.add(first, b.load("i64", bytes_))

        def check(donation: Value) -> None:
            place = b.mul(self.word(donation, Donation.RECORD), len(Input))
            leaf = b.at(self.head(Head.LEAF_TABLE, "ptr"), place, "i64")
            first, last = extent(leaf)

            def against(record: Value) -> None:
                start, stop = extent(record)
                itself = b.icmp("eq", record, leaf)
                below, above = b.icmp("ule", stop, first), b.icmp("ule", last, start)
                self.require(b.either(itself, b.either(below, above)))

            self.each(Head.LEAVES, Input, against)

        self.each(Head.DONATIONS, Donation, check)
