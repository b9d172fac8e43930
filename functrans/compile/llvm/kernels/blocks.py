"""Large matrix products by blocks: operands are copied so that what is read again stays in a cache.

Some rows of `b` are copied as panels of a few columns, which lie one after the other; then, of some
rows of `a` at a time, the products with all these panels are summed up. A group of panels stays in
the second cache while so many rows of `a` are multiplied by it, and the rows of a tile in the first
one while they are multiplied by the panels of the group. Rows of `a` are copied too where they
would be in each other's way. Panels are made by several threads, and so are the sums of blocks of
rows. In which order an element is summed up depends on no block.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from functrans.compile.llvm.code.builder import Builder, Value, number
from functrans.compile.llvm.code.varying import varies
from functrans.compile.llvm.kernels.panels import packing
from functrans.compile.llvm.kernels.sharing import in_pieces
from functrans.compile.llvm.kernels.tiles import Block, Tile, lanes_of, outer_products, registers
from functrans.compile.llvm.kernels.tiling import ELEMENTS, Part, nanoseconds, tiling
from functrans.compile.llvm.plans.arena import lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.compile.llvm.code.builder import Module
    from functrans.compile.llvm.kernels.contractions import Product
    from functrans.compile.llvm.kernels.panels import Layout
    from functrans.compile.llvm.kernels.tiles import Epilogue

DEPTH = 64
"""Products that are summed up at once, in elements of a vector: a row of `a` takes 4 KiB where
vectors have 64 bytes.

Each element of the result is read and written as often as sums are interrupted. With 64 in place of
16, and each tile of rows meeting a :data:`GROUP` of panels, 1024 by 1024 went from 85 to 92 percent
of the peak in float32 and from 83 to 87 in float64, on a core that others used too.
"""

COPIED = 1 << 22
"""Bytes of panels of `b` that are there at once, at least those of one depth: they stay in the
third cache."""

ROWS = 8
"""Tiles of rows of `a` that are multiplied by one group of panels after the other, and if they are
copied, are so at once: each thread has memory for them. Copies of more tiles, which lie a multiple
of 4096 bytes apart, are in each other's way: percent of the peak at 512 by 512, float32, `x.T @ y`,
92 with 8 tiles and 82 with 16."""

GROUP = 1 << 18
"""Bytes of panels that each tile of rows of `a` is multiplied by before the next one."""

FAR = 1 << 19
"""Bytes of a transposed `a` above which its rows are copied."""

WAY = 4096
"""Bytes that lie so far apart have one place in a first cache, which has few of that kind.

Rows of `a` that do are copied, but not those of float32 where there are 32 registers of vectors:
a copied element takes as long as in float64, and the products with it half as long. Percent of the
peak with and without, 1024 by 1024: 90 and 93 in float32, 89 and 84 in float64.
"""

TOGETHER = 8
"""Panels that are copied at once, row by row as they lie."""

LEAST = 8
"""Pieces that there should be, if blocks of rows alone are fewer."""


class Blocking(NamedTuple):
    """How much of the operands of a product is copied at once.

    Attributes
    ----------
    depth : int
        Products that are summed up at once.
    rows : int
        Of `a`: some tiles.
    deep, columns : int
        Rows and columns of `b` that are there as panels at once.
    at_once : bool
        All columns are.
    copied : bool
        Whether rows of `a` are copied.
    """

    depth: int
    rows: int
    deep: int
    columns: int
    at_once: bool
    copied: bool


def blocking_of(product: Product) -> Blocking:
    """The blocks of a product."""
    rows, columns = tiling(product)
    m, n, k = product[2:5]
    size, a = product.dtype.itemsize, product.a
    deepest = DEPTH * lanes_of(ELEMENTS[product.dtype])
    depth = deepest if varies(k) else -(-k // -(-k // deepest))
    last = columns[-1]
    padded = last.start + (last.size * last.width if last.masked else last.length)
    width = columns[0].size * columns[0].width
    most = COPIED // (depth * size * width) * width
    at_once = padded <= most
    across = padded if at_once else most
    deep = depth if varies(n) else depth * max(COPIED // (depth * size * across), 1)
    far = a.column != 1 and m * k * size > FAR
    crowded = m > 1 and a.column == 1 and a.row * size % WAY == 0
    crowded = crowded and (size > 4 or registers() < 32)
    return Blocking(depth, ROWS * rows[0].size, deep, across, at_once, k > 1 and (far or crowded))


def memory_of(product: Product) -> int:
    """Bytes that :func:`multiply_blocks` needs beside the operands: for panels, and for rows."""
    blocking = blocking_of(product)
    copied = blocking.rows * blocking.depth if blocking.copied else 0
    return _panel_bytes(product) + copied * product.dtype.itemsize


def _panel_bytes(product: Product) -> int:
    blocking = blocking_of(product)
    deep = min(product.k, blocking.deep)
    return lines(deep * blocking.columns * product.dtype.itemsize)


def multiply_blocks(
    builder: Builder,
    product: Product,
    a: Value,
    b: Value,
    out: Value,
    memory: Value,
    place: Value,
    *,
    name: str,
    accumulate: bool,
    epilogue: Epilogue | None,
) -> None:
    """Emit the product of two matrices into a function.

    Parameters
    ----------
    builder : Builder
    product : Product
        Its batch is not looked at.
    a, b, out : Value
        The addresses of the matrices.
    memory : Value
        That of as many bytes as :func:`memory_of` says.
    place : Value
        How many elements `out` lies after the first one of the whole product (i64).
    name : str
        That no other product of the module has.
    accumulate : bool
    epilogue : Epilogue or None
        As :func:`functrans.compile.llvm.kernels.products.multiply_matrices` takes them.
    """
    columns = tiling(product)[1]
    blocking = blocking_of(product)
    main = number(columns[0].length, "i64")
    rounds = partial(_rounds, builder, product, (a, b, out, memory, place))
    rounds = partial(rounds, name=name, accumulate=accumulate, epilogue=epilogue)
    if blocking.at_once:
        rounds(columns, number(0, "i64"), main)
        return

    def some(j: Value) -> None:
        count = builder.intrinsic("smin", builder.sub(main, j), blocking.columns)
        rounds(columns[:1], j, count)

    builder.repeat(0, main, some, step=blocking.columns)
    if columns[1:]:
        start, length = (number(x, "i64") for x in (columns[1].start, columns[1].length))
        rounds(columns[1:], start, length)


def _rounds(
    builder: Builder,
    product: Product,
    operands: tuple[Value, ...],
    parts: Sequence[Part],
    start: Value,
    length: Value,
    *,
    name: str,
    accumulate: bool,
    epilogue: Epilogue | None,
) -> None:
    """Some columns, which begin with so many of the first part: panels of some rows of `b` and what
    is summed up with them, one after the other."""
    blocking = blocking_of(product)
    a, b, out, room, place = operands
    own = builder.at(room, _panel_bytes(product), "i8") if blocking.copied else None
    which = f"{name}_{parts[0].start}_{len(parts)}"
    panels = _Panels(builder.module, product, parts, f"{which}_panels")
    extras = list(epilogue.operands) if epilogue else []
    time = nanoseconds(product._replace(batch=()))

    def once(k: Value, last: bool) -> None:
        deep = builder.intrinsic("smin", builder.sub(number(product.k, "i64"), k), blocking.deep)
        given = [b, room, start, length, k, deep]
        copying = product.k * product.n * product.dtype.itemsize // 8
        in_pieces(builder, panels.write(), given, panels.pieces, copying)
        finish = epilogue if last else None
        sums = _Sums(builder.module, product, parts, accumulate, finish, f"{which}_sums")
        given = [a, out, room, place, start, length, k, deep]
        in_pieces(builder, sums.write(), given + extras * last, sums.pieces, time, own)

    if epilogue is None:
        builder.repeat(0, product.k, lambda k: once(k, last=False), step=blocking.deep)
        return
    end = (product.k - 1) // blocking.deep * blocking.deep
    if end or varies(product.k):
        builder.repeat(0, end, lambda k: once(k, last=False), step=blocking.deep)
    once(number(end, "i64"), last=True)


class _Columns:
    """Some parts of the columns of a product, and where their panels lie."""

    def __init__(self, module: Module, product: Product, parts: Sequence[Part]) -> None:
        self.module = module
        self.product = product
        self.element = ELEMENTS[product.dtype]
        self.lanes = lanes_of(self.element)
        self.blocking = blocking_of(product)
        self.parts = parts
        self.width = parts[0].size * parts[0].width
        count = parts[0].length
        if not self.blocking.at_once and not parts[0].start:
            count = self.blocking.columns
        self.panels = -(-count // self.width)

    def packing(self, row: int, column: int, width: int) -> str:
        """The function that copies panels of a matrix with these distances."""
        if column == 1:
            return packing(self.module, self.element, min(self.lanes, width), width, "rows")
        layout: Layout = "columns" if row == 1 else "any"
        return packing(self.module, self.element, self.lanes, width, layout)

    def others(self, b: Builder, start: Value) -> list[tuple[Part, Value, Value]]:
        """The other parts, and how far their columns are from the first that is there."""
        ends = self.parts[1:]
        return [(p, number(p.start, "i64"), b.sub(number(p.start, "i64"), start)) for p in ends]


class _Panels(_Columns):
    """The function that makes panels: ``(b, room, start, length, k, deep, first, last)``."""

    def __init__(self, module: Module, product: Product, parts: Sequence[Part], name: str) -> None:
        super().__init__(module, product, parts)
        self.name = name
        self.pieces = -(-self.panels // TOGETHER)

    def write(self) -> str:
        if self.name in self.module.functions:
            return self.name
        kinds = ["ptr", "ptr", *["i64"] * 6]
        builder = Builder(self.module, self.name, "void", kinds, internal=True)
        b, room, start, length, k, deep, first, last = builder.operands
        steps = [number(x, "i64") for x in self.product.b[1:]]

        def copy(part: Part, column: Value, offset: Value, count: Value) -> None:
            width = part.size * part.width
            pack = self.packing(self.product.b.row, self.product.b.column, width)
            place = builder.add(builder.mul(k, steps[0]), builder.mul(column, steps[1]))
            source = builder.at(b, place, self.element)
            target = builder.at(room, builder.mul(offset, deep), self.element)
            builder.call(pack, "void", source, *steps, target, deep, count)

        unit = self.width * TOGETHER
        begin = builder.mul(first, unit)
        end = builder.intrinsic("smin", builder.mul(last, unit), length)
        count = builder.intrinsic("smax", builder.sub(end, begin), 0)
        copy(self.parts[0], builder.add(start, begin), begin, count)

        def rest() -> None:
            for part, column, offset in self.others(builder, start):
                copy(part, column, offset, number(part.length, "i64"))

        if self.parts[1:]:
            builder.when(builder.icmp("eq", last, self.pieces), rest)
        return builder.finish()


class _Sums(_Columns):
    """The function that sums up products with panels: ``(a, out, room, place, start, length, k,
    deep, epilogue's operands, first, last)``; with memory before the last two, if rows of `a` are
    copied."""

    def __init__(
        self,
        module: Module,
        product: Product,
        parts: Sequence[Part],
        accumulate: bool,
        epilogue: Epilogue | None,
        name: str,
    ) -> None:
        super().__init__(module, product, parts)
        self.accumulate, self.epilogue = accumulate, epilogue
        self.name = f"{name}_last" if epilogue else name
        self.rows = tiling(product)[0]
        down = -(-self.rows[0].length // self.blocking.rows)
        fixed = not (varies(product.m) or varies(product.n))
        # Fewer panels for a block of rows that is copied would not pay.
        across = min(-(-LEAST // down), self.panels // TOGETHER) if fixed else 1
        self.groups = max(across, 1)
        self.pieces = down * self.groups

    def write(self) -> str:
        if self.name in self.module.functions:
            return self.name
        kinds = [*["ptr"] * 3, *["i64"] * 5]
        extra = [x.type for x in self.epilogue.operands] if self.epilogue else []
        copied = self.blocking.copied
        kinds += [*extra, *["ptr"] * copied, "i64", "i64"]
        b = self.b = Builder(self.module, self.name, "void", kinds, internal=True)
        self.a, self.out, self.room, self.place, start, length, k, deep = b.operands[:8]
        self.deep = deep
        *self.extras, first, last = b.operands[8:]
        self.copy = self.extras.pop() if copied else None
        height = number(self.rows[0].length, "i64")
        unit = -(-self.panels // self.groups) * self.width

        def piece(p: Value) -> None:
            down, across = p, number(0, "i64")
            if self.groups > 1:
                down = b.binary("sdiv", p, self.groups)
                across = b.binary("srem", p, self.groups)
            top = b.mul(down, self.blocking.rows)
            rows = b.intrinsic("smin", b.sub(height, top), self.blocking.rows)
            lowest = b.icmp("eq", b.add(top, rows), height)
            left = b.mul(across, unit)
            wide = b.intrinsic("smin", b.sub(length, left), unit)
            rightmost = b.icmp("eq", across, self.groups - 1)
            columns = [(self.parts[0], b.add(start, left), left, wide)]
            others = [(*x, number(x[0].length, "i64")) for x in self.others(b, start)]

            def some(i: Value, k: Value, last: bool) -> None:
                depth = b.intrinsic("smin", b.sub(end, i), self.blocking.depth)
                sums = _Span(i, b.sub(i, k), depth, last)

                def lines(part: Part, top: Value, rows: Value) -> None:
                    factors = self.factors(part, top, rows, sums)
                    for column in columns:
                        self.part(part, top, rows, factors, column, sums)

                    def rest() -> None:
                        for column in others:
                            self.part(part, top, rows, factors, column, sums)

                    if others:
                        b.when(rightmost, rest)

                lines(self.rows[0], top, rows)

                def below() -> None:
                    for part in self.rows[1:]:
                        lines(part, number(part.start, "i64"), number(part.length, "i64"))

                if self.rows[1:]:
                    b.when(lowest, below)

            end = b.add(k, deep)
            depth = self.blocking.depth
            if self.epilogue is None:
                b.repeat(k, end, lambda i: some(i, k, last=False), step=depth)
                return
            final = number((self.product.k - 1) // depth * depth, "i64")
            b.repeat(k, final, lambda i: some(i, k, last=False), step=depth)
            some(final, k, last=True)

        b.repeat(first, last, piece)
        return b.finish()

    def factors(self, part: Part, top: Value, rows: Value, sums: _Span) -> _Factors:
        """Where some rows of `a` lie, which may be a copy that is made here."""
        b, a = self.b, self.product.a
        place = b.add(b.mul(top, a.row), b.mul(sums.start, a.column))
        source = b.at(self.a, place, self.element)
        row, column = number(a.row, "i64"), number(a.column, "i64")
        if self.copy is None:
            return _Factors(source, row, column, b.mul(row, part.size))
        pack = self.packing(a.column, a.row, part.size)
        b.call(pack, "void", source, column, row, self.copy, sums.depth, rows)
        size = number(part.size, "i64")
        return _Factors(self.copy, number(1, "i64"), size, b.mul(size, sums.depth))

    def part(
        self,
        part: Part,
        top: Value,
        rows: Value,
        factors: _Factors,
        column: tuple[Part, Value, Value, Value],
        sums: _Span,
    ) -> None:
        """The sums of some rows, with one panel after the other of a part of the columns."""
        b, element = self.b, self.element
        across, start, offset, count = column
        width = across.size * across.width
        tile = Tile(element, part.size, across.size, across.width, across.masked)
        epilogue = self.epilogue if sums.last else None
        name = outer_products(self.module, tile, epilogue)
        out_row = number(self.product.out.row, "i64")
        old = number(1, "i64")
        if not self.accumulate:
            later = b.icmp("sgt", sums.start, 0)
            old = b.select(later, old, number(0, "i64"))
        panels = b.at(self.room, b.mul(offset, self.deep), element)
        panel = self.blocking.depth * width * self.product.dtype.itemsize
        group = max(GROUP // panel, 1) * width

        def some(j: Value) -> None:
            source = b.add(b.mul(j, self.deep), b.mul(sums.offset, width))
            here = b.add(start, j)
            within = b.add(b.mul(top, out_row), here)
            block = Block(
                a=factors.address,
                a_row=factors.row,
                a_column=factors.column,
                a_next=factors.tile,
                b=b.at(panels, source, element),
                b_step=number(width, "i64"),
                b_next=b.mul(self.deep, width),
                out=b.at(self.out, within, element),
                out_row=out_row,
                m=rows,
                n=count if across.masked else b.intrinsic("smin", b.sub(count, j), group),
                k=sums.depth,
                accumulate=old,
                row=top,
                column=here,
                place=b.add(self.place, within),
            )
            b.call(name, "void", *block, *(self.extras if epilogue else ()))

        if across.masked:
            some(number(0, "i64"))
        else:
            b.repeat(0, count, some, step=group)


class _Span(NamedTuple):
    """Some terms of the sums: the first, its place in the panels, how many, whether the last."""

    start: Value
    offset: Value
    depth: Value
    last: bool


class _Factors(NamedTuple):
    """Where rows of `a` lie: the distances of rows, of columns and of tiles."""

    address: Value
    row: Value
    column: Value
    tile: Value
