"""Work that a scan repeats, done once beside it: what no round changes, and products of all rounds.

A product of each element of a sequence with one matrix is one product of the whole sequence before
the loop. The sum of one product from each round, as gradients of weights are, is one product after
it, of factors that the rounds have written down. That is faster by what large products are faster
than small ones, and by the reading and writing of the sum in every round.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from functrans.core.primitive import REGISTRY
from functrans.core.types import ArrayType
from functrans.graph.graph import Equation, Graph, Variable, graphs_in, with_graphs
from functrans.graph.inference import output_types
from functrans.graph.passes.rewriting import like

MOVEMENTS = frozenset(("broadcast_to", "expand_dims", "reshape", "squeeze", "transpose"))
"""Operations that cost nothing where they stand."""

FEW = 4
"""Terms of the sums of a product from which on it is worth being kept apart from what uses it."""

LARGEST = 2**26
"""Bytes up to which a sequence is written down for a product."""


class Factors(NamedTuple):
    """A product whose sum over all rounds is the contraction of two sequences.

    Attributes
    ----------
    x, y : Variable
        The factors of a round.
    rows : int
        How many leading axes of both are summed over.
    """

    x: Variable
    y: Variable
    rows: int


def hoisted(graph: Graph, *, exact: bool) -> Graph:
    """The graph with less to do in its scans, to the bit if `exact`, nested graphs included."""
    equations: list[Equation] = []
    changed = False
    for equation in graph.equations:
        params = equation.params
        if equation.primitive.kind == "higher-order":
            inner = with_graphs(params, lambda g: hoisted(g, exact=exact))
            pairs = zip(graphs_in(params), graphs_in(inner), strict=True)
            if any([a is not b for a, b in pairs]):
                equation = equation.changed(params=inner)
                changed = True
            if equation.primitive.name == "scan" and params["length"] > 1:
                around = _Loop(equation)
                if around.work(exact):
                    equations += around.equations()
                    changed = True
                    continue
        equations.append(equation)
    return like(graph, equations, graph.outputs) if changed else graph


class _Loop:
    """A scan in the making, with what goes before and after it."""

    def __init__(self, equation: Equation) -> None:
        self.equation = equation
        params = equation.params
        body: Graph = params["body"]
        consts, carry = params["consts"], params["carry"]
        self.length: int = params["length"]
        split = consts + carry
        self.body = body.equations
        self.consts = list(zip(body.inputs[:consts], equation.inputs[:consts], strict=True))
        starts = zip(body.inputs[consts:split], equation.inputs[consts:split], strict=True)
        ends = zip(body.outputs[:carry], equation.outputs[:carry], strict=True)
        self.carry = [(*start, *end) for start, end in zip(starts, ends, strict=True)]
        self.rows = list(zip(body.inputs[split:], equation.inputs[split:], strict=True))
        self.stacks = list(zip(body.outputs[carry:], equation.outputs[carry:], strict=True))
        self.before: list[Equation] = []
        self.after: list[Equation] = []
        self._outside: dict[Variable, Any] = dict(self.consts)
        self._made = {x: e for e in self.body for x in e.outputs}
        self._uses = Counter(
            [x for e in self.body for x in e.inputs if type(x) is Variable]
            + [x for x in body.outputs if type(x) is Variable]
        )

    def work(self, exact: bool) -> bool:
        """Take out what can be; whether there was anything."""
        invariant = {x for x, _ in self.consts}
        for equation in self.body:
            operands = [x for x in equation.inputs if type(x) is Variable]
            if invariant.issuperset(operands) and not equation.effects:
                invariant.update(equation.outputs)
        self._invariant = invariant
        hoisted = [e for e in self.body if self._pays(e)]
        for equation in hoisted:
            self._hoist(equation)
        count = len(hoisted)
        if not exact:
            count += sum([self._multiply_before(e) for e in self.body if e not in set(hoisted)])
            count += sum([self._add_after(entry) for entry in list(self.carry)])
        return count > 0

    def equations(self) -> list[Equation]:
        """What stands for the scan."""
        old = self.equation
        groups = self.consts, [entry[:2] for entry in self.carry], self.rows
        inputs = [x for group in groups for x, _ in group]
        outputs = [*[entry[2] for entry in self.carry], *[y for y, _ in self.stacks]]
        body = Graph(old.params["body"].name, inputs, self.body, outputs)
        made = {x for x, _ in self.consts} | {x for x, _ in self.rows}
        body.equations = [e for e in body.equations if made.isdisjoint(e.outputs)]
        params = {
            **old.params,
            "body": body.pruned(),
            "consts": len(self.consts),
            "carry": len(self.carry),
        }
        scan = Equation(
            old.primitive,
            tuple([x for group in groups for _, x in group]),
            params,
            (*[entry[3] for entry in self.carry], *[out for _, out in self.stacks]),
            old.line,
            old.errstate,
        )
        return [*self.before, scan, *self.after]

    # ---- what no round changes ----------------------------------------------------------------

    def _pays(self, equation: Equation) -> bool:
        """Whether something is the same in every round, and better read than computed."""
        if not equation.outputs or equation.outputs[0] not in self._invariant:
            return False
        if equation.primitive.name in MOVEMENTS:
            return False
        if equation.primitive.kind == "higher-order":
            return False
        read = sum([x.type.size for x in equation.inputs if type(x) is Variable])
        return sum([x.type.size for x in equation.outputs]) <= max(read, 1)

    def _hoist(self, equation: Equation) -> None:
        for x, outer in zip(equation.outputs, self._computed(equation), strict=True):
            self.consts.append((x, outer))

    def _outer(self, x: Any) -> Any:
        """An invariant value outside of the loop."""
        if type(x) is not Variable:
            return x
        if x not in self._outside:
            self._computed(self._made[x])
        return self._outside[x]

    def _computed(self, equation: Equation) -> list[Variable]:
        """An invariant equation before the loop: its outputs."""
        if equation.outputs[0] not in self._outside:
            inputs = tuple(map(self._outer, equation.inputs))
            outs = tuple([Variable(x.type) for x in equation.outputs])
            self.before.append(equation.changed(inputs, outputs=outs))
            self._outside.update(zip(equation.outputs, outs, strict=True))
        return [self._outside[x] for x in equation.outputs]

    # ---- products before and after ------------------------------------------------------------

    def _operation(self, name: str, *inputs: Any, **params: Any) -> Equation:
        primitive = REGISTRY[name]
        out = Variable(output_types(primitive, inputs, params))
        return Equation(primitive, inputs, params, (out,), self.equation.line)

    def _multiply_before(self, equation: Equation) -> bool:
        """Multiply all elements of a sequence with a matrix, where each round does with one."""
        name, inputs = equation.primitive.name, equation.inputs
        if name not in ("matmul", "affine") or not all([type(x) is Variable for x in inputs]):
            return False
        (out,) = equation.outputs
        row, matrix, *bias = inputs
        transposed = name == "matmul" and matrix.type.ndim == 1 and row.type.ndim == 2
        if transposed:  # a matrix times a vector
            row, matrix = matrix, row
        sequence = dict(self.rows).get(row)
        plain = matrix in self._invariant and self._invariant.issuperset(bias)
        if sequence is None or not plain or matrix.type.ndim != 2 or not row.type.ndim:
            return False
        if row.type.shape[-1] < FEW or not self._small(out.type):
            return False
        outer = self._outer(matrix)
        if transposed:
            self.before.append(self._operation("transpose", outer, axes=(1, 0)))
            (outer,) = self.before[-1].outputs
        made = self._operation(name, sequence, outer, *map(self._outer, bias))
        self.before.append(made)
        self.rows.append((out, made.outputs[0]))
        return True

    def _small(self, kind: ArrayType) -> bool:
        return self.length * kind.nbytes <= LARGEST

    def _add_after(self, entry: tuple[Variable, Any, Any, Variable]) -> bool:
        """Add the products of all rounds up after the loop, where each round adds its own."""
        total, start, new, end = entry
        if type(new) is not Variable or self._uses[total] != 1 or self._uses[new] != 1:
            return False
        terms = self._terms(new)
        if terms is None or terms.count(total) != 1 or len(terms) == 1:
            return False
        terms.remove(total)
        products = [self._factors(x) for x in terms]
        for found in products:
            if found is None or any([x.type.dtype != new.type.dtype for x in found[:2]]):
                return False
            written = [x for x in found[:2] if not self._is_written(x)]
            size = sum([x.type.size for x in written])
            if size > 2 * new.type.size or not all([self._small(x.type) for x in written]):
                return False
        for i, found in enumerate(products):
            assert found is not None
            over = tuple(range(found.rows + 1))
            factors = [self._sequence(x) for x in found[:2]]
            product = self._operation("tensordot", *factors, axes=(over, over))
            added = self._operation("add", start, *product.outputs)
            if i == len(products) - 1:
                added = added.changed(outputs=(end,))
            self.after += [product, added]
            (start,) = added.outputs
        self.carry.remove(entry)
        return True

    def _terms(self, x: Any) -> list[Variable] | None:
        """The values that a sum consists of, which nobody else needs."""
        terms: list[Variable] = []
        waiting = [x]
        while waiting:
            y = waiting.pop()
            equation = self._made.get(y) if type(y) is Variable else None
            if type(y) is not Variable or y.type.shape != x.type.shape:
                return None
            if equation is None or equation.primitive.name != "add" or self._uses[y] != 1:
                terms.append(y)
            else:
                waiting += reversed(equation.inputs)
        return terms

    def _factors(self, x: Variable) -> Factors | None:
        """The factors of a product that is needed only where it is added."""
        equation = self._made.get(x)
        if equation is None or self._uses[x] != 1:
            return None
        if not all([type(y) is Variable for y in equation.inputs]):
            return None
        if equation.primitive.name == "matmul":
            left, right = equation.inputs
            turned = self._made.get(left)
            if turned is None or turned.primitive.name != "transpose" or right.type.ndim != 2:
                return None
            (y,) = turned.inputs
            return Factors(y, right, 1) if type(y) is Variable and y.type.ndim == 2 else None
        if equation.primitive.name == "multiply":  # a column times a row
            column, row = equation.inputs
            n, m = x.type.shape if x.type.ndim == 2 else (0, 0)
            y, z = self._vector(column, (n, 1)), self._vector(row, (1, m))
            return None if y is None or z is None else Factors(y, z, 0)
        return None

    def _vector(self, x: Variable, shape: tuple[int, int]) -> Variable | None:
        """The vector that stands as a column or row of a shape."""
        if x.type.shape == (max(shape),) and shape[0] == 1:
            return x
        equation = self._made.get(x)
        if x.type.shape != shape or equation is None or equation.primitive.name != "reshape":
            return None
        (y,) = equation.inputs
        return y if type(y) is Variable and y.type.ndim == 1 else None

    def _is_written(self, x: Variable) -> bool:
        return x in dict(self.rows) or any([x is y for y, _ in self.stacks])

    def _sequence(self, x: Variable) -> Any:
        """The values of all rounds."""
        known = {**{y: out for y, out in self.stacks if type(y) is Variable}, **dict(self.rows)}
        if x not in known:
            known[x] = Variable(ArrayType((self.length, *x.type.shape), x.type.dtype))
            self.stacks.append((x, known[x]))
        return known[x]
