"""Register tiles: blocks of a matrix product whose sums stay in registers.

Each is a function of the module that all products of one layout share: sizes and distances are its
arguments, so another shape compiles nothing new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from functrans.compile.llvm.code.builder import Builder, Value, bits_of, number, vector, width_of
from functrans.compile.llvm.code.engine import machine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.compile.llvm.code.builder import Module

    Body = Callable[[Builder, Sequence[Value], "Spot", Value, Value | None], Value]


class Spot(NamedTuple):
    """Where a vector of a product lies (i64).

    Attributes
    ----------
    place : Value
        How many elements after that at the product's address.
    row, column : Value
        In the matrix.
    """

    place: Value
    row: Value
    column: Value


class Epilogue(NamedTuple):
    """What is done to the elements of a product before they are stored.

    Attributes
    ----------
    name : str
        Letters, digits and underscores; in a module, the same name means the same code.
    operands : sequence of Value
        What the code needs besides: addresses mostly, or scalars.
    body : callable
        ``body(builder, operands, spot, value, lanes) -> value to store``. `value` is a vector (or
        scalar) of the elements from a :class:`Spot` on, along the row. `lanes` is a mask of those
        that exist, for :meth:`Builder.load_where`, or None for all.
    """

    name: str
    operands: Sequence[Value]
    body: Body


def one_after_other(first: Epilogue, second: Epilogue) -> Epilogue:
    """An epilogue on what another makes."""
    count = len(first.operands)

    def body(
        b: Builder, operands: Sequence[Value], spot: Spot, x: Value, lanes: Value | None
    ) -> Value:
        x = first.body(b, operands[:count], spot, x, lanes)
        return second.body(b, operands[count:], spot, x, lanes)

    return Epilogue(f"{first.name}_{second.name}", [*first.operands, *second.operands], body)


class Tile(NamedTuple):
    """A kind of tile.

    Attributes
    ----------
    element : str
    rows, columns : int
        Of the tile; columns count vectors, and single columns in :func:`dots`.
    width : int
        Elements of a vector.
    masked : bool
        Of the last vector the first lanes alone exist, and the block is one tile wide. In
        :func:`dots`: sums are no multiple of a vector.
    negative : bool
        Products are subtracted (:func:`outer_products` alone).
    """

    element: str
    rows: int
    columns: int
    width: int
    masked: bool = False
    negative: bool = False

    def name(self, stem: str, epilogue: Epilogue | None) -> str:
        flags = "m" * self.masked + "n" * self.negative
        tail = f"_{epilogue.name}" if epilogue else ""
        return f"{stem}_{self.element}_{self.rows}x{self.columns}x{self.width}{flags}{tail}"


class Block(NamedTuple):
    """Where a block of a product lies: what a function of tiles takes, in this order.

    Attributes
    ----------
    a, a_row, a_column : Value
        The address of a's first element, and the distances in elements between its rows and its
        columns.
    a_next : Value
        The distance between the first rows of two tiles.
    b, b_step : Value
        The address of b's first element, and the distance between its rows (columns: `dots`).
    b_next : Value
        The distance between the first columns of two tiles (:func:`outer_products` alone).
    out, out_row : Value
        The address of the result's first element, and the distance between its rows.
    m, n, k : Value
        How many rows and columns the block has, which are multiples of the tile's or less than one
        vector, and how many products an element sums.
    accumulate : Value
        1: the product is added to what is there; 0: it is not.
    row, column, place : Value
        Where the block lies in the whole product, for the epilogue.
    """

    a: Value
    a_row: Value
    a_column: Value
    a_next: Value
    b: Value
    b_step: Value
    b_next: Value
    out: Value
    out_row: Value
    m: Value
    n: Value
    k: Value
    accumulate: Value
    row: Value
    column: Value
    place: Value


KINDS = ("ptr", "i64", "i64", "i64", "ptr", "i64", "i64", "ptr", *["i64"] * 8)


def multiply_add(builder: Builder, x: Value, y: Value, z: Value) -> Value:
    """x y + z, in one rounding where the machine can."""
    if machine().fused:
        return builder.fma(x, y, z)
    return builder.fadd(builder.fmul(x, y), z)


def registers() -> int:
    """How many vector registers the machine has."""
    here = machine()
    return 16 if here.vector_bytes == 32 or not here.fused else 32


def masks() -> bool:
    """Whether the machine loads and stores the first lanes of a vector at the price of all."""
    return machine().vector_bytes >= 32


def lanes_of(element: str) -> int:
    """How many elements a vector register holds."""
    return machine().vector_bytes * 8 // bits_of(element)


def outer_products(module: Module, tile: Tile, epilogue: Epilogue | None) -> str:
    """The function for a `b` whose rows adjoin: sums of a column of `a` times a row of `b`.

    Vectors lie along rows of `b` and of the result; elements of `a` are repeated in all lanes.
    """
    name = tile.name("outer_products", epilogue)
    if name in module.functions:
        return name
    builder, block, inner = _begin(module, name, epilogue)
    element, kind = tile.element, vector(tile.element, tile.width)
    left = builder.sub(block.n, (tile.columns - 1) * tile.width)
    lanes = builder.first_lanes(tile.width, left) if tile.masked else None
    masks = [None] * (tile.columns - 1) + [lanes]

    def compute(i: Value, j: Value) -> None:
        which = builder.binary("sdiv", i, tile.rows)
        rows = [builder.at(block.a, builder.mul(which, block.a_next), element)]
        for _ in range(1, tile.rows):
            rows.append(builder.at(rows[-1], block.a_row, element))
        places = _places(builder, tile, block, i, j, tile.width)

        def old(_: Value, zeros: list[Value]) -> list[Value]:
            spots = [pair for line in places for pair in zip(line, masks, strict=True)]
            return [builder.load_where(mask, kind, place) for place, mask in spots]

        zeros = [number(0, kind)] * (tile.rows * tile.columns)
        sums = builder.loop(0, block.accumulate, old, zeros)

        def step(_: Value, carried: list[Value]) -> Sequence[Value]:
            b, along, *sums = carried
            factors = [
                builder.load_where(mask, kind, builder.at(b, c * tile.width, element))
                for c, mask in enumerate(masks)
            ]
            results = []
            for r, row in enumerate(rows):
                x = builder.load(element, builder.at(row, along, element))
                x = builder.splat(builder.fneg(x) if tile.negative else x, tile.width)
                for c, y in enumerate(factors):
                    results.append(multiply_add(builder, x, y, sums[r * tile.columns + c]))
            following = builder.at(b, block.b_step, element)
            return [following, builder.add(along, block.a_column), *results]

        across = builder.binary("sdiv", j, tile.columns * tile.width)
        column = builder.at(block.b, builder.mul(across, block.b_next), element)
        carried = [column, number(0, "i64"), *sums]
        sums = builder.loop(0, block.k, step, carried)[2:]
        for r, line in enumerate(places):
            for c, (place, mask) in enumerate(zip(line, masks, strict=True)):
                at = (i, r, j, c * tile.width)
                x = _finished(builder, inner, block, at, sums[r * tile.columns + c], mask)
                builder.store_where(mask, x, place)

    _over_tiles(builder, block, tile, tile.columns * tile.width, compute)
    return builder.finish()


def dots(module: Module, tile: Tile, epilogue: Epilogue | None) -> str:
    """The function for a `b` whose columns adjoin, as rows of `a` do: inner products of the two.

    Vectors lie along the sums; at the end their lanes are added up, always in the same order.
    """
    name = tile.name("dots", epilogue)
    if name in module.functions:
        return name
    builder, block, inner = _begin(module, name, epilogue)
    element, width, kind = tile.element, tile.width, vector(tile.element, tile.width)
    count = tile.rows * tile.columns
    depth = max(8 // count, 1)  # sums in parallel, since one addition waits for another
    whole = builder.binary("sdiv", block.k, width)
    whole = builder.mul(whole, width)
    deep = builder.mul(builder.binary("sdiv", block.k, width * depth), width * depth)

    def compute(i: Value, j: Value) -> None:
        which = builder.binary("sdiv", i, tile.rows)
        rows = [builder.at(block.a, builder.mul(which, block.a_next), element)]
        for _ in range(1, tile.rows):
            rows.append(builder.at(rows[-1], block.a_row, element))
        columns = [builder.at(block.b, builder.mul(j, block.b_step), element)]
        for _ in range(1, tile.columns):
            columns.append(builder.at(columns[-1], block.b_step, element))

        def added(
            place: Value, sums: Sequence[Value], kind: str, mask: Value | None
        ) -> list[Value]:
            xs, ys = (
                [builder.load_where(mask, kind, builder.at(p, place, element)) for p in pointers]
                for pointers in (rows, columns)
            )
            pairs = [(x, y) for x in xs for y in ys]
            return [multiply_add(builder, x, y, z) for (x, y), z in zip(pairs, sums, strict=True)]

        def deep_step(place: Value, sums: list[Value]) -> list[Value]:
            results: list[Value] = []
            for level in range(depth):
                shifted = builder.add(place, level * width) if level else place
                results += added(shifted, sums[level * count : (level + 1) * count], kind, None)
            return results

        start: Value | int = 0
        sums = [number(0, kind)] * count
        if depth > 1:
            levels = builder.loop(0, deep, deep_step, sums * depth, step=width * depth)
            sums = levels[:count]
            for level in range(1, depth):
                others = levels[level * count : (level + 1) * count]
                sums = [builder.fadd(x, y) for x, y in zip(sums, others, strict=True)]
            start = deep
        sums = builder.loop(start, whole, lambda k, s: added(k, s, kind, None), sums, step=width)
        if tile.masked and masks():
            lanes = builder.first_lanes(width, builder.sub(block.k, whole))
            sums = added(whole, sums, kind, lanes)
        totals = [
            _totals(builder, sums[r * tile.columns : (r + 1) * tile.columns])
            for r in range(tile.rows)
        ]
        if tile.masked and not masks():

            def single(place: Value, totals: list[Value]) -> list[Value]:
                xs, ys = (
                    [builder.load(element, builder.at(p, place, element)) for p in pointers]
                    for pointers in (rows, columns)
                )
                line = builder.together(ys)
                return [
                    multiply_add(builder, builder.splat(x, len(ys)), line, total)
                    for x, total in zip(xs, totals, strict=True)
                ]

            totals = builder.loop(whole, block.k, single, totals)
        places = [p for (p,) in _places(builder, tile._replace(columns=1), block, i, j, 0)]

        def added_to_old(_: Value, totals: list[Value]) -> list[Value]:
            spots = zip(places, totals, strict=True)
            return [builder.fadd(builder.load(x.type, place), x) for place, x in spots]

        totals = builder.loop(0, block.accumulate, added_to_old, totals)
        for r, (place, total) in enumerate(zip(places, totals, strict=True)):
            builder.store(_finished(builder, inner, block, (i, r, j, 0), total, None), place)

    _over_tiles(builder, block, tile, tile.columns, compute)
    return builder.finish()


def _begin(
    module: Module, name: str, epilogue: Epilogue | None
) -> tuple[Builder, Block, Epilogue | None]:
    """A function over a block, which gets the operands of the epilogue too."""
    extra = list(epilogue.operands) if epilogue else []
    kinds = [*KINDS, *(x.type for x in extra)]
    builder = Builder(module, name, "void", kinds, internal=True, common=epilogue is None)
    block = Block(*builder.operands[: len(KINDS)])
    inside = epilogue and epilogue._replace(operands=builder.operands[len(KINDS) :])
    return builder, block, inside


def _over_tiles(
    builder: Builder,
    block: Block,
    tile: Tile,
    columns: int,
    compute: Callable[[Value, Value], None],
) -> None:
    """Compute each tile of a block, which is so many columns wide, along its rows of tiles."""

    def line(i: Value) -> None:
        builder.repeat(0, block.n, lambda j: compute(i, j), step=columns)

    builder.repeat(0, block.m, line, step=tile.rows)


def _places(
    builder: Builder, tile: Tile, block: Block, i: Value, j: Value, width: int
) -> list[list[Value]]:
    """The address of each vector of a tile of the result, a list a row."""
    element = tile.element
    start = builder.at(block.out, builder.mul(i, block.out_row), element)
    line = builder.at(start, j, element)
    places = []
    for r in range(tile.rows):
        if r:
            line = builder.at(line, block.out_row, element)
        places.append([builder.at(line, c * width, element) for c in range(tile.columns)])
    return places


def _finished(
    builder: Builder,
    epilogue: Epilogue | None,
    block: Block,
    at: tuple[Value, int, Value, int],
    x: Value,
    mask: Value | None,
) -> Value:
    """What the epilogue makes of a vector of the result."""
    if epilogue is None:
        return x
    i, r, j, c = at
    down, across = builder.add(i, r), builder.add(j, c)
    place = builder.add(builder.add(block.place, builder.mul(down, block.out_row)), across)
    spot = Spot(place, builder.add(block.row, down), builder.add(block.column, across))
    return epilogue.body(builder, epilogue.operands, spot, x, mask)


def _totals(builder: Builder, vectors: list[Value]) -> Value:
    """The sums over the lanes of a power of two of vectors, as one vector.

    Halves are added to halves, of two vectors at a time while there are two, so that no lane is
    idle.
    """
    width = group = width_of(vectors[0].type)
    while group > 1 and (width > 2 or len(vectors) > 1):
        half = group // 2
        low = [start + lane for start in range(0, width, group) for lane in range(half)]
        if len(vectors) > 1:
            low += [width + place for place in low]
            pairs = list(zip(vectors[::2], vectors[1::2], strict=True))
        else:
            pairs = [(vectors[0], vectors[0])]
        high = [place + half for place in low]
        vectors = [
            builder.fadd(builder.shuffle(x, y, low), builder.shuffle(x, y, high)) for x, y in pairs
        ]
        width, group = len(low), half
    if group > 1:  # one vector of two lanes: their sum is a scalar
        first, second = (builder.element(vectors[0], lane) for lane in range(2))
        return builder.fadd(first, second)
    while len(vectors) > 1:
        lanes = range(2 * width)
        vectors = [
            builder.shuffle(x, y, lanes) for x, y in zip(vectors[::2], vectors[1::2], strict=True)
        ]
        width *= 2
    return vectors[0]
