"""Branches and loops that each lane of a batch has for itself, as ones of all lanes at once.

NumPy runs a branch on the lanes that take it, and a loop on those that go on. Native code computes
all branches for all lanes and selects, and goes round with all lanes while any goes on, which then
alone change: that is a few vector instructions for each, where NumPy sorts lanes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.compile.llvm.plans.decomposing import inlined
from functrans.core.interpreter import under
from functrans.core.types import ArrayType, shape_of
from functrans.graph.graph import Equation, Graph, Variable, graphs_in, operand_types
from functrans.graph.passes.rewriting import like
from functrans.primitives import any as any_of, equal, logical_and, reshape, where
from functrans.transforms.batching import Batch, BatchArray
from functrans.transforms.staging import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.core.types import Array

MANY = 300
"""Equations of all branches, or of a round, up to which they are carried out for lanes that do not
need them."""


def predicated(graph: Graph, fits: Callable[[Graph], bool]) -> Graph:
    """The graph with branches and loops of lanes as those of all, where native code has these."""
    equations: list[Equation] = []
    for equation in graph.equations:
        made = None
        if equation.params.get("lanes") is not None and _simple(equation):
            name = equation.primitive.name
            made = _cond(equation) if name == "cond" else _while(equation)
        whole = None if made is None else like(graph, made, list(equation.outputs))
        if whole is not None:
            whole.inputs = [x for x in equation.inputs if type(x) is Variable]
        equations += whole.equations if whole is not None and fits(whole) else [equation]
    same = len(equations) == len(graph.equations)
    return graph if same else like(graph, equations, graph.outputs)


STATIC = {"index": 1, "index_add": 2, "index_update": 2}
"""How many operands reading and writing have where no array tells positions."""


def _telling(equation: Equation) -> bool:
    """Whether arrays tell positions: in lanes that do not need them, they may be out of bounds."""
    name = equation.primitive.name
    if name in STATIC:
        return len(equation.inputs) > STATIC[name]
    return name.startswith(("index", "take", "put", "scatter", "gather", "select"))


def _simple(equation: Equation) -> bool:
    """Whether nothing within can go wrong or have no end in lanes that do not need it."""
    graphs = list(graphs_in(equation.params))
    inside = [e for graph in graphs for e in graph.equations]
    return (
        equation.primitive.name in ("cond", "while_loop")
        and len(inside) <= MANY
        and not any([e.effects or e.primitive.kind == "higher-order" for e in inside])
        and not any(map(_telling, inside))
    )


def _batched(graph: Graph, size: int, values: Sequence[Array], lanes: Sequence[bool]) -> list[Any]:
    """The outputs of a graph on all lanes, each with lanes."""
    with Batch(size) as batch:
        given = [BatchArray(batch, x) if b else x for x, b in zip(values, lanes, strict=True)]
        outs = graph.evaluate(given)
    return [o.value if batch.owns(o) else batch.spread(o) for o in outs]


def _chosen(mask: Array, x: Array, y: Array) -> Array:
    """`x` in the lanes where a mask holds."""
    inner = len(shape_of(x)) - 1
    return where(reshape(mask, shape=(*shape_of(mask), *(1,) * inner)), x, y)


def _cond(equation: Equation) -> list[Equation] | None:
    branches, lanes = equation.params["branches"], equation.params["lanes"]
    kinds = operand_types(equation.inputs)
    if len(branches) < 2 or len(kinds[0].shape) != 1:
        return None
    (size,) = kinds[0].shape
    with under(None), Stage(None, "vmap") as stage:
        index, *values = map(stage.variable, kinds)
        found = [_batched(branch, size, values, lanes) for branch in branches]
        outs = found[-1]
        for i, made in reversed(list(enumerate(found[:-1]))):
            mask = equal(index, np.asarray(i, kinds[0].dtype))
            outs = [_chosen(mask, x, y) for x, y in zip(made, outs, strict=True)]
    return inlined(stage.graph("cond", outs), equation)


def _while(equation: Equation) -> list[Equation] | None:
    params = equation.params
    test, body, consts = params["test"], params["body"], params["consts"]
    kinds = operand_types(equation.inputs)
    if len(kinds) == consts:
        return None
    size = kinds[-1].shape[0]
    lanes = (*params["lanes"], *(True for _ in kinds[consts:]))
    with under(None), Stage(None, "vmap") as first:
        (going,) = _batched(test, size, list(map(first.variable, kinds)), lanes)
    begin = first.graph("test", [going])
    with under(None), Stage(None, "vmap") as second:
        for kind in kinds[:consts]:
            second.variable(kind)
        active = second.variable(ArrayType((size,), np.dtype(bool)))
        for kind in kinds[consts:]:
            second.variable(kind)
        more = any_of(active, axes=(0,), keepdims=False)
    with under(None), Stage(None, "vmap") as third:
        fixed = list(map(third.variable, kinds[:consts]))
        active = third.variable(ArrayType((size,), np.dtype(bool)))
        state = list(map(third.variable, kinds[consts:]))
        made = _batched(body, size, [*fixed, *state], lanes)
        after = [_chosen(active, x, y) for x, y in zip(made, state, strict=True)]
        (going,) = _batched(test, size, [*fixed, *after], lanes)
        outs = [logical_and(active, going), *after]
    start = Variable(ArrayType((size,), np.dtype(bool)))
    before = inlined(begin, equation.changed(outputs=(start,)))
    if before is None:
        return None
    inputs = (*equation.inputs[:consts], start, *equation.inputs[consts:])
    changed = {
        "test": second.graph("test", [more]),
        "body": third.graph("body", outs),
        "consts": consts,
        "lanes": None,
    }
    end = Variable(start.type)
    loop = equation.changed(inputs, {**params, **changed}, (end, *equation.outputs))
    return [*before, loop]
