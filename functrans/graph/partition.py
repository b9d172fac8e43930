"""The split of a graph of values and gradients into a forward and a backward part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from functrans.core.errors import InputTypeError
from functrans.core.garbage import no_collection
from functrans.graph.graph import Equation, Graph, Variable
from functrans.graph.minimum_cut import INFINITE, Network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Policy = str | Callable[[Equation], bool]

POLICIES = ("cut", "store", "recompute")

OVERHEAD = 64
"""What storing a value costs in bytes besides its elements."""

WORK = 20_000_000
"""Steps of the search for the best split after which everything is stored."""

_MOVES = frozenset(("reshape", "transpose", "broadcast_to", "flip", "index", "real", "imag"))
"""Operations that mostly return a view of their operand."""

_ARITHMETIC = frozenset(
    [
        "add",
        "subtract",
        "multiply",
        "negative",
        "positive",
        "square",
        "absolute",
        "fabs",
        "conjugate",
        "sign",
        "signbit",
        "copysign",
        "maximum",
        "minimum",
        "fmax",
        "fmin",
        "clip",
        "where",
        "relu",
        "heaviside",
        "astype",
        "floor",
        "ceil",
        "trunc",
        "rint",
        "equal",
        "not_equal",
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "isnan",
        "isinf",
        "isfinite",
        "logical_and",
        "logical_or",
        "logical_xor",
        "logical_not",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
        "invert",
        "left_shift",
        "right_shift",
    ]
)
"""Operations that take less than storing and loading their result."""

_DIVISIONS = frozenset(["divide", "reciprocal", "sqrt", "floor_divide", "remainder", "fmod"])


class Partition(NamedTuple):
    """The two parts of a graph, by :func:`partition`.

    Attributes
    ----------
    forward : Graph
        ``(primals...) -> (outputs..., residuals...)``
    backward : Graph
        ``(residuals..., primals of `kept`..., cotangents...) -> (gradients...)``
    kept : tuple of int
        The primals that `backward` takes again, by their places; empty unless inputs are free.
    """

    forward: Graph
    backward: Graph
    kept: tuple[int, ...]


def partition(
    joint: Graph, known: int, outputs: int, policy: Policy = "cut", free_inputs: bool = False
) -> Partition:
    """Split a graph of primals and cotangents into what needs no cotangent and the rest.

    Equations that depend on no cotangent run in the forward part. What the backward part needs of
    them is stored, or computed again from what is stored.

    Parameters
    ----------
    joint : Graph
        ``(primals..., cotangents...) -> (outputs..., gradients...)``; no output depends on a
        cotangent.
    known : int
        The number of primals.
    outputs : int
        The number of outputs that are none of the gradients.
    policy : {"cut", "store", "recompute"} or callable
        ``"cut"`` weighs the bytes that cross against the work of computing them again: arithmetic,
        comparisons, casts and moves may be repeated, functions like ``exp`` if one of them saves
        several arrays; products, reductions, linear algebra, higher-order operations and those with
        effects never are. ``"recompute"`` takes the fewest bytes, whatever work of elementwise
        operations that takes. ``"store"`` repeats nothing but moves. A callable says of an
        equation whether its outputs are stored; others are computed again, be it a product.
    free_inputs : bool
        The caller keeps the primals, unchanged, so that they need not be stored: the backward part
        takes those that it needs.

    Returns
    -------
    Partition

    Raises
    ------
    InputTypeError
        An output depends on a cotangent, or the policy is none of the above.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> from functrans.graph.partition import partition
    >>> def both(x, g):
    ...     y, pull = ft.vjp(lambda x: np.exp(-x) * 2.0, x)
    ...     return y, *pull(g)
    >>> parts = partition(ft.make_graph(both)(np.ones(3), np.ones(3)), known=1, outputs=1)
    >>> parts.forward
    graph both_forward(a: float64[3]):
      b: float64[3] = negative(a)
      c: float64[3] = exp(b)
      d: float64[3] = multiply(c, 2.0)
      return d, c
    >>> parts.backward
    graph both_backward(a: float64[3], b: float64[3]):
      c: float64[3] = multiply(b, 2.0)
      d: float64[3] = multiply(c, a)
      e: float64[3] = negative(d)
      return e
    """
    if not (policy in POLICIES or callable(policy)):
        raise InputTypeError(
            f"partition: policy is {policy!r}; it takes {', '.join(map(repr, POLICIES))} or a "
            "function of an equation that says whether its outputs are stored"
        )
    primals, cotangents = joint.inputs[:known], joint.inputs[known:]
    late = set(cotangents)
    first, backward = [], []
    for equation in joint.equations:
        if late.isdisjoint(x for x in equation.inputs if type(x) is Variable):
            first.append(equation)
        else:
            late.update(equation.outputs)
            backward.append(equation)
    for i, x in enumerate(joint.outputs[:outputs]):
        if type(x) is Variable and x in late:
            raise InputTypeError(
                f"partition: output {i} of graph {joint.name} depends on a cotangent. Count it "
                "among the gradients, or the input that it depends on among the primals"
            )
    gradients = joint.outputs[outputs:]
    split = _Split(first, primals, late, free_inputs)
    demanded = split.known_of(x for equation in backward for x in equation.inputs)
    demanded |= split.known_of(gradients)
    with no_collection():
        stored = split.stored(demanded, policy)
        ordered, residuals = split.scheduled(backward, gradients, stored)
    kept = tuple(i for i, x in enumerate(primals) if free_inputs and x in residuals)
    crossing = [x for x in residuals if not (free_inputs and x in split.primals)]
    results = [*joint.outputs[:outputs], *crossing]
    inputs = [*crossing, *(primals[i] for i in kept), *cotangents]
    return Partition(
        Graph(f"{joint.name}_forward", primals, first, results).pruned(),
        Graph(f"{joint.name}_backward", inputs, ordered, gradients).pruned(),
        kept,
    )


class _Split:
    """The part of a joint graph that depends on no cotangent, and what of it crosses."""

    def __init__(
        self,
        first: Sequence[Equation],
        primals: Sequence[Variable],
        late: set[Variable],
        free_inputs: bool,
    ) -> None:
        self.late = late
        self.primals = set(primals)
        self.free_inputs = free_inputs
        self.makers = {v: equation for equation in first for v in equation.outputs}

    def known_of(self, values: Iterable[Any]) -> dict[Variable, None]:
        """The variables among values that depend on no cotangent, in order."""
        return {x: None for x in values if type(x) is Variable and x not in self.late}

    def stored(self, demanded: dict[Variable, None], policy: Policy) -> Callable[[Variable], bool]:
        """Whether a variable, if it is needed, is stored."""
        if callable(policy):
            saved = policy
            return lambda v: (
                v not in self.makers or self.makers[v].effects or bool(saved(self.makers[v]))
            )
        if policy == "store":
            return lambda v: v not in self.makers or not _is_view(self.makers[v])
        return self._cut(demanded, weighed=policy == "cut")

    def _cut(self, demanded: dict[Variable, None], weighed: bool) -> Callable[[Variable], bool]:
        """Store what a minimum cut says.

        A value is two nodes: it is there (computed or computed again), and the backward part has
        it. An edge between them costs its bytes; what may not be computed again hangs on the
        source, and what may costs its work there.
        """
        reach: dict[Variable, int] = {}
        waiting = list(demanded)
        while waiting:
            v = waiting.pop()
            if v in reach:
                continue
            reach[v] = len(reach)
            if v in self.makers and _work(self.makers[v]) is not None:
                waiting.extend(self.known_of(self.makers[v].inputs))
        source, sink = 2 * len(reach), 2 * len(reach) + 1
        network = Network(2 * len(reach) + 2)
        for v, i in reach.items():
            free = self.free_inputs and v in self.primals
            network.edge(2 * i, 2 * i + 1, 0 if free else v.type.nbytes + OVERHEAD)
            work = _work(self.makers[v]) if v in self.makers else None
            if work is None:
                network.edge(source, 2 * i, INFINITE)
            else:
                for x in self.known_of(self.makers[v].inputs):
                    network.edge(2 * reach[x] + 1, 2 * i, INFINITE)
                if weighed:
                    network.edge(source, 2 * i, int(v.type.nbytes * work))
            if v in demanded:
                network.edge(2 * i + 1, sink, INFINITE)
        side = network.source_side(source, sink, WORK)
        if side is None:
            return self.stored(demanded, "store")
        return lambda v: side[2 * reach[v]]

    def scheduled(
        self,
        backward: Sequence[Equation],
        gradients: Sequence[Any],
        stored: Callable[[Variable], bool],
    ) -> tuple[list[Equation], dict[Variable, None]]:
        """The equations of the backward part, each that is repeated just before its first use, and
        the variables that cross."""
        ordered: list[Equation] = []
        residuals: dict[Variable, None] = {}
        there: set[Variable] = set()

        def need(variables: Iterable[Variable]) -> None:
            waiting = list(variables)[::-1]
            while waiting:
                v = waiting.pop()
                if v in there:
                    continue
                if stored(v):
                    there.add(v)
                    residuals[v] = None
                    continue
                maker = self.makers[v]
                missing = [x for x in self.known_of(maker.inputs) if x not in there]
                if missing:
                    waiting.append(v)
                    waiting.extend(missing[::-1])
                else:
                    there.update(maker.outputs)
                    ordered.append(maker)

        for equation in backward:
            need(self.known_of(equation.inputs))
            ordered.append(equation)
        need(self.known_of(gradients))
        return ordered, residuals


def _is_view(equation: Equation) -> bool:
    """Whether the result is a view of an operand that is no larger."""
    (x, *_), (ans, *_) = equation.inputs, equation.outputs
    return (
        equation.primitive.name in _MOVES
        and type(x) is Variable
        and x.type.nbytes <= ans.type.nbytes
    )


def _work(equation: Equation) -> float | None:
    """What computing an operation again costs, in bytes that could be stored for each of its
    result's; None: it is never repeated."""
    primitive = equation.primitive
    if primitive.effects or primitive.outputs is not None:
        return None
    if primitive.name in _MOVES:
        return 0
    if primitive.name in _ARITHMETIC:
        return 0.25
    if primitive.name in _DIVISIONS:
        return 1
    numpys = primitive.kind == "elementwise" and isinstance(primitive.impl, np.ufunc)
    return 4 if numpys and getattr(np, primitive.name, None) is primitive.impl else None
