"""Losses of predicted classes, and one-hot encoding.

The classes stand along axis 1 of predictions, behind the batch; a single prediction of shape
``(classes,)`` has them along axis 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of, is_inexact, is_plain, shape_of
from functrans.nn.losses import Reduction, reduced
from functrans.numpy.operands import operand


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Array:
    """``-log`` of the probability given to the right class, from logarithms of probabilities.

    Parameters
    ----------
    input : array_like
        Shape (n, classes, ...) or (classes,).
    target : array_like of int
        Classes, shape (n, ...) or ().
    weight : array_like, optional
        A factor for each class. The mean is then the weighted one.
    ignore_index : int
        Targets with this number do not count.
    reduction : {"none", "mean", "sum"}

    Raises
    ------
    ValueError
        The shapes do not fit.
    TypeError
        Targets are no integers.
    IndexError
        A target is no class.

    Examples
    --------
    >>> scores = np.log(np.array([[0.25, 0.75], [0.5, 0.5]]))
    >>> nll_loss(scores, np.array([1, 0]), reduction="none")
    array([0.28768207, 0.69314718])
    """
    name = "nll_loss"
    input = operand(input)
    valid, classes = _classes(input, operand(target), ignore_index, name)
    loss = p.negative(_picked(input, classes))
    loss, total = _weighted(loss, input, classes, valid, weight)
    return _mean(loss, total) if reduction == "mean" else reduced(loss, reduction, name)


_UNSIGNED = {np.dtype(code).itemsize: np.dtype(code) for code in "BHILQ"}
"""By their size: looking a name up takes NumPy as long as a small sum."""


def _class_axis(x: Array) -> int:
    return 1 if len(shape_of(x)) > 1 else 0


def _classes(input: Array, target: Array, ignore_index: int, name: str) -> tuple[Array, Array]:
    """Where targets count (None: everywhere), and the targets with 0 in place of the others."""
    axis = _class_axis(input)
    shape = shape_of(input)
    wanted = shape[:axis] + shape[axis + 1 :]
    if not shape or shape_of(target) != wanted:
        raise ValueError(
            f"{name}: input has shape {shape}, with the classes along axis {axis}; target must "
            f"have shape {wanted}, got {shape_of(target)}"
        )
    if dtype_of(target).kind not in "iu":
        raise TypeError(
            f"{name}: target holds {dtype_of(target)}; class numbers must be integers "
            "(target.astype(int))"
        )
    # Traced targets (those of a batch) cannot be looked at.
    known = is_plain(target)
    if known and not 0 <= ignore_index < shape[axis]:
        # As numbers without sign, negative ones are greater than all others.
        bits = target if target.dtype.kind == "u" else target.view(_UNSIGNED[target.itemsize])
        if not bits.size or np.maximum.reduce(bits, axis=None) < shape[axis]:
            return None, target
    valid = p.not_equal(target, ignore_index)
    classes = p.where(valid, target, 0)
    if known and classes.size:
        for found in (classes.min(), classes.max()):
            if not 0 <= found < shape[axis]:
                raise IndexError(
                    f"{name}: target {found} is no class; there are {shape[axis]}, numbered from "
                    f"0 (and {ignore_index}, which does not count)"
                )
    return valid, classes


def _picked(input: Array, classes: Array) -> Array:
    """The elements at the classes."""
    axis = _class_axis(input)
    shape = shape_of(classes)
    places = p.reshape(classes, shape=(*shape[:axis], 1, *shape[axis:]))
    return p.reshape(p.take_along_axis(input, places, axis=axis), shape=shape)


def _weighted(
    loss: Array, input: Array, classes: Array, valid: Array, weight: Any
) -> tuple[Array, Array]:
    """The losses times the weights of their classes, and the total weight."""
    shape = shape_of(classes)
    total: Array = math.prod(shape)
    if weight is None and valid is None:
        return loss, total
    if weight is not None:
        weights = p.take(_class_weight(weight, input), classes, axis=0)
        weights = weights if valid is None else p.where(valid, weights, 0.0)
        loss = p.multiply(loss, weights)
        total = p.sum(weights, axes=tuple(range(len(shape))))
    else:
        total = p.sum(p.astype(valid, dtype=dtype_of(input)), axes=tuple(range(len(shape))))
    return loss if valid is None else p.where(valid, loss, 0.0), total


def _class_weight(weight: Any, input: Array) -> Array:
    weight = operand(weight)
    classes = shape_of(input)[_class_axis(input)]
    if shape_of(weight) != (classes,):
        raise ValueError(
            f"weight has shape {shape_of(weight)}; it must hold one number for each of the "
            f"{classes} classes"
        )
    return weight


def _mean(loss: Array, total: Array) -> Array:
    if type(total) is int and total:
        return p.mean(loss, axes=tuple(range(len(shape_of(loss)))))
    with np.errstate(invalid="ignore"):  # without any target the mean is NaN
        return p.divide(p.sum(loss, axes=tuple(range(len(shape_of(loss))))), total)


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> Array:
    """``-log`` of the probability given to the right class, from logits: exact far out.

    Parameters
    ----------
    input : array_like
        Logits, shape (n, classes, ...) or (classes,).
    target : array_like
        Classes, as integers of shape (n, ...) or (); or probabilities of all classes, as
        floating-point numbers of the shape of `input`.
    weight : array_like, optional
        A factor for each class. With class numbers the mean is then the weighted one.
    ignore_index : int
        Targets with this number do not count.
    label_smoothing : float
        So much of the target is spread evenly over all classes.
    reduction : {"none", "mean", "sum"}

    Raises
    ------
    ValueError, TypeError, IndexError
        As in `nll_loss`.

    Examples
    --------
    >>> logits = np.array([[2.0, 0.0, 0.0], [-1e4, 0.0, -1e4]])
    >>> cross_entropy(logits, np.array([0, 0]), reduction="none")
    array([2.39544766e-01, 1.00000000e+04])
    >>> float(cross_entropy(logits, np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])).round(3))
    2500.62
    """
    name = "cross_entropy"
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing must be from 0 to 1, got {label_smoothing}")
    input, target = operand(input), operand(target)
    if not shape_of(input):
        raise ValueError(f"{name}: input needs an axis of classes, got a single number")
    axis = _class_axis(input)
    count = shape_of(input)[axis]
    if is_inexact(dtype_of(target)):
        scores = p.log_softmax(input, axes=(axis,))
        return _of_probabilities(scores, target, weight, label_smoothing, reduction)
    valid, classes = _classes(input, target, ignore_index, name)
    loss = p.cross_entropy(input, classes, axis=axis)
    loss, total = _weighted(loss, input, classes, valid, weight)
    if label_smoothing:
        scores = p.log_softmax(input, axes=(axis,))
        spread = _summed(scores, weight, axis)
        spread = spread if valid is None else p.where(valid, spread, 0.0)
        loss = p.add(
            p.multiply(1 - label_smoothing, loss), p.multiply(label_smoothing / count, spread)
        )
    return _mean(loss, total) if reduction == "mean" else reduced(loss, reduction, name)


def _summed(products: Array, weight: Any, axis: int) -> Array:
    """``-products`` times the weights of the classes, summed over the classes."""
    if weight is not None:
        weight = _class_weight(weight, products)
        behind = len(shape_of(products)) - axis - 1
        products = p.multiply(products, p.reshape(weight, shape=(*shape_of(weight), *[1] * behind)))
    return p.negative(p.sum(products, axes=(axis,)))


def _of_probabilities(
    scores: Array, target: Array, weight: Any, label_smoothing: float, reduction: str
) -> Array:
    axis = _class_axis(scores)
    if shape_of(target) != shape_of(scores):
        raise ValueError(
            f"cross_entropy: a floating-point target holds probabilities of all classes and must "
            f"have the shape of input, {shape_of(scores)}, got {shape_of(target)}; class numbers "
            "must be integers"
        )
    if label_smoothing:
        share = label_smoothing / shape_of(scores)[axis]
        target = p.add(p.multiply(1 - label_smoothing, target), share)
    # A class that is impossible on both sides contributes 0.
    impossible = p.logical_and(p.equal(target, 0), p.isinf(scores))
    products = p.where(impossible, 0.0, p.multiply(target, p.where(impossible, 0.0, scores)))
    return reduced(_summed(products, weight, axis), reduction, "cross_entropy")


def one_hot(labels: Any, num_classes: int = -1) -> Array:
    """Class numbers as rows of zeros with a single one.

    Parameters
    ----------
    labels : array_like of int
    num_classes : int
        The number of classes; -1 for one more than the greatest label.

    Returns
    -------
    array of int
        The shape of `labels`, with a last axis of classes.

    Raises
    ------
    TypeError
        Labels are no integers.
    ValueError
        A label is negative or not below `num_classes`.

    Examples
    --------
    >>> one_hot(np.array([0, 2]), 3)
    array([[1, 0, 0],
           [0, 0, 1]])
    """
    labels = operand(labels)
    if dtype_of(labels).kind not in "iu":
        raise TypeError(f"one_hot: labels must be integers, got {dtype_of(labels)}")
    if is_plain(labels):
        least, greatest = (labels.min(), labels.max()) if labels.size else (0, num_classes - 1)
        if num_classes == -1:
            num_classes = int(greatest) + 1
        if least < 0 or greatest >= num_classes:
            raise ValueError(
                f"one_hot: labels from {least} to {greatest} do not fit {num_classes} classes, "
                "which are numbered from 0"
            )
    elif num_classes == -1:
        raise ValueError("one_hot: give num_classes; the greatest of traced labels is not known")
    column = p.reshape(labels, shape=(*shape_of(labels), 1))
    return p.astype(p.equal(column, np.arange(num_classes)), dtype=np.dtype(np.int64))
