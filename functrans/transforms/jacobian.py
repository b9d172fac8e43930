"""Whole derivatives: ``jacfwd``, ``jacrev``, ``jacobian``, ``hessian`` and ``hvp``."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

from functrans.core import tree
from functrans.core.algebra import algebra
from functrans.core.errors import InputTypeError, OutputTypeError
from functrans.core.types import Array, ArrayType, Shape, shape_of, type_of
from functrans.transforms.arguments import Selection, check_pairs, primal_leaves
from functrans.transforms.batching import check_count, vmap
from functrans.transforms.directions import in_directions
from functrans.transforms.forward import along
from functrans.transforms.gradient import gradient_for, value_and_pullback
from functrans.transforms.linearize import value_and_linear

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.transforms.arguments import Argnames, Argnums

P = ParamSpec("P")


def jacfwd(
    fun: Callable[P, Any],
    argnums: Argnums | None = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
) -> Callable[P, Any]:
    """A function that computes the Jacobian of `fun`, one column a forward pass: for few inputs.

    The function is linearised once and its linear part runs on all directions at a time. It runs
    again, with all directions, where derivatives in it are taken at equal eigenvalues.

    Parameters
    ----------
    fun : callable
        Takes and returns pytrees of arrays.
    argnums, argnames, has_aux, holomorphic
        As for :func:`grad`.
    chunk_size : int, optional
        At most this many directions at a time, to bound memory.

    Returns
    -------
    callable
        With the signature of `fun`. Returns a pytree of the structure of the output, each leaf
        replaced by a pytree of the structure of the selected argument, with arrays of shape
        ``output.shape + input.shape``; with `has_aux` a pair with `aux`.

    Raises
    ------
    InputTypeError
        An argument that cannot be differentiated; a complex argument without `holomorphic`.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.jacfwd(lambda x: x[:2] * x[2])(np.array([1.0, 2.0, 3.0]))
    array([[3., 0., 1.],
           [0., 3., 2.]])
    """
    selection = Selection(fun, "jacfwd", argnums, argnames)
    return _columns(selection, has_aux, holomorphic, chunk_size)


def jacrev(
    fun: Callable[P, Any],
    argnums: Argnums | None = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
) -> Callable[P, Any]:
    """A function that computes the Jacobian of `fun`, one row a reverse pass: for few outputs.

    The function runs once; the backward pass runs on all rows at a time.

    Parameters, result and errors are those of :func:`jacfwd`, with rows for directions.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.jacrev(lambda x: x[:2] * x[2])(np.array([1.0, 2.0, 3.0]))
    array([[3., 0., 1.],
           [0., 3., 2.]])
    """
    selection = Selection(fun, "jacrev", argnums, argnames)
    return _rows(selection, has_aux, holomorphic, chunk_size)


def jacobian(
    fun: Callable[P, Any],
    argnums: Argnums | None = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
) -> Callable[P, Any]:
    """A function that computes the Jacobian of `fun` in the mode that takes fewer passes.

    Reverse mode if the output has fewer elements than the selected arguments, otherwise forward
    mode; for complex arguments and real outputs, or the reverse, the mode that is defined.
    Parameters, result and errors are those of :func:`jacfwd`.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.jacobian(np.square)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    selection = Selection(fun, "jacobian", argnums, argnames)
    forward = _columns(selection, has_aux, holomorphic, chunk_size)

    @wraps(fun)
    def either(*args: P.args, **kwargs: P.kwargs) -> Any:
        picked, inner = _inner(selection, args, kwargs)
        spaces, trees = _input_spaces(selection, picked, holomorphic, forward=False)
        out, pullback, *aux = value_and_pullback(selection, inner, picked, has_aux)
        out_spaces = [type_of(o) for o in tree.leaves(out)]
        # Reverse mode is for real outputs, forward mode for real inputs (unless holomorphic).
        mixed = not holomorphic and any(s.dtype.kind == "c" for s in spaces)
        complex_out = not holomorphic and any(s.dtype.kind == "c" for s in out_spaces)
        wide = sum(s.size for s in out_spaces) >= sum(s.size for s in spaces)
        if complex_out or (wide and not mixed):
            return forward(*args, **kwargs)
        result = _in_rows(selection, out, pullback, spaces, trees, holomorphic, chunk_size)
        return (result, *aux) if has_aux else result

    return either


def hessian(
    fun: Callable[P, Any],
    argnums: Argnums | None = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
) -> Callable[P, Any]:
    """A function that computes the Hessian of `fun`: forward over reverse mode.

    Parameters and errors are those of :func:`jacfwd`.

    Returns
    -------
    callable
        For a scalar function of one array of shape ``s`` the Hessian has shape ``s + s``. In
        general its structure is that of the output, in it twice that of the selected argument.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """

    def chosen(function: Callable[..., Any]) -> Selection:
        return Selection(function, "hessian", argnums, argnames)

    first = _rows(chosen(fun), has_aux, holomorphic, None)
    return wraps(fun)(_columns(chosen(first), has_aux, holomorphic, chunk_size))


def hvp(
    fun: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    has_aux: bool = False,
) -> Any:
    """The product of the Hessian of a scalar function with a vector, at the cost of a few
    gradients.

    Parameters
    ----------
    fun : callable
        Returns a real scalar.
    primals, tangents : tuple or list
        As for :func:`jvp`.
    has_aux : bool
        `fun` returns a pair: the scalar, and anything else.

    Returns
    -------
    tuple
        One entry for each argument, of its structure; with `has_aux` a pair with `aux`.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    (array([6., 0.]),)
    """
    selection = check_pairs(fun, "hvp", primals, tangents)
    gradient = gradient_for("hvp", fun, range(len(primals)), has_aux)
    _, product, *aux = along(selection, gradient, primals, tangents, has_aux)
    return (product, *aux) if has_aux else product


def _columns(
    selection: Selection, has_aux: bool, holomorphic: bool, chunk_size: int | None
) -> Callable[..., Any]:
    """:func:`jacfwd`, by the name that messages call it."""
    check_count(selection, "chunk_size", chunk_size, 1)

    @wraps(selection.fun)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        picked, inner = _inner(selection, args, kwargs)
        spaces, trees = _input_spaces(selection, picked, holomorphic, forward=True)
        out, linear, *aux = value_and_linear(selection, inner, picked, has_aux)
        out_spaces, out_tree = _output_spaces(selection, out, "c" if holomorphic else "fc")

        def every(*basis: Any) -> list[list[Array]]:
            columns = vmap(linear, chunk_size=chunk_size)(*tree.regroup(basis, trees))
            return [
                _split(column, space.shape, spaces, rows=False)
                for space, column in zip(out_spaces, tree.leaves(columns), strict=True)
            ]

        # Without arrays among the arguments there is no direction, and nothing of each output.
        parts = (
            in_directions(every, spaces, chunk_size, forward=True)
            if spaces
            else [[] for _ in out_spaces]
        )
        blocks = [_bare(selection, tree.regroup(part, trees)) for part in parts]
        result = tree.unflatten(out_tree, blocks)
        return (result, *aux) if has_aux else result

    return jacobian


def _rows(
    selection: Selection, has_aux: bool, holomorphic: bool, chunk_size: int | None
) -> Callable[..., Any]:
    """:func:`jacrev`, by the name that messages call it."""
    check_count(selection, "chunk_size", chunk_size, 1)

    @wraps(selection.fun)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        picked, inner = _inner(selection, args, kwargs)
        spaces, trees = _input_spaces(selection, picked, holomorphic, forward=False)
        out, pullback, *aux = value_and_pullback(selection, inner, picked, has_aux)
        result = _in_rows(selection, out, pullback, spaces, trees, holomorphic, chunk_size)
        return (result, *aux) if has_aux else result

    return jacobian


def _inner(
    selection: Selection, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Any], Callable[..., Any]]:
    """The selected arguments, and `fun` as a function of them alone."""
    picked, replace = selection.pick(args, kwargs)

    @wraps(selection.fun)
    def inner(*selected: Any) -> Any:
        new_args, new_kwargs = replace(list(selected))
        return selection.fun(*new_args, **new_kwargs)

    return picked, inner


def _input_spaces(
    selection: Selection, picked: list[Any], holomorphic: bool, *, forward: bool
) -> tuple[list[ArrayType], list[tree.TreeDef]]:
    leaves, _, trees = primal_leaves(selection, picked, allow_int=False)
    spaces = [type_of(x) for x in leaves]
    for space in spaces:
        if holomorphic and space.dtype.kind != "c":
            raise InputTypeError(
                f"{selection}: with holomorphic=True the arguments must be complex, got {space}"
            )
        if forward and not holomorphic and space.dtype.kind == "c":
            raise InputTypeError(
                f"{selection}: a complex argument ({space}) needs holomorphic=True in forward "
                "mode. For real "
                "functions of complex arguments use jacrev."
            )
    return spaces, trees


def _output_spaces(
    selection: Selection, out: Any, kinds: str
) -> tuple[list[ArrayType], tree.TreeDef]:
    """The types of the outputs, which must be of these kinds of dtype, and their tree."""
    outs, out_tree = tree.flatten(out)
    if not outs:
        raise OutputTypeError(
            f"{selection}: the output holds no arrays, got {'None' if out is None else out_tree}. "
            "Return what is to be differentiated."
        )
    spaces = [type_of(o) for o in outs]
    for j, space in enumerate(spaces):
        if space.dtype.kind not in kinds:
            path = tree.key_string(tree.leaf_paths(out_tree)[j])
            where = f"the output at {path}" if path else "the output"
            needed = {
                "c": "complex values with holomorphic=True",
                "f": "real floating-point values",
                "fc": "floating-point values",
            }[kinds]
            remedy = (
                "Take real and imaginary parts, or pass holomorphic=True for the complex "
                "derivative of a holomorphic function."
                if space.dtype.kind == "c"
                else "Return what has no derivative as aux (has_aux=True)."
            )
            raise OutputTypeError(
                f"{selection}: {where} has type {space}; a Jacobian needs {needed}. {remedy}"
            )
    return spaces, out_tree


def _in_rows(
    selection: Selection,
    out: Any,
    pullback: Callable[[Any], Any],
    spaces: list[ArrayType],
    trees: list[tree.TreeDef],
    holomorphic: bool,
    chunk_size: int | None,
) -> Any:
    """The Jacobian from the pullback, all rows at a time."""
    out_spaces, out_tree = _output_spaces(selection, out, "c" if holomorphic else "f")
    if len(out_spaces) == 1 and out_spaces[0].shape == ():
        gradients = pullback(tree.unflatten(out_tree, [out_spaces[0].dtype.type(1)]))
        return tree.unflatten(out_tree, [_bare(selection, list(gradients))])

    def every(*basis: Any) -> list[list[Array]]:
        rows = vmap(pullback, chunk_size=chunk_size)(tree.unflatten(out_tree, basis))
        return [
            _split(row, space.shape, out_spaces, rows=True)
            for row, space in zip(tree.leaves(rows), spaces, strict=True)
        ]

    by_input = in_directions(every, out_spaces, chunk_size, forward=False)
    by_output = zip(*by_input, strict=True) if spaces else [()] * len(out_spaces)
    return tree.unflatten(
        out_tree, [_bare(selection, tree.regroup(list(parts), trees)) for parts in by_output]
    )


def _split(stacked: Array, shape: Shape, spaces: list[ArrayType], *, rows: bool) -> list[Array]:
    """Derivatives stacked along axis 0, one block for each leaf that the directions came from.

    Each block gets the shape of that leaf before `shape` (`rows`) or behind it.
    """
    blocks = []
    start = 0
    for space in spaces:
        stop = start + space.size
        block = stacked if len(spaces) == 1 else algebra.rows(stacked, start, stop)
        if not rows:
            block = algebra.transpose(block, axes=(*range(1, len(shape) + 1), 0))
        block = algebra.reshape(block, shape=space.shape + shape if rows else shape + space.shape)
        blocks.append(block if shape_of(block) else block[()])  # a number for a number
        start = stop
    return blocks


def _bare(selection: Selection, parts: list[Any]) -> Any:
    return parts[0] if selection.bare else tuple(parts)
