"""Instructions that make the results of a call: arrays, numbers and containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.builder import Value, number
from functrans.compile.llvm.plan import (
    Build,
    Constant,
    ContainerKind,
    Head,
    Output,
    OutputKind,
)
from functrans.compile.llvm.tables import NULL, Writer

if TYPE_CHECKING:
    from collections.abc import Callable


class Results(Writer):
    """The part of the native function that makes objects, before and after the body has run."""

    def make_results(self) -> None:
        b = self.b
        objects = b.load("ptr", self.objects)

        def make(record: Value) -> None:
            data = b.slot("ptr")
            to = b.at(self.results, self.word(record, Output.TO), "i64")

            def new() -> None:
                array = self.new_array(record)
                b.store(array, to)
                b.store(self.field(array, self.fields.array_data, "ptr"), data)

            def old() -> None:
                array = self.word(objects, self.word(record, Output.SOURCE), "ptr")
                self.do("Py_IncRef", array)
                b.store(array, to)
                b.store(self.field(array, self.fields.array_data, "ptr"), data)

            b.store(b.at(self.slots, self.word(record, Output.SLOT), "i64"), data)
            self.choose(
                self.word(record, Output.KIND), {OutputKind.ARRAY: new, OutputKind.DONATED: old}
            )
            b.store(
                b.load("ptr", data), b.at(self.outputs, self.word(record, Output.NUMBER), "i64")
            )

        self.each(Head.OUTPUTS, Output, make)

    def new_array(self, record: Value) -> Value:
        b = self.b
        dims = b.slot("ptr")
        ndim = self.word(record, Output.NDIM)
        given = self.word(record, Output.DIMS, "ptr")
        b.store(given, dims)

        def told() -> None:
            own = b.slot("i64", 64)  # no array has more dimensions

            def fill(j: Value) -> None:
                wanted = self.word(given, j)
                fixed = b.icmp("sge", wanted, 0)
                place = b.select(fixed, number(0, "i64"), b.xor(wanted, -1))
                size = self.word(self.sizes, place)
                b.store(b.select(fixed, wanted, size), b.at(own, j, "i64"))

            b.repeat(0, ndim, fill)
            b.store(own, dims)

        b.when(b.icmp("ne", self.word(record, Output.VARIES), 0), told)
        dtype = self.word(record, Output.DTYPE, "ptr")
        self.do("Py_IncRef", dtype)  # it is taken over
        short = b.emit("i32", f"trunc {ndim} to i32")
        zero = number(0, "i32")
        kind = self.head(Head.ARRAY_TYPE, "ptr")
        at = b.load("ptr", dims)
        return self.made(
            self.call("numpy_NewFromDescr", kind, dtype, short, at, NULL, NULL, zero, NULL)
        )

    def make_numbers(self) -> None:
        """Scalars and numbers of what the body has written, and results that are no data."""
        b = self.b

        def make(record: Value) -> None:
            data = b.at(self.slots, self.word(record, Output.SLOT), "i64")
            to = b.at(self.results, self.word(record, Output.TO), "i64")

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

        def keep(record: Value) -> None:
            thing = self.word(record, Constant.OBJECT, "ptr")
            self.do("Py_IncRef", thing)
            b.store(thing, b.at(self.results, self.word(record, Constant.TO), "i64"))

        b.when(
            b.icmp("ne", self.head(Head.NUMBERS), 0),
            lambda: self.each(Head.OUTPUTS, Output, make),
        )
        self.each(Head.CONSTANTS, Constant, keep)

    def build_containers(self) -> None:
        b = self.b

        def build(record: Value) -> None:
            count = self.word(record, Build.COUNT)
            items = self.word(record, Build.ITEMS, "ptr")
            to = b.at(self.results, self.word(record, Build.TO), "i64")

            def fill(put: Callable[[Value, Value], Value]) -> None:
                def one(j: Value) -> None:
                    pair = b.at(items, b.mul(j, 2), "i64")
                    place = b.at(self.results, self.word(pair, 1), "i64")
                    status = put(pair, b.load("ptr", place))
                    b.store(NULL, place)
                    self.branch(b.icmp("eq", status, 0), self.failure)

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

            self.choose(
                self.word(record, Build.KIND),
                {
                    ContainerKind.TUPLE: lambda: sequence("PyTuple_New", "PyTuple_SetItem"),
                    ContainerKind.LIST: lambda: sequence("PyList_New", "PyList_SetItem"),
                    ContainerKind.DICT: mapping,
                },
            )

        self.each(Head.BUILDS, Build, build)

    def drop_results(self) -> None:
        b = self.b

        def drop(i: Value) -> None:
            place = b.at(self.results, i, "i64")
            thing = b.load("ptr", place)
            b.when(b.icmp("ne", thing, NULL), lambda: self.do("Py_DecRef", thing))
            b.store(NULL, place)

        b.repeat(0, self.head(Head.RESULTS), drop)
