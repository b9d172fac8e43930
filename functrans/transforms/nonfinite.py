"""Where a NaN or an infinity comes from: an interpreter that hands every operation to its parent,
looks at the result, and lets each array remember what made it so."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec

import numpy as np

from functrans.core import tree
from functrans.core.algebra import algebra
from functrans.core.array import Likeness, TracedArray, duplicate, snapshot
from functrans.core.cotangent import Masked, Scattered
from functrans.core.errors import InputTypeError, NonFiniteError, describe_function
from functrans.core.generators import traced
from functrans.core.interpreter import CustomCall, Interpreter
from functrans.core.types import (
    Array,
    ArrayType,
    Shape,
    is_array,
    type_of,
)
from functrans.transforms.arguments import leaf_label
from functrans.transforms.circumstances import Circumstances, Operation, Tapes
from functrans.transforms.findings import KINDS, Explanation, Origin, Seen, bad_elements
from functrans.transforms.rerun import first_inside
from functrans.transforms.watching import watching

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.core.primitive import Primitive

P = ParamSpec("P")


class WatchArray(Likeness, below="value"):
    """A value, with what made the NaN and the infinities in it."""

    __slots__ = ("origins", "value")

    interpreter: Watch

    def __init__(
        self, interpreter: Watch, value: Array, origins: tuple[Origin | None, Origin | None]
    ) -> None:
        self.interpreter = interpreter
        self.place = None
        self.value = value
        self.origins = origins  # of NaN, and of infinities

    def snapshot(self) -> WatchArray:
        return WatchArray(self.interpreter, self.value, self.origins)

    def duplicate(self) -> WatchArray:
        return WatchArray(self.interpreter, duplicate(self.value), self.origins)

    def become(self, content: Any) -> None:
        if not self.interpreter.owns(content):
            self.check_constant(content)
            content = self.interpreter.fresh(snapshot(content))
        self.value, self.origins = content.value, content.origins

    # There is no derivative to lose: a conversion gives the plain value, as without this transform.

    def __float__(self) -> float:  # type: ignore[override]
        return float(self.value)

    def __complex__(self) -> complex:  # type: ignore[override]
        return complex(self.value)

    def __index__(self) -> int:
        return self.value.__index__()  # type: ignore[no-any-return]

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self.value, dtype)

    def item(self, *args: Any) -> Any:
        return self.value.item(*args)

    def tolist(self) -> Any:
        return self.value.tolist()


class Watch(Interpreter):
    """Lets each result remember the operation that made the first NaN or infinity in it."""

    __slots__ = ("_count", "_with_graphs", "first", "tapes")

    transform = "explain_nan"

    def __init__(self, function: object = None) -> None:
        super().__init__(function)
        self.tapes = Tapes()
        self._count = 0
        self._with_graphs: dict[int, tuple[Any, ...]] = {}  # by the serial of their origin
        self.first: Origin | None = None  # what was made, whether it reaches the result or not

    def owns(self, x: Any) -> bool:
        return type(x) is WatchArray and x.interpreter is self

    def argument(self, x: Array, label: str) -> WatchArray:
        """An argument of the function."""
        return WatchArray(self, x, self._given(x, label))

    def fresh(self, content: Array) -> Any:
        return WatchArray(self, content, self._given(content, "a constant"))

    def _given(self, x: Array, label: str, operation: str = "", line: str = "") -> Any:
        found: list[Origin | None] = [None, None]
        value = plain(x)
        for j, bad in enumerate(bad_elements(value)):
            if bad.any():
                self._count += 1
                seen = Seen(type_of(value), value, _first(bad))
                found[j] = Origin(KINDS[j], operation, line, label, result=seen, serial=self._count)
        return tuple(found)

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        values = [x.value if self.owns(x) else x for x in args]
        ans = self.hand_down(primitive, values, params)
        around = self.tapes.around(primitive.name)
        outs = (ans,) if primitive.outputs is None else ans
        made = []
        for out in outs:
            bad = [mask.any() for mask in bad_elements(plain(out))]
            origins: list[Origin | None] = [None, None]
            if any(bad):
                known = [self._origins_of(x, primitive.name, around.line) for x in args]
                for j in (0, 1):
                    if bad[j]:
                        found = self._origin(j, primitive, values, out, known, around)
                        origins[j] = found
                        if found.serial == self._count and primitive.kind == "higher-order":
                            self._with_graphs[self._count] = primitive, values, params
            if any(map(self.owns, args)) or any(origins):
                made.append(WatchArray(self, out, (origins[0], origins[1])))
            else:
                made.append(out)
        return made[0] if primitive.outputs is None else tuple(made)

    def _origins_of(self, x: Any, operation: str, line: str) -> Any:
        if self.owns(x):
            return x.origins
        if not is_array(x):
            return (None, None)
        return self._given(x, f"a constant {type_of(x)}", operation, line)

    def _origin(
        self,
        j: int,
        primitive: Primitive,
        values: Sequence[Any],
        out: Any,
        known: Sequence[Any],
        around: Circumstances,
    ) -> Origin:
        """What the NaN (j = 0) or infinity (j = 1) in a result goes back to."""
        sources = [pair[j] for pair in known if pair[j] is not None]
        if sources:
            return min(sources, key=lambda origin: origin.serial)  # type: ignore[no-any-return]
        self._count += 1
        causes = [pair[1] for pair in known if pair[1] is not None and j == 0]
        made = _made(j, primitive, values, out, tuple(causes), around, self._count)
        self.first = self.first or made
        return made

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and self.first is not None:
            error.add_note(f"before, {self.looked_into(self.first)}")
        super().__exit__(kind, error, trace)

    def looked_into(self, origin: Origin) -> Origin:
        """The origin with the operation inside, where it is one whose parameters are graphs."""
        operation = self._with_graphs.get(origin.serial)
        found = _inside(origin, *operation) if operation else None
        causes = tuple(map(self.looked_into, origin.causes))
        return replace(found or origin, causes=causes + (found.causes if found else ()))

    def checkpointed(self, function: Callable[..., list[Any]], args: list[Any]) -> list[Any]:
        return function(*args)

    def custom(self, call: CustomCall, args: list[Any]) -> list[Any]:
        values = [x.value if self.owns(x) else x for x in args]
        if not any(isinstance(x, TracedArray) for x in values):
            return call.run(args)
        # A transform around this one has to find the rules of the function.
        outs = self.hand_down_custom(call, values)
        return [self.argument(o, f"the result of {call!r}") if is_array(o) else o for o in outs]


class Guard(Interpreter):
    """Raises at an operation of the program, or a derivative rule, that makes a NaN (or an
    infinity) of operands without. It has no arrays of its own."""

    __slots__ = ("_before", "_kinds", "_tapes")

    transform = "nans"

    def __init__(self, infinities: bool) -> None:
        super().__init__()
        self._kinds = (0, 1) if infinities else (0,)
        self._tapes = Tapes()

    def __repr__(self) -> str:
        return "functrans.debug.nans()"

    def __enter__(self) -> Any:
        self._before = watching.set((self._operated, self._pushed, self._pulled))
        return super().__enter__()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        watching.set(self._before)
        super().__exit__(kind, error, trace)

    def fresh(self, content: Array) -> Any:
        return self.fresh_below(content)

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        ans = self.hand_down(primitive, args, params)
        self._operated(primitive, args, ans, params)
        return ans

    def _operated(
        self, primitive: Primitive, args: Sequence[Any], ans: Any, params: Any = None
    ) -> None:
        around = self._tapes.around(primitive.name)
        if around.rule is None:  # a rule may pass through values that it does not return
            for out in (ans,) if primitive.outputs is None else ans:
                for j in self._kinds:
                    if _is_made(j, out, args):
                        origin = _made(j, primitive, args, out, (), around)
                        found = None
                        if primitive.kind == "higher-order" and params is not None:
                            found = _inside(origin, primitive, args, params)
                        self._raise(found or origin)

    def _pushed(
        self, primitive: Primitive, tangents: Sequence[Any], primals: Sequence[Any], out: Any
    ) -> None:
        self._check(primitive.name, "tangent", (*tangents, *primals), out)

    def _pulled(self, primitive: Any, args: tuple[Any, ...], out: Any) -> None:
        self._check(getattr(primitive, "name", ""), "backward", args[:2], out)

    def _check(self, name: str, mode: str, given: Any, out: Any) -> None:
        """Look at what a rule returns, in the lanes that count."""
        operands = _arrays(given)
        for part in _arrays(out):
            for j in self._kinds:
                if not _is_made(j, part, operands):
                    continue
                around = self._tapes.around(name)
                value, mask = plain(part), plain(around.mask)
                bad = bad_elements(value)[j]
                if mask is not None and np.shape(mask) == np.shape(bad):
                    bad = bad & mask
                if bad.any():
                    rule = around.rule or Operation(name, around.line)
                    seen = tuple(_seen(x, np.shape(value), _first(bad)) for x in operands)
                    self._raise(_origin(j, value, _first(bad), around, seen, mode, rule))

    def _raise(self, origin: Origin) -> NoReturn:
        text = "; ".join(line.strip() for line in str(origin).splitlines())
        raise NonFiniteError(f"functrans.debug.nans: {text}", origin)

    def checkpointed(self, function: Callable[..., list[Any]], args: list[Any]) -> list[Any]:
        return self.hand_down_checkpointed(function, args)

    def custom(self, call: CustomCall, args: list[Any]) -> list[Any]:
        if any(isinstance(x, TracedArray) for x in args):
            return self.hand_down_custom(call, args)
        return call.run(args)


def _arrays(x: Any) -> list[Any]:
    """The arrays in what rules take and return, plain."""
    if type(x) in (tuple, list):
        return [array for part in x for array in _arrays(part)]
    if type(x) is Masked or type(x) is Scattered:
        x = x.value if x.mask is None else algebra.where(x.mask, x.value, 0)
    x = plain(x)
    return [x] if x is not None and is_array(x) else []


def _is_made(j: int, out: Any, operands: Sequence[Any]) -> bool:
    """Whether a result has NaN (j = 0) or infinities (j = 1) that no operand has."""
    return bool(bad_elements(plain(out))[j].any()) and not any(
        bad_elements(plain(x))[j].any() for x in operands if is_array(x)
    )


def _first(bad: Any) -> tuple[int, ...]:
    """The index of the first true element."""
    return tuple(int(i) for i in np.unravel_index(np.argmax(bad), np.shape(bad)))


def plain(x: Any) -> Any:
    """The value under all transforms, lanes and all; None if it is not known."""
    while isinstance(x, TracedArray):
        x = x.underlying
    return x


def _made(
    j: int,
    primitive: Primitive,
    args: Sequence[Any],
    out: Any,
    causes: tuple[Origin, ...],
    around: Circumstances,
    serial: int = 0,
) -> Origin:
    """What an operation made."""
    value = plain(out)
    index = _first(bad_elements(value)[j])
    shape = np.shape(value) if primitive.kind in ("elementwise", "chooser") else None
    seen = tuple(_seen(plain(x), shape, index) for x in args)
    origin = _origin(j, value, index, around, seen, around.mode, around.rule)
    return replace(origin, operation=primitive.name, causes=causes, serial=serial)


def _origin(
    j: int,
    value: Any,
    index: tuple[int, ...],
    around: Circumstances,
    operands: tuple[Seen, ...],
    mode: str,
    rule: Operation | None,
) -> Origin:
    lanes = len(around.lanes) if np.shape(value)[: len(around.lanes)] == around.lanes else 0
    return Origin(
        KINDS[j],
        line=around.line,
        operands=operands,
        result=Seen(type_of(value), value, index),
        lane=index[:lanes],
        mode=mode,
        rule=rule,
    )


def _inside(
    origin: Origin, primitive: Primitive, values: Sequence[Any], params: dict[str, Any]
) -> Origin | None:
    """What an operation whose parameters are graphs made, by the operation inside."""
    if any(isinstance(x, TracedArray) for x in values):
        return None

    def first(j: int) -> Origin | None:
        def look(equation: Any, args: Sequence[Any], outs: Sequence[Any]) -> Origin | None:
            around = Circumstances(equation.line, "", None, (), None)
            for out in outs:
                if _is_made(j, out, args):
                    return _made(j, equation.primitive, args, out, (), around, origin.serial)
            return None

        found = first_inside(primitive, values, params, look)
        if found is None:
            return None
        made: Origin = found[0]
        run = found[1]
        return replace(made, within=f"{run} of {origin.operation} at {origin.line}")

    j = KINDS.index(origin.kind)
    found = first(j)
    if (
        found is None
        or j
        or not any(np.isinf(x.value).any() for x in found.operands if _is_real(x))
    ):
        return found
    cause = first(1)
    return replace(found, causes=() if cause is None else (cause,))


def _is_real(x: Seen) -> bool:
    return x.value is not None and x.type.dtype.kind in "fc"


def _seen(x: Any, shape: Shape | None, index: tuple[int, ...]) -> Seen:
    """An operand; with `shape`, at the element that broadcasts to this index of it."""
    if x is None or not is_array(x):
        return Seen(ArrayType((), object), x, None)
    kind = type_of(x)
    if shape is None or len(kind.shape) > len(shape):
        return Seen(kind, x, None)
    own = index[len(shape) - len(kind.shape) :]
    at = tuple(0 if n == 1 else i for n, i in zip(kind.shape, own, strict=True))
    fits = all(i < n for n, i in zip(kind.shape, at, strict=True))
    return Seen(kind, x, at if fits else None)


def explain_nan(fun: Callable[P, Any]) -> Callable[P, Explanation]:
    """A function that tells where the NaN or infinity in the result of `fun` comes from.

    It names the first operation that made one, forward or in the derivative rule of a backward
    pass, with the user's line, its operands and the lane of ``vmap``; or the argument or constant
    that held it from the beginning. What is made on the way and does not reach the result, as in
    lanes that ``where`` does not select, is no cause.

    Parameters
    ----------
    fun : callable
        Any function of pytrees of arrays: transformed (``explain_nan(grad(loss))``) or not.

    Returns
    -------
    callable
        With the arguments of `fun`; returns an :class:`Explanation`, which prints what was found
        and is true if that is something.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> found = ft.explain_nan(lambda x: np.sum(np.log(x)))(np.array([1.0, -2.0]))
    >>> found.origin.operation, found.origin.kind, found.origin.result.index
    ('log', 'nan', (1,))
    >>> ft.explain_nan(np.sin)(0.0)
    explain_nan(sin): the result has no NaN and no infinity
    """
    if not callable(fun):
        raise InputTypeError(f"explain_nan takes a function, got {type(fun).__name__}")

    @wraps(fun)
    def explained(*args: P.args, **kwargs: P.kwargs) -> Explanation:
        leaves, in_tree = tree.flatten((args, kwargs))
        with Watch(fun) as watch, np.errstate(all="ignore"):
            new = [
                watch.argument(x, leaf_label(fun, path)) if _watched(x) else traced(x)
                for x, path in zip(leaves, tree.leaf_paths(in_tree), strict=True)
            ]
            new_args, new_kwargs = tree.unflatten(in_tree, new)
            call: Any = fun
            out = call(*new_args, **new_kwargs)
            outs, out_tree = tree.flatten(out)
            pairs = [watch._origins_of(o, "", "") if is_array(o) else (None, None) for o in outs]
        name = describe_function(fun)
        value = tree.unflatten(out_tree, [o.value if watch.owns(o) else o for o in outs])
        for j in (0, 1):
            found = [origin for pair in pairs if (origin := pair[j]) is not None]
            if found:
                first = min(found, key=lambda origin: origin.serial)
                return Explanation(name, watch.looked_into(first), value)
        return Explanation(name, None, value)

    return explained


def _watched(x: Any) -> bool:
    """Whether a leaf takes part as an array; Python's integers may be sizes and flags."""
    return is_array(x) and type(x) not in (bool, int)
