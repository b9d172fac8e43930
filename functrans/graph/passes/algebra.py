"""Algebraic simplification that changes no bit of a result: NaN, signed zeros and infinities, dtype
and layout included."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.types import dtype_of
from functrans.graph.graph import Equation, Variable, operand_type
from functrans.graph.inference import output_types
from functrans.graph.passes.layout import Layouts
from functrans.graph.passes.rewriting import rewritten

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.graph.graph import Graph

    Rule = Callable[["Simplifying", Equation], Any]

LARGEST = 1 << 20
"""Elements of a constant up to which it is looked at."""


def simplify(graph: Graph) -> Graph:
    """The graph with the rewrites of the table applied wherever they are exact."""
    return rewritten(graph, Simplifying(graph).rewrite)


class Simplifying:
    """The rewriting of the equations of one graph, with what is known of those before the current
    one."""

    def __init__(self, graph: Graph) -> None:
        self.makers: dict[Variable, Equation] = {}
        self.layouts = Layouts(graph.equations, graph.outputs)
        self._refused: list[Sequence[Variable]] = []  # whose users mind
        self._scalars: dict[Variable, Any] = {}
        """What Python numbers are made of, where that has their dtype."""

    def rewrite(self, equation: Equation) -> Equation | tuple[Any, ...] | None:
        current = self._of_scalars(equation) if self._scalars else equation
        rules = _RULES.get(equation.primitive.name)
        while rules:
            for rule in rules:
                answer = rule(self, current)
                if isinstance(answer, Equation):
                    current = answer
                    break
                if answer is not None and operand_type(answer) == current.outputs[0].type:
                    return (answer,)
            else:
                break
        for v in current.outputs:
            self.makers[v] = current
        if current.primitive.name == "python_number":
            (x,), (number,) = current.inputs, current.outputs
            if operand_type(x).dtype == number.type.dtype:
                self._scalars[number] = x
        self.layouts.see(current)
        return None if current is equation else current

    def _of_scalars(self, equation: Equation) -> Equation:
        """A ufunc of scalars of NumPy in place of the Python numbers that are made of them, if
        promotion gives the same."""
        primitive, inputs = equation.primitive, equation.inputs
        if not isinstance(primitive.impl, np.ufunc) or self._scalars.keys().isdisjoint(
            [x for x in inputs if type(x) is Variable]
        ):
            return equation
        inputs = tuple([self._scalars.get(x, x) if type(x) is Variable else x for x in inputs])
        kind = output_types(primitive, inputs, equation.params)
        return equation.changed(inputs=inputs) if kind == equation.outputs[0].type else equation

    def maker(self, x: Any, name: str) -> Equation | None:
        """The equation of a value, if it is of that primitive."""
        maker = self.makers.get(x) if type(x) is Variable else None
        return maker if maker is not None and maker.primitive.name == name else None

    def same(self, x: Any, equation: Equation) -> Any:
        """The operand, if it may stand for a new array with its elements, else None."""
        if type(x) is not Variable:
            return None
        return x if self.layouts.made(x) or self.indifferent(equation) else None

    def indifferent(self, equation: Equation) -> bool:
        """Whether nobody who uses the result minds how it lies in memory."""
        found = self.layouts.indifferent(equation.outputs)
        if not found:
            self._refused.append(equation.outputs)
        return found

    def reconsiders(self, made: Graph) -> bool:
        """Whether a rewrite was not made for the sake of those who use a value, and those who do in
        the graph that was made do not mind."""
        layouts = Layouts(made.equations, made.outputs)
        return any(map(layouts.indifferent, self._refused))


def _all_are(x: Any, value: float) -> bool:
    """Whether a constant consists of one number, with the sign of its zeros."""
    kind = type(x)
    if kind is Variable:
        return False
    if kind is float or kind is int:  # an integer zero is a positive one
        return x == value and bool(value or math.copysign(1.0, x) == math.copysign(1.0, value))
    if dtype_of(x).kind not in "biuf":
        return False
    if type(x) is np.ndarray:
        if 0 in x.strides:
            x = x[tuple(slice(None) if step else slice(0, 1) for step in x.strides)]
        if x.size > LARGEST or not x.size:
            return False
    same = np.equal(x, value)
    if value == 0:
        negative = np.signbit(x) if dtype_of(x).kind == "f" else False
        same = same & (negative == np.signbit(value))
    return bool(np.all(same))


_GENERALITY = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}
"""The kinds of dtypes, in the order in which they hold each other."""


# Rules: what may stand for the result, or an equation in place of the given one, or None.


def _neutral(value: float, *places: int, kinds: str = "iuf") -> Rule:
    """An operand at one of the places that consists of this number changes nothing."""

    def rule(walk: Simplifying, equation: Equation) -> Any:
        if equation.outputs[0].type.dtype.kind not in kinds:
            return None
        for place in places:
            number, x = equation.inputs[place], equation.inputs[1 - place]
            if _all_are(number, value) and walk.layouts.led_by(x, number):
                return walk.same(x, equation)
        return None

    return rule


def _unchanged(kinds: str) -> Rule:
    """The operation changes nothing in these kinds of dtype."""

    def rule(walk: Simplifying, equation: Equation) -> Any:
        (x,) = equation.inputs
        return walk.same(x, equation) if operand_type(x).dtype.kind in kinds else None

    return rule


def _twice(kinds: str = "biufc") -> Rule:
    """The operation undoes itself."""

    def rule(walk: Simplifying, equation: Equation) -> Any:
        inner = walk.maker(equation.inputs[0], equation.primitive.name)
        if inner is None or equation.outputs[0].type.dtype.kind not in kinds:
            return None
        return walk.same(inner.inputs[0], equation)

    return rule


def _again(walk: Simplifying, equation: Equation) -> Any:
    """Applied to its own result the operation changes nothing."""
    (x,) = equation.inputs
    return x if walk.maker(x, equation.primitive.name) else None


def _of_the_same(walk: Simplifying, equation: Equation) -> Any:
    """Of two equal operands it gives one."""
    x, y = equation.inputs
    return walk.same(x, equation) if x is y else None


def _cast(walk: Simplifying, equation: Equation) -> Any:
    """A cast to the same dtype, and one after another that loses nothing."""
    (x,), dtype = equation.inputs, equation.params["dtype"]
    if operand_type(x).dtype == dtype:
        return walk.same(x, equation)
    inner = walk.maker(x, "astype")
    if inner is None:
        return None
    (first,) = inner.inputs
    source, between = operand_type(first), operand_type(x).dtype
    if source.weak or not np.can_cast(source.dtype, between, "safe"):
        return None
    middle, last = _GENERALITY[between.kind], _GENERALITY[dtype.kind]
    if last < middle and middle > 1:  # from a float to an integer, out of range or NaN
        return None
    return equation.changed(inputs=(first,))


def _identity_view(walk: Simplifying, equation: Equation) -> Any:
    """A view of everything: the array itself."""
    x = equation.inputs[0]
    return x if type(x) is Variable and x.type.ndim else None


def _same_shape(walk: Simplifying, equation: Equation) -> Any:
    x = equation.inputs[0]
    unchanged = operand_type(x).shape == equation.params["shape"]
    return _identity_view(walk, equation) if unchanged else None


def _stretched_twice(walk: Simplifying, equation: Equation) -> Any:
    return _skip(walk, equation, "broadcast_to", equation.params)


def _reshaped_twice(walk: Simplifying, equation: Equation) -> Any:
    inner = walk.maker(equation.inputs[0], "reshape")
    if inner is None or not walk.layouts.contiguous(inner.inputs[0]):
        return None  # the first may have copied, and so changed the layout
    return _skip(walk, equation, "reshape", equation.params)


def _transposed(walk: Simplifying, equation: Equation) -> Any:
    axes = equation.params["axes"]
    if axes == tuple(range(len(axes))):
        return _identity_view(walk, equation)
    inner = walk.maker(equation.inputs[0], "transpose")
    if inner is None:
        return None
    composed = tuple([inner.params["axes"][a] for a in axes])
    if composed == tuple(range(len(axes))):
        return inner.inputs[0] if type(inner.inputs[0]) is Variable else None
    return _skip(walk, equation, "transpose", {"axes": composed})


def _flipped(walk: Simplifying, equation: Equation) -> Any:
    if not equation.params["axes"]:
        return _identity_view(walk, equation)
    inner = walk.maker(equation.inputs[0], "flip")
    if inner is None or sorted(inner.params["axes"]) != sorted(equation.params["axes"]):
        return None
    return _identity_view(walk, inner)


def _skip(walk: Simplifying, equation: Equation, name: str, params: dict[str, Any]) -> Any:
    """The operation on what the inner one of that name is of, with other parameters."""
    inner = walk.maker(equation.inputs[0], name)
    if inner is None or type(inner.inputs[0]) is not Variable or not inner.inputs[0].type.ndim:
        return None
    return equation.changed(inputs=(inner.inputs[0],), params=params)


def _real_part(walk: Simplifying, equation: Equation) -> Any:
    return (
        _identity_view(walk, equation)
        if operand_type(equation.inputs[0]).dtype.kind == "f"
        else None
    )


def _selected(walk: Simplifying, equation: Equation) -> Any:
    """``where`` with a constant mask of one value, or of the same twice."""
    mask, x, y = equation.inputs
    (out,) = equation.outputs
    if x is y:
        chosen = x
    elif type(mask) is not Variable and dtype_of(mask).kind == "b" and np.size(mask) <= LARGEST:
        if not np.size(mask) or not (np.all(mask) or not np.any(mask)):
            return None
        chosen = x if np.all(mask) else y
    else:
        return None
    if type(chosen) is not Variable or not out.type.ndim:
        return None
    if walk.indifferent(equation):
        return chosen
    whole = [z for z in (mask, x, y) if operand_type(z).shape == out.type.shape]
    ordered = all(map(walk.layouts.contiguous, whole))
    return chosen if ordered and walk.layouts.made(chosen) else None


_RULES: dict[str, tuple[Rule, ...]] = {
    "multiply": (_neutral(1, 0, 1),),
    "divide": (_neutral(1, 1),),
    "add": (_neutral(-0.0, 0, 1, kinds="f"), _neutral(0, 0, 1, kinds="iu")),
    "subtract": (_neutral(0.0, 1),),
    "floor_divide": (_neutral(1, 1, kinds="iu"),),
    "bitwise_or": (_neutral(0, 0, 1, kinds="biu"), _of_the_same),
    "bitwise_xor": (_neutral(0, 0, 1, kinds="biu"),),
    "bitwise_and": (_of_the_same,),
    "left_shift": (_neutral(0, 1, kinds="iu"),),
    "right_shift": (_neutral(0, 1, kinds="iu"),),
    "logical_or": (_neutral(False, 0, 1, kinds="b"), _of_the_same),
    "logical_and": (_neutral(True, 0, 1, kinds="b"), _of_the_same),
    "logical_not": (_twice("b"),),
    "maximum": (_of_the_same,),
    "minimum": (_of_the_same,),
    "fmax": (_of_the_same,),
    "fmin": (_of_the_same,),
    "negative": (_twice(),),
    "invert": (_twice(),),
    "conjugate": (_unchanged("f"), _twice("c")),
    "positive": (_unchanged("iufc"),),
    "absolute": (_unchanged("u"), _again),
    "fabs": (_again,),
    "floor": (_unchanged("biu"), _again),
    "ceil": (_unchanged("biu"), _again),
    "trunc": (_unchanged("biu"), _again),
    "rint": (_again,),
    "sign": (_again,),
    "real": (_real_part,),
    "astype": (_cast,),
    "where": (_selected,),
    "reshape": (_same_shape, _reshaped_twice),
    "broadcast_to": (_same_shape, _stretched_twice),
    "transpose": (_transposed,),
    "flip": (_flipped,),
}
