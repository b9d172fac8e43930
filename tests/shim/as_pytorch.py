"""The same programs with functrans.torch and with PyTorch, and the comparison of their results."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

import functrans.torch as ours

_EVAL = {"OrderedDict": OrderedDict, "np": np}


def draw(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def evaluated(torch: Any, source: str, **values: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scope = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, **_EVAL, **values}
        return eval(source, scope)


def flat(out: Any) -> list[Any]:
    """The tensors in nested tuples."""
    if isinstance(out, tuple | list):
        return [t for x in out for t in flat(x)]
    return [] if out is None else [out]


def results(
    torch: Any, function: Callable[..., Any], inputs: list[Any], parameters: list[Any], second: bool
) -> list[Any]:
    """The values, the gradients by inputs and parameters, and those of the squared gradients."""
    args = [
        torch.tensor(x, requires_grad=True) if np.asarray(x).dtype.kind == "f" else torch.tensor(x)
        for x in inputs
    ]
    outs = flat(function(*args))
    found = [out.detach().numpy() for out in outs]
    sources = [a for a in args if a.requires_grad] + parameters
    loss: Any = 0.0
    for out in outs:
        if out.requires_grad:
            weights = torch.tensor(np.cos(np.arange(out.numel())).reshape(tuple(out.shape)))
            loss = loss + (out * weights).sum() + (out * out * weights).sum()
    if not sources or isinstance(loss, float):
        return found
    grads = torch.autograd.grad(loss, sources, create_graph=second, allow_unused=True)
    found += [np.zeros(()) if g is None else g.detach().numpy() for g in grads]
    if second:
        square = sum((g * g).sum() for g in grads if g is not None and g.requires_grad)
        if not isinstance(square, int):
            again = torch.autograd.grad(square, sources, allow_unused=True)
            found += [np.zeros(()) if g is None else g.detach().numpy() for g in again]
    return found


def compare(given: list[Any], expected: list[Any], rtol: float = 1e-9) -> None:
    assert len(given) == len(expected)
    for a, b in zip(given, expected, strict=True):
        if not b.shape and not a.any():  # PyTorch has no gradient, ours is zero, or the reverse
            continue
        if not a.shape and not b.any():
            continue
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def check_layer(
    source: str, inputs: list[Any], second: bool, training: bool = True, rtol: float = 1e-9
) -> None:
    import torch

    theirs, mine = evaluated(torch, source), evaluated(ours, source)
    assert repr(mine) == repr(theirs)
    state = theirs.double().state_dict()
    assert list(mine.state_dict()) == list(state)
    assert [k for k, _ in mine.named_parameters()] == [k for k, _ in theirs.named_parameters()]
    mine.double().load_state_dict({k: v.numpy() for k, v in state.items()})
    pairs = []
    for module, t in ((mine, ours), (theirs, torch)):
        module.train(training)
        parameters = list(module.parameters())
        pairs.append(results(t, module, inputs, parameters, second))
        pairs[-1] += [b.numpy().astype(float) for b in module.buffers()]
    compare(*pairs, rtol=rtol)


def shapes_of(given: Any) -> list[tuple[int, ...]]:
    return list(given) if given and isinstance(given[0], tuple) else [given]
