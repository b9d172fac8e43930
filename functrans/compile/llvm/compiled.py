"""The text of a module as code: quick code first, where that pays, and optimised code later."""

from __future__ import annotations

import ctypes
import warnings
from functools import partial
from typing import TYPE_CHECKING
from weakref import ref

from functrans.compile import background
from functrans.compile.llvm.code.engine import at_hand, load, load_quickly

if TYPE_CHECKING:
    from collections.abc import Callable
    from weakref import ReferenceType

    from functrans.compile.llvm.code.builder import Module
    from functrans.compile.llvm.code.engine import Loaded


LONGEST = 2000
"""Lines of a function up to which it is compiled without optimisations: values then lie on the
stack, where they took up to fifty bytes a line, and stacks of threads are small."""


class Compiled:
    """The function ``run`` of a module.

    Parameters
    ----------
    module : Module
    table : array of c_void_p or None
        What its function ``bind`` is to be given, if it has one.
    verify : bool
        Have LLVM check the module first.
    quick : bool
        Have code at hand in a quarter of the time; it is replaced by what a thread compiles with
        all optimisations, once nothing else is to be compiled. Both give the same bits.
    whole : callable, optional
        What gives the module that is optimised, if `module` is one for quick code alone. It is
        called when there is no optimised code yet: `module` tells which that is, and `arena`.
    arena : int
        Bytes that either works in.

    Attributes
    ----------
    body : c_void_p
        Where the address of ``run`` stands.
    optimized : bool
        Whether the code that runs now has all optimisations.
    """

    def __init__(
        self,
        module: Module,
        table: ctypes.Array[ctypes.c_void_p] | None = None,
        *,
        verify: bool = False,
        quick: bool = False,
        whole: Callable[[], Module] | None = None,
        arena: int = 0,
    ) -> None:
        self._text = module.text()
        self._whole = whole
        self._arena = arena
        self.body = ctypes.c_void_p()
        self._table = table
        self._codes: list[Loaded] = []  # a thread may run the first when there is a second
        self._names = ["run"] if table is None else ["run", "bind"]
        fits = max([x.count("\n") for x in module.functions.values()]) < LONGEST
        if not (quick and fits) or at_hand(self._known_as):
            self.optimize(verify=verify)
            return
        self._use(load_quickly(module, self._names), optimized=False)
        background.when_calm(partial(_optimize, ref(self)))

    @property
    def address(self) -> int:
        """Of ``i32 run(ptr inputs, ptr outputs, ptr arena, ptr sizes)``, as it is now."""
        assert self.body.value is not None
        return self.body.value

    @property
    def text(self) -> str:
        """Of the module that is optimised."""
        return self._text if self._whole is None else self._whole().text()

    @property
    def _known_as(self) -> str:
        """What optimised code is found by."""
        return self._text if self._whole is None else f"; {self._arena} bytes\n{self._text}"

    def optimize(self, *, verify: bool = False) -> None:
        """Compile it with all optimisations."""
        names, known_as = self._names, self._known_as
        code = load(lambda: self.text, names, verify=verify, kept=False, known_as=known_as)
        self._use(code, optimized=True)

    def _use(self, code: Loaded, *, optimized: bool) -> None:
        if self._table is not None:
            bind = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code["bind"])
            bind(ctypes.addressof(self._table))
        self._codes.append(code)
        self.body.value = code["run"]
        self.optimized = optimized


def _optimize(reference: ReferenceType[Compiled]) -> None:
    compiled = reference()
    if compiled is None:  # nobody has it any more
        return
    try:
        compiled.optimize()
    except Exception as error:
        warnings.warn(
            f"native code could not be compiled with optimisations, and goes on without: {error}",
            RuntimeWarning,
            stacklevel=1,
        )
