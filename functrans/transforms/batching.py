"""Batching: an operation on one example carried out on a whole batch, kept at axis 0."""

from __future__ import annotations

import warnings
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

import numpy as np

from functrans.core import tree
from functrans.core.algebra import algebra
from functrans.core.array import TracedArray, duplicate, for_reading, own_handle, snapshot
from functrans.core.errors import (
    AxisError,
    InputTypeError,
    OptionError,
    describe_function,
    describe_output,
)
from functrans.core.explain import unknown_value
from functrans.core.generators import Lanes, TracedGenerator, is_generator, operand_of
from functrans.core.interpreter import CustomCall, Interpreter, under
from functrans.core.kinds import align
from functrans.core.overwriting import holds_alone, is_large, overwritten
from functrans.core.primitive import Primitive
from functrans.core.types import Array, ArrayType, Shape, dummy, is_array, shape_of, type_of
from functrans.graph.inference import output_types
from functrans.primitives.indexing import take
from functrans.transforms.accelerated import Accelerated, below
from functrans.transforms.arguments import leaf_label, remedy_as_array, subclass_refused
from functrans.transforms.rejoining import for_each_leaf, joined, reunited
from functrans.transforms.watching import watching

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


class BatchArray(TracedArray, below="value"):
    """An array with a hidden batch axis, axis 0 of `value`."""

    __slots__ = ("value",)

    interpreter: Batch

    def __init__(self, interpreter: Batch, value: Array) -> None:
        self.interpreter = interpreter
        self.place = None
        self.value = value

    @property
    def shape(self) -> Shape:
        return self.value.shape[1:]  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.dtype  # type: ignore[no-any-return]

    def snapshot(self) -> BatchArray:
        return BatchArray(self.interpreter, self.value)

    def duplicate(self) -> BatchArray:
        return BatchArray(self.interpreter, duplicate(self.value))

    def release(self) -> None:
        self.value = None

    def become(self, content: Any) -> None:
        if not self.interpreter.owns(content):
            self.check_constant(content)
            content = self.interpreter.fresh(snapshot(content))
        self.value = content.value

    def concrete(self, wanted: str) -> Any:
        if wanted == "bool":
            outcomes = _plain_lanes(self)
            if outcomes is not None and outcomes.size:
                outcome = _agreed(self.interpreter, outcomes)
                if outcome is not None:
                    return outcome
        raise unknown_value(self, wanted)

    def describe_value(self) -> str:
        value = self.value
        shown = repr(value) if not isinstance(value, TracedArray) else str(value)
        return f", {self.interpreter.size} lanes {shown}"


class LanesPart(BaseException):
    """Python asks for a truth value that is not the same in all lanes of a batch. Not an Exception,
    which a user's function may catch.

    `groups` are the lanes that have the same.
    """

    def __init__(self, batch: Batch, groups: list[np.ndarray[Any, Any]]) -> None:
        self.batch = batch
        self.groups = groups


def _plain_lanes(x: BatchArray) -> np.ndarray[Any, Any] | None:
    """The plain values in all lanes, or which of them are true; None where that is not known."""
    value = x.value
    while isinstance(value, TracedArray):
        if type(value) is BatchArray:
            lanes = _plain_lanes(value)
            return None if lanes is None else _agreed(value.interpreter, lanes)
        below = value.underlying
        value = value.truths() if below is None else below
    return None if value is None else np.asarray(value)


def _agreed(batch: Batch, lanes: np.ndarray[Any, Any]) -> Any:
    """What all lanes have; if they differ, the batch has to be parted. None: it may not be."""
    if not batch.follow:
        return None
    first = lanes[0]
    if (lanes == first).all():
        return first
    _, numbers = np.unique(lanes.reshape(len(lanes), -1), axis=0, return_inverse=True)
    numbers = numbers.reshape(-1)
    raise LanesPart(batch, [np.flatnonzero(numbers == n) for n in dict.fromkeys(numbers)])


class Batch(Interpreter):
    """Carries out each operation on all lanes at once.

    With `follow`, a Python condition that comes out differently parts the lanes (`LanesPart`).
    """

    __slots__ = ("follow", "size")

    transform = "vmap"
    overwrites = True
    values_known = False
    hidden = "; shapes may include the mapped axis, which is then the first"

    def __init__(self, size: int, function: object = None, follow: bool = False) -> None:
        super().__init__(function)
        self.size = size
        self.follow = follow

    @property
    def lost(self) -> str:
        return f"each of its {self.size} lanes may have another value"

    def owns(self, x: Any) -> bool:
        return type(x) is BatchArray and x.interpreter is self

    def fresh(self, content: Array) -> Any:
        with under(self.parent):
            return BatchArray(self, self.spread(content))

    def process(self, primitive: Primitive, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        values = []
        batched = []
        for x in args:
            mine = type(x) is BatchArray and x.interpreter is self
            values.append(x.value if mine else x)
            batched.append(mine)
        if not any(batched):
            return self.hand_down(primitive, args, params)
        if primitive.higher is not None:
            with under(self.parent):
                outs, flags = primitive.higher.batch(self.size, values, batched, params)
            return tuple(map(self._wrap, outs, flags))
        with under(self.parent):
            ans = self._batched(primitive, values, tuple(batched), params)
            if watching.batched is not None:
                watching.batched(primitive, values, ans)
        if primitive.outputs is None:
            return BatchArray(self, ans)
        return tuple([BatchArray(self, a) for a in ans])

    def _batched(
        self,
        primitive: Primitive,
        values: list[Array],
        batched: tuple[bool, ...],
        params: dict[str, Any],
    ) -> Any:
        if primitive.batch is None:
            return self._loop(primitive, values, batched, params)
        if type(self.parent) is Accelerated and primitive.kind == "elementwise":
            return self.parent.process(primitive, tuple(align(tuple(values), batched)), params)
        if primitive.batch_takes_flags:
            return primitive.batch(*values, batched=batched, **params)
        full = [x if b else self.spread(x) for x, b in zip(values, batched, strict=True)]
        return primitive.batch(*full, **params)

    def overwrite(
        self,
        primitive: Primitive,
        x: Any,
        y: Array,
        arrays: tuple[Array, ...],
        index: Any,
        alone: bool = True,
    ) -> Any:
        """The operation in all lanes at once."""
        if not is_large(x) or primitive.in_place is None:
            return None
        mine = self.owns(x)
        alone = alone and mine and holds_alone(x, "value")
        flags = (True, *map(self.owns, (y, *arrays)))
        operands = [self._lower(z) for z in (y, *arrays)]
        with under(self.parent):
            whole = x.value if mine else self.spread(x)
            lanes, index = primitive.in_place.batched((whole, *operands), flags, index)
            _, y, *rest = lanes
            return BatchArray(self, overwritten(primitive, whole, y, tuple(rest), index, alone))

    def spread(self, x: Array) -> Array:
        """A value that is the same in all lanes, with the batch axis it lacks."""
        return algebra.broadcast_to(x, shape=(self.size, *shape_of(x)))

    def _loop(
        self,
        primitive: Primitive,
        values: list[Array],
        batched: tuple[bool, ...],
        params: dict[str, Any],
    ) -> Any:
        """One call a lane, for a primitive without a batching rule."""
        warnings.warn(
            f"{primitive.name} has no batching rule: vmap runs it lane by lane", stacklevel=4
        )
        if not self.size:
            one = [
                dummy(ArrayType(shape_of(x)[1:], x.dtype)) if b else x
                for x, b in zip(values, batched, strict=True)
            ]
            kinds = output_types(primitive, tuple(one), params)
            if primitive.outputs is None:
                return np.zeros((0, *kinds.shape), kinds.dtype)
            return tuple(np.zeros((0, *kind.shape), kind.dtype) for kind in kinds)
        pick = algebra.first_axis
        lanes = [
            primitive.call(
                *[pick(x, i) if b else x for x, b in zip(values, batched, strict=True)], **params
            )
            for i in range(self.size)
        ]
        if primitive.outputs is None:
            return algebra.stack(lanes)
        return tuple(algebra.stack(column) for column in zip(*lanes, strict=True))

    def checkpointed(self, function: Callable[..., list[Any]], args: list[Any]) -> list[Any]:
        batched_in = [self.owns(x) for x in args]
        batched_out: list[bool] = []

        def lifted(*values: Any) -> list[Any]:
            with under(self):
                outs = function(*map(self._wrap, values, batched_in))
            batched_out[:] = [self.owns(o) for o in outs]
            return [self._lower(o) for o in outs]

        outs = self.hand_down_checkpointed(lifted, [self._lower(x) for x in args])
        return list(map(self._wrap, outs, batched_out))

    def custom(self, call: CustomCall, args: list[Any]) -> list[Any]:
        batched = [self.owns(x) for x in args]
        values = [for_reading(x.value) if self.owns(x) else x for x in args]
        if not any(batched):
            return self.hand_down_custom(call, values)
        if call.has_batch:
            with under(self.parent):
                outs, flags = call.batch(self.size, batched, values)
            return list(map(self._wrap, outs, flags))
        if not call.has_jvp and not call.has_vjp:
            return call.run(args)
        with under(self.parent):
            full = [
                x if b or not is_array(x) else self.spread(x)
                for x, b in zip(values, batched, strict=True)
            ]
        outs = self.hand_down_custom(call.mapped(self.size), full)
        return [BatchArray(self, o) for o in outs]

    def _wrap(self, value: Any, batched: bool) -> Any:
        return BatchArray(self, value) if batched else value

    def _lower(self, x: Any) -> Any:
        return x.value if self.owns(x) else x


def vmap(
    fun: Callable[P, R],
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    axis_size: int | None = None,
    chunk_size: int | None = None,
    branches: Literal["follow", "error"] = "follow",
) -> Callable[P, R]:
    """A function that applies `fun` to each example of a batch, all at once.

    Parameters
    ----------
    fun : callable
        Takes and returns pytrees of arrays; written for one example.
    in_axes : int, None, or a tuple (or list) with an entry for each positional argument
        The axis that runs over the examples; None for what all examples share. An entry may be a
        pytree of ints and None that is a prefix of the argument. Keyword arguments are mapped over
        axis 0.
    out_axes : int, None or pytree
        Where the results get their batch axis; None for results that are the same for all examples.
    axis_size : int, optional
        The number of examples; needed only if no argument is mapped.
    chunk_size : int, optional
        Carry out at most this many examples at a time, to bound memory.
    branches : {"follow", "error"}
        What a Python ``if`` or ``while`` does that comes out differently for different examples:
        `fun` runs again on the examples of each outcome (what it printed before the condition, it
        prints again), or it is an error.

    Returns
    -------
    callable
        With the signature of `fun`.

    Raises
    ------
    AxisError
        Mapped axes are missing, out of range or of different sizes.
    TreeError
        `in_axes` or `out_axes` does not match the arguments or results.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.vmap(np.dot, in_axes=(0, None))(np.eye(2), np.array([3.0, 4.0]))
    array([3., 4.])
    """
    if not callable(fun):
        raise InputTypeError(
            f"vmap takes a function, got {type(fun).__name__}. Write vmap(f)(x), not vmap(f(x))."
        )
    if branches not in ("follow", "error"):
        raise OptionError(f"vmap: branches is {branches!r}; it takes 'follow' or 'error'")
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    who = f"vmap({describe_function(fun)})"
    if not isinstance(in_axes, int | np.integer | tuple | None):
        raise AxisError(
            f"{who}: in_axes must be an int, None or a tuple with an entry for each positional "
            f"argument, got {in_axes!r}. For axes within one argument write "
            "in_axes=({'a': 0, 'b': None},)."
        )
    check_count(who, "axis_size", axis_size, 0)
    check_count(who, "chunk_size", chunk_size, 1)

    @wraps(fun)
    def batched(*args: P.args, **kwargs: P.kwargs) -> R:
        if isinstance(in_axes, tuple) and len(in_axes) != len(args):
            raise AxisError(
                f"{who}: in_axes has {len(in_axes)} entries, but the call has {len(args)} "
                "positional arguments. "
                "Give one entry for each."
            )
        floor = below(args, kwargs)
        if floor is not None:
            # Made anew: a function that names itself would be a cycle.
            again = vmap(
                fun,
                in_axes,
                out_axes,
                axis_size=axis_size,
                chunk_size=chunk_size,
                branches=branches,
            )
            with floor:
                return again(*args, **kwargs)
        leaves, treedef = tree.flatten((args, kwargs))
        axes = for_each_leaf(who, "in_axes", in_axes, args)
        axes += [0] * (len(leaves) - len(axes))
        axes, size = _mapped_size(fun, who, leaves, treedef, axes, axis_size)
        values = [
            x if axis is None else _to_front(x, axis) for x, axis in zip(leaves, axes, strict=True)
        ]
        # A second run would draw other numbers than the first.
        follow = branches == "follow" and not any(map(is_generator, leaves))
        if chunk_size is None or size <= chunk_size:
            return _run(fun, who, treedef, values, axes, size, out_axes, follow)  # type: ignore[no-any-return]
        parts = []
        for start in range(0, size, chunk_size):
            stop = min(start + chunk_size, size)
            chunk = [
                x if axis is None else algebra.rows(x, start, stop)
                for x, axis in zip(values, axes, strict=True)
            ]
            parts.append(_run(fun, who, treedef, chunk, axes, stop - start, out_axes, follow))
        return joined(parts, out_axes, who)  # type: ignore[no-any-return]

    return batched


def check_count(who: object, name: str, value: Any, least: int) -> None:
    """Raise unless an argument is a number of examples or directions, or not given."""
    if value is not None and (not isinstance(value, int | np.integer) or value < least):
        raise AxisError(f"{who}: {name} must be an int of at least {least}, got {value!r}")


def _run(
    fun: Callable[..., Any],
    who: str,
    treedef: tree.TreeDef,
    values: list[Array],
    axes: list[int | None],
    size: int,
    out_axes: Any,
    follow: bool,
) -> Any:
    batch = Batch(size, fun, follow)
    try:
        with batch:
            new = [
                BatchArray(batch, own_handle(x))
                if axis is not None
                else _shared(batch, x)
                if is_generator(x)
                else x
                for x, axis in zip(values, axes, strict=True)
            ]
            args, kwargs = tree.unflatten(treedef, new)
            out = fun(*args, **kwargs)
    except LanesPart as parted:
        if parted.batch is not batch:
            raise
        groups = parted.groups
    else:
        outs, out_tree = tree.flatten(out)
        places = for_each_leaf(who, "out_axes", out_axes, out)
        paths = tree.leaf_paths(out_tree)
        return tree.unflatten(
            out_tree,
            [
                _place(batch, who, o, axis, tree.key_string(path))
                for o, axis, path in zip(outs, places, paths, strict=True)
            ],
        )
    parts = []
    for lanes in groups:
        some = [
            x if axis is None else take(x, lanes, axis=0)
            for x, axis in zip(values, axes, strict=True)
        ]
        parts.append(_run(fun, who, treedef, some, axes, len(lanes), out_axes, follow))
    return reunited(parts, groups, out_axes, who)


def _shared(batch: Batch, generator: Any) -> TracedGenerator:
    """A generator of which each lane draws numbers of its own."""
    return TracedGenerator(BatchArray(batch, Lanes(operand_of(generator), batch.size)))


def _place(batch: Batch, who: str, out: Any, axis: int | None, path: str) -> Any:
    """One result with its batch axis where the user wants it."""
    where = f"the output at {path}" if path else "the output"
    if axis is None:
        if batch.owns(out):
            raise AxisError(
                f"{who}: {where} differs between examples, but its out_axes is None. Give it an "
                "axis."
            )
        return out
    if not is_array(out):
        raise InputTypeError(
            f"{who}: {where} is {describe_output(out)}; a mapped function must return arrays"
        )
    if not isinstance(axis, int | np.integer):
        raise AxisError(f"{who}: out_axes has {axis!r} for {where}; give an int or None")
    value = out.value if batch.owns(out) else batch.spread(out)
    if type(value) is np.ndarray and not value.flags.writeable:
        value = value.copy()  # the same row for all lanes is no array of its own
    rank = len(shape_of(value))
    if not -rank <= axis < rank:
        raise AxisError(
            f"{who}: out_axes={axis} is out of range for {where}, which has {rank} axes with the "
            "batch axis"
        )
    return value if axis == 0 else _move(value, 0, axis % rank)


def _to_front(x: Array, axis: int) -> Array:
    return x if axis == 0 else _move(x, axis, 0)


def _move(x: Array, source: int, target: int) -> Array:
    order = [i for i in range(len(shape_of(x))) if i != source]
    order.insert(target, source)
    return algebra.transpose(x, axes=tuple(order))


_PLAIN = (np.ndarray, np.memmap)


def _mapped_size(
    fun: Callable[..., Any],
    who: str,
    leaves: list[Any],
    treedef: tree.TreeDef,
    axes: list[Any],
    axis_size: int | None,
) -> tuple[list[int | None], int]:
    """Axes >= 0, and the one size that all mapped axes have."""
    leaves_of: dict[int, list[int]] = {}  # by the size of their mapped axis
    checked: list[int | None] = []
    for j, (x, axis) in enumerate(zip(leaves, axes, strict=True)):
        if axis is None or is_generator(x):
            checked.append(None)
            continue
        if not isinstance(axis, int | np.integer):
            raise AxisError(
                f"{who}: in_axes has {axis!r} for {_label(fun, treedef, j)}; give an int or None"
            )
        if issubclass(type(x), np.ndarray) and type(x) not in _PLAIN:
            raise subclass_refused(who, _label(fun, treedef, j), x)
        if not isinstance(x, np.ndarray) or not -x.ndim <= axis < x.ndim:
            what = f"is {type_of(x)}" if is_array(x) else f"is a {type(x).__name__}"
            made = "" if is_array(x) else remedy_as_array(x)
            way = f"{made}, or give" if made else "Give an array with that axis, or"
            remedy = (
                "Keyword arguments are mapped over axis 0: bind what all examples share "
                "(functools.partial or a lambda)."
                if tree.leaf_paths(treedef)[j][0].key == 1
                else f"{way} None in in_axes for what all examples share."
            )
            raise AxisError(
                f"{who}: {_label(fun, treedef, j)} {what}, which has no axis {axis} to map over. "
                f"{remedy}"
            )
        axis = int(axis) % x.ndim
        checked.append(axis)
        leaves_of.setdefault(x.shape[axis], []).append(j)
    sizes = set(leaves_of) if axis_size is None else {axis_size, *leaves_of}
    if not sizes:
        raise AxisError(
            f"{who}: no argument is mapped. Give one an axis in in_axes, or pass axis_size."
        )
    if len(sizes) > 1:
        found = [] if axis_size is None else [f"axis_size is {axis_size}"]
        found += [
            f"axis {checked[j]} of {_label(fun, treedef, j)} is {size} ({type_of(leaves[j])})"
            for size, mapped in leaves_of.items()
            for j in mapped[:3]
        ]
        raise AxisError(f"{who}: mapped axes have different sizes: {'; '.join(found)}.")
    return checked, sizes.pop()


def _label(fun: Callable[..., Any], treedef: tree.TreeDef, leaf: int) -> str:
    """How messages call a leaf of ``(args, kwargs)``."""
    return leaf_label(fun, tree.leaf_paths(treedef)[leaf])
