"""``jit``: a function staged once for each kind of arguments, and run as a program from then on."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, overload
from weakref import WeakSet

import numpy as np

from functrans.compile import eager
from functrans.compile.executors import NUMPY, Backend, executor
from functrans.control.quick import Quick, never, quickened
from functrans.control.reads import Arrays, Reads
from functrans.control.recording import LanesDecideError, in_lanes
from functrans.control.signatures import (
    at_a_glance,
    joining,
    kind_of,
    plain_generator,
    selected,
    shown,
    spoken,
)
from functrans.control.tracing import Paths, Trace, trace
from functrans.core import tree
from functrans.core.declining import DeclinedError
from functrans.core.errors import InputTypeError, OptionError, describe_function
from functrans.core.garbage import no_collection
from functrans.core.generators import TracedGenerator, is_generator
from functrans.core.interpreter import outside, stack
from functrans.core.reports import interrupting
from functrans.transforms.arguments import argument_label, remedy_as_array, subclass_refused
from functrans.transforms.staging import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from functrans.control.jit_reports import CacheInfo, Lowered

P = ParamSpec("P")
R = TypeVar("R")

Branches = Literal["follow", "error"]

BELOW = type(stack)
"""``BELOW.top`` lies below all transforms, as :func:`outside` asks."""

KEPT = 256
"""How many functions' traces are kept."""


class Table:
    """The programs of a function: by signature, with the arrays that they took for constants.

    `reads` is kept so that no other object gets the address of one that the function reads.
    """

    __slots__ = ("constants", "paths", "reads")

    def __init__(self, reads: Reads | None) -> None:
        self.reads = reads
        self.paths: dict[Hashable, Paths[Trace]] = {}
        self.constants = Arrays()


_TABLES: OrderedDict[Hashable, Table] = OrderedDict()
"""The programs of functions by what these do: their code, what they read, and the options."""

_jitted: WeakSet[Jitted[..., Any]] = WeakSet()
"""All jitted functions, each of which has its last programs at hand."""


def clear_caches() -> None:
    """Forget the programs of all functions, so that each is staged anew at its next call; also the
    kernels of operations on large arrays, and the memory that native code keeps between calls.

    Examples
    --------
    >>> import functrans as ft
    >>> ft.clear_caches()
    """
    _TABLES.clear()
    for jitted in list(_jitted):
        jitted.clear_cache()
    eager.forget()


class Jitted(Generic[P, R]):
    """A function that runs as a program: what :func:`jit` returns."""

    def __init__(
        self,
        fun: Callable[P, R],
        static_argnums: int | Sequence[int],
        static_argnames: str | Sequence[str],
        donate_argnums: int | Sequence[int],
        donate_argnames: str | Sequence[str],
        debug: bool,
        branches: Branches,
        max_paths: int,
        backend: Backend | None,
        exact: bool,
        background: bool | None,
    ) -> None:
        if not callable(fun):
            raise InputTypeError(
                f"jit takes a function, got {type(fun).__name__}. Write jit(f)(x), not jit(f(x))."
            )
        if branches not in ("follow", "error"):
            raise OptionError(f"jit: branches is {branches!r}; it takes 'follow' or 'error'")
        if not isinstance(max_paths, int) or max_paths < 1:
            raise InputTypeError(f"jit: max_paths must be an int of at least 1, got {max_paths!r}")
        self.fun = fun
        self.static_argnums, self.static_argnames = selected(
            fun, "static", static_argnums, static_argnames
        )
        self.donate_argnums, self.donate_argnames = selected(
            fun, "donate", donate_argnums, donate_argnames
        )
        both = {*self.static_argnums, *self.static_argnames} & {
            *self.donate_argnums,
            *self.donate_argnames,
        }
        if both:
            raise InputTypeError(
                f"jit({describe_function(fun)}): {sorted(map(str, both))} are static and donated; "
                "a static argument is no array whose memory could be used"
            )
        self.debug = debug
        self.executor = executor(backend, exact, background)
        if debug:  # which compares with what NumPy gives, to the bit
            self.executor = NUMPY
        self.branches = branches
        self.max_paths = max_paths
        self._reads: Reads | None = None
        self._table = Table(None)
        self._hits = 0
        self._misses = 0
        self._reasons: list[str] = []
        self._last: Any = None
        self._again: Any = None  # the kinds of the last call's arguments, and what it ran
        self._install(None)
        _jitted.add(self)
        update_wrapper(self, fun, updated=())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if self._fresh():
            self._hits += 1
            return self._run(*args, **kwargs)  # type: ignore[no-any-return]
        return self._in_general(args, kwargs)  # type: ignore[no-any-return]

    def _install(self, quick: Quick | None) -> None:
        """Have calls begin with native code, or not."""
        self._fresh: Callable[[], bool] = never  # while the other is not there
        self._quick = quick
        if quick is not None:
            self._run = quick.run
            self._fresh = quick.fresh

    def _in_general(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of any kind."""
        again = self._again
        interpreter = stack.top
        if again is not None and interpreter is BELOW.top:
            in_tree, kinds, run, result, change, met, native = again
            leaves, found = (args, None) if in_tree is None else tree.flatten((args, kwargs))
            alike = not kwargs if in_tree is None else found == in_tree
            if alike and len(leaves) == len(kinds):
                for x, (cls, shape, dtype) in zip(leaves, kinds):  # noqa: B905  (takes as long)
                    if type(x) is not cls:
                        break
                    if shape is not None and (x.dtype is not dtype or x.shape != shape):
                        break
                else:
                    stale = change() or (met is not None and met())
                    if not (stale or (native and interrupting())):
                        self._hits += 1
                        try:
                            outs = run(*leaves)
                        except DeclinedError:
                            return self.fun(*args, **kwargs)
                        return outs[0] if result is None else result(outs)
        while interpreter is not None:
            if isinstance(interpreter, Stage):  # which makes a program of all of it
                return self.fun(*args, **kwargs)
            interpreter = interpreter.parent
        misses = self._misses
        paths, leaves, build = self._prepared(args, kwargs)
        if TracedGenerator in self._last[1] and TracedGenerator in map(type, leaves):
            # Its lanes draw one by one.
            return self.fun(*args, **kwargs)
        lanes = self.branches == "follow" and in_lanes(stack.top)
        try:
            if lanes and any(only.outcomes for only in paths.traces):
                raise LanesDecideError
            out = paths.run(leaves, partial(self._trace, self._reads, self._table, build, leaves))
        except LanesDecideError:
            if not lanes:
                raise
            return self.fun(*args, **kwargs)  # each lane of the batch takes its own path
        except DeclinedError:
            return self.fun(*args, **kwargs)  # whose transforms know of each other
        self._again = None
        if outside() and self._misses == misses:  # many programs run once
            self._prepare_next(paths, args, kwargs, build)
        return out

    def _prepare_next(
        self, paths: Paths[Trace], args: tuple[Any, ...], kwargs: dict[str, Any], build: Any
    ) -> None:
        """Have at hand what the next call needs if it is like this one, where that is told at a
        glance: there is one path."""
        reads = self._reads
        special = self.debug or len(paths.traces) != 1
        if special or reads is None or reads.traced:
            return
        (only,) = paths.traces
        if only.outcomes or only.declines and TracedGenerator in self._last[1]:
            return
        native = self.executor.native
        if native and (self._quick is None or self._last not in self._quick.known):
            quick = quickened(
                self._quick,
                self._last,
                only,
                build,
                reads,
                self._table.constants,
                self,
                paths.donated,
            )
            if quick is not None:
                self._install(quick)
                return
        if self.static_argnums or self.static_argnames or paths.donated:
            return
        seen = at_a_glance(args, kwargs)
        if seen is None:
            return
        made = self.executor.program(only.graph)
        if getattr(made, "settled", True):
            constants = self._table.constants
            met = constants.change if constants else None
            run = only.declining(made.run) if only.declines else made.run
            self._again = *seen, run, joining(only.out_tree), reads.change, met, native

    def unusual(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call that native code has declined."""
        self._hits -= 1
        return self._in_general(args, kwargs)

    def lower(self, *args: P.args, **kwargs: P.kwargs) -> Lowered:
        """The graph of this call after all passes, and the source of its program."""
        paths, leaves, build = self._prepared(args, kwargs)
        if not paths.traces or paths.traces[0].outcomes:  # which path the call takes is to be seen
            found = paths.entered(self._trace(self._reads, self._table, build, leaves))
        else:
            (found,) = paths.traces
        from functrans.control.jit_reports import Lowered

        made = self.executor.program(found.graph)
        return Lowered(found.graph, made.source, getattr(made, "native", ""))

    def cache_info(self) -> CacheInfo:
        """Hits and misses of this object, and why each miss was one."""
        from functrans.control.jit_reports import CacheInfo

        size = sum(len(paths.traces) for paths in self._table.paths.values())
        return CacheInfo(self._hits, self._misses, size, tuple(self._reasons))

    def clear_cache(self) -> None:
        """Forget the programs of this function."""
        self._table.paths.clear()
        self._reads = self._again = None
        self._install(None)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else partial(self, instance)

    def _prepared(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Paths[Trace], list[Any], Any]:
        """The programs for such a call, the arrays in it, and what puts others in their places."""
        statics, args, kwargs = self._split(args, kwargs)
        leaves, in_tree = tree.flatten((args, kwargs))
        kinds = tuple(map(kind_of, leaves))
        if None in kinds:
            self._refuse(leaves, in_tree, kinds.index(None))
        if TracedGenerator in kinds:
            leaves = [plain_generator(x) if is_generator(x) else x for x in leaves]
        signature = (in_tree, kinds, statics)
        why = self._refresh()
        paths = None if self.debug else self._table.paths.get(signature)
        if paths is None:
            paths = self._table.paths[signature] = Paths(
                repr(self), self.max_paths, self._donated(in_tree, statics)
            )
            self._note(why or self._difference(signature))
        elif not paths.traces:
            self._note(why or "staged before, but not run")
        else:
            self._hits += 1
        self._last = signature

        def build(values: list[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
            if TracedGenerator in kinds:
                values = [
                    TracedGenerator(x) if kind is TracedGenerator else x
                    for x, kind in zip(values, kinds, strict=True)
                ]
            return self._joined(statics, *tree.unflatten(in_tree, values))

        return paths, leaves, build

    def _donated(self, in_tree: tree.TreeDef, statics: tuple[Any, ...]) -> tuple[int, ...]:
        """The places of the leaves that the caller gives up."""
        if not (self.donate_argnums or self.donate_argnames):
            return ()
        positions = list(range(len(in_tree.children[0].children) + len(statics)))
        for place, _, _ in statics:
            if place in positions:
                positions.remove(place)
        found = []
        for i, (kind, first, *_) in enumerate(tree.leaf_paths(in_tree)):
            named = kind.key == 1
            key = first.key if named else positions[int(str(first.key))]
            if key in (self.donate_argnames if named else self.donate_argnums):
                found.append(i)
        return tuple(found)

    @no_collection()
    def _trace(self, reads: Any, table: Table, build: Any, leaves: list[Any]) -> Trace:
        follow = self.branches == "follow"
        found = trace(
            self.fun,
            reads,
            table.constants,
            build,
            leaves,
            follow=follow,
            stepwise=self.debug,
            executor=self.executor,
        )
        if outside():
            self.executor.program(found.graph)  # while no collections come in between
        if found.closed:  # values of one call, not to be found by another
            table.paths.clear()
            self._reads = None
        return found

    def _refresh(self) -> str | None:
        """See what the function reads; why earlier programs are of no use, if they are not."""
        reads, why = self._reads, None
        if reads is not None and not reads.traced:
            why = reads.change() or self._table.constants.change()
            if why is None:
                return None
        self._reads = reads = Reads(self.fun)
        self._install(None)
        if reads.traced:
            self._table = Table(reads)
            return "the function closes over values of a transform"
        donated = (self.donate_argnums, self.donate_argnames)
        key = (reads.key, self.branches, self.max_paths, self.debug, donated, self.executor)
        known = _TABLES.get(key)
        if known is None or known.constants.change() is not None:
            known = _TABLES[key] = Table(reads)
            if len(_TABLES) > KEPT:
                _TABLES.popitem(last=False)
        _TABLES.move_to_end(key)
        self._table = known
        return why

    def _note(self, reason: str) -> None:
        self._misses += 1
        self._reasons = [*self._reasons[-31:], reason]

    def _difference(self, signature: Any) -> str:
        if self._last is None:
            return "the first call"
        if self.debug:
            return "each call is staged while debugging"
        in_tree, kinds, statics = signature
        old_tree, old_kinds, old_statics = self._last
        if statics != old_statics:
            return f"static arguments {shown(statics)} in place of {shown(old_statics)}"
        if in_tree != old_tree:
            return f"arguments of the structure {in_tree} in place of {old_tree}"
        for path, kind, old in zip(tree.leaf_paths(in_tree), kinds, old_kinds, strict=True):
            if kind != old:
                where = tree.key_string(path[1:])
                return f"the argument at {where} is {spoken(kind)} in place of {spoken(old)}"
        return "the programs were forgotten"

    def _split(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...], dict[str, Any]]:
        """The static arguments by place and name, and the others."""
        if not (self.static_argnums or self.static_argnames):
            return (), args, kwargs
        places = {i % len(args) if -len(args) <= i < 0 else i for i in self.static_argnums}
        statics: list[tuple[Any, Any]] = [(i, args[i]) for i in sorted(places) if i < len(args)]
        statics += [(name, kwargs[name]) for name in self.static_argnames if name in kwargs]
        for place, value in statics:
            try:
                hash(value)
            except TypeError:
                label = (
                    argument_label(self.fun, place)
                    if isinstance(place, int)
                    else f"argument {place!r}"
                )
                raise InputTypeError(
                    f"{self!r}: the static {label} is a {type(value).__name__}, which cannot be "
                    "hashed. A static argument tells one program from another: give a tuple in "
                    "place of a list, or pass arrays as ordinary arguments."
                ) from None
        named = {place for place, _ in statics if isinstance(place, str)}
        others = tuple(x for i, x in enumerate(args) if i not in places)
        rest = {name: x for name, x in kwargs.items() if name not in named}
        return tuple((p, type(v), v) for p, v in statics), others, rest

    def _joined(
        self, statics: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if not statics:
            return args, kwargs
        positional = list(args)
        for place, _, value in statics:  # in the order of their places
            if isinstance(place, int):
                positional.insert(place, value)
        return tuple(positional), kwargs | {p: v for p, _, v in statics if isinstance(p, str)}

    def _refuse(self, leaves: list[Any], in_tree: tree.TreeDef, j: int) -> None:
        _, first, *rest = tree.leaf_paths(in_tree)[j]
        label = (
            argument_label(self.fun, first.key)
            if isinstance(first.key, int) and not self.static_argnums
            else f"argument {first.key!r}"
        )
        where = f"{label}{tree.key_string(tuple(rest))}"
        x = leaves[j]
        if isinstance(x, np.ndarray) and x.dtype.kind in "biufc":
            raise subclass_refused(self, where, x)
        what = f"an array of {x.dtype}" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
        remedy = remedy_as_array(x)
        static = "it in static_argnums or static_argnames if it is hashable, or bind it beforehand"
        raise InputTypeError(
            f"{self!r}: {where} is {what}, which a program cannot take. "
            f"{f'{remedy}, or name' if remedy else 'Name'} {static} (functools.partial)."
        )

    def __repr__(self) -> str:
        return f"jit({describe_function(self.fun)})"


Reads.jitted.add(Jitted)


@overload
def jit(
    fun: Callable[P, R],
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    donate_argnums: int | Sequence[int] = (),
    donate_argnames: str | Sequence[str] = (),
    debug: bool = False,
    branches: Branches = "follow",
    max_paths: int = 32,
    backend: Backend | None = None,
    exact: bool = False,
    background: bool | None = None,
) -> Jitted[P, R]: ...
@overload
def jit(
    fun: None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    donate_argnums: int | Sequence[int] = (),
    donate_argnames: str | Sequence[str] = (),
    debug: bool = False,
    branches: Branches = "follow",
    max_paths: int = 32,
    backend: Backend | None = None,
    exact: bool = False,
    background: bool | None = None,
) -> Callable[[Callable[P, R]], Jitted[P, R]]: ...
def jit(
    fun: Callable[..., Any] | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    donate_argnums: int | Sequence[int] = (),
    donate_argnames: str | Sequence[str] = (),
    debug: bool = False,
    branches: Branches = "follow",
    max_paths: int = 32,
    backend: Backend | None = None,
    exact: bool = False,
    background: bool | None = None,
) -> Any:
    """A function that is staged once for each kind of arguments and run as a program from then on.

    NumPy carries the program out, or native code where llvmlite is installed (``pip install
    functrans[jit]``). The results of NumPy, and of native code with ``exact=True``, are those of
    `fun` to the bit; those of native code otherwise differ by the rounding of sums and of functions
    like ``exp``, and no warnings are given of floating-point errors.

    Programs are found by the structure, shapes and dtypes of the arguments, by static arguments,
    and by what the function reads: its code, what it closes over, globals, attributes. So
    ``jit(lambda x: ...)`` in a loop finds its program, and an array that is changed after it was
    read leads to a new one.

    Parameters
    ----------
    fun : callable
        Takes and returns pytrees of arrays. Left out, the call returns a decorator. Arguments may
        be ``numpy.random.Generator`` objects, from which the program draws.
    static_argnums, static_argnames : int, str or sequence of these
        Arguments that are no arrays (sizes, flags, functions); hashable. There is a program for
        each value.
    donate_argnums, donate_argnames : int, str or sequence of these
        Arguments that the caller gives up: results may take the memory of their arrays, which then
        hold something else. It saves memory and time for large arrays that a call replaces.
    debug : bool
        Carry out the operations one by one while the function runs, so that printing and a debugger
        show values, and check that the program gives the same. Each call is staged anew.
    branches : {"follow", "error"}
        What a Python ``if`` or ``while`` on an array does: the program is made for the path that
        this call takes, and other paths get programs of their own; or it is an error.
    max_paths : int
        How many paths there may be for one kind of arguments.
    backend : {"numpy", "llvm"}, optional
        What carries the program out. None: what the environment variable ``FUNCTRANS_BACKEND``
        says, else native code if llvmlite is installed.
    exact : bool
        Native code is to give NumPy's bits wherever NumPy rounds exactly or in a known order; the
        rest is left to NumPy.
    background : bool, optional
        A large program runs on NumPy while another thread compiles its native code. First results
        come at once, and from some call on they may differ in their last bits. None: what the
        environment variable ``FUNCTRANS_BACKGROUND`` says, 0 or 1; else no.

    Returns
    -------
    Jitted
        With the signature of `fun`, and ``lower(*args)``, ``cache_info()`` and ``clear_cache()``.

    Raises
    ------
    ConversionError
        `fun` asks for a value that is not known while it is staged.
    InputTypeError
        An argument that is neither static nor an array; a static one that cannot be hashed.
    OptionError
        There is no such backend, or llvmlite is not installed.
    SideEffectError
        `fun` changes something that it reads.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> @ft.jit
    ... def step(x, rate):
    ...     return x - rate * np.sin(x)
    >>> step(np.zeros(3), 0.1), step(np.ones(3), 0.1).round(3)
    (array([0., 0., 0.]), array([0.916, 0.916, 0.916]))
    >>> step.cache_info()
    CacheInfo(hits=1, misses=1, size=1, reasons=('the first call',))
    """
    options = (
        static_argnums,
        static_argnames,
        donate_argnums,
        donate_argnames,
        debug,
        branches,
        max_paths,
        backend,
        exact,
        background,
    )
    if fun is None:
        return lambda function: Jitted(function, *options)
    return Jitted(fun, *options)
