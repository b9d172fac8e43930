"""How much a graph has to compute, about: whether code made quickly does for a first call."""

from __future__ import annotations

from math import inf, prod, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from functrans.compile.llvm.mathematics import FUNCTIONS
from functrans.compile.llvm.plans.calls import CONVOLUTIONS, PRODUCTS
from functrans.compile.llvm.plans.extrema import EXTREMA
from functrans.compile.llvm.plans.forms import MOVEMENTS, REDUCTIONS
from functrans.compile.llvm.plans.systems import spelt
from functrans.graph.graph import graphs_in, operand_types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.core.primitive import Primitive
    from functrans.core.types import ArrayType
    from functrans.graph.graph import Graph

# Nanoseconds that code without optimisations takes more for an element of an operation. Vectors go
# from one operation to the next in registers there too; what is carried from one element to the
# next lies in memory. 0.002 to 0.07 were measured for elementwise operations and functions, 0.02 to
# 0.3 for those of complex numbers, 0.2 to 1.4 for reductions, and 4 to 5 for running sums.
IN_VECTORS, ELEMENT, REDUCED, ACCUMULATED = 0.05, 0.3, 1.0, 5.0

VECTOR = 16
"""Elements below which an operation takes no less: there a loop turns once."""

# The same for a multiplication of a product, whose kernels live on their registers.
MULTIPLICATION = 0.2

# The same of code that takes one element at a time, for one of an operation and of a function.
SINGLE, FUNCTION = 1.5, 60.0

# The same of what systems, inverses and determinants call, for an element of an operand and a row:
# a factorisation takes 0.05 to 0.08 more, each of the two substitutions that may follow 0.16.
FACTORISATION = 0.3

ACCUMULATING = frozenset(("accumulate", "cumprod", "cumsum", "recurrence"))
"""Primitives with results that each need the one before."""

FEW = 4096
"""Elements up to which vectors gain less in one call than LLVM takes to compile them."""


class Effort(NamedTuple):
    """What code made quickly costs a call.

    Attributes
    ----------
    delay : float
        Nanoseconds that a call takes longer without optimisations, about; infinity for loops of
        which nobody knows how often they turn.
    once : float
        About what optimised code takes, with these loops turning once.
    singly : float
        The same where one element is taken at a time.
    library : float
        What the library of factorisations costs a call without optimisations; infinity as above.
    equations : int
        How many there are, those within others too.
    singly_few : float
        What operations on few elements have of `singly`.
    equations_few : int
        How many equations these are.
    """

    delay: float
    once: float
    singly: float
    library: float
    equations: int
    singly_few: float
    equations_few: int


def effort(graph: Graph) -> Effort:
    """What code made quickly costs a call of a graph."""
    delay = once = singly = library = singly_few = 0.0
    count, count_few = len(graph.equations), 0
    for equation in graph.equations:
        name = equation.primitive.name
        if name == "while_loop":
            delay = singly = library = singly_few = inf
        bodies = list(graphs_in(equation.params))
        if bodies:
            turns = equation.params.get("length", 1)
            for body in bodies:
                within = effort(body)
                delay += turns * within.delay
                once += turns * within.once
                singly += turns * within.singly
                library += turns * within.library
                count += within.equations
                singly_few += turns * within.singly_few
                count_few += within.equations_few
            continue
        kinds = operand_types((*equation.inputs, *equation.outputs))
        sizes = [kind.size for kind in kinds]
        if name in PRODUCTS or name in CONVOLUTIONS:
            # (m, k) by (k, n) to (m, n): the root of all sizes is m n k.
            product = MULTIPLICATION * sqrt(prod([*sizes[:2], sizes[-1]]))
            delay += product + ELEMENT * max(sizes)
            once += product
            singly += product
        else:
            delay += _delay(equation.primitive, kinds) * max(*sizes, VECTOR)
        if spelt(equation):
            operands = operand_types(equation.inputs)
            library += FACTORISATION * operands[0].shape[-1] * sum([kind.size for kind in operands])
        most = max(sizes)
        once += ELEMENT * most
        more = (FUNCTION if name in FUNCTIONS else SINGLE) * most
        singly += more
        if most <= FEW:
            singly_few += more
            count_few += 1
    return Effort(delay, once, singly, library, count, singly_few, count_few)


def _delay(primitive: Primitive, kinds: Sequence[ArrayType]) -> float:
    """Nanoseconds that an element of an operation takes more without optimisations."""
    name = primitive.name
    if name in ACCUMULATING:
        return ACCUMULATED
    if name in REDUCTIONS or name in EXTREMA:
        return REDUCED
    if _walks(primitive) and all([kind.dtype.kind != "c" for kind in kinds]):
        return IN_VECTORS
    return ELEMENT


def _walks(primitive: Primitive) -> bool:
    """Whether elements are taken as they lie, or computed each from one of each operand."""
    name = primitive.name
    return (
        primitive.kind in ("elementwise", "chooser")
        or isinstance(primitive.impl, np.ufunc)
        or (name in MOVEMENTS and not name.startswith("index_"))
        or name == "astype"
    )
