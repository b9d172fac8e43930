"""Matrix products in native code, of any layout, batched, onto what is there, with an epilogue."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from functrans.compile.llvm.code.blas import call_gemm
from functrans.compile.llvm.code.builder import Builder, Value, number, vector
from functrans.compile.llvm.code.varying import varies
from functrans.compile.llvm.kernels.blocks import memory_of, multiply_blocks
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
    pieces,
    strategy,
    tiling,
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
        That of as many bytes as :func:`room_of` says; needed if these are any.
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
    if strategy(product) == "panels":
        assert memory is not None
        builder.call(name, "void", *operands, memory)
    elif span is None:
        in_pieces(builder, name, operands, pieces(product), nanoseconds(product))
    else:
        builder.call(name, "void", *operands, *span)


def room_of(product: Product) -> int:
    """Bytes of memory that a product needs beside its operands."""
    if strategy(product) != "panels" or not product.m * product.n * prod(product.batch):
        return 0
    return memory_of(product)


def multiply_from_panel(
    builder: Builder, product: Product, a: Value, panel: Value, out: Value, accumulate: bool
) -> None:
    """Emit a product whose `b` is a panel, or else to be read as it lies, into a function."""
    matrix = _Matrix(builder, product, accumulate, how="rows")
    matrix.emit(a, panel, out, number(0, "i64"), None)


def _function(module: Module, product: Product, accumulate: bool, epilogue: Epilogue | None) -> str:
    """The function ``(a, b, out, epilogue's operands, first, last)`` that computes some pieces."""
    flat = [*product.batch, "", *product[2:5]]
    for matrices in product[5:]:
        flat += ["", *matrices.batch, matrices.row, matrices.column]
    layout = "_".join(map(str, flat))
    tail = f"_{epilogue.name}" if epilogue else ""
    name = f"product_{product.dtype.char}{layout}{'_plus' * accumulate}{tail}"
    if name in module.functions:
        return name
    extra = [x.type for x in epilogue.operands] if epilogue else []
    how = strategy(product)
    ends = ["ptr"] if how == "panels" else ["i64"] * 2
    builder = Builder(module, name, "void", ["ptr"] * 3 + extra + ends, internal=True)
    a, b, out = builder.operands[:3]
    if epilogue:
        epilogue = epilogue._replace(operands=builder.operands[3 : 3 + len(extra)])
    if how == "panels":
        _in_blocks(builder, product, name, accumulate, epilogue)
        return builder.finish()
    first, last = builder.operands[-2:]
    if not product.batch:
        span = (first, last) if pieces(product) > 1 else None
        _Matrix(builder, product, accumulate, epilogue).emit(a, b, out, number(0, "i64"), span)
        return builder.finish()

    def one(which: Value, _: list[Value]) -> list[Value]:
        x, y, result, place = _matrices(builder, which, product)
        _Matrix(builder, product, accumulate, epilogue).emit(x, y, result, place, None)
        return []

    if how == "blas":  # in one piece, since the library has threads of its own
        builder.loop(0, prod(product.batch), one)
    else:
        builder.loop(first, last, one)
    return builder.finish()


def _in_blocks(
    builder: Builder, product: Product, name: str, accumulate: bool, epilogue: Epilogue | None
) -> None:
    """One matrix of a batch after the other, each by several threads where that pays."""
    memory = builder.operands[-1]

    def one(which: Value) -> None:
        places = _matrices(builder, which, product)
        a, b, out, place = places
        multiply_blocks(
            builder,
            product,
            *(a, b, out, memory, place),
            name=name,
            accumulate=accumulate,
            epilogue=epilogue,
        )

    if product.batch:
        builder.repeat(0, prod(product.batch), one)
    else:
        one(number(0, "i64"))


def _matrices(builder: Builder, which: Value, product: Product) -> tuple[Value, ...]:
    """The addresses of one of a batch, and how many elements the last one is after the first of
    all."""
    unit = "double" if product.dtype.kind == "c" else ELEMENTS[product.dtype]
    scale = max(product.dtype.itemsize // 8, 1) if product.dtype.kind == "c" else 1
    places = _offsets(builder, which, product)
    bases = builder.operands[:3]
    addresses = [
        builder.at(base, builder.mul(place, scale), unit)
        for base, place in zip(bases, places, strict=True)
    ]
    return (*addresses, places[2])


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
        The strategy, where it is not the one that is best for the product alone.
    """

    def __init__(
        self,
        builder: Builder,
        product: Product,
        accumulate: bool,
        epilogue: Epilogue | None = None,
        how: str | None = None,
    ) -> None:
        self.builder = builder
        self.product = product
        self.accumulate = accumulate
        self.epilogue = epilogue
        self.strategy = how or strategy(product)

    def emit(
        self, a: Value, b: Value, out: Value, place: Value, span: tuple[Value, Value] | None
    ) -> None:
        """Compute the matrix, which lies so many elements from the product's first, or a part."""
        if self.strategy == "blas":
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
        distance = product.b.column if self.strategy == "columns" else product.b.row

        def blocks(place: _Selected) -> None:
            b = builder.at(self.b, builder.mul(place.start, product.b.column), self.element)
            for part in down:
                self._guarded(part.guard, partial(self._block, place, part, b, distance))

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

    def _block(self, across: _Selected, down: _Selected, b: Value, distance: int) -> None:
        """Call the function of tiles for some rows and columns."""
        product, builder, element = self.product, self.builder, self.element
        strategy, axis = self.strategy, across.axis
        make = dots if strategy == "columns" else outer_products
        tile = Tile(
            element,
            down.axis.size,
            axis.size,
            lanes_of(element) if strategy == "columns" else axis.width,
            self._ragged() if strategy == "columns" else axis.masked,
        )
        epilogue = self.epilogue
        name = make(builder.module, tile, epilogue)
        source = builder.mul(down.start, product.a.row)
        within = builder.add(builder.mul(down.start, product.out.row), across.start)
        steps = [product.a.row, product.a.column, down.axis.size * product.a.row]
        steps += [distance, axis.size * axis.width, product.out.row]
        a_row, a_column, a_next, b_step, b_next, out_row = (number(x, "i64") for x in steps)
        block = Block(
            a=builder.at(self.a, source, element),
            a_row=a_row,
            a_column=a_column,
            a_next=a_next,
            b=b,
            b_step=b_step,
            b_next=b_next,
            out=builder.at(self.out, within, element),
            out_row=out_row,
            m=down.length,
            n=across.length,
            k=number(product.k, "i64"),
            accumulate=number(int(self.accumulate), "i64"),
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
