"""Words of transforms, each a function of one pytree made of another, and what they mean.

The reference of a word uses nested ``jvp`` alone, with Python loops over directions and lanes, and
nested ``jvp`` has extrapolated differences in extended precision, which no rule takes part in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft
from functrans import tree

Function = Callable[[Any], Any]
Word = tuple[str, ...]

SCALES = (1.0, 0.96875, 1.015625)  # lanes of a batch: the point times each


def direction(x: Any) -> Any:
    """A fixed direction (or cotangent) of the structure of `x`, different in each element."""
    count = 0

    def fill(leaf: Any) -> Any:
        nonlocal count
        shape = np.shape(leaf)
        start, count = count, count + int(np.prod(shape))
        return np.cos(1.0 + np.arange(start, count)).reshape(shape)[()]

    return tree.map(fill, x)


def scaled(x: Any, s: Any) -> Any:
    return tree.map(lambda leaf: leaf * s, x)


# The transforms: each makes a function of one pytree out of a function of one pytree.


def by_vjp(f: Function) -> Function:
    def backward(x: Any) -> Any:
        out, pullback = ft.vjp(f, x)
        return pullback(direction(out))[0]

    return backward


def by_jvp(f: Function) -> Function:
    return lambda x: ft.jvp(f, (x,), (direction(x),))[1]


def by_vmap(f: Function) -> Function:
    return lambda x: ft.vmap(lambda s: f(scaled(x, s)))(np.array(SCALES))


def by_linearize(f: Function) -> Function:
    return lambda x: ft.linearize(f, x)[1](direction(x))


def by_graph(f: Function) -> Function:
    return lambda x: ft.make_graph(f)(x)(x)


TRANSFORMS: dict[str, Callable[[Function], Function]] = {
    "vjp": by_vjp,
    "jvp": by_jvp,
    "vmap": by_vmap,
    "linearize": by_linearize,
    "checkpoint": ft.checkpoint,
    "graph": by_graph,
    "jacfwd": ft.jacfwd,
    "jacrev": ft.jacrev,
}

# Their references. Transforms that mean the same have one reference, and those that mean nothing
# have none.


def one_direction(f: Function) -> Function:
    return lambda x: ft.jvp(f, (x,), (direction(x),))[1]


def loop_over_lanes(f: Function) -> Function:
    return lambda x: tree.map(lambda *lanes: np.stack(lanes), *[f(scaled(x, s)) for s in SCALES])


def derivatives_by_element(f: Function, x: Any) -> list[list[Any]]:
    """For each leaf of `x`, the derivative of `f` along each of its elements."""
    leaves, structure = tree.flatten(x)
    found = []
    for i, leaf in enumerate(leaves):
        found.append([])
        for index in np.ndindex(np.shape(leaf)):
            ts = [np.zeros(np.shape(one)) for one in leaves]
            ts[i][index] = 1.0
            t = tree.unflatten(structure, [t[()] for t in ts])
            found[-1].append(ft.jvp(f, (x,), (t,))[1])
    return found


def loop_over_columns(f: Function) -> Function:
    def jacobian(x: Any) -> Any:
        leaves, structure = tree.flatten(x)
        tangents = derivatives_by_element(f, x)

        def block(o: Any, columns: list[Any], leaf: Any) -> Any:
            return np.stack(columns, axis=-1).reshape(np.shape(o) + np.shape(leaf))

        outs, out_tree = tree.flatten(f(x))
        blocks = [
            tree.unflatten(
                structure,
                [
                    block(o, [tree.leaves(t)[k] for t in ts], leaf)
                    for ts, leaf in zip(tangents, leaves, strict=True)
                ],
            )
            for k, o in enumerate(outs)
        ]
        return tree.unflatten(out_tree, blocks)

    return jacobian


def loop_over_gradient(f: Function) -> Function:
    def gradient(x: Any) -> Any:
        leaves, structure = tree.flatten(x)
        g = tree.leaves(direction(f(x)))

        def element(t: Any) -> Any:
            return sum(np.sum(a * b) for a, b in zip(g, tree.leaves(t), strict=True))

        tangents = derivatives_by_element(f, x)
        return tree.unflatten(
            structure,
            [
                np.stack([element(t) for t in ts]).reshape(np.shape(leaf))
                for ts, leaf in zip(tangents, leaves, strict=True)
            ],
        )

    return gradient


REFERENCES: dict[str, tuple[str, Callable[[Function], Function]] | None] = {
    "vjp": ("gradient", loop_over_gradient),
    "jvp": ("direction", one_direction),
    "vmap": ("lanes", loop_over_lanes),
    "linearize": ("direction", one_direction),
    "checkpoint": None,
    "graph": None,
    "jacfwd": ("columns", loop_over_columns),
    "jacrev": ("columns", loop_over_columns),
}
MEANINGS = {entry[0]: entry[1] for entry in REFERENCES.values() if entry is not None}


def transformed(f: Function, word: Word) -> Function:
    """The transforms of a word applied to a function, the last one first."""
    for part in reversed(word):
        f = TRANSFORMS[part](f)
    return f


def meaning_of(word: Word) -> Word:
    """What the transforms of a word mean: the references that say the same."""
    return tuple(entry[0] for part in word if (entry := REFERENCES[part]) is not None)


def meant(f: Function, meaning: Word) -> Function:
    """The references of a word applied to a function, the last one first."""
    for part in reversed(meaning):
        f = MEANINGS[part](f)
    return f


def check_close(found: Any, expected: Any, tolerance: float) -> None:
    assert tree.structure(found) == tree.structure(expected)
    for one, other in zip(tree.leaves(found), tree.leaves(expected), strict=True):
        assert np.shape(one) == np.shape(other)
        size = max(1.0, float(np.max(np.abs(other), initial=0)))
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * size)


# The reference of the references.

LEVELS = 4
FIRST_STEP = 1 / 32
EXTENDED = np.finfo(np.longdouble).eps < 1e-18  # elsewhere a long double is a double


def numeric(f: Function) -> Function:
    """``one_direction`` by central differences, extrapolated to the eighth order."""

    def derivative(x: Any) -> Any:
        t = direction(x)
        rows = []
        for k in range(LEVELS):
            h = np.longdouble(FIRST_STEP) / 2**k
            above, below = (f(tree.map(lambda a, b, s=s: a + s * b, x, t)) for s in (h, -h))
            rows.append(tree.map(lambda a, b, h=h: (a - b) / (2 * h), above, below))
        for order in range(1, LEVELS):
            weight = np.longdouble(4) ** order - 1
            rows = [
                tree.map(lambda a, b, w=weight: b + (b - a) / w, a, b)
                for a, b in zip(rows[:-1], rows[1:], strict=True)
            ]
        return rows[0]

    return derivative
