"""Indices for the tests of indexing, drawn at random, and what NumPy itself says of them."""

import numpy as np
from hypothesis import assume, strategies as st

from functrans import primitives as p, vjp

REFUSALS = (IndexError, DeprecationWarning)
"""Before 2.2 NumPy only warns of a position out of bounds where the result is empty anyway."""


@st.composite
def index_expressions(draw):
    """An array and what NumPy takes between the brackets: ``(x, key)``."""
    shape = tuple(draw(st.lists(st.sampled_from([0, 1, 2, 3, 4]), max_size=4)))
    block = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    key = []
    axis = 0
    ellipsis = False
    while axis < len(shape):
        n = shape[axis]
        kinds = ["slice", "stop", "None", "mask"]
        kinds += [] if ellipsis else ["ellipsis"]
        kinds += ["int", "array", "array"] if n else []
        kind = draw(st.sampled_from(kinds))
        if kind == "stop":
            break
        if kind == "None":
            key.append(None)
            continue
        if kind == "ellipsis":
            key.append(...)
            ellipsis = True
            axis += draw(st.integers(0, len(shape) - axis))
            continue
        if kind == "slice":
            bound = st.none() | st.integers(-n - 1, n + 1)
            step = draw(st.sampled_from([None, 1, 2, -1, -2]))
            key.append(slice(draw(bound), draw(bound), step))
        elif kind == "int":
            key.append(draw(st.integers(-n, n - 1)))
        elif kind == "array":
            own = tuple(1 if draw(st.booleans()) else m for m in block)
            own = own[draw(st.integers(0, len(own))) :]
            size = int(np.prod(own))
            entries = draw(st.lists(st.integers(-n, n - 1), min_size=size, max_size=size))
            array = np.array(entries, draw(st.sampled_from([np.int64, np.int8]))).reshape(own)
            key.append(array.tolist() if draw(st.booleans()) else array)
        else:
            rank = draw(st.integers(1, len(shape) - axis))
            size = int(np.prod(shape[axis : axis + rank]))
            lanes = draw(st.lists(st.booleans(), min_size=size, max_size=size))
            key.append(np.array(lanes, bool).reshape(shape[axis : axis + rank]))
            axis += rank - 1
        axis += 1
    x = numbers(shape)
    try:
        x[tuple(key)]
    except REFUSALS:  # arrays that do not broadcast
        assume(False)
    return x, tuple(key)


def numbers(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def gathered(x, key):
    """The flat positions of ``x[key]``, by NumPy."""
    return np.arange(x.size).reshape(x.shape)[key]


def spread_back(positions, g, shape):
    """The transpose of taking flat positions."""
    summed = np.bincount(positions.ravel(), np.ravel(g), int(np.prod(shape)))
    return summed.reshape(shape).astype(float)


def pullback(function, x):
    """The VJP of a function of one array."""
    return lambda g: vjp(function, x)[1](g)[0]


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12, strict=np.ndim(a) > 0)


def total(x):
    return p.sum(x, axes=tuple(range(len(np.shape(x) if isinstance(x, float) else x.shape))))
