"""Looking for keys that are used twice: an interpreter that hands every operation to its parent,
and notes which keys it took."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np

from functrans.core import tree
from functrans.core.array import TracedArray
from functrans.core.errors import RandomnessError, is_user_code, user_frame, user_line
from functrans.core.interpreter import CustomCall, Interpreter, stack
from functrans.core.types import dtype_of, is_array, shape_of, type_of
from functrans.graph.graph import Graph, Variable, graphs_in
from functrans.random.arguments import WORD, looking
from functrans.transforms.staging import Stage, StageArray
from functrans.transforms.walk import pull_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from functrans.core.primitive import Primitive
    from functrans.core.types import Array

TAKES = {
    "random_bits": "bits or an order",
    "random_uniform": "uniform numbers",
    "random_normal": "normal numbers",
    "random_integers": "whole numbers",
    "random_loggamma": "gamma variables",
    "random_poisson": "counts",
    "random_binomial": "counts",
    "random_wald": "inverse Gaussian variables",
    "random_split": "other keys",
    "random_fold": "the key of a number",
}
"""The primitives that use up the key in their first operand, and what they make of it."""


LOOPS = ("scan", "while_loop", "fori_loop", "associative_scan")
BRANCHES = ("cond", "switch")

Mark: TypeAlias = tuple[Any, Any]
"""The bits of a key, or the variable of a graph, and the number that is folded in."""


class Use:
    """A key that was used: for what, and where."""

    __slots__ = ("line", "purpose")

    def __init__(self, purpose: str, line: str) -> None:
        self.purpose = purpose
        self.line = line

    def __str__(self) -> str:
        return f"for {self.purpose} at {self.line}"


class KeyWatch(Interpreter):
    """Raises at the second use of a key. It has no arrays of its own."""

    __slots__ = ("_used",)

    transform = "checking_keys"

    def __init__(self) -> None:
        super().__init__()
        self._used: dict[Mark, Use] = {}

    def __repr__(self) -> str:
        return "functrans.random.checking_keys()"

    def fresh(self, content: Array) -> Any:
        return self.fresh_below(content)

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        if primitive.name in TAKES:
            data = args[1] if primitive.name == "random_fold" else None
            self._use(args[0], data, Use(TAKES[primitive.name], _line()))
        elif primitive.kind == "higher-order":
            _check_rounds(primitive.name, params)
            for graph in graphs_in(params):
                _check_inside(graph)
            if primitive.name == "call":
                for i, use in _inputs_used(params["graph"]):
                    self._use(args[i], None, use)
        return self.hand_down(primitive, args, params)

    def _use(self, key: Array, data: Any, use: Use) -> None:
        """Note the use of a key, or of each key of a batch."""
        marks = list(_marks(key, data))
        for mark in marks:
            before = self._used.get(mark)
            if before is not None and not _in_backward_pass():
                _refuse(f"{_held_by(mark)} of type {type_of(key)}{_value(mark)}", before, use)
        if _innermost(BRANCHES, self) is None:  # of branches one alone will run
            for mark in marks:
                self._used.setdefault(mark, use)

    def checkpointed(self, function: Callable[..., list[Any]], args: list[Any]) -> list[Any]:
        return self.hand_down_checkpointed(function, args)

    def custom(self, call: CustomCall, args: list[Any]) -> list[Any]:
        if any(isinstance(x, TracedArray) for x in args):
            return self.hand_down_custom(call, args)
        return call.run(args)


def _innermost(transforms: tuple[str, ...], end: Any = None) -> Stage | None:
    """The innermost of such functions that is being staged, up to an interpreter."""
    interpreter = stack.top
    while interpreter is not None and interpreter is not end:
        if isinstance(interpreter, Stage) and interpreter.transform in transforms:
            return interpreter
        interpreter = interpreter.parent
    return None


def _look(who: str, key: Array) -> None:
    """Raise if a key from outside of a loop is used in its body, which is being staged."""
    loop = _innermost(LOOPS)
    if loop is None or who == "fold_in":
        return
    root = _lowered(key)
    if type(root) is StageArray:
        outside = loop.parent
        while outside is not None and outside is not root.interpreter:
            outside = outside.parent
        if outside is None:
            return
        marks: list[Mark] = [(root.variable, None)]
    else:
        marks = list(_marks(root, None))
    what = f"{_held_by(marks[0])} of type {type_of(key)}{_value(marks[0])}"
    _refuse_rounds(what, f"for {who} at {user_line()}", loop.transform)


def _refuse_rounds(key: str, use: object, loop: str) -> NoReturn:
    raise RandomnessError(
        f"{key} is used {use} in each round of a {loop}, which gives all rounds the same numbers. "
        "Let the carry hold a key that each round splits, map over functrans.random.split(key, n), "
        "or take fold_in(key, i) in round i."
    )


def _check_rounds(name: str, params: dict[str, Any]) -> None:
    """Raise if the body of a loop uses a key that is the same in all rounds."""
    body, consts = params.get("body"), params.get("consts")
    if isinstance(body, Graph) and isinstance(consts, int) and params.get("length") != 1:
        for i, use in _inputs_used(body):
            if i < consts:
                _refuse_rounds(f"a key of type {body.inputs[i].type}", use, name)


def _refuse(key: str, before: Use, now: Use) -> NoReturn:
    raise RandomnessError(
        f"{key} is used twice: {before}, and {now}. The numbers have to do with each other, or are "
        "the same. Make a key for each use with functrans.random.split(key), or with fold_in(key, "
        "i) for step i."
    )


def _marks(key: Array, data: Any) -> Iterator[Mark]:
    """What tells each of the keys in an array from others: its bits, or the variable of a graph."""
    number = _lowered(data)
    key = _lowered(key)
    if type(key) is StageArray or type(number) is StageArray:
        if type(key) is StageArray and not isinstance(number, TracedArray):
            yield key.variable, None if number is None else np.asarray(number).tobytes()
        return
    keys = np.asarray(key).reshape(-1, 2)
    numbers = [None] * len(keys)
    if number is not None:
        numbers = np.broadcast_to(np.asarray(number), np.shape(key)[:-1]).reshape(-1).tolist()
    yield from dict.fromkeys(zip(map(tuple, keys.tolist()), numbers, strict=True))


def _lowered(x: Any) -> Any:
    """What is below all traced arrays but those of graphs."""
    while isinstance(x, TracedArray) and type(x) is not StageArray:
        x = x.underlying
    return x


def _held_by(mark: Mark) -> str:
    """How the user's function calls a key: ``the key in argument 'keys'[0]``, if it has it."""
    frame = user_frame()
    if frame is None:
        return "a key"
    code = frame.f_code
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    for name, x in frame.f_locals.items():
        for path, leaf in tree.flatten_with_path(x):
            if _is_key(leaf) and any(mark[0] == key for key, _ in _marks(leaf, None)):
                kind = "argument" if name in arguments else "variable"
                return f"the key in {kind} {name!r}{tree.key_string(path)}"
    return "a key"


def _is_key(x: Any) -> bool:
    return is_array(x) and dtype_of(x) == WORD and shape_of(x)[-1:] == (2,)


def _value(mark: Mark) -> str:
    return f" and value {list(mark[0])}" if type(mark[0]) is tuple else ""


def _line() -> str:
    """The user's line; of an operation in a graph that of the function which was staged."""
    frame: Any = sys._getframe(1)
    while frame is not None and not is_user_code(frame.f_code.co_filename):
        if frame.f_code is Graph.evaluate.__code__:
            return str(frame.f_locals["equation"].line)
        frame = frame.f_back
    return user_line()


def _in_backward_pass() -> bool:
    """Whether a function runs again for its backward pass, with the keys that it had before."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_code is pull_back.__code__:
            return True
        frame = frame.f_back
    return False


def _uses(graph: Graph) -> Iterator[tuple[Variable, Use]]:
    """The variables that a graph uses as keys; calls of graphs are looked into."""
    for equation in graph.equations:
        name = equation.primitive.name
        if name in TAKES and name != "random_fold" and type(equation.inputs[0]) is Variable:
            yield equation.inputs[0], Use(TAKES[name], equation.line)
        elif name == "call":
            for i, use in _inputs_used(equation.params["graph"]):
                if type(equation.inputs[i]) is Variable:
                    yield equation.inputs[i], use


def _inputs_used(graph: Graph) -> Iterator[tuple[int, Use]]:
    places = {variable: i for i, variable in enumerate(graph.inputs)}
    seen = set()
    for variable, use in _uses(graph):
        if variable in places and variable not in seen:
            seen.add(variable)
            yield places[variable], use


def _check_inside(graph: Graph) -> None:
    """Raise if a graph uses a key in two places. What runs again for a backward pass makes the same
    numbers at the same line."""
    first: dict[Variable, Use] = {}
    for variable, use in _uses(graph):
        before = first.setdefault(variable, use)
        if (before.line, before.purpose) != (use.line, use.purpose):
            _refuse(f"a key of type {variable.type} in graph {graph.name}", before, use)
    for equation in graph.equations:
        _check_rounds(equation.primitive.name, equation.params)
        for inner in graphs_in(equation.params):
            _check_inside(inner)


class checking_keys:
    """A context in which using a key twice is an error.

    Within it each key, known by its bits, may make numbers or other keys once, be it in plain
    calls, under transforms or in lanes of ``vmap``; ``fold_in`` may take it once for each number.
    What runs again in a backward pass (``checkpoint``) may use its keys again, and so may lanes
    that share a key. Graphs are looked into: a key that is the same in all rounds of a loop may not
    be used there. Branches of ``cond`` that both use a key take it as an operand. Outside of the
    context nothing is checked, at no cost; other threads are not watched.

    Raises
    ------
    RandomnessError
        A key is used a second time; the message has both lines.

    Examples
    --------
    >>> import functrans as ft
    >>> key = ft.random.key(0)
    >>> with ft.random.checking_keys():
    ...     x = ft.random.normal(key)
    ...     y = ft.random.uniform(key)
    Traceback (most recent call last):
        ...
    functrans.core.errors.RandomnessError: the key in variable 'key' of type uint32[2] and value ...
    """

    def __init__(self) -> None:
        self._watches: list[tuple[KeyWatch, Any]] = []

    def __enter__(self) -> None:
        watch = KeyWatch()
        self._watches.append((watch, looking.look))
        watch.__enter__()
        looking.look = _look

    def __exit__(self, *exc: Any) -> None:
        watch, looking.look = self._watches.pop()
        watch.__exit__(*exc)
