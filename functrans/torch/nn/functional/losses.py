"""Losses under PyTorch's signatures."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from functrans import nn as pure
from functrans.core.types import WEAK, dtype_of, is_inexact, is_plain, shape_of
from functrans.torch import pointwise, shaping
from functrans.torch.engine import EngineArray
from functrans.torch.nn.functional.affine import short_name
from functrans.torch.nn.functional.results import array_or_none, named, own_copy
from functrans.torch.operands import promoted, tensor_array
from functrans.torch.tensor import Size, Tensor, wrap


def legacy_reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> Any:
    """The reduction, also where the old arguments say it."""
    if size_average is None and reduce is None:
        return reduction
    size_average = size_average is None or size_average
    found = "none" if reduce is not None and not reduce else ("mean" if size_average else "sum")
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{found}' instead.",
        stacklevel=4,
    )
    return found


def check_reduction(reduction: str, *more: str) -> None:
    """Raise PyTorch's error for a reduction that there is not."""
    if reduction not in ("none", "mean", "sum", *more):
        raise ValueError(f"{reduction} is not a valid value for reduction")


def _pair(input: Tensor, target: Tensor, name: str) -> tuple[Any, Any]:
    """The arrays of input and target in one dtype and shape; broadcasting is worth a warning."""
    a, b = tensor_array(input, name), tensor_array(target, name)
    if a.shape != b.shape:
        warnings.warn(
            f"Using a target size ({Size(b.shape)}) that is different to the input size "
            f"({Size(a.shape)}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=4,
        )
        expanded = shaping.broadcast_tensors(wrap(a), wrap(b))
        a, b = expanded[0].array, expanded[1].array
    if a.dtype is not b.dtype:
        a, b = promoted(a, b)
    return a, b


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Any = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Squared differences."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    a, b = _pair(input, target, "mse_loss")
    if weight is None:
        return named(pure.mse_loss(a, b, reduction=reduction), "MseLossBackward0")
    return _weighted(wrap(pure.mse_loss(a, b, reduction="none")), weight, reduction)


def _weighted(loss: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """Losses times weights; the mean is the weighted one."""
    if weight.shape != loss.shape:
        raise ValueError("Weights and input must have the same size.")
    loss = loss * weight
    if reduction == "none":
        return loss
    total: Tensor = loss.sum()
    return total if reduction == "sum" else total / weight.sum()


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Any = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Absolute differences."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    a, b = _pair(input, target, "l1_loss")
    if weight is None:
        return wrap(pure.l1_loss(a, b, reduction=reduction))
    return _weighted(wrap(pure.l1_loss(a, b, reduction="none")), weight, reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Any = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Absolute differences less ``beta / 2``; those below `beta` squared, over ``2 * beta``."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    a, b = _pair(input, target, "smooth_l1_loss")
    return named(pure.smooth_l1_loss(a, b, beta=beta, reduction=reduction), "SmoothL1LossBackward0")


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: Any = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Half the squared differences, beyond `delta` continued by straight lines."""
    check_reduction(reduction)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    a, b = _pair(input, target, "huber_loss")
    if weight is None:
        return named(pure.huber_loss(a, b, delta=delta, reduction=reduction), "HuberLossBackward0")
    return _weighted(wrap(pure.huber_loss(a, b, delta=delta, reduction="none")), weight, reduction)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Any = "mean",
) -> Tensor:
    """``-log`` of the probability given to the right of two classes."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    for x in (input, target):
        tensor_array(x, "binary_cross_entropy")
    if input.shape != target.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}) is deprecated. Please ensure they have the same size."
        )
    values: Any = input.array.value if hasattr(input.array, "value") else None
    if is_plain(values) and not bool(((values >= 0) & (values <= 1)).all()):
        raise RuntimeError("all elements of input should be between 0 and 1")
    a, b = _pair(input, target, "binary_cross_entropy")
    array = pure.binary_cross_entropy(a, b, array_or_none(weight), reduction=reduction)
    return named(array, "BinaryCrossEntropyBackward0")


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Any = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """``-log`` of the probability given to the right of two classes, from logits."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    if input.shape != target.shape:
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape})"
        )
    a, b = _pair(input, target, "binary_cross_entropy_with_logits")
    array = pure.binary_cross_entropy_with_logits(
        *(a, b, array_or_none(weight)), pos_weight=array_or_none(pos_weight), reduction=reduction
    )
    return named(array, "BinaryCrossEntropyWithLogitsBackward0")


def _explain(input: Tensor, target: Tensor, ignore_index: int) -> None:
    """Raise PyTorch's error for class numbers that do not fit."""
    shape, wanted = input.shape, target.shape
    if len(shape) == 0:
        raise ValueError(f"Expected 1 or more dimensions (got {len(shape)})")
    if len(shape) > 1 and len(wanted) and shape[0] != wanted[0]:
        raise ValueError(
            f"Expected input batch_size ({shape[0]}) to match target batch_size ({wanted[0]})."
        )
    axis = 1 if len(shape) > 1 else 0
    expected = shape[:axis] + shape[axis + 1 :]
    if wanted != expected:
        if len(shape) > 2:
            raise RuntimeError(f"Expected target size {list(expected)}, got {list(wanted)}")
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.array.dtype.kind not in "iu":
        raise RuntimeError(f"expected scalar type Long but found {short_name(target.array)}")
    if type(target.array) is not EngineArray:
        return  # the numbers of a batch are not known
    known = np.ravel(target.numpy_memory())
    wrong = known[(known != ignore_index) & ((known < 0) | (known >= shape[axis]))]
    if wrong.size:
        raise IndexError(f"Target {wrong[0]} is out of bounds.")


def _of_classes(
    function: Any, input: Tensor, target: Tensor, weight: Tensor | None, **options: Any
) -> Any:
    """What a loss of class numbers returns, or PyTorch's error."""
    a, b = tensor_array(input, function.__name__), tensor_array(target, function.__name__)
    try:
        return function(*(a, own_copy(b), array_or_none(weight)), **options)
    except (ValueError, TypeError, IndexError):
        _explain(input, target, options["ignore_index"])
        raise


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: Any = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """``-log`` of the probability given to the right class, from logits.

    Parameters
    ----------
    input : Tensor
        Shape (n, classes, ...) or (classes,).
    target : Tensor
        Class numbers of shape (n, ...) or (), or probabilities in the shape of `input`.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.nn.functional.cross_entropy(torch.zeros(1, 4), torch.tensor([2]))
    tensor(1.3863)
    """
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    options = {"label_smoothing": label_smoothing, "reduction": reduction}
    a, b = tensor_array(input, "cross_entropy"), tensor_array(target, "cross_entropy")
    if not is_inexact(b.dtype):
        if b.shape == a.shape != ():
            raise RuntimeError(
                "Expected floating point type for target with class probabilities, got "
                f"{short_name(b)}"
            )
        found = _of_classes(
            pure.cross_entropy, input, target, weight, ignore_index=ignore_index, **options
        )
        return wrap(found) if label_smoothing else named(found, "NllLossBackward0")
    if input.shape != target.shape:
        raise ValueError(
            f"Expected target to have the shape {tuple(input.shape)} of input, got "
            f"{tuple(target.shape)}"
        )
    probabilities = promoted(a, b)[1]
    return wrap(pure.cross_entropy(a, probabilities, array_or_none(weight), **options))


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: Any = "mean",
) -> Tensor:
    """``-log`` of the probability given to the right class, from logarithms of probabilities."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    options = {"ignore_index": ignore_index, "reduction": reduction}
    return named(_of_classes(pure.nll_loss, input, target, weight, **options), "NllLossBackward0")


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Any = "mean",
    log_target: bool = False,
) -> Tensor:
    """The divergence of probabilities from predicted ones, given by their logarithms."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction, "batchmean")
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size.'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next major "
            "release.",
            stacklevel=2,
        )
    a, b = _broadcast(input, target)
    return wrap(pure.kl_div(a, b, log_target=log_target, reduction=reduction))


def _broadcast(*tensors: Tensor) -> list[Any]:
    """Arrays in their common shape and dtype."""
    arrays = promoted(*[tensor_array(t, "loss") for t in tensors])
    if len({shape_of(a) for a in arrays}) > 1:
        arrays = [t.array for t in shaping.broadcast_tensors(*map(wrap, arrays))]
    return arrays


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: Any = "mean",
) -> Tensor:
    """``-log`` of the probability of counts, less a constant."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    options = {"log_input": log_input, "full": full, "eps": eps, "reduction": reduction}
    return wrap(pure.poisson_nll_loss(*_broadcast(input, target), **options))


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Any = "mean",
) -> Tensor:
    """``-log`` of the density of the target, normal around the input with variance `var`."""
    check_reduction(reduction)
    for x in (input, target):
        tensor_array(x, "gaussian_nll_loss")
    variance = array_or_none(var)
    known = variance.value if hasattr(variance, "value") else variance
    if (is_plain(known) or type(known) in WEAK) and np.any(np.asarray(known) < 0):
        raise ValueError("var has negative entry/entries")
    if isinstance(var, Tensor) and var.shape != input.shape:
        fits = input.shape[:-1] == var.shape or (
            input.shape[:-1] == var.shape[:-1] and var.shape[-1:] == (1,)
        )
        if not fits and var.shape:
            raise ValueError("var is of incorrect size")
    if not isinstance(var, Tensor):
        variance = dtype_of(input.array).type(var)
    a, b = _broadcast(input, target)
    return wrap(pure.gaussian_nll_loss(a, b, variance, full=full, eps=eps, reduction=reduction))


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Any = "mean",
) -> Tensor:
    """Distances of similar pairs, and by how much those of dissimilar pairs miss a margin."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    a, b = _broadcast(input, target)
    return wrap(pure.hinge_embedding_loss(a, b, margin=margin, reduction=reduction))


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Any = "mean",
) -> Tensor:
    """``log(1 + exp(-target * input))`` for targets 1 and -1."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    array = pure.soft_margin_loss(*_broadcast(input, target), reduction=reduction)
    return named(array, "SoftMarginLossBackward0")


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Any = "mean",
) -> Tensor:
    """By how much the first input misses to be above the second by a margin."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    arrays = _broadcast(input1, input2, target)
    return wrap(pure.margin_ranking_loss(*arrays, margin=margin, reduction=reduction))


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Any = "mean",
) -> Tensor:
    """1 less the cosine of similar pairs; by how much that of dissimilar ones exceeds a margin."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    a, b = _broadcast(input1, input2)
    t = tensor_array(target, "cosine_embedding_loss")
    return wrap(pure.cosine_embedding_loss(a, b, t, margin=margin, reduction=reduction))


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Any = "mean",
) -> Tensor:
    """By how much the negative misses to be farther from the anchor than the positive."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    arrays = [tensor_array(x, "triplet_margin_loss") for x in (anchor, positive, negative)]
    options = {"margin": margin, "p": p, "eps": eps, "swap": swap, "reduction": reduction}
    return wrap(pure.triplet_margin_loss(*arrays, **options))


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Any = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: Any = "mean",
) -> Tensor:
    """As `triplet_margin_loss`, with a distance of one's own."""
    from functrans.torch.nn.functional.distances import pairwise_distance

    check_reduction(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = distance_function or pairwise_distance
    far = distance(anchor, negative)
    if swap:
        far = pointwise.minimum(far, distance(positive, negative))
    losses = pointwise.clamp_min(distance(anchor, positive) - far + margin, 0)
    return reduced(losses, reduction)


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """All losses, their mean or their sum."""
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()  # type: ignore[no-any-return]


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: Any = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """``-log`` of the probability that a sequence reads as its labels."""
    check_reduction(reduction)
    array = pure.ctc_loss(
        tensor_array(log_probs, "ctc_loss"),
        *[own_copy(x) for x in (targets, input_lengths, target_lengths)],
        blank=blank,
        reduction=reduction,
        zero_infinity=zero_infinity,
    )
    return wrap(array)
