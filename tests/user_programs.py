"""Programs as scientists write them, short: what each computes, and arguments of two sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import functrans as ft


class Example(NamedTuple):
    """A program, what makes its arguments for a size, and two sizes; its first argument has the
    derivative."""

    program: Callable[..., Any]
    arguments: Callable[[int], tuple[Any, ...]]
    sizes: tuple[int, int]


EXAMPLES: dict[str, Example] = {}


def example(
    arguments: Callable[[int], tuple[Any, ...]], *sizes: int
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def enter(program: Callable[..., Any]) -> Callable[..., Any]:
        small, large = sizes
        EXAMPLES[program.__name__] = Example(program, arguments, (small, large))
        return program

    return enter


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


@example(lambda n: (0.1 * normal(2, 2), normal(n, 1)), 6, 9)
def kalman_filter(a: Any, ys: Any) -> Any:
    c, unit = np.array([[1.0, 0.5]]), np.eye(2)

    def step(state: Any, y: Any) -> Any:
        m, p = a @ state[0], a @ state[1] @ a.T + 0.1 * unit
        s = c @ p @ c.T + 0.5
        gain = np.linalg.solve(s, c @ p).T
        m, p = m + gain @ (y - c @ m), p - gain @ s @ gain.T
        return (m, p), m

    return ft.scan(step, (np.zeros(2), unit), ys)


@example(lambda n: (normal(3, 3), np.arange(n) % 3), 5, 7)
def hidden_markov_model(scores: Any, seen: Any) -> Any:
    moves = scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))
    alpha = [moves[:, seen[0]]]
    for t in range(1, len(seen)):
        alpha.append(np.logaddexp.reduce(alpha[-1][:, None] + moves, axis=0) + moves[:, seen[t]])
    return np.stack(alpha), np.logaddexp.reduce(alpha[-1])


@example(lambda n: (normal(3, 2), normal(n, 2, seed=1)), 8, 5)
def gaussian_mixture(mu: Any, x: Any) -> Any:
    var, weights = np.ones((3, 2)), np.ones(3) / 3
    for _ in range(2):
        logs = -0.5 * np.sum((x[:, None] - mu) ** 2 / var + np.log(var), axis=-1) + np.log(weights)
        p = np.exp(logs - logs.max(axis=1, keepdims=True))
        p = p / p.sum(axis=1, keepdims=True)
        count = p.sum(axis=0)
        mu, weights = p.T @ x / count[:, None], count / len(x)
        var = p.T @ x**2 / count[:, None] - mu**2 + 0.1
    return mu, var, weights


@example(lambda n: ({"w": normal(2, 4), "v": normal(4, 2)}, normal(n, 2, seed=2)), 3, 1)
def neural_ode_with_a_solver_of_its_own(params: Any, y: Any) -> Any:
    @ft.custom
    def solved(params: Any, y: Any) -> Any:
        def slope(y: Any) -> Any:
            return np.tanh(y @ params["w"]) @ params["v"]

        return ft.fori_loop(0, 4, lambda i, y: y + 0.1 * slope(y + 0.05 * slope(y)), y)

    return solved(params, y)


@example(lambda n: (0.2 * normal(n, n), np.ones(n)), 4, 3)
def fixed_point(w: Any, b: Any) -> Any:
    def going(state: Any) -> Any:
        return (np.max(np.abs(state[0] - state[1])) > 1e-10) & (state[2] < 100)

    def step(state: Any) -> Any:
        return np.tanh(w @ state[0] + b), state[0], state[2] + 1

    return ft.while_loop(going, step, (np.tanh(b), np.zeros_like(b), 0))[0]


@example(lambda n: (normal(n, n + 1),), 6, 5)
def heat_equation_in_place(u: Any) -> Any:
    u = u.copy()
    for _ in range(3):
        u[1:-1, 1:-1] += 0.1 * (
            u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
        )
        u[0], u[:, -1] = u[1], u[:, -2]
    return u


@example(lambda n: (np.sin(np.linspace(0, 6, n)),), 16, 8)
def spectral_burgers(u: Any) -> Any:
    k = np.fft.rfftfreq(len(u), 1 / len(u))
    hat = np.fft.rfft(u)
    slope, bend = np.fft.irfft(1j * k * hat, len(u)), np.fft.irfft(-(k**2) * hat, len(u))
    return u + 0.01 * (0.05 * bend - u * slope)


@example(lambda n: (0.3 * normal(2, 1, 3, 3), normal(n, 1, 8, 8, seed=3)), 2, 3)
def image_pipeline(kernel: Any, images: Any) -> Any:
    images = (images - images.mean()) / (images.std() + 1e-5)
    images = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="reflect")
    features = ft.nn.max_pool2d(ft.nn.relu(ft.nn.conv2d(images, kernel)), 2)
    return ft.nn.avg_pool2d(features, 2).mean((2, 3))


@example(lambda n: (np.array([[0.0, 0, 3], [1, 0, 4]]), normal(n, 3) * 0.3 + [0, 0, 1]), 9, 4)
def ray_tracer(centers: Any, rays: Any) -> Any:
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    along = rays @ centers.T
    disc = along**2 - np.sum(centers**2, axis=-1) + 1.0
    far = np.where(disc > 0, along - np.sqrt(np.where(disc > 0, disc, 1.0)), np.inf)
    first = np.argmin(far, axis=1)
    t = np.take_along_axis(far, first[:, None], axis=1)[:, 0]
    point = rays * np.where(np.isfinite(t), t, 0.0)[:, None] - centers[first]
    shade = np.clip(point @ (np.array([1.0, 1.0, -1.0]) / np.sqrt(3)), 0, None)
    return np.where(np.isfinite(t), 0.1 + 0.9 * shade, 0.05)


@example(lambda n: (np.random.default_rng(4).random((n, 3)) * 3,), 6, 4)
def molecular_dynamics_with_a_cutoff(x: Any) -> Any:
    i, j = np.triu_indices(len(x), 1)
    apart = x[i] - x[j]
    apart = apart - 3.0 * np.round(apart / 3.0)
    squares = np.sum(apart**2, axis=-1)
    near = squares < 2.25
    s = (0.3 / np.where(near, squares, 1.0)) ** 3
    forces = np.zeros_like(x)
    np.add.at(forces, i, apart * np.where(near, s, 0.0)[:, None])
    return np.sum(np.where(near, 4 * (s**2 - s), 0.0)), forces


@example(lambda n: (normal(2, n),), 3, 2)
def quantum_circuit(angles: Any) -> Any:
    count = angles.shape[1]
    state = np.ones((2,) * count, complex) / np.sqrt(2.0**count)
    for layer in angles:
        for q in range(count):
            c, s = np.cos(layer[q]), -1j * np.sin(layer[q])
            gate = np.stack([np.stack([c, s]), np.stack([s, c])])
            state = np.moveaxis(np.tensordot(gate, state, axes=(1, q)), 0, q)
        swapped = np.moveaxis(state, (0, 1), (0, 1))
        state = np.stack([swapped[0], swapped[1][::-1]])
    return np.abs(state.reshape(-1)) ** 2, np.linalg.norm(state)


@example(lambda n: (np.eye(n) + 0.1 * normal(n, n), normal(n, 1, seed=5)), 3, 2)
def riccati_equation(a: Any, b: Any) -> Any:
    p = unit = np.eye(len(a))
    for _ in range(4):
        gain = np.linalg.solve(np.eye(1) + b.T @ p @ b, b.T @ p @ a)
        p = unit + a.T @ p @ (a - b @ gain)
    return p, gain


@example(lambda n: (0.1 * normal(2), normal(n, 2, seed=6), np.abs(normal(n, seed=7))), 12, 7)
def survival_analysis(beta: Any, x: Any, times: Any) -> Any:
    order = np.argsort(-times)
    risk = (x @ beta)[order]
    return -np.mean(risk - np.logaddexp.accumulate(risk)), np.median(risk), np.std(risk)


@example(lambda n: (np.sin(np.linspace(0, 6, n)), np.linspace(0, 6, n)), 8, 6)
def cubic_spline(y: Any, x: Any) -> Any:
    h = np.diff(x)
    matrix = np.diag(2 * (h[:-1] + h[1:])) + np.diag(h[1:-1], 1) + np.diag(h[1:-1], -1)
    bends = np.linalg.solve(matrix, 6 * np.diff(np.diff(y) / h))
    bends = np.concatenate([np.zeros(1), bends, np.zeros(1)])
    at = np.array([0.7, 2.0, 5.5])
    k = np.clip(np.searchsorted(x, at) - 1, 0, len(x) - 2)
    left, right = at - x[k], x[k + 1] - at
    curved = (bends[k] * right**3 + bends[k + 1] * left**3) / (6 * h[k])
    return (
        curved
        + (y[k] / h[k] - bends[k] * h[k] / 6) * right
        + (y[k + 1] / h[k] - bends[k + 1] * h[k] / 6) * left
    )


@example(lambda n: (normal(n, 2), np.arange(n) % 2), 12, 9)
def logistic_regression_by_newton(x: Any, y: Any) -> Any:
    def loss(w: Any) -> Any:
        return np.sum(np.logaddexp(0, x @ w) - y * (x @ w)) + 0.5 * w @ w

    w = np.zeros(2)
    for _ in range(2):
        w = w - np.linalg.solve(ft.hessian(loss)(w), ft.grad(loss)(w))
    return w


@example(lambda n: (np.linspace(0, 1, n), np.arange(n) % 3), 7, 0)
def ragged_segments(x: Any, segments: Any) -> Any:
    sums = np.zeros_like(x, shape=3)
    np.add.at(sums, segments, x)
    return sums / np.maximum(np.bincount(segments, minlength=3), 1)


@example(lambda n: (normal(n).astype(np.float32), np.arange(n)), 5, 8)
def mixed_types(x: Any, i: Any) -> Any:
    return x * i, x * 2, np.mean(x), i // 2, np.linalg.norm(x), i / 2, x > 0


@example(lambda n: ([normal(4, 4, seed=8), normal(4, 4, seed=9)], normal(2, n, 4)), 3, 5)
def causal_attention(weights: Any, x: Any) -> Any:
    scores = np.einsum("bid,bjd->bij", x @ weights[0], x @ weights[1]) / 2.0
    scores = np.where(np.tril(np.ones(scores.shape[1:], bool)), scores, -np.inf)
    share = np.exp(scores - scores.max(-1, keepdims=True))
    return share / share.sum(-1, keepdims=True) @ x


class Layers:
    """A model whose weights a program reads."""

    def __init__(self) -> None:
        self.weights = [0.3 * normal(3, 3, seed=seed) for seed in (10, 11)]

    def __call__(self, x: Any) -> Any:
        for w in self.weights:
            x = x + np.maximum(x @ w, 0)
        return x


MODEL = Layers()


@example(lambda n: (normal(n, 3),), 4, 0)
def method_of_a_model(x: Any) -> Any:
    return MODEL(x)


@example(lambda n: (normal(n, seed=12), normal(n, seed=13)), 4, 5)
def soft_time_warping(a: Any, b: Any) -> Any:
    table = np.pad((a[:, None] - b) ** 2, ((1, 0), (1, 0)), constant_values=9.0)
    table[0, 0] = 0.0
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            before = (table[i - 1, j], table[i, j - 1], table[i - 1, j - 1])
            table[i, j] = table[i, j] - np.log(sum(np.exp(-t) for t in before))
    return table[-1, -1]


@example(lambda n: (normal(n, n, seed=14) + 3 * np.eye(n),), 4, 3)
def elimination_with_pivots_in_place(a: Any) -> Any:
    a, sign = a[::-1].copy(), 1.0
    for k in range(len(a) - 1):
        pivot = k + np.argmax(np.abs(a[k:, k]))
        if pivot != k:
            a[[k, pivot]] = a[[pivot, k]]
            sign = -sign
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    return a, sign * np.prod(np.diagonal(a))


@example(lambda n: (normal(2**n, seed=15),), 3, 2)
def fourier_transform_by_butterflies_in_place(x: Any) -> Any:
    n = len(x)
    bits = n.bit_length() - 1
    z = x.astype(complex)[[int(f"{i:0{bits}b}"[::-1], 2) for i in range(n)]]
    width = 2
    while width <= n:
        blocks = z.reshape(n // width, width)
        even, odd = blocks[:, : width // 2], blocks[:, width // 2 :]
        turned = np.exp(-2j * np.pi * np.arange(width // 2) / width) * odd
        odd[...] = even - turned
        even += turned
        width *= 2
    return np.abs(z) ** 2


@example(lambda n: (normal(n, 3, seed=16),), 4, 6)
def jacobi_rotations(a: Any) -> Any:
    s, unit = a.T @ a, np.eye(3)
    for _ in range(3):
        for p, q in ((0, 1), (0, 2), (1, 2)):
            angle = 0.5 * np.arctan2(2 * s[p, q], s[q, q] - s[p, p])
            turn = np.zeros_like(s)
            turn[range(3), range(3)] = 1.0
            turn[[p, q], [p, q]] = np.cos(angle)
            turn[p, q], turn[q, p] = np.sin(angle), -np.sin(angle)
            s = turn.T @ s @ turn
            unit = unit @ turn
    return np.sort(np.diag(s)), unit @ np.diag(np.diag(s)) @ unit.T


@example(lambda n: (normal(n, seed=17),), 6, 9)
def counters_and_single_cells(x: Any) -> Any:
    sums, seen = np.zeros_like(x, shape=(4,)), np.zeros(4, int)
    rest = sums[3, ...]  # a view of one cell
    for k, v in enumerate(x):
        kind = k % 4
        cell = sums[kind : kind + 1].reshape(()) if kind < 3 else rest
        cell += v * (1 + seen[kind])
        seen[kind] += 1
    rest *= 0.5
    return sums, np.roll(sums, int(seen[0])) * seen
