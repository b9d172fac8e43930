"""Linear systems, inverses and determinants as what is done to a matrix once, and what follows.

A matrix is factorised once for all that needs its factors; the factors of its transpose are the
same. Of a triangle that is known as such, because Cholesky's factorisation made it, substitution is
enough. Only within a segment are there such operations: where native code leaves a matrix to
NumPy, this carries out what the user wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.llvm.plans.decomposing import inlined
from functrans.core.dispatch import public_function
from functrans.core.primitive import Primitive
from functrans.core.types import ArrayType, dtype_of, shape_of
from functrans.graph.graph import Equation, Graph, Variable, operand_types
from functrans.graph.passes.rewriting import like
from functrans.graph.passes.subexpressions import share_subexpressions
from functrans.primitives import (
    absolute,
    astype,
    exp,
    log,
    multiply,
    prod,
    reshape,
    sign,
    sum as sum_over,
    transpose,
)
from functrans.transforms.staging import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.types import Array, Shape

REAL = (np.dtype(np.float32), np.dtype(np.float64))


def _natively(*values: Any, **params: Any) -> Any:
    raise AssertionError("this operation exists in native code alone")


def _operation(name: str, shape: Callable[..., Any], operands: int, outputs: int | None) -> Any:
    primitive = Primitive(name, "native", _natively, outputs=outputs, shape=shape)
    return public_function(primitive, _natively, operands)


def _factor_types(x: ArrayType) -> tuple[ArrayType, ...]:
    *stack, n, _ = x.shape
    order = ArrayType((*stack, n), np.dtype(np.int64))
    return ArrayType(x.shape, x.dtype), order, ArrayType(tuple(stack), x.dtype)


def _solution_type(factors: ArrayType, order: ArrayType, y: ArrayType, **_: Any) -> ArrayType:
    stack = np.broadcast_shapes(factors.shape[:-2], y.shape[:-2])
    return ArrayType((*stack, *y.shape[-2:]), y.dtype)


def _triangle_type(x: ArrayType, y: ArrayType, **_: Any) -> ArrayType:
    stack = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return ArrayType((*stack, *y.shape[-2:]), y.dtype)


lu_factors = _operation("lu_factors", _factor_types, 1, 3)
"""Both factors in one matrix, the order of rows, and its sign."""

lu_solve = _operation("lu_solve", _solution_type, 3, None)
"""The solution for right sides, which are matrices; of the `transposed` system, if so."""

lu_inverse = _operation("lu_inverse", lambda factors, order, x, guarded: x, 3, None)
"""The inverse of x; `guarded`: unless it is so ill conditioned that NumPy takes another way to the
cofactors."""

symmetric_factor = _operation("symmetric_factor", lambda x, upper: x, 1, None)
"""Cholesky's factor, by the triangle where it lies itself."""

triangle_solve = _operation("triangle_solve", _triangle_type, 2, None)
"""The solution of a triangular system, ``lower`` or not, for right sides that are matrices."""


def spelt(equation: Equation) -> bool:
    """Whether an equation is one of those that :func:`factorized` spells out."""
    if equation.primitive.name not in _FORMULAS:
        return False
    kinds = operand_types(equation.inputs)
    results = [v.type.dtype for v in equation.outputs]
    return (
        all([d in REAL for d in results])
        and all([k.dtype.kind in "biuf" and not k.weak for k in kinds])
        and all([n for v in equation.outputs for n in v.type.shape])
        and all([n for k in kinds for n in k.shape])
    )


def factorized(graph: Graph) -> Graph:
    """The graph with systems, inverses and determinants by factors, which are made once."""
    made = {x: e for e in graph.equations for x in e.outputs}
    equations: list[Equation] = []
    changed = False
    for equation in graph.equations:
        parts = None
        if spelt(equation):
            parts = _parts(equation, made)
        elif equation.primitive.name == "scan":
            parts = _factors_before(equation)
        equations += [equation] if parts is None else parts
        changed |= parts is not None
    return share_subexpressions(like(graph, equations, graph.outputs)) if changed else graph


def _parts(equation: Equation, made: dict[Variable, Equation]) -> list[Equation]:
    name = equation.primitive.name
    x, transposed = _source(equation.inputs[0], made)
    params = dict(equation.params)
    formula = _FORMULAS[name]
    if name == "solve":
        origin = made.get(x) if type(x) is Variable else None
        if origin is not None and origin.primitive.name == "cholesky":
            formula = _solved_triangle
            params["lower"] = origin.params["upper"] == transposed
    inputs = (x, *equation.inputs[1:])
    kinds = operand_types(inputs)
    with Stage() as stage:
        found = formula(*map(stage.variable, kinds), transposed=transposed, **params)
        found = found if isinstance(found, tuple) else (found,)
        dtypes = [v.type.dtype for v in equation.outputs]
        outs = [
            x if dtype_of(x) == dtype else astype(x, dtype=dtype)
            for x, dtype in zip(found, dtypes, strict=True)
        ]
    made_here = inlined(stage.graph(name, outs), equation.changed(inputs=inputs))
    assert made_here is not None
    return made_here


def _factors_before(scan: Equation) -> list[Equation] | None:
    """A scan whose rounds solve systems with the same matrix, factorised before it; None if there
    is no such matrix."""
    params = scan.params
    body, count = factorized(params["body"]), params["consts"]
    if body is params["body"] or not params["length"]:
        return None
    known = dict(zip(body.inputs[:count], scan.inputs[:count], strict=True))
    used = {x for e in body.equations for x in e.inputs if type(x) is Variable}
    before: list[Equation] = []
    rest: list[Equation] = []
    constants: dict[Variable, Variable] = {}
    for equation in body.equations:
        x = equation.inputs[0] if equation.inputs else None
        fixed = type(x) is not Variable or x in known
        if equation.primitive is not lu_factors.primitive or not fixed:
            rest.append(equation)
            continue
        results = tuple([Variable(v.type) for v in equation.outputs])
        source = known[x] if type(x) is Variable else x
        before.append(equation.changed(inputs=(source,), outputs=results))
        pairs = zip(equation.outputs, results, strict=True)
        constants.update({inner: outer for inner, outer in pairs if inner in used})
    if not before:
        return None
    inputs = [*body.inputs[:count], *constants, *body.inputs[count:]]
    changed = {
        **params,
        "body": Graph(body.name, inputs, rest, body.outputs),
        "consts": count + len(constants),
    }
    given = (*scan.inputs[:count], *constants.values(), *scan.inputs[count:])
    return [*before, scan.changed(inputs=given, params=changed)]


def _source(x: Any, made: dict[Variable, Equation]) -> tuple[Any, bool]:
    """The matrix of which an operand is the transpose, or itself, and whether it is."""
    transposed = False
    while type(x) is Variable and x in made and made[x].primitive.name == "transpose":
        rank = x.type.ndim
        if made[x].params["axes"] != (*range(rank - 2), rank - 1, rank - 2):
            break
        x, transposed = made[x].inputs[0], not transposed
    return x, transposed


def _double(x: Array) -> Array:
    """An array in the dtype in which NumPy's linear algebra works on real numbers."""
    return x if dtype_of(x) == np.float64 else astype(x, dtype=np.dtype(np.float64))


def _swapped(x: Array) -> Array:
    rank = len(shape_of(x))
    return transpose(x, axes=(*range(rank - 2), rank - 1, rank - 2))


def _in_columns(y: Array, solve: Callable[[Array], Array]) -> Array:
    """What a function of matrices makes of right sides, which may be one vector."""
    if len(shape_of(y)) > 1:
        return solve(y)
    out = solve(reshape(y, shape=(*shape_of(y), 1)))
    return reshape(out, shape=shape_of(out)[:-1])


def _solved(x: Array, y: Array, *, transposed: bool) -> Array:
    x, y = _double(x), _double(y)
    factors, order, _ = lu_factors(x)
    return _in_columns(y, lambda y: lu_solve(factors, order, y, transposed=transposed))


def _solved_triangle(x: Array, y: Array, *, transposed: bool, lower: bool) -> Array:
    x, y = _double(x), _double(y)
    x = _swapped(x) if transposed else x
    return _in_columns(y, lambda y: triangle_solve(x, y, lower=lower, unit=False))


def _inverted(x: Array, *, transposed: bool, strict: bool) -> Array:
    out = _inverse(x, guarded=False)
    return _swapped(out) if transposed else out


def _inverse(x: Array, *, guarded: bool) -> Array:
    x = _double(x)
    factors, order, _ = lu_factors(x)
    return lu_inverse(factors, order, x, guarded=guarded)


def _logarithmic(x: Array, *, transposed: bool) -> tuple[Array, Array]:
    """The sign of the determinant, and the logarithm of its magnitude."""
    x = _double(x)
    factors, _, parity = lu_factors(x)
    shape: Shape = shape_of(factors)
    n, last = shape[-1], len(shape) - 2
    diagonal = reshape(factors, shape=(*shape[:-2], n * n))[..., :: n + 1]
    signs = prod(sign(diagonal), axes=(last,))
    return multiply(parity, signs), sum_over(log(absolute(diagonal)), axes=(last,))


def _determined(x: Array, *, transposed: bool) -> Array:
    signs, size = _logarithmic(x, transposed=transposed)
    return multiply(signs, exp(size))


def _cofactors(x: Array, *, transposed: bool) -> Array:
    signs, size = _logarithmic(x, transposed=transposed)
    half = exp(multiply(0.5, size))  # twice, as the determinant may overflow where cofactors do not
    signed = multiply(signs, half)
    out = _inverse(x, guarded=True)
    for factor in (half, signed):
        out = multiply(reshape(factor, shape=(*shape_of(factor), 1, 1)), out)
    return out if transposed else _swapped(out)


def _triangular(x: Array, y: Array, *, transposed: bool, lower: bool, unit: bool) -> Array:
    x, y = _double(x), _double(y)
    x = _swapped(x) if transposed else x
    return triangle_solve(x, y, lower=lower, unit=unit)


def _factor(x: Array, *, transposed: bool, upper: bool) -> Array:
    if transposed:
        upper = not upper
    out = symmetric_factor(_double(x), upper=upper)
    return _swapped(out) if transposed else out


_FORMULAS: dict[str, Callable[..., Any]] = {
    "cholesky": _factor,
    "cofactor": _cofactors,
    "det": _determined,
    "inv": _inverted,
    "slogdet": _logarithmic,
    "solve": _solved,
    "solve_triangular": _triangular,
}
