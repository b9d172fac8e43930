"""The native function of all builtins, as text: it opens arguments, makes results, and calls the
compiled function in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.calling import arena_text, arguments, results
from functrans.compile.llvm.calling.plan import UNKNOWN, Head, Input, InputKind, Output, OutputKind
from functrans.compile.llvm.calling.tables import Writer
from functrans.compile.llvm.code.builder import NULL, Module, Value, number
from functrans.compile.llvm.code.polling import INTERRUPTED

if TYPE_CHECKING:
    from functrans.compile.llvm.calling.structs import Layouts

ON_STACK = 512
"""Words that a call needs up to which they lie on the stack; stacks of threads may be small."""


class _Self:
    """Places in the tuple that the native function is given as ``self``."""

    FALLBACK = 0
    WORDS = 1


def text(fields: Layouts) -> str:
    """The module of the native function."""
    module = Module()
    arguments.write(module, fields)
    results.write(module, fields)
    arena_text.write(module)
    operands = ["ptr", "ptr", "i64", "ptr"]
    _Entry(module, fields, "functrans_entry", "ptr", operands, internal=False).write()
    return module.text()


class _Entry(Writer):
    """``ptr (ptr self, ptr arguments, i64 count, ptr names)``: the function of all builtins."""

    def write(self) -> None:
        """Write it into the module."""
        b = self.b
        self.self, self.args, self.count, self.names = b.operands
        self.items = b.at(self.self, self.fields.tuple_items, "i8")
        self.plan = self.field(self.item(_Self.WORDS), self.fields.array_data, "ptr")
        self.result = b.slot("ptr")
        out, failed = b.label("out"), b.label("failed")
        b.store(NULL, self.result)
        self.take_frame()
        self.open_arguments()
        self.read_leaves()
        fallback, self.refused = self.refused, failed
        self.make_results()
        self.run(fallback, out)
        self.finish_results()
        b.store(self.word(self.part(Head.RESULT_PART), 0, "ptr"), self.result)
        b.jump(out)
        b.start(failed)
        self.give_up()
        b.jump(out)
        b.start(fallback)
        called = self.item(_Self.FALLBACK)
        answer = self.call("PyObject_Vectorcall", called, self.args, self.count, self.names)
        b.store(answer, self.result)
        b.jump(out)
        b.start(out)
        b.when(self.large, lambda: self.do("PyMem_RawFree", self.frame))
        b.finish(b.load("ptr", self.result))

    def item(self, index: int) -> Value:
        """Of the tuple that is ``self``."""
        return self.word(self.items, index, "ptr")

    def some(self, which: int) -> Value:
        """Whether a word of the header is not 0."""
        return self.b.icmp("ne", self.head(which), 0)

    def stage(self, name: str, *operands: Value) -> None:
        """Call a function that answers whether to go on."""
        self.require(self.call(name, self.plan, self.frame, *operands, result="i1"))

    # ---- arguments --------------------------------------------------------------------------

    def take_frame(self) -> None:
        b = self.b
        words, here = self.head(Head.WORDS), b.fresh()
        self.large = b.icmp("ugt", words, ON_STACK)
        count = b.select(self.large, number(1, "i64"), words)
        b.line(f"{here} = alloca i64, {count}, align 64")
        place = b.slot("ptr")
        b.store(Value("ptr", here), place)

        def elsewhere() -> None:
            lacking, enough = b.label("lacking"), b.label("enough")
            memory = self.call("PyMem_RawMalloc", b.mul(words, 8))
            b.store(memory, place)
            b.fork(b.icmp("ne", memory, NULL), enough, lacking)
            b.start(lacking)
            b.line(f"ret {self.call('PyErr_NoMemory')}")
            b.start(enough)

        b.when(self.large, elsewhere)
        self.frame = b.load("ptr", place)
        self.arena = b.slot("ptr", 2)
        b.store(NULL, self.arena)
        self.put(self.args, self.frame, 0)
        results = self.part(Head.RESULT_PART)
        b.repeat(0, self.head(Head.RESULTS), lambda i: self.put(NULL, results, i))
        sizes = self.part(Head.SIZE_PART)
        self.put(number(1, "i64"), sizes, 0)
        unknown = number(UNKNOWN, "i64")
        named = b.add(self.head(Head.SIZES), 1)
        b.repeat(1, named, lambda i: self.put(unknown, sizes, i))

    def open_arguments(self) -> None:
        b = self.b
        self.require(b.icmp("eq", self.count, self.head(Head.ARGUMENTS)))
        keywords, simple = b.icmp("ne", self.names, NULL), b.label("simple")
        own, open_ = b.label("own"), b.label("open")
        self.require(b.icmp("eq", keywords, self.some(Head.KEYWORDS)))
        b.fork(b.either(keywords, self.some(Head.CONTAINERS)), own, simple)
        b.start(own)
        objects = self.part(Head.OBJECT_PART)
        self.put(objects, self.frame, 0)
        positions = b.label("positions")
        names = b.label("names")
        b.fork(keywords, names, positions)
        b.start(names)
        self.stage("open_keywords", self.args, self.names)
        b.jump(open_)
        b.start(positions)
        b.repeat(0, self.count, lambda i: self.put(self.word(self.args, i, "ptr"), objects, i))
        b.jump(open_)
        b.start(open_)
        self.stage("open_containers")
        b.jump(simple)
        b.start(simple)

    def read_leaves(self) -> None:
        b = self.b
        objects, inputs = self.objects(), self.part(Head.INPUT_PART)
        sizes, slots = self.part(Head.SIZE_PART), self.part(Head.SLOT_PART)
        array_type = self.head(Head.ARRAY_TYPE, "ptr")

        def read(record: Value) -> None:
            thing = self.word(objects, self.word(record, Input.SOURCE), "ptr")
            data = b.at(inputs, self.word(record, Input.TO), "i64")
            array, other, done = b.label("array"), b.label("number"), b.label("done")
            is_array = b.icmp("eq", self.field(thing, self.fields.type, "ptr"), array_type)
            wanted = b.icmp("eq", self.word(record, Input.KIND), InputKind.ARRAY)
            b.fork(b.both(is_array, wanted), array, other)
            b.start(array)
            self.require(self.call("read_array", thing, record, sizes, data, result="i1"))
            b.jump(done)
            b.start(other)
            self.require(self.call("read_number", thing, record, slots, data, result="i1"))
            b.jump(done)
            b.start(done)

        self.each(Head.LEAVES, Input, read)
        b.when(self.some(Head.DONATIONS), lambda: self.stage("keep_donations_apart"))

    # ---- results ----------------------------------------------------------------------------

    def make_results(self) -> None:
        b = self.b
        outputs, slots = self.part(Head.OUTPUT_PART), self.part(Head.SLOT_PART)

        def make(record: Value) -> None:
            data = b.at(outputs, self.word(record, Output.NUMBER), "i64")
            b.store(b.at(slots, self.word(record, Output.SLOT), "i64"), data)
            array = b.icmp("slt", self.word(record, Output.KIND), OutputKind.SCALAR)
            b.when(array, lambda: self.stage("make_array", record, data))

        self.each(Head.OUTPUTS, Output, make)

    def finish_results(self) -> None:
        b = self.b
        b.when(self.some(Head.NUMBERS), lambda: self.stage("make_numbers"))
        b.when(self.some(Head.CONSTANTS), lambda: self.stage("keep_constants"))
        b.when(self.some(Head.BUILDS), lambda: self.stage("build_containers"))

    def give_up(self) -> None:
        """Python could not make an object; mostly there was no memory."""
        b = self.b
        self.do("leave_arena", self.arena)
        self.do("drop_results", self.plan, self.frame)
        known = self.call("PyErr_Occurred")
        b.when(
            b.icmp("eq", known, NULL),
            lambda: b.store(self.call("PyErr_NoMemory"), self.result),
        )

    # ---- the call ---------------------------------------------------------------------------

    def run(self, fallback: str, out: str) -> None:
        """Call the body, with an arena, perhaps without the GIL."""
        b = self.b
        sizes = self.part(Head.SIZE_PART)
        need = self.head(Head.ARENA)
        b.when(
            b.icmp("sgt", need, 0),
            lambda: self.require(self.call("take_arena", need, self.arena, result="i1")),
        )
        thread = b.slot("ptr")
        place, arena = self.head(Head.BODY, "ptr"), b.load("ptr", self.arena)
        body = b.emit("ptr", f"load atomic ptr, {place} acquire, align 8")
        long = self.some(Head.LONG)
        self.hold("Py_IncRef")
        b.when(long, lambda: b.store(self.call("PyEval_SaveThread"), thread))
        inputs, outputs = self.part(Head.INPUT_PART), self.part(Head.OUTPUT_PART)
        table = self.head(Head.TABLE, "ptr")
        last = b.select(b.icmp("ne", table, NULL), table, b.at(sizes, 1, "i64"))
        operands = f"{inputs}, {outputs}, {arena}, {last}"
        status = b.emit("i32", f"call i32 {body.text}({operands})")
        b.when(long, lambda: self.do("PyEval_RestoreThread", b.load("ptr", thread)))
        self.hold("Py_DecRef")
        b.when(b.icmp("ne", arena, NULL), lambda: self.do("leave_arena", self.arena))
        good, wrong = b.label("good"), b.label("wrong")
        b.fork(b.both(self.some(Head.STATUS), b.icmp("ne", status, 0)), wrong, good)
        b.start(wrong)
        self.do("drop_results", self.plan, self.frame)
        b.fork(b.icmp("eq", status, INTERRUPTED), out, fallback)
        b.start(good)

    def hold(self, function: str) -> None:
        """Others that run meanwhile may take arrays out of containers, so these are held."""
        objects = self.objects()

        def one(record: Value) -> None:
            self.do(function, self.word(objects, self.word(record, Input.SOURCE), "ptr"))

        self.b.when(self.some(Head.HELD), lambda: self.each(Head.LEAVES, Input, one))
