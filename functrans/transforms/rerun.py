"""Looking into an operation whose parameters are graphs: it runs again, step by step."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.graph.graph import Variable, named_graphs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from functrans.core.primitive import Primitive
    from functrans.graph.graph import Equation, Graph


class _Found(Exception):
    """What was looked for."""


class _Unknown(Exception):
    """It cannot be found out without effects, which have happened already."""


def first_inside(
    primitive: Primitive,
    values: Sequence[Any],
    params: dict[str, Any],
    look: Callable[[Equation, Sequence[Any], Sequence[Any]], Any],
) -> tuple[Any, str] | None:
    """The first thing that ``look(equation, operands, results)`` returns of the operations inside
    another, and in which run of which graph; None if there is nothing.

    It works on plain values. The graphs of the operation run one equation after the other in place
    of their programs for as long as it takes, in this thread.
    """
    steppers: list[_Stepper] = []
    try:
        for name, graph in _all_graphs(params):
            steppers.append(_Stepper(name, graph, look))
        with np.errstate(all="ignore"):
            primitive.impl(*values, **params)
    except _Found as found:
        result: tuple[Any, str] = found.args[0]
        return result
    except _Unknown:
        return None
    finally:
        for stepper in reversed(steppers):
            stepper.restore()
    return None


def _all_graphs(params: dict[str, Any]) -> Iterator[tuple[str, Graph]]:
    for name, graph in named_graphs(params):
        yield name, graph
        for equation in graph.equations:
            for inner, nested in _all_graphs(equation.params):
                yield f"{equation.primitive.name} {inner} in {name}", nested


class _Stepper:
    """Stands for the program of a graph, and runs its equations one after the other."""

    def __init__(self, name: str, graph: Graph, look: Callable[..., Any]) -> None:
        self.name = name
        self.graph = graph
        self.look = look
        self.runs = 0
        self.thread = threading.get_ident()
        self.before = graph.program
        self.others = {key: x for key, x in graph.derived.items() if key[0] == "program"}
        graph.program = self
        graph.derived.update(dict.fromkeys(self.others, self))

    def restore(self) -> None:
        self.graph.program = self.before
        self.graph.derived.update(self.others)

    def __call__(self, *values: Any) -> list[Any]:
        if threading.get_ident() != self.thread:
            return self.graph.evaluate(values)
        self.runs += 1
        known: dict[Variable, Any] = dict(zip(self.graph.inputs, values, strict=True))
        for equation in self.graph.equations:
            args = [known[x] if type(x) is Variable else x for x in equation.inputs]
            if equation.primitive.effects:
                if equation.outputs:
                    raise _Unknown
                continue  # it has happened already
            ans = equation.primitive.impl(*args, **equation.params)
            outs = (ans,) if equation.primitive.outputs is None else ans
            found = self.look(equation, args, outs)
            if found is not None:
                raise _Found((found, f"run {self.runs} of {self.name}"))
            known.update(zip(equation.outputs, outs, strict=True))
        return [known[x] if type(x) is Variable else x for x in self.graph.outputs]
