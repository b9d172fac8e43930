"""Calls of jitted functions that native code serves as a whole: arguments to results in one go.

What is left to Python is to see that nothing has changed which the program depends on.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from functrans.control.reads import watch
from functrans.core import tree
from functrans.core.generators import TracedGenerator
from functrans.core.interpreter import stack
from functrans.core.reports import interrupting, state

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from functrans.control.jit import Jitted
    from functrans.control.reads import Arrays, Reads
    from functrans.control.tracing import Trace

LONGEST = 8
"""Programs of which one after the other is tried."""


class Quick:
    """What a call does first.

    Attributes
    ----------
    fresh : callable
        Whether native programs are good for this call.
    run : callable
        Takes the arguments of the function and returns its result. It tries the program that was
        made last, then the one before, and in the end calls the function the usual way.
    known : frozenset
        The signatures of these programs.
    """

    __slots__ = ("fresh", "known", "run")

    def __init__(
        self, fresh: Callable[[], bool], run: Callable[..., Any], known: frozenset[Hashable]
    ) -> None:
        self.fresh = fresh
        self.run = run
        self.known = known


def quickened(
    before: Quick | None,
    signature: Any,
    trace: Trace,
    build: Callable[[list[Any]], tuple[tuple[Any, ...], dict[str, Any]]],
    reads: Reads,
    constants: Arrays,
    jitted: Jitted[..., Any],
    donated: tuple[int, ...],
) -> Quick | None:
    """What serves calls of this signature too; None if native code does not serve it as a whole.

    ``build(leaves)`` puts leaves into the places of the arguments, static ones included. The leaves
    at the places `donated` are given up by the caller.
    """
    if not trace.executor.native or trace.closed or TracedGenerator in signature[1]:
        return None
    from functrans.compile.llvm.calling.signature import Same
    from functrans.compile.llvm.native import NativeSegment

    program = trace.executor.program(trace.graph, donated)
    segment: NativeSegment | None = getattr(program, "segment", None)
    args, kwargs = build(trace.graph.input_types)
    if segment is None:
        return None
    static = {place for place, _, _ in signature[2]}
    inputs = [Same(x) if i in static else x for i, x in enumerate(args)]
    keywords = {name: Same(x) if name in static else x for name, x in kwargs.items()}
    outputs = tree.unflatten(trace.out_tree, segment.results())
    kept = before if before is not None and len(before.known) < LONGEST else None

    otherwise = partial(_declined, kept, jitted)
    try:
        run = segment.builtin(inputs, outputs, otherwise, keywords or None)
    except TypeError:  # a container that native code does not know
        return None
    known = kept.known if kept is not None else frozenset()
    return Quick(_watch(reads, constants), run, known | {signature})


def _declined(kept: Quick | None, jitted: Jitted[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A call that a program has declined."""
    return jitted.unusual(args, kwargs) if kept is None else kept.run(*args, **kwargs)


def never() -> bool:
    """What says that there are no native programs."""
    return False


def _watch(reads: Reads, constants: Arrays) -> Callable[[], bool]:
    """A function that tells whether no transform is active, nothing that was read has changed, and
    no floating-point error is to interrupt."""
    conditions, names = reads.conditions()
    conditions.insert(0, "stack.top is below.top")
    conditions.insert(1, "(state() is calm or not interrupting())")
    if constants:
        conditions.append("constants.change() is None")
    names |= {
        "stack": stack,
        "below": type(stack),
        "state": state,
        "calm": state(),
        "interrupting": interrupting,
        "constants": constants,
    }
    return watch(conditions, names)
