"""A training step of the network 64-128-64-10 in the imperative style, with SGD and momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.imperative import contestants, fill, training_step
from benchmarks.network import make_data
from benchmarks.workload import Call, Inputs, Target, Workload


def inputs(batch: int) -> Inputs:
    """Return images and class numbers."""
    images, targets = make_data(batch, features=64, classes=10)
    return images, np.argmax(targets, axis=1)


def program(torch: Any, images: Any, labels: Any, *, compiled: bool = False) -> Call:
    """Return the training step."""
    nn = torch.nn
    model = nn.Sequential(
        *(nn.Linear(64, 128), nn.Tanh(), nn.Linear(128, 64), nn.Tanh(), nn.Linear(64, 10))
    ).double()
    rng = np.random.default_rng(0)
    fill(torch, model, lambda shape: rng.normal(scale=0.1, size=shape))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    return training_step(
        torch, model, optimizer, images, labels, list(model.parameters()), compiled
    )


WORKLOAD = Workload(
    name="tensor_mlp",
    title="Training step of modules 64-128-64-10",
    size_label="batch",
    sizes=(1, 32, 128),
    quick_sizes=(1, 32),
    inputs=inputs,
    contestants=contestants(program, compiling=True),
    targets=(Target(at_most=1.2, peer="torch", sizes=(1, 32)),),
)
