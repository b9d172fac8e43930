"""Which operations outside of jit a kernel carries out: those of large arrays in C order, where the
measured table says that a kernel beats NumPy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from functrans.compile.llvm.calling.memory import memory, usual
from functrans.compile.llvm.eager.kernel import SIZE, Kernel, graph_of, pass_of
from functrans.compile.llvm.eager.thresholds import LEAST
from functrans.core.errors import FunctransError
from functrans.core.reports import only_warning
from functrans.core.types import SCALARS, WEAK, ArrayType
from functrans.transforms.accelerated import hook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from functrans.core.primitive import Primitive
    from functrans.core.types import Array, Shape

MOST = 1024
"""Kernels that are known at a time, and rules for which there is none."""

KNOWN = frozenset({-2, -1, 0, 1, 2, 3, 4, 0.5})
"""Numbers of Python that a kernel is made for, since formulas are shorter for them; it is given any
other, so that one kernel serves them all."""


RULED = frozenset([name.partition(" ")[0] for name in LEAST if " " in name])
"""Operations with kernels for rules."""


class Entry(NamedTuple):
    """How an operation on operands of some types is carried out.

    Attributes
    ----------
    call : callable
        That of the kernel.
    least : int
        Elements from which on it beats NumPy.
    """

    call: Callable[..., Any]
    least: int


class Operands(NamedTuple):
    """The operands of a kernel, as it takes them.

    Attributes
    ----------
    given : list
        Arrays of one axis, and numbers.
    kinds : tuple
        What a kernel is made for: the dtype of an array, ``(dtype,)`` of a number of NumPy, the
        class of a Python number, or ``(class, number)`` of one that it knows.
    shape : tuple of int
        That of the result.
    order : {"C", "F"}
    """

    given: list[Any]
    kinds: tuple[Any, ...]
    shape: Shape
    order: str


def operands(args: Sequence[Any]) -> Operands | None:
    """The operands of a kernel; None where an operand is not plain or its memory is in another
    order, and where the arrays are not of one shape."""
    shape: Any = None
    order = ""
    given: list[Any] = []
    kinds: list[Any] = []
    for x in args:
        cls = type(x)
        if cls is np.ndarray and x.ndim:
            if shape is None:
                shape = x.shape
            elif x.shape != shape:
                return None
            flags = x.flags
            if flags.c_contiguous or flags.f_contiguous:
                own = "C" if flags.c_contiguous else "F"
                if x.ndim > 1:
                    if order and order != own:
                        return None
                    order = own
                    x = x.reshape(-1, order=own)
                kinds.append(x.dtype)
            elif not any(x.strides):
                x = x[(0,) * x.ndim]
                kinds.append((x.dtype,))
            else:
                return None
        elif cls in WEAK:
            if cls is not complex and x in KNOWN and (x or math.copysign(1, x) > 0):
                kinds.append((cls, x))
                continue
            kinds.append(cls)
        elif cls in SCALARS or cls is np.ndarray:
            kinds.append((x.dtype,))
        else:
            return None
        given.append(x)
    if shape is None or all([type(x) is not np.ndarray or not x.ndim for x in given]):
        return None
    return Operands(given, tuple(kinds), shape, order or "C")


def type_of_kind(kind: Any) -> Any:
    """What a formula is staged with for an operand: its type, or a number."""
    if type(kind) is type:
        return ArrayType((), kind, weak=True)
    if type(kind) is not tuple:
        return ArrayType((SIZE,), kind)
    return kind[1] if len(kind) == 2 else ArrayType((), kind[0])


class Operations:
    """Kernels for operations and their rules.

    Parameters
    ----------
    exact : bool
        Only those whose results have the bits of NumPy's.
    least : int, optional
        Elements from which on every operation with a kernel is carried out by it, in place of what
        was measured.
    """

    def __init__(self, exact: bool, least: int | None = None) -> None:
        self.exact = exact
        self.least = least
        self._memory = memory()
        self._entries: dict[Any, Entry | None] = {}

    def enter(self) -> Any:
        """Let arrays of this thread take memory that is kept, unless it has a way of its own."""
        return None if self._memory is None or not usual() else self._memory.enter()

    def leave(self, before: Any) -> None:
        """The end of that."""
        if before is not None and self._memory is not None:
            self._memory.leave(before)

    def serves(self, primitive: Primitive) -> bool:
        """Whether there may be a kernel for a rule of an operation."""
        return primitive.kind == "elementwise" and (
            self.least is not None or primitive.name in RULED
        )

    def value(
        self, primitive: Primitive, args: tuple[Array, ...], params: Mapping[str, Any]
    ) -> Any:
        """The output of an elementwise operation; None where NumPy is to compute it."""
        if (
            params
            or primitive.kind != "elementwise"
            or (self.least is None and primitive.name not in LEAST)
            or not _any_large(args)
        ):
            return None
        found = operands(args)
        if found is None or not only_warning():
            return None
        key = primitive, found.kinds
        entry = self._entries.get(key, _MISSING)
        if entry is _MISSING:
            function = primitive.call
            entry = self._kept(key, self._made(primitive.name, function, found, primitive.impl))
        return self._called(entry, found)

    def partial(self, primitive: Primitive, formula: Callable[..., Any], args: Any) -> Any:
        """What the formula of a rule gives; None where NumPy is to compute it. Nobody asks about
        floating-point errors in a formula."""
        if len(args) == 2 and type(args[1]) is np.ndarray:  # most of them
            flat, values, form = None, args, _PLAIN
        else:
            flat = _Flat(args)
            values, form = flat.values, flat.form
        if not _any_large(values):
            return None
        found = operands(values)
        if found is None:
            return None
        key = formula, form, found.kinds
        entry = self._entries.get(key, _MISSING)
        if entry is _MISSING:
            name = f"{primitive.name} {_operand_of(primitive, formula)}"
            function = formula if flat is None else flat.function(formula, found.shape)
            entry = self._kept(key, self._made(name, function, found, None))
        return self._called(entry, found)

    def _called(self, entry: Entry | None, found: Operands) -> Any:
        if entry is None:
            return None
        size = math.prod(found.shape)
        if size < (entry.least if self.least is None else self.least):
            return None
        outs = entry.call(*found.given)
        if outs is None:
            return None
        (out,) = outs
        return out if len(found.shape) == 1 else out.reshape(found.shape, order=found.order)

    def _kept(self, key: Any, entry: Entry | None) -> Entry | None:
        if len(self._entries) >= MOST:
            self._entries.clear()
        self._entries[key] = entry
        return entry

    def _made(
        self,
        name: str,
        function: Callable[..., Any],
        found: Operands,
        impl: Callable[..., Any] | None,
    ) -> Entry | None:
        """The kernel of a function of operands, which is compiled now; `impl` carries out what it
        does not, a rule is left to the caller there."""
        kinds = list(map(type_of_kind, found.kinds))
        dtypes = [k.dtype for k in kinds if type(k) is ArrayType and not k.weak]
        least = LEAST.get(name, {}).get(np.result_type(*dtypes).char)
        if self.least is not None:
            least = self.least
        if least is None:
            return None
        try:
            graph = graph_of(function, kinds, name.replace(" ", "_"))
        except FunctransError:  # the formula asks for values
            return None
        work = None if graph is None else pass_of(graph)
        if work is None or (self.exact and not work.exact):
            return None
        known = [_MISSING if type(k) is ArrayType else k for k in kinds]

        def by_numpy(*given: Any) -> Any:
            if impl is None:
                return None
            rest = iter(given)
            out = impl(*[next(rest) if x is _MISSING else x for x in known])
            return [out]

        return Entry(Kernel(work, by_numpy, reports=impl is not None).call, least)


def _operand_of(primitive: Primitive, formula: Callable[..., Any]) -> int:
    """The operand whose rule a formula is."""
    rules = [*enumerate(primitive.pulls or ()), *enumerate(primitive.pushes or ())]
    for i, brief in enumerate(primitive.briefs):
        if brief and brief[0] is formula:
            return i
    return next((i for i, rule in rules if getattr(rule, "apply", None) is formula), 0)


_MISSING: Any = object()


def _any_large(args: Sequence[Any]) -> bool:
    """Whether there is a large array among these."""
    least = hook.least
    return any([type(x) is np.ndarray and x.size >= least for x in args])


class _Flat:
    """What a rule is called with, as its values one after another, and how these were nested.

    Attributes
    ----------
    values : list
        Arrays and numbers.
    form : tuple
        The nesting, with types of which shapes are left out, and with parameters.
    """

    def __init__(self, args: Any) -> None:
        self.values: list[Any] = []
        self.form = self._taken(args)

    def _taken(self, x: Any) -> Any:
        cls = type(x)
        if cls is tuple:
            return tuple([self._taken(part) for part in x])
        if cls is dict:
            return ("params", *sorted(x.items()))
        if cls is ArrayType:
            return ("type", x.dtype, x.shape)
        if x is None:
            return None
        self.values.append(x)
        return _VALUE

    def function(self, formula: Callable[..., Any], shape: Shape) -> Callable[..., Any]:
        """The formula as a function of the values, with arrays of the size that kernels have."""
        form = self.form
        return lambda *values: formula(*_nested(form, iter(values), shape))


def _nested(form: Any, values: Iterator[Any], shape: Shape) -> Any:
    """Values in the nesting of a form; types of a shape get that of kernels."""
    if form is _VALUE:
        return next(values)
    if type(form) is not tuple:
        return form
    if form and form[0] == "params":
        return dict(form[1:])
    if form and form[0] == "type":
        return ArrayType((SIZE,) if form[2] == shape else form[2], form[1])
    return tuple([_nested(x, values, shape) for x in form])


_VALUE = "value"

_PLAIN = (_VALUE, _VALUE)
