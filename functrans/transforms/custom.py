"""User rules: one object that carries any of jvp, vjp and batch for a function of the user's."""

from __future__ import annotations

from collections import Counter
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

import numpy as np

from functrans.core import tree
from functrans.core.errors import (
    InputTypeError,
    OutputTypeError,
    RegistrationError,
    TreeError,
    describe_function,
    describe_output,
)
from functrans.core.interpreter import CustomCall, stack
from functrans.core.types import is_array, is_inexact, shape_of, type_of
from functrans.transforms.arguments import positional_names
from functrans.transforms.batching import vmap
from functrans.transforms.forward import tangent_or_zero

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

P = ParamSpec("P")
R = TypeVar("R")


class custom(Generic[P, R]):
    """A function with derivative or batching rules of its own.

    Declare any of :meth:`defjvp`, :meth:`defvjp` and :meth:`defbatch`. What is missing is derived:
    reverse mode by transposing the jvp, forward mode by transposing the vjp, batching by batching
    the function and its rules. Without a derivative rule the function is differentiated as it is.

    Parameters
    ----------
    fun : callable
        Takes and returns pytrees of arrays. It must not close over traced values: what it depends
        on are its arguments.
    static_argnums : int or sequence of int
        Arguments that are no arrays and carry no derivative (functions, flags, sizes); the rules
        get them first. ``nondiff_argnums`` is another name for it.
    static_argnames : str or sequence of str
        The same by name.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> @ft.custom
    ... def log1pexp(x):
    ...     return np.log(1 + np.exp(x))
    >>> @log1pexp.defjvp
    ... def log1pexp_jvp(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return log1pexp(x), t / (1 + np.exp(-x))
    >>> ft.grad(log1pexp)(100.0)
    np.float64(1.0)
    """

    def __init__(
        self,
        fun: Callable[P, R],
        *,
        static_argnums: int | Sequence[int] = (),
        static_argnames: str | Sequence[str] = (),
        nondiff_argnums: int | Sequence[int] = (),
    ) -> None:
        if not callable(fun):
            raise InputTypeError(f"custom takes a function, got {type(fun).__name__}")
        self.fun = fun
        self.statics = _positions(fun, static_argnums, nondiff_argnums, static_argnames)
        self.jvp_rule: Callable[..., Any] | None = None
        self.vjp_rules: tuple[Callable[..., Any], Callable[..., Any]] | None = None
        self.batch_rule: Callable[..., Any] | None = None
        update_wrapper(self, fun, updated=())  # not the attributes: `fun` may be a custom too

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Declare ``rule(*statics, primals, tangents) -> (out, tangent_out)``; usable as a
        decorator.

        `primals` and `tangents` are tuples with an entry for each argument that is not static; zero
        tangents are arrays of zeros (None for integers).
        """
        self._check(self.jvp_rule, "jvp", rule)
        self.jvp_rule = rule
        return rule

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Declare ``fwd(*args) -> (out, residuals)`` and ``bwd(*statics, residuals, cotangent)``,
        which
        returns a tuple with a cotangent (or None for zero) for each argument that is not static."""
        self._check(self.vjp_rules, "vjp", fwd, bwd)
        self.vjp_rules = (fwd, bwd)

    def defbatch(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Declare ``rule(axis_size, batched, *args) -> (out, out_batched)``; usable as a decorator.

        `batched` has the structure of the arguments that are not static, with a bool for each
        leaf; batch axes are at 0. `out_batched` has the structure of `out` (one bool may stand for
        all).
        """
        self._check(self.batch_rule, "batch", rule)
        self.batch_rule = rule
        return rule

    def _check(self, present: object, kind: str, *rules: object) -> None:
        for rule in rules:
            if not callable(rule):
                raise InputTypeError(
                    f"custom({describe_function(self.fun)}): a {kind} rule must be a function, "
                    f"got {type(rule).__name__}"
                )
        if present is not None:
            raise RegistrationError(
                f"custom({describe_function(self.fun)}) has a {kind} rule already"
            )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        positional = _bind(self.fun, args, kwargs) if kwargs else args
        interpreter = stack.top
        if interpreter is None:
            return self.fun(*positional)  # type: ignore[call-arg]
        statics = tuple(positional[i] for i in self.statics if i < len(positional))
        others = tuple(x for i, x in enumerate(positional) if i not in self.statics)
        leaves, in_tree = tree.flatten(others)
        call = _Call(self, statics, len(positional), in_tree)
        outs = interpreter.custom(call, leaves)
        return tree.unflatten(call.out_tree, outs)  # type: ignore[no-any-return]

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        raise InputTypeError(
            f"custom({describe_function(self.fun)}) is used as a method; declare a function "
            "outside the "
            "class and call it from the method, with what it needs of self as arguments"
        )


class _Call(CustomCall):
    """One call: the rules on flat leaves, with the static arguments in their places."""

    def __init__(
        self, owner: custom[Any, Any], statics: tuple[Any, ...], count: int, in_tree: tree.TreeDef
    ) -> None:
        self.owner = owner
        self.statics = statics
        self.count = count
        self.in_tree = in_tree
        self.out_tree: tree.TreeDef
        self.has_jvp = owner.jvp_rule is not None
        self.has_vjp = owner.vjp_rules is not None
        self.has_batch = owner.batch_rule is not None

    def __repr__(self) -> str:
        return describe_function(self.owner.fun)

    def _all_args(self, leaves: Sequence[Any]) -> list[Any]:
        statics = iter(self.statics)
        others = iter(tree.unflatten(self.in_tree, leaves))
        return [next(statics if i in self.owner.statics else others) for i in range(self.count)]

    def _flatten_out(self, out: Any) -> list[Any]:
        outs, self.out_tree = tree.flatten(out)
        for o in outs:
            if not is_array(o):
                raise OutputTypeError(
                    f"custom({self!r}): the function returned {describe_output(o)}; it must "
                    "return arrays"
                )
        return outs

    def run(self, args: list[Any]) -> list[Any]:
        return self._flatten_out(self.owner.fun(*self._all_args(args)))

    def push(self, primals: list[Any], tangents: list[Any]) -> tuple[list[Any], list[Any]]:
        assert self.owner.jvp_rule is not None
        given = [tree.unflatten(self.in_tree, xs) for xs in (primals, tangents)]
        out, tangent = self._pair(
            "jvp", self.owner.jvp_rule(*self.statics, *given), "(out, tangent_out)"
        )
        outs = self._flatten_out(out)
        ts = self._like("the jvp rule's tangent", tangent, self.out_tree, outs)
        return outs, [tangent_or_zero(o, t) for o, t in zip(outs, ts, strict=True)]

    def forward(self, args: list[Any]) -> tuple[list[Any], Any]:
        assert self.owner.vjp_rules is not None
        fwd = self.owner.vjp_rules[0]
        out, residuals = self._pair("fwd", fwd(*self._all_args(args)), "(out, residuals)")
        outs = self._flatten_out(out)
        self.input_types = [type_of(x) if is_array(x) else None for x in args]
        return outs, residuals

    def backward(self, residuals: Any, cotangents: list[Any]) -> list[Any]:
        assert self.owner.vjp_rules is not None
        bwd = self.owner.vjp_rules[1]
        found = bwd(*self.statics, residuals, tree.unflatten(self.out_tree, cotangents))
        if isinstance(found, list):
            found = tuple(found)
        return self._like("the bwd rule's result", found, self.in_tree, self.input_types)

    def batch(
        self, size: int, batched: list[bool], args: list[Any]
    ) -> tuple[list[Any], list[bool]]:
        assert self.owner.batch_rule is not None
        flags = tree.unflatten(self.in_tree, batched)
        result = self.owner.batch_rule(size, flags, *self._all_args(args))
        out, out_batched = self._pair("batch", result, "(out, out_batched)")
        outs = self._flatten_out(out)
        what = f"custom({self!r}): out_batched of the batch rule"
        out_flags = tree.flatten_prefix(out_batched, out, what=what)
        for path, o, flag in zip(tree.leaf_paths(self.out_tree), outs, out_flags, strict=True):
            if not isinstance(flag, bool | np.bool):
                raise OutputTypeError(f"{what} has {flag!r}{_at(path)}; it consists of bools")
            if flag and shape_of(o)[:1] != (size,):
                raise OutputTypeError(
                    f"custom({self!r}): the output{_at(path)} of the batch rule has type "
                    f"{type_of(o)}, but its first axis must be the batch axis of size {size}"
                )
        return outs, out_flags

    def mapped(self, size: int) -> CustomCall:
        return _MappedCall(self, size)

    def _pair(self, rule: str, result: Any, wanted: str) -> tuple[Any, Any]:
        if not (isinstance(result, tuple) and len(result) == 2):
            raise OutputTypeError(
                f"custom({self!r}): the {rule} rule must return a pair {wanted}, got "
                f"{type(result).__name__}"
            )
        return result

    def _like(
        self, what: str, given: Any, wanted: tree.TreeDef, primals: Sequence[Any]
    ) -> list[Any]:
        """The leaves of a tangent or cotangent, None for zero, checked against their primals."""
        values, structure = tree.flatten(given, is_leaf=lambda x: x is None)
        places = tree.unflatten(structure, range(len(values)))
        try:
            spread = tree.flatten_prefix(places, wanted, what=what)
        except TreeError as error:
            raise TreeError(f"custom({self!r}): {error}") from None
        leaves = [values[i] for i in spread]
        spread_out = [i for i, count in Counter(spread).items() if count > 1]
        if any(values[i] is not None for i in spread_out):
            raise TreeError(
                f"custom({self!r}): {what} has one array where its primal has several: "
                f"{structure} for {wanted}"
            )
        for path, leaf, primal in zip(tree.leaf_paths(wanted), leaves, primals, strict=True):
            if leaf is None or primal is None:
                continue
            if not is_array(leaf):
                raise InputTypeError(
                    f"custom({self!r}): {what}{_at(path)} is a {type(leaf).__name__}, not an array"
                )
            space = type_of(primal)
            if is_inexact(space.dtype) and type_of(leaf).shape != space.shape:
                raise InputTypeError(
                    f"custom({self!r}): {what}{_at(path)} has type {type_of(leaf)}, its primal "
                    f"{space}"
                )
        return [
            leaf if primal is not None and is_inexact(type_of(primal).dtype) else None
            for leaf, primal in zip(leaves, primals, strict=True)
        ]


class _MappedCall(CustomCall):
    """A call on a batch: the function and its rules under ``vmap``."""

    has_batch = False

    def __init__(self, call: CustomCall, size: int) -> None:
        self.call = call
        self.size = size
        self.has_jvp = call.has_jvp
        self.has_vjp = call.has_vjp

    def __repr__(self) -> str:
        return f"vmap of {self.call!r}"

    def _axes(self, leaves: Sequence[Any]) -> list[int | None]:
        return [0 if is_array(x) else None for x in leaves]

    def _vmap(self, function: Callable[..., Any], *groups: list[Any]) -> Any:
        axes = tuple(self._axes(group) for group in groups)
        return vmap(function, in_axes=axes, axis_size=self.size)(*groups)

    def run(self, args: list[Any]) -> list[Any]:
        return self._vmap(self.call.run, args)  # type: ignore[no-any-return]

    def push(self, primals: list[Any], tangents: list[Any]) -> tuple[list[Any], list[Any]]:
        return self._vmap(self.call.push, primals, tangents)  # type: ignore[no-any-return]

    def forward(self, args: list[Any]) -> tuple[list[Any], Any]:
        return self._vmap(self.call.forward, args)  # type: ignore[no-any-return]

    def backward(self, residuals: Any, cotangents: list[Any]) -> list[Any]:
        leaves, structure = tree.flatten(residuals)

        def one(flat: list[Any], gs: list[Any]) -> list[Any]:
            return self.call.backward(tree.unflatten(structure, flat), gs)

        return self._vmap(one, leaves, cotangents)  # type: ignore[no-any-return]

    def batch(
        self, size: int, batched: list[bool], args: list[Any]
    ) -> tuple[list[Any], list[bool]]:
        raise NotImplementedError

    def mapped(self, size: int) -> CustomCall:
        return _MappedCall(self, size)


def _at(path: Any) -> str:
    key = tree.key_string(path)
    return f" at {key}" if key else ""


def _positions(
    fun: Callable[..., Any],
    static_argnums: int | Sequence[int],
    nondiff_argnums: int | Sequence[int],
    static_argnames: str | Sequence[str],
) -> tuple[int, ...]:
    positions: list[int] = []
    for given in (static_argnums, nondiff_argnums):
        positions += [given] if isinstance(given, int) else list(given)
    if not all(isinstance(i, int) and i >= 0 for i in positions):
        raise InputTypeError(
            f"custom({describe_function(fun)}): static_argnums are positions (0, 1, ...), got "
            f"{positions}"
        )
    names = positional_names(fun)
    for name in (static_argnames,) if isinstance(static_argnames, str) else static_argnames:
        if name not in names:
            raise InputTypeError(
                f"custom({describe_function(fun)}): static_argnames={name!r} names no argument; "
                f"it has {names}"
            )
        positions.append(names.index(name))
    return tuple(sorted(set(positions)))


def _bind(
    fun: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, ...]:
    """All arguments by position."""
    import inspect

    bound = inspect.signature(fun).bind(*args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        raise InputTypeError(
            f"custom({describe_function(fun)}): keyword-only arguments {sorted(bound.kwargs)} "
            "cannot be "
            "given to a function with custom rules; make them positional (they may be static)"
        )
    return bound.args
