"""Losses of several classes by margins, and of several labels, under PyTorch's signatures."""

from __future__ import annotations

from typing import Any

from functrans import nn as pure
from functrans.torch.nn.functional.losses import check_reduction, legacy_reduction
from functrans.torch.nn.functional.results import array_or_none, computed, named, own_copy
from functrans.torch.operands import tensor_array
from functrans.torch.tensor import Tensor, wrap


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Any = "mean",
) -> Tensor:
    """By how much the score of the right class misses to be above all others by a margin."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    array = computed(
        pure.multi_margin_loss,
        *(tensor_array(input, "multi_margin_loss"), own_copy(target), array_or_none(weight)),
        p=p,
        margin=margin,
        reduction=reduction,
    )
    return named(array, "MultiMarginLossBackward0")


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Any = "mean",
) -> Tensor:
    """By how much the scores of the right labels miss to be above all others by 1."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    a = tensor_array(input, "multilabel_margin_loss")
    array = computed(pure.multilabel_margin_loss, a, own_copy(target), reduction=reduction)
    return named(array, "MultilabelMarginLossBackward0")


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Any = "mean",
) -> Tensor:
    """``-log`` of the probability given to each label or its absence, averaged over the labels."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    a, b = (tensor_array(x, "multilabel_soft_margin_loss") for x in (input, target))
    options = {"reduction": reduction}
    return wrap(computed(pure.multilabel_soft_margin_loss, a, b, array_or_none(weight), **options))
