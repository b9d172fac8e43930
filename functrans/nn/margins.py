"""Losses of several classes by margins, and of several labels at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of, shape_of
from functrans.nn.losses import Reduction, matched, reduced
from functrans.numpy.operands import operand


def _rows(input: Any, name: str) -> tuple[Array, bool]:
    """Predictions of shape (n, classes), and whether it was a single one."""
    input = operand(input)
    shape = shape_of(input)
    if len(shape) not in (1, 2):
        raise ValueError(f"{name}: input must have shape (n, classes) or (classes,), got {shape}")
    return (input if len(shape) == 2 else input[None]), len(shape) == 1


def _violations(differences: Array) -> Array:
    """``max(differences, 0)``, with derivative 0 at 0."""
    return p.where(differences > 0, differences, 0.0)


def multi_margin_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    p: int = 1,
    margin: float = 1.0,
    reduction: Reduction = "mean",
) -> Array:
    """By how much the score of the right class misses to be above all others by a margin.

    Parameters
    ----------
    input : array_like
        Scores, shape (n, classes) or (classes,).
    target : array_like of int
        Classes, shape (n,) or ().
    weight : array_like, optional
        A factor for each class.
    p : {1, 2}
        The power to which each miss is raised.
    margin : float
    reduction : {"none", "mean", "sum"}

    Raises
    ------
    ValueError
        The shapes do not fit, or `p` is neither 1 nor 2.

    Examples
    --------
    >>> float(multi_margin_loss(np.array([[0.5, 0.0]]), np.array([0])))
    0.25
    """
    return _multi_margin(input, target, weight, p, margin, reduction)


def _multi_margin(
    input: Any, target: Any, weight: Any, power: int, margin: float, reduction: Reduction
) -> Array:
    name = "multi_margin_loss"
    if power not in (1, 2):
        raise ValueError(f"{name}: p must be 1 or 2, got {power!r}")
    rows, single = _rows(input, name)
    target = p.reshape(operand(target), shape=shape_of(rows)[:1])
    classes = shape_of(rows)[1]
    places = p.reshape(target, shape=(*shape_of(target), 1))
    right = p.take_along_axis(rows, places, axis=1)
    misses = _violations(p.add(p.subtract(rows, right), margin))
    misses = p.square(misses) if power == 2 else misses
    if weight is not None:
        misses = p.multiply(misses, p.take(operand(weight), places, axis=0))
    others = p.not_equal(places, np.arange(classes))
    loss = p.divide(p.sum(p.where(others, misses, 0.0), axes=(1,)), classes)
    return reduced(loss[0] if single else loss, reduction, name)


def multilabel_margin_loss(input: Any, target: Any, *, reduction: Reduction = "mean") -> Array:
    """By how much the scores of the right labels miss to be above all others by 1.

    Parameters
    ----------
    input : array_like
        Scores, shape (n, classes) or (classes,).
    target : array_like of int
        The right labels of each row, up to the first that is negative; in the shape of `input`.
    reduction : {"none", "mean", "sum"}

    Raises
    ------
    ValueError
        The shapes differ.

    Examples
    --------
    >>> float(multilabel_margin_loss(np.array([0.5, 0.0, 0.0]), np.array([0, -1, 1])).round(4))
    0.3333
    """
    name = "multilabel_margin_loss"
    input, target = matched(input, target, name)
    rows, single = _rows(input, name)
    labels = target if len(shape_of(target)) == 2 else target[None]
    classes = shape_of(rows)[1]
    stopped = p.cumsum(p.astype(labels < 0, dtype=np.dtype(int)), axis=1)
    given = p.equal(stopped, 0)
    places = p.where(given, labels, 0)
    # One row of pairs (label, class) for each example.
    hits = p.equal(p.reshape(places, shape=(*shape_of(places), 1)), np.arange(classes))
    wide = p.reshape(given, shape=(*shape_of(given), 1))
    chosen = p.any(p.logical_and(hits, wide), axes=(1,), keepdims=True)
    right = p.take_along_axis(rows, places, axis=1)
    right = p.reshape(right, shape=(*shape_of(right), 1))
    other = p.reshape(rows, shape=(shape_of(rows)[0], 1, classes))
    misses = _violations(p.add(p.subtract(other, right), 1.0))
    counted = p.logical_and(wide, p.logical_not(chosen))
    loss = p.divide(p.sum(p.where(counted, misses, 0.0), axes=(1, 2)), classes)
    return reduced(loss[0] if single else loss, reduction, name)


def multilabel_soft_margin_loss(
    input: Any, target: Any, weight: Any = None, *, reduction: Reduction = "mean"
) -> Array:
    """``-log`` of the probability given to each label or its absence, averaged over the labels.

    Parameters
    ----------
    input : array_like
        Logits, shape (..., labels).
    target : array_like
        1 for labels that apply and 0 for others, in the shape of `input`.
    weight : array_like, optional
        A factor for each label.
    reduction : {"none", "mean", "sum"}

    Examples
    --------
    >>> float(multilabel_soft_margin_loss(np.zeros((1, 3)), np.ones((1, 3))).round(4))
    0.6931
    """
    name = "multilabel_soft_margin_loss"
    input, target = matched(input, target, name)
    target = p.astype(target, dtype=dtype_of(input))
    ones = p.multiply(target, p.softplus(p.negative(input)))
    zeros = p.multiply(p.subtract(1.0, target), p.softplus(input))
    losses = p.add(ones, zeros)
    if weight is not None:
        losses = p.multiply(losses, operand(weight))
    last = len(shape_of(losses)) - 1
    loss = p.divide(p.sum(losses, axes=(last,)), shape_of(losses)[last])
    return reduced(loss, reduction, name)
