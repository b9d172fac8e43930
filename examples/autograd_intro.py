"""Automatic differentiation in the functional style, in five short steps.

Imperative libraries mark arrays and call ``backward``; here a derivative is a function made from
a function. Every step prints what it does and asserts that the numbers are right. Run it with

    python examples/autograd_intro.py
"""

from typing import Any

import numpy as np

import functrans as ft


def title(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")


def q(a: np.ndarray, b: np.ndarray) -> Any:
    return 3 * a**3 - b**2


def external_gradient(a: np.ndarray, b: np.ndarray) -> None:
    title("1. A vector-valued function and the gradient that arrives from outside")
    value, pullback = ft.vjp(q, a, b)
    print(f"Q = 3a^3 - b^2 at a = {a}, b = {b} is {value}")
    print("Q has two entries, so the pullback asks how much each of them matters:")
    grad_a, grad_b = pullback(np.array([1.0, 1.0]))
    print(f"with weights [1, 1]:  dQ/da = {grad_a} = 9a^2,  dQ/db = {grad_b} = -2b")
    np.testing.assert_allclose(value, [-12.0, 65.0])
    np.testing.assert_allclose(grad_a, 9 * a**2)
    np.testing.assert_allclose(grad_b, -2 * b)


def from_polar(p: np.ndarray) -> Any:
    return p[0] * np.stack([np.cos(p[1]), np.sin(p[1])])


def jacobian_products() -> None:
    title("2. Products with the Jacobian")
    p, v = np.array([2.0, np.pi / 6]), np.array([0.5, -2.0])
    point, pullback = ft.vjp(from_polar, p)
    (row,) = pullback(v)
    print(f"(radius, angle) = {p} is the point {point}")
    print(f"v = {v}: the pullback gives v @ J = {row}")
    point_again, column = ft.jvp(from_polar, (p,), (v,))
    print(f"jvp pushes a tangent forward instead and gives J @ v = {column}")
    print("Neither builds J. When all of it is wanted, jacrev does:")
    jacobian = ft.jacrev(from_polar)(p)
    print(jacobian)
    np.testing.assert_allclose(point_again, point)
    np.testing.assert_allclose(jacobian, [[np.sqrt(3) / 2, -1], [0.5, np.sqrt(3)]])
    np.testing.assert_allclose(row, v @ jacobian)
    np.testing.assert_allclose(column, jacobian @ v)


def scalar_loss(a: np.ndarray, b: np.ndarray) -> None:
    title("3. A scalar needs no weights: grad")
    grads = ft.grad(lambda a, b: np.sum(q(a, b)), argnums=(0, 1))(a, b)
    print(f"grad of sum(Q) by both arguments: {grads[0]}, {grads[1]}: the numbers of step 1")
    np.testing.assert_allclose(grads[0], 9 * a**2)
    np.testing.assert_allclose(grads[1], -2 * b)
    try:
        ft.grad(q)(a, b)
    except (TypeError, ValueError) as error:
        print(f"grad of Q itself is refused:\n    {error}")
    else:
        raise AssertionError("grad accepted a function whose output is not a scalar")


def model(params: Any, x: np.ndarray) -> Any:
    """Two layers; params is a dictionary of dictionaries, and so is its gradient."""
    hidden = np.tanh(x @ params["body"]["w"] + params["body"]["b"])
    return hidden @ params["head"]["w"] + params["head"]["b"]


def loss(params: Any, x: np.ndarray, y: np.ndarray) -> Any:
    return np.mean((model(params, x) - y) ** 2)


def frozen_parameters(params: Any, x: np.ndarray, y: np.ndarray) -> None:
    title("4. Frozen parameters: differentiate only what should move")
    full = ft.grad(loss)(params, x, y)

    def head_loss(head: Any, body: Any) -> Any:
        return loss({"body": body, "head": head}, x, y)

    head_only = ft.grad(head_loss)(params["head"], params["body"])
    print("Split the tree. grad takes the first argument (argnums chooses others), so the body")
    print(f"is a constant. The gradient is a tree like the head: {', '.join(head_only)}")
    ft.tree.map(np.testing.assert_allclose, head_only, full["head"])

    def stopped_loss(params: Any) -> Any:
        return loss({**params, "body": ft.stop_gradient(params["body"])}, x, y)

    stopped = ft.grad(stopped_loss)(params)
    print("Or stop_gradient inside the function: same value, and the body's gradient is zero")
    assert stopped_loss(params) == loss(params, x, y)
    ft.tree.map(np.testing.assert_allclose, stopped["head"], full["head"])
    ft.tree.map(lambda g: np.testing.assert_array_equal(g, 0), stopped["body"])
    assert np.all(full["body"]["w"] != 0), "the body would have moved, had it not been frozen"


def training(params: Any, x: np.ndarray, y: np.ndarray) -> float:
    title("5. Training with momentum")
    rate, momentum = 0.05, 0.9
    velocity = ft.tree.map(np.zeros_like, params)
    before = after = float(loss(params, x, y))
    print(f"loss before training:  {before:.4f}")
    for step in range(1, 101):
        value, grads = ft.value_and_grad(loss)(params, x, y)
        assert value == after, "value_and_grad must return the loss that a plain call returns"
        velocity = ft.tree.map(lambda v, g: momentum * v + g, velocity, grads)
        params = ft.tree.map(lambda p, v: p - rate * v, params, velocity)
        after = float(loss(params, x, y))
        if step in (1, 10, 100):
            print(f"loss after step {step:3}:   {after:.4f}")
        if step == 1:
            assert after < before
    assert after < before / 10
    return after


def main() -> float:
    """Run the five steps; return the loss at the end of the last."""
    a, b = np.array([2.0, 3.0]), np.array([6.0, 4.0])
    external_gradient(a, b)
    jacobian_products()
    scalar_loss(a, b)
    rng = np.random.default_rng(0)
    x = rng.uniform(-2.0, 2.0, (64, 2))
    y = np.sin(x[:, :1]) * x[:, 1:]
    params = {
        "body": {"w": rng.standard_normal((2, 16)), "b": np.zeros(16)},
        "head": {"w": rng.standard_normal((16, 1)) / 4, "b": np.zeros(1)},
    }
    frozen_parameters(params, x, y)
    return training(params, x, y)


if __name__ == "__main__":
    main()
