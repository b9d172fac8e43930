"""Implementations that are a few ufuncs each, as the equations of these ufuncs.

An implementation in Python (``sech_square``, ``sigmoid``) is run once on a stand-in for an array
that records the ufuncs which it calls. Where it does anything else, or the record does not give
what the implementation gives at hard points, the operation stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from functrans.compile.operands import Prepared
from functrans.core.primitive import BY_UFUNC
from functrans.core.types import SCALARS, ArrayType
from functrans.graph.graph import Equation, Graph, Variable, operand_type
from functrans.graph.inference import output_types
from functrans.graph.passes.rewriting import like
from functrans.graph.passes.running import runnable
from functrans.graph.passes.values import Keys

if TYPE_CHECKING:
    from collections.abc import Hashable

    from functrans.core.primitive import Primitive

_KINDS = ("elementwise", "chooser", "nondifferentiable")

_HARD = (0.0, -0.0, 1.0, -1.0, 0.3, -0.7, 2.5, -20.0, 40.0, -800.0, 800.0, np.inf, -np.inf, np.nan)

LARGEST = 16
"""Ufuncs of an implementation up to which it is spelt out."""


def lowered(graph: Graph, *, scalars: bool = False) -> Graph:
    """The graph with elementwise operations as the ufuncs that they consist of, where they do, and
    with the numbers that these take as arrays.

    Operations on scalars stay whole, since a call costs more than what it does there; with
    `scalars`, for code that has no calls, they do not.
    """
    graph = runnable(graph)
    equations: list[Equation] = []
    prepared = Prepared()
    for equation in graph.equations:
        recipe = _recipe_of(equation, scalars)
        if recipe is None:
            equations.append(prepared.of(equation))
        else:
            equations.extend(map(prepared.of, _spelt_out(equation, recipe)))
    return like(graph, equations, graph.outputs)


class _Record:
    """The ufuncs that an implementation has called on its operands.

    `steps` are tuples of a primitive, its operands and the reports of errors that the
    implementation has turned off (where all are on before). An operand is a constant, or the number
    of a value: operands come first, then results.
    """

    def __init__(self) -> None:
        self.steps: list[tuple[Primitive, tuple[Any, ...], dict[str, Any] | None]] = []
        self.types: list[ArrayType] = []

    def enter(self, kind: ArrayType) -> _StandIn:
        self.types.append(kind)
        return _StandIn(self, len(self.types) - 1)


class _Place(int):
    """The number of a value of a record."""


class _StandIn(NDArrayOperatorsMixin):
    """What an implementation gets in place of an array: it has a type, and records ufuncs."""

    def __init__(self, record: _Record, number: int) -> None:
        self.record = record
        self.number = number

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.record.types[self.number].dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self.record.types[self.number].shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> _StandIn:
        primitive = BY_UFUNC.get(ufunc)
        if primitive is None or method != "__call__" or options or primitive.outputs is not None:
            raise _OtherwiseError
        record = self.record
        operands: list[Any] = []
        kinds: list[Any] = []
        for x in inputs:
            if type(x) is _StandIn and x.record is record:
                operands.append(_Place(x.number))
                kinds.append(record.types[x.number])
            elif type(x) in SCALARS:
                operands.append(x)
                kinds.append(x)
            else:
                raise _OtherwiseError
        errstate = {kind: how for kind, how in np.geterr().items() if how != "warn"} or None
        record.steps.append((primitive, tuple(operands), errstate))
        return record.enter(output_types(primitive, tuple(kinds), {}))

    def _otherwise(self, *args: object, **options: object) -> NoReturn:
        raise _OtherwiseError

    # An array's ** is another ufunc for some exponents, and the rest needs elements.
    __pow__ = __rpow__ = __ipow__ = _otherwise
    __array__ = __array_function__ = __bool__ = __iter__ = __len__ = __getitem__ = _otherwise
    __float__ = __int__ = __complex__ = __index__ = _otherwise


class _OtherwiseError(Exception):
    """An implementation does something else than calling ufuncs."""


KEPT = 1024
"""How many records are kept: numbers among the operands are part of what is recorded."""

_recipes: dict[Hashable, _Record | None] = {}


def _recipe_of(equation: Equation, scalars: bool) -> _Record | None:
    """What an operation consists of; None if it is a ufunc, or no sequence of ufuncs."""
    primitive = equation.primitive
    if (
        isinstance(primitive.impl, np.ufunc)
        or primitive.kind not in _KINDS
        or primitive.outputs is not None
        or primitive.effects
        or equation.params
        or not (scalars or equation.outputs[0].type.ndim)
    ):
        return None
    keys = Keys()
    operands: list[Any] = []
    for x in equation.inputs:
        if type(x) is Variable or type(x) is np.ndarray:
            kind = operand_type(x)
            if kind.weak:
                return None
            operands.append(ArrayType((len(_HARD),) * bool(kind.ndim), kind.dtype))
        elif type(x) in SCALARS:
            operands.append(x)
        else:
            return None
    key = (primitive.impl, *[x if type(x) is ArrayType else keys.of(x) for x in operands])
    try:
        return _recipes[key]
    except KeyError:
        if len(_recipes) >= KEPT:
            _recipes.clear()
        recipe = _recipes[key] = _recorded(primitive, operands)
        return recipe


def _recorded(primitive: Primitive, operands: list[Any]) -> _Record | None:
    """The record of an implementation, if it is one and gives the same at hard points."""
    record = _Record()
    try:
        args = [record.enter(x) if type(x) is ArrayType else x for x in operands]
        with np.errstate(all="warn"):
            answer = primitive.impl(*args)
        if type(answer) is not _StandIn or answer.number != len(record.types) - 1:
            return None
        if not record.steps or len(record.steps) > LARGEST:
            return None
        with np.errstate(all="ignore"):
            values = _hard_values(operands)
            one = np.asarray(primitive.impl(*values))
            other = np.asarray(_carried_out(record, operands, values))
    except Exception:  # of any kind: it is not made for a stand-in
        return None
    same = one.dtype == other.dtype and one.shape == other.shape
    return record if same and one.tobytes() == other.tobytes() else None


def _hard_values(operands: list[Any]) -> list[Any]:
    """Hard points for each operand, in different orders, so that many pairs meet."""
    values = []
    for i, x in enumerate(operands):
        if type(x) is not ArrayType:
            values.append(x)
            continue
        points = np.array(_HARD) if x.dtype.kind in "fc" else np.arange(len(_HARD)) - 3
        values.append(np.roll(points, 3 * i).astype(x.dtype) if x.ndim else x.dtype.type(i + 2))
    return values


def _carried_out(record: _Record, operands: list[Any], values: list[Any]) -> Any:
    known = [v for x, v in zip(operands, values, strict=True) if type(x) is ArrayType]
    for primitive, args, _ in record.steps:
        known.append(primitive.impl(*[known[x] if type(x) is _Place else x for x in args]))
    return known[-1]


def _spelt_out(equation: Equation, recipe: _Record) -> list[Equation]:
    """The equations of a recipe in place of an equation."""
    known: list[Any] = [x for x in equation.inputs if type(x) not in SCALARS]
    equations = []
    last = len(recipe.steps) - 1
    for i, (primitive, operands, errstate) in enumerate(recipe.steps):
        inputs = tuple([known[x] if type(x) is _Place else x for x in operands])
        if i == last:
            out = equation.outputs[0]
        else:
            given = tuple([x.type if type(x) is Variable else x for x in inputs])
            out = Variable(output_types(primitive, given, {}))
        known.append(out)
        quiet = {**(equation.errstate or {}), **(errstate or {})} or None
        equations.append(Equation(primitive, inputs, {}, (out,), equation.line, quiet))
    return equations
