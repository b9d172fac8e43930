"""Elementwise work on products is part of their tiles, with the bits that it has elsewhere."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans as ft
from functrans.compile.llvm.kernels.multiplying import DEEP
from functrans.compile.llvm.plans.calls import Call
from functrans.compile.llvm.segment import Segment
from tests.llvm.native import carried_out, staged

RNG = np.random.default_rng(0)
X, W, R = (RNG.normal(size=shape) for shape in ((33, 20), (20, 37), (33, 37)))
B, C = R[0].copy(), R[:, :1].copy()
STACK, STACK_W, STACK_R = (RNG.normal(size=shape) for shape in ((4, 5, 20), (4, 20, 7), (4, 5, 7)))
Y = RNG.normal(size=(4, 5, 37))


def takes_epilogue(segment: Segment) -> list[bool]:
    """Of each product, whether work on it is part of it."""
    return [s.epilogue is not None for s in segment.frame.plan.steps if isinstance(s, Call)]


def compare(f: Callable[..., Any], *args: Any) -> Segment:
    """Native results agree with NumPy's up to the rounding of sums."""
    graph, values = staged(f, *args)
    for out, x in zip(carried_out(graph, *values), graph.evaluate(values), strict=True):
        eps = 300 * np.finfo(np.float32 if args[0].dtype == np.float32 else float).eps
        np.testing.assert_allclose(out, x, rtol=eps, atol=eps * np.max(abs(x), initial=1.0))
    return Segment(graph)


FUSED: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "activation": (lambda x, w, b: np.maximum(x @ w + b, 0), (X, W, B)),
    "residual": (lambda x, w, r: x @ w + r, (X, W, R)),
    "column": (lambda x, w, c: (x @ w) * c, (X, W, C)),
    "single": (lambda x, w, r: (x @ w) * r[2, 3] - 1.0, (X, W, R)),
    "mask": (lambda x, w, r: np.where(r > 0, x @ w, 0), (X, W, R)),
    "truth": (lambda x, w, r: (x @ w + r, x @ w > r), (X, W, R)),
    "both": (lambda x, w, r: (x @ w, (x @ w) * 2 - r), (X, W, R)),
    "turned": (lambda x, w: (w.T @ x.T) * 2 + 1.0, (X, W)),
    "update": (lambda x, g, w: w - 0.1 * (x.T @ g), (X, R, W)),
    "momentum": (
        lambda x, g, w, v: (w - 0.1 * (0.9 * v + x.T @ g), 0.9 * v + x.T @ g),
        (X, R, W, W[::-1]),
    ),
    "matrix and vector": (lambda x, v, r: x @ v + r, (X, W[:, 0], R[:, 0])),
    "stack": (lambda x, w, r: x @ w + r, (STACK, STACK_W, STACK_R)),
    "stack of one matrix": (lambda x, w, y, b: (x @ w + b) * y, (STACK, W, Y, B)),
    "stack of one matrix and a column": (lambda x, w, y: (x @ w) * y[:, :, :1], (STACK, W, Y)),
    "one element": (lambda x, w, r: (x @ w + r) * 2, (X[:1], W[:, :1], R[:1, :1])),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FUSED)
def test_elementwise_work_is_part_of_products(name: str, dtype: Any) -> None:
    f, args = FUSED[name]
    found = takes_epilogue(compare(f, *[x.astype(dtype) for x in args]))
    assert found and all(found)


APART: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "long": (lambda x, w: np.tanh(x @ w), (X, W)),
    "many": (lambda x, w, r: sum([(x @ w) * r * float(i) for i in range(1, 9)]), (X, W, R)),
    "sums": (lambda x, w: np.sum(x @ w * 2, axis=0), (X, W)),
    "deep": (lambda x, r: x.T @ x + r, (np.ones((DEEP + 1, 5)), np.ones((5, 5)))),
    "elsewhere": (lambda x, w, r: (x @ w)[::-1] + r, (X, W, R)),
    "moved": (lambda x, w: x @ w + (x @ w)[::-1], (X, W)),
    "after": (lambda x, w, r: x @ w + (r @ np.ones((37, 37))), (X, W, R)),
    "complex": (lambda x, w: (x @ w) * 2, (X + 1j, W + 0j)),
}


@pytest.mark.parametrize("name", APART)
def test_what_is_not_part_of_products(name: str) -> None:
    f, args = APART[name]
    found = takes_epilogue(compare(f, *args))
    assert not all(found), found


@pytest.mark.parametrize("k", [1, 2, 8, 33, 64])
@pytest.mark.parametrize("m, n", [(1, 1), (1, 40), (40, 1), (3, 5), (17, 64), (70, 33)])
def test_bits_do_not_depend_on_what_is_part_of_a_product(m: int, n: int, k: int) -> None:
    x, w, r = (RNG.normal(size=shape) for shape in ((m, k), (k, n), (m, n)))
    for args in ((x, w), (x.T.copy().T, w), (x, w.T.copy().T)):
        product = ft.jit(lambda x, w: x @ w, backend="llvm")(*args)
        whole = ft.jit(lambda x, w, r: (x @ w * r + r[:1], r - x @ w), backend="llvm")
        for a, b in zip(whole(*args, r), (product * r + r[:1], r - product), strict=True):
            assert a.tobytes() == b.tobytes()


def test_random_work_on_products() -> None:
    rng = np.random.default_rng(7)
    found = []
    for _ in range(40):
        choices = rng.integers(0, 2**30, 6)
        m, k, n = (int(i) for i in rng.integers(1, 40, 3))
        x, w, r = (rng.normal(size=shape) for shape in ((m, k), (k, n), (m, n)))

        def fun(x: Any, w: Any, r: Any, choices: Any = choices) -> Any:
            known = [x @ w, x @ w * r[:1], r, r[:, :1], r[0], r[:1, :1]]
            for c in choices:
                a, b = known[c % len(known)], known[c // 8 % len(known)]
                known.append(
                    [a + b, a * b, np.maximum(a, b), np.where(a > b, a, b), -a, abs(a) - 1.0][
                        c // 64 % 6
                    ]
                )
            return known[0], known[-1], known[-2], known[-3]

        found += takes_epilogue(compare(fun, x, w, r))
    assert sum(found) > 20


def test_a_donated_operand_is_written_to_where_it_lies() -> None:
    """The weights are read next to the element that is stored; what is read elsewhere is not."""
    step = ft.jit(lambda w, x, g: w - 0.1 * (x.T @ g), donate_argnums=0, backend="llvm")
    turn = ft.jit(lambda w, x: w - 0.1 * (x @ w), donate_argnums=0, backend="llvm")
    square = RNG.normal(size=(20, 20))
    for _ in range(3):  # the first calls find out what can be given up
        w = W.copy()
        wanted = w - 0.1 * (X.T @ R)
        new = step(w, X, R)
        np.testing.assert_allclose(new, wanted, rtol=1e-13)
        v = W.copy()
        np.testing.assert_allclose(turn(v, square), W - 0.1 * (square @ W), rtol=1e-12, atol=1e-13)
    assert new is w
