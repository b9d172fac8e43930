"""Matrix equations: Sylvester, Lyapunov, Riccati; needs SciPy.

The derivative of a solution solves a linear equation of the same family, and its transpose the one
with transposed matrices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.linalg as sl

from functrans.core.kinds import align, general
from functrans.core.types import Array, ArrayType

from .arithmetic import add, negative, subtract
from .contraction import matmul, matrix_transpose
from .decompositions import conjugated
from .linalg import (
    adjoint,
    linalg_dtype,
    matrices,
    regular,
    regular_complex,
    solve,
    squares,
    symmetrized,
)
from .samples import Sample, draw, draw_complex
from .stacks import over_stacks

if TYPE_CHECKING:
    from functrans.core.kinds import Function


def types(*xs: Array) -> list[ArrayType]:
    return [ArrayType(x.shape, x.dtype) for x in xs]


# Sylvester's: x @ ans + ans @ y = z.


def sylvester_shape(x: ArrayType, y: ArrayType, z: ArrayType) -> ArrayType:
    (a, m), (b, n), (q, rows, columns) = squares(x), squares(y), matrices(z)
    if (rows, columns) != (m, n):
        raise ValueError(
            f"solve_sylvester: matrices of shape {x.shape} and {y.shape} do not fit one of shape "
            f"{z.shape}"
        )
    return ArrayType((*np.broadcast_shapes(a, b, q), m, n), linalg_dtype(x.dtype, y.dtype, z.dtype))


def sylvester_impl(x: Array, y: Array, z: Array) -> Array:
    return over_stacks(sl.solve_sylvester, sylvester_shape(*types(x, y, z)), x, y, z)


def sylvester_push(ts: Any, ans: Array, x: Array, y: Array) -> Array:
    t_x, t_y, t_z = ts
    return sylvester(x, y, subtract(subtract(t_z, matmul(t_x, ans)), matmul(ans, t_y)))


def sylvester_pull(g: Array, ans: Array, x: Array, y: Array) -> Any:
    g_z = sylvester(matrix_transpose(x), matrix_transpose(y), g)
    transposed = matrix_transpose(ans)
    return negative(matmul(g_z, transposed)), negative(matmul(transposed, g_z)), g_z


sylvester: Function = general(
    "sylvester",
    sylvester_impl,
    push_all=sylvester_push,
    pull_all=sylvester_pull,
    batch=lambda *xs, batched: sylvester(*align(xs, batched)),
    shape=sylvester_shape,
    samples=lambda: [
        Sample(regular((3, 3)), regular((2, 2), 1), draw((3, 2), -1, 1)),
        Sample(regular((2, 2)), regular((2, 3, 3), 1), draw((2, 3), -1, 1), label="stack"),
        Sample(regular_complex((2, 2)), regular((2, 2)), draw((2, 2), -1, 1), label="complex"),
        Sample(
            regular((2, 2)).astype(np.float32),
            regular((2, 2)).astype(np.float32).T,
            np.ones((2, 2), np.float32),
            label="float32",
        ),
        Sample(np.array([[2.0]]), np.array([[1.0]]), np.array([[3.0]]), label="1 x 1"),
        Sample(np.zeros((0, 0)), np.eye(2), np.zeros((0, 2)), label="0 x 0"),
    ],
)

# Stein's, also called the discrete Lyapunov equation: ans = x @ ans @ x.conj().T + y.


def stein_shape(x: ArrayType, y: ArrayType, **params: Any) -> ArrayType:
    (a, n), (b, m) = squares(x), squares(y)
    if m != n:
        raise ValueError("solve_discrete_lyapunov: both matrices must have the same shape")
    return ArrayType((*np.broadcast_shapes(a, b), n, n), linalg_dtype(x.dtype, y.dtype))


def stein_impl(x: Array, y: Array, *, method: str | None) -> Array:
    return over_stacks(
        lambda a, q: sl.solve_discrete_lyapunov(a, q, method), stein_shape(*types(x, y)), x, y
    )


def stein_push(ts: Any, ans: Array, x: Array, *, method: str | None) -> Array:
    t_x, t_y = ts
    left = matmul(matmul(t_x, ans), adjoint(x))
    right = matmul(matmul(x, ans), adjoint(t_x))
    return stein(x, add(t_y, add(left, right)), method=method)


def stein_pull(g: Array, ans: Array, x: Array, *, method: str | None) -> Any:
    g_y = stein(matrix_transpose(x), g, method=method)
    first = matmul(matmul(g_y, conjugated(x)), matrix_transpose(ans))
    second = conjugated(matmul(matmul(matrix_transpose(g_y), x), ans))
    return add(first, second), g_y


stein: Function = general(
    "stein",
    stein_impl,
    push_all=stein_push,
    pull_all=stein_pull,
    batch=lambda x, y, *, batched, method: stein(*align((x, y), batched), method=method),
    shape=stein_shape,
    samples=lambda: [
        Sample(0.3 * draw((3, 3), -1, 1), draw((3, 3), -1, 1, 1), method=None),
        Sample(0.3 * draw((2, 2, 2), -1, 1), draw((2, 2), -1, 1), method="bilinear", label="stack"),
        Sample(
            0.3 * draw_complex((2, 2), -1, 1), draw((2, 2), -1, 1), method=None, label="complex"
        ),
        Sample(np.array([[0.5]]), np.array([[1.0]]), method="direct", label="1 x 1"),
        Sample(
            0.3 * np.ones((2, 2), np.float32),
            np.eye(2, dtype=np.float32),
            method=None,
            label="float32",
        ),
        Sample(np.zeros((0, 2, 2)), np.eye(2), method=None, label="empty stack"),
    ],
)

# Riccati's, for x the state, y the input, z the cost of states, w that of inputs: functions
# of the Hermitian parts of the costs.


def hermitian_part(x: Array) -> Array:
    return (x + np.conj(x).swapaxes(-1, -2)) / 2


def riccati_shape(x: ArrayType, y: ArrayType, z: ArrayType, w: ArrayType) -> ArrayType:
    dtype = linalg_dtype(x.dtype, y.dtype, z.dtype, w.dtype)
    stacks = [squares(v)[0] for v in (x, z, w)]
    return ArrayType((*np.broadcast_shapes(*stacks, y.shape[:-2]), *x.shape[-2:]), dtype)


def care_impl(x: Array, y: Array, z: Array, w: Array) -> Array:
    like = riccati_shape(*types(x, y, z, w))
    costs = hermitian_part(z), hermitian_part(w)
    return over_stacks(sl.solve_continuous_are, like, x, y, *costs)


def care_feedback(ans: Array, y: Array, w: Array) -> Array:
    """The gain of the optimal feedback."""
    return solve(w, matmul(adjoint(y), ans))


def care_push(ts: Any, ans: Array, x: Array, y: Array, z: Array, w: Array) -> Array:
    gain = care_feedback(ans, y, symmetrized(w))
    closed = subtract(x, matmul(y, gain))
    change = matmul(ans, subtract(ts[0], matmul(ts[1], gain)))
    change = add(add(change, adjoint(change)), symmetrized(ts[2]))
    change = add(change, matmul(matmul(adjoint(gain), symmetrized(ts[3])), gain))
    return negative(sylvester(adjoint(closed), closed, change))


def care_pull(g: Array, ans: Array, x: Array, y: Array, z: Array, w: Array) -> Any:
    gain = care_feedback(ans, y, symmetrized(w))
    closed = subtract(x, matmul(y, gain))
    g_change = negative(sylvester(conjugated(closed), matrix_transpose(closed), g))
    return riccati_cotangents(g_change, ans, gain)


def riccati_cotangents(g: Array, left: Array, gain: Array) -> Any:
    """The cotangents of all four from that of the change ``c + adjoint(c) + t_z + adjoint(gain) @
    t_w @ gain`` with ``c = left @ (t_x - t_y @ gain)``."""
    both = add(g, adjoint(g))
    g_x = matmul(matrix_transpose(left), both)
    g_y = negative(matmul(g_x, matrix_transpose(gain)))
    g_w = matmul(matmul(conjugated(gain), g), matrix_transpose(gain))
    return g_x, g_y, symmetrized(g), symmetrized(g_w)


def riccati_samples() -> list[Sample]:
    def case(dtype: Any, label: str, stack: Any = ()) -> Sample:
        a = draw((*stack, 2, 2), -0.5, 0.5)
        b = draw((2, 1), 0.5, 1, 1)
        if dtype is complex:
            a, b = a + 0.2j * draw((2, 2), -1, 1, 2), b + 0.3j
        cost = np.array([[2.0, 0.5], [0.5, 1.0]])
        return Sample(a, b, cost, np.array([[1.5]]), label=label)

    return [case(float, "real"), case(complex, "complex"), case(float, "stack", (2,))]


care: Function = general(
    "care",
    care_impl,
    push_all=care_push,
    pull_all=care_pull,
    batch=lambda *xs, batched: care(*align(xs, batched)),
    shape=riccati_shape,
    samples=riccati_samples,
)


def dare_impl(x: Array, y: Array, z: Array, w: Array) -> Array:
    like = riccati_shape(*types(x, y, z, w))
    costs = hermitian_part(z), hermitian_part(w)
    return over_stacks(sl.solve_discrete_are, like, x, y, *costs)


def dare_feedback(ans: Array, x: Array, y: Array, w: Array) -> Array:
    """The gain of the optimal feedback."""
    weighted = matmul(adjoint(y), ans)
    return solve(add(w, matmul(weighted, y)), matmul(weighted, x))


def dare_push(ts: Any, ans: Array, x: Array, y: Array, z: Array, w: Array) -> Array:
    gain = dare_feedback(ans, x, y, symmetrized(w))
    closed = subtract(x, matmul(y, gain))
    left = matmul(adjoint(closed), ans)
    change = matmul(left, subtract(ts[0], matmul(ts[1], gain)))
    change = add(add(change, adjoint(change)), symmetrized(ts[2]))
    change = add(change, matmul(matmul(adjoint(gain), symmetrized(ts[3])), gain))
    return stein(adjoint(closed), change, method=None)


def dare_pull(g: Array, ans: Array, x: Array, y: Array, z: Array, w: Array) -> Any:
    gain = dare_feedback(ans, x, y, symmetrized(w))
    closed = subtract(x, matmul(y, gain))
    g_change = stein(conjugated(closed), g, method=None)
    return riccati_cotangents(g_change, matmul(adjoint(closed), ans), gain)


dare: Function = general(
    "dare",
    dare_impl,
    push_all=dare_push,
    pull_all=dare_pull,
    batch=lambda *xs, batched: dare(*align(xs, batched)),
    shape=riccati_shape,
    samples=riccati_samples,
)
