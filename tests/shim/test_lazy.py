"""Lazy modules: their parameters get shapes with the first batch, or with a state."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import functrans.torch as torch
from tests.shim.as_pytorch import draw, evaluated

nn: Any = torch.nn

LAYERS: dict[str, tuple[int, ...]] = {
    "nn.LazyLinear(3)": (2, 4),
    "nn.LazyLinear(3, bias=False)": (2, 5, 4),
    "nn.LazyConv1d(4, 3)": (2, 3, 8),
    "nn.LazyConv2d(4, 3, groups=2, bias=False)": (2, 6, 8, 8),
    "nn.LazyConv2d(4, (3, 1), padding='same', padding_mode='reflect')": (3, 8, 8),
    "nn.LazyConv3d(4, 3)": (1, 2, 5, 5, 5),
    "nn.LazyConvTranspose1d(4, 3, stride=2, output_padding=1)": (2, 3, 8),
    "nn.LazyConvTranspose2d(4, 3, groups=2)": (2, 6, 5, 5),
    "nn.LazyConvTranspose3d(4, 2)": (2, 3, 4, 4, 4),
    "nn.LazyBatchNorm1d()": (5, 3),
    "nn.LazyBatchNorm2d(affine=False, momentum=None)": (2, 3, 4, 4),
    "nn.LazyBatchNorm3d(track_running_stats=False)": (2, 3, 4, 4, 4),
    "nn.LazyInstanceNorm1d()": (2, 3, 8),
    "nn.LazyInstanceNorm2d(affine=False)": (2, 3, 4, 4),
    "nn.LazyInstanceNorm3d(track_running_stats=False)": (2, 3, 4, 4, 4),
}


@pytest.mark.oracle("torch")
@pytest.mark.parametrize(("source", "shape"), LAYERS.items())
def test_lazy_layers_as_pytorch(source: str, shape: tuple[int, ...]) -> None:
    import torch as theirs

    data = draw(*shape)
    texts, outs = [], []
    other = evaluated(theirs, source).double()
    for library in (theirs, torch):
        layer = evaluated(library, source).double()
        before = repr(layer), layer.has_uninitialized_params(), list(layer.state_dict())
        layer(library.tensor(data))
        state = layer.state_dict()
        shapes = {name: tuple(value.shape) for name, value in state.items()}
        texts.append((before, repr(layer), type(layer).__name__, shapes))
        if library is theirs:
            other = layer
        else:
            layer.load_state_dict({k: v.numpy() for k, v in other.state_dict().items()})
        outs.append(layer(library.tensor(data)).detach().numpy())
    assert texts[0] == texts[1]
    np.testing.assert_allclose(outs[1], outs[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("source", "shape"), LAYERS.items())
def test_a_lazy_layer_becomes_an_ordinary_one(source: str, shape: tuple[int, ...]) -> None:
    x = torch.tensor(draw(*shape))
    layer = evaluated(torch, source).double()
    twins = [copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))]
    y = layer(x)
    assert type(layer).__name__ == source[3:].partition("(")[0].removeprefix("Lazy")
    assert not layer._forward_pre_hooks and not layer._load_state_dict_pre_hooks
    if y.requires_grad:
        y.sum().backward()
        assert all(p.grad.shape == p.shape for p in layer.parameters())
    for twin in twins:  # still lazy, and given its shapes by a state
        assert twin.load_state_dict(layer.state_dict()).missing_keys == []
        assert not twin.has_uninitialized_params()
        twin.eval(), layer.eval()
        np.testing.assert_array_equal(twin(x).detach().numpy(), layer(x).detach().numpy())
        assert repr(twin) == repr(layer)


def test_an_uninitialized_parameter() -> None:
    layer = nn.LazyLinear(3)
    w = layer.weight
    assert repr(w) == "<UninitializedParameter>" and w.requires_grad and w.is_leaf
    assert w.grad is None and w.dtype == torch.float32
    assert layer.state_dict()["weight"] is w
    for use in (lambda: w + 1, lambda: w.sum(), lambda: nn.functional.linear(torch.ones(2), w)):
        with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
            use()
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized"):
        nn.Linear(2, 3).load_state_dict(layer.state_dict())
    assert nn.LazyLinear(3).load_state_dict(layer.state_dict()).missing_keys == []
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    layer(torch.ones(1, 2)).sum().backward()
    assert layer.weight is w and type(w) is nn.Parameter
    before = w.detach().clone()
    optimizer.step()
    np.testing.assert_allclose((before - w).detach().numpy(), np.ones((3, 2)), rtol=1e-6)
    frozen = nn.LazyLinear(1)
    frozen.requires_grad_(False)
    assert not frozen(torch.ones(2)).requires_grad


def test_lazy_modules_refuse() -> None:
    with pytest.raises(RuntimeError, match=r"Expected 3D \(unbatched\) or 4D \(batched\) input"):
        nn.LazyConv2d(4, 3)(torch.ones(2, 3))
    with pytest.raises(ValueError, match="in_channels must be divisible by groups"):
        nn.LazyConv2d(4, 3, groups=2)(torch.ones(2, 3, 5, 5))
    with pytest.raises(ValueError, match="out_channels must be divisible by groups"):
        nn.LazyConv2d(5, 3, groups=2)

    class Forgetful(nn.modules.lazy.LazyModuleMixin, nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.UninitializedParameter()

        def initialize_parameters(self, x: Any) -> None:
            pass

    with pytest.raises(RuntimeError, match="module Forgetful has not been fully initialized"):
        Forgetful()(torch.ones(2))
