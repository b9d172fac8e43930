"""The kinds of tensors at which functions of functrans.torch are compared with PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np

rng = np.random.default_rng(0)


def ordinary(*shape: int) -> Any:
    return rng.uniform(0.2, 0.9, shape)


X, Y = ordinary(3, 4), ordinary(3, 4)
Z, W = X + 1j * ordinary(3, 4), Y - 1j * ordinary(3, 4)
M = ordinary(3, 3) + 2 * np.eye(3)
HARD = np.array([[0.0, -0.0, 1.0, -1.0], [np.inf, -np.inf, np.nan, 1.0], [0.5, 0.5, 2.0, 1e30]])
TIES = np.array([[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, -2.0, -2.0], [0.0, 1.0, -2.0, 3.0]])
INTS = rng.integers(1, 6, (3, 4))

POINTS: dict[str, tuple[Any, Any, Any]] = {
    "float64": (X, Y, M),
    "float32": tuple(a.astype(np.float32) for a in (X, Y, M)),  # type: ignore[dict-item]
    "complex128": (Z, W, M + 1j * ordinary(3, 3)),
    "int64": (INTS, rng.integers(1, 6, (3, 4)), rng.integers(1, 6, (3, 3))),
    "uint8": (INTS.astype(np.uint8), INTS.astype(np.uint8)[::-1].copy(), INTS[:, :3].astype("u1")),
    "bool": (INTS > 2, INTS % 2 == 0, INTS[:, :3] > 3),
    "mixed": (X, INTS, M),
    "broadcast": (X, Y[0], M),
    "zero-dimensional": (X[0, 0], Y[0, 0], M[0, 0]),
    "empty": (np.zeros((0, 4)), np.zeros((0, 4)), np.zeros((0, 0))),
    "hard": (
        HARD,
        HARD[::-1].copy(),
        np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 1.0]]),
    ),
    "ties": (TIES, TIES.copy(), np.eye(3)),
    "negative": (-X, Y - 0.5, -M),
}
"""By kind, the values of x, y and m."""
