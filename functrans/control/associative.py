"""``associative_scan``: prefix combinations in a logarithmic number of vectorised steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.control.carry import array_leaves
from functrans.core import tree
from functrans.core.algebra import algebra
from functrans.core.errors import (
    AxisError,
    OutputTypeError,
    TreeError,
    describe_function,
    describe_output,
)
from functrans.core.types import is_array, shape_of, type_of
from functrans.primitives import Index, index_

if TYPE_CHECKING:
    from collections.abc import Callable


def associative_scan(
    fn: Callable[[Any, Any], Any], elems: Any, *, reverse: bool = False, axis: int = 0
) -> Any:
    """All prefixes of a sequence, combined by an associative function.

    The i-th result is ``fn(...fn(fn(x[0], x[1]), x[2])..., x[i])``, by about ``2 log2(n)`` calls of
    `fn` on whole arrays (G. E. Blelloch, Prefix sums and their applications, CMU-CS-90-190, 1990).

    Parameters
    ----------
    fn : callable
        ``fn(a, b)`` combines two (batches of) elements; associative, and vectorised along `axis`.
    elems : pytree
        Arrays with one length along `axis`.
    reverse : bool
        Combine from the end: the i-th result is that of the elements from i on.
    axis : int

    Returns
    -------
    pytree
        Of the structure, shapes and dtypes of `elems`.

    Raises
    ------
    AxisError
        The arrays have different lengths, or no such axis.
    OutputTypeError, TreeError
        `fn` returns something else than it takes.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.associative_scan(np.multiply, np.array([1.0, 2.0, 3.0, 4.0]))
    array([ 1.,  2.,  6., 24.])
    """
    who = f"associative_scan({describe_function(fn)})"
    leaves, treedef = array_leaves(who, "elems", elems)
    if not leaves:
        return elems
    lengths = set()
    for x, path in zip(leaves, tree.leaf_paths(treedef), strict=True):
        if not -len(shape_of(x)) <= axis < len(shape_of(x)):
            where = tree.key_string(path)
            raise AxisError(f"{who}: elems{where} has type {type_of(x)}, which has no axis {axis}")
        lengths.add(shape_of(x)[axis])
    if len(lengths) > 1:
        raise AxisError(f"{who}: elems has different lengths along axis {axis}: {sorted(lengths)}")
    axes = [axis % len(shape_of(x)) for x in leaves]

    def combine(a: list[Any], b: list[Any]) -> list[Any]:
        if reverse:
            a, b = b, a
        out, out_tree = tree.flatten(fn(tree.unflatten(treedef, a), tree.unflatten(treedef, b)))
        if out_tree != treedef:
            names = ("the result", "elems")
            difference = tree.explain_difference(out_tree, treedef, names=names)
            raise TreeError(f"{who}: the function returned another structure: {difference}")
        for o, x in zip(out, a, strict=True):
            if not is_array(o) or shape_of(o) != shape_of(x):
                got = type_of(o) if is_array(o) else describe_output(o)
                raise OutputTypeError(
                    f"{who}: the function returned {got} for elements of {type_of(x)}; it has to "
                    "keep their shape"
                )
        return out

    def part(xs: list[Any], which: slice) -> list[Any]:
        return [
            index_(x, index=Index((*[slice(None)] * k, which)))
            for x, k in zip(xs, axes, strict=True)
        ]

    def prefixes(xs: list[Any]) -> list[Any]:
        n = shape_of(xs[0])[axes[0]]
        if n < 2:
            return xs
        pairs = combine(part(xs, slice(0, n - 1, 2)), part(xs, slice(1, None, 2)))
        odd = prefixes(pairs)
        before = odd if n % 2 else part(odd, slice(0, -1))
        later = combine(before, part(xs, slice(2, None, 2))) if n > 2 else part(xs, slice(0, 0))
        even = [
            algebra.concatenate(a, b, axis=k)
            for a, b, k in zip(part(xs, slice(0, 1)), later, axes, strict=True)
        ]
        return [_interleaved(a, b, k) for a, b, k in zip(even, odd, axes, strict=True)]

    xs = [np.flip(x, k) for x, k in zip(leaves, axes, strict=True)] if reverse else leaves
    found = prefixes(xs)
    if reverse:
        found = [np.flip(x, k) for x, k in zip(found, axes, strict=True)]
    return tree.unflatten(treedef, found)


def _interleaved(even: Any, odd: Any, axis: int) -> Any:
    """The elements of two arrays in turn; the first may have one more."""
    n = shape_of(odd)[axis]
    shape = shape_of(even)
    lead = (slice(None),) * axis
    pair = [
        algebra.reshape(x, shape=(*shape[:axis], n, 1, *shape[axis + 1 :]))
        for x in (index_(even, index=Index((*lead, slice(0, n)))), odd)
    ]
    both = algebra.concatenate(*pair, axis=axis + 1)
    both = algebra.reshape(both, shape=(*shape[:axis], 2 * n, *shape[axis + 1 :]))
    if shape[axis] == n:
        return both
    return algebra.concatenate(both, index_(even, index=Index((*lead, slice(n, None)))), axis=axis)
