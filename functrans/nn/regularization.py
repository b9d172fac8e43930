"""Random omission of activations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from functrans import primitives as p
from functrans.core.types import Array, Shape, shape_of
from functrans.nn.sources import uniform
from functrans.numpy.operands import operand

if TYPE_CHECKING:
    from functrans.nn.sources import Source


def dropout(x: Any, p: float = 0.5, rng: Source | None = None, *, training: bool = True) -> Array:
    """Each element set to 0 with probability `p`, the others divided by ``1 - p``.

    Parameters
    ----------
    x : array_like
    p : float
        From 0 to 1.
    rng : numpy.random.Generator or key
        Needed in training. The same state, or key of ``functrans.random``, omits the same elements.
    training : bool
        False: `x` as it is.

    Raises
    ------
    ValueError
        `p` is no probability.
    TypeError
        In training no generator was given.

    Examples
    --------
    >>> import numpy as np
    >>> dropout(np.ones(5), 0.5, np.random.default_rng(0))
    array([2., 0., 0., 0., 2.])
    """
    x = operand(x)
    return _dropped("dropout", x, shape_of(x), p, rng, training)


def feature_dropout(
    x: Any, p: float = 0.5, rng: Source | None = None, *, training: bool = True
) -> Array:
    """Whole channels set to 0 with probability `p`: as `dropout`, for `x` of shape (n, channels,
    ...).

    Examples
    --------
    >>> import numpy as np
    >>> feature_dropout(np.ones((1, 3, 2)), 0.5, np.random.default_rng(0))
    array([[[2., 2.],
            [0., 0.],
            [0., 0.]]])
    """
    x = operand(x)
    shape = shape_of(x)
    if len(shape) < 2:
        raise ValueError(f"feature_dropout: the input needs axes (n, channels, ...), got {shape}")
    lanes = shape[:2] + (1,) * (len(shape) - 2)
    return _dropped("feature_dropout", x, lanes, p, rng, training)


def _dropped(
    name: str,
    x: Array,
    shape: Shape,
    probability: float,
    rng: Source | None,
    training: bool,
) -> Array:
    kept = _kept(name, shape, probability, rng, training)
    if kept is None:
        return x
    scaled = x if probability == 1 else p.divide(x, 1 - probability)
    return p.where(kept, scaled, 0.0)


def _kept(
    name: str,
    shape: Shape,
    probability: float,
    rng: Source | None,
    training: bool,
) -> Any:
    """Which lanes are not omitted; None if all are kept for certain."""
    if not 0 <= probability <= 1:
        raise ValueError(f"{name}: p must be a probability from 0 to 1, got {probability}")
    if not training or probability == 0:
        return None
    if rng is None:
        raise TypeError(
            f"{name}: give rng, a numpy.random.Generator (numpy.random.default_rng(seed)) or a key "
            "(functrans.random.key(seed)), or training=False"
        )
    return p.greater_equal(uniform(rng, shape), probability)


def alpha_dropout(
    x: Any,
    p: float = 0.5,
    rng: Source | None = None,
    *,
    training: bool = True,
    channels: bool = False,
) -> Array:
    """Dropout for networks of `selu`: elements take its limit far below with probability `p`, and
    all are scaled so that mean 0 and variance 1 remain (Klambauer and others, 2017).

    Parameters
    ----------
    x : array_like
    p, rng, training
        As in `dropout`.
    channels : bool
        Whole channels, of `x` with shape (n, channels, ...).

    Examples
    --------
    >>> import numpy as np
    >>> alpha_dropout(np.zeros(3), 0.5, np.random.default_rng(0)).round(4)
    array([ 0.7792, -0.7792, -0.7792])
    """
    x = operand(x)
    shape = shape_of(x)
    lanes = shape[:2] + (1,) * (len(shape) - 2) if channels else shape
    kept = _kept("alpha_dropout", lanes, p, rng, training)
    return x if kept is None else _to_limit(x, kept, p)


_SELU_LIMIT = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717


def _to_limit(x: Array, kept: Any, probability: float) -> Array:
    """Omitted elements at the limit of selu, scaled and shifted to mean 0 and variance 1."""
    if probability == 1:
        return p.multiply(x, 0.0)
    scale = 1 / math.sqrt((1 - probability) * (1 + probability * _SELU_LIMIT**2))
    shift = -scale * probability * _SELU_LIMIT
    return p.add(p.where(kept, p.multiply(x, scale), scale * _SELU_LIMIT), shift)
