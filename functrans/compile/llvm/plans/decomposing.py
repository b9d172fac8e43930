"""Operations that are a few others over whole arrays, as these: means, softmax, norms.

Native code fuses what they consist of with what stands around them. Each formula computes what the
implementation of its primitive does, at the hard points too; only sums are rounded otherwise.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.llvm.plans.pooling import pooling
from functrans.compile.llvm.plans.rearranging import rearranging
from functrans.core.primitive import HOMES, REGISTRY, lookup
from functrans.core.types import ArrayType, dtype_of, shape_of, type_of
from functrans.graph.graph import Equation, Graph, Variable, operand_types
from functrans.graph.passes.rewriting import like
from functrans.primitives import (
    add,
    any as any_of,
    astype,
    divide,
    equal,
    exp,
    imag,
    isinf,
    isnan,
    less,
    log,
    log1p,
    logical_and,
    logical_or,
    max as max_over,
    multiply,
    not_equal,
    real,
    reshape,
    sqrt,
    square,
    subtract,
    sum as sum_over,
    where,
)
from functrans.transforms.staging import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from functrans.core.types import Array, Shape

    Axes = tuple[int, ...]

PRODUCTS = ("affine", "dot", "einsum", "matmul", "tensordot")
"""Those that kernels of products have in float32."""

FEW = 256
"""Elements up to which three sums cost no more than a condition."""


def decomposed(graph: Graph, fits: Callable[[Equation], bool]) -> Graph:
    """The graph with composed operations spelt out, where native code has all their parts."""
    equations: list[Equation] = []
    changed = False
    given = frozenset(graph.inputs)
    for equation in graph.equations:
        parts = _parts(equation, given)
        if parts is not None and all(map(fits, parts)):
            equations += parts
            changed = True
        else:
            equations.append(equation)
    return like(graph, equations, graph.outputs) if changed else graph


def _parts(equation: Equation, given: Collection[Any]) -> list[Equation] | None:
    """The equations that one consists of, in a graph with the variables `given`."""
    name = equation.primitive.name
    kinds = operand_types(equation.inputs)
    formula = _FORMULAS.get(name) or rearranging(equation) or pooling(equation)
    if name in PRODUCTS and all([k.dtype == np.float16 for k in kinds]):
        formula = partial(_in_single, REGISTRY[name].call)
    if formula is None:
        return None
    if formula is norm and equation.inputs[0] in given and kinds[0].size > FEW:
        formula = _norm_of_many if "cond" in HOMES else norm  # programs of users have it
    allowed = "biufc" if name in _COMPLEX else "biuf"
    plain = [k.dtype.kind in allowed and k.dtype.itemsize != 2 for k in kinds]
    if name in _FORMULAS and not all(plain):
        return None
    with Stage() as stage:
        outs = formula(*map(stage.variable, kinds), **equation.params)
    outs = outs if isinstance(outs, tuple) else (outs,)
    wanted = [v.type for v in equation.outputs]
    if [ArrayType(shape_of(x), dtype_of(x)) for x in outs] != wanted:
        return None
    return inlined(stage.graph(name, list(outs)), equation)


def inlined(graph: Graph, equation: Equation) -> list[Equation] | None:
    """The equations of a graph in place of an equation with its inputs and outputs; None if they do
    not make each output."""
    made_here = {v for e in graph.equations for v in e.outputs}
    outputs = [x for x in graph.outputs if type(x) is Variable and x in made_here]
    if len(set(outputs)) < len(equation.outputs):
        return None
    names: dict[Variable, Any] = dict(zip(graph.inputs, equation.inputs, strict=True))
    last = dict(zip(graph.outputs, equation.outputs, strict=True))
    made = []
    for e in graph.equations:
        inputs = tuple([names[x] if type(x) is Variable else x for x in e.inputs])
        results = tuple([last.get(v) or Variable(v.type) for v in e.outputs])
        names.update(zip(e.outputs, results, strict=True))
        made.append(
            Equation(e.primitive, inputs, e.params, results, equation.line, equation.errstate)
        )
    return made


def _in_single(product: Callable[..., Array], *operands: Array, **params: Any) -> Array:
    """A product of float16, summed up in float32 as NumPy's own are."""
    single, half = np.dtype(np.float32), np.dtype(np.float16)
    return astype(product(*[astype(x, dtype=single) for x in operands], **params), dtype=half)


def _floating(x: Array) -> Array:
    dtype = dtype_of(x)
    return x if dtype.kind in "fc" else astype(x, dtype=np.dtype(float))


def _squares(x: Array) -> Array:
    """Of the magnitudes of the elements."""
    return add(square(real(x)), square(imag(x))) if dtype_of(x).kind == "c" else square(x)


def _count(shape: Shape, axes: Axes) -> int:
    return math.prod([shape[a] for a in axes])


def _lost(x: Array, axes: Axes, keepdims: bool) -> Array:
    """A reduced array without the axes that it has kept."""
    if keepdims:
        return x
    return reshape(x, shape=tuple([n for i, n in enumerate(shape_of(x)) if i not in axes]))


def mean(x: Array, *, axes: Axes, keepdims: bool = False) -> Array:
    total = sum_over(_floating(x), axes=axes, keepdims=keepdims)
    return divide(total, dtype_of(total).type(_count(shape_of(x), axes)))


def _from_mean(x: Array, axes: Axes) -> Array:
    x = _floating(x)
    return subtract(x, mean(x, axes=axes, keepdims=True))


def var(x: Array, *, axes: Axes, ddof: float = 0, keepdims: bool = False) -> Array:
    total = sum_over(_squares(_from_mean(x, axes)), axes=axes, keepdims=keepdims)
    return divide(total, dtype_of(total).type(max(_count(shape_of(x), axes) - ddof, 0)))


def norm(x: Array, *, axes: Axes, keepdims: bool = False) -> Array:
    """Where squares leave the range of numbers, their sum in other units is there too: in one pass,
    where dividing by the largest element takes two."""
    x = _floating(x)
    limits = np.finfo(dtype_of(x))
    number = limits.dtype.type
    large, small = (2.0**600, 2.0**-600) if limits.bits == 64 else (2.0**75, 2.0**-100)

    def total(unit: float) -> Array:
        return sum_over(_squares(multiply(x, number(1 / unit))), axes=axes, keepdims=keepdims)

    plain = sum_over(_squares(x), axes=axes, keepdims=keepdims)
    above, below = isinf(plain), _lost_below(plain, limits)
    chosen = where(above, total(large), where(below, total(small), plain))
    unit = where(above, number(large), where(below, number(small), number(1)))
    return multiply(sqrt(chosen), unit)


def _lost_below(total: Array, limits: Any) -> Array:
    return less(total, limits.tiny / limits.eps)


def _norm_of_many(x: Array, *, axes: Axes, keepdims: bool = False) -> Array:
    """The same for many elements that are in memory: in other units only if need be, since three
    sums take three times as long as one."""
    kind = type_of(x)
    total = sum_over(_squares(x), axes=axes, keepdims=keepdims)
    limits = np.finfo(dtype_of(total))
    out_of_range = logical_or(isinf(total), _lost_below(total, limits))
    if shape_of(total):
        out_of_range = any_of(out_of_range, axes=tuple(range(len(shape_of(total)))))
    branches = (
        _staged(lambda x, total: sqrt(total), kind, type_of(total)),
        _staged(lambda x, total: norm(x, axes=axes, keepdims=keepdims), kind, type_of(total)),
    )
    index = astype(out_of_range, dtype=np.dtype(np.intp))
    outs: tuple[Array, ...] = lookup("cond").call(index, x, total, branches=branches, lanes=None)
    return outs[0]


def _staged(function: Callable[..., Array], *kinds: ArrayType) -> Graph:
    with Stage() as stage:
        out = function(*map(stage.variable, kinds))
    return stage.graph("norm", [out])


def standardize(x: Array, *, axes: Axes, eps: float) -> tuple[Array, Array, Array]:
    x = _floating(x)
    middle = mean(x, axes=axes, keepdims=True)
    deviation = subtract(x, middle)
    spread = mean(square(deviation), axes=axes, keepdims=True)
    scale = divide(1.0, sqrt(add(spread, eps)))
    return multiply(deviation, scale), middle, spread


def softmax(x: Array, *, axes: Axes) -> Array:
    """If the largest elements are infinite, they share evenly."""
    x = _floating(x)
    top = max_over(x, axes=axes, keepdims=True)
    infinite = isinf(top)
    e = exp(subtract(x, where(infinite, dtype_of(x).type(0), top)))
    e = where(infinite, astype(equal(x, top), dtype=dtype_of(x)), e)
    return divide(e, sum_over(e, axes=axes, keepdims=True))


def _leading(x: Array, axes: Axes) -> tuple[Array, Array, Array]:
    """``x - max(x)``, what else than the leading elements adds to the sum of its exponentials, and
    how many leading ones there are."""
    zero = dtype_of(x).type(0)
    top = max_over(x, axes=axes, keepdims=True)
    infinite = isinf(top)
    below = subtract(x, top)
    leads = where(infinite, equal(x, top), equal(below, zero))
    below = where(
        infinite, where(leads, zero, where(isnan(x), x, dtype_of(x).type(-np.inf))), below
    )
    rest = sum_over(where(leads, zero, exp(below)), axes=axes, keepdims=True)
    count = sum_over(astype(leads, dtype=dtype_of(x)), axes=axes, keepdims=True)
    return below, rest, count


def log_softmax(x: Array, *, axes: Axes) -> Array:
    below, rest, count = _leading(_floating(x), axes)
    return subtract(below, add(log(count), log1p(divide(rest, count))))


def logsumexp(x: Array, *, axes: Axes, keepdims: bool = False) -> Array:
    x = _floating(x)
    _, rest, count = _leading(x, axes)
    top = max_over(x, axes=axes, keepdims=True)
    added = add(log(count), log1p(divide(rest, count)))
    # A ufunc comes last: its result is a scalar if it has no dimensions, as logsumexp's is.
    return add(_lost(top, axes, keepdims), _lost(added, axes, keepdims))


def attained(x: Array, y: Array) -> Array:
    undefined = logical_and(not_equal(x, x), not_equal(y, y))
    return logical_or(equal(x, y), undefined)


_FORMULAS: dict[str, Callable[..., Any]] = {
    "attained": attained,
    "log_softmax": log_softmax,
    "logsumexp": logsumexp,
    "mean": mean,
    "norm": norm,
    "softmax": softmax,
    "standardize": standardize,
    "var": var,
}

_COMPLEX = ("mean", "norm", "var")
"""Those that complex numbers have too."""
