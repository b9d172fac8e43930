"""The multilayer perceptron of two workloads: its data, its layers and its loss."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

Parameters = tuple[tuple[Any, Any], ...]
Array = np.ndarray[Any, Any]


def make_parameters(widths: tuple[int, ...]) -> Parameters:
    """Return a weight and a bias for every layer."""
    rng = np.random.default_rng(0)
    return tuple(
        (rng.normal(0.0, before**-0.5, (before, after)), rng.normal(0.0, 0.1, after))
        for before, after in pairwise(widths)
    )


def make_data(batch: int, features: int, classes: int) -> tuple[Array, Array]:
    """Return images between 0 and 1 and their labels, one-hot encoded."""
    rng = np.random.default_rng(1)
    images = rng.uniform(0.0, 1.0, (batch, features))
    return images, np.eye(classes)[rng.integers(classes, size=batch)]


def logits(xp: Any, parameters: Parameters, images: Any) -> Any:
    """Return the scores of the classes, for one image or a batch."""
    *hidden, (weight, bias) = parameters
    activations = images
    for hidden_weight, hidden_bias in hidden:
        activations = xp.tanh(activations @ hidden_weight + hidden_bias)
    return activations @ weight + bias


def cross_entropy(xp: Any, scores: Any, targets: Any) -> Any:
    """Return the mean cross entropy of softmax, in terms that every array module has."""
    shifted = scores - xp.max(scores, axis=-1, keepdims=True)
    log_normaliser = xp.log(xp.sum(xp.exp(shifted), axis=-1))
    return xp.mean(log_normaliser - xp.sum(shifted * targets, axis=-1))


def loss(xp: Any, parameters: Parameters, images: Any, targets: Any) -> Any:
    """Return the loss of the network on a batch, for modules with NumPy's names."""
    return cross_entropy(xp, logits(xp, parameters, images), targets)


def torch_loss(parameters: Parameters, images: Any, targets: Any) -> Any:
    """Return the same loss with PyTorch's own fused cross entropy."""
    import torch

    return torch.nn.functional.cross_entropy(logits(torch, parameters, images), targets)


def jax_loss(parameters: Parameters, images: Any, targets: Any) -> Any:
    """Return the same loss with JAX's own log-softmax."""
    import jax

    scores = jax.nn.log_softmax(logits(jax.numpy, parameters, images), axis=-1)
    return -jax.numpy.mean(jax.numpy.sum(scores * targets, axis=-1))
