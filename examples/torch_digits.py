"""Train a convolutional network on real handwritten digits with ``functrans.torch``, as one would
with PyTorch: modules, a DataLoader, Adam, a schedule of learning rates, saved weights.

    python examples/torch_digits.py [--epochs N] [--output FOLDER] [--no-figure]

It prints the accuracy on 360 images that training never sees, saves the weights, reads them again
into a new network, and draws a figure. The split is that of ``examples/digits.py``.
"""

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import functrans.torch as torch
from functrans.torch import nn, optim
from functrans.torch.utils.data import DataLoader, TensorDataset

HERE = Path(__file__).resolve().parent
HELD_OUT = 360
BATCH_SIZE = 64
LEARNING_RATE = 4e-3
PIXEL_NOISE = 0.15  # on training images only: the network cannot rely on single pixels

History = dict[str, list[float]]


def load() -> tuple[TensorDataset, TensorDataset]:
    """The images, (n, 1, 8, 8) from 0 to 1, and their labels: for training, and held out."""
    with np.load(HERE / "data" / "digits.npz") as data:
        images = torch.from_numpy(data["images"].astype(np.float32) / 16).unsqueeze(1)
        labels = torch.from_numpy(data["labels"].astype(np.int64))
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(labels)))
    test, train = order[:HELD_OUT], order[HELD_OUT:]
    return TensorDataset(images[train], labels[train]), TensorDataset(images[test], labels[test])


class Network(nn.Module):
    """Two convolutions with batch normalisation, a pooling between them, and a linear layer."""

    def __init__(self, channels: int = 24) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.BatchNorm2d(2 * channels),
            nn.ReLU(),
        )
        self.head = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.3), nn.Linear(2 * channels * 4 * 4, 10)
        )

    def forward(self, images: Any) -> Any:
        return self.head(self.features(images))


def evaluate(model: nn.Module, data: TensorDataset) -> tuple[float, float, Any]:
    """Loss, accuracy and predictions on a data set."""
    images, labels = data.tensors
    model.eval()
    with torch.no_grad():
        scores = model(images)
        loss = nn.functional.cross_entropy(scores, labels)
    guesses = scores.argmax(1)
    return loss.item(), (guesses == labels).float().mean().item(), guesses


def require(module: str) -> Any:
    """Import a module of the `examples` extra, or leave with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise SystemExit(
            f'This example needs {package}. Install it with: pip install "functrans[examples]"'
        ) from None


def train(
    training: TensorDataset, held_out: TensorDataset, epochs: int, seed: int
) -> tuple[Network, History]:
    """A trained network, with losses and accuracies after each epoch."""
    torch.manual_seed(seed)
    model = Network()
    loader = DataLoader(training, batch_size=BATCH_SIZE, shuffle=True)
    optimizer = optim.Adam(model.parameters(), lr=LEARNING_RATE)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * len(loader))
    criterion = nn.CrossEntropyLoss()
    splits = {"training": training, "held-out": held_out}
    history: History = {f"{name} {of}": [] for name in splits for of in ("loss", "accuracy")}
    with require("tqdm").tqdm(total=epochs * len(loader), desc="training", unit="step") as bar:
        for _ in range(epochs):
            model.train()
            for images, labels in loader:
                noisy = images + PIXEL_NOISE * torch.randn_like(images)
                optimizer.zero_grad()
                loss = criterion(model(noisy), labels)
                loss.backward()
                optimizer.step()
                scheduler.step()
                bar.update()
            for name, split in splits.items():
                value, accuracy, _ = evaluate(model, split)
                history[f"{name} loss"].append(value)
                history[f"{name} accuracy"].append(accuracy)
            bar.set_postfix_str(f"held-out accuracy {history['held-out accuracy'][-1]:.1%}")
    return model, history


def save_figure(path: Path, model: Network, history: History, held_out: TensorDataset) -> None:
    """Draw loss and accuracy by epoch, and held-out digits with predictions, mistakes first."""
    require("matplotlib").use("Agg")
    pyplot = require("matplotlib.pyplot")
    colours = {"training": "#9aa5b1", "held-out": "#1f5fa8"}
    figure = pyplot.figure(figsize=(11, 5.6), layout="constrained")
    curves, gallery = figure.subfigures(1, 2, width_ratios=(1, 1.25))
    epochs = np.arange(1, len(history["training loss"]) + 1)
    panels = curves.subplots(2, 1, sharex=True)
    for axes, quantity in zip(panels, ("loss", "accuracy"), strict=True):
        for name, colour in colours.items():
            axes.plot(epochs, history[f"{name} {quantity}"], color=colour, marker=".", label=name)
        axes.set_ylabel(quantity)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    panels[0].set_yscale("log")
    panels[0].legend(frameon=False)
    panels[1].set_xlabel("epoch")
    percent = require("matplotlib.ticker").PercentFormatter(1.0, decimals=0)
    panels[1].yaxis.set_major_formatter(percent)

    images, labels = (t.numpy() for t in held_out.tensors)
    guesses = evaluate(model, held_out)[2].numpy()
    right = guesses == labels
    gallery.suptitle(f"{np.sum(right)} of {len(labels)} held-out digits are right; mistakes in red")
    mistakes_first = np.argsort(right, kind="stable")[:40]
    for axes, k in zip(gallery.subplots(5, 8).flat, mistakes_first, strict=True):
        axes.imshow(images[k, 0], cmap="gray_r", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        colour = "#333333" if right[k] else "#c62828"
        text = f"{guesses[k]}" if right[k] else f"{guesses[k]}, not {labels[k]}"
        axes.set_title(text, fontsize=9, color=colour)
        axes.spines[:].set_color("#dddddd" if right[k] else colour)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def main(arguments: Sequence[str] | None = None) -> float:
    """Train, save, read again, report and draw; return the accuracy on the held-out images."""
    parser = argparse.ArgumentParser(description="Train a convolutional network on digits.")
    parser.add_argument("--epochs", type=positive, default=25, help="passes over the data")
    parser.add_argument("--seed", type=int, default=0, help="of initial weights and batches")
    parser.add_argument("--output", type=Path, default=HERE / "output", help="folder")
    parser.add_argument("--no-figure", action="store_true", help="only train, save and print")
    options = parser.parse_args(arguments)
    if not options.no_figure:
        require("matplotlib")  # before the training, not after it
    training, held_out = load()
    model, history = train(training, held_out, options.epochs, options.seed)

    options.output.mkdir(parents=True, exist_ok=True)
    weights = options.output / "torch_digits.pth"
    torch.save(model.state_dict(), weights)
    again = Network()
    again.load_state_dict(torch.load(weights))
    _, accuracy, _ = evaluate(again, held_out)
    assert accuracy == history["held-out accuracy"][-1]
    print(
        f"accuracy on {HELD_OUT} held-out digits, with the weights from {weights}: {accuracy:.2%}"
    )
    if not options.no_figure:
        figure = options.output / "torch_digits.png"
        save_figure(figure, again, history, held_out)
        print(f"figure: {figure}")
    return accuracy


if __name__ == "__main__":
    main()
