"""Staging with the values of one call at hand, for Python's ``if`` and ``while`` and for debugging.

A condition that Python asks for is answered with the value in this call, and the answer is recorded
as a guard: the program that results is good for all calls in which every guard holds. Where lanes
of a batch inside take their own paths, the answer is that of all lanes at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from functrans.control.derived import known
from functrans.core.array import TracedArray, as_what
from functrans.core.dispatch import public_function
from functrans.core.errors import ConversionError, user_line
from functrans.core.interpreter import Interpreter, under
from functrans.core.primitive import Primitive
from functrans.core.types import ArrayType
from functrans.graph.graph import Equation, Variable
from functrans.transforms.batching import Batch
from functrans.transforms.staging import Stage, StageArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Outcome: TypeAlias = bool | bytes
"""What Python was told of a condition: whether it holds, or for each of the lanes, a byte each."""


class PathLeft(BaseException):
    """A guard of a program does not hold. Not an Exception, which a user's function may catch.

    `outcomes` are those of the guards up to this one.
    """

    def __init__(self, outcomes: tuple[Outcome, ...]) -> None:
        self.outcomes = outcomes


class LanesDecideError(BaseException):
    """A condition depends on values of which each lane of a batch has another."""


def in_lanes(interpreter: Interpreter | None) -> bool:
    """Whether a batch around may part where a Python condition differs between its lanes."""
    while interpreter is not None:
        if type(interpreter) is Batch and interpreter.follow:
            return True
        interpreter = interpreter.parent
    return False


class Recording(Stage):
    """Stages a function, and knows the values that the inputs have in this call.

    Attributes
    ----------
    outcomes : list of Outcome
        What Python was answered, in order.
    """

    __slots__ = ("_done", "_known", "follow", "outcomes")

    leaves = True

    stepwise = False
    """Whether the operations are carried out as they are recorded."""

    def __init__(self, function: object, *, follow: bool) -> None:
        super().__init__(function, "jit")
        self.follow = follow
        self.outcomes: list[Outcome] = []
        self._known: dict[Variable, Any] = {}
        self._done = 0

    def input(self, kind: ArrayType, value: Any) -> StageArray:
        """A new input of the graph, with its value if that is known."""
        array = self.variable(kind)
        plain = known(value)
        if plain is not None:
            self._known[array.variable] = plain
        return as_what(array, value)

    def taken_back(self, first: int) -> list[Equation]:
        self._done = min(self._done, first)
        return super().taken_back(first)

    def _advance(self) -> None:
        """Carry out the equations that have been recorded since."""
        values = self._known
        for equation in self.equations[self._done :]:
            self._done += 1
            args = [values.get(x, _UNKNOWN) if type(x) is Variable else x for x in equation.inputs]
            if equation.effects or any(x is _UNKNOWN or isinstance(x, TracedArray) for x in args):
                continue
            primitive = equation.primitive
            with under(None), np.errstate(all="ignore"):
                ans = primitive.call(*args, **equation.params)
            outs = (ans,) if primitive.outputs is None else ans
            values.update(zip(equation.outputs, outs, strict=True))

    def value_of(self, array: StageArray, wanted: str) -> Any:
        value = self._in_this_call(array) if wanted == "bool" else _UNKNOWN
        if value is _UNKNOWN:
            return super().value_of(array, wanted)
        outcome = bool(value)
        self._guard(array, outcome)
        return outcome

    def truths_of(self, array: StageArray) -> Any:
        value = self._in_this_call(array)
        if value is _UNKNOWN:
            return None
        truths = np.asarray(value).astype(bool)
        self._guard(array, truths.tobytes())
        return truths

    @property
    def follows(self) -> bool:  # type: ignore[override]
        return self.follow or self.stepwise

    def _in_this_call(self, array: StageArray) -> Any:
        """The value on which Python's path may depend; what is not known is told apart."""
        if not self.follows:
            return _UNKNOWN
        self._advance()
        value = self._known.get(array.variable, _UNKNOWN)
        if value is _UNKNOWN and in_lanes(self.parent):
            raise LanesDecideError
        return value

    def _guard(self, array: StageArray, outcome: Outcome) -> None:
        """Let the program check that a condition comes out like this."""
        self.outcomes.append(outcome)
        params = {"outcomes": tuple(self.outcomes)}
        self.equations.append(Equation(GUARD, (array.variable,), params, (), user_line()))

    def described(self, array: StageArray) -> str:
        value = self._known.get(array.variable, _UNKNOWN) if self.stepwise else _UNKNOWN
        return "" if value is _UNKNOWN else f", value {value!r}"

    def values(self, outs: Sequence[Any]) -> list[Any]:
        """The values of outputs in this call, where everything has been carried out."""
        return [self._known.get(x.variable, x) if self.owns(x) else x for x in outs]


class Stepping(Recording):
    """Carries the operations out as well, one by one, while the function runs."""

    __slots__ = ()

    stepwise = True

    def process(self, primitive: Primitive, args: Any, params: dict[str, Any]) -> Any:
        ans = super().process(primitive, args, params)
        self._advance()
        return ans


_UNKNOWN = object()


def _guard(x: Any, *, outcomes: tuple[Outcome, ...]) -> tuple[()]:
    lanes = type(outcomes[-1]) is bytes
    outcome = np.asarray(x).astype(bool).tobytes() if lanes else bool(x)
    if outcome != outcomes[-1]:
        raise PathLeft((*outcomes[:-1], outcome))
    return ()


def _guard_batch(x: Any, *, outcomes: tuple[Outcome, ...]) -> tuple[()]:
    raise ConversionError(
        "the function of a jit branches in Python on a value of which each lane of a vmap has "
        "another. Write functrans.cond or numpy.where, or jit the mapped function and branch on "
        "what the lanes share."
    )


GUARD = Primitive(
    "guard",
    "general",
    _guard,
    batch=_guard_batch,
    shape=lambda x, *, outcomes: (),
    differentiable=False,
    outputs=0,
    effects=True,
)
"""Stands in a graph where Python was told whether a condition holds."""

public_function(GUARD, _guard, 1)
