"""The adaptive softmax beside PyTorch's, and beside the definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.torch as torch
from functrans import nn as pure
from tests.shim.as_pytorch import compare, draw

nn: Any = torch.nn


def outcome(library: Any, state: Any, bias: bool) -> tuple[list[Any], Any, str]:
    layer = library.nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2, 5, 6], div_value=2.0, head_bias=bias)
    layer = layer.double()
    if state is not None:
        layer.load_state_dict({k: library.tensor(v) for k, v in state.items()})
    x = library.tensor(draw(7, 8), requires_grad=True)
    target = library.tensor([0, 3, 9, 5, 1, 4, 9])
    output, loss = layer(x, target)
    (loss + (output * output).sum()).backward()
    found = [output, loss, x.grad, *[w.grad for w in layer.parameters()], layer.log_prob(x)]
    found += [layer.predict(x), layer(x[0], target[1]).output]
    state = {k: v.detach().numpy() for k, v in layer.state_dict().items()}
    return [t.detach().numpy() for t in found], state, repr(layer)


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("bias", [False, True])
def test_as_pytorch(bias: bool) -> None:
    import torch as theirs

    expected, state, text = outcome(theirs, None, bias)
    given, own, own_text = outcome(torch, state, bias)
    compare(given, expected)
    assert list(own) == list(state) and own_text == text


def test_the_likelihood_is_that_of_all_classes() -> None:
    x, head, bias = draw(5, 4), draw(4, 4, seed=1), draw(4, seed=2)
    tails = [(draw(2, 4, seed=3), draw(3, 2, seed=4)), (draw(1, 4, seed=5), draw(1, 1, seed=6))]
    cutoffs, target = [2, 5, 6], np.array([5, 0, 3, 1, 4])
    scores = pure.adaptive_log_softmax(x, head, bias, tails, cutoffs)
    np.testing.assert_allclose(np.exp(scores).sum(1), np.ones(5), rtol=1e-14)

    def likelihood(x: Any, target: Any) -> Any:
        return pure.adaptive_log_likelihood(x, target, head, bias, tails, cutoffs)

    picked = scores[np.arange(5), target]
    np.testing.assert_allclose(likelihood(x, target), picked, rtol=1e-14)
    one = ft.vmap(lambda row, c: likelihood(row[None], c[None])[0])(x, target)
    np.testing.assert_allclose(one, picked, rtol=1e-14)
    ft.testing.check_grads(lambda x: likelihood(x, target), (x,))


def test_what_is_refused() -> None:
    for cutoffs in ([3, 2], [0, 2], [2, 10], [2, 2], [1.5]):
        with pytest.raises(ValueError, match="unique, positive integers"):
            nn.AdaptiveLogSoftmaxWithLoss(4, 10, cutoffs)
    with pytest.raises(ValueError, match="length larger than 0"):
        nn.AdaptiveLogSoftmaxWithLoss(4, 10, [])
    layer = nn.AdaptiveLogSoftmaxWithLoss(4, 10, [2, 5], div_value=2.0)
    x = torch.ones(2, 4)
    with pytest.raises(RuntimeError, match=r"in \[0, 9\], but values in range \[0, 10\]"):
        layer(x, torch.tensor([0, 10]))
    with pytest.raises(RuntimeError, match="same size in the batch dimension"):
        layer(x, torch.tensor([0]))
    with pytest.raises(RuntimeError, match="0D target tensor expects 1D input tensors"):
        layer(x, torch.tensor(0))
    with pytest.raises(RuntimeError, match="multi-target not supported"):
        layer(x, torch.ones(2, 2, dtype=torch.int64))
    with pytest.raises(TypeError, match="class numbers are integers"):
        pure.adaptive_log_likelihood(np.ones((1, 2)), np.ones(1), np.ones((3, 2)), None, [], [3])
