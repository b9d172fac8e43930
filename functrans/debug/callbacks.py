"""Calls of plain Python out of transformed functions: operations that hand NumPy arrays to a
function, and may take its results for arrays of declared types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from functrans.core import tree
from functrans.core.algebra import algebra
from functrans.core.errors import (
    InputTypeError,
    MissingRuleError,
    OutputTypeError,
    describe_function,
    describe_output,
    user_line,
)
from functrans.core.interpreter import stack, under
from functrans.core.kinds import general, nondifferentiable
from functrans.core.types import ArrayType, is_array, shape_of, type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Mapped = tuple[tuple[int, tuple[bool, ...]], ...]
"""For each vmap around a call, the outermost first: its size, and which operands it maps."""

Method = Literal["sequential", "expand_dims", "broadcast_all"]


class Call:
    """A function with the structure of its arguments, of which those that are arrays are left out.

    ``arrays`` are the places of these among the leaves; the other leaves stay as they are.
    """

    __slots__ = ("_rest", "_structure", "arrays", "function", "name")

    def __init__(self, name: str, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        leaves, self._structure = tree.flatten((args, kwargs))
        self.name = name
        self.function = function
        self.arrays = tuple(i for i, x in enumerate(leaves) if is_array(x))
        places = set(self.arrays)
        self._rest = [None if i in places else x for i, x in enumerate(leaves)]

    def __repr__(self) -> str:
        return describe_function(self.function)

    def __call__(self, values: Sequence[Any]) -> Any:
        """Call the function on plain arrays of its own, with no transform active."""
        leaves = list(self._rest)
        for i, x in zip(self.arrays, values, strict=True):
            leaves[i] = np.array(x, order="K")
        args, kwargs = tree.unflatten(self._structure, leaves)
        with under(type(stack).top):
            return self.function(*args, **kwargs)


def prepared(
    name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Call, list[Any]]:
    """The call, and the arrays that it is about."""
    if not callable(function):
        raise InputTypeError(f"{name} takes a function, got {type(function).__name__}")
    call = Call(name, function, args, kwargs)
    leaves = tree.leaves((args, kwargs))
    return call, [leaves[i] for i in call.arrays]


def _lanes(values: Sequence[Any], mapped: Mapped) -> Iterator[Sequence[Any]]:
    """The operands of each lane of the vmaps around a call, in the order of the lanes."""
    if not mapped:
        yield values
        return
    (size, flags), *inner = mapped
    for i in range(size):
        lane = [x[i] if flag else x for x, flag in zip(values, flags, strict=True)]
        yield from _lanes(lane, tuple(inner))


def _mapped(values: Sequence[Any], batched: tuple[bool, ...], mapped: Mapped) -> Mapped:
    size = next(shape_of(x)[0] for x, flag in zip(values, batched, strict=True) if flag)
    return ((size, batched), *mapped)


# Calls that return nothing.


def _called(*values: Any, call: Call, mapped: Mapped = ()) -> tuple[()]:
    for lane in _lanes(values, mapped):
        call(lane)
    return ()


def _called_in_lanes(
    *values: Any, batched: tuple[bool, ...], call: Call, mapped: Mapped = ()
) -> Any:
    return debug_callback(*values, call=call, mapped=_mapped(values, batched, mapped))


debug_callback: Callable[..., Any] = nondifferentiable(
    "debug_callback",
    _called,
    batch=_called_in_lanes,
    shape=lambda *types, **params: (),
    outputs=0,
    effects=True,
    samples=None,  # it has no values to compare
)


def callback(fun: Callable[..., Any], *args: Any, ordered: bool = True, **kwargs: Any) -> None:
    """Call a plain Python function with the values of arrays, under every transform.

    Under ``grad`` and ``jvp`` it gets primal values, and no derivative goes through it; under
    ``vmap`` it is called once a lane, in the order of the lanes; in a graph it is called in its
    place whenever the graph runs. A function under ``checkpoint`` runs twice, and so does what it
    calls.

    Parameters
    ----------
    fun : callable
        Gets the arguments with ndarrays of its own in place of arrays, traced or not. What it
        returns is dropped.
    *args, **kwargs : pytrees
        Leaves that are no arrays are passed on.
    ordered : bool
        Taken for code written for JAX: here calls come in the order of the program in any case.

    Raises
    ------
    InputTypeError
        `fun` is not callable.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> seen = []
    >>> def f(x):
    ...     y = np.sin(x)
    ...     ft.debug.callback(seen.append, y)
    ...     return np.sum(y * y)
    >>> ft.grad(f)(np.array([0.0, np.pi / 2]))
    array([0.0000000e+00, 1.2246468e-16])
    >>> seen
    [array([0., 1.])]
    """
    call, arrays = prepared("functrans.debug.callback", fun, args, kwargs)
    debug_callback(*arrays, call=call)


# Calls that return arrays.


def _results(call: Call, values: Sequence[Any], types: tuple[ArrayType, ...], tree_: Any) -> Any:
    """The arrays that one call returns, which must be of the declared types."""
    out = call(values)
    leaves, structure = tree.flatten(out)
    if structure != tree_:
        difference = tree.explain_difference(
            structure, tree_, names=("the result", "the declared types")
        )
        raise OutputTypeError(f"{call.name}({call}): {difference}")
    checked = []
    for x, kind, path in zip(leaves, types, tree.leaf_paths(tree_), strict=True):
        found = type_of(x) if is_array(x) else None
        if found is not None and found.weak and found.shape == kind.shape:
            found = kind  # a Python number takes the declared dtype
        if found is None or found != ArrayType(kind.shape, kind.dtype):
            where = tree.key_string(path)
            given = describe_output(x) if found is None else f"{found}"
            raise OutputTypeError(
                f"{call.name}({call}): the function returned {given}{where and f' at {where}'}, "
                f"but {kind} was declared, at {user_line()}. Declare what it returns, or convert "
                "it: numpy.asarray(x, dtype)."
            )
        checked.append(np.array(x, kind.dtype))
    return checked


def _answered(
    *values: Any,
    call: Call,
    types: tuple[ArrayType, ...],
    out_tree: tree.TreeDef,
    method: Method,
    mapped: Mapped = (),
) -> tuple[Any, ...]:
    columns = [_results(call, lane, types, out_tree) for lane in _lanes(values, mapped)]
    if not mapped:
        return tuple(columns[0])
    lead = tuple(size for size, _ in mapped)
    return tuple(
        np.array([row[j] for row in columns], kind.dtype).reshape(lead + kind.shape)
        for j, kind in enumerate(types)
    )


def _answered_types(
    *operands: ArrayType, types: tuple[ArrayType, ...], mapped: Mapped = (), **params: Any
) -> tuple[ArrayType, ...]:
    lead = tuple(size for size, _ in mapped)
    return tuple(ArrayType(lead + kind.shape, kind.dtype) for kind in types)


def _batched_call(callback: Callable[..., Any]) -> Callable[..., Any]:
    def batch(
        *values: Any,
        batched: tuple[bool, ...],
        types: tuple[ArrayType, ...],
        method: Method,
        mapped: Mapped = (),
        **params: Any,
    ) -> Any:
        lanes = _mapped(values, batched, mapped)
        if method == "sequential":
            return callback(*values, types=types, method=method, mapped=lanes, **params)
        size = lanes[0][0]
        lead = (size,) if method == "broadcast_all" else (1,)
        full = [
            x if flag else algebra.broadcast_to(x, shape=lead + shape_of(x))
            for x, flag in zip(values, batched, strict=True)
        ]
        types = tuple(ArrayType((size, *kind.shape), kind.dtype) for kind in types)
        return callback(*full, types=types, method=method, mapped=mapped, **params)

    return batch


def _refuse(call: Call) -> MissingRuleError:
    return MissingRuleError(
        f"{call.name}({call}) has no derivative, at {user_line()}: what the function computes is "
        "not known here. Declare one with functrans.custom on a function that makes the call, or "
        "apply functrans.stop_gradient to its arguments if no derivative is wanted."
    )


def _push(ts: Any, *, call: Call, **params: Any) -> Any:
    raise _refuse(call)


def _pull(g: Any, *, call: Call, **params: Any) -> Any:
    raise _refuse(call)


pure: Callable[..., Any] = general(
    "pure_callback",
    _answered,
    push_all=_push,
    pull_all=_pull,
    batch=_batched_call(lambda *values, **params: pure(*values, **params)),
    shape=_answered_types,
    outputs=0,
    samples=None,  # what it computes is the user's
)

effectful: Callable[..., Any] = nondifferentiable(
    "io_callback",
    _answered,
    batch=_batched_call(lambda *values, **params: effectful(*values, **params)),
    shape=_answered_types,
    outputs=0,
    effects=True,
    samples=None,
)


def pure_callback(
    fun: Callable[..., Any],
    result_types: Any,
    *args: Any,
    vmap_method: Method = "sequential",
    **kwargs: Any,
) -> Any:
    """The result of a plain Python function of arrays, under every transform.

    It may run any number of times, or not at all if nobody needs its result. It has no derivative:
    wrap the call in :class:`functrans.custom` to give it one.

    Parameters
    ----------
    fun : callable
        Gets ndarrays, and returns arrays of the declared types.
    result_types : pytree of ArrayType
        Or of anything else with ``shape`` and ``dtype``.
    *args, **kwargs : pytrees
        Leaves that are no arrays are passed on.
    vmap_method : str
        What ``vmap`` does: ``"sequential"`` calls `fun` once a lane. The others call it once, on
        arrays with the batch axis in front, and it returns such: ``"broadcast_all"`` gives the axis
        to all arguments, ``"expand_dims"`` an axis of length 1 to those that are not mapped.

    Raises
    ------
    OutputTypeError
        `fun` returns something else than was declared.
    MissingRuleError
        A derivative is asked for.

    Examples
    --------
    >>> import math, numpy as np, functrans as ft
    >>> def gamma(x):
    ...     kind = ft.ArrayType((), float)
    ...     return ft.debug.pure_callback(lambda x: math.gamma(float(x)), kind, x)
    >>> ft.vmap(gamma)(np.array([3.0, 4.0]))
    array([2., 6.])
    """
    return _ask("functrans.debug.pure_callback", pure, fun, result_types, args, kwargs, vmap_method)


def io_callback(
    fun: Callable[..., Any],
    result_types: Any,
    *args: Any,
    ordered: bool = True,
    **kwargs: Any,
) -> Any:
    """The result of a plain Python function with effects, which runs exactly as often as the
    program says and in the order of the program.

    As :func:`pure_callback`, but a graph keeps the call whether its result is used or not, and the
    result is a constant to derivatives, as what is read from a file or a device is.

    Parameters
    ----------
    fun, result_types, *args, **kwargs
        As in :func:`pure_callback`; under ``vmap`` `fun` is called once a lane.
    ordered : bool
        Taken for code written for JAX: here calls come in the order of the program in any case.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> readings = iter([2.0, 3.0])
    >>> def f(x):
    ...     return x * ft.debug.io_callback(lambda: next(readings), ft.ArrayType((), float))
    >>> graph = ft.make_graph(f)(1.0)
    >>> float(graph(1.0)), float(graph(1.0))
    (2.0, 3.0)
    """
    return _ask(
        "functrans.debug.io_callback", effectful, fun, result_types, args, kwargs, "sequential"
    )


_METHODS = ("sequential", "expand_dims", "broadcast_all")


def _ask(
    name: str,
    operation: Callable[..., Any],
    fun: Callable[..., Any],
    result_types: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    method: Method,
) -> Any:
    call, arrays = prepared(name, fun, args, kwargs)
    if method not in _METHODS:
        raise InputTypeError(f"{name}: vmap_method is {method!r}, not one of {', '.join(_METHODS)}")
    kinds, out_tree = tree.flatten(result_types)
    types = []
    for kind, path in zip(kinds, tree.leaf_paths(out_tree), strict=True):
        if not (hasattr(kind, "shape") and hasattr(kind, "dtype")):
            raise InputTypeError(
                f"{name}: result_types{tree.key_string(path)} is {describe_output(kind)}; give a "
                "functrans.ArrayType(shape, dtype) for each array that the function returns"
            )
        types.append(ArrayType(tuple(kind.shape), kind.dtype))
    outs = operation(*arrays, call=call, types=tuple(types), out_tree=out_tree, method=method)
    return tree.unflatten(out_tree, outs)
