"""Functions that read at positions: take, take_along_axis, diagonals, and stacks."""

import numpy as np
import pytest

from functrans import grad, hessian, primitives as p, vmap
from tests.indexing import close, numbers, pullback, spread_back, total

X = numbers((3, 4, 2))


@pytest.mark.parametrize("axis", [None, 0, 1, 2])
@pytest.mark.parametrize("mode", ["raise", "wrap", "clip"])
@pytest.mark.parametrize(
    "indices", [1, [0, 1], [[0, 1], [1, -1]], np.array([], int), [True, False]]
)
def test_take(axis, mode, indices):
    want = np.take(X, indices, axis, mode=mode)
    close(p.take(X, indices, axis=axis, mode=mode), want)
    g = numbers(want.shape, 1)
    positions = np.take(np.arange(X.size).reshape(X.shape), indices, axis, mode=mode)
    pull = pullback(lambda x: p.take(x, indices, axis=axis, mode=mode), X)
    close(pull(g), spread_back(positions, g, X.shape))
    batched = vmap(lambda x, i: p.take(x, i, axis=axis, mode=mode), (None, 0))
    close(batched(X, np.stack([indices, indices])), np.stack([want, want]))


def test_take_out_of_bounds():
    with pytest.raises(IndexError, match="out of bounds"):
        p.take(X, 3, axis=0)
    close(p.take(X, [3, -4], axis=0, mode="wrap"), np.take(X, [3, -4], 0, mode="wrap"))
    close(p.take(X, [3, -4], axis=0, mode="clip"), np.take(X, [3, -4], 0, mode="clip"))
    with pytest.raises(ValueError, match="'raise', 'wrap' or 'clip', got 'fold'"):
        p.take(X, 0, axis=0, mode="fold")


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_along_axis(axis):
    order = np.argsort(X, axis)
    close(p.take_along_axis(X, order, axis=axis), np.sort(X, axis))
    g = numbers(X.shape, 1)
    for unique in (False, True):
        pull = pullback(lambda x, u=unique: p.take_along_axis(x, order, axis=axis, unique=u), X)
        want = np.empty_like(g)
        np.put_along_axis(want, order, g, axis)
        close(pull(g), want)
        batched = vmap(
            lambda x, i, u=unique: p.take_along_axis(x, i, axis=axis, unique=u), (None, 0)
        )
        close(batched(X, order[None]), np.sort(X, axis)[None])
        pulls = vmap(
            lambda i, g, u=unique: pullback(
                lambda x: p.take_along_axis(x, i, axis=axis, unique=u), X
            )(g)
        )
        close(pulls(order[None], g[None]), want[None])
    first = np.argmax(X, axis, keepdims=True)
    want = X.copy()
    np.put_along_axis(want, first, 9.0, axis)
    close(p.put_along_axis(X, first, 9.0, axis=axis), want)
    close(p.take_along_axis(X, np.array([5, 0]), axis=None), X.ravel()[[5, 0]])
    with pytest.raises(ValueError, match="3 dimensions"):
        p.take_along_axis(X, np.array([0]), axis=axis)
    with pytest.raises(IndexError, match="integers"):
        p.take_along_axis(X, X, axis=axis)


def test_lanes_may_meet_though_none_repeats():
    x = np.array([1.0, 2.0])
    orders = np.array([[0, 1], [1, 0], [0, 1]])

    def lanes(x):
        return total(vmap(lambda i: p.take_along_axis(x, i, axis=0, unique=True))(orders))

    close(grad(lanes)(x), np.array([3.0, 3.0]))


@pytest.mark.parametrize("offset", [-5, -3, -1, 0, 1, 3, 5])
@pytest.mark.parametrize("axes", [(0, 1), (1, 0), (0, 2), (2, 1)])
def test_diagonal(offset, axes):
    want = np.diagonal(X, offset, *axes)

    def read(x):
        return p.diagonal(x, offset=offset, axis1=axes[0], axis2=axes[1])

    close(read(X), want)
    g = numbers(want.shape, 1)
    positions = np.diagonal(np.arange(X.size).reshape(X.shape), offset, *axes)
    close(pullback(read, X)(g), spread_back(positions, g, X.shape))
    close(vmap(read)(np.stack([X, 2 * X])), np.stack([want, 2 * want]))


@pytest.mark.parametrize("offset", [-2, 0, 1])
def test_from_diagonal(offset):
    v = numbers((3,))
    close(p.from_diagonal(v, offset=offset), np.diag(v, offset))
    stacked = p.from_diagonal(np.stack([v, 2 * v]), offset=offset)
    close(stacked, np.stack([np.diag(v, offset), np.diag(2 * v, offset)]))
    g = numbers((3 + abs(offset),) * 2, 1)
    close(pullback(lambda v: p.from_diagonal(v, offset=offset), v)(g), np.diagonal(g, offset))


def test_stack():
    parts = [numbers((2, 3), i) for i in range(3)]
    for axis in range(3):
        close(p.stack(parts, axis=axis), np.stack(parts, axis))
    second = hessian(lambda x: total(p.stack([p.getitem(x, 0), p.square(p.getitem(x, 1))])))
    close(second(np.array([1.0, 3.0])), np.array([[0.0, 0.0], [0.0, 2.0]]))
    with pytest.raises(ValueError, match="same shape"):
        p.stack([np.ones(2), np.ones(3)])
    with pytest.raises(ValueError, match="at least one"):
        p.stack([])
