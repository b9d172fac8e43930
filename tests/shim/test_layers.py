"""Layers on their own: statistics, random layers, first values, transforms, writes in place."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import functrans.torch as torch
from functrans.torch import nn
from functrans.torch.nn import functional as F


def test_dropout() -> None:
    torch.manual_seed(0)
    x = torch.ones(1000, requires_grad=True)
    layer = nn.Dropout(0.25)
    y = layer(x)
    kept = (y != 0).sum().item()
    assert 700 < kept < 800 and torch.allclose(y[y != 0], torch.tensor(4 / 3))
    y.sum().backward()
    assert ((x.grad != 0) == (y != 0)).all()
    assert layer.eval()(x) is x
    channels = nn.Dropout2d(0.5)(torch.ones(4, 5, 3, 3))
    assert set(channels.sum((2, 3)).flatten().tolist()) == {0.0, 18.0}
    z = nn.AlphaDropout(0.2)(torch.randn(20000))
    assert abs(z.mean().item()) < 0.05 and abs(z.std().item() - 1) < 0.05
    assert nn.FeatureAlphaDropout(0.5)(torch.ones(3, 4, 2)).shape == (3, 4, 2)
    w = torch.ones(10)
    assert F.dropout(w, 0.5, inplace=True) is w


def test_batch_norm_statistics() -> None:
    layer = nn.BatchNorm1d(2)
    x = torch.tensor([[1.0, 0.0], [3.0, 4.0]])
    layer(x)
    assert torch.allclose(layer.running_mean, torch.tensor([0.2, 0.2]))
    assert torch.allclose(layer.running_var, torch.tensor([1.1, 1.7]))
    assert layer.num_batches_tracked.item() == 1 and not layer.running_mean.requires_grad
    layer.eval()
    before = copy.deepcopy(layer.state_dict())
    layer(x)
    assert all((before[k] == v).all() for k, v in layer.state_dict().items())
    layer.reset_running_stats()
    assert layer.running_var.tolist() == [1.0, 1.0] and layer.num_batches_tracked.item() == 0
    old = nn.BatchNorm1d(2).state_dict()  # states of old versions have no count
    del old["num_batches_tracked"]
    del old._metadata
    assert not layer.load_state_dict(old).missing_keys


def test_first_values() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(100, 400)
    assert 0.099 < linear.weight.abs().max().item() <= 0.1 and linear.bias.abs().max() <= 0.1
    conv = nn.Conv2d(4, 32, 5)
    assert 0.099 < conv.weight.abs().max().item() <= 0.1 and conv.bias.abs().max() <= 0.1
    assert abs(nn.Embedding(100, 100, padding_idx=0).weight.std().item() - 1) < 0.05
    assert nn.Embedding(4, 2, padding_idx=-1).weight[3].tolist() == [0.0, 0.0]
    w = torch.empty(200, 300, requires_grad=True)
    for draw, wanted in (
        (lambda: nn.init.xavier_normal_(w, 2.0), 2 * (2 / 500) ** 0.5),
        (lambda: nn.init.xavier_uniform_(w), (2 / 500) ** 0.5),
        (lambda: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"), 0.1),
        (lambda: nn.init.kaiming_uniform_(w, nonlinearity="linear"), 300**-0.5),
        (lambda: nn.init.normal_(w, 0.0, 3.0), 3.0),
        (lambda: nn.init.uniform_(w, -1.0, 1.0), 3**-0.5),
        (lambda: nn.init.trunc_normal_(w, std=0.1), 0.1),
    ):
        assert draw() is w and abs(w.std().item() / wanted - 1) < 0.02
    assert w.requires_grad and w.grad_fn is None
    q = nn.init.orthogonal_(torch.empty(3, 5))
    assert torch.allclose(q @ q.T, torch.eye(3), atol=1e-6)
    assert (nn.init.sparse_(torch.empty(10, 4), 0.3) == 0).sum(0).tolist() == [3] * 4
    assert nn.init.dirac_(torch.empty(2, 2, 3)).tolist()[1][1] == [0.0, 1.0, 0.0]
    assert nn.init.eye_(torch.empty(2, 3)).sum().item() == 2.0
    assert nn.init.zeros_(nn.init.ones_(nn.init.constant_(torch.empty(2), 3.0))).tolist() == [0, 0]
    with pytest.warns(UserWarning, match="zero-element"):
        nn.init.kaiming_uniform_(torch.empty(0, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.Linear(3, 2, dtype=torch.float64)


class Block(nn.Module):
    """A residual block that writes in place, as torchvision's does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(2)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Any) -> Any:
        out = self.relu(self.norm(self.conv(x)))
        out = self.norm(self.conv(out))
        out += x
        return self.relu(out)


def test_writes_in_place() -> None:
    torch.manual_seed(0)
    block = Block().double()
    x = torch.randn(3, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    block(x).square().sum().backward()
    found = [x.grad, *[p.grad for p in block.parameters()]]
    x.grad = None
    block.zero_grad()
    block.relu.inplace = False
    block(x).square().sum().backward()
    for a, b in zip(found, [x.grad, *[p.grad for p in block.parameters()]], strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


def test_transforms_of_layers() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    )
    own = {k: v.detach() for k, v in net.named_parameters()}
    images = torch.randn(5, 1, 6, 6)

    def loss(parameters: Any, image: Any) -> Any:
        return torch.func.functional_call(net, parameters, (image[None],)).square().sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(own, images)
    for i in range(5):
        net.zero_grad()
        net(images[i : i + 1]).square().sum().backward()
        for name, parameter in net.named_parameters():
            np.testing.assert_allclose(
                each[name][i].numpy(), parameter.grad.numpy(), rtol=1e-4, atol=1e-5
            )


def test_random_layers_under_vmap() -> None:
    torch.manual_seed(0)
    x = torch.ones(4, 12, 8)
    network = nn.LSTM(8, 5, 2, dropout=0.5)
    attention = nn.MultiheadAttention(8, 2, dropout=0.5)
    for layer in (
        nn.Dropout(0.5),
        nn.Dropout1d(0.5),
        nn.AlphaDropout(0.5),
        nn.RReLU(),
        lambda x: F.gumbel_softmax(x, hard=True),
        lambda x: network(x)[0],
        lambda x: attention(x, x, x)[0],
    ):
        for randomness, equal in (("same", True), ("different", False)):
            lanes = torch.func.vmap(layer, randomness=randomness)(x - 2)
            assert bool((lanes[0] == lanes[1]).all()) is equal
        with pytest.raises(RuntimeError, match="randomness"):
            torch.func.vmap(layer)(x)
    assert torch.func.vmap(attention.eval())(x, x, x)[0].shape == (4, 12, 8)  # draws nothing


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(4, 2),
        nn.Conv1d(4, 2, 1),
        nn.Flatten(),
        nn.InstanceNorm1d(4),
        nn.MaxPool1d(2),
        nn.LSTM(4, 2),
        nn.GRUCell(4, 2),
        nn.Embedding(3, 2),
        nn.ReLU(),
        nn.ChannelShuffle(2),
    ],
)
def test_arrays_are_no_tensors(layer: Any) -> None:
    with pytest.raises(TypeError, match="must be Tensor, not ndarray"):
        layer(np.ones((4, 4), np.float32))
    loss = nn.CrossEntropyLoss()
    with pytest.raises(TypeError, match="must be Tensor, not ndarray"):
        loss(torch.ones(1, 2), np.array([1]))


def test_tables() -> None:
    table = nn.Embedding(4, 2, padding_idx=1)
    out = table(torch.tensor([0, 1, 1, 3]))
    out.sum().backward()
    assert table.weight.grad.tolist() == [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0]]
    short = nn.Embedding(3, 2, max_norm=0.5)
    short(torch.tensor([0, 2]))
    assert (short.weight[[0, 2]].norm(dim=1) <= 0.5 + 1e-6).all()
    with pytest.raises(NotImplementedError, match="sparse=True"):
        nn.Embedding(3, 2, sparse=True)(torch.tensor([1]))
    indices = torch.tensor([0, 1])
    table.zero_grad()
    out = table(indices)
    indices.fill_(3)  # the graph keeps the numbers that were looked up
    out.sum().backward()
    assert table.weight.grad[0].tolist() == [1.0, 1.0]


def test_layers_keep_single_precision() -> None:
    x = torch.randn(2, 4, 6, 6)
    for layer in (
        nn.Conv2d(4, 4, 3),
        nn.ConvTranspose2d(4, 2, 3),
        nn.BatchNorm2d(4),
        nn.GroupNorm(2, 4),
        nn.LayerNorm(6),
        nn.RMSNorm(6),
        nn.AvgPool2d(2),
        nn.AdaptiveAvgPool2d(4),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.Dropout(0.5),
        nn.AlphaDropout(0.5),
        nn.RReLU(),
        nn.GELU(),
        nn.LocalResponseNorm(2),
    ):
        assert layer(x).dtype is torch.float32, layer


def test_pickles_of_layers() -> None:
    for layer in (nn.ReflectionPad2d(1), nn.Conv1d(1, 1, 1), nn.MaxPool2d(2)):
        assert repr(pickle.loads(pickle.dumps(layer))) == repr(layer)


def test_shapes_that_do_not_fit_warn() -> None:
    with pytest.warns(UserWarning, match="likely lead to incorrect results"):
        loss = F.mse_loss(torch.ones(3, 1), torch.zeros(3))
    assert loss.item() == 1.0
