"""Whole programs of training beside PyTorch's: the same first weights and data, the same losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans.torch as ours
from tests.shim.as_pytorch import draw

pytestmark = pytest.mark.oracle("torch", "scipy")


def convolutional(torch: Any, data: Any) -> tuple[list[Any], Callable[[int], Any]]:
    """Images, batch statistics, writes in place, a scheduler, clipped gradients."""
    nn, F = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self, a: int, b: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(b)
            self.relu = nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(b, b, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(b)
            self.down = nn.Sequential(nn.Conv2d(a, b, 1, stride=2), nn.BatchNorm2d(b))

        def forward(self, x: Any) -> Any:
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))
            out += self.down(x)
            return self.relu(out)

    model = nn.Sequential(
        Block(1, 4), nn.MaxPool2d(2), Block(4, 6), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(6, 3),
    )  # fmt: skip
    x, y = torch.tensor(data(8, 1, 12, 12)), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])

    def prepare() -> Callable[[int], Any]:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)

        def step(i: int) -> Any:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y, label_smoothing=0.1)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            return loss

        return step

    return [model], prepare


def adversarial(torch: Any, data: Any) -> tuple[list[Any], Any]:
    """Two networks and two optimisers, detached samples, transposed convolutions."""
    nn = torch.nn
    generator = nn.Sequential(
        nn.ConvTranspose2d(3, 4, 3, 1, 0, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(True),
        nn.ConvTranspose2d(4, 1, 4, 2, 1),
        nn.Tanh(),
    )
    critic = nn.Sequential(
        nn.Conv2d(1, 4, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(4, 1, 3), nn.Flatten()
    )
    real, noise = torch.tensor(data(5, 1, 6, 6)), torch.tensor(data(5, 3, 1, 1))

    def prepare() -> Callable[[int], Any]:
        criterion = nn.BCEWithLogitsLoss()
        first = torch.optim.Adam(critic.parameters(), lr=1e-2, betas=(0.5, 0.999))
        second = torch.optim.Adam(generator.parameters(), lr=1e-2, betas=(0.5, 0.999))

        def step(i: int) -> Any:
            critic.zero_grad()
            out = critic(real)
            loss = criterion(out, torch.ones_like(out))
            loss.backward()
            fake = generator(noise * (i + 1))
            out = critic(fake.detach())
            other = criterion(out, torch.zeros_like(out))
            other.backward()
            first.step()
            generator.zero_grad()
            out = critic(fake)
            third = criterion(out, torch.ones_like(out))
            third.backward()
            second.step()
            return loss + other + third

        return step

    return [generator, critic], prepare


def sequences(torch: Any, data: Any) -> tuple[list[Any], Any]:
    """A language model: embedding, packed LSTM, tied weights, ignored targets."""
    nn = torch.nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(7, 4, padding_idx=0)
            self.lstm = nn.LSTM(4, 4, num_layers=2, batch_first=True, bidirectional=False)
            self.norm = nn.LayerNorm(4)
            self.out = nn.Linear(4, 7)
            self.out.weight = self.embed.weight

        def forward(self, words: Any, lengths: Any) -> Any:
            packed = nn.utils.rnn.pack_padded_sequence(
                self.embed(words), lengths, batch_first=True, enforce_sorted=False
            )
            out, _ = self.lstm(packed)
            out, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
            return self.out(self.norm(out))

    model = Model()
    words = torch.tensor([[1, 2, 3, 0], [4, 5, 6, 1], [2, 0, 0, 0]])
    lengths = torch.tensor([3, 4, 1])

    def prepare() -> Callable[[int], Any]:
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)

        def step(i: int) -> Any:
            optimizer.zero_grad()
            scores = model(words, lengths).transpose(1, 2)
            loss = nn.functional.cross_entropy(scores, words.roll(-1, 1), ignore_index=0)
            loss.backward()
            optimizer.step()
            return loss

        return step

    return [model], prepare


def attention(torch: Any, data: Any) -> tuple[list[Any], Any]:
    """A causal transformer, with frozen parameters and groups of their own rates."""
    nn = torch.nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(6, 8)
            self.place = nn.Parameter(torch.zeros(5, 8))
            layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = nn.Linear(8, 6, bias=False)
            self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(5))

        def forward(self, words: Any) -> Any:
            x = self.embed(words) + self.place
            return self.head(self.encoder(x, mask=self.mask, is_causal=True))

    model = Model()
    words = torch.tensor([[0, 1, 2, 3, 4], [5, 4, 3, 2, 1], [1, 1, 2, 2, 3]])

    def prepare() -> Callable[[int], Any]:
        model.embed.requires_grad_(False)
        groups = [
            {"params": model.encoder.parameters(), "lr": 1e-2},
            {"params": [model.place, *model.head.parameters()]},
        ]
        optimizer = torch.optim.RMSprop(groups, lr=1e-3)

        def step(i: int) -> Any:
            optimizer.zero_grad()
            scores = model(words)
            loss = nn.functional.cross_entropy(
                scores[:, :-1].reshape(-1, 6), words[:, 1:].reshape(-1)
            )
            loss.backward()
            optimizer.step()
            return loss

        return step

    return [model], prepare


def variational(torch: Any, data: Any) -> tuple[list[Any], Any]:
    """Two heads, a penalty of gradients (a second derivative), weight normalisation."""
    nn, F = torch.nn, torch.nn.functional
    trunk = nn.utils.parametrizations.weight_norm(nn.Linear(4, 6))
    heads = nn.ModuleDict({"mean": nn.Linear(6, 2), "log": nn.Linear(6, 2)})
    decoder = nn.Sequential(nn.Linear(2, 6), nn.SiLU(), nn.Linear(6, 4))
    x, noise = torch.tensor(data(6, 4)), torch.tensor(data(6, 2))

    def prepare() -> Callable[[int], Any]:
        every = [*trunk.parameters(), *heads.parameters(), *decoder.parameters()]
        optimizer = torch.optim.Adam(every, lr=1e-2)

        def step(i: int) -> Any:
            optimizer.zero_grad()
            inputs = x.clone().requires_grad_()
            hidden = F.softplus(trunk(inputs))
            mean, log = heads["mean"](hidden), heads["log"](hidden)
            out = decoder(mean + noise * torch.exp(0.5 * log))
            loss = F.mse_loss(out, x, reduction="sum")
            loss = loss - 0.5 * (1 + log - mean.pow(2) - log.exp()).sum()
            (slope,) = torch.autograd.grad(loss, inputs, create_graph=True)
            loss = loss + 0.1 * (slope.norm(2, dim=1) - 1).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        return step

    return [trunk, heads, decoder], prepare


@pytest.mark.parametrize("program", [convolutional, adversarial, sequences, attention, variational])
def test_training(program: Any) -> None:
    import torch

    seeds = iter(range(100))
    drawn: list[Any] = []

    def data(*shape: int) -> Any:
        drawn.append(draw(*shape, seed=next(seeds)))
        return drawn[-1]

    theirs, prepare = program(torch, data)
    again = iter(drawn)
    mine, prepare_mine = program(ours, lambda *shape: next(again))
    for a, b in zip(mine, theirs, strict=True):
        state = b.double().state_dict()
        a.double().load_state_dict({k: v.numpy() for k, v in state.items()})
    step, other = prepare_mine(), prepare()
    found = [(step(i).item(), other(i).item()) for i in range(6)]
    np.testing.assert_allclose(*zip(*found, strict=True), rtol=1e-9)
    assert found[-1][0] < found[0][0] or program is adversarial
    for a, b in zip(mine, theirs, strict=True):
        a.eval()
        for (name, x), y in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
            np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-7, atol=1e-9, err_msg=name)
