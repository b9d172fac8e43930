"""Functions for the composition, thread and oracle tests: one of each way to write a program.

Each takes one pytree and returns a pytree, written with plain NumPy. At its point the function is
smooth, with no kink nearer than the steps of the differences it is compared with.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import functrans as ft


class State(NamedTuple):
    """A point on an orbit."""

    position: Any
    velocity: Any


@dataclass(frozen=True)
class Program:
    """A function and a point.

    `reads_values`: it branches on values, so that it can be neither staged nor batched. `wide`: it
    runs in extended precision.
    """

    name: str
    function: Callable[..., Any]
    point: Any
    reads_values: bool = False
    wide: bool = True


PROGRAMS: list[Program] = []


def program(point: Any, **flags: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter the decorated function into the list."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        PROGRAMS.append(Program(function.__name__, function, point, **flags))
        return function

    return enter


MATRIX = np.array([[0.9, -0.3, 0.4], [0.2, 1.1, -0.5]])
POINT = np.array([0.7, -0.4, 1.2])


@program(0.6)
def scalar(x: Any) -> Any:
    return np.sin(x) * np.exp(-x / 3) + x**3


@program(POINT)
def elementwise(x: Any) -> Any:
    return np.tanh(x) * x + np.arctan(2 * x) - np.log1p(x * x)


@program(POINT)
def dot_product(x: Any) -> Any:
    return np.sum(x * np.roll(x, 1)) + x @ x


@program(0.8)
def horner_loop(x: Any) -> Any:
    total = 0.0
    for c in (1.5, -2.0, 0.5, 3.0):
        total = total * x + c
    return total


@program({"w": MATRIX, "b": np.array([0.1, -0.2])})
def dictionary_of_parameters(p: Any) -> Any:
    return np.logaddexp(0.0, p["w"] @ np.array([0.5, -1.0, 2.0]) + p["b"])


@program((np.array([0.3, 1.4]), 0.7))
def tuple_in_dictionary_out(x: Any) -> Any:
    a, b = x
    return {"product": a * b, "rest": [np.cos(b), (a[0] / (1 + b * b),)]}


@program(POINT)
def closure(x: Any) -> Any:
    shift = MATRIX.sum(axis=0)

    def inner(y: Any) -> Any:
        return y * x + shift

    return inner(np.sin(x))


@program(POINT, reads_values=True)
def branch_on_values(x: Any) -> Any:
    if np.sum(x) > 1.0:
        return np.exp(x) * x
    return x


@program(2.5, reads_values=True)
def newton_until_converged(x: Any) -> Any:
    root = x
    for _ in range(50):
        step = (root * root - x) / (2 * root)
        root = root - step
        if abs(step) < 1e-30:
            break
    return root


@program(0.9)
def list_of_steps(x: Any) -> Any:
    history = [x]
    while len(history) < 4:
        history.append(np.sin(history[-1]) + x / 2)
    return np.stack(history)


@program(np.array([0.7, -0.4, 1.2, 0.3]))
def slices(x: Any) -> Any:
    return x[1:] * x[:-1] + x[::-1][:3] ** 2


@program(np.array([0.7, -0.4, 1.2]))
def gathers(x: Any) -> Any:
    return x[np.array([0, 2, 2, 1])] * x[-1] + np.take(x, np.array([1])) * x[None, :].sum()


@program(MATRIX)
def products_of_matrices(m: Any) -> Any:
    return np.trace(m @ m.T) * (m.T @ m)[0] + np.dot(m, np.array([1.0, 0.5, -1.0]))[0]


@program(MATRIX)
def reductions(m: Any) -> Any:
    return {
        "mean": np.mean(m * m, axis=0),
        "var": np.var(m, axis=1),
        "prod": np.prod(m, axis=0),
        "max": np.max(m, axis=1),
    }


@program(np.array([0.8, -0.9, 1.5]))
def selection(x: Any) -> Any:
    return np.where(x > 0.2, x**2, np.sin(x)) + np.maximum(x, 0.3) * np.abs(x)


@program(POINT)
def all_pairs(x: Any) -> Any:
    distance = x[:, None] - x[None, :]
    return np.sum(np.exp(-(distance**2)), axis=1)


@program(POINT)
def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    return e / e.sum()


@program(MATRIX)
def einsum(m: Any) -> Any:
    return np.einsum("ij,kj,j->ik", m, np.sin(m), np.array([0.3, 1.0, -0.7]))


@program((np.array([0.2, 0.9]), np.array([[1.1], [-0.3]])))
def shapes(x: Any) -> Any:
    a, b = x
    joined = np.concatenate([np.reshape(a, (1, 2)), np.transpose(b)], axis=0)
    return np.cumsum(joined * joined[::-1], axis=0).ravel() * np.squeeze(np.cos(b))[0]


@program((1.3, 0.8))
def powers(x: Any) -> Any:
    a, b = x
    return (a**b, np.hypot(a, b), np.sqrt(a * b) / b, np.arctan2(a, b))


@program(POINT)
def derivative_inside(x: Any) -> Any:
    gradient = ft.grad(lambda y: np.sum(np.sin(y) * x * y))(x * x)
    return gradient * x


@program(State(np.array([0.6, 0.5]), np.array([-0.3, 0.9])))
def orbit(state: Any) -> Any:
    for _ in range(2):
        pull = -state.position / (1 + np.sum(state.position**2)) ** 1.5
        velocity = state.velocity + 0.1 * pull
        state = State(state.position + 0.1 * velocity, velocity)
    return state


@program(np.array([[2.0, 0.3], [-0.4, 1.5]]), wide=False)
def linear_algebra(m: Any) -> Any:
    return np.linalg.solve(m, np.array([1.0, -0.5])) * np.linalg.det(m) + np.linalg.inv(m)[1]


@program(np.array([0.8, -0.9, 0.1, 1.9]))
def sorting(x: Any) -> Any:
    order = np.argsort(x)
    return np.sort(x) * np.arange(4.0) + np.take_along_axis(x, order, axis=0) ** 2


@program({"used": POINT, "unused": np.array([1.0, 2.0])})
def partly_constant(x: Any) -> Any:
    return {"value": np.floor(x["used"]) + x["used"] ** 2, "constant": np.ones(2)}
