"""Train a small network on real handwritten digits with ``functrans.grad(loss)(params)``.

The network is plain NumPy: 3x3 filters over the 8x8 image, a hidden layer, and ten class scores.
Training is minibatch gradient descent with momentum, also plain NumPy. Run it with

    python examples/digits.py [--epochs N] [--output FILE] [--no-figure]

It prints the accuracy on 360 images that training never sees, and saves a figure. The split is
random and fixed: the people who wrote the held-out digits also wrote some of the training digits.
"""

import argparse
import importlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import functrans as ft

HERE = Path(__file__).resolve().parent
HELD_OUT = 360
BATCH_SIZE = 32
LEARNING_RATE = 0.05
MOMENTUM = 0.9
PIXEL_NOISE = 0.2  # on training images only: the network cannot rely on single pixels

Params = dict[str, dict[str, np.ndarray]]
Images = np.ndarray  # (n, 8, 8) float32, 0 (blank) to 1 (fully inked)
Labels = np.ndarray  # (n,) integers 0 to 9
History = dict[str, list[float]]


def load() -> tuple[Images, Labels, Images, Labels]:
    """Return training images and labels, then held-out images and labels."""
    with np.load(HERE / "data" / "digits.npz") as data:
        images, labels = data["images"].astype(np.float32) / 16, data["labels"].astype(np.intp)
    order = np.random.default_rng(0).permutation(len(labels))
    test, train = order[:HELD_OUT], order[HELD_OUT:]
    return images[train], labels[train], images[test], labels[test]


def init_params(rng: np.random.Generator, filters: int = 16, hidden: int = 64) -> Params:
    """Draw random weights, scaled by the number of inputs of each layer; biases are zero."""

    def dense(inputs: int, outputs: int) -> dict[str, np.ndarray]:
        weights = rng.standard_normal((inputs, outputs)) * math.sqrt(2 / inputs)
        return {"w": weights.astype(np.float32), "b": np.zeros(outputs, np.float32)}

    return {
        "filters": dense(3 * 3, filters),
        "hidden": dense(6 * 6 * filters, hidden),
        "scores": dense(hidden, 10),
    }


def predict(params: Params, images: Images) -> Any:
    """Class scores of shape (n, 10)."""
    shifted = [images[:, i : i + 6, j : j + 6] for i in range(3) for j in range(3)]
    x = np.stack(shifted, axis=-1)  # (n, 6, 6, 9): the 3x3 neighbourhood of each inner pixel
    x = np.maximum(x @ params["filters"]["w"] + params["filters"]["b"], 0)
    x = x.reshape(len(images), -1)
    x = np.maximum(x @ params["hidden"]["w"] + params["hidden"]["b"], 0)
    return x @ params["scores"]["w"] + params["scores"]["b"]


def loss(params: Params, images: Images, labels: Labels) -> Any:
    """Mean softmax cross entropy; subtracting the largest score keeps exp from overflowing."""
    scores = predict(params, images)
    scores = scores - np.max(scores, axis=1, keepdims=True)
    log_total = np.log(np.sum(np.exp(scores), axis=1))
    return np.mean(log_total - scores[np.arange(len(labels)), labels])


def accuracy(params: Params, images: Images, labels: Labels) -> float:
    return float(np.mean(np.argmax(predict(params, images), axis=1) == labels))


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
    images: Images, labels: Labels, test_images: Images, test_labels: Labels, epochs: int, seed: int
) -> tuple[Params, History]:
    """Return trained parameters with the losses and accuracies after each epoch."""
    rng = np.random.default_rng(seed)
    params = init_params(rng)
    velocity = ft.tree.map(np.zeros_like, params)
    gradient = ft.grad(loss)
    splits = {"training": (images, labels), "held-out": (test_images, test_labels)}
    history: History = {f"{name} {of}": [] for name in splits for of in ("loss", "accuracy")}
    steps = len(labels) // BATCH_SIZE
    with require("tqdm").tqdm(total=epochs * steps, desc="training", unit="step") as bar:
        for epoch in range(epochs):
            rate = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
            for batch in np.array_split(rng.permutation(len(labels)), steps):
                noise = rng.standard_normal((len(batch), 8, 8), dtype=np.float32)
                grads = gradient(params, images[batch] + PIXEL_NOISE * noise, labels[batch])
                velocity = ft.tree.map(lambda v, g: MOMENTUM * v + g, velocity, grads)
                params = ft.tree.map(lambda p, v, rate=rate: p - rate * v, params, velocity)
                bar.update()
            for name, split in splits.items():
                history[f"{name} loss"].append(float(loss(params, *split)))
                history[f"{name} accuracy"].append(accuracy(params, *split))
            bar.set_postfix_str(f"held-out accuracy {history['held-out accuracy'][-1]:.1%}")
    return params, history


def save_figure(
    path: Path, params: Params, history: History, images: Images, labels: Labels
) -> None:
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
        if quantity == "loss":
            axes.set_yscale("log")
            axes.legend(frameon=False)
    axes.set_xlabel("epoch")
    axes.yaxis.set_major_formatter(require("matplotlib.ticker").PercentFormatter(1.0, decimals=0))

    guesses = np.argmax(predict(params, images), axis=1)
    right = guesses == labels
    gallery.suptitle(f"{np.sum(right)} of {len(labels)} held-out digits are right; mistakes in red")
    mistakes_first = np.argsort(right, kind="stable")[:40]
    for axes, k in zip(gallery.subplots(5, 8).flat, mistakes_first, strict=True):
        axes.imshow(images[k], cmap="gray_r", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        if right[k]:
            axes.set_title(f"{guesses[k]}", fontsize=9, color="#333333")
            axes.spines[:].set_color("#dddddd")
        else:
            axes.set_title(f"{guesses[k]}, not {labels[k]}", fontsize=9, color="#c62828")
            axes.spines[:].set(color="#c62828", linewidth=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def main(arguments: Sequence[str] | None = None) -> float:
    """Train, report and draw; return the accuracy on the held-out images."""
    parser = argparse.ArgumentParser(description="Train a small network on handwritten digits.")
    parser.add_argument("--epochs", type=positive, default=30, help="passes over the data")
    parser.add_argument("--seed", type=int, default=0, help="of initial weights and batches")
    parser.add_argument("--output", type=Path, default=HERE / "output" / "digits.png")
    parser.add_argument("--no-figure", action="store_true", help="only train and print")
    options = parser.parse_args(arguments)
    if not options.no_figure:
        require("matplotlib")  # before the training, not after it
    images, labels, test_images, test_labels = load()
    params, history = train(images, labels, test_images, test_labels, options.epochs, options.seed)
    result = accuracy(params, test_images, test_labels)
    print(f"accuracy on {len(test_labels)} held-out digits: {result:.2%}")
    if not options.no_figure:
        save_figure(options.output, params, history, test_images, test_labels)
        print(f"figure: {options.output}")
    return result


if __name__ == "__main__":
    main()
