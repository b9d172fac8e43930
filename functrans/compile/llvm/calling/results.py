"""Native functions that make the results of a call: arrays, numbers and containers.

Each answers whether Python could make them. Results that are not finished stand in the frame, so
that they can be dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.calling.memory import LEAST_RESULT
from functrans.compile.llvm.calling.plan import (
    Build,
    Constant,
    ContainerKind,
    Head,
    Output,
    OutputKind,
)
from functrans.compile.llvm.calling.tables import Writer
from functrans.compile.llvm.code.builder import NULL, Module, Value, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.compile.llvm.calling.structs import Layouts


def write(module: Module, fields: Layouts) -> None:
    """Write all of them."""
    _Arrays(module, fields, "make_array", "i1", ["ptr", "ptr", "ptr", "ptr"]).write()
    _Numbers(module, fields, "make_numbers").write()
    _Constants(module, fields, "keep_constants").write()
    _Containers(module, fields, "build_containers").write()
    _Drop(module, fields, "drop_results", "void").write()


class _Arrays(Writer):
    """``i1 (ptr plan, ptr frame, ptr record, ptr data)``: a result that is an array, and its
    data."""

    def write(self) -> None:
        b = self.b
        _, _, record, data = b.operands
        to = b.at(self.part(Head.RESULT_PART), self.word(record, Output.TO), "i64")
        new, old, done = b.label("new"), b.label("old"), b.label("done")
        b.fork(b.icmp("eq", self.word(record, Output.KIND), OutputKind.ARRAY), new, old)
        b.start(new)
        b.store(self.new_array(record), to)
        b.jump(done)
        b.start(old)
        array = self.word(self.objects(), self.word(record, Output.SOURCE), "ptr")
        self.do("Py_IncRef", array)
        b.store(array, to)
        b.jump(done)
        b.start(done)
        b.store(self.field(b.load("ptr", to), self.fields.array_data, "ptr"), data)
        self.answer()

    def new_array(self, record: Value) -> Value:
        b = self.b
        dims, size = b.slot("ptr"), b.slot("i64")
        b.store(self.word(record, Output.BYTES), size)
        ndim = self.word(record, Output.NDIM)
        given = self.word(record, Output.DIMS, "ptr")
        b.store(given, dims)

        def told() -> None:
            own = b.slot("i64", 64)  # no array has more dimensions

            def fill(j: Value) -> None:
                wanted = self.word(given, j)
                fixed = b.icmp("sge", wanted, 0)
                place = b.select(fixed, number(0, "i64"), b.xor(wanted, -1))
                found = self.word(self.part(Head.SIZE_PART), place)
                length = b.select(fixed, wanted, found)
                b.store(length, b.at(own, j, "i64"))
                b.store(b.mul(b.load("i64", size), length), size)

            b.repeat(0, ndim, fill)
            b.store(own, dims)

        b.when(b.icmp("ne", self.word(record, Output.VARIES), 0), told)
        before = self.kept_memory(b.icmp("uge", b.load("i64", size), LEAST_RESULT))
        dtype = self.word(record, Output.DTYPE, "ptr")
        self.do("Py_IncRef", dtype)  # it is taken over
        short = b.emit("i32", f"trunc {ndim} to i32")
        zero = number(0, "i32")
        kind = self.head(Head.ARRAY_TYPE, "ptr")
        at = b.load("ptr", dims)
        made = self.call("numpy_NewFromDescr", kind, dtype, short, at, NULL, NULL, zero, NULL)
        b.when(b.icmp("ne", before, NULL), lambda: self.hand_over(before))
        return self.made(made)

    def kept_memory(self, large: Value) -> Value:
        """Let NumPy take memory that is kept for the next array, if it is `large` and NumPy would
        ask nobody but the C library; the handler before, or null."""
        b = self.b
        handlers = self.module.external("functrans_memory")
        ours, usual = b.load("ptr", handlers), self.word(handlers, 1, "ptr")
        before = b.slot("ptr")
        b.store(NULL, before)

        def tell() -> None:
            old = self.made(self.call("numpy_SetHandler", ours))
            b.store(old, before)

            def undo() -> None:
                self.hand_over(old)
                b.store(NULL, before)

            b.when(b.icmp("ne", old, usual), undo)

        b.when(b.both(large, b.icmp("ne", ours, NULL)), tell)
        return b.load("ptr", before)

    def hand_over(self, handler: Value) -> None:
        """Have NumPy use a handler again, of which this has a reference."""
        self.do("Py_DecRef", self.made(self.call("numpy_SetHandler", handler)))
        self.do("Py_DecRef", handler)


class _Numbers(Writer):
    """``i1 (ptr plan, ptr frame)``: scalars and numbers of what the body has written."""

    def write(self) -> None:
        b = self.b
        slots, results = self.part(Head.SLOT_PART), self.part(Head.RESULT_PART)

        def make(record: Value) -> None:
            data = b.at(slots, self.word(record, Output.SLOT), "i64")
            to = b.at(results, self.word(record, Output.TO), "i64")

            def real(i: int) -> Value:
                return b.load("double", b.at(data, i, "double"))

            def scalar() -> None:
                dtype = self.word(record, Output.DTYPE, "ptr")
                b.store(self.made(self.call("numpy_Scalar", data, dtype, NULL)), to)

            def of_float() -> None:
                b.store(self.made(self.call("PyFloat_FromDouble", real(0))), to)

            def of_complex() -> None:
                b.store(self.made(self.call("PyComplex_FromDoubles", real(0), real(1))), to)

            def of_int() -> None:
                b.store(self.made(self.call("PyLong_FromLongLong", b.load("i64", data))), to)

            def of_bool() -> None:
                true = b.emit("i64", f"zext {b.load('i8', data)} to i64")
                b.store(self.made(self.call("PyBool_FromLong", true)), to)

            self.choose(
                self.word(record, Output.KIND),
                {
                    OutputKind.SCALAR: scalar,
                    OutputKind.FLOAT: of_float,
                    OutputKind.COMPLEX: of_complex,
                    OutputKind.INT: of_int,
                    OutputKind.BOOL: of_bool,
                },
            )

        self.each(Head.OUTPUTS, Output, make)
        self.answer()


class _Constants(Writer):
    """``i1 (ptr plan, ptr frame)``: results that are no data."""

    def write(self) -> None:
        results = self.part(Head.RESULT_PART)

        def keep(record: Value) -> None:
            thing = self.word(record, Constant.OBJECT, "ptr")
            self.do("Py_IncRef", thing)
            self.put(thing, results, self.word(record, Constant.TO))

        self.each(Head.CONSTANTS, Constant, keep)
        self.answer()


class _Containers(Writer):
    """``i1 (ptr plan, ptr frame)``: containers, the innermost first."""

    def write(self) -> None:
        b = self.b
        results = self.part(Head.RESULT_PART)

        def build(record: Value) -> None:
            count = self.word(record, Build.COUNT)
            items = self.word(record, Build.ITEMS, "ptr")
            to = b.at(results, self.word(record, Build.TO), "i64")

            def fill(put: Callable[[Value, Value], Value]) -> None:
                def one(j: Value) -> None:
                    pair = b.at(items, b.mul(j, 2), "i64")
                    place = b.at(results, self.word(pair, 1), "i64")
                    status = put(pair, b.load("ptr", place))
                    b.store(NULL, place)
                    self.require(b.icmp("eq", status, 0))

                b.repeat(0, count, one)

            def sequence(new: str, set_item: str) -> None:
                made = self.made(self.call(new, count))
                b.store(made, to)
                fill(
                    lambda pair, item: self.call(
                        set_item, made, self.word(pair, 0), item, result="i32"
                    )
                )

            def mapping() -> None:
                made = self.made(self.call("PyDict_New"))
                b.store(made, to)

                def put(pair: Value, item: Value) -> Value:
                    key = self.word(pair, 0, "ptr")
                    status = self.call("PyDict_SetItem", made, key, item, result="i32")
                    self.do("Py_DecRef", item)
                    return status

                fill(put)

            def named() -> None:
                sequence("PyTuple_New", "PyTuple_SetItem")
                make, plain = self.word(record, Build.MAKE, "ptr"), b.load("ptr", to)
                one = Value("i64", "1")
                made = self.call("PyObject_Vectorcall", make, to, one, NULL)
                b.store(made, to)
                self.do("Py_DecRef", plain)
                self.made(made)

            self.choose(
                self.word(record, Build.KIND),
                {
                    ContainerKind.TUPLE: lambda: sequence("PyTuple_New", "PyTuple_SetItem"),
                    ContainerKind.LIST: lambda: sequence("PyList_New", "PyList_SetItem"),
                    ContainerKind.DICT: mapping,
                    ContainerKind.NAMED: named,
                },
            )

        self.each(Head.BUILDS, Build, build)
        self.answer()


class _Drop(Writer):
    """``void (ptr plan, ptr frame)``: forget the results that there are."""

    def write(self) -> None:
        b = self.b
        results = self.part(Head.RESULT_PART)

        def drop(i: Value) -> None:
            place = b.at(results, i, "i64")
            thing = b.load("ptr", place)
            b.when(b.icmp("ne", thing, NULL), lambda: self.do("Py_DecRef", thing))
            b.store(NULL, place)

        b.repeat(0, self.head(Head.RESULTS), drop)
        b.finish()
