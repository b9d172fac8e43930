"""Contractions of the rule book as batches of matrix products, by where their operands lie.

An operand of a product is seen through the distances between its elements, so that transposed,
repeated and regrouped axes cost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from functrans.compile.llvm.plans.affine import contiguous_strides
from functrans.core.types import type_of
from functrans.graph.graph import Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from functrans.core.types import ArrayType, Shape
    from functrans.graph.graph import Equation


class Matrices(NamedTuple):
    """Where the matrices of a batch lie: distances in elements.

    Attributes
    ----------
    batch : tuple of int
        Along each axis of the batch; 0 where all have the same matrix.
    row, column : int
        From row to row, and from column to column.
    """

    batch: tuple[int, ...]
    row: int
    column: int


class Product(NamedTuple):
    """``out = a @ b`` for each pair of matrices of a batch.

    Attributes
    ----------
    dtype : numpy dtype
        Of all three.
    batch : tuple of int
        Its shape.
    m, n, k : int
        The matrices are (m, k), (k, n) and (m, n).
    a, b, out : Matrices
    """

    dtype: np.dtype[Any]
    batch: tuple[int, ...]
    m: int
    n: int
    k: int
    a: Matrices
    b: Matrices
    out: Matrices


class Contraction(NamedTuple):
    """An operation of the rule book as a product.

    Attributes
    ----------
    product : Product
    a, b : int
        Which inputs of the operation are the factors.
    bias : int or None
        The input whose element of an output's last axis is added; the axis is `product`'s columns,
        or its rows where the factors were exchanged.
    exchanged : bool
        Whether `a` comes second among the inputs.
    """

    product: Product
    a: int
    b: int
    bias: int | None
    exchanged: bool


def contraction(
    equation: Equation, strides: Mapping[int, Shape] | None = None
) -> Contraction | None:
    """An operation as products of matrices, or None where it is none or its operands lie wrongly.

    Parameters
    ----------
    equation : Equation
    strides : mapping of int to tuple of int, optional
        The distances in elements between the neighbours along each axis of inputs that are not in
        C order. The output is.

    Returns
    -------
    Contraction or None
    """
    find = _TERMS.get(equation.primitive.name)
    if find is None:
        return None
    types = [x.type if isinstance(x, Variable) else type_of(x) for x in equation.inputs]
    out = equation.outputs[0].type
    if any(t.dtype != out.dtype for t in types):
        return None
    terms = find(types, equation.params)
    if terms is None:
        return None
    given = strides or {}
    steps = [given.get(i, contiguous_strides(t.shape)) for i, t in enumerate(types[:2])]
    places = zip(terms, [*types[:2], out], [*steps, contiguous_strides(out.shape)], strict=True)
    x, y, result = (_axes(*place) for place in places)
    found = _arranged(x, y, result, out.dtype)
    if found is None:
        return None
    product, exchanged = found
    bias = 2 if len(types) == 3 else None
    a, b = (1, 0) if exchanged else (0, 1)
    return Contraction(product, a, b, bias, exchanged)


Axes = dict[Any, tuple[int, int]]
"""The length of each label's axis and the distance between its neighbours; none of length 1."""


def _axes(term: Sequence[Any], kind: ArrayType, steps: Shape) -> Axes:
    named = zip(term, kind.shape, steps, strict=True)
    return {label: (n, step) for label, n, step in named if n != 1}


def _arranged(x: Axes, y: Axes, out: Axes, dtype: np.dtype[Any]) -> tuple[Product, bool] | None:
    """The product of which the labelled axes are, and whether its factors were exchanged."""
    if any(n == 0 for n, _ in out.values()):
        nowhere = Matrices((), 0, 1)
        return Product(dtype, (), 0, 0, 0, nowhere, nowhere, nowhere), False
    shared = x.keys() & y.keys()
    if (x.keys() ^ y.keys()) - out.keys():  # an axis of one operand that is summed alone
        return None
    batch = _merged([a for a in out if a in shared], x, y, out)
    rows = _merged([a for a in out if a not in y], x, out)
    columns = _merged([a for a in out if a not in x], y, out)
    inner = _merged([a for a in sorted(shared, key=lambda a: -x[a][1]) if a not in out], x, y)
    if any(n == 0 for n, *_ in inner):
        inner = [(0, 1, 1)]
    if len(inner) > 1:
        return None
    exchanged = any(place[-1] == 1 for _, *place in rows)
    if exchanged:
        rows, columns = columns, rows
    elif columns and all(place[-1] != 1 for _, *place in columns):
        return None
    (k, x_inner, y_inner), *_ = [*inner, (1, 0, 0)]
    a_inner, b_inner = (y_inner, x_inner) if exchanged else (x_inner, y_inner)
    last = next((axis for axis in columns if axis[-1] == 1), (1, 0, 1))
    first = max(rows, default=(1, 0, 0))
    stack = [(n, *((q, p) if exchanged else (p, q)), o) for n, p, q, o in batch]
    stack += [(n, p, 0, o) for n, p, o in rows if (n, p, o) != first]
    stack += [(n, 0, q, o) for n, q, o in columns if (n, q, o) != last]
    stack.sort(key=lambda axis: -axis[-1])
    sizes, a_batch, b_batch, out_batch = (tuple(axis[i] for axis in stack) for i in range(4))
    a = Matrices(a_batch, first[1], a_inner)
    b = Matrices(b_batch, b_inner, last[1])
    result = Matrices(out_batch, first[2], last[2])
    return Product(dtype, sizes, first[0], last[0], k, a, b, result), exchanged


def _merged(labels: Sequence[Any], *operands: Axes) -> list[tuple[int, ...]]:
    """Length and distances in each operand, of axes that are as few as can be."""
    merged: list[tuple[int, ...]] = []
    for label in labels:
        n = operands[0][label][0]
        steps = tuple(axes[label][1] for axes in operands)
        if merged and merged[-1][1:] == tuple(n * step for step in steps):
            merged[-1] = (merged[-1][0] * n, *steps)
        else:
            merged.append((n, *steps))
    return merged


def _matmul(types: Sequence[ArrayType], params: dict[str, Any]) -> list[list[Any]]:
    x, y = types[:2]
    rank = max(x.ndim, y.ndim, 2) - 2
    stack = list(range(rank))
    left = [*stack[rank - max(x.ndim - 2, 0) :], *(["row"] if x.ndim > 1 else []), "inner"]
    right = [*stack[rank - max(y.ndim - 2, 0) :], "inner", *(["column"] if y.ndim > 1 else [])]
    out = [*stack, *(a for a in (*left, *right) if a in ("row", "column"))]
    return [left, right, out]


def _affine(types: Sequence[ArrayType], params: dict[str, Any]) -> list[list[Any]]:
    stack: list[Any] = list(range(types[0].ndim - 1))
    return [[*stack, "inner"], ["column", "inner"], [*stack, "column"]]


def _tensordot(types: Sequence[ArrayType], params: dict[str, Any]) -> list[list[Any]]:
    x, y = types
    over_x, over_y = params.get("axes", ((x.ndim - 1,), (max(y.ndim - 2, 0),)))
    left: list[Any] = [("x", i) for i in range(x.ndim)]
    right: list[Any] = [("y", i) for i in range(y.ndim)]
    for i, j in zip(over_x, over_y, strict=True):
        right[j] = left[i]
    out = [a for a in left if a not in right] + [a for a in right if a not in left]
    return [left, right, out]


def _einsum(types: Sequence[ArrayType], params: dict[str, Any]) -> list[list[Any]] | None:
    left, _, out = params["subscripts"].partition("->")
    terms = [list(term) for term in left.split(",")]
    if len(terms) != 2 or any(len(set(term)) < len(term) for term in terms):
        return None
    return [*terms, list(out)]


_TERMS: dict[str, Callable[[Sequence[ArrayType], dict[str, Any]], list[list[Any]] | None]] = {
    "affine": _affine,
    "dot": _tensordot,
    "einsum": _einsum,
    "matmul": _matmul,
    "tensordot": _tensordot,
}
"""The names of the axes of both operands and of the output, those that are summed the same."""
