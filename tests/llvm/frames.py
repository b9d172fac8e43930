"""How much of the stack the functions of a module take, by the assembly that LLVM makes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from functrans.compile.llvm.code import engine
from functrans.compile.llvm.code.engine import PASSES, QUICK, machine

_HEAD = re.compile(r"^([\w.$]+):")
_PUSH = re.compile(r"^\s+pushq\s")
_TAKE = re.compile(
    r"^\s+(?:subq\s+\$(\d+), %rsp|addq\s+\$-(\d+), %rsp|sub\s+sp, sp, #(\d+)(, lsl #12)?)"
)
_STORED = re.compile(r"^\s+st[pr]\s.*\[sp, #-(\d+)\]!")


def frames_of(text: str, *, quick: bool = False) -> dict[str, int]:
    """Bytes of the stack that each function of a module takes, but for what it calls.

    Parameters
    ----------
    text : str
        Of the module.
    quick : bool
        Compiled without optimisations.
    """
    module, target = machine().optimized(text, QUICK if quick else PASSES)
    found: dict[str, int] = {}
    name = ""
    for line in target.emit_assembly(module).split("\n"):
        if head := _HEAD.match(line):
            name = head[1]
            found.setdefault(name, 8)  # the address to return to
        elif _PUSH.match(line):
            found[name] += 8
        elif take := _TAKE.match(line):
            size, minus, other, wide = take.groups()
            found[name] += int(size or minus or other) << (12 if wide else 0)
        elif stored := _STORED.match(line):
            found[name] += int(stored[1])
    return found


@contextmanager
def collected() -> Iterator[list[tuple[str, bool]]]:
    """The texts of all modules that are compiled meanwhile, and whether without optimisations."""
    found: list[tuple[str, bool]] = []
    inner = engine._made

    def noted(here: Any, text: str, key: str, passes: Any) -> Any:
        found.append((text, passes is QUICK))
        return inner(here, text, key, passes)

    with patch.object(engine, "_made", noted):
        yield found
