"""The functions of linear algebra, compiled once for all programs, which call them by name.

They serve matrices of all sizes, so a program has no code of its own for them. They are compiled,
or read from the disk, when the first program needs them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from functrans.compile.llvm.code.builder import Builder, Module, Value
from functrans.compile.llvm.code.engine import PROVIDERS, load
from functrans.compile.llvm.linear.factorizing import CHOLESKY, LU, cholesky, lu
from functrans.compile.llvm.linear.substitution import SUBSTITUTION, substitution
from functrans.compile.llvm.linear.transposing import TRANSPOSING, transposing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FUNCTIONS: dict[str, tuple[Callable[[Module, str], str], Sequence[str], str]] = {
    "cholesky": (cholesky, CHOLESKY, "i1"),
    "lu": (lu, LU, "i1"),
    "substitution": (substitution, SUBSTITUTION, "void"),
    "transposing": (transposing, TRANSPOSING, "void"),
}
"""What writes each, the types of its operands and of what it returns."""


def call(builder: Builder, name: str, *operands: Value) -> Value:
    """Call one of :data:`FUNCTIONS`, for matrices of ``double``."""
    return builder.call(f"functrans_{name}", FUNCTIONS[name][2], *operands)


def _address(name: str) -> int:
    """Compile all of them, and find one."""
    module = Module()
    names = []
    for stem, (write, operands, result) in FUNCTIONS.items():
        inner = write(module, "double")
        b = Builder(module, f"functrans_{stem}", result, operands)
        found = b.call(inner, result, *b.operands)
        names.append(b.finish(None if result == "void" else found))
    return load(module.text(), names)[f"functrans_{name}"]


PROVIDERS.update({f"functrans_{name}": partial(_address, name) for name in FUNCTIONS})
