"""Matrix products in native code, of any layout, batched, onto what is there, with an epilogue."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from functrans.compile.llvm.code.blas import call_gemm
from functrans.compile.llvm.code.builder import Builder, Value, number, vector
from functrans.compile.llvm.code.varying import varies
from functrans.compile.llvm.kernels.panels import packing
from functrans.compile.llvm.kernels.sharing import in_pieces
from functrans.compile.llvm.kernels.tiles import (
    Block,
    Spot,
    Tile,
    dots,
    lanes_of,
    outer_products,
)
from functrans.compile.llvm.kernels.tiling import (
    CACHED,
    ELEMENTS,
    Part,
    columns_of,
    cut,
    grain,
    library_layouts,
    nanoseconds,
    panel_rows,
    pieces,
    room,
    tiling,
    way,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.compile.llvm.code.builder import Module
    from functrans.compile.llvm.kernels.contractions import Product
    from functrans.compile.llvm.kernels.tiles import Epilogue


def multiply_matrices(
    builder: Builder,
    product: Product,
    a: Value,
    b: Value,
    out: Value,
    memory: Value | None = None,
    *,
    span: tuple[Value, Value] | None = None,
    accumulate: bool = False,
    epilogue: Epilogue | None = None,
) -> None:
    """Emit a product into a function.

    Parameters
    ----------
    builder : Builder
        Of the function.
    product : Product
        A supported one.
    a, b, out : Value
        Addresses of the first elements. What lies at `out` must not overlap the others.
    memory : Value, optional
        That of as many bytes as :func:`room` says; needed if these are any.
    span : pair of Value, optional
        The first of the :func:`pieces` to compute, and the first of those that follow (i64). By
        default all are, by several threads where that pays.
    accumulate : bool
        Add to what is at `out`.
    epilogue : Epilogue, optional
        What is done to each element of the sum (what was at `out` included) before it is stored.
    """
    if not product.m * product.n * prod(product.batch):
        return
    name = _function(builder.module, product, accumulate, epilogue)
    operands = [a, b, out, *(epilogue.operands if epilogue else ())]
    own = memory if room(product) else None
    if span is None:
        in_pieces(builder, name, operands, pieces(product), nanoseconds(product), own)
    else:
        builder.call(name, "void", *operands, *([] if own is None else [own]), *span)


def multiply_from_panel(
    builder: Builder, product: Product, a: Value, panel: Value, out: Value, accumulate: bool
) -> None:
    """Emit a product whose `b` is a panel, or else to be read as it lies, into a function."""
    matrix = _Matrix(builder, product, accumulate, how="rows")
    matrix.emit(a, panel, out, number(0, "i64"), None)


def _function(module: Module, product: Product, accumulate: bool, epilogue: Epilogue | None) -> str:
    """The function ``(a, b, out, epilogue's operands, first, last)`` that computes some pieces;
    with memory before the last two, if it needs :func:`room`."""
    flat = [*product.batch, "", *product[2:5]]
    for matrices in product[5:]:
        flat += ["", *matrices.batch, matrices.row, matrices.column]
    layout = "_".join(map(str, flat))
    tail = f"_{epilogue.name}" if epilogue else ""
    name = f"product_{product.dtype.char}{layout}{'_plus' * accumulate}{tail}"
    if name in module.functions:
        return name
    extra = [x.type for x in epilogue.operands] if epilogue else []
    own = ["ptr"] if room(product) else []
    builder = Builder(module, name, "void", ["ptr"] * 3 + extra + own + ["i64"] * 2, internal=True)
    a, b, out, *extras, first, last = builder.operands
    memory = extras.pop() if own else None
    if epilogue:
        epilogue = epilogue._replace(operands=extras)
    if not product.batch:
        span = (first, last) if pieces(product) > 1 else None
        matrix = _Matrix(builder, product, accumulate, epilogue, memory=memory)
        matrix.emit(a, b, out, number(0, "i64"), span)
        return builder.finish()
    unit = "double" if product.dtype.kind == "c" else ELEMENTS[product.dtype]
    scale = max(product.dtype.itemsize // 8, 1) if product.dtype.kind == "c" else 1

    def one(which: Value, _: list[Value]) -> list[Value]:
        places = _offsets(builder, which, product)
        x, y, result = (
            builder.at(base, builder.mul(place, scale), unit)
            for base, place in zip((a, b, out), places, strict=True)
        )
        matrix = _Matrix(builder, product, accumulate, epilogue, memory=memory)
        matrix.emit(x, y, result, places[2], None)
        return []

    if way(product) == "blas":  # in one piece, since the library has threads of its own
        builder.loop(0, prod(product.batch), one)
    else:
        builder.loop(first, last, one)
    return builder.finish()


def _offsets(builder: Builder, which: Value, product: Product) -> list[Value]:
    """Where the matrices of one of a batch lie, in elements."""
    offsets = [number(0, "i64")] * 3
    for axis in reversed(range(len(product.batch))):
        n = product.batch[axis]
        index = builder.binary("srem", which, n) if axis else which
        which = builder.binary("sdiv", which, n) if axis else which
        for i, matrices in enumerate(product[5:]):
            step = matrices.batch[axis]
            if step:
                offsets[i] = builder.add(offsets[i], builder.mul(index, step))
    return offsets


class _Matrix:
    """The emission of one matrix of a product.

    Parameters
    ----------
    builder : Builder
    product : Product
    accumulate : bool
    epilogue : Epilogue or None
    how : str, optional
        The way, where it is not the one that is best for the product alone.
    memory : Value, optional
        For a panel.
    """

    def __init__(
        self,
        builder: Builder,
        product: Product,
        accumulate: bool,
        epilogue: Epilogue | None = None,
        how: str | None = None,
        memory: Value | None = None,
    ) -> None:
        self.builder = builder
        self.product = product
        self.accumulate = accumulate
        self.epilogue = epilogue
        self.way = how or way(product)
        self.memory = memory

    def emit(
        self, a: Value, b: Value, out: Value, place: Value, span: tuple[Value, Value] | None
    ) -> None:
        """Compute the matrix, which lies so many elements from the product's first, or a part."""
        if self.way == "blas":
            self._library(a, b, out)
            if self.epilogue is not None:
                self._finish(self.epilogue, out, place)
            return
        self.element = ELEMENTS[self.product.dtype]
        self.a, self.b, self.out, self.place = a, b, out, place
        rows, columns = tiling(self.product)
        axis = cut(self.product)[0] if span else ""
        across = self._selected(columns, span if axis == "columns" else None)
        down = self._selected(rows, span if axis == "rows" else None)
        for part in across:
            self._guarded(part.guard, partial(self._strip, part, down))

    def _selected(self, axes: Sequence[Part], span: tuple[Value, Value] | None) -> list[_Selected]:
        """What a span selects of the first part of an axis; the others belong to its last piece."""
        parts = [
            _Selected(axis, number(axis.start, "i64"), number(axis.length, "i64")) for axis in axes
        ]
        if span is None:
            return parts
        builder = self.builder
        head = axes[0]
        unit = head.size * head.width * grain(self.product, cut(self.product)[0])
        start = builder.mul(span[0], unit)
        stop = builder.intrinsic("smin", builder.mul(span[1], unit), head.length)
        last = builder.icmp("eq", span[1], pieces(self.product))
        rest = [part._replace(guard=last) for part in parts[1:]]
        return [_Selected(head, start, builder.sub(stop, start)), *rest]

    def _guarded(self, guard: Value | None, body: Callable[[], None]) -> None:
        if guard is None:
            body()
        else:
            self.builder.when(guard, body)

    def _strip(self, across: _Selected, down: list[_Selected]) -> None:
        """Compute some columns."""
        product, builder = self.product, self.builder
        axis = across.axis
        width = axis.size * axis.width
        if self.way != "panels":
            distance = product.b.column if self.way == "columns" else product.b.row
            whole = _Sums(number(0, "i64"), number(product.k, "i64"), self.accumulate, True)

            def blocks(place: _Selected) -> None:
                b = builder.at(self.b, builder.mul(place.start, product.b.column), self.element)
                for part in down:
                    body = partial(self._block, place, part, b, distance, whole)
                    self._guarded(part.guard, body)

            size = product.n * product.k * product.dtype.itemsize
            if axis.masked or (size <= CACHED and not varies(size)):
                blocks(across)
                return
            # A few columns for all rows: `b` is too large to stay in the first cache.
            stop = builder.add(across.start, across.length)
            length = number(width, "i64")
            builder.repeat(
                across.start,
                stop,
                lambda j: blocks(across._replace(start=j, length=length)),
                step=width,
            )
            return
        layout = "columns" if product.b.row == 1 else "any"
        layout = "rows" if product.b.column == 1 else layout
        pack = packing(builder.module, self.element, lanes_of(self.element), width, layout)
        count = panel_rows(product)
        assert self.memory is not None
        panel = self.memory
        end = builder.add(across.start, across.length)

        def one(j: Value, _: list[Value]) -> list[Value]:
            columns = builder.intrinsic("smin", builder.sub(end, j), width)
            place = across._replace(start=j, length=columns)
            for k in range(0, product.k, count):
                start = number(k * product.b.row, "i64")
                source = builder.add(builder.mul(j, product.b.column), start)
                deep = number(min(count, product.k - k), "i64")
                steps = (number(product.b.row, "i64"), number(product.b.column, "i64"))
                source = builder.at(self.b, source, self.element)
                builder.call(pack, "void", source, *steps, panel, deep, columns)
                sums = _Sums(
                    number(k, "i64"), deep, self.accumulate or k > 0, k + count >= product.k
                )
                for part in down:
                    body = partial(self._block, place, part, panel, width, sums)
                    self._guarded(part.guard, body)
            return []

        builder.loop(across.start, end, one, step=width)

    def _block(
        self, across: _Selected, down: _Selected, b: Value, distance: int, sums: _Sums
    ) -> None:
        """Call the function of tiles for some rows and columns."""
        product, builder, element = self.product, self.builder, self.element
        way, axis = self.way, across.axis
        make = dots if way == "columns" else outer_products
        tile = Tile(
            element,
            down.axis.size,
            axis.size,
            lanes_of(element) if way == "columns" else axis.width,
            self._ragged() if way == "columns" else axis.masked,
        )
        epilogue = self.epilogue if sums.last else None
        name = make(builder.module, tile, epilogue)
        source = builder.mul(down.start, product.a.row)
        source = builder.add(source, builder.mul(sums.start, product.a.column))
        within = builder.add(builder.mul(down.start, product.out.row), across.start)
        steps = [product.a.row, product.a.column, distance, product.out.row]
        a_row, a_column, b_step, out_row = (number(step, "i64") for step in steps)
        block = Block(
            a=builder.at(self.a, source, element),
            a_row=a_row,
            a_column=a_column,
            b=b,
            b_step=b_step,
            out=builder.at(self.out, within, element),
            out_row=out_row,
            m=down.length,
            n=across.length,
            k=sums.length,
            accumulate=number(int(sums.accumulate), "i64"),
            row=down.start,
            column=across.start,
            place=builder.add(self.place, within),
        )
        builder.call(name, "void", *block, *(epilogue.operands if epilogue else ()))

    def _ragged(self) -> bool:
        """Whether sums are no whole vectors, or may not be."""
        k = self.product.k
        return varies(k) or k % lanes_of(self.element) > 0

    def _library(self, a: Value, b: Value, out: Value) -> None:
        product = self.product
        layouts = library_layouts(product)
        assert layouts
        sizes = product.m, product.n, product.k
        distance = max(product.out.row, product.n)
        left, right = (a, *layouts[0]), (b, *layouts[1])
        call_gemm(self.builder, product.dtype, sizes, left, right, (out, distance), self.accumulate)

    def _finish(self, epilogue: Epilogue, out: Value, place: Value) -> None:
        """Carry out an epilogue on what the library has computed."""
        builder, product = self.builder, self.product
        element = ELEMENTS[product.dtype]

        def row(i: Value) -> None:
            start = builder.mul(i, product.out.row)
            for part in columns_of(product.n, lanes_of(element), 1):
                kind = vector(element, part.width)
                left = number(part.length, "i64")
                lanes = builder.first_lanes(part.width, left) if part.masked else None

                def some(j: Value, kind: str = kind, lanes: Value | None = lanes) -> None:
                    within = builder.add(start, j)
                    x = builder.load_where(lanes, kind, builder.at(out, within, element))
                    spot = Spot(builder.add(place, within), i, j)
                    x = epilogue.body(builder, epilogue.operands, spot, x, lanes)
                    builder.store_where(lanes, x, builder.at(out, within, element))

                builder.repeat(part.start, part.start + part.length, some, step=part.width)

        builder.repeat(0, product.m, row)


class _Selected(NamedTuple):
    """A part of an axis, where to start, how much of it to compute, and on which condition."""

    axis: Part
    start: Value
    length: Value
    guard: Value | None = None


class _Sums(NamedTuple):
    """Which part of the sums to compute, whether onto what is there, and whether it is the last."""

    start: Value
    length: Value
    accumulate: bool
    last: bool
