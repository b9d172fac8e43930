"""The text of a module as code: quick code first, where that pays, and optimised code later."""

from __future__ import annotations

import ctypes
from functools import partial
from typing import TYPE_CHECKING
from weakref import ref

from functrans.compile.llvm.code.engine import at_hand, key_of, load, load_quickly
from functrans.compile.llvm.code.postponed import optimize_later

if TYPE_CHECKING:
    from collections.abc import Callable
    from weakref import ReferenceType

    from functrans.compile.llvm.code.builder import Module
    from functrans.compile.llvm.code.engine import Loaded


LONGEST = 2000
"""Lines of a function up to which it is compiled without optimisations: values then lie on the
stack, where they took up to fifty bytes a line, and stacks of threads are small."""


class Body:
    """Where the address of a function of native code stands, which may be replaced while it runs.

    Parameters
    ----------
    table : array of c_void_p or None
        What the function ``bind`` of its modules is to be given, if they have one.

    Attributes
    ----------
    body : c_void_p
    optimized : bool
        Whether the code that runs now has all optimisations.
    """

    optimized: bool

    def __init__(self, table: ctypes.Array[ctypes.c_void_p] | None) -> None:
        self.body = ctypes.c_void_p()
        self.names = ["run"] if table is None else ["run", "bind"]
        self._table = table
        self._codes: list[Loaded] = []  # a thread may run the first when there is a second

    def use(self, code: Loaded, *, optimized: bool) -> None:
        """Have the function ``run`` of a module run from now on."""
        if self._table is not None:
            bind = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code["bind"])
            bind(ctypes.addressof(self._table))
        self._codes.append(code)
        self.body.value = code["run"]
        self.optimized = optimized

    def optimize(self) -> None:
        """Compile it with all optimisations."""
        raise NotImplementedError

    def optimize_later(self) -> None:
        """Have a thread do that, once nothing else is to be compiled."""
        optimize_later(partial(_optimize, ref(self)))


class Compiled(Body):
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
    first : list of tuple
        What the quick code is found by, if it was made, and functions that it has for others;
        before, the same of the modules whose functions it calls.
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
        super().__init__(table)
        self._text = module.text()
        self._whole = whole
        self._arena = arena
        self.first: list[tuple[str, list[str]]] = []
        fits = max([x.count("\n") for x in module.functions.values()]) < LONGEST
        if not (quick and fits) or at_hand(self._known_as):
            self.optimize(verify=verify)
            return
        first = load_quickly(module, self.names)
        self.first = [(x.key, x.offered) for x in (*first.lenders(), first)]
        self.use(first, optimized=False)
        self.optimize_later()

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

    @property
    def key(self) -> str:
        """What optimised code is found by, on the disk too."""
        return key_of(self._known_as)

    def optimize(self, *, verify: bool = False) -> None:
        """Compile it with all optimisations."""
        names, known_as = self.names, self._known_as
        code = load(lambda: self.text, names, verify=verify, kept=False, known_as=known_as)
        self.use(code, optimized=True)


def _optimize(reference: ReferenceType[Body]) -> None:
    compiled = reference()
    if compiled is not None:  # otherwise nobody has it any more
        compiled.optimize()
