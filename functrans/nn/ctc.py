"""Connectionist temporal classification: the loss of labels whose places in time are not known."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, dtype_of, shape_of
from functrans.nn.losses import Reduction, reduced
from functrans.numpy.operands import operand


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    *,
    blank: int = 0,
    reduction: Reduction = "mean",
    zero_infinity: bool = False,
) -> Array:
    """``-log`` of the probability that a sequence reads as its labels.

    A sequence reads as the labels that remain when repetitions, and then blanks, are left out. The
    probability is the sum over all such readings (Graves and others, 2006).

    Parameters
    ----------
    log_probs : array_like
        Logarithms of the probabilities of classes, shape (time, n, classes) or (time, classes).
    targets : array_like of int
        Labels, shape (n, longest); or those of all sequences behind one another.
    input_lengths, target_lengths : array_like of int
        The lengths of sequences and of targets, shape (n,) or ().
    blank : int
        The class that stands for no label.
    reduction : {"none", "mean", "sum"}
        "mean" first divides each loss by the length of its target.
    zero_infinity : bool
        The loss of a target that is too long for its sequence is 0 instead of infinity, and has no
        derivative.

    Raises
    ------
    ValueError
        The shapes or lengths do not fit.
    IndexError
        A label is no class, or is the blank.

    Examples
    --------
    >>> even = np.full((2, 1, 3), np.log(1 / 3))
    >>> loss = ctc_loss(even, np.array([[1]]), [2], [1])     # 1 1, blank 1 or 1 blank
    >>> round(float(np.exp(-loss)), 12)
    0.333333333333
    """
    log_probs = operand(log_probs)
    single = len(shape_of(log_probs)) == 2
    if single:
        log_probs = log_probs[:, None]
    if len(shape_of(log_probs)) != 3:
        raise ValueError(
            f"ctc_loss: log_probs must have shape (time, n, classes) or (time, classes), got "
            f"{shape_of(log_probs)}"
        )
    time, n, classes = shape_of(log_probs)
    lengths = _lengths("input_lengths", input_lengths, n, time)
    sizes = _lengths("target_lengths", target_lengths, n, None)
    labels = _with_blanks(_rows(np.asarray(targets), sizes), sizes, blank, classes)
    alpha = _forward(log_probs, labels, lengths, blank)
    # A reading ends with the last label or with the blank behind it.
    ends = np.stack([2 * sizes, np.maximum(2 * sizes - 1, 0)], axis=1)
    last = p.take_along_axis(alpha, ends, axis=1)
    last = p.where(np.stack([sizes >= 0, sizes > 0], axis=1), last, -np.inf)
    loss = p.negative(p.logsumexp(last, axes=(1,)))
    if zero_infinity:
        loss = p.where(p.isinf(loss), 0.0, loss)
    if reduction == "mean":
        loss = p.divide(loss, np.maximum(sizes, 1).astype(dtype_of(loss)))
    if single and reduction == "none":
        return loss[0]
    return reduced(loss, reduction, "ctc_loss")


def _lengths(name: str, given: Any, n: int, most: int | None) -> Any:
    lengths = np.asarray(given).reshape(-1)
    if lengths.shape != (n,) or lengths.dtype.kind not in "iu":
        raise ValueError(f"ctc_loss: {name} must be {n} integers, got {given!r}")
    if lengths.size and (lengths.min() < 0 or (most is not None and lengths.max() > most)):
        raise ValueError(f"ctc_loss: {name} must be from 0 to {most}, got {given!r}")
    return lengths


def _rows(targets: Any, sizes: Any) -> Any:
    """The targets one a row, filled up with -1."""
    longest = int(sizes.max(initial=0))
    rows = np.full((len(sizes), longest), -1)
    if targets.ndim == 1 and targets.size == sizes.sum():
        starts = np.cumsum(sizes) - sizes
        parts = [targets[start : start + size] for start, size in zip(starts, sizes, strict=True)]
    elif targets.ndim == 2 and len(targets) == len(sizes) and targets.shape[1] >= longest:
        parts = [row[:size] for row, size in zip(targets, sizes, strict=True)]
    else:
        raise ValueError(
            f"ctc_loss: targets of shape {targets.shape} do not hold the target_lengths "
            f"{sizes.tolist()}, neither one a row nor behind one another"
        )
    for row, part in zip(rows, parts, strict=True):
        row[: len(part)] = part
    return rows


def _with_blanks(rows: Any, sizes: Any, blank: int, classes: int) -> Any:
    """Labels with a blank before, between and behind them."""
    inside = np.arange(rows.shape[1]) < sizes[:, None]
    wrong = inside & ((rows < 0) | (rows >= classes) | (rows == blank))
    if wrong.any() or not 0 <= blank < classes:
        what = rows[wrong][0] if wrong.any() else blank
        raise IndexError(
            f"ctc_loss: {what} is no label; labels are from 0 to {classes - 1}, and not the blank "
            f"({blank})"
        )
    out = np.full((len(rows), 2 * rows.shape[1] + 1), blank)
    out[:, 1::2] = np.where(inside, rows, blank)
    return out


def _forward(log_probs: Array, labels: Any, lengths: Any, blank: int) -> Array:
    """The log-probability of all readings so far that end at each label, at the last time."""
    time, n, _ = shape_of(log_probs)
    states = labels.shape[1]
    places = np.broadcast_to(labels, (time, n, states))
    emitted = p.take_along_axis(log_probs, places, axis=2)
    never = np.full((n, min(2, states)), -np.inf, dtype_of(log_probs))
    # Only between two different labels may a blank be left out.
    skips = np.zeros(labels.shape, bool)
    skips[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    first = np.arange(states) < 2
    # Before the first step the reading stands in front of the first blank.
    alpha: Array = np.where(np.arange(states) == 0, 0.0, -np.inf).astype(dtype_of(log_probs))
    alpha = np.broadcast_to(alpha, (n, states))
    for t in range(time):
        if t == 0:
            new = p.where(first, emitted[0], -np.inf)
        else:
            once = p.concatenate(never[:, :1], alpha[:, :-1], axis=1)
            twice = p.concatenate(never, alpha[:, :-2], axis=1) if states > 1 else once
            moves = p.stack([alpha, once, p.where(skips, twice, -np.inf)])
            new = p.add(p.logsumexp(moves, axes=(0,)), emitted[t])
        alpha = p.where(t < lengths[:, None], new, alpha)
    return alpha
