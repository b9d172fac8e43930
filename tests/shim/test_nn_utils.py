"""torch.nn.utils: gradients, vectors of parameters, sequences of several lengths."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest

import functrans.torch as torch
from functrans.torch import nn
from functrans.torch.nn.utils import rnn


def layer_with_gradients() -> Any:
    layer = nn.Linear(2, 1)
    layer.weight.grad = torch.tensor([[3.0, 0.0]])
    layer.bias.grad = torch.tensor([4.0])
    return layer


def test_clipping() -> None:
    layer = layer_with_gradients()
    grad = layer.weight.grad
    total = nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
    assert total.item() == 5.0 and layer.weight.grad is grad
    assert torch.allclose(grad, torch.tensor([[0.6, 0.0]]))
    assert nn.utils.clip_grad_norm_(layer.parameters(), 10.0).item() == pytest.approx(1.0)
    assert torch.allclose(grad, torch.tensor([[0.6, 0.0]]))
    layer = layer_with_gradients()
    assert nn.utils.clip_grad_norm_(layer.parameters(), 2.0, math.inf).item() == 4.0
    assert layer.bias.grad.item() == pytest.approx(2.0)
    layer = layer_with_gradients()
    nn.utils.clip_grad_value_(layer.parameters(), 3.5)
    assert layer.bias.grad.item() == 3.5 and layer.weight.grad.tolist() == [[3.0, 0.0]]
    layer.bias.grad.fill_(math.nan)
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(layer.parameters(), 1.0, error_if_nonfinite=True)
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0.0


def test_vectors() -> None:
    layer = nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (9,) and vector.requires_grad
    nn.utils.vector_to_parameters(torch.arange(9.0), layer.parameters())
    assert layer.bias.tolist() == [6.0, 7.0, 8.0] and layer.bias.is_leaf
    assert layer.weight.tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    layer(torch.ones(2)).sum().backward()
    assert layer.bias.grad.tolist() == [1.0] * 3


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_packed_sequences_run_as_single_ones(kind: Any) -> None:
    torch.manual_seed(0)
    network = kind(3, 2, num_layers=2, bidirectional=True).double()
    sequences = [torch.randn(n, 3, dtype=torch.float64) for n in (2, 5, 3)]
    packed = rnn.pack_sequence(sequences, enforce_sorted=False)
    out, last = network(packed)
    parts = rnn.unpack_sequence(out)
    for i, s in enumerate(sequences):
        single, end = network(s)
        np.testing.assert_allclose(parts[i].detach(), single.detach(), rtol=1e-12)
        for a, b in zip(*((x if kind is nn.LSTM else (x,)) for x in (last, end)), strict=True):
            np.testing.assert_allclose(a[:, i].detach(), b.detach(), rtol=1e-12)


def test_gradients_of_packed_sequences() -> None:
    x = torch.randn(3, 2, 1, requires_grad=True)
    packed = rnn.pack_padded_sequence(x, torch.tensor([3, 1]))
    padded, lengths = rnn.pad_packed_sequence(packed, padding_value=9.0)
    assert lengths.tolist() == [3, 1] and padded[1:, 1].tolist() == [[9.0], [9.0]]
    padded.sum().backward()
    assert x.grad[:, :, 0].tolist() == [[1.0, 1.0], [1.0, 0.0], [1.0, 0.0]]
    assert packed.double().data.dtype is torch.float64 and packed.float().cpu().is_cuda is False


class Symmetric(nn.Module):
    def forward(self, w: Any) -> Any:
        return w.triu() + w.triu(1).T

    def right_inverse(self, w: Any) -> Any:
        return w.triu()


def test_parametrizations() -> None:
    parametrize = nn.utils.parametrize
    layer = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    assert isinstance(layer, nn.Linear) and type(layer).__name__ == "ParametrizedLinear"
    assert (layer.weight == layer.weight.T).all() and layer.weight.requires_grad
    keys = ["bias", "parametrizations.weight.original"]
    assert list(layer.state_dict()) == keys and [k for k, _ in layer.named_parameters()] == keys
    layer(torch.ones(3)).sum().backward()
    assert layer.parametrizations.weight.original.grad.triu().abs().sum() > 0
    layer.weight = torch.eye(3) * 2
    assert (layer.weight == torch.eye(3) * 2).all()
    with parametrize.cached():
        assert layer.weight is layer.weight
    assert layer.weight is not layer.weight
    other = copy.deepcopy(layer)
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear and not parametrize.is_parametrized(layer)
    assert type(layer.weight) is nn.Parameter and (layer.weight == torch.eye(3) * 2).all()
    assert parametrize.is_parametrized(other, "weight") and (other.weight == layer.weight).all()
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(other)
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
    before = normed.weight.detach().clone()
    assert torch.allclose(normed.parametrizations.weight.original0[:, 0], before.norm(dim=1))
    with torch.no_grad():
        normed.parametrizations.weight.original1.mul_(3)
    assert torch.allclose(normed.weight, before)
    with pytest.raises(NotImplementedError, match="orthogonal"):
        nn.utils.parametrizations.orthogonal(normed)


def test_weights_normed_by_hooks() -> None:
    torch.manual_seed(0)
    with pytest.warns(FutureWarning, match="deprecated"):
        layer = nn.utils.weight_norm(nn.Linear(2, 3))
    before = layer.weight.detach().clone()
    layer(torch.ones(2)).sum().backward()
    assert layer.weight_g.grad.shape == (3, 1) and layer.weight_v.grad.shape == (3, 2)
    with torch.no_grad():
        layer.weight_g.mul_(2)
    layer(torch.ones(2))
    assert torch.allclose(layer.weight, 2 * before)
    nn.utils.remove_weight_norm(layer)
    assert list(layer.state_dict()) == ["bias", "weight"]
    assert torch.allclose(layer.weight, 2 * before) and type(layer.weight) is nn.Parameter
    with pytest.raises(ValueError, match="spectral_norm of 'weight' not found"):
        nn.utils.remove_spectral_norm(layer)
    for norm in (nn.utils.spectral_norm, nn.utils.parametrizations.spectral_norm):
        critic = norm(nn.Conv2d(2, 4, 3), n_power_iterations=100)
        critic(torch.ones(1, 2, 3, 3))
        greatest = torch.linalg.svdvals(critic.weight.flatten(1))[0]
        assert abs(greatest.item() - 1) < 1e-3
        assert not any("_u" in name for name, _ in critic.named_parameters())


def test_transformers_learn_under_transforms() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)
    own = {k: v.detach() for k, v in layer.named_parameters()}
    x = torch.randn(3, 5, 4)

    def loss(parameters: Any, x: Any) -> Any:
        return torch.func.functional_call(layer, parameters, (x,)).square().sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(own, x)
    layer(x).square().sum().backward()
    for name, parameter in layer.named_parameters():
        np.testing.assert_allclose(
            each[name].sum(0).numpy(), parameter.grad.numpy(), rtol=2e-3, atol=1e-5
        )
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    assert mask.tolist()[0] == [0.0, -math.inf, -math.inf]
    with pytest.raises(NotImplementedError, match=r"torch\.nn\.utils\.prune"):
        nn.utils.prune  # noqa: B018
