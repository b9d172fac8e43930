"""Log-probabilities of many classes in clusters: frequent ones directly, rare ones by way of their
cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.types import Array, dtype_of, shape_of
from functrans.nn.linear import linear
from functrans.numpy.operands import operand

Tails = Sequence[tuple[Any, Any]]


def _log_softmax(x: Array) -> Array:
    return p.log_softmax(x, axes=(len(shape_of(x)) - 1,))


def _cluster(x: Array, tail: tuple[Any, Any]) -> Array:
    """The log-probabilities of the classes of a cluster, within it."""
    return _log_softmax(linear(linear(x, tail[0]), tail[1]))


def adaptive_log_softmax(
    x: Any, head_weight: Any, head_bias: Any, tails: Tails, cutoffs: Sequence[int]
) -> Array:
    """The log-probabilities of all classes.

    Parameters
    ----------
    x : array_like
        Shape (n, features).
    head_weight : array_like
        Shape (cutoffs[0] + clusters, features): the frequent classes, then the clusters.
    head_bias : array_like or None
        Shape (cutoffs[0] + clusters,).
    tails : sequence of pairs
        For each cluster two weights, shapes (fewer features, features) and (classes, fewer
        features).
    cutoffs : sequence of int
        Where each cluster begins among the classes, and their number.

    Returns
    -------
    array
        Shape (n, classes).

    Examples
    --------
    >>> x, head = np.zeros((1, 2)), np.zeros((3, 2))
    >>> adaptive_log_softmax(x, head, None, [(np.zeros((1, 2)), np.zeros((2, 1)))], [2, 4])
    array([[-1.09861229, -1.09861229, -1.79175947, -1.79175947]])
    """
    x = operand(x)
    head = _log_softmax(linear(x, head_weight, head_bias))
    first = cutoffs[0]
    parts = [head[..., :first]]
    for i, tail in enumerate(tails):
        parts.append(p.add(_cluster(x, tail), head[..., first + i : first + i + 1]))
    return p.concatenate(*parts, axis=len(shape_of(head)) - 1)


def adaptive_log_likelihood(
    x: Any, target: Any, head_weight: Any, head_bias: Any, tails: Tails, cutoffs: Sequence[int]
) -> Array:
    """The log-probability of one class for each row; a cluster is computed for its own rows only.

    Parameters
    ----------
    x, head_weight, head_bias, tails, cutoffs
        As in `adaptive_log_softmax`.
    target : array_like of int
        Classes, shape (n,).

    Returns
    -------
    array
        Shape (n,).

    Raises
    ------
    TypeError
        `target` holds no integers.
    IndexError
        A target is no class.

    Examples
    --------
    >>> x, head = np.zeros((1, 2)), np.zeros((3, 2))
    >>> tail = np.zeros((1, 2)), np.zeros((2, 1))
    >>> adaptive_log_likelihood(x, np.array([3]), head, None, [tail], [2, 4])
    array([-1.79175947])
    """
    x, target = operand(x), operand(target)
    name = "adaptive_log_likelihood"
    if dtype_of(target).kind not in "iu":
        raise TypeError(f"{name}: target holds {dtype_of(target)}; class numbers are integers")
    if isinstance(target, TracedArray):  # those of a batch: which cluster is not known
        scores = adaptive_log_softmax(x, head_weight, head_bias, tails, cutoffs)
        return _at(scores, target)
    if target.size and not 0 <= target.min() <= target.max() < cutoffs[-1]:
        raise IndexError(
            f"{name}: targets are from {target.min()} to {target.max()}; there are {cutoffs[-1]} "
            "classes, numbered from 0"
        )
    head = _log_softmax(linear(x, head_weight, head_bias))
    first = cutoffs[0]
    cluster = np.searchsorted(cutoffs, target, side="right")
    found = [_at(head, np.where(cluster > 0, first + cluster - 1, target))]
    rows = [np.arange(len(target))]
    for i, tail in enumerate(tails):
        own = np.flatnonzero(cluster == i + 1)
        if own.size:
            inner = _cluster(p.take(x, own, axis=0), tail)
            found.append(_at(inner, target[own] - cutoffs[i]))
            rows.append(own)
    index = p.Index((p.ARRAY,), True)
    ans = found[0]
    for own, part in zip(rows[1:], found[1:], strict=True):
        ans = p.index_add(ans, part, own, index=index)
    return ans


def _at(scores: Array, classes: Any) -> Array:
    """The element of each row at a class."""
    n = shape_of(scores)[0]
    places = p.reshape(classes, shape=(n, 1))
    return p.reshape(p.take_along_axis(scores, places, axis=1), shape=(n,))
