"""How a product is cut: its strategy, its tiles, and pieces that may run at once.

The figures are of ``python -m benchmarks.probes.products``, one core.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from functrans.compile.llvm.code.blas import LETTERS, blas
from functrans.compile.llvm.code.engine import machine
from functrans.compile.llvm.code.varying import varies
from functrans.compile.llvm.kernels.tiles import lanes_of, masks, registers

if TYPE_CHECKING:
    from functrans.compile.llvm.kernels.contractions import Matrices, Product

ELEMENTS = {np.dtype("f4"): "float", np.dtype("f8"): "double"}

PANEL_ROWS = 512
"""Of a panel that is copied alone: with its columns, 64 KiB."""

CACHED = 1 << 15
"""Bytes of `b` that a core's first cache keeps: it is read as it lies, a row of tiles at a time."""

PIECE_WORK = 1 << 22
"""Floating-point operations of a piece, at least: some 30 microseconds."""

DOT_ROWS = 64
"""With fewer rows of `a`, inner products with columns of `b` cost less than transposing `b`.

In GF/s, (m, 512) by (512, 784) in float32: 206 against 80 with 8 rows, 193 against 169 with 32, 197
against 209 with 64.
"""


FOR_LIBRARY = 1 << 17
"""Multiplications from which on BLAS is called where vectors are short."""


def supported(product: Product, epilogue: bool = False) -> bool:
    """Whether there is native code for a product, with an epilogue where one is asked for."""
    m, n, k, a, b = product[2:7]
    if n > 1 and product.out.column != 1:
        return False
    if product.batch and m == n == 1 and k > 1 and (a.column != 1 or b.row != 1):
        return False  # sums across rows, side by side: loops along the batch are faster
    if product.dtype in ELEMENTS:
        return True
    return product.dtype in LETTERS and not epilogue and strategy(product) == "blas"


def strategy(product: Product) -> str:
    """How a product is computed.

    Returns
    -------
    {"rows", "columns", "panels", "blas", ""}
        ``rows``: sums of outer products straight from the rows of `b`. ``columns``: inner products
        of rows of `a` and columns of `b`. ``panels``: the first, from panels of `b` that are
        copied, see :mod:`functrans.compile.llvm.kernels.blocks`. ``blas``: the library's. Empty for
        none.

    Notes
    -----
    The library computes complex products, and large ones where vectors have 16 bytes: its kernels
    for other processors, and units for matrices that have no place in LLVM's language, are better
    than what is generated. Elsewhere they are not. In GF/s, float32 and float64, for vectors of 64
    bytes, where the processor's peak is 262 and 131: 240 and 131 against NumPy's 43 and 30 for
    (32, 32) by (32, 32), 279 and 139 against 134 and 64 for (256, 256), 275 and 120 against 135
    and 62 for (512, 512). For vectors of 32 bytes: 130 and 68 against 45 and 31 for (32, 32), 136
    and 63 against 134 and 63 for (512, 512).
    """
    m, n, k, a, b = product[2:7]
    if product.dtype not in ELEMENTS:
        return "blas" if blas() is not None and library_layouts(product) else ""
    if k == 0:
        return "rows"
    large = machine().vector_bytes < 32 and m * n * k >= FOR_LIBRARY
    if large and blas() is not None and library_layouts(product):
        return "blas"
    across = n == 1 or b.column == 1
    down = (k == 1 or b.row == 1) and (k == 1 or a.column == 1)
    if across and not _copied(m, n * k * product.dtype.itemsize):
        if n == 1 and down and k > 1:
            return "columns"
        return "rows"
    if down and not across and m < (DOT_ROWS if registers() == 32 else DOT_ROWS // 4):
        return "columns"
    return "panels"


def _copied(m: int, size: int) -> bool:
    """Whether copying the panels of a `b` of so many bytes pays, which nothing else asks for.

    In GF/s, 1024 by 1024 in float32: 213 against 178 with 64 rows, 245 against 168 with 128. But
    784 by 512: 220 against 239 with 64 rows, 250 against 271 with 128; no difference at 256 by 256.
    """
    if size <= CACHED:
        return False
    return m >= 256 or (m >= 64 and size >= 1 << 21)


def _leading(rows: int, columns: int, matrix: Matrices) -> tuple[int, bool] | None:
    """The distance between rows as they lie, and whether they are the matrix's columns."""
    if columns <= 1 or matrix.column == 1 or not rows:
        return max(matrix.row, columns), False
    if rows == 1 or matrix.row == 1:
        return max(matrix.column, rows), True
    return None


def library_layouts(product: Product) -> tuple[tuple[int, bool], tuple[int, bool]] | None:
    """The layouts of `a` and `b` as BLAS takes them, or None where it does not."""
    a = _leading(product.m, product.k, product.a)
    b = _leading(product.k, product.n, product.b)
    fine = product.n == 1 or product.out.column == 1
    return (a, b) if a and b and fine else None


def pieces(product: Product) -> int:
    """How many pieces a product can be cut into: its batch, or else its rows or columns.

    Those that go by panels or by the library are cut within, if they are. An element is computed by
    the same operations in whatever pieces, and they may run at once.
    """
    if not product.m * product.n * prod(product.batch) or strategy(product) in ("panels", "blas"):
        return 1
    if product.batch:
        return prod(product.batch)
    axis, size = cut(product)
    return -(-size // grain(product, axis))


def nanoseconds(product: Product) -> int:
    """About how long a product takes one thread, or longer, by its operations and what it reads.

    Taken are a multiplication and addition of a vector each cycle at 4 GHz, and 16 bytes a
    nanosecond.
    """
    m, n, k = product[2:5]
    size = product.dtype.itemsize
    work = nanoseconds_of(m * n * k, product.dtype)
    return prod(product.batch) * max(work, (m * k + k * n + m * n) * size // 16)


def nanoseconds_of(multiplications: int, dtype: np.dtype[Any]) -> int:
    """About how long so many multiplications with an addition take one thread."""
    return multiplications * dtype.itemsize // (4 * machine().vector_bytes)


class Part(NamedTuple):
    """Part of the rows or columns of a product, for one kind of tile.

    Attributes
    ----------
    start, length : int
    size : int
        Of the tile: rows, vectors, or columns of inner products.
    width : int
        Of a vector.
    masked : bool
        Part of the last vector exists.
    """

    start: int
    length: int
    size: int
    width: int = 1
    masked: bool = False


def rows_of(m: int, most: int) -> list[Part]:
    """Rows in tiles as equal as can be; if their number varies, in tiles as large as can be, then
    in halves of these, such as there are."""
    if varies(m) and m >= most:
        return _halved(m, most)
    size = -(-m // -(-m // most))
    main = m // size * size
    return [Part(0, main, size)] + ([Part(main, m - main, m - main)] if m > main else [])


def columns_of(n: int, lanes: int, most: int) -> list[Part]:
    """Columns in tiles of as equally many vectors as can be, then what is less than a vector."""
    if varies(n) and n >= lanes and masks():
        whole = n // lanes * lanes
        most = min(most, n // lanes)
        parts = _halved(n // lanes, most)
        wide = [Part(p.start * lanes, p.length * lanes, p.size, lanes) for p in parts]
        return [*wide, Part(whole, n - whole, 1, lanes, masked=True)]
    ragged = n % lanes > 0 and masks()
    vectors = n // lanes + ragged
    parts = []
    main = 0
    if vectors:
        size = -(-vectors // -(-vectors // most))
        main = (vectors - ragged) // size * size
        if main:
            parts.append(Part(0, main * lanes, size, lanes))
        if vectors > main:
            start = main * lanes
            count = (n if ragged else vectors * lanes) - start
            parts.append(Part(start, count, vectors - main, lanes, ragged))
    start = n if ragged else vectors * lanes
    while start < n:
        lanes //= 2
        if n - start >= lanes:
            parts.append(Part(start, lanes, 1, lanes))
            start += lanes
    return parts


def _halved(n: int, most: int) -> list[Part]:
    """Tiles of `most`, then of halves of that, perhaps none of a kind."""
    parts = []
    start = 0
    size = most
    while size:
        count = (n - start) // size * size
        parts.append(Part(start, count, size))
        start += count
        size //= 2
    return parts


def _powers(n: int, most: int) -> list[Part]:
    """Columns in tiles of a power of two."""
    if varies(n) and n >= most:
        return _halved(n, most)
    parts = []
    start = 0
    while start < n:
        count = (n - start) // most * most
        if count:
            parts.append(Part(start, count, most))
        start += count
        most //= 2
    return parts


def tiling(product: Product) -> tuple[list[Part], list[Part]]:
    """The rows and the columns of a product as parts with a kind of tile each."""
    budget = 16 if registers() == 32 else 12
    if strategy(product) == "columns":
        if product.n == 1:
            return rows_of(product.m, 8), _powers(1, 1)
        rows = rows_of(product.m, budget // 4)
        return rows, _powers(product.n, 8 if product.m == 1 else 4)
    rows = rows_of(product.m, 8 if registers() == 32 else 6)
    lanes = lanes_of(ELEMENTS[product.dtype])
    return rows, columns_of(product.n, lanes, min(max(budget // rows[0].size, 1), 8))


def cut(product: Product) -> tuple[str, int]:
    """Along which axis a matrix is cut, and how many tiles there are to distribute."""
    rows, columns = tiling(product)
    many_rows = rows[0].length // rows[0].size
    many_columns = columns[0].length // (columns[0].size * columns[0].width)
    if many_columns >= (2 if varies(product.m) else many_rows):
        return "columns", many_columns
    return "rows", many_rows


def grain(product: Product, axis: str) -> int:
    """How many tiles a piece has, at least."""
    rows, columns = tiling(product)
    tile = columns[0].size * columns[0].width * product.m
    if axis == "rows":
        tile = rows[0].size * product.n
    return max(-(-PIECE_WORK // (2 * tile * max(product.k, 1))), 1)
