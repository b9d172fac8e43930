"""Normalisation: activations brought to mean 0 and variance 1 over a batch, a layer or a group."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import Array, Shape, dtype_of, shape_of
from functrans.nn.distances import normalize
from functrans.numpy.axes import one_axis
from functrans.numpy.operands import operand
from functrans.transforms.stop_gradient import stop_gradient

Statistics = tuple[Any, Any]


def _inverse_root(var: Array, eps: float) -> Array:
    return p.reciprocal(p.sqrt(p.add(var, eps)))


def _scaled(x: Array, weight: Any, bias: Any, shape: Shape) -> Array:
    """``x * weight + bias``, with weight and bias in a shape that broadcasts."""
    if weight is not None:
        x = p.multiply(x, p.reshape(operand(weight), shape=shape))
    return x if bias is None else p.add(x, p.reshape(operand(bias), shape=shape))


def _of_channels(x: Array, name: str, **given: Any) -> Shape:
    """The shape in which values of channels broadcast; they are checked to be that many."""
    shape = shape_of(x)
    if len(shape) < 2:
        raise ValueError(f"{name}: the input needs axes (n, channels, ...), got shape {shape}")
    for what, values in given.items():
        if values is not None and shape_of(operand(values)) != (shape[1],):
            raise ValueError(
                f"{name}: {what} has shape {shape_of(operand(values))}; it must hold one number "
                f"for each of the {shape[1]} channels (axis 1) of an input of shape {shape}"
            )
    return (1, shape[1]) + (1,) * (len(shape) - 2)


def batch_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    *,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array, Statistics]:
    """Each channel brought to mean 0 and variance 1.

    Parameters
    ----------
    x : array_like
        Shape (n, channels, ...).
    running_mean, running_var : array_like, optional
        Statistics of earlier batches, shape (channels,).
    weight, bias : array_like, optional
        Applied afterwards, shape (channels,).
    training : bool
        Take the statistics of this batch, and update the running ones. Otherwise the running ones
        are taken (those of this batch if there are none).
    momentum : float
        The weight of this batch in the running statistics.
    eps : float
        Added to the variance.

    Returns
    -------
    out : array
    statistics : pair of array or None
        The new running mean and variance, as constants. The variance is the unbiased one.

    Raises
    ------
    ValueError
        The shapes do not fit, or a training batch has one value a channel.

    Examples
    --------
    >>> x = np.array([[1.0], [3.0]])
    >>> out, (mean, var) = batch_norm(x, np.zeros(1), np.ones(1), training=True, momentum=0.5)
    >>> out.ravel().round(4), mean, var
    (array([-1.,  1.]), array([1.]), array([1.5]))
    """
    name = "batch_norm"
    x = operand(x)
    wide = _of_channels(
        x, name, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    if (running_mean is None) != (running_var is None):
        raise ValueError(f"{name}: give both running_mean and running_var, or neither")
    if not training and running_mean is not None:
        mean, var = (p.reshape(operand(s), shape=wide) for s in (running_mean, running_var))
        out = p.multiply(p.subtract(x, mean), _inverse_root(var, eps))
        return _scaled(out, weight, bias, wide), (running_mean, running_var)
    shape = shape_of(x)
    count = prod(shape) // max(shape[1], 1)
    if training and count == 1:
        raise ValueError(
            f"{name}: an input of shape {shape} has one value a channel, whose variance is "
            "unknown; train with more examples"
        )
    out, mean, var = p.standardize(x, axes=(0, *range(2, len(shape))), eps=eps)
    statistics: Statistics = (running_mean, running_var)
    if training and running_mean is not None:
        new = (mean, p.multiply(var, count / (count - 1)))
        statistics = _updated(statistics, new, momentum, shape[1:2])
    return _scaled(out, weight, bias, wide), statistics


def _updated(old: Statistics, new: Statistics, momentum: float, shape: Shape) -> Statistics:
    """Running statistics moved towards those of a batch."""
    mean, var = (
        p.add(
            p.multiply(1 - momentum, operand(o)),
            p.multiply(momentum, p.reshape(stop_gradient(n), shape=shape)),
        )
        for o, n in zip(old, new, strict=True)
    )
    return mean, var


def instance_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    *,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array, Statistics]:
    """Each channel of each example brought to mean 0 and variance 1; as `batch_norm` otherwise.

    `use_input_stats` False takes the running statistics. New ones are means over the examples.

    Examples
    --------
    >>> out, _ = instance_norm(np.array([[[1.0, 3.0]], [[5.0, 5.0]]]))
    >>> out.round(4)
    array([[[-1.,  1.]],
    <BLANKLINE>
           [[ 0.,  0.]]])
    """
    name = "instance_norm"
    x = operand(x)
    wide = _of_channels(
        x, name, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ValueError(f"{name}: without use_input_stats it needs running_mean, running_var")
        return batch_norm(x, running_mean, running_var, weight, bias, eps=eps)
    shape = shape_of(x)
    count = prod(shape[2:])
    if count == 1:
        raise ValueError(
            f"{name}: an input of shape {shape} has one value a channel and example, whose "
            "variance is unknown"
        )
    out, mean, var = p.standardize(x, axes=tuple(range(2, len(shape))), eps=eps)
    statistics: Statistics = (running_mean, running_var)
    if running_mean is not None and running_var is not None:
        unbiased = p.multiply(var, count / max(count - 1, 1))
        new = tuple(p.divide(p.sum(s, axes=(0,)), max(shape[0], 1)) for s in (mean, unbiased))
        statistics = _updated(statistics, (new[0], new[1]), momentum, shape[1:2])
    return _scaled(out, weight, bias, wide), statistics


def _last_axes(x: Array, normalized_shape: Any, name: str, **given: Any) -> tuple[int, ...]:
    """The axes of a layer, which are the last of `x`."""
    wanted = normalized_shape if isinstance(normalized_shape, tuple | list) else [normalized_shape]
    own = tuple(wanted)
    shape = shape_of(x)
    if not own or shape[len(shape) - len(own) :] != own:
        raise ValueError(f"{name}: the last axes of an input of shape {shape} must be {own}")
    for what, values in given.items():
        if values is not None and shape_of(operand(values)) != own:
            raise ValueError(
                f"{name}: {what} must have shape {own}, got {shape_of(operand(values))}"
            )
    return tuple(range(len(shape) - len(own), len(shape)))


def layer_norm(
    x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, *, eps: float = 1e-5
) -> Array:
    """Each example brought to mean 0 and variance 1 over its last axes.

    Parameters
    ----------
    x : array_like
    normalized_shape : int or tuple of int
        The lengths of these axes.
    weight, bias : array_like, optional
        Applied afterwards, of shape `normalized_shape`.
    eps : float
        Added to the variance.

    Raises
    ------
    ValueError
        The shapes do not fit.

    Examples
    --------
    >>> layer_norm(np.array([[1.0, 3.0], [2.0, 2.0]]), 2).round(4)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """
    x = operand(x)
    axes = _last_axes(x, normalized_shape, "layer_norm", weight=weight, bias=bias)
    out, _, _ = p.standardize(x, axes=axes, eps=eps)
    return _scaled(out, weight, bias, shape_of(x)[axes[0] :])


def rms_norm(
    x: Any, normalized_shape: Any, weight: Any = None, *, eps: float | None = None
) -> Array:
    """Each example divided by the root of its mean square over its last axes.

    Parameters
    ----------
    x : array_like
    normalized_shape : int or tuple of int
        The lengths of these axes.
    weight : array_like, optional
        Applied afterwards, of shape `normalized_shape`.
    eps : float, optional
        Added to the mean square. Default: the spacing of the dtype at 1.

    Examples
    --------
    >>> rms_norm(np.array([3.0, 4.0, 0.0, 0.0]), 4).round(4)
    array([1.2, 1.6, 0. , 0. ])
    """
    x = operand(x)
    axes = _last_axes(x, normalized_shape, "rms_norm", weight=weight)
    if eps is None:
        eps = float(np.finfo(dtype_of(x)).eps)
    count = prod(shape_of(x)[a] for a in axes)
    mean = p.divide(p.sum(p.square(x), axes=axes, keepdims=True), count)
    out = p.multiply(x, _inverse_root(mean, eps))
    return _scaled(out, weight, None, shape_of(x)[axes[0] :])


def weight_norm(v: Any, g: Any, axis: int | None = 0) -> Array:
    """``g * v / norm(v)``: weights by direction and length (Salimans and Kingma, 2016).

    Parameters
    ----------
    v : array_like
    g : array_like
        The lengths; of shape 1 along all axes but `axis`.
    axis : int or None
        The axis along which lengths differ; None for a single one.

    Examples
    --------
    >>> weight_norm(np.array([[3.0, 4.0]]), np.array([[10.0]]))
    array([[6., 8.]])
    """
    v, g = operand(v), operand(g)
    rank = len(shape_of(v))
    kept = None if axis is None else one_axis(axis, rank)
    axes = tuple(i for i in range(rank) if i != kept)
    return p.multiply(v, p.divide(g, p.norm(v, axes=axes, keepdims=axis is not None)))


def local_response_norm(
    x: Any, size: int, *, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Array:
    """``x / (k + alpha * m)**beta``, with `m` the mean square of neighbours among the channels.

    Parameters
    ----------
    x : array_like
        Shape (n, channels, ...).
    size : int
        So many neighbours; those beyond the first and last channel are 0.
    alpha, beta, k : float

    Examples
    --------
    >>> local_response_norm(np.array([[[3.0], [4.0]]]), 2, alpha=1.0, beta=1.0)[0, 1, 0].round(4)
    np.float64(0.2963)
    """
    x = operand(x)
    shape = shape_of(x)
    if len(shape) < 2 or size < 1:
        raise ValueError(
            "local_response_norm: the input needs axes (n, channels, ...), and size must be at "
            f"least 1; got shape {shape} and size {size}"
        )
    rows = p.reshape(p.square(x), shape=(shape[0], shape[1], prod(shape[2:])))
    sums = p.window_sum(
        rows,
        window=(size, 1),
        stride=(1, 1),
        padding=((size // 2, (size - 1) // 2), (0, 0)),
        dilation=(1, 1),
    )
    mean = p.divide(p.reshape(sums, shape=shape), size)
    return p.divide(x, p.power(p.add(p.multiply(mean, alpha), k), beta))


def group_norm(
    x: Any, num_groups: int, weight: Any = None, bias: Any = None, *, eps: float = 1e-5
) -> Array:
    """Groups of channels of each example brought to mean 0 and variance 1.

    Parameters
    ----------
    x : array_like
        Shape (n, channels, ...).
    num_groups : int
        Into so many groups the channels are divided.
    weight, bias : array_like, optional
        Applied afterwards, shape (channels,).
    eps : float
        Added to the variance.

    Raises
    ------
    ValueError
        The shapes do not fit, or groups would differ in size.

    Examples
    --------
    >>> group_norm(np.array([[1.0, 3.0, 5.0, 9.0]]), 2).round(4)
    array([[-1.,  1., -1.,  1.]])
    """
    x = operand(x)
    wide = _of_channels(x, "group_norm", weight=weight, bias=bias)
    shape = shape_of(x)
    if num_groups < 1 or shape[1] % num_groups:
        raise ValueError(
            f"group_norm: {shape[1]} channels (shape {shape}) cannot be divided into {num_groups} "
            "groups of one size"
        )
    groups = p.reshape(x, shape=(shape[0], num_groups, prod(shape[1:]) // num_groups))
    out, _, _ = p.standardize(groups, axes=(2,), eps=eps)
    return _scaled(p.reshape(out, shape=shape), weight, bias, wide)


def power_iteration(
    matrix: Any, u: Any, v: Any, *, iterations: int = 1, eps: float = 1e-12
) -> tuple[Array, Array]:
    """Unit vectors turned towards those of the greatest singular value, as constants.

    Parameters
    ----------
    matrix : array_like
        Shape (m, n).
    u, v : array_like
        Shape (m,) and (n,).
    iterations : int
        How often ``u = matrix @ v`` and ``v = matrix.T @ u`` are taken, each at length 1.
    eps : float
        The least by which they are divided.

    Examples
    --------
    >>> u, v = power_iteration(np.diag([2.0, 1.0]), np.ones(2), np.ones(2), iterations=50)
    >>> u.round(6), v.round(6)
    (array([1., 0.]), array([1., 0.]))
    """
    fixed, u, v = (stop_gradient(operand(x)) for x in (matrix, u, v))
    turned = p.transpose(fixed, axes=(1, 0))
    for _ in range(iterations):
        u = normalize(p.matmul(fixed, v), axis=0, eps=eps)
        v = normalize(p.matmul(turned, u), axis=0, eps=eps)
    return u, v
