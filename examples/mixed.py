"""Both interfaces at once: functional transforms of code that uses tensors, and ``.backward()``
through code that calls ``grad``.

There is one engine below both, so they mix at will. Each step checks its numbers. Run it with

    python examples/mixed.py
"""

from typing import Any

import numpy as np

import functrans as ft
import functrans.torch as torch
from functrans.torch import nn


def title(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")


def per_example_gradients() -> None:
    title("1. vmap of grad over a module")
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    params = {name: p.detach() for name, p in network.named_parameters()}
    x, y = torch.randn(32, 3), torch.randn(32, 1)

    def loss(params: Any, x: Any, y: Any) -> Any:
        return ((torch.func.functional_call(network, params, (x,)) - y) ** 2).mean()

    each = ft.vmap(ft.grad(loss), in_axes=(None, 0, 0))(params, x, y)
    shapes = {name: tuple(g.shape) for name, g in each.items()}
    print(f"a gradient for each of 32 examples: {shapes}")

    loss(dict(network.named_parameters()), x, y).backward()
    for name, p in network.named_parameters():
        np.testing.assert_allclose(each[name].mean(0).numpy(), p.grad.numpy(), atol=1e-6)
    print("their mean is what .backward() of the whole batch puts into .grad")


def curvature_of_tensor_code() -> None:
    title("2. hessian of code with tensors")

    def energy(x: Any) -> Any:
        y = x.clone()
        y[1:] += x[:-1] ** 2  # tensors are written to as ever
        return (y.sin() * y).sum()

    x = torch.tensor([0.5, 1.0, 1.5], dtype=torch.float64)
    h = ft.hessian(energy)(x)
    print(h)
    assert torch.allclose(h, h.T)
    rows = torch.autograd.functional.hessian(energy, x)
    assert torch.allclose(h, rows)
    print("torch.autograd.functional.hessian, which walks graphs, finds the same")


def backward_through_grad() -> float:
    title("3. .backward() through grad: learning a force by its potential")
    # A spring that hardens: the force is minus the slope of a potential, whose coefficients are
    # learnt. The slope is taken by functrans.grad, the coefficients' gradients by .backward().
    positions = torch.linspace(-1.0, 1.0, 21)
    measured = -(2.0 * positions + 4.0 * positions**3)
    coefficients = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([coefficients], lr=0.1)

    def potential(x: Any) -> Any:
        return coefficients[0] * x**2 + coefficients[1] * x**4

    force = ft.vmap(lambda x: -ft.grad(potential)(x))
    for _ in range(300):
        optimizer.zero_grad()
        loss = ((force(positions) - measured) ** 2).mean()
        loss.backward()
        optimizer.step()
    print(f"the potential is {coefficients.detach()} . (x^2, x^4), the loss {loss.item():.1e}")
    np.testing.assert_allclose(coefficients.detach().numpy(), [1.0, 1.0], atol=0.02)
    return float(loss.item())


def gradient_penalty() -> None:
    title("4. A penalty on a gradient")
    w = torch.tensor([1.0, -2.0], requires_grad=True)

    def critic(x: Any) -> Any:
        return (w * x).tanh().sum()

    slope = ft.grad(critic)(torch.tensor([0.3, 0.1]))
    ((slope.norm() - 1) ** 2).backward()
    print(f"the slope is {slope.detach()}, the penalty moves the weights along {-w.grad}")
    assert bool(w.grad.isfinite().all())


def main() -> float:
    """Run the four steps; returns the loss that is left in step 3."""
    per_example_gradients()
    curvature_of_tensor_code()
    loss = backward_through_grad()
    gradient_penalty()
    return loss


if __name__ == "__main__":
    main()
