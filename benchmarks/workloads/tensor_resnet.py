"""A training step of ResNet-18 on images of 64 by 64 pixels, in the imperative style.

Both libraries run the modules below, which are those of the residual network of 2015 with two
blocks of two convolutions at each of four widths. As everything here it is in float64, for which
PyTorch has no tuned convolutions: in float32 its step takes 0.95, 0.57 and 0.47 of the time of
functrans' (batch 1, 8 and 32, AMD EPYC, one thread).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.imperative import contestants, fill, training_step
from benchmarks.workload import Call, Inputs, Workload

PIXELS = 64
CLASSES = 1000


def inputs(batch: int) -> Inputs:
    """Return images and class numbers."""
    rng = np.random.default_rng(0)
    return rng.uniform(size=(batch, 3, PIXELS, PIXELS)), rng.integers(0, CLASSES, batch)


def resnet18(torch: Any) -> Any:
    """The network."""
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[name-defined, misc]
        """Two convolutions, added to what came in."""

        def __init__(self, before: int, width: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.relu = nn.ReLU()
            self.short = None
            if stride != 1:
                conv = nn.Conv2d(before, width, 1, stride, bias=False)
                self.short = nn.Sequential(conv, nn.BatchNorm2d(width))

        def forward(self, x: Any) -> Any:
            y = self.relu(self.bn1(self.conv1(x)))
            y = self.bn2(self.conv2(y))
            return self.relu(y + (x if self.short is None else self.short(x)))

    widths = (64, 128, 256, 512)
    blocks: list[Any] = []
    for before, width in zip((64, *widths), widths, strict=False):
        blocks += [Block(before, width, 1 if before == width else 2), Block(width, width, 1)]
    return nn.Sequential(
        *(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()),
        nn.MaxPool2d(3, 2, 1),
        *blocks,
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, CLASSES)),
    ).double()


def program(torch: Any, images: Any, labels: Any, *, compiled: bool = False) -> Call:
    """Return the training step."""
    model = resnet18(torch)
    rng = np.random.default_rng(1)

    def draw(shape: tuple[int, ...]) -> Any:
        if len(shape) == 1:  # scales near 1 and small shifts alike
            return rng.uniform(0.5, 1.0, shape)
        return rng.normal(scale=np.sqrt(1 / np.prod(shape[1:])), size=shape)

    fill(torch, model, draw)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    parameters = list(model.parameters())
    shown = [parameters[0], parameters[-1]]
    return training_step(torch, model, optimizer, images, labels, shown, compiled)


WORKLOAD = Workload(
    name="tensor_resnet",
    title="Training step of ResNet-18, images of 64 by 64",
    size_label="batch",
    sizes=(1, 8, 32),
    quick_sizes=(1,),
    inputs=inputs,
    contestants=contestants(program, compiling=True),
)
