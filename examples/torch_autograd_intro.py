"""Automatic differentiation in the imperative style, with ``functrans.torch``.

A residual network takes one step of training; the gradients of a vector are asked for with a
gradient of their own; the graph behind a result is walked; a network is prepared for a new task by
freezing what it has learnt. Only the import lines tell these programs from PyTorch's. Run it with

    python examples/torch_autograd_intro.py [--pretrained]

Without ``--pretrained`` the weights are random and nothing is downloaded.
"""

import argparse
from collections.abc import Sequence
from typing import Any

import functrans.torch as torch
from functrans.torch import nn, optim
from functrans.torchvision.models import ResNet18_Weights, resnet18


def title(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")


def training_step(weights: Any) -> None:
    title("1. One step of training")
    model = resnet18(weights=weights)
    data = torch.rand(1, 3, 64, 64)
    labels = torch.rand(1, 1000)

    prediction = model(data)  # forward pass
    loss = (prediction - labels).sum()
    loss.backward()  # backward pass: every parameter now has its gradient in .grad
    print(f"the loss is {loss}")
    print(f"the first filters have gradients of shape {tuple(model.conv1.weight.grad.shape)}")

    before = model.conv1.weight.detach().clone()
    optimizer = optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
    optimizer.step()  # gradient descent: each parameter moves against its gradient
    moved = (model.conv1.weight - before).abs().max()
    print(f"the step moved them by {moved.item():.2e} at most")
    assert torch.allclose(before - model.conv1.weight, 1e-2 * model.conv1.weight.grad, atol=1e-6)


def vector_and_its_gradient() -> None:
    title("2. The gradient of a vector")
    a = torch.tensor([2.0, 3.0], requires_grad=True)
    b = torch.tensor([6.0, 4.0], requires_grad=True)
    Q = 3 * a**3 - b**2
    print(f"Q = 3a^3 - b^2 = {Q}")
    # Q is no scalar, so backward needs to know how much each entry matters: dQ/dQ = 1.
    external_grad = torch.tensor([1.0, 1.0])
    Q.backward(gradient=external_grad)
    print(f"a.grad = {a.grad} = 9a^2, b.grad = {b.grad} = -2b")
    assert bool((9 * a**2 == a.grad).all())
    assert bool((-2 * b == b.grad).all())

    # The same with a scalar, for which backward needs nothing.
    a.grad = b.grad = None
    Q = 3 * a**3 - b**2
    Q.sum().backward()
    assert bool((9 * a**2 == a.grad).all())
    assert bool((-2 * b == b.grad).all())


def graph_behind_a_result() -> list[str]:
    title("3. The graph")
    a = torch.tensor([2.0, 3.0], requires_grad=True)
    b = torch.tensor([6.0, 4.0], requires_grad=True)
    Q = 3 * a**3 - b**2
    names: list[str] = []

    def walk(node: Any, depth: int) -> None:
        names.append(node.name())
        print("  " * depth + node.name())
        for following, _ in node.next_functions:
            if following is not None:
                walk(following, depth + 1)

    print("operations from the result back to the leaves a and b:")
    walk(Q.grad_fn, 1)
    return names


def what_takes_part() -> None:
    title("4. What takes part in the graph")
    x, y = torch.rand(5, 5), torch.rand(5, 5)
    z = torch.rand((5, 5), requires_grad=True)
    print(f"does x + y require gradients? {(x + y).requires_grad}")
    print(f"does x + z? {(x + z).requires_grad}")
    with torch.no_grad():
        print(f"and within no_grad? {(x + z).requires_grad}")
    assert not (x + y).requires_grad and (x + z).requires_grad


def fine_tuning(weights: Any) -> None:
    title("5. A frozen network with a new head")
    model = resnet18(weights=weights)
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.fc = nn.Linear(512, 10)  # a new layer's parameters require gradients
    optimizer = optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)

    images, classes = torch.rand(4, 3, 64, 64), torch.tensor([0, 3, 3, 7])
    loss = nn.functional.cross_entropy(model(images), classes)
    loss.backward()
    optimizer.step()
    learning = [name for name, p in model.named_parameters() if p.grad is not None]
    print(f"after backward only {learning} have gradients")
    assert learning == ["fc.weight", "fc.bias"]


def main(arguments: Sequence[str] | None = None) -> list[str]:
    """Run the five steps; returns the names of the operations in the graph of step 3."""
    parser = argparse.ArgumentParser(description="An introduction to functrans.torch.autograd.")
    parser.add_argument("--pretrained", action="store_true", help="with ImageNet's weights")
    options = parser.parse_args(arguments)
    weights = ResNet18_Weights.DEFAULT if options.pretrained else None
    torch.manual_seed(0)
    training_step(weights)
    vector_and_its_gradient()
    names = graph_behind_a_result()
    what_takes_part()
    fine_tuning(weights)
    return names


if __name__ == "__main__":
    main()
