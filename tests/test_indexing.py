"""Indexing by NumPy's expressions, its derivatives, its batching, and writing at an index."""

import copy
import pickle
from array import array
from collections import deque

import numpy as np
import pytest
from hypothesis import given, strategies as st

from functrans import grad, jvp, make_graph, primitives as p, vjp, vmap
from functrans.core.algebra import algebra
from functrans.core.errors import ConversionError, LeakedArrayError
from functrans.core.primitive import primitive_of
from functrans.primitives.index_expression import Index, index_arguments
from tests.indexing import (
    REFUSALS,
    close,
    gathered,
    index_expressions,
    numbers,
    pullback,
    spread_back,
    total,
)

# Values


@given(index_expressions())
def test_value_and_shape_are_numpys(case):
    x, key = case
    want = x[key]
    np.testing.assert_array_equal(p.getitem(x, key), want, strict=want.ndim > 0)
    index, arrays = index_arguments(x.shape, key)
    assert index.shape(x.shape, tuple(a.shape for a in arrays)) == want.shape
    assert all(a.dtype.kind in "iu" for a in arrays)


@given(index_expressions(), st.data())
def test_invalid_expressions_are_refused_as_numpy_refuses_them(case, data):
    x, key = case
    shape = tuple(data.draw(st.integers(0, 4)) for _ in range(data.draw(st.integers(0, 4))))
    y = numbers(shape)
    try:
        want = y[key]
    except REFUSALS as error:
        with pytest.raises(REFUSALS):
            p.getitem(y, key)
        if "array" not in str(Index(key)) and "out of bounds" not in str(error):
            with pytest.raises(IndexError):
                make_graph(lambda y: p.getitem(y, key))(y)
    else:
        np.testing.assert_array_equal(p.getitem(y, key), want)


@pytest.mark.parametrize(
    ("key", "names"),
    [
        (1.0, "float"),
        ("a", "str"),
        ({0}, "set"),
        (range, "type"),
        (np.array([0.5]), r"float64\[1\]"),
        (np.array([]), r"float64\[0\]"),
        ((0, 0, 0), "too many indices"),
        (3, "out of bounds"),
        ((0, [2, 3]), "out of bounds"),
        ((..., ...), "single ellipsis"),
        (np.array([True, False]), "size of axis is 3"),
        (np.ones((3, 2, 1), bool), "too many indices"),
        (([0, 1], [0, 1, 1]), "shape mismatch"),
    ],
)
def test_what_is_wrong_with_an_index(key, names):
    x = np.zeros((3, 2))
    with pytest.raises(IndexError, match=names):
        p.getitem(x, key)
    with pytest.raises(IndexError, match=names):
        grad(lambda x: p.sum(p.getitem(x, key), axes=()))(x)


@pytest.mark.parametrize(
    ("key", "plain"),
    [
        (np.int32(1), 1),
        (slice(np.int64(0), np.int8(2)), slice(0, 2)),
        (np.array(1), 1),
        ([], np.array([], int)),
        ([[]], np.array([[]], int)),
        (((0, 1), (1, 0)), ((0, 1), (1, 0))),
        (range(1, -1, -1), [1, 0]),
        (range(0), np.array([], int)),
        ((range(2), range(2)), ([0, 1], [0, 1])),
        ((slice(None), deque([1, 0])), (slice(None), [1, 0])),
        (array("i", [0, 1, 0]), [0, 1, 0]),
        (memoryview(np.array([True, False])), np.array([True, False])),
        (True, True),
        (np.False_, False),
        ((slice(None), True, [0, 1, 0]), (slice(None), True, [0, 1, 0])),
    ],
)
def test_other_forms_of_an_index(key, plain):
    x = numbers((2, 2))
    want = x[plain]
    close(p.getitem(x, key), want)
    close(vmap(lambda x: p.getitem(x, key))(np.stack([x, 2 * x])), np.stack([want, 2 * want]))
    g = numbers(want.shape, 1)
    close(pullback(lambda x: p.getitem(x, key), x)(g), spread_back(gathered(x, plain), g, x.shape))


# Derivatives


@given(index_expressions())
def test_vjp_is_the_transpose(case):
    x, key = case
    g = numbers(x[key].shape, 1)
    close(pullback(lambda x: p.getitem(x, key), x)(g), spread_back(gathered(x, key), g, x.shape))
    t = numbers(x.shape, 2)
    np.testing.assert_array_equal(jvp(lambda x: p.getitem(x, key), (x,), (t,))[1], t[key])


@given(index_expressions())
def test_second_order(case):
    x, key = case
    count = np.bincount(gathered(x, key).ravel(), minlength=x.size).reshape(x.shape)

    def cubes(x):
        y = p.getitem(x, key)
        return total(p.multiply(p.square(y), y))

    v = numbers(x.shape, 1)
    close(grad(cubes)(x), 3 * x**2 * count)
    close(grad(lambda x: total(p.multiply(v, grad(cubes)(x))))(x), 6 * v * x * count)
    close(jvp(grad(cubes), (x,), (v,))[1], 6 * v * x * count)
    close(grad(lambda x: jvp(cubes, (x,), (v,))[1])(x), 6 * v * x * count)


@given(index_expressions())
def test_staged(case):
    x, key = case
    graph = make_graph(lambda x: p.getitem(x, key))(x)
    assert [kind.shape for kind in graph.output_types] == [x[key].shape]
    np.testing.assert_array_equal(graph(x), x[key])


# Batching


@given(index_expressions(), st.data())
def test_vmap_is_a_loop(case, data):
    x, key = case
    index, arrays = index_arguments(x.shape, key)
    index = Index(index.entries)  # arrays drawn below may repeat
    flags = [data.draw(st.booleans()) for _ in arrays]
    x_batched = data.draw(st.booleans()) or not any(flags)
    lanes = 3
    xs = [numbers(x.shape, 10 + i) if x_batched else x for i in range(lanes)]
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    columns = [
        [rng.choice(a.ravel(), a.shape) if b and a.size else a for _ in range(lanes)]
        for a, b in zip(arrays, flags, strict=True)
    ]
    in_axes = (0 if x_batched else None, *(0 if b else None for b in flags))
    stacked = [np.stack(xs) if x_batched else x] + [
        np.stack(column) if b else column[0] for column, b in zip(columns, flags, strict=True)
    ]

    def read(x, *arrays):
        return p.index_(x, *arrays, index=index)

    rows = [[column[i] for column in columns] for i in range(lanes)]
    want = np.stack([read(xs[i], *rows[i]) for i in range(lanes)])
    np.testing.assert_array_equal(vmap(read, in_axes)(*stacked), want)

    def pulled(x, g, *arrays):
        return pullback(lambda x: read(x, *arrays), x)(g)

    g = numbers(want.shape, 1)
    close(
        vmap(pulled, (in_axes[0], 0, *in_axes[1:]))(stacked[0], g, *stacked[1:]),
        np.stack([pulled(xs[i], g[i], *rows[i]) for i in range(lanes)]),
    )

    y_shape = tuple(1 if data.draw(st.booleans()) else n for n in want.shape[1:])
    y_shape = y_shape[data.draw(st.integers(0, len(y_shape))) :]
    y_batched = data.draw(st.booleans())
    ys = [numbers(y_shape, 20 + i * y_batched) for i in range(lanes)]
    y = np.stack(ys) if y_batched else ys[0]
    for write in (p.index_add, p.index_update):

        def written(x, y, *arrays, write=write):
            return write(x, y, *arrays, index=index)

        want = np.stack([written(xs[i], ys[i], *rows[i]) for i in range(lanes)])
        axes = (in_axes[0], 0 if y_batched else None, *in_axes[1:])
        close(vmap(written, axes)(stacked[0], y, *stacked[1:]), want)

        def both(x, y, g, *arrays, written=written):
            return vjp(lambda x, y: written(x, y, *arrays), x, y)[1](g)

        g = numbers(want.shape, 3)
        found = vmap(both, (*axes[:2], 0, *axes[2:]))(stacked[0], y, g, *stacked[1:])
        lane_by_lane = [both(xs[i], ys[i], g[i], *rows[i]) for i in range(lanes)]
        for part, column in zip(found, zip(*lane_by_lane, strict=True), strict=True):
            close(part, np.stack(column))


def test_traced_index_arrays_through_the_operator():
    x = numbers((3, 4))
    i = np.array([2, 0, 1, 2])
    close(vmap(lambda i: p.getitem(x, (i, slice(1, None))))(i), x[i, 1:])
    close(vmap(lambda i, column: p.getitem(column, i), (0, 1))(i, x), x[i, range(4)])
    pairs = vmap(lambda i: p.getitem(x, ([i, 0], 1)))(i)  # a list that holds a traced number
    close(pairs, np.stack([x[i, 1], x[np.zeros(4, int), 1]], 1))


# Writing


@given(index_expressions(), st.data())
def test_writing_is_numpys_assignment(case, data):
    x, key = case
    target = x[key].shape
    y_shape = tuple(1 if data.draw(st.booleans()) else n for n in target)
    y = numbers(y_shape[data.draw(st.integers(0, len(target))) :], 1)
    index, arrays = index_arguments(x.shape, key)
    positions = gathered(x, key)

    updated = np.array(x)
    updated[key] = y
    np.testing.assert_array_equal(p.setitem(x, key, y), updated)
    added = x + spread_back(positions, np.broadcast_to(y, target), x.shape)
    close(p.index_add(x, y, *arrays, index=index), added)

    g = numbers(x.shape, 2)
    last = np.full(x.shape, -1)
    order = np.arange(positions.size).reshape(target)
    last[key] = order
    arrives = np.broadcast_to(np.where(last[key] == order, g[key], 0), target)
    g_x, g_y = vjp(lambda x, y: p.setitem(x, key, y), x, y)[1](g)
    close(g_x, np.where(last < 0, g, 0))
    close(g_y, unbroadcast(arrives, y.shape))
    g_x, g_y = vjp(lambda x, y: p.index_add(x, y, *arrays, index=index), x, y)[1](g)
    close(g_x, g)
    close(g_y, unbroadcast(g[key], y.shape))


def unbroadcast(g, shape):
    g = np.asarray(g)
    g = g.sum(tuple(range(g.ndim - len(shape))))
    return g.sum(tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def test_the_last_of_repeated_writes_wins():
    y = np.array([1.0, 2.0, 3.0])

    def write(y):
        return p.setitem(np.zeros(3), [0, 0, 2], y)

    close(write(y), np.array([2.0, 0.0, 3.0]))
    close(pullback(write, y)(np.array([10.0, 20.0, 30.0])), np.array([0.0, 10.0, 30.0]))


@np.errstate(divide="ignore")
def test_written_positions_are_structurally_zero_to_what_was_there():
    def repaired(x):
        return total(p.setitem(p.log(x), np.array([True, False]), 0.0))

    close(grad(repaired)(np.array([0.0, 2.0])), np.array([0.0, 0.5]))
    close(vmap(grad(repaired))(np.array([[0.0, 2.0]])), np.array([[0.0, 0.5]]))
    overwritten = grad(lambda y: total(p.setitem(np.zeros(1), [0, 0], p.log(y))))
    close(overwritten(np.array([0.0, 2.0])), np.array([0.0, 0.5]))


def test_positions_not_read_are_structurally_zero():
    def read(x):
        return p.multiply(2.0, p.getitem(p.sqrt(x), 1))

    close(grad(read)(np.array([0.0, 4.0])), np.array([0.0, 0.5]))

    def read_part(x):  # the mask of the second operation stays known inside of the first
        y = p.getitem(p.sqrt(x), slice(0, 2))
        return total(p.where(np.array([False, True]), y, 0.0))

    close(grad(read_part)(np.array([0.0, 4.0, 0.0])), np.array([0.0, 0.25, 0.0]))


@pytest.mark.parametrize("write", [p.index_add, p.index_update])
def test_operands_of_a_write_are_left_alone(write):
    x, y = np.zeros(3), np.ones(1)
    write(x, y, index=Index((slice(1),)))
    close(x, np.zeros(3))


def test_values_that_do_not_fit():
    x = np.zeros(3)
    index = Index((slice(2),))
    for write in (p.index_add, p.index_update):
        with pytest.raises(ValueError, match="broadcast"):
            write(x, np.ones(3), index=index)
        with pytest.raises(ValueError, match="broadcast"):
            make_graph(lambda y, write=write: write(x, y, index=index))(np.ones(3))
    with pytest.raises(TypeError, match="complex"):
        p.index_add(x, np.array([1j]), index=index)
    with pytest.raises(TypeError, match="complex"):
        p.index_add(x, np.array([1j]), np.array([0]), index=Index((p.ARRAY,)))


def test_leading_axes_of_length_one_go():
    g = grad(lambda y: total(p.setitem(np.zeros(3), slice(2), y)))(np.ones((1, 1, 2)))
    close(g, np.ones((1, 1, 2)))


# Masks and bounds that are traced


def test_a_traced_mask_is_refused_with_the_remedy():
    x = numbers((4,))
    with pytest.raises(ConversionError, match=r"bool\[4\] of vmap.*numpy.where"):
        vmap(lambda x: p.getitem(x, p.greater(x, 0)))(np.stack([x, x]))
    with pytest.raises(ConversionError, match=r"bool\[4\] of make_graph.*numpy.where"):
        make_graph(lambda x: p.getitem(x, p.greater(x, 0)))(x)
    known = grad(lambda x: total(p.getitem(x, p.greater(x, 0))))(x)
    close(known, np.where(x > 0, 1.0, 0.0))


def test_a_single_value_is_written_where_a_traced_mask_holds():
    x = numbers((2, 3))

    def rectified(x):
        return p.setitem(x, p.less(x, 0), 0)

    close(vmap(rectified)(x), np.maximum(x, 0))
    close(make_graph(rectified)(x)(x), np.maximum(x, 0))
    rows = vmap(lambda x, keep: p.setitem(x, keep, 7.0), (None, 0))
    keep = np.array([[True, False], [False, False]])
    close(rows(x, keep), np.stack([np.where([[True], [False]], 7.0, x), x]))
    with pytest.raises(IndexError, match="did not match"):
        vmap(lambda x: p.setitem(x, p.less(np.ones(2), x), 0.0), (0,))(np.ones((2, 1)))


def test_a_traced_bound_of_a_slice_is_refused_with_the_remedy():
    x = numbers((4,))
    with pytest.raises(ConversionError, match=r"bound of a slice.*numpy.arange"):
        vmap(lambda i: p.getitem(x, slice(i, None)))(np.array([0, 1]))


def test_a_leaked_array_is_found():
    kept = []
    grad(lambda x: kept.append(x) or total(x))(np.ones(2))
    with pytest.raises(LeakedArrayError):
        p.getitem(kept[0], 0)


# The record of an index


def test_an_index_is_a_value():
    a, b = Index((slice(1, None, 2), None, p.ARRAY)), Index((slice(1, None, 2), None, p.ARRAY))
    assert a == b and hash(a) == hash(b)
    assert len({a, b, Index((slice(1, None), None, p.ARRAY))}) == 2
    assert Index((1,)) != Index((True,))
    assert Index((p.ARRAY,)) != Index((p.ARRAY,), unique=True)
    for twin in (pickle.loads(pickle.dumps(a)), copy.deepcopy(a)):
        assert twin == a and twin.entries[2] is p.ARRAY


def test_an_index_prints_as_it_is_written():
    index, _ = index_arguments((5, 4, 3), (slice(1, -1), None, ..., [0, 1], 2))
    assert repr(index) == "[1:-1, None, ..., array, 2]"
    assert repr(index_arguments((5,), np.ones(5, bool))[0]) == "[array; unique]"
    assert repr(Index((slice(None, None, -1),))) == "[::-1]"
    graph = make_graph(lambda x: p.getitem(x, (0, slice(2, None))))(np.zeros((2, 3)))
    assert "index(a, index=[0, 2:])" in str(graph)


# Adding in place


@given(st.integers(0, 1000))
def test_adding_at_many_positions(seed):
    rng = np.random.default_rng(seed)
    rank = rng.integers(1, 4)
    shape = tuple(rng.integers(1, 6, rank))
    arrays = tuple(rng.integers(-n, n, (20, 3)) for n in shape[: rng.integers(1, rank + 1)])
    dtype = rng.choice([np.float32, np.float64])
    block = (20, 3) + shape[len(arrays) :]
    y = rng.integers(-9, 9, block[rng.integers(0, len(block)) :]).astype(float)
    positions = np.arange(np.prod(shape)).reshape(shape)[arrays]
    x = np.zeros(shape, dtype)
    Index((p.ARRAY,) * len(arrays)).add_at(x, y, arrays)
    want = spread_back(positions, np.broadcast_to(y, block), shape)
    np.testing.assert_array_equal(x, want)


@pytest.mark.parametrize("bad", [3, -4])
@pytest.mark.parametrize("pair", [False, True])
def test_adding_out_of_bounds(bad, pair):
    rows = np.full(400, bad)
    arrays = (np.zeros_like(rows), rows) if pair else (rows,)
    with pytest.raises(IndexError, match="out of bounds"):
        p.index_add(np.zeros((3, 3)), 1.0, *arrays, index=Index((p.ARRAY,) * len(arrays)))
    with pytest.raises(IndexError, match="out of bounds"):
        p.index_add(np.zeros((3, 3)), np.ones(3), rows, index=Index((p.ARRAY,)))


def test_a_loop_of_reads_is_linear(monkeypatch):
    """No read costs a pass over the array, forward or backward: nothing of its size is made."""

    def quadratic(*args, **kwargs):
        raise AssertionError("a dense cotangent was made")

    quadratic.primitive = primitive_of(p.index_add)  # by which additions in place are looked up
    monkeypatch.setattr(algebra, "index_add", quadratic)

    def loop(x):
        y = p.exp(x)
        terms = [p.getitem(y, i) for i in range(5)] + [
            p.getitem(y, slice(i, i + 2)) for i in (0, 3)
        ]
        kept = [p.where(p.greater(total(t), 1.5), total(t), 0.0) for t in terms]
        return total(p.stack(kept))

    x = np.linspace(0.0, 1.0, 5)
    counts = np.where(np.exp(x) > 1.5, 1, 0) + [1, 1, 0, 1, 1]
    close(grad(loop)(x), np.exp(x) * counts)
