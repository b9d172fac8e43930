"""Staging: running a function on types alone, into a graph."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, Self

import numpy as np

from functrans.core import tree
from functrans.core.algebra import algebra
from functrans.core.array import TracedArray, as_what, snapshot
from functrans.core.constants import Constants
from functrans.core.errors import (
    InputTypeError,
    OutputTypeError,
    RandomnessError,
    describe_function,
    describe_output,
    user_line,
)
from functrans.core.explain import unknown_value
from functrans.core.generators import (
    GENERATOR_TYPE,
    TracedGenerator,
    is_generator,
    moved,
    states,
)
from functrans.core.interpreter import CustomCall, Interpreter, stack, under
from functrans.core.primitive import Primitive, primitive_of
from functrans.core.reports import Reports
from functrans.core.types import (
    Array,
    ArrayType,
    Shape,
    dtype_of,
    is_array,
    is_inexact,
    shape_of,
    type_of,
)
from functrans.graph.graph import Equation, Graph, Variable
from functrans.graph.inference import output_types
from functrans.transforms.arguments import argument_label, leaf_label, subclass_refused
from functrans.transforms.lines import Lines
from functrans.transforms.origins import depends_on

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

P = ParamSpec("P")


class StageArray(TracedArray):
    """A variable of the graph that is being built."""

    __slots__ = ("variable",)

    interpreter: Stage

    def __init__(self, interpreter: Stage, variable: Variable) -> None:
        self.interpreter = interpreter
        self.place = None
        self.variable = variable

    @property
    def shape(self) -> Shape:
        return self.variable.type.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.variable.type.dtype

    @property
    def weak(self) -> bool:
        return self.variable.type.weak

    def number(self) -> Any:
        return algebra.python_number(self)

    @property
    def underlying(self) -> Any:
        return None

    def snapshot(self) -> StageArray:
        return StageArray(self.interpreter, self.variable)

    def duplicate(self) -> StageArray:
        return StageArray(self.interpreter, self.variable)

    def become(self, content: Any) -> None:
        if not self.interpreter.owns(content):
            self.check_constant(content)
            content = self.interpreter.fresh(snapshot(content))
        self.variable = content.variable

    def concrete(self, wanted: str) -> Any:
        return self.interpreter.value_of(self, wanted)

    def truths(self) -> Any:
        return self.interpreter.truths_of(self)

    def describe_value(self) -> str:
        return self.interpreter.described(self)

    def birth(self) -> str:
        stage = self.interpreter
        makers = {v: equation for equation in stage.equations for v in equation.outputs}
        maker = makers.get(self.variable)
        if maker is not None and maker.primitive is primitive_of(algebra.python_number):
            maker = makers.get(maker.inputs[0])  # the operator that made the number
        reached = _inputs_of(self.variable, makers)
        label = stage.label
        names = [label(i) for i, v in enumerate(stage.inputs) if v in reached] if label else []
        if maker is None:
            return f", {names[0]}" if names else ""
        return f", the result of {maker.primitive.name} at {maker.line}{depends_on(names)}"


def _inputs_of(variable: Variable, makers: dict[Variable, Equation]) -> set[Variable]:
    """What a variable depends on, back to the inputs of the graph."""
    seen, waiting = {variable}, [variable]
    while waiting:
        maker = makers.get(waiting.pop())
        for x in maker.inputs if maker else ():
            if type(x) is Variable and x not in seen:
                seen.add(x)
                waiting.append(x)
    return seen


class Stage(Interpreter):
    """Records the operations on its arrays as equations; operations on constants run at once.

    What has effects is recorded whatever it works on, since it belongs to each run of the graph,
    unless `at_once`: then the constants are the values of one call, and so are its effects.
    """

    __slots__ = (
        "_lines",
        "_reports",
        "at_once",
        "constants",
        "equations",
        "generators",
        "label",
        "inputs",
        "line",
        "transform",
    )

    values_known = False
    records = True

    block: ClassVar[Callable[[Stage, Callable[..., Any], list[Any]], list[Any]] | None] = None
    """What records a checkpointed function as one operation; there once graphs can be called."""

    def __init__(
        self, function: object = None, transform: str = "make_graph", at_once: bool = False
    ) -> None:
        super().__init__(function)
        self.transform = transform
        self.at_once = at_once
        self.label: Callable[[int], str] | None = None  # what messages call an input by
        self._lines = Lines()
        self._reports = Reports()
        self.line: str | None = None  # that of the equations to come; None: where the user is
        self.inputs: list[Variable] = []
        self.equations: list[Equation] = []
        self.constants = Constants(small=-1)  # a constant stands once in a graph

    def __enter__(self) -> Self:
        self.generators = [] if self.at_once else states(self.function)
        super().__enter__()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        super().__exit__(kind, error, trace)
        if error is None and (name := moved(self.generators)):
            raise RandomnessError(
                f"{self!r}: while the function was staged, it drew numbers from the generator "
                f"{name}, at {user_line()}: these would be the same in every run of the graph. "
                "Pass the generator as an argument of the transformed function, or draw with "
                "functrans.random and a key."
            )

    @property
    def lost(self) -> str:
        return "while a function is staged its values are not known"

    def owns(self, x: Any) -> bool:
        return type(x) is StageArray and x.interpreter is self

    def value_of(self, array: StageArray, wanted: str) -> Any:
        """The value that is asked for while the function is staged."""
        raise unknown_value(array, wanted)

    def truths_of(self, array: StageArray) -> Any:
        """Which elements are true, for lanes of a batch that take their own paths; None if it is
        not known."""
        return None

    def described(self, array: StageArray) -> str:
        """The value for printing, starting with a comma; empty where there is none."""
        return ""

    def variable(self, kind: ArrayType) -> StageArray:
        """A new input of the graph."""
        variable = Variable(kind)
        self.inputs.append(variable)
        return StageArray(self, variable)

    def fresh(self, content: Array) -> Any:
        """The constant as a variable: a graph that is built has no other place to write to."""
        if self.at_once and not is_inexact(dtype_of(content)):  # no tangent goes into it
            return self.fresh_below(content)
        params = {"shape": shape_of(content)}
        return self._append(primitive_of(algebra.broadcast_to), [content], params)

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        inputs: list[Any] = []
        mine = False
        for x in args:
            if type(x) is StageArray and x.interpreter is self:
                mine = True
                inputs.append(x.variable)
            else:
                inputs.append(x)
        if not mine and (self.at_once or not primitive.effects):
            return self.hand_down(primitive, args, params)
        return self._append(primitive, inputs, params)

    def _append(self, primitive: Primitive, inputs: list[Any], params: dict[str, Any]) -> Any:
        types = output_types(primitive, inputs, params)
        keep = self.constants.keep
        kept = tuple([x if type(x) is Variable else keep(x) for x in inputs])
        line = self._lines.line(self) if self.line is None else self.line
        errstate = self._reports.changed()
        if primitive.outputs is None:
            out = Variable(types)
            self.equations.append(Equation(primitive, kept, params, (out,), line, errstate))
            return StageArray(self, out)
        outputs = tuple(map(Variable, types))
        self.equations.append(Equation(primitive, kept, params, outputs, line, errstate))
        return tuple([StageArray(self, v) for v in outputs])

    def take_over(self, graph: Graph, values: Sequence[Any]) -> list[Any]:
        """Record the operations of a graph without effects on values of the types of its inputs,
        and return its outputs: what it tells of types and lines is not worked out again.

        The graph is used up: its variables are mine then.
        """
        known: dict[Variable, Any] = dict(zip(graph.inputs, values, strict=True))
        keep = self.constants.keep
        reported: dict[int, dict[str, Any] | None] = {}  # for each object that says so
        for equation in graph.equations:
            args = [known[x] if type(x) is Variable else x for x in equation.inputs]
            primitive, errstate = equation.primitive, equation.errstate
            if any(map(self.owns, args)):
                if id(errstate) not in reported:
                    with np.errstate(**(errstate or {})):
                        reported[id(errstate)] = self._reports.changed()
                inputs = tuple([x.variable if self.owns(x) else keep(x) for x in args])
                taken = equation.changed(inputs=inputs)
                taken.errstate = reported[id(errstate)]
                self.equations.append(taken)
                known.update([(v, StageArray(self, v)) for v in equation.outputs])
            else:
                with np.errstate(**(errstate or {})):
                    ans = primitive.call(*args, **equation.params)
                outs = (ans,) if primitive.outputs is None else ans
                known.update(zip(equation.outputs, outs, strict=True))
        return [known[x] if type(x) is Variable else x for x in graph.outputs]

    def taken_back(self, first: int) -> list[Equation]:
        """Remove the equations from a place on."""
        equations = self.equations[first:]
        del self.equations[first:]
        return equations

    def checkpointed(self, function: Callable[..., list[Any]], args: list[Any]) -> list[Any]:
        if Stage.block is None or any(map(is_generator, args)):
            return function(*args)
        return Stage.block(self, function, args)

    def custom(self, call: CustomCall, args: list[Any]) -> list[Any]:
        if not any(map(self.owns, args)):
            return self.hand_down_custom(call, args)
        with under(self.parent), Stage(self.function, self.transform) as types:
            outs = call.run([types.variable(type_of(x)) if is_array(x) else x for x in args])
        outputs = tuple(Variable(type_of(o)) for o in outs)
        inputs = tuple(x.variable if self.owns(x) else self.constants.keep(x) for x in args)
        effects = any(equation.effects for equation in types.equations)
        primitive = CUSTOM_CALL_WITH_EFFECTS if effects else CUSTOM_CALL
        line = self._lines.line(self) if self.line is None else self.line
        errstate = self._reports.changed()
        self.equations.append(Equation(primitive, inputs, {"call": call}, outputs, line, errstate))
        return [StageArray(self, v) for v in outputs]

    def graph(self, name: str, outputs: list[Any]) -> Graph:
        """The finished graph with these outputs, without what they do not need."""
        lowered = [x.variable if self.owns(x) else self.constants.keep(x) for x in outputs]
        return Graph(name, self.inputs, self.equations, lowered).pruned()


def _custom_call(*args: Any, call: CustomCall) -> list[Any]:
    interpreter = stack.top
    return call.run(list(args)) if interpreter is None else interpreter.custom(call, list(args))


CUSTOM_CALL = Primitive("custom_call", "custom", _custom_call, outputs=0)
"""Stands in graphs for a call of a user's function with rules of its own."""
CUSTOM_CALL.call = _custom_call

CUSTOM_CALL_WITH_EFFECTS = Primitive(
    "custom_call_with_effects", "custom", _custom_call, outputs=0, effects=True
)
"""The same where the function does more than its outputs tell."""
CUSTOM_CALL_WITH_EFFECTS.call = _custom_call


def make_graph(fun: Callable[P, Any]) -> Callable[P, Graph]:
    """A function that returns the graph of `fun`: what it computes, as typed equations.

    Parameters
    ----------
    fun : callable
        Takes and returns pytrees of arrays. It runs once, on types alone.

    Returns
    -------
    callable
        With the arguments of `fun` (arrays, Python numbers or :class:`ArrayType`); returns a
        `Graph`, which prints one equation a line and computes with ``graph(*args)``.

    Raises
    ------
    ConversionError
        `fun` asks for a value while it is staged (a Python ``if`` on an array).

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.make_graph(lambda x: np.sin(x) * 2)(1.0)
    graph <lambda>(a: weak float64[]):
      b: float64[] = sin(a)
      c: float64[] = multiply(b, 2)
      return c
    """
    _check_function(fun, "make_graph")

    @wraps(fun)
    def graph(*args: P.args, **kwargs: P.kwargs) -> Graph:
        stage, outs, trees = _stage(fun, "make_graph", args, kwargs)
        built = stage.graph(getattr(fun, "__name__", "function"), outs)
        built.in_tree, built.out_tree = trees
        return built

    return graph


def eval_shape(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The types of what ``fun(*args, **kwargs)`` returns, without computing it.

    Parameters
    ----------
    fun : callable
    *args, **kwargs : pytrees
        Arrays, Python numbers, or :class:`ArrayType` (anything with ``shape`` and ``dtype``).

    Returns
    -------
    pytree of ArrayType

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.eval_shape(np.matmul, ft.ArrayType((1000, 2000), "f4"), ft.ArrayType((2000, 3), "f4"))
    float32[1000,3]
    """
    _check_function(fun, "eval_shape")
    _, outs, (_, out_tree) = _stage(fun, "eval_shape", args, kwargs)
    return tree.unflatten(out_tree, [type_of(o) for o in outs])


def _check_function(fun: Any, transform: str) -> None:
    if not callable(fun):
        raise InputTypeError(f"{transform} takes a function, got {type(fun).__name__}")


def _stage(
    fun: Callable[..., Any], transform: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Stage, list[Any], tuple[tree.TreeDef, tree.TreeDef]]:
    """Run a function on variables: the interpreter, the flat outputs, and both trees."""
    leaves, in_tree = tree.flatten((args, kwargs))
    with Stage(fun, transform) as stage:
        stage.label = lambda i: leaf_label(fun, tree.leaf_paths(in_tree)[i])
        variables = [
            TracedGenerator(stage.variable(GENERATOR_TYPE))
            if is_generator(x)
            else as_what(stage.variable(_staged_type(fun, transform, in_tree, j, x)), x)
            for j, x in enumerate(leaves)
        ]
        new_args, new_kwargs = tree.unflatten(in_tree, variables)
        out = fun(*new_args, **new_kwargs)
    outs, out_tree = tree.flatten(out)
    for o in outs:
        if not is_array(o):
            raise OutputTypeError(
                f"{transform}({describe_function(fun)}): the function returned "
                f"{describe_output(o)}; a staged function returns arrays"
            )
    return stage, outs, (in_tree, out_tree)


def _staged_type(
    fun: Callable[..., Any], transform: str, in_tree: tree.TreeDef, j: int, x: Any
) -> ArrayType:
    subclass = issubclass(type(x), np.ndarray) and type(x) not in (np.ndarray, np.memmap)
    if is_array(x) and not subclass:
        return type_of(x)
    _, first, *rest = tree.leaf_paths(in_tree)[j]
    label = (
        argument_label(fun, first.key) if isinstance(first.key, int) else f"argument {first.key!r}"
    )
    if subclass:
        who = f"{transform}({describe_function(fun)})"
        raise subclass_refused(who, f"{label}{tree.key_string(tuple(rest))}", x)
    raise InputTypeError(
        f"{transform}({describe_function(fun)}): {label}{tree.key_string(tuple(rest))} is a "
        f"{type(x).__name__}, "
        "which is no array. Bind it beforehand (functools.partial or a lambda)."
    )
