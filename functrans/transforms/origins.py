"""Where a value on a tape comes from, for messages: found only when one is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.core import tree
from functrans.core.primitive import Primitive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functrans.transforms.arguments import Selection

SHOWN = 3
"""How many arguments a message names at most."""


def labels(selection: Selection, leaves: list[Any], trees: list[tree.TreeDef]) -> list[str]:
    """How messages call the inputs of a tape: the leaves that have a derivative."""
    names = []
    for i, treedef in enumerate(trees):
        for path in tree.leaf_paths(treedef):
            names.append(selection.label(i) + (f" at {tree.key_string(path)}" if path else ""))
    return [name for name, leaf in zip(names, leaves, strict=True) if leaf is not None]


def origin(tape: list[Any], index: int, inputs: tuple[Any, ...] | None) -> str:
    """``, the result of multiply, which depends on argument 'x'``; empty if nothing is known.

    `inputs` are the arguments of :func:`labels`.
    """
    if (
        not 0 <= index < len(tape)
    ):  # of the second run of a checkpointed function, with its own tape
        return ""
    names = labels(*inputs) if inputs else []
    entry = record(tape, index)
    if entry is None:
        return f", {names[index]}" if index < len(names) else ""
    primitive = entry
    while type(primitive) is tuple:
        primitive = primitive[1] if type(primitive[0]) is tuple else primitive[0]
    if not isinstance(primitive, Primitive):
        return ""
    text = f", the result of {primitive.name}"
    return text + depends_on([names[i] for i in sources(tape, index) if i < len(names)])


def depends_on(names: list[str]) -> str:
    """``, which depends on argument 'x', argument 'y'``; empty for no names."""
    if not names:
        return ""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f", which depends on {', '.join(names[:SHOWN])}{more}"


def record(tape: list[Any], index: int) -> Any:
    """The entry of the operation whose result stands at this place; None for an input."""
    if tape[index] is not None:
        return tape[index]
    for k in range(index - 1, -1, -1):  # several outputs stand right behind their operation
        entry = tape[k]
        if entry is not None:
            several = type(entry) is tuple and type(entry[0]) is tuple
            return entry if several and index <= k + len(entry[0]) else None
    return None


def sources(tape: list[Any], index: int) -> list[int]:
    """The inputs that a value depends on, as far as the tape still has its links."""
    found = []
    seen = {index}
    waiting = [index]
    while waiting:
        place = waiting.pop()
        entry = record(tape, place)
        if entry is None:
            found.append(place)
            continue
        for before in operands(entry):
            if before not in seen and 0 <= before < len(tape):
                seen.add(before)
                waiting.append(before)
    return sorted(found)


def operands(entry: Any) -> Iterator[int]:
    """The places of an operation's operands."""
    if type(entry) is tuple and type(entry[0]) is tuple:
        entry = entry[1]
    if type(entry) is not tuple:  # what a backward walk leaves of an entry
        return
    operation, links = entry
    if links is None:  # a checkpointed function, which keeps its arguments
        yield from (i for _, i in operation.args if i is not None)
        return
    for _, index, *_ in links:
        yield from (i for i in (index if type(index) is list else [index]) if i is not None)
