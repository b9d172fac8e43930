"""``torch.compile``: functions and modules that run as programs."""

from __future__ import annotations

import os
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable
from functools import partial, update_wrapper
from operator import is_
from typing import TYPE_CHECKING, Any, Literal, get_args
from weakref import WeakSet

from functrans.compile.executors import Executor
from functrans.control.reads import Arrays, Reads, watch
from functrans.control.tracing import Paths
from functrans.core import tree
from functrans.core.errors import GraphBreakError, describe_function
from functrans.core.interpreter import outside
from functrans.torch import dtypes
from functrans.torch.compiler.programs import NUMBERS, PLAIN, Program, is_tensor, stage
from functrans.torch.compiler.reads import TensorReads
from functrans.torch.engine import EngineArray, mode
from functrans.torch.random import default_generator
from functrans.torch.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Hashable

KEPT = 64
"""Of how many kinds of arguments a function keeps the programs."""

PATHS = 64
"""How many paths through its Python conditions a function may have for each of them."""

_VALUES = (Tensor, *PLAIN, *NUMBERS)
"""Types of arguments that are told apart by what they are; others are read as objects."""

_lock = threading.RLock()
"""Held while a function is staged: its tensors hold no values then. A fork waits for it, as the
child has no thread that would give them back."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )

all_compiled: WeakSet[Compiled] = WeakSet()

Stance = Literal["default", "force_eager", "eager_on_recompile", "fail_on_recompile"]

STANCES: tuple[Stance, ...] = get_args(Stance)


class Settings:
    """What calls of compiled functions do; see :class:`functrans.torch.compiler.set_stance`."""

    stance: Stance = "default"


settings = Settings()


class State:
    """What a function read when its programs were made, and the programs by kind of arguments."""

    def __init__(self, reads: TensorReads) -> None:
        self.renew(reads)
        self.own = {id(x): i for i, x in enumerate(reads.tensors)}
        self.generators = list(dict.fromkeys((default_generator, *reads.generators)))
        self.constants = Arrays()
        # None for what cannot be staged.
        self.paths: OrderedDict[Hashable, Paths[Program] | None] = OrderedDict()

    def renew(self, reads: TensorReads) -> None:
        """Go on with what reads now what was read before."""
        self.reads = reads
        self._unchanged = watch(*reads.conditions())

    @property
    def fresh(self) -> bool:
        """Whether nothing has changed since."""
        return self._unchanged() and not (self.constants and self.constants.change())


class _Again:
    """What a call needs if it is like the last one: tensors as arguments, of the same kinds."""

    __slots__ = ("_grad", "_kinds", "_kind", "_own", "_sources", "_state", "_values", "paths")

    def __init__(self, state: State, args: tuple[Tensor, ...], paths: Paths[Program]) -> None:
        self._state = state
        self._own = state.reads.tensors
        self._values = [x.array.value for x in self._own]
        self._kinds = [(type(x), x.array.value.shape, x.array.value.dtype) for x in args]
        self._grad = mode.grad
        self._kind = dtypes.get_default_dtype()
        self._sources = state.generators
        self.paths = paths

    def serves(self, args: tuple[Any, ...]) -> bool:
        """Whether this call is like it."""
        if (
            mode.grad is not self._grad
            or len(args) != len(self._kinds)
            or dtypes.get_default_dtype() is not self._kind
            or not self._state.fresh
        ):
            return False
        own = self._state.own
        for x, (cls, shape, dtype) in zip(args, self._kinds):  # noqa: B905  (takes as long)
            if type(x) is not cls or id(x) in own or type(x.array) is not EngineArray:
                return False
            value = x.array.value
            if value.dtype is not dtype or value.shape != shape:
                return False
        if len(args) > 1 and len(set(map(id, args))) < len(args):
            return False
        contents = [x.array for x in self._own]
        return all([type(a) is EngineArray for a in contents]) and all(
            map(is_, [a.value for a in contents], self._values)
        )

    def operands(self, args: tuple[Tensor, ...]) -> list[Any]:
        """Those of the program."""
        return [*self._own, *args, *[g.source for g in self._sources]]


class Compiled:
    """A function of tensors that runs as a program."""

    def __init__(self, fun: Callable[..., Any], executor: Executor, fullgraph: bool) -> None:
        self.fun = fun
        self._name = f"torch.compile({describe_function(fun)})"
        self._executor = executor
        self._fullgraph = fullgraph
        self._states: OrderedDict[Hashable, State] = OrderedDict()
        self._now: dict[Hashable, State] = {}
        self._again: _Again | None = None
        self._warned = False
        all_compiled.add(self)
        update_wrapper(self, fun, updated=())

    def reset(self) -> None:
        """Forget all programs."""
        self._states.clear()
        self._now.clear()
        self._again = None
        self._warned = False

    def __reduce__(self) -> Any:
        return Compiled, (self.fun, self._executor, self._fullgraph)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not outside() or settings.stance == "force_eager":
            return self.fun(*args, **kwargs)
        again = self._again
        if again is not None and not kwargs and again.serves(args):
            try:
                return again.paths.run(again.operands(args), _unknown)
            except (_UnknownPath, GraphBreakError):
                pass
        return self._in_general(args, kwargs)

    def _in_general(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of any kind."""
        leaves, in_tree = tree.flatten((args, kwargs), is_leaf=is_tensor)
        state = self._state(leaves)
        operands, kinds = _operands(state, leaves)
        key = (in_tree, kinds, mode.grad, dtypes.get_default_dtype())
        if key not in state.paths:
            if settings.stance == "eager_on_recompile":
                return self.fun(*args, **kwargs)
            if settings.stance == "fail_on_recompile":
                raise RuntimeError(
                    f"{self._name}: a program for these arguments has to be made, which the stance "
                    '"fail_on_recompile" forbids'
                )
            state.paths[key] = Paths(self._name, PATHS, ())
            if len(state.paths) > KEPT:
                state.paths.popitem(last=False)
        paths = state.paths[key]
        if paths is None:
            return self.fun(*args, **kwargs)
        self._again = None

        def build() -> tuple[tuple[Any, ...], dict[str, Any]]:
            return tree.unflatten(in_tree, leaves)  # type: ignore[no-any-return]

        try:
            out = paths.run(
                [*operands, *[g.source for g in state.generators]],
                partial(self._staged, state, operands, build),
            )
            if (
                not kwargs
                and all(map(is_tensor, args))
                and len(operands) == len(state.own) + len(args)
            ):
                self._again = _Again(state, args, paths)
            return out
        except (GraphBreakError, _UnstagedError) as error:
            reason, never = error.__cause__ or error, isinstance(error, _UnstagedError)
        if self._fullgraph:
            raise reason
        out = self.fun(*args, **kwargs)  # if it is wrong, this says so
        if never:
            state.paths[key] = None
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"{self._name} runs without being compiled: {reason} With fullgraph=True this is "
                "an error; torch.compiler.disable marks a function that is not to be compiled.",
                stacklevel=3,
            )
        return out

    def _staged(self, state: State, operands: list[Tensor], build: Callable[[], Any]) -> Program:
        """A program for these operands."""
        with _lock:
            try:
                return stage(
                    self.fun,
                    state.reads,
                    state.constants,
                    operands,
                    state.generators,
                    build,
                    self._executor,
                )
            except Exception as error:
                raise _UnstagedError from error

    def _state(self, leaves: list[Any]) -> State:
        """The programs for what the function reads now, arguments that are objects among it."""
        objects = [x for x in leaves if not isinstance(x, _VALUES)]
        given = tuple(map(id, objects))
        state = self._now.get(given)
        if state is not None and state.fresh:
            return state
        reads = TensorReads(partial(self.fun, *objects) if objects else self.fun)
        state = self._states.get((given, reads.key))
        if state is None or list(state.own) != list(map(id, reads.tensors)):
            state = self._states[given, reads.key] = State(reads)
            if len(self._states) > KEPT:
                self._states.popitem(last=False)
                self._now.clear()
        else:
            state.renew(reads)
        self._now[given] = state
        return state


Reads.jitted.add(Compiled)


class _UnstagedError(Exception):
    """A function could not be staged; the cause says why."""


class _UnknownPath(Exception):
    """A call takes a path for which there is no program yet."""


def _unknown() -> Any:
    raise _UnknownPath


def _operands(state: State, leaves: list[Any]) -> tuple[list[Tensor], Hashable]:
    """All tensors that the function may find, each once, and what tells arguments of one kind."""
    operands = list(state.reads.tensors)
    places = state.own
    kinds: list[Hashable] = []
    for x in leaves:
        if isinstance(x, Tensor):
            if id(x) not in places:
                places = {**places, id(x): len(operands)}
                operands.append(x)
            kinds.append((type(x), places[id(x)]))
        elif isinstance(x, NUMBERS):
            kinds.append((type(x), repr(x)))
        elif isinstance(x, PLAIN):
            kinds.append((type(x), x))
    kinds += [(x.array.shape, x.array.dtype) for x in operands]
    return operands, tuple(kinds)
