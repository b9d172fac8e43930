"""Work in pieces, which several threads share where that pays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import Builder, Value, number
from functrans.compile.llvm.code.pool import LEAST
from functrans.compile.llvm.code.threads import OPERANDS, parallel

if TYPE_CHECKING:
    from collections.abc import Sequence


def in_pieces(
    builder: Builder,
    name: str,
    operands: Sequence[Value],
    count: Value | int,
    nanoseconds: Value | int,
    memory: Value | None = None,
) -> None:
    """Call a function of the module for some pieces of work.

    Parameters
    ----------
    builder : Builder
    name : str
        Of a function that takes the operands, memory of the thread's own if there is such, then the
        first piece and the first of those that follow (i64). It does not matter in which order
        pieces are computed.
    operands : sequence of Value
        Of eight bytes at most, each.
    count : Value or int
        How many pieces there are.
    nanoseconds : Value or int
        About how long they take one thread.
    memory : Value, optional
        What the calling thread has for itself, at most
        :data:`functrans.compile.llvm.code.pool.ROOM` bytes.
    """
    own = [] if memory is None else [memory]
    few = isinstance(count, int) and count < 2
    if few or (isinstance(nanoseconds, int) and nanoseconds < 2 * LEAST):
        end = count if isinstance(count, Value) else number(count, "i64")
        builder.call(name, "void", *operands, *own, number(0, "i64"), end)
        return
    context = builder.slot("i64", len(operands))
    for i, operand in enumerate(operands):
        builder.store(operand, builder.at(context, i, "i64"))
    chunk = f"{name}_piece"
    if chunk not in builder.module.functions:
        inner = Builder(builder.module, chunk, "void", OPERANDS, internal=True)
        given, index, room = inner.operands
        values = [
            inner.load(operand.type, inner.at(given, i, "i64"))
            for i, operand in enumerate(operands)
        ]
        last = inner.add(index, 1)
        inner.call(name, "void", *values, *([] if memory is None else [room]), index, last)
        inner.finish()
    parallel(builder, chunk, context, count, nanoseconds, memory)
