"""Losses of single predictions: regression, ranking and binary classification.

`reduction` is ``"none"`` (a loss for each element), ``"mean"`` or ``"sum"``.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, shape_of
from functrans.nn.distances import pairwise_distance
from functrans.numpy.operands import operand
from functrans.transforms.stop_gradient import stop_gradient

Reduction = Literal["none", "mean", "sum"]


def reduced(loss: Array, reduction: str, name: str) -> Array:
    """The losses of all elements, their mean or their sum."""
    if reduction == "none":
        return loss
    shape = shape_of(loss)
    if reduction not in ("mean", "sum"):
        raise ValueError(f"{name}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
    whole = p.mean if reduction == "mean" else p.sum
    return whole(loss, axes=tuple(range(len(shape))))


def matched(input: Any, target: Any, name: str) -> tuple[Array, Array]:
    """Predictions and targets of one shape; a single target stands for all."""
    input, target = operand(input), operand(target)
    if shape_of(input) != shape_of(target) and shape_of(target):
        raise ValueError(
            f"{name}: input has shape {shape_of(input)} and target {shape_of(target)}. Pairs of "
            "different shapes would be compared each with each; reshape one, or broadcast it by "
            "numpy.broadcast_to if that is meant"
        )
    return input, target


def mse_loss(input: Any, target: Any, *, reduction: Reduction = "mean") -> Array:
    """Squared differences.

    Parameters
    ----------
    input, target : array_like
        Of one shape.
    reduction : {"none", "mean", "sum"}

    Raises
    ------
    ValueError
        The shapes differ, or `reduction` is unknown. So in all losses.

    Examples
    --------
    >>> float(mse_loss(np.array([1.0, 3.0]), np.array([1.0, 1.0])))
    2.0
    """
    input, target = matched(input, target, "mse_loss")
    return reduced(p.square(p.subtract(input, target)), reduction, "mse_loss")


def l1_loss(input: Any, target: Any, *, reduction: Reduction = "mean") -> Array:
    """Absolute differences; the derivative at difference 0 is 0.

    Examples
    --------
    >>> float(l1_loss(np.array([1.0, 3.0]), np.array([1.0, 1.0])))
    1.0
    """
    input, target = matched(input, target, "l1_loss")
    return reduced(p.absolute(p.subtract(input, target)), reduction, "l1_loss")


def smooth_l1_loss(
    input: Any, target: Any, *, beta: float = 1.0, reduction: Reduction = "mean"
) -> Array:
    """Absolute differences less ``beta / 2``; those below `beta` squared, over ``2 * beta``.

    Examples
    --------
    >>> smooth_l1_loss(np.array([0.5, 3.0]), np.array([0.0, 0.0]), reduction="none")
    array([0.125, 2.5  ])
    """
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    input, target = matched(input, target, "smooth_l1_loss")
    d = p.subtract(input, target)
    size = p.absolute(d)
    square = p.divide(p.square(p.where(size < beta, d, 0.0)), 2 * beta)
    return reduced(
        p.where(size < beta, square, p.subtract(size, beta / 2)), reduction, "smooth_l1_loss"
    )


def huber_loss(
    input: Any, target: Any, *, delta: float = 1.0, reduction: Reduction = "mean"
) -> Array:
    """Half the squared differences, beyond `delta` continued by straight lines.

    Examples
    --------
    >>> huber_loss(np.array([1.0, 4.0]), np.array([0.0, 0.0]), delta=2.0, reduction="none")
    array([0.5, 6. ])
    """
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    input, target = matched(input, target, "huber_loss")
    d = p.subtract(input, target)
    size = p.absolute(d)
    square = p.multiply(0.5, p.square(p.where(size <= delta, d, 0.0)))
    line = p.multiply(delta, p.subtract(size, 0.5 * delta))
    return reduced(p.where(size <= delta, square, line), reduction, "huber_loss")


def _weighted(loss: Array, weight: Any) -> Array:
    return loss if weight is None else p.multiply(loss, operand(weight))


def binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, *, reduction: Reduction = "mean"
) -> Array:
    """``-log`` of the probability that was given to the right of two classes.

    Logarithms are at least -100. From logits, `binary_cross_entropy_with_logits` is exact.

    Parameters
    ----------
    input : array_like
        Probabilities of class 1.
    target : array_like
        Classes (0 and 1, also as floating-point numbers) or probabilities.
    weight : array_like, optional
        A factor for each loss; it broadcasts.
    reduction : {"none", "mean", "sum"}

    Examples
    --------
    >>> binary_cross_entropy(np.array([0.5, 0.0]), np.array([1.0, 1.0]), reduction="none")
    array([  0.69314718, 100.        ])
    """
    input, target = matched(input, target, "binary_cross_entropy")
    loss = p.binary_cross_entropy(input, target)
    return reduced(_weighted(loss, weight), reduction, "binary_cross_entropy")


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    pos_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    """``-log`` of the probability given to the right of two classes, from logits: exact far out.

    Parameters
    ----------
    input : array_like
        Logits of class 1.
    target : array_like
        Classes or probabilities of class 1.
    weight : array_like, optional
        A factor for each loss; it broadcasts.
    pos_weight : array_like, optional
        A factor for the losses of class 1.
    reduction : {"none", "mean", "sum"}

    Examples
    --------
    >>> logits, target = np.array([-1e4, 40.0]), np.array([1.0, 1.0])
    >>> binary_cross_entropy_with_logits(logits, target, reduction="none")
    array([1.00000000e+04, 4.24835426e-18])
    """
    name = "binary_cross_entropy_with_logits"
    input, target = matched(input, target, name)
    ones = p.multiply(target, p.softplus(p.negative(input)))
    zeros = p.multiply(p.subtract(1, target), p.softplus(input))
    return reduced(_weighted(p.add(_weighted(ones, pos_weight), zeros), weight), reduction, name)


def kl_div(
    input: Any,
    target: Any,
    *,
    log_target: bool = False,
    reduction: Literal["none", "mean", "sum", "batchmean"] = "mean",
) -> Array:
    """``target * (log(target) - input)``: the divergence of probabilities from predicted ones.

    Parameters
    ----------
    input : array_like
        Logarithms of the predicted probabilities.
    target : array_like
        Probabilities; a probability of 0 contributes 0.
    log_target : bool
        `target` holds logarithms of probabilities.
    reduction : {"none", "mean", "sum", "batchmean"}
        ``"batchmean"`` divides the sum by the length of the first axis, which is the divergence as
        mathematics defines it.

    Examples
    --------
    >>> p, q = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    >>> round(float(kl_div(np.log(q), p, reduction="batchmean")), 6)
    0.143841
    """
    input, target = matched(input, target, "kl_div")
    if log_target:
        loss = p.multiply(p.exp(target), p.subtract(target, input))
    else:
        positive = target > 0
        inside = p.where(positive, target, 1.0)
        entropy = p.where(positive, p.multiply(inside, p.log(inside)), 0.0)
        loss = p.subtract(entropy, p.where(positive, p.multiply(target, input), 0.0))
    if reduction == "batchmean":
        return p.divide(reduced(loss, "sum", "kl_div"), (*shape_of(loss), 1)[0])
    return reduced(loss, reduction, "kl_div")


def above_zero(x: Array) -> Array:
    """``max(x, 0)`` as margins take it: the derivative at 0 is 1."""
    return p.where(x < 0, 0.0, x)


def hinge_embedding_loss(
    input: Any, target: Any, *, margin: float = 1.0, reduction: Reduction = "mean"
) -> Array:
    """Distances of similar pairs, and by how much those of dissimilar pairs miss a margin.

    Parameters
    ----------
    input : array_like
        Distances.
    target : array_like
        1 for similar pairs, -1 for dissimilar ones.
    margin : float
    reduction : {"none", "mean", "sum"}

    Examples
    --------
    >>> hinge_embedding_loss(np.array([0.3, 0.3]), np.array([1, -1]), reduction="none")
    array([0.3, 0.7])
    """
    input, target = matched(input, target, "hinge_embedding_loss")
    apart = p.where(p.equal(target, 1), 0.0, above_zero(p.subtract(margin, input)))
    near = p.where(p.equal(target, -1), 0.0, input)
    return reduced(p.add(apart, near), reduction, "hinge_embedding_loss")


def soft_margin_loss(input: Any, target: Any, *, reduction: Reduction = "mean") -> Array:
    """``log(1 + exp(-target * input))`` for targets 1 and -1.

    Examples
    --------
    >>> soft_margin_loss(np.array([0.0, -1e4]), np.array([1, 1]), reduction="none")
    array([6.93147181e-01, 1.00000000e+04])
    """
    input, target = matched(input, target, "soft_margin_loss")
    product = p.multiply(p.negative(target), input)
    return reduced(p.softplus(product), reduction, "soft_margin_loss")


def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, *, margin: float = 0.0, reduction: Reduction = "mean"
) -> Array:
    """By how much the first input misses to be above the second by a margin.

    Parameters
    ----------
    input1, input2 : array_like
    target : array_like
        1 where the first should be above, -1 where below.
    margin : float
    reduction : {"none", "mean", "sum"}

    Examples
    --------
    >>> x, y, target = np.array([1.0, 1.0]), np.array([3.0, 3.0]), np.array([1, -1])
    >>> margin_ranking_loss(x, y, target, reduction="none")
    array([2., 0.])
    """
    input1, input2 = matched(input1, input2, "margin_ranking_loss")
    difference, target = matched(p.subtract(input1, input2), target, "margin_ranking_loss")
    missing = p.add(p.multiply(p.negative(target), difference), margin)
    return reduced(above_zero(missing), reduction, "margin_ranking_loss")


def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, *, margin: float = 0.0, reduction: Reduction = "mean"
) -> Array:
    """1 less the cosine of similar pairs; by how much that of dissimilar ones exceeds a margin.

    Parameters
    ----------
    input1, input2 : array_like
        Shape (n, d), or (d,) for a single pair.
    target : array_like
        1 for similar pairs, -1 for dissimilar ones; shape (n,) or ().
    margin : float
    reduction : {"none", "mean", "sum"}

    Examples
    --------
    >>> x, y = np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 2.0], [3.0, 4.0]])
    >>> cosine_embedding_loss(x, y, np.array([1, -1]), reduction="none").round(12)
    array([1., 1.])
    """
    input1, input2 = matched(input1, input2, "cosine_embedding_loss")
    # The squares are kept from 0 by addition, as PyTorch's are here.
    tiny = 1e-12
    dot = p.sum(p.multiply(input1, input2), axes=(len(shape_of(input1)) - 1,))
    sizes = [
        p.add(p.sum(p.square(x), axes=(len(shape_of(x)) - 1,)), tiny) for x in (input1, input2)
    ]
    cosine = p.divide(dot, p.sqrt(p.multiply(*sizes)))
    cosine, target = matched(cosine, target, "cosine_embedding_loss")
    near = p.where(p.equal(target, 1), p.subtract(1.0, cosine), 0.0)
    apart = p.where(p.equal(target, -1), above_zero(p.subtract(cosine, margin)), 0.0)
    return reduced(p.add(near, apart), reduction, "cosine_embedding_loss")


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Array:
    """By how much the negative misses to be farther from the anchor than the positive, by a margin.

    Parameters
    ----------
    anchor, positive, negative : array_like
        Shape (n, d), or (d,).
    margin : float
    p : float
        The order of the norm.
    eps : float
        Added to differences: see `pairwise_distance`.
    swap : bool
        Also take the distance from the positive to the negative, where it is smaller.
    reduction : {"none", "mean", "sum"}

    Examples
    --------
    >>> x = np.array([[0.0, 0.0]])
    >>> round(float(triplet_margin_loss(x, x + 1.0, x - 2.0, margin=2.0)), 5)
    0.58578
    """
    return _triplet(anchor, positive, negative, margin, p, eps, swap, reduction)


def _triplet(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float,
    order: float,
    eps: float,
    swap: bool,
    reduction: str,
) -> Array:
    near = pairwise_distance(anchor, positive, p=order, eps=eps)
    far = pairwise_distance(anchor, negative, p=order, eps=eps)
    if swap:
        far = p.minimum(far, pairwise_distance(positive, negative, p=order, eps=eps))
    loss = above_zero(p.add(margin, p.subtract(near, far)))
    return reduced(loss, reduction, "triplet_margin_loss")


def gaussian_nll_loss(
    input: Any,
    target: Any,
    var: Any,
    *,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Reduction = "mean",
) -> Array:
    """``-log`` of the density of the target, normal around the input with variance `var`.

    Parameters
    ----------
    input, target : array_like
    var : array_like
        Variances, not negative: one for each element, or of length 1 along the last axis (or
        without it). Those below `eps` count as `eps`, with the derivative that they have there.
    full : bool
        With the constant ``log(2 * pi) / 2``.
    eps : float
    reduction : {"none", "mean", "sum"}

    Raises
    ------
    ValueError
        The shape of `var` does not fit.

    Examples
    --------
    >>> float(gaussian_nll_loss(np.array([1.0]), np.array([3.0]), np.array([1.0])))
    2.0
    """
    input, target = matched(input, target, "gaussian_nll_loss")
    var = operand(var)
    shape = shape_of(input)
    if shape_of(var) == shape[:-1] and shape_of(var) != shape:
        var = p.reshape(var, shape=(*shape[:-1], 1))
    if shape_of(var) not in (shape, (*shape[:-1], 1), ()):
        raise ValueError(
            f"gaussian_nll_loss: var has shape {shape_of(var)}; beside an input of shape {shape} "
            f"it must have that shape, {shape[:-1]}, or be a single number"
        )
    var = p.add(var, stop_gradient(p.subtract(p.maximum(var, eps), var)))
    loss = p.multiply(0.5, p.add(p.log(var), p.divide(p.square(p.subtract(input, target)), var)))
    if full:
        loss = p.add(loss, 0.5 * math.log(2 * np.pi))
    return reduced(loss, reduction, "gaussian_nll_loss")


def poisson_nll_loss(
    input: Any,
    target: Any,
    *,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: Reduction = "mean",
) -> Array:
    """``-log`` of the probability of counts, less a constant.

    Parameters
    ----------
    input : array_like
        Logarithms of the expected counts, or (``log_input=False``) these.
    target : array_like
        Counts.
    log_input : bool
    full : bool
        With Stirling's approximation of the constant, for counts above 1.
    eps : float
        Added to expected counts before their logarithm is taken.
    reduction : {"none", "mean", "sum"}

    Examples
    --------
    >>> float(poisson_nll_loss(np.array([0.0]), np.array([2.0])))
    1.0
    """
    input, target = matched(input, target, "poisson_nll_loss")
    if log_input:
        loss = p.subtract(p.exp(input), p.multiply(target, input))
    else:
        loss = p.subtract(input, p.multiply(target, p.log(p.add(input, eps))))
    if full:
        large = target > 1
        count = p.where(large, target, 1.0)
        stirling = p.add(
            p.subtract(p.multiply(count, p.log(count)), count),
            p.multiply(0.5, p.log(p.multiply(2 * np.pi, count))),
        )
        loss = p.add(loss, p.where(large, stirling, 0.0))
    return reduced(loss, reduction, "poisson_nll_loss")
