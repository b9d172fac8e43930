"""Hooks of nodes on the tape of a backward pass: entries before and behind that of the node."""

from __future__ import annotations

from typing import Any

from functrans.core.interpreter import stack, under
from functrans.core.types import type_of
from functrans.torch.engine import ENGINE
from functrans.torch.operation import Node
from functrans.torch.tensor import conjugated, wrap


class _Entry:
    """Stands on a tape for hooks, where otherwise a primitive stands."""

    masks = None
    name = "hook"


_ENTRY = _Entry()


def before(node: Node, tape: list[Any]) -> None:
    """Put an entry behind the outputs of a node, which runs its prehooks and notes what arrives."""
    own = node.place if type(node.place) is list else [node.place]
    output = node.out if node.variable is None else node.variable().array.value
    types = node.types or (type_of(output),)

    def call(gs: Any, residuals: Any, params: Any) -> list[Any]:
        for hook in node.prehooks or ():
            gs = _replaced(hook, gs)
        node.arrived = gs if node.posthooks else None
        return list(gs)

    tape.append((types, (_ENTRY, [(call, own, (), {}, list(types))])))
    places = list(range(len(tape), len(tape) + len(types)))
    tape.extend([None] * len(types))
    node.place = places if type(node.place) is list else places[0]


def after(node: Node, links: Any, tape: list[Any]) -> list[Any]:
    """Let the gradients that a node hands on pass through its posthooks.

    Returns the links to places of their own, from which an entry hands on what the hooks leave.
    """
    own_type = None if node.types else type_of(node.out)
    indices: list[Any] = []
    types: list[Any] = []
    redirected = []
    first = len(tape) + 1
    for pull, index, residuals, params, space in links:
        start = first + len(indices)
        if type(index) is list:
            places: Any = [None if i is None else start + j for j, i in enumerate(index)]
            indices += index
            types += space
        else:
            places = start
            indices.append(index)
            types.append(space or own_type)
        redirected.append((pull, places, residuals, params, space))

    def call(gs: Any, residuals: Any, params: Any) -> list[Any]:
        arrived, node.arrived = node.arrived or (), None
        for hook in node.posthooks or ():
            gs = _replaced(hook, gs, arrived)
        return list(gs)

    tape.append((tuple(types), (_ENTRY, [(call, indices, (), {}, types)])))
    tape.extend([None] * len(indices))
    return redirected


def _replaced(hook: Any, gs: Any, *more: Any) -> Any:
    """Call a hook with tensors, and take what it returns instead if that is not None."""

    def shown(values: Any) -> tuple[Any, ...]:
        return tuple(None if g is None else wrap(conjugated(g)) for g in values)

    with under(stack.top or ENGINE):
        result = hook(shown(gs), *map(shown, more))
    if result is None:
        return gs
    given = result if isinstance(result, tuple | list) else (result,)
    return tuple(
        None if t is None else conjugated(t.array_or_value(g))
        for t, g in zip(given, gs, strict=True)
    )
