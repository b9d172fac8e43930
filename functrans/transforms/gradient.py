"""Derivatives by reverse mode: ``vjp``, ``grad`` and ``value_and_grad``."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, overload

import numpy as np
from numpy import ndarray

from functrans.core import tree
from functrans.core.array import TracedArray, snapshot
from functrans.core.cotangent import Cotangents, Masked, zeros
from functrans.core.errors import InputTypeError, OutputTypeError, describe_output
from functrans.core.types import CONTAINERS, dtype_of, is_array, is_inexact, type_of
from functrans.transforms.accelerated import below
from functrans.transforms.arguments import (
    Selection,
    checked,
    leaves_or_none,
    output_leaves,
    primal_leaves,
    refuse_leaked,
    split_aux,
)
from functrans.transforms.reverse import Reverse
from functrans.transforms.splitting import walk_back
from functrans.transforms.walk import pull_back

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.transforms.arguments import Argnames, Argnums

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")


@overload
def vjp(
    fun: Callable[..., R], *primals: Any, has_aux: Literal[False] = False
) -> tuple[R, Callable[[Any], tuple[Any, ...]]]: ...
@overload
def vjp(
    fun: Callable[..., tuple[R, A]], *primals: Any, has_aux: Literal[True]
) -> tuple[R, Callable[[Any], tuple[Any, ...]], A]: ...
def vjp(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function, and the function that pulls a cotangent of it back to the arguments.

    Parameters
    ----------
    fun : callable
        Takes and returns pytrees of arrays.
    *primals : pytrees
        The arguments at which to differentiate.
    has_aux : bool
        `fun` returns a pair: what to differentiate, and anything else.

    Returns
    -------
    out : pytree
        ``fun(*primals)``.
    pullback : callable
        Takes a cotangent of the structure, shapes and dtypes of `out` (None for a leaf stands for
        zero); returns a tuple with one cotangent for each argument (None for integer leaves). It
        may be called any number of times.
    aux : pytree
        Only with `has_aux`.

    Raises
    ------
    InputTypeError
        An argument that cannot be differentiated; a cotangent of another type than `out`.
    TreeError
        A cotangent of another structure than `out`.

    Notes
    -----
    For complex values the transpose is taken without conjugation, as in JAX.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> out, pullback = ft.vjp(lambda x, y: x * y, 2.0, np.array([1.0, 3.0]))
    >>> pullback(np.array([1.0, 1.0]))
    (np.float64(4.0), array([2., 2.]))
    """
    selection = Selection(fun, "vjp", range(len(primals)), None)
    return value_and_pullback(selection, fun, primals, has_aux)


def value_and_pullback(
    selection: Selection, fun: Callable[..., Any], primals: Sequence[Any], has_aux: bool
) -> Any:
    """What :func:`vjp` returns, for a transform that takes it of a function of the arguments that
    it has selected: messages speak of these."""
    floor = below(primals)
    if floor is not None:
        with floor:
            out, pull, *rest = value_and_pullback(selection, fun, primals, has_aux)
        return (out, floor.around(pull), *rest)
    leaves, all_leaves, trees = primal_leaves(selection, list(primals), allow_int=True)
    reverse = Reverse(selection.fun, selection.transform, splits=True)
    with reverse:
        places, new = _variables(reverse, selection, leaves, all_leaves, trees)
        out = fun(*new)
        aux = None
        if has_aux:
            out, aux = split_aux(selection, out)
    outs, out_tree = output_leaves(selection, out)
    lowered = [reverse.delivered(o) for o in outs]
    refuse_leaked(lowered)
    tape = reverse.tape  # which a checkpointed function replaces while it runs again
    splitting = reverse.splitting

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        gs = leaves_or_none(selection, "the cotangent", "the output", cotangent, out_tree)
        cotangents = Cotangents(len(tape))
        paths = tree.leaf_paths(out_tree)
        for path, o, value, g in zip(paths, outs, lowered, gs, strict=True):
            kind = type_of(value)
            if g is None or not is_inexact(kind.dtype):
                continue
            g = checked(selection, "the cotangent", path, g, kind)
            if reverse.owns(o):
                cotangents.add(o.index, g, kind)
        if splitting is None:
            pull_back(tape, cotangents, keep=True)
        else:
            walk_back(splitting, tape, cotangents, places, keep=True)
        grads = _collect(cotangents, places, leaves, taken=gs)
        return tuple(tree.regroup(grads, trees))

    # The tape keeps what the user may write to.
    value = tree.unflatten(out_tree, list(map(snapshot, lowered)))
    return (value, pullback, tree.map(reverse.delivered, aux)) if has_aux else (value, pullback)


@overload
def value_and_grad(
    fun: Callable[P, tuple[R, A]],
    argnums: Argnums | None = None,
    *,
    argnames: Argnames = None,
    has_aux: Literal[True],
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[P, tuple[tuple[R, A], Any]]: ...
@overload
def value_and_grad(
    fun: Callable[P, R],
    argnums: Argnums | None = None,
    *,
    argnames: Argnames = None,
    has_aux: Literal[False] = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[P, tuple[R, Any]]: ...
def value_and_grad(
    fun: Callable[..., Any],
    argnums: Argnums | None = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[..., Any]:
    """A function that returns the value of `fun` and its gradient.

    Parameters and errors are those of :func:`grad`.

    Returns
    -------
    callable
        With the signature of `fun`; returns ``(value, gradient)``, or ``((value, aux), gradient)``.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.value_and_grad(np.square)(3.0)
    (np.float64(9.0), np.float64(6.0))
    """
    return _gradient(
        fun,
        "value_and_grad",
        argnums,
        argnames,
        has_aux,
        holomorphic,
        allow_int,
        _value_and_gradient,
    )


@overload
def grad(
    fun: Callable[P, tuple[R, A]],
    argnums: Argnums | None = None,
    *,
    argnames: Argnames = None,
    has_aux: Literal[True],
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[P, tuple[Any, A]]: ...
@overload
def grad(
    fun: Callable[P, R],
    argnums: Argnums | None = None,
    *,
    argnames: Argnames = None,
    has_aux: Literal[False] = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[P, Any]: ...
def grad(
    fun: Callable[..., Any],
    argnums: Argnums | None = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[..., Any]:
    """A function that computes the gradient of a scalar function, by reverse mode.

    Parameters
    ----------
    fun : callable
        Returns a scalar (shape ``()``); takes pytrees of arrays and Python numbers.
    argnums : int or sequence of int, optional
        Which positional arguments to differentiate; default 0.
    argnames : str or sequence of str, optional
        Arguments to differentiate by name.
    has_aux : bool
        `fun` returns a pair: the scalar, and anything else, which is passed on.
    holomorphic : bool
        `fun` is holomorphic: arguments and output are complex, and the result is the complex
        derivative.
    allow_int : bool
        Integer and boolean leaves are let pass; their gradient is None.

    Returns
    -------
    callable
        With the signature of `fun`. Returns the gradient, of the structure, shapes and dtypes of
        the selected argument (a tuple of gradients if `argnums` or `argnames` is a sequence); with
        `has_aux` a pair ``(gradient, aux)``. Python ints are taken as floats.

    Raises
    ------
    InputTypeError
        A selected argument that cannot be differentiated.
    OutputTypeError
        `fun` returns something else than a real scalar.

    Notes
    -----
    For real functions of complex arguments the result is ``du/dx - i du/dy``, as in JAX: step along
    its conjugate to descend.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.grad(lambda x: np.sum(np.sin(x)))(np.array([0.0, np.pi]))
    array([ 1., -1.])
    >>> ft.grad(lambda a, *, b: a * b**2, argnames="b")(3.0, b=2.0)
    np.float64(12.0)
    """
    return _gradient(
        fun, "grad", argnums, argnames, has_aux, holomorphic, allow_int, _gradient_and_aux
    )


def gradient_for(
    transform: str, fun: Callable[..., Any], argnums: Argnums, has_aux: bool
) -> Callable[..., Any]:
    """:func:`grad`, for a transform whose name messages are to give."""
    return _gradient(fun, transform, argnums, None, has_aux, False, False, _gradient_and_aux)


def _value_and_gradient(value: Any, gradient: Any, aux: Any, has_aux: bool) -> Any:
    return ((value, aux), gradient) if has_aux else (value, gradient)


def _gradient_and_aux(value: Any, gradient: Any, aux: Any, has_aux: bool) -> Any:
    return (gradient, aux) if has_aux else gradient


def _gradient(
    fun: Callable[..., Any],
    transform: str,
    argnums: Argnums | None,
    argnames: Argnames,
    has_aux: bool,
    holomorphic: bool,
    allow_int: bool,
    result: Callable[[Any, Any, Any, bool], Any],
) -> Callable[..., Any]:
    selection = Selection(fun, transform, argnums, argnames)

    @wraps(fun)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        floor = below(args, kwargs)
        if floor is not None:
            # Made anew: a function that names itself would be a cycle.
            options = argnums, argnames, has_aux, holomorphic, allow_int, result
            with floor:
                return _gradient(fun, transform, *options)(*args, **kwargs)
        picked, replace = selection.pick(args, kwargs)
        leaves, all_leaves, trees = primal_leaves(selection, picked, allow_int=allow_int)
        if holomorphic:
            _check_complex(selection, leaves)
        aux = None
        with Reverse(fun, transform, splits=True) as reverse:
            places, new = _variables(reverse, selection, leaves, all_leaves, trees)
            args, kwargs = replace(new)
            out = fun(*args, **kwargs)
            if has_aux:
                out, aux = split_aux(selection, out)
        container = CONTAINERS.get(type(out))
        if container is not None:
            out = out.array
        value = reverse.delivered(out)
        _check_scalar(selection, value, holomorphic, leaves)
        cotangents = Cotangents(len(reverse.tape))
        if reverse.owns(out):
            cotangents.values[out.index] = dtype_of(value).type(1)
            if reverse.splitting is None:
                pull_back(reverse.tape, cotangents, keep=False)
            else:
                walk_back(reverse.splitting, reverse.tape, cotangents, places, keep=False)
        grads = tree.regroup(_collect(cotangents, places, leaves), trees)
        if has_aux:
            aux = tree.map(reverse.delivered, aux)
        if container is not None:
            value = container(value)
        return result(value, grads[0] if selection.bare else tuple(grads), aux, has_aux)

    return gradient


def _variables(
    reverse: Reverse,
    selection: Selection,
    leaves: list[Any],
    all_leaves: list[Any],
    trees: list[tree.TreeDef],
) -> tuple[list[int | None], list[Any]]:
    """The place on the tape of each leaf with a derivative (None: it has none), and the arguments
    with traced arrays for these leaves."""
    reverse.inputs = selection, leaves, trees
    variables = [None if x is None else reverse.variable(snapshot(x)) for x in leaves]
    mixed: list[Any] = variables
    if len(reverse.tape) < len(leaves):  # not every leaf has a derivative
        mixed = [leaf if v is None else v for v, leaf in zip(variables, all_leaves, strict=True)]
    places = [None if v is None else v.index for v in variables]
    return places, tree.regroup(mixed, trees)


def _collect(
    cotangents: Cotangents,
    places: list[int | None],
    leaves: list[Any],
    taken: Sequence[Any] = (),
) -> list[Any]:
    """The cotangents of the inputs, each an array of its own: no result shares memory with another,
    with an array already `taken` or with an intermediate value."""
    grads: list[Any] = []
    seen = set(map(id, taken)) if taken else set()
    for index, leaf in zip(places, leaves, strict=True):
        if index is None:
            grads.append(None)
            continue
        g = cotangents.values[index]
        if g is None:
            g = zeros(type_of(leaf))
        elif type(g) is Masked:
            g = g.value
        if type(g) is ndarray:
            if not g.ndim and type(leaf) is not np.ndarray:
                g = g[()]  # the gradient of a number is a number
            elif index not in cotangents.owned:
                if g.base is not None or id(g) in seen:
                    g = g.copy()
                seen.add(id(g))
        elif isinstance(g, TracedArray):
            g = g.snapshot() if isinstance(leaf, TracedArray) else g.result()
        grads.append(g)
    return grads


def _check_scalar(selection: Selection, value: Any, holomorphic: bool, leaves: list[Any]) -> None:
    if (type(value) is np.float64 or type(value) is float) and not holomorphic:
        return
    refuse_leaked((value,))
    if not is_array(value):
        if value is None and not leaves:
            raise InputTypeError(
                f"{selection}: {selection.label(0)} holds no arrays, and the output is None. Pass "
                "the values by which to differentiate."
            )
        raise OutputTypeError(
            f"{selection}: the output must be a scalar, got "
            f"{'None' if value is None else describe_output(value)}. Return one scalar, "
            f"further results with has_aux=True{_unless_hvp(selection, ', or use jacrev')}."
        )
    kind = type_of(value)
    if kind.shape != ():
        remedy = (
            "Take its one element (numpy.squeeze)."
            if kind.size == 1
            else "Reduce it (for example with numpy.sum)"
            f"{_unless_hvp(selection, ', or use jacrev for the whole Jacobian')}."
        )
        raise OutputTypeError(f"{selection}: the output must be a scalar, got {kind}. {remedy}")
    if kind.dtype.kind == "c" and not holomorphic:
        raise OutputTypeError(
            f"{selection}: the output must be real, got {kind}. Take its real part or absolute "
            f"value{_unless_hvp(selection, _HOLOMORPHIC)}."
        )
    if kind.dtype.kind not in "fc":
        raise OutputTypeError(
            f"{selection}: the output must be a floating-point number, got {kind}: a function with "
            "integer or boolean values has no gradient."
        )
    if holomorphic and kind.dtype.kind != "c":
        raise OutputTypeError(
            f"{selection}: with holomorphic=True the output must be complex, got {kind}."
        )


_HOLOMORPHIC = ", or pass holomorphic=True for the complex derivative of a holomorphic function"


def _unless_hvp(selection: Selection, remedy: str) -> str:
    """A remedy that a second derivative along a direction does not know."""
    return "" if selection.transform == "hvp" else remedy


def _check_complex(selection: Selection, leaves: list[Any]) -> None:
    for x in leaves:
        if x is not None and dtype_of(x).kind != "c":
            raise InputTypeError(
                f"{selection}: with holomorphic=True the arguments must be complex, got "
                f"{type_of(x)}. "
                "Convert them (x.astype(complex))."
            )
