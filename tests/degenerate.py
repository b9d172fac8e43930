"""Functions of eigenvalues, singular values and their vectors, at matrices with equal ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core.errors import DegenerateWarning

Array = Any
eigh_function = ft.numpy.linalg.eigh_function

RNG = np.random.default_rng(0)
Q = np.linalg.qr(RNG.standard_normal((3, 3)))[0]
P = np.linalg.qr(RNG.standard_normal((3, 3)))[0]
WEIGHTS = RNG.standard_normal((3, 3))
SYMMETRIC = WEIGHTS + WEIGHTS.T


def turned(*values: float) -> Array:
    a = Q @ np.diag(values) @ Q.T
    return (a + a.T) / 2


def noisy(function: Callable[[], Any]) -> bool:
    """Whether there is a warning of this kind (any other is an error)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    assert all(w.category is DegenerateWarning for w in caught), [str(w.message) for w in caught]
    return bool(caught)


def through_eigh(h: Callable[[Array], Array], a: Array) -> Array:
    w, v = np.linalg.eigh(a)
    return (v * h(w)[..., None, :]) @ np.swapaxes(np.conj(v), -1, -2)


def through_svd(h: Callable[[Array], Array], a: Array) -> Array:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return (u * h(s)) @ vh


def weighted(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda a: np.sum(WEIGHTS * function(a))


def span(part: slice) -> Callable[[Array], Array]:
    def function(a: Array) -> Array:
        v = np.linalg.eigh(a)[1][:, part]
        return np.sum(WEIGHTS * (v @ v.T))

    return function


IDENTITY, ZERO = np.eye(3), np.zeros((3, 3))
PAIR, TURNED, APART = np.diag([1.0, 1.0, 2.0]), turned(1.0, 1.0, 2.0), turned(1.0, 1.5, 2.0)


SECOND_ORDER = {
    "jacfwd of jacrev": lambda f: ft.jacfwd(ft.jacrev(f)),
    "jacrev of jacfwd": lambda f: ft.jacrev(ft.jacfwd(f)),
    "jacfwd of jacfwd": lambda f: ft.jacfwd(ft.jacfwd(f)),
    "jacrev of jacrev": lambda f: ft.jacrev(ft.jacrev(f)),
    "vmap": lambda f: lambda a: ft.vmap(ft.hessian(f))(np.stack([APART, a]))[1],
    "graph": lambda f: lambda a: ft.make_graph(ft.hessian(f))(a)(a),
}


def hermitian(a: Array) -> Array:
    return (a + np.conj(a.T)) / 2


def squares(a: Array) -> Array:
    return np.sum(np.real(a * np.conj(a)))


# Functions of values that are symmetric in them, and the same as functions of the matrix.
SYMMETRIC_FUNCTIONS = {
    "squares": (
        lambda a: np.sum(np.linalg.eigvalsh(a) ** 2),
        lambda a: squares(hermitian(a)),
    ),
    "cubes": (
        lambda a: np.sum(np.linalg.eigvalsh(a) ** 3),
        lambda a: np.trace(hermitian(a) @ hermitian(a) @ hermitian(a)).real,
    ),
    "log-determinant": (
        lambda a: np.sum(np.log(np.linalg.eigvalsh(a))),
        lambda a: np.linalg.slogdet(hermitian(a))[1],
    ),
    "determinant": (
        lambda a: np.prod(np.linalg.eigvalsh(a)),
        lambda a: np.exp(np.linalg.slogdet(hermitian(a))[1]),
    ),
    "exponentials": (
        lambda a: np.sum(np.exp(np.linalg.eigvalsh(a))),
        lambda a: np.trace(eigh_function(np.exp, hermitian(a))).real,
    ),
    "sum times squares": (
        lambda a: np.sum(np.linalg.eigvalsh(a)) * np.sum(np.linalg.eigvalsh(a) ** 2),
        lambda a: np.trace(hermitian(a)).real * squares(hermitian(a)),
    ),
    "squares of singular values": (
        lambda a: np.sum(np.linalg.svdvals(a) ** 2),
        lambda a: squares(a),
    ),
    "fourth powers of singular values": (
        lambda a: np.sum(np.linalg.svd(a, compute_uv=False) ** 4),
        lambda a: squares(np.conj(a.T) @ a),
    ),
    "sum of singular values": (
        lambda a: np.sum(np.linalg.svdvals(a)),
        lambda a: np.trace(eigh_function(np.sqrt, np.conj(a.T) @ a)).real,
    ),
}
PHASES = np.linalg.qr(WEIGHTS + 1j * SYMMETRIC)[0]


def difference(function: Callable[[Array], Array], a: Array, direction: Array) -> Array:
    h = 1e-4
    return (function(a + h * direction) - function(a - h * direction)) / (2 * h)


TIE = Q @ np.diag([2.0, 2.0, 1.0]) @ P
LOW = Q @ np.diag([2.0, 1.0, 0.0]) @ P


def polar(a: Array) -> Array:
    u, _, vh = np.linalg.svd(a)
    return u @ vh


def low_rank(a: Array) -> Array:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return (u[:, :2] * s[:2]) @ vh[:2]


UNDETERMINED = {
    "one value": (lambda a: np.linalg.eigh(a)[0][0], [IDENTITY, PAIR, TURNED]),
    "one of the values alone": (lambda a: np.linalg.eigvalsh(a)[1], [IDENTITY, PAIR, TURNED]),
    "values with weights": (
        lambda a: np.sum(np.linalg.svdvals(a) * np.array([2.0, 1.0, 1.5])),
        [IDENTITY, TURNED],
    ),
    "one vector of a pair": (span(slice(0, 1)), [PAIR, TURNED, IDENTITY]),
    "one value of a general matrix": (
        lambda a: np.real(np.linalg.eigvals(a + 0j)[1]),
        [IDENTITY, PAIR, TURNED],
    ),
    "one of them beside their vectors": (
        lambda a: np.real(np.linalg.eig(a + 0j)[0][1]),
        [IDENTITY, PAIR],
    ),
    "the condition number": (lambda a: np.linalg.cond(a), [IDENTITY]),
    "an element of a vector": (lambda a: np.linalg.eigh(a)[1][2, 1], [TURNED]),
}
DETERMINED = {
    "a symmetric function of the values": (
        lambda a: np.sum(np.sin(np.linalg.eigh(a)[0])),
        [IDENTITY, ZERO, PAIR, TURNED],
    ),
    "one value beside the pair": (
        lambda a: np.linalg.eigh(a)[0][2] + np.linalg.svdvals(a)[0],
        [PAIR, TURNED],
    ),
    "the largest and the smallest": (
        lambda a: np.linalg.norm(a, 2) + np.linalg.norm(a, -2),
        [IDENTITY],
    ),
    "eigvalsh": (lambda a: np.sum(np.linalg.eigvalsh(a) ** 2), [IDENTITY, TURNED]),
    "the space of the pair": (span(slice(0, 2)), [PAIR, TURNED]),
    "all of the space": (span(slice(0, 3)), [IDENTITY, PAIR, TURNED]),
    "the vector beside the pair": (span(slice(2, 3)), [PAIR, TURNED]),
    "the value and the vector beside the pair": (
        lambda a: np.linalg.eigh(a)[0][2] * span(slice(2, 3))(a),
        [PAIR, TURNED],
    ),
    "a trace": (lambda a: np.trace(through_eigh(np.exp, a)), [IDENTITY, ZERO, PAIR, TURNED]),
    "the nearest matrix that is positive": (
        weighted(lambda a: through_eigh(lambda w: np.maximum(w, 0), a)),
        [turned(-1.0, -1.0, 2.0)],
    ),
    "the exponential": (weighted(lambda a: through_eigh(np.exp, a)), [APART]),
    "eigh_function": (weighted(lambda a: eigh_function(np.exp, a)), [IDENTITY, ZERO, TURNED]),
}


def cases(table: dict[str, Any]) -> Any:
    return [
        pytest.param(f, x, id=f"{name}-{i}")
        for name, (f, xs) in table.items()
        for i, x in enumerate(xs)
    ]
