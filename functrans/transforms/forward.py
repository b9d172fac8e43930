"""Forward mode: pairs of a primal and its tangent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import numpy as np

from functrans.core import tree
from functrans.core.algebra import algebra
from functrans.core.array import Likeness, duplicate, for_reading, own_handle, snapshot
from functrans.core.cotangent import (
    Masked,
    add_masked,
    dense,
    keep_masked,
    match,
    moved,
    plain,
    settle,
    zeros,
)
from functrans.core.errors import missing_derivative, refuse_objects
from functrans.core.interpreter import CustomCall, Interpreter, deriving, stack, under
from functrans.core.overwriting import holds_alone, is_large, overwritten
from functrans.core.primitive import ZERO, HigherOrder, Primitive, types_of
from functrans.core.types import (
    OBJECTS,
    Array,
    ArrayType,
    dtype_of,
    is_inexact,
    type_of,
)
from functrans.transforms.accelerated import Accelerated, below
from functrans.transforms.arguments import (
    Selection,
    check_pairs,
    output_leaves,
    primal_leaves,
    refuse_leaked,
    split_aux,
    tangent_leaves,
)
from functrans.transforms.telling import opened, told, told_within
from functrans.transforms.transposition import transpose_linear
from functrans.transforms.watching import watching

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

R = TypeVar("R")
A = TypeVar("A")


class ForwardArray(Likeness, below="primal"):
    """A primal with its tangent."""

    __slots__ = ("primal", "tangent")

    interpreter: Forward

    def __init__(self, interpreter: Forward, primal: Array, tangent: Array | None) -> None:
        self.interpreter = interpreter
        self.place = None
        self.primal = primal
        self.tangent = tangent  # None: zero

    def snapshot(self) -> ForwardArray:
        return ForwardArray(self.interpreter, self.primal, self.tangent)

    def duplicate(self) -> ForwardArray:
        t = self.tangent
        t = Masked(duplicate(t.value), t.mask) if type(t) is Masked else duplicate(t)
        return ForwardArray(self.interpreter, duplicate(self.primal), t)

    def release(self) -> None:
        self.primal = self.tangent = None

    def become(self, content: Any) -> None:
        if self.interpreter.owns(content):
            self.primal, self.tangent = content.primal, content.tangent
        else:
            self.check_constant(content)
            self.primal, self.tangent = snapshot(content), None


class SealedError(Exception):
    """A checkpointed function has met equal values, of which more than its results is needed: it
    cannot be one operation of the interpreter below."""


class Forward(Interpreter):
    """Carries a tangent with each primal; a zero tangent is absent.

    With `later` the tangents come when the primals are gone (``linearize``): so an operation whose
    parameters are graphs is carried out on the primals alone, and its linear part by itself. With
    `splits` whoever takes the results asks for what is `delivered`.
    """

    __slots__ = ("later", "sealed", "splits", "splitting", "telling", "transform")

    differentiates = True
    overwrites = True

    def __init__(
        self,
        function: object = None,
        transform: str = "jvp",
        later: bool = False,
        splits: bool = False,
    ) -> None:
        super().__init__(function)
        self.transform = transform
        self.later = later
        self.splits = splits
        self.splitting: Any = None  # a Splitting or an Expansion, which may come below me
        self.telling: Any = None  # a Telling, likewise
        self.sealed = False  # while the interpreter below runs a checkpointed function of mine

    def owns(self, x: Any) -> bool:
        return type(x) is ForwardArray and x.interpreter is self

    def fresh(self, content: Array) -> Any:
        if not is_inexact(dtype_of(content)):  # as the results of operations: not mine
            return self.fresh_below(content)
        return ForwardArray(self, content, None)

    def dual(self, primal: Array, tangent: Array | None) -> Any:
        """A primal with its tangent; the primal itself if the tangent is zero."""
        return primal if tangent is None else ForwardArray(self, primal, tangent)

    def split(self, x: Any) -> tuple[Any, Any]:
        """Primal and tangent; None for the tangent of a constant."""
        return (x.primal, plain(x.tangent)) if self.owns(x) else (x, None)

    def delivered(self, x: Any) -> tuple[Any, Any]:
        """What stands for primal and tangent outside."""
        if self.splitting is None and self.telling is None:
            return self.split(x)
        with under(self.parent):
            primal, tangent = self.split(x)
            primal, tangent = self.bare(primal), self.bare(tangent, True)
            if self.telling is not None and self.telling.owns(tangent):
                tangent = self.bare(self.telling.checked(tangent), True)
        return primal, tangent

    def bare(self, x: Any, derivative: bool = False) -> Any:
        """A value or tangent without what my splitting adds to it."""
        return x if self.splitting is None else self.splitting.bare(x, derivative)

    def split_all(self, xs: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Primals and tangents."""
        pairs = [self.split(x) for x in xs]
        return [p for p, _ in pairs], [t for _, t in pairs]

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        if primitive.parts is not None and primitive.differentiable and stack.top is self:
            args = self.ties.operands(self, primitive, args, params)
        primals = []
        tangents: list[Any] = []
        mine = False
        for x in args:
            if type(x) is ForwardArray and x.interpreter is self:
                primals.append(x.primal)
                tangents.append(x.tangent)
                mine = True
            else:
                primals.append(x)
                tangents.append(None)
        if primitive.higher is not None and any(t is not None for t in tangents):
            return self._higher(primitive.higher, args, primals, tangents, params)
        ans = self.hand_down(primitive, primals, params)
        if not mine or not primitive.differentiable:
            return ans
        if primitive.parts is not None and self.splits:
            ans = self.ties.outputs(self, primitive, None, primals, ans)
        if primitive.outputs is None and not is_inexact(dtype_of(ans)):
            if dtype_of(ans) is OBJECTS:
                refuse_objects(primitive.name)
            return ans
        if all(t is None for t in tangents):
            return self._constant(ans)
        # Inner values of derivative formulas, as 1/x at 0, would warn of nothing that the user can
        # see.
        with under(self.parent), np.errstate(all="ignore"):
            out = None
            if type(self.parent) is Accelerated and len(tangents) == 1:
                out = self.parent.pushed(primitive, tangents[0], ans, primals)
            if out is None:
                out = push_forward(primitive, tangents, ans, primals, params)
            if watching.pushed is not None:
                watching.pushed(primitive, tangents, primals, out)
        if primitive.tells is not None and self.splits and out is not None:
            out = told(self, primitive, ans, out, primals, tangents, params)
        if primitive.outputs is None:
            return self.dual(ans, out)
        if out is None:
            return ans
        return tuple(
            self.dual(a, t if is_inexact(dtype_of(a)) else None)
            for a, t in zip(ans, out, strict=True)
        )

    def _higher(
        self,
        higher: HigherOrder,
        args: tuple[Array, ...],
        primals: list[Array],
        tangents: list[Any],
        params: dict[str, Any],
    ) -> tuple[Any, ...]:
        if self.splits:
            outs = opened(self, higher, args, params, backward=False)
            if outs is not None:
                return outs
            if not self.later:
                primals, tangents, params = told_within(self, higher, primals, tangents, params)
        with deriving(self.parent), np.errstate(all="ignore"):
            if self.later:
                made, ts = _higher_in_halves(higher, primals, tangents, params)
            else:
                made, ts = higher.jvp(primals, list(map(plain, tangents)), params)
            if self.telling is not None:  # all lanes of which have the same primals
                made = list(map(self.telling.first, made))
        return tuple(map(self.dual, made, ts))

    def _constant(self, ans: Any) -> Any:
        """A result of arrays with zero tangents, in a handle: it may be a view of one of them."""
        if type(ans) is tuple:
            return tuple(map(self._constant, ans))
        return ForwardArray(self, ans, None) if is_inexact(dtype_of(ans)) else ans

    def overwrite(
        self,
        primitive: Primitive,
        x: Any,
        y: Array,
        arrays: tuple[Array, ...],
        index: Any,
        alone: bool = True,
    ) -> Any:
        """The same operation on primal and tangent, as it is linear in both operands."""
        if not is_large(x):
            return None
        tangent_alone = alone
        primal, tangent = x, None
        if self.owns(x):
            tangent_alone = alone and type(x.tangent) is not Masked and holds_alone(x, "tangent")
            alone = alone and holds_alone(x, "primal")
            primal, tangent = x.primal, plain(x.tangent)
        value, t = self.split(y)
        with under(self.parent):
            ans = overwritten(primitive, primal, value, arrays, index, alone)
            kind = type_of(ans)
            if not is_inexact(kind.dtype):
                return ans
            if t is None and (tangent is None or not primitive.in_place.erases):  # type: ignore[union-attr]
                return ForwardArray(self, ans, tangent)
            with np.errstate(all="ignore"):
                if tangent is None:
                    tangent, tangent_alone = zeros(kind), True
                if t is None:
                    t = False  # a zero of every type
                tangent = overwritten(primitive, tangent, t, arrays, index, tangent_alone)
        return ForwardArray(self, ans, tangent)

    def checkpointed(self, function: Callable[..., list[Any]], args: list[Any]) -> list[Any]:
        if not self.splits or self.parent is None:
            return self._checkpointed(function, args)
        sealed, self.sealed = self.sealed, True
        try:
            return self._checkpointed(function, args)
        except SealedError:
            self.sealed = sealed
            with under(self):
                return function(*args)
        finally:
            self.sealed = sealed

    def refuse_if_sealed(self) -> None:
        """Called before an interpreter comes below me, or has something to tell in the end."""
        if self.sealed:
            raise SealedError

    def _checkpointed(self, function: Callable[..., list[Any]], args: list[Any]) -> list[Any]:
        def lifted(*values: Any) -> list[Any]:
            half = len(values) // 2
            with under(self):
                outs = function(*map(self.dual, values[:half], values[half:]))
            primals, tangents = self.split_all(outs)
            return primals + tangents

        primals, tangents = self.split_all(args)
        outs = self.hand_down_checkpointed(lifted, primals + tangents)
        half = len(outs) // 2
        return list(map(self.dual, outs[:half], outs[half:]))

    def custom(self, call: CustomCall, args: list[Any]) -> list[Any]:
        _, tangents = self.split_all(args)
        primals = [for_reading(x.primal) if self.owns(x) else x for x in args]
        given = [i for i, t in enumerate(tangents) if t is not None]
        if not given:
            return self.hand_down_custom(call, primals)
        if call.has_jvp:
            full = list(map(tangent_or_zero, primals, tangents))
            with under(self.parent):
                outs, ts = call.push(primals, full)
        elif call.has_vjp:
            with under(self.parent):
                outs, residuals = call.forward(primals)

                def cotangents(*gs: Any) -> tuple[Any, ...]:
                    found = call.backward(residuals, list(gs))
                    return tuple(found[i] for i in given)

                spaces = tuple(map(type_of, outs))
                ts = list(transpose_linear(cotangents, spaces, tuple(tangents[i] for i in given)))
        else:
            return call.run(args)
        with under(self.parent):
            return [
                self.dual(o, match(t, o) if is_inexact(dtype_of(o)) and t is not None else None)
                for o, t in zip(outs, ts, strict=True)
            ]


def _higher_in_halves(
    higher: HigherOrder, primals: list[Array], tangents: list[Any], params: dict[str, Any]
) -> tuple[list[Any], list[Any]]:
    """The outputs of an operation with graphs, and their tangents by the transpose of its pullback,
    which has all that is not linear in it."""
    outs, pull = higher.vjp(primals, [t is not None for t in tangents], params)
    smooth = [is_inexact(dtype_of(o)) for o in outs]
    kinds = [type_of(o) for o, s in zip(outs, smooth, strict=True) if s]
    given = [(i, type_of(t)) for i, t in enumerate(tangents) if t is not None]

    def cotangents(*gs: Any) -> tuple[Any, ...]:
        rest = iter(gs)
        found = pull([next(rest) if s else None for s in smooth])
        return tuple(zeros(kind) if found[i] is None else found[i] for i, kind in given)

    spaces = tuple(ArrayType(kind.shape, kind.dtype) for kind in kinds)
    ts = iter(transpose_linear(cotangents, spaces, tuple(plain(tangents[i]) for i, _ in given)))
    return outs, [next(ts) if s else None for s in smooth]


def push_forward(
    primitive: Primitive, tangents: Sequence[Any], ans: Any, primals: Any, params: dict[str, Any]
) -> Any:
    """The tangent of an operation's output (a tuple if it has several), or None if it is zero."""
    if primitive.push_all is not None:
        ts = tuple(
            zeros(type_of(x)) if t is None else plain(t)
            for t, x in zip(tangents, primals, strict=True)
        )
        return _matched(primitive.push_all(ts, ans, primals, params), ans)
    if primitive.pushes is None and primitive.pulls is None:
        return _matched(_push_through_pull_all(primitive, tangents, ans, primals, params), ans)
    total = None
    for i, t in enumerate(tangents):
        if t is None:
            continue
        push = primitive.pushes[i] if primitive.pushes else None
        if push is ZERO:
            continue
        if push is not None:
            part = _push(primitive, push, t, ans, primals, params)
        else:
            part = _push_through_pull(primitive, i, plain(t), ans, primals, params)
            if part is None:
                continue
        part = _matched(part, ans)
        if total is None:
            total = part
        elif isinstance(ans, tuple):
            total = tuple(map(add_masked, total, part))
        else:
            total = add_masked(total, part)
    return total


def _push(
    primitive: Primitive, push: Any, t: Any, ans: Any, primals: Any, params: dict[str, Any]
) -> Any:
    """One operand's part of the tangent; structural zeros are kept or moved as in reverse mode."""
    if type(t) is not Masked:
        return push(t, ans, primals, params)
    part = push(t.value, ans, primals, params)
    if primitive.masks == "lanes":
        return keep_masked(part, t.mask)
    if primitive.masks == "moves":
        lanes = push(algebra.astype(t.mask, dtype=np.dtype(float)), ans, primals, params)
        return moved(part, lanes)
    return part


def _matched(t: Any, ans: Any) -> Any:
    return tuple(map(match, t, ans)) if isinstance(ans, tuple) else match(t, ans)


def _push_through_pull(
    primitive: Primitive, i: int, t: Array, ans: Any, primals: Any, params: dict[str, Any]
) -> Any:
    """The push of operand `i`, derived by transposing its pull, which is linear in the
    cotangent."""
    pull: Any = primitive.pulls[i] if primitive.pulls else None
    if pull is ZERO:
        return None
    if pull is None:
        raise missing_derivative(primitive.name, i)
    space = type_of(primals[i])

    def cotangent(*gs: Array) -> Array:
        g = gs if isinstance(ans, tuple) else gs[0]
        return dense(settle(pull(g, ans, primals, params), space), space)

    return _transposed(cotangent, ans, t)


def _push_through_pull_all(
    primitive: Primitive, tangents: Sequence[Any], ans: Any, primals: Any, params: dict[str, Any]
) -> Any:
    pull_all = primitive.pull_all
    given = [i for i, t in enumerate(tangents) if t is not None]
    if pull_all is None:
        raise missing_derivative(primitive.name, given[0])

    def cotangent(*gs: Array) -> tuple[Array, ...]:
        parts = pull_all(gs if isinstance(ans, tuple) else gs[0], ans, primals, params)
        spaces = [type_of(primals[i]) for i in given]
        return tuple(
            dense(settle(parts[i], space), space) for i, space in zip(given, spaces, strict=True)
        )

    return _transposed(cotangent, ans, tuple(plain(tangents[i]) for i in given))


def _transposed(cotangent: Any, ans: Any, t: Any) -> Any:
    types = types_of(ans)
    spaces = types if isinstance(types, tuple) else (types,)
    out = transpose_linear(cotangent, spaces, t)
    return out if isinstance(ans, tuple) else out[0]


@overload
def jvp(
    fun: Callable[..., R],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    has_aux: Literal[False] = False,
) -> tuple[R, Any]: ...
@overload
def jvp(
    fun: Callable[..., tuple[R, A]],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    has_aux: Literal[True],
) -> tuple[R, Any, A]: ...
def jvp(
    fun: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    has_aux: bool = False,
) -> Any:
    """The value of a function and its derivative along a direction, by forward mode.

    Parameters
    ----------
    fun : callable
        Takes and returns pytrees of arrays.
    primals : tuple or list
        The arguments at which to differentiate.
    tangents : tuple or list
        A direction for each argument, of its structure, shapes and dtypes; None stands for zero,
        for a leaf or a whole argument.
    has_aux : bool
        `fun` returns a pair: what to differentiate, and anything else.

    Returns
    -------
    out, tangent_out : pytrees
        ``fun(*primals)`` and its derivative (None for integer leaves); with `has_aux` also `aux`.

    Raises
    ------
    InputTypeError
        Arguments that are no tuples, or a tangent whose type is not its primal's.
    TreeError
        A tangent whose structure is not its primal's.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), np.float64(2.0))
    """
    return along(check_pairs(fun, "jvp", primals, tangents), fun, primals, tangents, has_aux)


def along(
    selection: Selection,
    fun: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool,
) -> Any:
    """What `jvp` returns; messages name the function and the transform of the selection."""
    floor = below(primals, tangents)
    if floor is not None:
        with floor:
            return along(selection, fun, primals, tangents, has_aux)
    leaves, all_leaves, trees = primal_leaves(selection, list(primals), allow_int=True)
    given = tangent_leaves(selection, leaves, trees, tangents)
    with Forward(fun, selection.transform, splits=True) as forward:
        new = [
            leaf if x is None else forward.dual(own_handle(x), own_handle(t))
            for x, leaf, t in zip(leaves, all_leaves, given, strict=True)
        ]
        out = fun(*tree.regroup(new, trees))
        aux = None
        if has_aux:
            out, aux = split_aux(selection, out)
    outs, out_tree = output_leaves(selection, out)
    pairs = [forward.delivered(o) for o in outs]
    refuse_leaked(p for p, _ in pairs)
    value = tree.unflatten(out_tree, [p for p, _ in pairs])
    tangent = tree.unflatten(out_tree, [tangent_or_zero(p, t) for p, t in pairs])
    return (
        (value, tangent, tree.map(lambda x: forward.delivered(x)[0], aux))
        if has_aux
        else (value, tangent)
    )


def tangent_or_zero(primal: Any, t: Any) -> Any:
    """A tangent as users see it: a zero array where it was absent, None for integers."""
    if t is not None:
        return t
    kind = type_of(primal)
    return zeros(kind) if is_inexact(kind.dtype) else None
